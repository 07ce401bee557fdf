"""What fitted coefficients are worth: on data sets that were left out, and on questions of the bank that were."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import cast, get_args

import numpy as np
from sklearn.model_selection import GroupKFold

from vivavoce.graders.scoring.coefficients import FEATURES, PARTS, Coefficients
from vivavoce.graders.scoring.probabilities import all_probabilities, compute_score
from vivavoce.graders.types import MAX_SCORE, LevelSignals
from vivavoce.rubrics import Language, QualificationSet, default_bank, load_qualifications
from vivavoce.rubrics.qualification import IN_ORDER, QUALITIES, Quality, Style

from .. import agreement
from ..qualification import AnswerResult, PairOrder, QuestionResult, Rejection, order_pairs
from .confidence import (
    ConfidenceCalibration,
    ScoredExample,
    fit_confidence,
    measure_calibration,
    score_examples,
    score_out_of_fold,
)
from .examples import BANK, Example, is_bank, levels_of
from .monotone_logit import KINDS, MonotoneLogit, chances

# What all questions have.
GENERAL = tuple(name for name in FEATURES if name not in PARTS["verifier"])
# What the bank's are weighed by: beside these ROUGE-1's recall, which any word raises, tells nothing more there.
OF_BANK = ("judge", "verifier", "similarity_gain", "term_recall")
REJECTION = "rejection"
_FOLDS = 10
_HELD = 0.5


@dataclass(frozen=True)
class HeldOutDataset:
    """A data set that was left out of the fit: Pearson of each feature's mean and of the score, and its errors.

    `known` and `found` are its shares of full marks (0 to 1) by people and by what was fitted; `sure` has the scores of
    answers that no fact settled, with their confidence.
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
    """The bank's answers, each question left out of the fit: area under the curve by language and kind, and the rest.

    `gap` is the mean difference (0 to 1) between the same answer in Chinese and in English; `held_against` of
    `rejections` count mistakes that are named to be rejected. `pairs` tells which answers come out above which, and
    `empty` has the scores (0 to 10) of answers that say nothing.
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


def examples_of_bank(found: Iterable[QuestionResult], rejections: Iterable[Rejection]) -> Iterator[Example]:
    """The answers that `viva bank qualify` graded and scored, with their writer's word on each level."""
    for question in found:
        rubric = default_bank().get(question.question, question.language)
        seen: Counter[tuple[str, str]] = Counter()
        for result in question.answers:
            seen[result.quality, result.style] += 1
            if result.score is None:
                continue
            number = seen[result.quality, result.style]
            name = result.quality if result.style == "usual" else f"{result.quality}/{result.style}"
            yield Example(
                dataset=f"{BANK}-{question.language}",
                question=question.question,
                language=question.language,
                answer=name if number == 1 else f"{name}/{number}",
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
    """Choose a model for all but one of the data sets that people graded, fit it to them, and measure on that one."""
    for dataset in sorted({example.dataset for example in examples if not is_bank(example)}):
        held = [example for example in examples if example.dataset == dataset and example.known is not None]
        others = [example for example in examples if example.dataset != dataset]
        model = model_for(others)
        confidence = fit_confidence(score_out_of_fold(others, model))
        fitted = model.fit(others)
        known = [cast(float, example.known) for example in held]
        found = fitted.predict(held)
        yield HeldOutDataset(
            dataset=dataset,
            known=known,
            found=found.tolist(),
            alone={name: agreement.pearson(known, [_mean_of(example, name) for example in held]) for name in GENERAL},
            pearson=agreement.pearson(known, found),
            spearman=agreement.spearman(known, found),
            wrmse=agreement.weighted_rmse(known, found),
            ece=agreement.calibration_error(found, known),
            sure=[(seen, confidence.predict(seen.uncertainty)) for seen in score_examples(held, fitted.coefficients_)],
        )


def leave_out_questions(bank: Sequence[Example], model: MonotoneLogit) -> BankFigures:
    """Fit to all but a tenth of the bank's questions, and measure on these, ten times over."""
    questions = [example.question for example in bank]
    scored: list[tuple[Example, float]] = []
    singly: dict[tuple[Language, str], list[tuple[LevelSignals, float, bool]]] = defaultdict(list)
    held_against: list[bool] = []
    seen: list[list[ScoredExample]] = []
    assign_folds = GroupKFold(min(_FOLDS, len(set(questions))))
    for learned, left_out in assign_folds.split(bank, groups=questions):
        fitted = model.fit([bank[index] for index in learned])
        held = [bank[index] for index in left_out]
        seen.append(list(score_examples(held, fitted.coefficients_)))
        for example, found in zip(held, chances(held, fitted.coefficients_), strict=True):
            for level, chance in zip(example.levels, found, strict=True):
                if level.reached is not None:
                    singly[example.language, level.kind].append((level.signals, float(chance), level.reached))
            if example.known is None:
                held_against.append(bool(found.max() >= _HELD))
            else:
                scored.append((example, rescore(example, fitted.coefficients_)))
    answers = list(_standings(scored))
    gaps = _language_gaps(scored)
    # A table may lack answers that have no score.
    whole = [one for one in answers if {s.quality for s in one.answers if s.style == "usual"} >= set(IN_ORDER)]
    return BankFigures(
        area={key: _areas(singly[key]) for kind in KINDS for key in sorted(singly) if key[1] == kind},
        in_order=sum(result.in_order for result in whole),
        questions=len(whole),
        gap=fmean(gaps) if gaps else None,
        held_against=sum(held_against),
        rejections=len(held_against),
        pairs=order_pairs(answers),
        empty=[score for example, score in scored if _quality_and_style(example)[0] == "empty-handed"],
        sure=measure_calibration(list(_each_by_the_others(seen))),
    )


def _language_gaps(scored: Sequence[tuple[Example, float]]) -> list[float]:
    """By how much (0 to 1) the scores of the same answer in Chinese and in English differ."""
    found: dict[tuple[str, str], dict[Language, float]] = defaultdict(dict)
    for example, score in scored:
        found[example.question, example.answer][example.language] = score
    return [abs(own["zh"] - own["en"]) / MAX_SCORE for own in found.values() if len(own) == 2]


def _each_by_the_others(assign_folds: Sequence[Sequence[ScoredExample]]) -> Iterator[tuple[ScoredExample, float]]:
    for number, held in enumerate(assign_folds):
        others = [one for place, fold in enumerate(assign_folds) if place != number for one in fold]
        confidence = fit_confidence(others)
        yield from ((one, confidence.predict(one.uncertainty)) for one in held)


def rescore(example: Example, coefficients: Coefficients) -> float:
    """The score (0 to 10) of an answer to a question of the bank; what screening settled has no levels, and has 0."""
    rubric = default_bank().get(example.question, example.language)
    signals: dict[str, list[LevelSignals]] = defaultdict(list)
    for level in example.levels:
        signals[level.criterion].append(level.signals)
    return compute_score(rubric, all_probabilities(rubric, signals, coefficients)).score if signals else 0.0


def _standings(scored: Iterable[tuple[Example, float]]) -> Iterator[QuestionResult]:
    by_question: dict[tuple[str, Language], list[AnswerResult]] = defaultdict(list)
    sets = load_qualifications()
    for example, score in sorted(scored, key=lambda one: _place(one[0])):
        quality, style = _quality_and_style(example)
        known = MAX_SCORE * cast(float, example.known)
        by_question[example.question, example.language].append(
            AnswerResult(quality, known, score, criteria=(), style=style, length=_length(example, sets))
        )
    for (question, language), answers in by_question.items():
        yield QuestionResult(question, language, "", tuple(answers))


def _place(example: Example) -> tuple[str, str, int, str]:
    return (
        example.question,
        example.language,
        QUALITIES.index(_quality_and_style(example)[0]),
        example.answer,
    )


def _length(example: Example, sets: Mapping[str, QualificationSet]) -> int:
    """Length in characters of the answer that an example stands for."""
    quality, style = _quality_and_style(example)
    own = [one for one in sets[example.question].answers if (one.level, one.style) == (quality, style)]
    _, _, number = example.answer.rpartition("/")
    return len(own[int(number) - 1 if number.isdigit() else 0].text(example.language))


def _quality_and_style(example: Example) -> tuple[Quality, Style]:
    quality, _, rest = example.answer.partition("/")
    style = rest.split("/")[0]
    return cast(Quality, quality), cast(Style, style if style in get_args(Style) else "usual")


def _areas(levels: Sequence[tuple[LevelSignals, float, bool]]) -> dict[str, float | None]:
    """Area under the curve of each feature, and of the probability (`together`)."""
    reached = [known for _, _, known in levels]
    columns = {name: [getattr(signals, name) for signals, _, _ in levels] for name in FEATURES}
    columns["together"] = [chance for _, chance, _ in levels]
    return {name: _area(values, reached) for name, values in columns.items()}


def _area(values: Sequence[float], reached: Sequence[bool]) -> float | None:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(reached, values)) if len(set(reached)) > 1 else None


def _mean_of(example: Example, name: str) -> float:
    return float(np.mean([getattr(level.signals, name) for level in example.levels])) if example.levels else 0.0
