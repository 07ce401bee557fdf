"""Evaluates fitted coefficients on data sets, and on questions of the bank, that were held out of the fit."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import cast

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

from vivavoce.graders.scoring.coefficients import FEATURES, PARTS, Coefficients
from vivavoce.graders.scoring.probabilities import all_probabilities, compute_score
from vivavoce.graders.types import MAX_SCORE, LevelSignals
from vivavoce.rubrics import Language, default_bank, load_qualifications
from vivavoce.rubrics.qualification import IN_ORDER, QUALITIES

from .. import agreement
from ..qualification import AnswerResult, PairOrder, QuestionResult, Rejection, order_pairs
from .answer_names import name_answer, parse_answer_name
from .confidence import (
    ConfidenceCalibration,
    ScoredExample,
    fit_confidence,
    measure_calibration,
    score_examples,
    score_out_of_fold,
)
from .examples import BANK, Example, is_bank, levels_of
from .monotone_logit import MonotoneLogit, predict_levels
from .parameters import KINDS, Matrix

# The features of every question; the verifier is trained on the bank's only.
GENERAL = tuple(name for name in FEATURES if name not in PARTS["verifier"])
# In the bank ROUGE-1 recall, which any word raises, adds nothing.
OF_BANK = ("judge", "verifier", "similarity_gain", "term_recall")
REJECTION = "rejection"
_FOLDS = 10
# A mistake this probable costs points.
_HELD = 0.5


@dataclass(frozen=True)
class HeldOutDataset:
    """A data set that was held out of the fit: Pearson's correlation of each feature and of the score, and errors.

    `known` and `found` are its shares of full marks (0 to 1) by people and by the fit; `sure` has the scores of answers
    that screening did not settle, with their confidence.
    """

    dataset: str
    known: Sequence[float]
    found: Sequence[float]
    alone: Mapping[str, float | None]
    pearson: float | None
    spearman: float | None
    wrmse: float | None
    ece: float | None
    sure: Sequence[tuple[ScoredExample, float]]


@dataclass(frozen=True)
class BankFigures:
    """The bank's answers, each scored by a fit without its question.

    `area` is the area under the ROC curve (0 to 1) by language and kind, for each feature and for the probability.
    `gap` is the mean absolute difference (0 to 1) between the same answer in Chinese and in English; `held_against` of
    `rejections` are the rejected mistakes that count as made. `pairs` counts pairs of answers in order, and `empty` has
    the scores (0 to 10) of answers without content.
    """

    area: Mapping[tuple[Language, str], Mapping[str, float | None]]
    in_order: int
    questions: int
    gap: float | None
    held_against: int
    rejections: int
    pairs: Sequence[PairOrder]
    empty: Sequence[float]
    sure: ConfidenceCalibration


@dataclass(frozen=True)
class _HeldOutBank:
    """What the fits make of held-out questions; `singly` has signals, probability and truth of each known level."""

    scored: list[tuple[Example, float]] = field(default_factory=list)
    singly: dict[tuple[Language, str], list[tuple[LevelSignals, float, bool]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    held_against: list[bool] = field(default_factory=list)
    folds: list[list[ScoredExample]] = field(default_factory=list)

    def add_example(self, example: Example, probabilities: Matrix, coefficients: Coefficients) -> None:
        for level, probability in zip(example.levels, probabilities, strict=True):
            if level.reached is not None:
                row = (level.signals, float(probability), level.reached)
                self.singly[example.language, level.kind].append(row)
        if example.known is None:
            self.held_against.append(bool(probabilities.max() >= _HELD))
        else:
            self.scored.append((example, rescore(example, coefficients)))


def examples_of_bank(results: Iterable[QuestionResult], rejections: Iterable[Rejection]) -> Iterator[Example]:
    """Examples of the answers that `viva bank qualify` scored, with their writers' levels, and of rejected mistakes."""
    for question in results:
        rubric = default_bank().get(question.question, question.language)
        count: Counter[tuple[str, str]] = Counter()
        for result in question.answers:
            # Unscored answers are counted, so that numbers match the file.
            count[result.quality, result.style] += 1
            if result.score is None:
                continue
            yield Example(
                dataset=f"{BANK}-{question.language}",
                question=question.question,
                language=question.language,
                answer=name_answer(result.quality, result.style, count[result.quality, result.style]),
                known=result.grade / MAX_SCORE,
                levels=tuple(
                    level
                    for row in result.criteria
                    for level in levels_of(rubric, row.criterion, row.signals, reached=row.level)
                ),
            )
    for rejection in rejections:
        rubric = default_bank().get(rejection.question, rejection.language)
        yield Example(
            dataset=f"{BANK}-{rejection.language}",
            question=rejection.question,
            language=rejection.language,
            answer=f"{REJECTION}-{rejection.criterion}",
            known=None,
            levels=levels_of(rubric, rejection.criterion, rejection.signals, reached=0),
        )


def leave_one_dataset_out(
    examples: Sequence[Example], model_for: Callable[[Sequence[Example]], MonotoneLogit]
) -> Iterator[HeldOutDataset]:
    """For each data set that people graded: select a model on the others, fit it to them, measure it on that one."""
    for dataset in sorted({example.dataset for example in examples if not is_bank(example)}):
        held = [example for example in examples if example.dataset == dataset and example.known is not None]
        others = [example for example in examples if example.dataset != dataset]
        model = model_for(others)
        confidence = fit_confidence(score_out_of_fold(others, model))
        fitted = model.fit(others)
        grades = [cast(float, example.known) for example in held]
        shares = fitted.predict(held)
        yield HeldOutDataset(
            dataset=dataset,
            known=grades,
            found=shares.tolist(),
            alone={name: agreement.pearson(grades, [_mean_of(example, name) for example in held]) for name in GENERAL},
            pearson=agreement.pearson(grades, shares),
            spearman=agreement.spearman(grades, shares),
            wrmse=agreement.weighted_rmse(grades, shares),
            ece=agreement.calibration_error(shares, grades),
            sure=[
                (scored, confidence.predict(scored.uncertainty))
                for scored in score_examples(held, fitted.coefficients_)
            ],
        )


def leave_out_questions(bank: Sequence[Example], model: MonotoneLogit) -> BankFigures:
    """Fit to nine tenths of the bank's questions and measure on the rest, ten times; with fewer questions as often."""
    questions = [example.question for example in bank]
    held_out = _HeldOutBank()
    for learned, left_out in GroupKFold(min(_FOLDS, len(set(questions)))).split(bank, groups=questions):
        fitted = model.fit([bank[index] for index in learned]).coefficients_
        held = [bank[index] for index in left_out]
        held_out.folds.append(list(score_examples(held, fitted)))
        for example, probabilities in zip(held, predict_levels(held, fitted), strict=True):
            held_out.add_example(example, probabilities, fitted)
    return _measure_bank(held_out)


def _measure_bank(held_out: _HeldOutBank) -> BankFigures:
    singly = held_out.singly
    results = list(_group_by_question(held_out.scored))
    differences = _language_differences(held_out.scored)
    # A table lacks answers that have no score.
    complete = [
        result for result in results if {a.quality for a in result.answers if a.style == "usual"} >= set(IN_ORDER)
    ]
    return BankFigures(
        area={key: _measure_areas(singly[key]) for kind in KINDS for key in sorted(singly) if key[1] == kind},
        in_order=sum(result.in_order for result in complete),
        questions=len(complete),
        gap=fmean(differences) if differences else None,
        held_against=sum(held_out.held_against),
        rejections=len(held_out.held_against),
        pairs=order_pairs(results),
        empty=[score for example, score in held_out.scored if parse_answer_name(example.answer)[0] == "empty-handed"],
        sure=measure_calibration(list(_predict_by_other_folds(held_out.folds))),
    )


def _language_differences(scored: Sequence[tuple[Example, float]]) -> list[float]:
    """Absolute differences (0 to 1) between the scores of the same answer in Chinese and in English."""
    by_answer: dict[tuple[str, str], dict[Language, float]] = defaultdict(dict)
    for example, score in scored:
        by_answer[example.question, example.answer][example.language] = score
    return [abs(pair["zh"] - pair["en"]) / MAX_SCORE for pair in by_answer.values() if len(pair) == 2]


def _predict_by_other_folds(folds: Sequence[Sequence[ScoredExample]]) -> Iterator[tuple[ScoredExample, float]]:
    """Each score with the confidence that is fitted to the other folds."""
    for number, held in enumerate(folds):
        others = [scored for index, fold in enumerate(folds) if index != number for scored in fold]
        confidence = fit_confidence(others)
        yield from ((scored, confidence.predict(scored.uncertainty)) for scored in held)


def rescore(example: Example, coefficients: Coefficients) -> float:
    """The score (0 to 10) of an answer to a question of the bank; 0 without levels, which screening settled."""
    rubric = default_bank().get(example.question, example.language)
    signals: dict[str, list[LevelSignals]] = defaultdict(list)
    for level in example.levels:
        signals[level.criterion].append(level.signals)
    return compute_score(rubric, all_probabilities(rubric, signals, coefficients)).score if signals else 0.0


def _group_by_question(scored: Iterable[tuple[Example, float]]) -> Iterator[QuestionResult]:
    by_question: dict[tuple[str, Language], list[AnswerResult]] = defaultdict(list)
    sets = load_qualifications()
    for example, score in sorted(scored, key=lambda pair: _sort_key(pair[0])):
        quality, style, number = parse_answer_name(example.answer)
        alike = [a for a in sets[example.question].answers if (a.level, a.style) == (quality, style)]
        length = len(alike[number - 1].text(example.language))
        grade = MAX_SCORE * cast(float, example.known)
        by_question[example.question, example.language].append(
            AnswerResult(quality, grade, score, criteria=(), style=style, length=length)
        )
    for (question, language), answers in by_question.items():
        yield QuestionResult(question, language, "", tuple(answers))


def _sort_key(example: Example) -> tuple[str, str, int, str]:
    quality, _, _ = parse_answer_name(example.answer)
    return example.question, example.language, QUALITIES.index(quality), example.answer


def _measure_areas(levels: Sequence[tuple[LevelSignals, float, bool]]) -> dict[str, float | None]:
    """Area under the ROC curve of each feature, and of the probability (`together`); None if all levels are alike."""
    reached = [is_reached for _, _, is_reached in levels]
    columns = {name: [getattr(signals, name) for signals, _, _ in levels] for name in FEATURES}
    columns["together"] = [probability for _, probability, _ in levels]
    varies = len(set(reached)) > 1
    return {name: float(roc_auc_score(reached, values)) if varies else None for name, values in columns.items()}


def _mean_of(example: Example, name: str) -> float:
    return float(np.mean([getattr(level.signals, name) for level in example.levels])) if example.levels else 0.0
