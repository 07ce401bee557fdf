"""`viva calibrate`: weigh the signals as your own people's grades ask for, and see whether that helps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from vivavoce.evaluation.accuracy import figures_of, levels_in
from vivavoce.evaluation.fitting import calibration
from vivavoce.graders.scoring.coefficients import write_coefficients
from vivavoce.service.settings import Settings
from vivavoce.workers.panel_factory import coefficients

from .. import console
from ..errors import UserError, require_writable
from .benchmarks import grade_sets, write_figures

app = typer.Typer(add_completion=False)
_FIGURES = ("pearson", "spearman", "rmse", "wrmse", "qwk", "bias", "ece", "confidence_ece")


@app.command()
def calibrate(
    data: Annotated[list[Path], typer.Argument(help="Answers that your people graded: JSON lines, plain or .gz.")],
    out: Annotated[Path, typer.Option(help="Where the coefficients go.")] = Path("coefficients.yaml"),
    by_question: Annotated[
        bool, typer.Option("--by-question", help="Also fit each question that has at least 10 grades on its own.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option(min=10, help="Different answers from each file, spread evenly over its questions.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Which answers, and how they are held out.")] = 7,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here as JSON, too.")] = None,
) -> None:
    """Fit how the signals are weighed to your own people's grades, from 10 grades up.

    A row is as for 'viva bench accuracy'. Few grades move the shipped coefficients little, many decide alone. The
    figures before and after are of answers held out of the fit; when they do not get better nothing is written, and
    the exit status is 1. Use the file with VIVA_COEFFICIENTS.
    """
    require_writable(out, option="--out")
    require_writable(json_file, option="--json")
    prior = coefficients(Settings())
    _, graded = grade_sets(data, limit=limit, seed=seed)
    examples = [example for each in graded.values() for example in each.examples]
    unscored = sum(each.unscored for each in graded.values())
    if len(examples) < calibration.FEWEST:
        raise UserError(
            f"{len(examples)} answers have both a grade and a score: calibration needs at least {calibration.FEWEST}."
        )
    held = calibration.hold_out(examples, prior, seed=seed, by_question=by_question)
    questions = [(example.dataset, example.question) for example in examples]
    levels = levels_in(held.known)
    figures = {
        "before": _figures(held.known, held.before, questions, levels, held.sure_before),
        "after": _figures(held.known, held.after, questions, levels, held.sure_after),
    }
    helps = figures["after"]["rmse"] < figures["before"]["rmse"]
    table = Table("held out", *_FIGURES, title=f"{len(examples)} answers", title_justify="left")
    for name, row in figures.items():
        table.add_row(name, *("–" if row[figure] is None else f"{row[figure]:.3f}" for figure in _FIGURES))
    console.out.print(table)
    fitted = calibration.calibrate(examples, prior, by_question=by_question)
    if json_file:
        about = {"answers": len(examples), "unscored": unscored, "seed": seed, "written": helps}
        versions = {"version_before": prior.version, "version_after": fitted.version}
        write_figures(json_file, {**about, **versions, **figures})
    if not helps:
        console.out.print("No better on answers held out: nothing was written. More grades may help.", highlight=False)
        raise typer.Exit(1)
    write_coefficients(out, fitted, origin=f"by 'viva calibrate' to {len(examples)} grades")
    console.out.print(
        f"{out} (version {fitted.version}): set VIVA_COEFFICIENTS={out.resolve()}", highlight=False, soft_wrap=True
    )


def _figures(known: Any, found: Any, questions: Any, levels: int, sure: Any) -> dict[str, Any]:
    confidence = {"confidence_ece": sure.error if sure else None}
    return {**figures_of(known, found, questions, levels=levels), **confidence}
