"""`viva bench`: what the product promises, measured on the machine at hand and written down as figures."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import typer
from rich.table import Table

from vivavoce.evaluation.accuracy import Graded, average_sets, grade_set, measure_agreement
from vivavoce.evaluation.attacks import AttackDeck, read_attacks
from vivavoce.evaluation.fitting import write_table
from vivavoce.evaluation.invariance import (
    GAIN,
    MOST_MEAN,
    RISE,
    compare,
    draw,
    graded_samples,
    kinds_of_versions,
    measure_movements,
    mirrored,
)
from vivavoce.evaluation.judge_benchmark import measure_judge
from vivavoce.evaluation.prompt_forms import compare_forms, run_forms, sample_questions
from vivavoce.evaluation.queue_benchmark import measure_queue
from vivavoce.graders import Panel
from vivavoce.graders.judge.call_record import InMemoryVerdictCache
from vivavoce.graders.judge.prompt import PromptForm
from vivavoce.rubrics import default_bank, load_qualifications
from vivavoce.service.settings import Settings
from vivavoce.workers.panel_factory import prompt_form, review_policy, rubric_judge, served

from ..console import err, out
from ..errors import UserError, require_writable
from ..progress import progress_bar
from ..resources import open_database, open_recorded_panel

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Measure: the judge, the ways of asking it, the queue."
)

JsonOption = Annotated[Path | None, typer.Option("--json", help="Write the figures here as JSON, too.")]


@app.command()
def judge(
    question: Annotated[str, typer.Option(help="Question of the bank whose rubric is judged by.")] = "retrieval",
    language: Annotated[str, typer.Option(help="zh or en.")] = "en",
    context: Annotated[
        str,
        typer.Option(help="What the judge sees beside the answer: only the question (brief) or the rubric (full)."),
    ] = "brief",
    answers: Annotated[int, typer.Option(min=2, help="Answers in the cohort.")] = 32,
    repeats: Annotated[int, typer.Option(min=1, help="Repeats for stability.")] = 5,
    batch_sizes: Annotated[str, typer.Option(help="Batch sizes for stability.")] = "1,8,32",
    rounds: Annotated[int, typer.Option(min=1, help="Turns of ours and of the bare engine.")] = 3,
    json_file: JsonOption = None,
) -> None:
    """Tokens, prefix cache, speed beside the bare engine and repeatability of the judge in the settings."""
    sizes = _sizes(batch_sizes)
    settings = Settings()
    form = replace(prompt_form(settings), context=cast(Literal["brief", "full"], _one_of(context, "brief", "full")))
    rubric = default_bank().get(question, cast(Literal["zh", "en"], _one_of(language, "zh", "en")))
    with served(settings) as running, err.status("Starting …") as status:
        found = measure_judge(
            lambda secret: _open(running, secret, form),
            rubric,
            answers=answers,
            repeats=repeats,
            batch_sizes=sizes,
            rounds=rounds,
            on_step=lambda step: status.update(step),
        )
    table = Table("judge", f"{found.model} on {found.engine} {found.engine_version}, {found.form}", show_edge=False)
    table.add_row("cohort", f"{found.answers} answers to {found.question}, {found.prompts_an_answer:.1f} prompts each")
    table.add_row("tokens sent, cached, generated an answer", _tokens(found))
    table.add_row("prompt tokens from the prefix cache", f"{found.cached_share:.1%}")
    speeds = "  ".join(f"{each.ours:.2f} / {each.bare:.2f}" for each in found.rounds)
    table.add_row(f"prompts a second, ours / bare engine, {found.concurrency} in flight", speeds)
    table.add_row("throughput as a ratio of the bare engine's", f"{found.throughput_ratio:.3f}")
    runs = f"{found.repeats} repeats, batches of {', '.join(map(str, found.batch_sizes))}"
    table.add_row(f"most that a score moved ({runs})", f"{found.score_spread:.4f} of 10")
    table.add_row("answers without a verdict", str(found.failed))
    out.print(table)
    write_figures(json_file, {**asdict(found), "throughput_ratio": found.throughput_ratio})


@app.command()
def forms(
    data: Annotated[list[Path], typer.Argument(help="Graded answers: JSON lines, plain or .gz.")],
    answers: Annotated[int, typer.Option(min=4, help="Answers in all, the same number from each file.")] = 300,
    seed: Annotated[int, typer.Option(help="Which answers, and how the intervals are drawn.")] = 7,
    keep: Annotated[Path | None, typer.Option(help="File of outcomes; an interrupted run goes on from it.")] = None,
    json_file: JsonOption = None,
) -> None:
    """Ways of asking the judge, by agreement with people and by cost; takes hours on a small machine."""
    questions = sample_questions(data, answers=answers, seed=seed)
    with ExitStack() as stack:
        running = stack.enter_context(served(Settings()))

        def judge_of(form: PromptForm) -> Any:
            return stack.enter_context(_open(running, b"bench", form))

        with progress_bar(err) as progress:
            bar = progress.add_task("Questions", total=len(questions))
            outcomes = run_forms(
                questions,
                judge_of,
                keep=keep,
                on_progress=lambda done, total: progress.update(bar, completed=done, total=total),
            )
    rows = compare_forms(outcomes, seed=seed)
    table = Table(
        "form", "answers", "failed", "Pearson", "over the first", "Spearman", "tokens in", "computed", "generated"
    )
    for row in rows:
        table.add_row(
            row.form,
            str(row.answers),
            str(row.failed),
            f"{row.pearson:.3f}",
            "{:+.3f} to {:+.3f}".format(*row.over_first) if row.over_first else "–",
            f"{row.spearman:.3f}",
            f"{row.tokens_in:.0f}",
            f"{row.tokens_in - row.tokens_cached:.0f}",
            f"{row.tokens_out:.0f}",
        )
    out.print(table)
    write_figures(json_file, {"seed": seed, "forms": [asdict(row) for row in rows]})


@app.command()
def accuracy(
    data: Annotated[list[Path], typer.Argument(help="Graded answers: JSON lines, plain or .gz.")],
    limit: Annotated[
        int | None, typer.Option(min=2, help="Different answers from each file, spread evenly over its questions.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Which answers, and how the intervals are drawn.")] = 7,
    json_file: JsonOption = None,
    html_file: Annotated[Path | None, typer.Option("--html", help="Write a page with tables and plots here.")] = None,
    signals_file: Annotated[
        Path | None, typer.Option("--signals", help="Write the table that coefficients are fitted to here.")
    ] = None,
) -> None:
    """How well scores agree with people's grades, beside each signal alone and predicting the mean.

    A row is {"answer", "score", "max_score"} with "reference" (one or several) or "rubric", better with "question_id",
    "question", "lang" and "raters". Verdicts are kept in the database: an interrupted run goes on where it stopped.
    """
    require_writable(json_file, option="--json")
    require_writable(html_file, option="--html")
    require_writable(signals_file, option="--signals")
    if html_file:
        _require_plots()
    identity, graded = grade_sets(data, limit=limit, seed=seed)
    review = review_policy(Settings()).now()
    sets = {
        name: {"file": str(path), **measure_agreement(each.cases, seed=seed, review=review), "unscored": each.unscored}
        for path, (name, each) in zip(data, graded.items(), strict=True)
    }
    cases = [case for each in graded.values() for case in each.cases]
    found = {**asdict(identity), "seed": seed, "sets": sets}
    if len(sets) > 1:
        found |= {"macro": average_sets(sets), "pooled": measure_agreement(cases, seed=seed, review=review)}
    if signals_file:
        write_table(signals_file, (example for each in graded.values() for example in each.examples))
    _show_accuracy(found)
    write_figures(json_file, found)
    if html_file:
        from vivavoce.evaluation.accuracy_page import write_page

        write_page(html_file, found, cases)


def grade_sets(data: Sequence[Path], *, limit: int | None, seed: int) -> tuple[Any, dict[str, Graded]]:
    """Who judged, and what came of each file, by its name, with progress; raises UserError and UnreadableGrades."""
    if len({path.name.split(".")[0] for path in data}) < len(data):
        raise UserError("Two files have the same name: a data set is called by its file's name, so rename one.")
    found: dict[str, Graded] = {}
    with ExitStack() as stack:
        panel = stack.enter_context(_panel_with_record())
        progress = stack.enter_context(progress_bar(err))
        for path in data:
            name = path.name.split(".")[0]
            bar = progress.add_task(name, total=None)

            def report(done: int, total: int, bar: Any = bar) -> None:
                progress.update(bar, completed=done, total=total)

            # The share that goes to a person is each set's own.
            of_set = replace(panel, review=review_policy(Settings()))
            found[name] = grade_set(path, of_set, limit=limit, seed=seed, on_progress=report)
            if not found[name].cases:
                raise UserError(f"None of the answers in {path} has a score: see 'viva doctor' for the judge.")
        return panel.judge.identity, found


def _show_accuracy(found: dict[str, Any]) -> None:
    names = ("pearson", "spearman", "within_question", "rmse", "wrmse", "qwk", "bias", "ece")
    tables = {f"{name} ({each['lang']}, {each['n']} answers)": each for name, each in found["sets"].items()}
    if "pooled" in found:
        tables["all answers together"] = found["pooled"]
        tables["mean over the sets"] = {"rows": found["macro"]}
    for title, each in tables.items():
        table = Table("", *names, "Pearson, 95 %", title=title, title_justify="left")
        for row, figures in each["rows"].items():
            if figures:
                bounds = (each.get("intervals") or {}).get(row, {}).get("pearson")
                interval = f"{bounds[0]:.2f} to {bounds[1]:.2f}" if bounds else ""
                table.add_row(row, *(_figure(figures[name]) for name in names), interval)
        out.print(table)
        if review := each.get("review"):
            share, everything, kept = (_figure(review[name]) for name in ("share", "rmse_all", "rmse_kept"))
            unscored = f"; {each['unscored']} without a score" if each.get("unscored") else ""
            out.print(f"to a person: {share} of them; error of all {everything}, of the rest {kept}{unscored}")
            out.print(_policies(each["policies"]))


def _policies(rows: Sequence[dict[str, Any]]) -> Table:
    table = Table("sent to a person", "share", "VIVA_REVIEW_BELOW", "error of the rest", "kept on the wrong side")
    for row in rows:
        table.add_row(row["policy"], *(_figure(row[name]) for name in ("share", "below", "rmse_kept", "wrong_side")))
    return table


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


@app.command()
def invariance(
    data: Annotated[
        list[Path] | None, typer.Argument(help="Graded answers beside the bank's: JSON lines, plain or .gz.")
    ] = None,
    answers: Annotated[int, typer.Option(min=2, help="Answers of the bank, and as many of all files together.")] = 100,
    kind: Annotated[
        list[str] | None, typer.Option(help="Only this kind of version, or attack for those alone; may be repeated.")
    ] = None,
    attacks: Annotated[
        Path | None, typer.Option(help="Strings that try to win points: JSON lines with text, family, set and mode.")
    ] = None,
    attacks_each: Annotated[int, typer.Option(min=1, help="Of these so many on each weak or wrong answer.")] = 4,
    seed: Annotated[int, typer.Option(help="Which answers and additions, and how the intervals are drawn.")] = 7,
    language: Annotated[str, typer.Option(help="zh, en or both.")] = "both",
    json_file: JsonOption = None,
) -> None:
    """Whether text that is worth nothing gains nothing, style moves nothing, and a point taken out costs something.

    Answers are graded as they are and in some twenty versions each; with DATA also answers that people graded, by
    rubrics made from their references. Verdicts are kept in the database: an interrupted run goes on where it stopped.
    """
    languages = ["zh", "en"] if _one_of(language, "zh", "en", "both") == "both" else [language]
    require_writable(json_file, option="--json")
    for wanted in kind or ():
        if wanted not in (known := [*kinds_of_versions(), "attack"]):
            raise UserError(f"There is no version '{wanted}': use one of {', '.join(known)}.")
    deck = AttackDeck(read_attacks(attacks) if attacks else (), seed=seed)
    sets = load_qualifications()
    bank = [rubric for rubric in default_bank() if rubric.question.language in languages]
    samples = draw(bank, sets, languages, answers=answers, seed=seed)
    # All of them where many answers are asked for; a small draw stays small.
    samples += islice(
        mirrored({(rubric.question.id, rubric.question.language): rubric for rubric in bank}, sets), answers
    )
    samples += graded_samples(data or [], answers=answers, seed=seed)
    good = {each: {name: found.answers[0].text(each) for name, found in sets.items()} for each in ("zh", "en")}
    with ExitStack() as stack:
        panel = stack.enter_context(_panel_with_record())
        identity = panel.judge.identity
        progress = stack.enter_context(progress_bar(err))
        bar = progress.add_task("Answers", total=len(samples))
        moves, unscored = compare(
            samples,
            good,
            panel,
            seed=seed,
            kinds=frozenset(kind or ()),
            attacks=lambda: deck.deal(attacks_each),
            on_progress=lambda done, _: progress.update(bar, completed=done),
        )
    if not moves:
        raise UserError("None of these answers has a score: see 'viva doctor' for the judge.")
    rows = measure_movements(moves, seed=seed)
    _show_invariance(rows, unscored=unscored)
    found = {"seed": seed, "language": language, "answers": len(samples), "unscored": unscored}
    write_figures(
        json_file,
        {**asdict(identity), **found, "rows": [asdict(row) for row in rows], "moves": [asdict(one) for one in moves]},
    )


def _show_invariance(rows: Sequence[Any], *, unscored: int) -> None:
    title = (
        f"Movement of scores in points of 10 (wanted: means within {MOST_MEAN:g}, rises of more than {RISE:g} in 1 of "
        f"100; of attacks gains of {GAIN:g} in 2 of 100; in the mirror 90 of 100 lowered)"
    )
    columns = ("pairs", "mean", "mean, 95 %", "largest rise", "largest fall", "rises", "gains", "lowered", "unscored")
    table = Table("family", "kind", "answers", *columns, title=title, title_justify="left")
    for row in sorted(rows, key=lambda one: (one.source, one.family)):
        interval = f"{row.interval[0]:+.2f} to {row.interval[1]:+.2f}" if row.interval else ""
        moved = [_signed(value) for value in (row.mean, row.largest_rise, row.largest_fall)]
        shares = ["–" if value is None else f"{value:.0%}" for value in (row.rises, row.gains, row.lowered)]
        cells = (str(row.pairs), moved[0], interval, *moved[1:], *shares, str(row.unscored))
        table.add_row(row.family, row.kind, row.source, *cells)
    out.print(table)
    if unscored:
        out.print(f"{unscored} answers without a score were left out", highlight=False)


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.2f}"


@app.command()
def queue(
    gradings: Annotated[int, typer.Option(min=10, help="Gradings for processor time and throughput.")] = 1000,
    judge_ms: Annotated[float, typer.Option(min=1, help="Time that the stand-in judge takes for an answer.")] = 100,
    concurrency: Annotated[int, typer.Option(min=1, help="Answers that it judges at the same time.")] = 10,
    memory: Annotated[str, typer.Option(help="Gradings after which memory is read, twice.")] = "500,5000",
    database_url: Annotated[str, typer.Option(help="An empty database; default: a new SQLite file.")] = "",
    json_file: JsonOption = None,
) -> None:
    """What the queue costs: processor time, throughput, waiting time and memory, with the models taken out."""
    early_late = _sizes(memory, option="--memory")
    if len(early_late) != 2 or early_late[0] >= early_late[1]:
        raise UserError(f"--memory '{memory}' is not two rising numbers: write 500,5000.")
    logging.getLogger("vivavoce").setLevel(logging.WARNING)
    bank = default_bank()
    with err.status("Starting …") as status:
        found = measure_queue(
            bank.get("quantization", "en"),
            bank,
            database_url=database_url,
            gradings=gradings,
            judge_seconds=judge_ms / 1000,
            concurrency=concurrency,
            memory_early=early_late[0],
            memory_late=early_late[1],
            on_step=lambda step: status.update(step),
        )
    table = Table("queue", f"{found.database}, {found.gradings} gradings", show_edge=False)
    total = found.cpu_ms_submit + found.cpu_ms_grade
    parts = f"{found.cpu_ms_submit:.2f} to take in, {found.cpu_ms_grade:.2f} to grade and write"
    table.add_row("processor time a grading, no judge, no embeddings", f"{total:.2f} ms ({parts})")
    possible = f"{found.share_of_possible:.0%} of the possible {found.possible_per_second:.0f}"
    table.add_row(
        f"gradings a second, judge {judge_ms:g} ms, {concurrency} at a time", f"{found.per_second:.1f}, {possible}"
    )
    p50, p95 = found.post_to_result_ms_p50, found.post_to_result_ms_p95
    table.add_row("POST to result, idle, median and 95th percentile", f"{p50:.0f} ms, {p95:.0f} ms")
    sizes = f"{found.memory_early_mib:.0f} MiB, {found.memory_late_mib:.0f} MiB"
    table.add_row(
        f"memory after {found.memory_early_after} and {found.memory_late_after} gradings",
        f"{sizes}: ratio {found.memory_ratio:.3f}",
    )
    out.print(table)
    write_figures(json_file, asdict(found))


@contextmanager
def _panel_with_record() -> Iterator[Panel]:
    settings = Settings()
    with open_database(settings) as database, open_recorded_panel(settings, database) as panel:
        yield panel


def _open(settings: Settings, secret: bytes, form: PromptForm) -> Any:
    """A judge at the server of the settings that is asked in this form, with an empty cache."""
    return rubric_judge(settings, InMemoryVerdictCache(), secret=secret, form=form)


def _tokens(found: Any) -> str:
    return f"{found.tokens_sent:.0f}, {found.tokens_cached:.0f}, {found.tokens_generated:.0f}"


def _sizes(text: str, *, option: str = "--batch-sizes") -> list[int]:
    try:
        sizes = [int(part) for part in text.split(",")]
    except ValueError:
        sizes = []
    if not sizes or min(sizes) < 1:
        raise UserError(f"{option} '{text}' is no list of numbers above 0: write 1,8,32.")
    return sizes


def _one_of(value: str, *allowed: str) -> str:
    if value not in allowed:
        raise UserError(f"'{value}' is not one of: {', '.join(allowed)}.")
    return value


def _require_plots() -> None:
    if not find_spec("matplotlib"):
        raise UserError(
            "matplotlib, which draws the page's plots, is not installed: run 'pip install vivavoce[grading]'."
        )


def write_figures(file: Path | None, figures: Mapping[str, Any]) -> None:
    """Write figures as JSON, if a file is named."""
    if file:
        file.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
