"""Fits the coefficients to tables of signals.

    python -m vivavoce.evaluation.fitting TABLE... [--out FILE]

TABLE are files that 'viva bank qualify --signals' and 'viva bench accuracy --signals' wrote. The result has two sets of
weights. Those for all questions are fitted to all tables, without the verifier, which is not valid outside the bank.
Those for the bank's questions are fitted to the bank's table alone: with the verifier, without ROUGE-1, which any word
raises, and without lapses, so that scores use the whole scale. Ridge and lapse rate are selected by cross-validation
that holds out whole data sets, and in the bank a fifth of its questions at a time. Every figure printed is of data that
the fit did not see: data sets that people graded are held out of the selection too, the bank's questions a tenth at a
time.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean

from rich.console import Console
from rich.table import Table

from vivavoce.graders.scoring.coefficients import FEATURES, CombinerWeights, write_coefficients

from .. import agreement
from ..qualification import PairOrder
from .confidence import ConfidenceCalibration, ScoredExample, fit_confidence, measure_calibration, score_out_of_fold
from .cross_validation import GENERAL, OF_BANK, HeldOutDataset, leave_one_dataset_out, leave_out_questions
from .examples import Example, is_bank, read_table
from .model_selection import select_model
from .monotone_logit import MonotoneLogit
from .parameters import assemble_coefficients

_out = Console(width=160)
# In points of 10: what an answer without content should get at most.
_MOST_FOR_NOTHING = 4.0


def main() -> None:
    """Select, fit, print the figures, and write the coefficients."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("tables", nargs="+", type=Path, metavar="TABLE")
    parser.add_argument("--out", type=Path, help="write the fitted coefficients as YAML")
    options = parser.parse_args()
    examples = [example for path in options.tables for example in read_table(path)]
    bank = [example for example in examples if is_bank(example)]
    _out.print("Weights of all questions:")
    general = select_model(examples, features=GENERAL, say=_out.print)
    of_bank = None
    if bank:
        _out.print("Weights of the bank's:")
        # The bank's levels are clear enough for the whole scale.
        of_bank = select_model(bank, features=OF_BANK, lapses=(0.0,), say=_out.print)
    _print_sets(examples)
    if of_bank:
        _print_bank(bank, of_bank)
    if options.out:
        names = " ".join(path.name for path in options.tables)
        questions: dict[str, CombinerWeights] = {}
        if of_bank:
            questions = dict.fromkeys(sorted({example.question for example in bank}), _fit_weights(of_bank, bank))
        fitted = assemble_coefficients(_fit_weights(general, examples), questions)
        write_coefficients(options.out, fitted, origin=f"by 'python -m vivavoce.evaluation.fitting' to {names}")


def _fit_weights(model: MonotoneLogit, examples: Sequence[Example]) -> CombinerWeights:
    fitted = model.fit(examples).coefficients_
    return replace(fitted.general, confidence=fit_confidence(score_out_of_fold(examples, model)))


def _print_sets(examples: Sequence[Example]) -> None:
    table = Table("data set left out", "answers", *GENERAL, "together", "Spearman", "wrmse", "ece")
    held_out = list(leave_one_dataset_out(examples, partial(select_model, features=GENERAL)))
    if not held_out:
        return
    rows = [
        (*(dataset.alone[name] for name in GENERAL), dataset.pearson, dataset.spearman, dataset.wrmse, dataset.ece)
        for dataset in held_out
    ]
    for dataset, row in zip(held_out, rows, strict=True):
        table.add_row(dataset.dataset, str(len(dataset.known)), *map(_format_figure, row))
    table.add_section()
    table.add_row("mean", "", *(_format_figure(_mean_of_defined(column)) for column in zip(*rows, strict=True)))
    table.add_row(*_pool_sets(held_out))
    _out.print(table)
    pooled: list[tuple[ScoredExample, float]] = [scored for dataset in held_out for scored in dataset.sure]
    scores = {**{dataset.dataset: dataset.sure for dataset in held_out}, "pooled": pooled}
    _print_confidence({name: measure_calibration(of_set) for name, of_set in scores.items()})


def _pool_sets(held_out: Sequence[HeldOutDataset]) -> tuple[str, ...]:
    """The row of all data sets together; single features are not pooled."""
    grades = [grade for dataset in held_out for grade in dataset.known]
    scores = [score for dataset in held_out for score in dataset.found]
    figures = (
        agreement.pearson(grades, scores),
        agreement.spearman(grades, scores),
        agreement.weighted_rmse(grades, scores),
        agreement.calibration_error(scores, grades),
    )
    return "pooled", str(len(grades)), *("" for _ in GENERAL), *map(_format_figure, figures)


def _print_bank(bank: Sequence[Example], model: MonotoneLogit) -> None:
    figures = leave_out_questions(bank, model)
    areas = Table("bank, area under the curve", *FEATURES, "together")
    for (language, kind), by_feature in figures.area.items():
        areas.add_row(f"{language} {kind}", *map(_format_figure, by_feature.values()))
    _out.print(areas)
    _out.print(
        f"in order {figures.in_order} of {figures.questions} ({figures.in_order / figures.questions:.1%}); mean "
        f"difference of the languages {_format_figure(figures.gap)}; rejected mistakes held against the candidate "
        f"{figures.held_against} of {figures.rejections}",
        highlight=False,
    )
    _print_pairs(figures.pairs)
    if figures.empty:
        above = sum(score > _MOST_FOR_NOTHING for score in figures.empty)
        _out.print(
            f"answers without content: {fmean(figures.empty):.2f} of 10 on average, {above} of {len(figures.empty)} "
            f"above {_MOST_FOR_NOTHING:g}",
            highlight=False,
        )
    _print_confidence({"bank": figures.sure})


def _print_pairs(rows: Sequence[PairOrder]) -> None:
    table = Table("better", "worse", "in order", "", "the better one shorter", "")
    for row in rows:
        counts = ((row.right, row.pairs), (row.shorter_right, row.shorter))
        cells = [
            cell
            for right, pairs in counts
            for cell in (f"{right} of {pairs}", f"{right / pairs:.1%}" if pairs else "–")
        ]
        table.add_row(row.better, row.worse, *cells)
    _out.print(table)


def _print_confidence(calibrations: Mapping[str, ConfidenceCalibration]) -> None:
    columns = ("answers", "grade near", "confidence", "ece", "in range", "rmse", "rmse of 70 %", "ratio")
    table = Table("data set", *columns)
    for name, row in calibrations.items():
        risk = (row.rmse, row.rmse_confident, row.rmse_confident / row.rmse if row.rmse else None)
        figures = (row.near, row.said, row.error, row.in_range, *risk)
        table.add_row(name, str(row.answers), *map(_format_figure, figures))
    _out.print(table)


def _mean_of_defined(figures: Sequence[float | None]) -> float | None:
    defined = [figure for figure in figures if figure is not None]
    return fmean(defined) if defined else None


def _format_figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    main()
