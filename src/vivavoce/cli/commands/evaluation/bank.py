"""`viva bank` and `viva questions`: the questions that ship with vivavoce, and how a judge grades them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from vivavoce.evaluation.fitting import write_table
from vivavoce.evaluation.fitting.cross_validation import examples_of_bank
from vivavoce.evaluation.qualification import QuestionResult, Rejection, grade_qualification_answers, reject_mistakes
from vivavoce.evaluation.qualification_figures import MIN_SHARE_IN_ORDER, summarise_qualification
from vivavoce.graders import Panel
from vivavoce.graders.judge.rubric_judge import RubricJudge
from vivavoce.rubrics import Bank, QualificationSet, Rubric, default_bank, load_qualifications
from vivavoce.rubrics.loader import BANK, load_bank
from vivavoce.rubrics.versions import publish as publish_versions
from vivavoce.rubrics.versions import read_ledger
from vivavoce.service.judges import versions as judge_versions
from vivavoce.service.judges.versions import Figures
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.workers.panel_factory import build_judge_key

from ...errors import UserError, require_writable
from ...options import JsonOption, SignalsOption
from ...output.console import err, out, parse_language, write_figures
from ...output.progress import progress_bar
from ...output.qualification_tables import print_qualification
from ...resources import open_database, open_recorded_panel

questions_app = typer.Typer(add_completion=False)
app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Qualify a judge on the question bank, and publish edited questions.",
)


@app.command("qualify")
def qualify_judge(
    question: Annotated[
        list[str] | None, typer.Option(help="Only this question (identifier or handbook number); may be repeated.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="Only zh or en.")] = None,
    json_file: JsonOption = None,
    signals_file: SignalsOption = None,
    register: Annotated[
        bool, typer.Option("--register", help="Keep the figures as a judge version, for 'viva judges promote'.")
    ] = False,
) -> None:
    """Let the judge grade answers of known quality, and show which questions it gets wrong.

    Verdicts are kept in the database, so an interrupted run continues where it stopped, and after an edit only what
    changed is judged again. Exit status 1 if fewer than 90 % of questions and languages are in order. With --register
    it is 0 once the figures are kept, and 'viva judges promote' decides.
    """
    require_writable(json_file, option="--json")
    require_writable(signals_file, option="--signals")
    selection = _select_questions(default_bank(), load_qualifications(), question or [], language)
    settings = Settings()
    with open_database(settings) as database:
        with open_recorded_panel(settings, database) as panel:
            results, rejections = _grade_questions(selection, panel)
            identity = panel.judge.identity
            engine_version = _read_engine_version(panel) if register else ""
        figures = summarise_qualification(results, rejections, model=identity.model, engine=identity.engine)
        write_figures(json_file, figures)
        if signals_file:
            write_table(signals_file, examples_of_bank(results, rejections))
        print_qualification(results, figures)
        if register:
            _register_version(settings, database, figures, engine_version=engine_version)
        elif figures["in_order"]["share"] < MIN_SHARE_IN_ORDER:
            raise typer.Exit(1)


@app.command("publish")
def publish_bank(
    folder: Annotated[Path, typer.Argument(help="The folder of the bank.", show_default="the bank that ships")] = BANK,
) -> None:
    """Give every new or edited rubric a version; published versions never change.

    Run 'viva rubric lint' first and fix what it finds.
    """
    new = publish_versions(folder, load_bank(folder), today=datetime.now(UTC).date())
    for version in new:
        out.print(
            f"{version.question} ({version.language}) version {version.number}: {version.content_hash[:12]}",
            highlight=False,
        )
    out.print(f"{len(new)} published, {len(read_ledger(folder))} versions in all", highlight=False)


@questions_app.command()
def list_questions(
    language: Annotated[str | None, typer.Option(help="Only zh or en.")] = None,
) -> None:
    """List the questions of the bank."""
    wanted = parse_language(language) if language else None
    table = Table("Question", "Handbook", "Language", "Text")
    for rubric in default_bank():
        question = rubric.question
        if wanted in (None, question.language):
            table.add_row(question.id, question.handbook or "", question.language, question.text)
    out.print(table)


def _select_questions(
    bank: Bank, sets: dict[str, QualificationSet], questions: Sequence[str], language: str | None
) -> list[tuple[Rubric, QualificationSet]]:
    wanted_language = parse_language(language) if language else None
    # Both languages of a question have the same identifier.
    wanted_ids = {bank.get(name, "en").question.id for name in questions}
    selection = [
        (rubric, sets[rubric.question.id])
        for rubric in sorted(bank, key=lambda rubric: (rubric.question.id, rubric.question.language))
        if rubric.question.id in sets
        and (not wanted_ids or rubric.question.id in wanted_ids)
        and wanted_language in (None, rubric.question.language)
    ]
    if not selection:
        raise UserError("None of these questions has qualification answers: see rubrics/qualification/.")
    return selection


def _grade_questions(
    selection: Sequence[tuple[Rubric, QualificationSet]], panel: Panel
) -> tuple[list[QuestionResult], list[Rejection]]:
    results: list[QuestionResult] = []
    rejections: list[Rejection] = []
    with progress_bar(err) as progress:
        bar = progress.add_task("Questions", total=len(selection))
        for rubric, answers in selection:
            result = grade_qualification_answers(rubric, answers, panel)
            # Without a judge the rest would only be slow.
            if any(answer.judge_unavailable for answer in result.answers):
                raise UserError("The judge is unavailable: fix that, then run the same command to continue.")
            results.append(result)
            rejections += reject_mistakes(rubric, answers, panel)
            progress.advance(bar)
    return results, rejections


def _read_engine_version(panel: Panel) -> str:
    # Several judges have several versions, kept with their calls.
    return panel.judge.describe().version if isinstance(panel.judge, RubricJudge) else ""


def _register_version(
    settings: Settings, database: SessionFactory, figures: dict[str, Any], *, engine_version: str
) -> None:
    kept = Figures(
        questions={f"{row['question']}/{row['language']}": row["in_order"] for row in figures["questions"]},
        unscored=figures["unscored"],
        spearman=figures["spearman"],
        language_gap=figures["language_gap"]["mean"],
        held_against=figures["rejections"]["held_against"],
        rejections=figures["rejections"]["of"],
    )
    with database.begin() as session:
        version = judge_versions.register(session, build_judge_key(settings), kept, engine_version=engine_version)
    out.print(f"registered as judge version {version.id}", highlight=False)
