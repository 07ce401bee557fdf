"""`viva calibrate`: fits the combiner's weights to your own people's grades, and measures whether that helps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from vivavoce.evaluation.accuracy import figures_of, levels_in
from vivavoce.evaluation.fitting import Example, calibration
from vivavoce.graders.scoring.coefficients import write_coefficients
from vivavoce.service.settings import Settings
from vivavoce.workers.panel_factory import load_coefficients

from ...errors import UserError, require_writable
from ...files.graded_sets import grade_sets
from ...options import JsonOption
from ...output import console

app = typer.Typer(add_completion=False)
_FIGURES = ("pearson", "spearman", "rmse", "wrmse", "qwk", "bias", "ece", "confidence_ece")


@app.command()
def fit_coefficients(
    data: Annotated[list[Path], typer.Argument(help="Answers that your people graded: JSON lines, plain or .gz.")],
    out: Annotated[Path, typer.Option(help="File for the coefficients.")] = Path("coefficients.yaml"),
    by_question: Annotated[
        bool, typer.Option("--by-question", help="Also fit each question with at least 10 grades by itself.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option(min=10, help="Different answers from each file, spread evenly over its questions.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed for the choice of answers and of those held out.")] = 7,
    json_file: JsonOption = None,
) -> None:
    """Fit the combiner's weights to the grades of your own people, at least 10 of them.

    The rows are as for 'viva bench accuracy'. Few grades change the shipped coefficients little; many decide alone.
    The figures before and after are of answers held out of the fit. If they are no better, nothing is written and the
    exit status is 1. Use the file with VIVA_COEFFICIENTS.
    """
    require_writable(out, option="--out")
    require_writable(json_file, option="--json")
    prior = load_coefficients(Settings())
    examples, unscored = _grade_examples(data, limit=limit, seed=seed)
    held_out = calibration.hold_out(examples, prior, seed=seed, by_question=by_question)
    figures = _compare_held_out(held_out, examples)
    improves = figures["after"]["rmse"] < figures["before"]["rmse"]
    console.out.print(_build_table(figures, answers=len(examples)))
    fitted = calibration.calibrate(examples, prior, by_question=by_question)
    about = {"answers": len(examples), "unscored": unscored, "seed": seed, "written": improves}
    versions = {"version_before": prior.version, "version_after": fitted.version}
    console.write_figures(json_file, {**about, **versions, **figures})
    if not improves:
        console.out.print(
            "The fit is no better on answers held out: nothing was written. More grades may help.", highlight=False
        )
        raise typer.Exit(1)
    write_coefficients(out, fitted, origin=f"by 'viva calibrate' to {len(examples)} grades")
    console.out.print(
        f"{out} (version {fitted.version}): set VIVA_COEFFICIENTS={out.resolve()}", highlight=False, soft_wrap=True
    )


def _grade_examples(data: Sequence[Path], *, limit: int | None, seed: int) -> tuple[list[Example], int]:
    """The answers with a grade and a score, and how many have no score; raises UserError for too few."""
    _, graded = grade_sets(data, limit=limit, seed=seed)
    examples = [example for result in graded.values() for example in result.examples]
    if len(examples) < calibration.FEWEST:
        raise UserError(
            f"{len(examples)} answers have both a grade and a score: calibration needs at least {calibration.FEWEST}."
        )
    return examples, sum(result.unscored for result in graded.values())


def _compare_held_out(held_out: calibration.HeldOut, examples: Sequence[Example]) -> dict[str, dict[str, Any]]:
    """The agreement of scores with grades before and after the fit, on answers that it has not seen."""
    questions = [(example.dataset, example.question) for example in examples]
    levels = levels_in(held_out.known)
    return {
        name: {
            **figures_of(held_out.known, scores, questions, levels=levels),
            # None when facts settled all answers.
            "confidence_ece": confidence.error if confidence else None,
        }
        for name, scores, confidence in (
            ("before", held_out.before, held_out.sure_before),
            ("after", held_out.after, held_out.sure_after),
        )
    }


def _build_table(figures: Mapping[str, Mapping[str, Any]], *, answers: int) -> Table:
    table = Table("held out", *_FIGURES, title=f"{answers} answers", title_justify="left")
    for name, row in figures.items():
        table.add_row(name, *(console.format_figure(row[figure]) for figure in _FIGURES))
    return table
