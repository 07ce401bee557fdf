"""Fitting the coefficients to tables of signals.

    python -m vivavoce.evaluation.fitting TABLE... [--out FILE]

TABLE are files that 'viva bank qualify --signals' and 'viva bench accuracy --signals' wrote. Two sets of weights come
of them: one for all questions, fitted to all tables without the verifier, which is worth nothing outside the bank; and
one for the bank's questions, fitted to the bank's table alone: with the verifier, without ROUGE-1, which any word
raises, and without lapses, so that scores use the whole scale. Ridge and lapse are chosen by cross-validation
that leaves out whole data sets, and for the bank its questions by fifths. What is printed was left out of the fit that
it tells of: each data set that people graded, of the choice too, and of the bank the question, by tenths.
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
from .cross_validation import GENERAL, OF_BANK, leave_one_dataset_out, leave_out_questions
from .examples import Example, is_bank, read_table
from .model_selection import select_model
from .monotone_logit import MonotoneLogit, assemble

_out = Console(width=160)
# What an answer without content gets at most, in points of 10.
_MOST_FOR_NOTHING = 4.0


def main() -> None:
    """Choose, fit, print the figures, write the coefficients."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("tables", nargs="+", type=Path, metavar="TABLE")
    parser.add_argument("--out", type=Path, help="write the fitted coefficients as YAML")
    options = parser.parse_args()
    examples = [example for path in options.tables for example in read_table(path)]
    bank = [example for example in examples if is_bank(example)]
    _out.print("Weights of all questions:")
    general = select_model(examples, features=GENERAL, say=_out.print)
    own = None
    if bank:
        _out.print("Weights of the bank's:")
        # What was found there is clear enough for the whole scale.
        own = select_model(bank, features=OF_BANK, lapses=(0.0,), say=_out.print)
    _show_sets(examples)
    if own:
        _show_bank(bank, own)
    if options.out:
        names = " ".join(path.name for path in options.tables)
        questions: dict[str, CombinerWeights] = {}
        if own:
            questions = dict.fromkeys(sorted({example.question for example in bank}), _fit(own, bank))
        fitted = assemble(_fit(general, examples), questions)
        write_coefficients(options.out, fitted, origin=f"by 'python -m vivavoce.evaluation.fitting' to {names}")


def _fit(model: MonotoneLogit, examples: Sequence[Example]) -> CombinerWeights:
    fitted = model.fit(examples).coefficients_
    return replace(fitted.general, confidence=fit_confidence(score_out_of_fold(examples, model)))


def _show_sets(examples: Sequence[Example]) -> None:
    sets = Table("data set left out", "answers", *GENERAL, "together", "Spearman", "wrmse", "ece")
    found: list[tuple[float | None, ...]] = []
    known: list[float] = []
    scores: list[float] = []
    sure: dict[str, list[tuple[ScoredExample, float]]] = {}
    for each in leave_one_dataset_out(examples, partial(select_model, features=GENERAL)):
        alone = [each.alone[name] for name in GENERAL]
        figures = (*alone, each.pearson, each.spearman, each.wrmse, each.ece)
        sets.add_row(each.dataset, str(len(each.known)), *map(_figure, figures))
        found.append(figures)
        known += each.known
        scores += each.found
        sure[each.dataset] = list(each.sure)
    if found:
        sets.add_section()
        sets.add_row("mean", "", *(_figure(_mean(column)) for column in zip(*found, strict=True)))
        of_all = (agreement.pearson, agreement.spearman, agreement.weighted_rmse)
        pooled_figures = (*(figure(known, scores) for figure in of_all), agreement.calibration_error(scores, known))
        sets.add_row("pooled", str(len(known)), *("" for _ in GENERAL), *map(_figure, pooled_figures))
        _out.print(sets)
        pooled = [one for of_set in sure.values() for one in of_set]
        _show_confidence({name: measure_calibration(of_set) for name, of_set in (*sure.items(), ("pooled", pooled))})


def _show_bank(bank: Sequence[Example], model: MonotoneLogit) -> None:
    found = leave_out_questions(bank, model)
    areas = Table("bank, area under the curve", *FEATURES, "together")
    for (language, kind), of_one in found.area.items():
        areas.add_row(f"{language} {kind}", *map(_figure, of_one.values()))
    _out.print(areas)
    _out.print(
        f"in order {found.in_order} of {found.questions} ({found.in_order / found.questions:.1%}); mean difference "
        f"of the languages {_figure(found.gap)}; rejected mistakes held against the candidate "
        f"{found.held_against} of {found.rejections}",
        highlight=False,
    )
    _show_pairs(found.pairs)
    if found.empty:
        above = sum(score > _MOST_FOR_NOTHING for score in found.empty)
        _out.print(
            f"answers that say nothing: {fmean(found.empty):.2f} of 10 on average, {above} of {len(found.empty)} above "
            f"{_MOST_FOR_NOTHING:g}",
            highlight=False,
        )
    _show_confidence({"bank": found.sure})


def _show_pairs(rows: Sequence[PairOrder]) -> None:
    table = Table("better", "worse", "in order", "", "the better one shorter", "")
    for row in rows:
        each = ((row.right, row.pairs), (row.shorter_right, row.shorter))
        cells = [cell for right, of in each for cell in (f"{right} of {of}", f"{right / of:.1%}" if of else "–")]
        table.add_row(row.better, row.worse, *cells)
    _out.print(table)


def _show_confidence(found: Mapping[str, ConfidenceCalibration]) -> None:
    table = Table("confidence", "answers", "grade near", "said", "ece", "in range", "rmse", "rmse of 70 %", "ratio")
    for name, each in found.items():
        risk = (each.rmse, each.rmse_confident, each.rmse_confident / each.rmse if each.rmse else None)
        figures = (each.near, each.said, each.error, each.in_range, *risk)
        table.add_row(name, str(each.answers), *map(_figure, figures))
    _out.print(table)


def _mean(figures: Sequence[float | None]) -> float | None:
    there = [figure for figure in figures if figure is not None]
    return fmean(there) if there else None


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    main()
