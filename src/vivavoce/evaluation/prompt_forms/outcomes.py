"""Judges every answer in every form, and keeps the outcomes in a file."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

from vivavoce.graders.judge.prompt import PromptForm, number_sentences
from vivavoce.graders.judge.types import AnswerVerdicts, Judge
from vivavoce.graders.reading import normal_text

from ..errors import EvaluationError
from .questions import GradedAnswer, GradedQuestion

# The default, and each form that differs from it in one respect.
FORMS = (
    PromptForm(),
    PromptForm(mode="explained"),
    PromptForm(scope="rubric"),
    PromptForm(few_shot=True),
    PromptForm(context="full"),
)


@dataclass(frozen=True)
class Outcome:
    """One answer in one form: the mean probability of the criteria (0 to 1), or None and why; tokens of all calls."""

    form: str
    dataset: str
    answer: str
    human: float
    judged: float | None
    failure: str | None
    tokens_in: float
    tokens_cached: float
    tokens_out: float


def run_forms(
    questions: Sequence[GradedQuestion],
    judge_of: Callable[[PromptForm], Judge],
    *,
    forms: Iterable[PromptForm] = FORMS,
    keep: Path | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Outcome]:
    """Judge every answer in every form; with `keep`, a file of outcomes, an interrupted run continues where it stopped.

    A question is judged in all forms before the next one, so an unfinished run compares the forms on the same answers.
    Raises EvaluationError when the judge is unavailable.
    """
    outcomes = _read_outcomes(keep)
    done = {(outcome.form, outcome.dataset, outcome.answer) for outcome in outcomes}
    judges = {form: judge_of(form) for form in forms}
    for count, question in enumerate(questions, start=1):
        for form, judge in judges.items():
            # A question's outcomes are written together, so its last answer stands for all.
            if (str(form), question.dataset, question.answers[-1].id) in done:
                continue
            fresh = _judge_question(judge, form, question)
            outcomes += fresh
            if keep:
                with keep.open("a", encoding="utf-8") as lines:
                    lines.writelines(json.dumps(asdict(outcome)) + "\n" for outcome in fresh)
        on_progress(count, len(questions))
    return outcomes


def _judge_question(judge: Judge, form: PromptForm, question: GradedQuestion) -> list[Outcome]:
    answers = [_number_answer(answer.answer) for answer in question.answers]
    verdicts = judge.judge(answers, question.rubric)
    for failure in (failure for of_answer in verdicts for failure in of_answer.failures.values()):
        if failure.reason.retryable:
            raise EvaluationError(
                f"The judge does not answer ({failure.detail}): check it with 'viva doctor', then run the same command "
                "again with --keep to continue."
            )
    return [
        _build_outcome(form, question.dataset, answer, of_answer)
        for answer, of_answer in zip(question.answers, verdicts, strict=True)
    ]


def _number_answer(answer: str) -> str:
    normal = normal_text.normalise(answer).text
    return number_sentences([normal[start:end] for start, end in normal_text.split_sentences(normal)] or [normal])


def _build_outcome(form: PromptForm, dataset: str, answer: GradedAnswer, verdicts: AnswerVerdicts) -> Outcome:
    failure = next(iter(verdicts.failures.values()), None)
    log_odds = [level.log_odds - level.baseline_log_odds for levels in verdicts.levels.values() for level in levels]
    return Outcome(
        form=str(form),
        dataset=dataset,
        answer=answer.id,
        human=answer.human,
        judged=None if failure else fmean(1 / (1 + math.exp(-value)) for value in log_odds),
        failure=failure.reason.value if failure else None,
        tokens_in=sum(call.usage.tokens_in for call in verdicts.calls),
        tokens_cached=sum(call.usage.tokens_cached for call in verdicts.calls),
        tokens_out=sum(call.usage.tokens_out for call in verdicts.calls),
    )


def _read_outcomes(keep: Path | None) -> list[Outcome]:
    if keep is None or not keep.exists():
        return []
    return [Outcome(**json.loads(line)) for line in keep.read_text(encoding="utf-8").splitlines()]
