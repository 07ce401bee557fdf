"""`viva bank`: the questions that ship with vivavoce, and what a judge makes of them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

import typer
from rich.table import Table

from vivavoce.evaluation.agreement import spearman
from vivavoce.evaluation.fitting import write_table
from vivavoce.evaluation.fitting.cross_validation import examples_of_bank
from vivavoce.evaluation.qualification import (
    MIN_DISCRIMINATION,
    QuestionResult,
    Rejection,
    grade_qualification_answers,
    measure_discrimination,
    measure_language_differences,
    order_pairs,
    reject_mistakes,
)
from vivavoce.graders.judge.rubric_judge import RubricJudge
from vivavoce.graders.types import EngineIdentity
from vivavoce.rubrics import Bank, QualificationSet, Rubric, default_bank, load_qualifications
from vivavoce.rubrics.loader import BANK, load_bank
from vivavoce.rubrics.qualification import IN_ORDER, QUALITIES, Quality
from vivavoce.rubrics.versions import publish as publish_versions
from vivavoce.rubrics.versions import read_ledger
from vivavoce.service import judge_versions
from vivavoce.service.judge_versions import Figures
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.workers.panel_factory import judge_key

from ..console import err, out, parse_language
from ..errors import UserError, require_writable
from ..progress import progress_bar
from ..resources import open_database, open_recorded_panel

questions_app = typer.Typer(add_completion=False)
app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="The question bank: examine a judge on it, publish an edit."
)
_ENOUGH_IN_ORDER = 0.9
_MOST_GAP = 0.1
# A mistake that is likelier made than not costs the candidate points.
_HELD = 0.5


@app.command()
def qualify(
    question: Annotated[
        list[str] | None, typer.Option(help="Only this question (identifier or handbook number); may be repeated.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="Only zh or en.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here as JSON, too.")] = None,
    signals_file: Annotated[
        Path | None, typer.Option("--signals", help="Write the table that coefficients are fitted to here.")
    ] = None,
    register: Annotated[
        bool, typer.Option("--register", help="Keep the figures as a judge version, for 'viva judges promote'.")
    ] = False,
) -> None:
    """Have the judge at hand grade answers of known quality, and say which questions it does not master.

    Verdicts are kept in the database: an interrupted run goes on where it stopped, and after an edit only what
    changed is judged again. Exit status 1 when fewer than 90 % of questions and languages come out in order; with
    --register 0 once the figures are kept, for then the promotion decides.
    """
    require_writable(json_file, option="--json")
    require_writable(signals_file, option="--signals")
    wanted = _wanted(default_bank(), load_qualifications(), question or [], language)
    settings = Settings()
    with open_database(settings) as database:
        found, rejections, identity, engine_version = _grade_answers(wanted, settings, database, with_version=register)
        figures = _figures(found, rejections, model=identity.model, engine=identity.engine)
        if json_file:
            json_file.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        if signals_file:
            write_table(signals_file, examples_of_bank(found, rejections))
        _show(found, figures)
        if register:
            _register(settings, database, figures, engine_version=engine_version)
        elif figures["in_order"]["share"] < _ENOUGH_IN_ORDER:
            raise typer.Exit(1)


def _grade_answers(
    wanted: Sequence[tuple[Rubric, QualificationSet]],
    settings: Settings,
    database: SessionFactory,
    *,
    with_version: bool,
) -> tuple[list[QuestionResult], list[Rejection], EngineIdentity, str]:
    """What the panel makes of each question, who judged, and the version of its engine if that is asked for."""
    results: list[QuestionResult] = []
    rejections: list[Rejection] = []
    with open_recorded_panel(settings, database) as panel, progress_bar(err) as progress:
        bar = progress.add_task("Questions", total=len(wanted))
        for rubric, answers in wanted:
            result = grade_qualification_answers(rubric, answers, panel)
            if any(one.judge_unavailable for one in result.answers):
                raise UserError("The judge answers nobody: mend that, then run the same command to go on.")
            results.append(result)
            rejections += reject_mistakes(rubric, answers, panel)
            progress.advance(bar)
        # Several judges at once may be of several versions; their calls' records tell.
        judge = panel.judge
        version = judge.describe().version if with_version and isinstance(judge, RubricJudge) else ""
        return results, rejections, judge.identity, version


def _register(settings: Settings, database: SessionFactory, figures: dict[str, Any], *, engine_version: str) -> None:
    kept = Figures(
        questions={f"{row['question']}/{row['language']}": row["in_order"] for row in figures["questions"]},
        unscored=figures["unscored"],
        spearman=figures["spearman"],
        language_gap=figures["language_gap"]["mean"],
        held_against=figures["rejections"]["held_against"],
        rejections=figures["rejections"]["of"],
    )
    with database.begin() as session:
        version = judge_versions.register(session, judge_key(settings), kept, engine_version=engine_version)
    out.print(f"registered as judge version {version.id}", highlight=False)


@app.command()
def publish(
    folder: Annotated[Path, typer.Argument(help="The bank.")] = BANK,
) -> None:
    """Give every rubric that is new or was edited a version; published ones never change.

    'viva rubric lint' says what should be mended first.
    """
    new = publish_versions(folder, load_bank(folder), today=datetime.now(UTC).date())
    for version in new:
        out.print(
            f"{version.question} ({version.language}) version {version.number}: {version.content_hash[:12]}",
            highlight=False,
        )
    out.print(f"{len(new)} published, {len(read_ledger(folder))} versions in all", highlight=False)


@questions_app.command()
def questions(
    language: Annotated[str | None, typer.Option(help="Only zh or en.")] = None,
) -> None:
    """List the questions of the bank."""
    wanted = parse_language(language) if language else None
    table = Table("Question", "Handbook", "Language", "Text")
    for found in default_bank():
        question = found.question
        if wanted in (None, question.language):
            table.add_row(question.id, question.handbook or "", question.language, question.text)
    out.print(table)


def _wanted(
    bank: Bank, sets: dict[str, QualificationSet], questions: Sequence[str], language: str | None
) -> list[tuple[Rubric, QualificationSet]]:
    spoken = parse_language(language) if language else None
    chosen = {bank.get(name, "en").question.id for name in questions}
    found = [
        (rubric, sets[rubric.question.id])
        for rubric in sorted(bank, key=lambda rubric: (rubric.question.id, rubric.question.language))
        if rubric.question.id in sets
        and (not chosen or rubric.question.id in chosen)
        and spoken in (None, rubric.question.language)
    ]
    if not found:
        raise UserError("None of these questions has qualification answers: see rubrics/qualification/.")
    return found


def _figures(found: Sequence[Any], rejections: Sequence[Any], *, model: str, engine: str) -> dict[str, Any]:
    gaps = measure_language_differences(found)
    every = [abs(gap) for own in gaps.values() for gap in own]
    pairs = [(s.grade, s.score) for question in found for s in question.answers if s.score is not None]
    in_order = sum(question.in_order for question in found)
    return {
        "model": model,
        "engine": engine,
        "in_order": {"count": in_order, "of": len(found), "share": in_order / len(found)},
        "pairs": [asdict(row) for row in order_pairs(found)],
        "unscored": sum(s.score is None for question in found for s in question.answers),
        "spearman": spearman(*zip(*pairs, strict=True)) if len(pairs) > 2 else None,
        "language_gap": {
            "mean": fmean(every) if every else None,
            "by_quality": {
                quality: {"mean": fmean(map(abs, own)), "zh_less_en": fmean(own)} if own else None
                for quality, own in gaps.items()
            },
        },
        "rejections": {
            "held_against": sum(r.held_against is not None and r.held_against >= _HELD for r in rejections),
            "of": sum(r.held_against is not None for r in rejections),
            "each": [asdict(rejection) for rejection in rejections],
        },
        "unseparated": [asdict(row) for row in measure_discrimination(found) if row.ordered < MIN_DISCRIMINATION],
        "questions": [
            {**asdict(question), "answers": [_as_json(s) for s in question.answers], "in_order": question.in_order}
            for question in found
        ],
    }


def _as_json(result: Any) -> dict[str, Any]:
    # Whether the judge was away is only for the run itself to know.
    return {name: value for name, value in asdict(result).items() if name != "judge_unavailable"}


def _show(found: Sequence[Any], figures: dict[str, Any]) -> None:
    table = Table("question", "", *QUALITIES, "in order", title="Scores of answers of known quality")
    for question in found:
        cells = [_number(question.score(quality)) for quality in QUALITIES]
        table.add_row(question.question, question.language, *cells, "yes" if question.in_order else "[red]NO[/red]")
    out.print(table)
    if figures["unseparated"]:
        criteria = Table("question", "", "criterion", "pairs in order", title="Criteria that fail to separate")
        for row in figures["unseparated"]:
            criteria.add_row(row["question"], row["language"], row["criterion"], f"{row['ordered']:.0%}")
        out.print(criteria)
    pairs = Table(
        "better", "worse", "in order", "", "the better one shorter", "", title="Pairs of answers to a question"
    )
    for row in figures["pairs"]:
        each = ((row["right"], row["pairs"]), (row["shorter_right"], row["shorter"]))
        cells = [cell for right, of in each for cell in (f"{right} of {of}", f"{right / of:.1%}" if of else "–")]
        pairs.add_row(row["better"], row["worse"], *cells)
    out.print(pairs)
    gaps = figures["language_gap"]
    if gaps["mean"] is not None:
        table = Table("quality", "mean |zh - en|", "mean zh - en", title="The same answers in Chinese and English")
        for quality, gap in gaps["by_quality"].items():
            if gap:
                table.add_row(quality, f"{gap['mean']:.3f}", f"{gap['zh_less_en']:+.3f}")
        out.print(table)
        out.print(f"mean difference of the languages: {gaps['mean']:.3f} of full scale (at most {_MOST_GAP})")
    rejected = figures["rejections"]
    out.print(
        f"excellent answers that name a mistake to reject it: {rejected['held_against']} of {rejected['of']} have it "
        "held against them",
        highlight=False,
        soft_wrap=True,
    )
    if look := [question for question in found if not question.in_order]:
        out.print("To look at:", highlight=False)
        for question in look:
            out.print(f"  {question.question} ({question.language}): {_why(question)}", highlight=False)
    order = figures["in_order"]
    out.print(
        f"{order['count']} of {order['of']} in order ({order['share']:.1%}, wanted {_ENOUGH_IN_ORDER:.0%}); rank "
        f"correlation with the writers' grades {_number(figures['spearman'], 2)}; {figures['model']} on "
        f"{figures['engine']}",
        highlight=False,
        soft_wrap=True,
    )


def _why(question: Any) -> str:
    scores: dict[Quality, list[float | None]] = {
        quality: [one.score for one in question.answers if one.quality == quality and one.style == "usual"]
        for quality in IN_ORDER
    }
    if missing := [quality for quality, own in scores.items() if None in own]:
        return f"{', '.join(missing)} without a score"
    ends = {quality: (min(own), max(own)) for quality, own in scores.items() if own}  # type: ignore[type-var]
    wrong = [(a, b) for a, b in itertools.pairwise(IN_ORDER) if ends[a][0] <= ends[b][1]]  # type: ignore[operator]
    return "; ".join(f"{b} {_number(ends[b][1])} is not below {a} {_number(ends[a][0])}" for a, b in wrong)


def _number(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
