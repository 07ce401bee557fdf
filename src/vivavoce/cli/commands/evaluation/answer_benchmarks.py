"""`viva bench accuracy` and `viva bench invariance`: how good the scores of answers are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from vivavoce.evaluation.accuracy import Graded, average_sets, measure_agreement
from vivavoce.evaluation.attacks import AttackDeck, read_attacks
from vivavoce.evaluation.fitting import write_table
from vivavoce.evaluation.invariance import (
    Move,
    Sample,
    compare,
    draw,
    graded_samples,
    kinds_of_versions,
    measure_movements,
    mirrored,
)
from vivavoce.graders.types import EngineIdentity
from vivavoce.rubrics import Language, Rubric, default_bank, load_qualifications
from vivavoce.service.settings import Settings
from vivavoce.workers.panel_factory import build_review_policy

from ...errors import UserError, require_writable
from ...files.graded_sets import grade_sets
from ...options import DataArgument, JsonOption, SignalsOption
from ...output.benchmark_tables import build_movement_table, print_accuracy
from ...output.console import err, out, parse_language, write_figures
from ...output.progress import progress_bar
from ...resources import open_panel_and_database


def measure_accuracy(
    data: DataArgument,
    limit: Annotated[
        int | None, typer.Option(min=2, help="Different answers from each file, spread evenly over its questions.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed for the choice of answers and for the intervals.")] = 7,
    json_file: JsonOption = None,
    html_file: Annotated[
        Path | None, typer.Option("--html", help="Also write a page with tables and plots to this file.")
    ] = None,
    signals_file: SignalsOption = None,
) -> None:
    """Measure how well scores agree with people's grades.

    Each signal alone and the mean grade are measured too. A row is {"answer", "score", "max_score"} with "reference"
    (one or several) or "rubric", better with "question_id", "question", "lang" and "raters". Verdicts are kept in the
    database, so an interrupted run continues where it stopped.
    """
    require_writable(json_file, option="--json")
    require_writable(html_file, option="--html")
    require_writable(signals_file, option="--signals")
    if html_file:
        _require_plots()
    identity, graded = grade_sets(data, limit=limit, seed=seed)
    figures = {**asdict(identity), "seed": seed, **_summarise_accuracy(data, graded, seed=seed)}
    if signals_file:
        write_table(signals_file, (example for result in graded.values() for example in result.examples))
    print_accuracy(figures)
    write_figures(json_file, figures)
    if html_file:
        # Imports matplotlib, which takes seconds.
        from vivavoce.evaluation.accuracy_page import write_page

        write_page(html_file, figures, [case for result in graded.values() for case in result.cases])


def _summarise_accuracy(data: Sequence[Path], graded: Mapping[str, Graded], *, seed: int) -> dict[str, Any]:
    review = build_review_policy(Settings()).now()
    sets = {
        name: {
            "file": str(path),
            **measure_agreement(result.cases, seed=seed, review=review),
            "unscored": result.unscored,
        }
        for path, (name, result) in zip(data, graded.items(), strict=True)
    }
    if len(sets) == 1:
        return {"sets": sets}
    cases = [case for result in graded.values() for case in result.cases]
    pooled = measure_agreement(cases, seed=seed, review=review)
    return {"sets": sets, "macro": average_sets(sets), "pooled": pooled}


def check_invariance(
    data: Annotated[
        list[Path] | None, typer.Argument(help="Graded answers besides those of the bank: JSON lines, plain or .gz.")
    ] = None,
    answers: Annotated[
        int, typer.Option(min=2, help="Answers from the bank, and as many from all files together.")
    ] = 100,
    kind: Annotated[
        list[str] | None, typer.Option(help="Only this kind of version, or 'attack' for attacks; may be repeated.")
    ] = None,
    attacks: Annotated[
        Path | None, typer.Option(help="Texts that try to win points: JSON lines with text, family, set and mode.")
    ] = None,
    attacks_each: Annotated[int, typer.Option(min=1, help="How many attacks on each weak or wrong answer.")] = 4,
    seed: Annotated[int, typer.Option(help="Seed for the choice of answers and additions and for the intervals.")] = 7,
    language: Annotated[str, typer.Option(help="zh, en or both.")] = "both",
    json_file: JsonOption = None,
) -> None:
    """Check that worthless text and style do not change scores, and that a missing point does.

    Answers are graded as they are and in about twenty versions each; with DATA also answers that people graded, by
    rubrics made from their references. Verdicts are kept in the database, so an interrupted run continues where it
    stopped.
    """
    languages = _parse_languages(language)
    require_writable(json_file, option="--json")
    _require_kinds(kind or ())
    deck = AttackDeck(read_attacks(attacks) if attacks else (), seed=seed)
    samples = _draw_samples(data or [], languages, answers=answers, seed=seed)
    identity, moves, unscored = _grade_versions(samples, deck, kind or (), attacks_each=attacks_each, seed=seed)
    rows = measure_movements(moves, seed=seed)
    out.print(build_movement_table(rows))
    if unscored:
        out.print(f"{unscored} answers without a score were left out", highlight=False)
    figures = {"seed": seed, "language": language, "answers": len(samples), "unscored": unscored}
    details = {"rows": [asdict(row) for row in rows], "moves": [asdict(move) for move in moves]}
    write_figures(json_file, {**asdict(identity), **figures, **details})


def _grade_versions(
    samples: Sequence[Sample], deck: AttackDeck, kinds: Sequence[str], *, attacks_each: int, seed: int
) -> tuple[EngineIdentity, list[Move], int]:
    """The judge, how the scores moved, and how many answers have no score; raises UserError if none has one."""
    with ExitStack() as stack:
        panel = stack.enter_context(open_panel_and_database(Settings()))
        identity = panel.judge.identity
        progress = stack.enter_context(progress_bar(err))
        bar = progress.add_task("Answers", total=len(samples))
        moves, unscored = compare(
            samples,
            _read_good_answers(),
            panel,
            seed=seed,
            kinds=frozenset(kinds),
            attacks=lambda: deck.deal(attacks_each),
            on_progress=lambda done, _: progress.update(bar, completed=done),
        )
    if not moves:
        raise UserError("None of these answers has a score: see 'viva doctor' for the judge.")
    return identity, moves, unscored


def _parse_languages(name: str) -> list[Language]:
    if name == "both":
        return ["zh", "en"]
    if name in get_args(Language):
        return [parse_language(name)]
    raise UserError(f"There is no language '{name}': use zh, en or both.")


def _require_kinds(kinds: Sequence[str]) -> None:
    choices = [*kinds_of_versions(), "attack"]
    for kind in kinds:
        if kind not in choices:
            raise UserError(f"There is no kind of version '{kind}': use one of {', '.join(choices)}.")


def _draw_samples(data: Sequence[Path], languages: Sequence[Language], *, answers: int, seed: int) -> list[Sample]:
    sets = load_qualifications()
    bank = [rubric for rubric in default_bank() if rubric.question.language in languages]
    samples = draw(bank, sets, languages, answers=answers, seed=seed)
    by_question: dict[tuple[str, str], Rubric] = {
        (rubric.question.id, rubric.question.language): rubric for rubric in bank
    }
    # There are few mirrored answers: a large draw takes all.
    samples += islice(mirrored(by_question, sets), answers)
    samples += graded_samples(data, answers=answers, seed=seed)
    return samples


def _read_good_answers() -> dict[str, dict[str, str]]:
    """The best answer to each question by language: text that is good, but on another question."""
    sets = load_qualifications()
    return {
        language: {name: answers.answers[0].text(language) for name, answers in sets.items()}
        for language in get_args(Language)
    }


def _require_plots() -> None:
    if not find_spec("matplotlib"):
        raise UserError(
            "matplotlib, which draws the plots of the page, is not installed: run 'pip install vivavoce[grading]'."
        )
