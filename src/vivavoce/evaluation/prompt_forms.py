"""`viva bench forms`: which way of asking the judge agrees best with people, and what it costs.

Answers that people graded are judged in every form by the same judge. Each question becomes a rubric of
at most three binary criteria, the sentences of its reference; few-shot forms see the best and the worst
graded answer to the question that are not among those judged.
"""

from __future__ import annotations

import itertools
import json
import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt

from vivavoce.graders.judge.prompt import PromptForm, number_sentences
from vivavoce.graders.judge.types import AnswerVerdicts, Judge
from vivavoce.graders.reading import normal_text
from vivavoce.rubrics import Rubric

from . import agreement
from .errors import EvaluationError
from .graded_answers import read_rows, rubric_from_reference

_MOST_CRITERIA = 3
_LEAST_ANSWERS_A_QUESTION = 10

# The default, and what changes when one thing about it changes.
FORMS = (
    PromptForm(),
    PromptForm(mode="explained"),
    PromptForm(scope="rubric"),
    PromptForm(few_shot=True),
    PromptForm(context="full"),
)


@dataclass(frozen=True)
class GradedAnswer:
    """An answer with a person's grade as a share of the maximum (0 to 1)."""

    id: str
    answer: str
    human: float


@dataclass(frozen=True)
class GradedQuestion:
    """A question of a data set, its rubric with examples, and the answers to judge."""

    dataset: str
    question: str
    rubric: Rubric
    answers: tuple[GradedAnswer, ...]


@dataclass(frozen=True)
class Outcome:
    """What a form made of one answer: the judge's share of the criteria (0 to 1), or None with the reason."""

    form: str
    dataset: str
    answer: str
    human: float
    judged: float | None
    failure: str | None
    tokens_in: float
    tokens_cached: float
    tokens_out: float


@dataclass(frozen=True)
class FormFigures:
    """A row of the table; agreement is the mean over data sets, tokens are per answer.

    `over_first` is the 95 % interval of how much more Pearson the form has than the first one, on the answers that both
    judged; None for the first, and where it is undefined.
    """

    form: str
    answers: int
    failed: int
    pearson: float
    spearman: float
    by_dataset: dict[str, float]
    over_first: tuple[float, float] | None
    tokens_in: float
    tokens_cached: float
    tokens_out: float


def sample_questions(paths: Sequence[Path], *, answers: int, seed: int) -> list[GradedQuestion]:
    """Questions with `answers` different answers in all, the same number from each data set, taking turns.

    Raises EvaluationError when a file cannot give that many.
    """
    share = math.ceil(answers / len(paths))
    samples = [_sample(path, answers=share, seed=seed) for path in paths]
    turns = itertools.zip_longest(*samples)
    return [question for turn in turns for question in turn if question is not None]


def run_forms(
    questions: Sequence[GradedQuestion],
    judge_of: Callable[[PromptForm], Judge],
    *,
    forms: Iterable[PromptForm] = FORMS,
    keep: Path | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Outcome]:
    """Judge every answer in every form; `keep` is a file of outcomes that an interrupted run goes on from.

    A question is judged in all forms before the next, so that an unfinished run compares like with like.
    """
    outcomes = _kept(keep)
    done = {(outcome.form, outcome.dataset, outcome.answer) for outcome in outcomes}
    judges = {form: judge_of(form) for form in forms}
    for count, question in enumerate(questions, start=1):
        for form, judge in judges.items():
            if (str(form), question.dataset, question.answers[-1].id) in done:
                continue
            fresh = _judge_question(judge, form, question)
            outcomes += fresh
            if keep:
                with keep.open("a", encoding="utf-8") as lines:
                    lines.writelines(json.dumps(asdict(outcome)) + "\n" for outcome in fresh)
        on_progress(count, len(questions))
    return outcomes


def compare_forms(outcomes: Sequence[Outcome], *, seed: int) -> list[FormFigures]:
    """The table, a row a form, in the order in which the forms were run; `seed` says how the intervals are drawn."""
    rows: list[FormFigures] = []
    first = [outcome for outcome in outcomes if outcome.form == outcomes[0].form]
    for form in dict.fromkeys(outcome.form for outcome in outcomes):
        own = [outcome for outcome in outcomes if outcome.form == form]
        judged = [outcome for outcome in own if outcome.judged is not None]
        datasets = sorted({outcome.dataset for outcome in judged})
        sets = {name: [one for one in judged if one.dataset == name] for name in datasets}
        pearson = {name: _agreement(agreement.pearson, found) for name, found in sets.items()}
        spearman = {name: _agreement(agreement.spearman, found) for name, found in sets.items()}
        rows.append(
            FormFigures(
                form=form,
                answers=len(own),
                failed=len(own) - len(judged),
                pearson=fmean(pearson.values()) if pearson else math.nan,
                spearman=fmean(spearman.values()) if spearman else math.nan,
                by_dataset=pearson,
                over_first=_over(first, own, seed=seed) if rows else None,
                tokens_in=fmean(outcome.tokens_in for outcome in own),
                tokens_cached=fmean(outcome.tokens_cached for outcome in own),
                tokens_out=fmean(outcome.tokens_out for outcome in own),
            )
        )
    return rows


def _over(first: Sequence[Outcome], own: Sequence[Outcome], *, seed: int) -> tuple[float, float] | None:
    """The interval of the second form's Pearson less the first's, the mean over data sets; answers drawn in pairs."""
    before = {(one.dataset, one.answer): one for one in first if one.judged is not None}
    pairs = [
        (before[one.dataset, one.answer], one)
        for one in own
        if one.judged is not None and (one.dataset, one.answer) in before
    ]
    sets = np.array([one.dataset for _, one in pairs])
    human, new = (np.array([getattr(one, name) for _, one in pairs], dtype=float) for name in ("human", "judged"))
    old = np.array([one.judged for one, _ in pairs], dtype=float)

    def gain(drawn: npt.NDArray[np.intp]) -> float | None:
        gains = []
        for dataset in np.unique(sets):
            of_set = drawn[sets[drawn] == dataset]
            after = agreement.pearson(human[of_set], new[of_set])
            earlier = agreement.pearson(human[of_set], old[of_set])
            if after is None or earlier is None:
                return None
            gains.append(after - earlier)
        return fmean(gains)

    found = agreement.bootstrap(gain, len(pairs), seed=seed)
    return (found.low, found.high) if found else None


def _agreement(figure: Callable[[list[float], list[float]], float | None], found: Sequence[Outcome]) -> float:
    value = figure([one.human for one in found], [one.judged for one in found if one.judged is not None])
    return math.nan if value is None else value


def _sample(path: Path, *, answers: int, seed: int) -> list[GradedQuestion]:
    dataset = path.name.split(".")[0]
    by_question: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in read_rows(path):
        if row["answer"].strip():
            by_question[row["question_id"]].setdefault(row["answer"].strip(), row)
    shuffled = random.Random(seed)
    ids = sorted(by_question)
    shuffled.shuffle(ids)
    found: list[GradedQuestion] = []
    left = answers
    most = max(_LEAST_ANSWERS_A_QUESTION, math.ceil(answers / len(ids)))
    for question_id in ids:
        rows = list(by_question[question_id].values())
        shuffled.shuffle(rows)
        best = max(rows, key=lambda row: row["score"] / row["max_score"])
        worst = min(rows, key=lambda row: row["score"] / row["max_score"])
        judged = [row for row in rows if row is not best and row is not worst][: min(left, most)]
        if not judged:
            continue
        rubric = rubric_from_reference(best, most_criteria=_MOST_CRITERIA)
        found.append(
            GradedQuestion(
                dataset=dataset,
                question=question_id,
                rubric=_with_examples(rubric, best["answer"], worst["answer"]),
                answers=tuple(
                    GradedAnswer(row["id"], row["answer"], row["score"] / row["max_score"]) for row in judged
                ),
            )
        )
        left -= len(judged)
        if left == 0:
            return found
    raise EvaluationError(f"{path} has too few different answers for {answers}: ask for fewer with --answers.")


def _with_examples(rubric: Rubric, best: str, worst: str) -> Rubric:
    examples = [
        {"answer": answer[:3900], "levels": {criterion.id: level for criterion in rubric.criteria}}
        for answer, level in ((best, 1), (worst, 0))
    ]
    return Rubric.model_validate({**rubric.model_dump(), "examples": examples})


def _judge_question(judge: Judge, form: PromptForm, question: GradedQuestion) -> list[Outcome]:
    answers = [_numbered(answer.answer) for answer in question.answers]
    found = judge.judge(answers, question.rubric)
    for failure in (failure for verdicts in found for failure in verdicts.failures.values()):
        if failure.reason.retryable:
            raise EvaluationError(f"The judge does not answer ({failure.detail}): mend that, then go on with --keep.")
    return [
        _outcome(form, question.dataset, answer, verdicts)
        for answer, verdicts in zip(question.answers, found, strict=True)
    ]


def _numbered(answer: str) -> str:
    normal = normal_text.normalise(answer).text
    return number_sentences([normal[start:end] for start, end in normal_text.split_sentences(normal)] or [normal])


def _outcome(form: PromptForm, dataset: str, answer: GradedAnswer, verdicts: AnswerVerdicts) -> Outcome:
    failure = next(iter(verdicts.failures.values()), None)
    odds = [level.log_odds - level.baseline_log_odds for levels in verdicts.levels.values() for level in levels]
    return Outcome(
        form=str(form),
        dataset=dataset,
        answer=answer.id,
        human=answer.human,
        judged=None if failure else fmean(1 / (1 + math.exp(-value)) for value in odds),
        failure=failure.reason.value if failure else None,
        tokens_in=sum(call.usage.tokens_in for call in verdicts.calls),
        tokens_cached=sum(call.usage.tokens_cached for call in verdicts.calls),
        tokens_out=sum(call.usage.tokens_out for call in verdicts.calls),
    )


def _kept(keep: Path | None) -> list[Outcome]:
    if keep is None or not keep.exists():
        return []
    return [Outcome(**json.loads(line)) for line in keep.read_text(encoding="utf-8").splitlines()]
