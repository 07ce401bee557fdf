"""The questions whose answers are judged, drawn from files of answers that people graded."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vivavoce.rubrics import Rubric

from ..errors import EvaluationError
from ..graded_answers import Row, group_distinct_answers, read_rows, rubric_from_reference

_MAX_CRITERIA = 3
# So that a file of many questions does not give one answer to each.
_MIN_ANSWERS_PER_QUESTION = 10
# Rubrics allow examples of 4,000 characters.
_MAX_EXAMPLE = 3900


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


def sample_questions(paths: Sequence[Path], *, answers: int, seed: int) -> list[GradedQuestion]:
    """Questions with `answers` different answers in all, equally many from each data set, which take turns.

    Raises EvaluationError when a file has too few answers.
    """
    share = math.ceil(answers / len(paths))
    samples = [_sample_file(path, answers=share, seed=seed) for path in paths]
    turns = itertools.zip_longest(*samples)
    return [question for turn in turns for question in turn if question is not None]


def _sample_file(path: Path, *, answers: int, seed: int) -> list[GradedQuestion]:
    generator = random.Random(seed)
    by_question = group_distinct_answers(read_rows(path))
    ids = list(by_question)
    generator.shuffle(ids)
    questions: list[GradedQuestion] = []
    left = answers
    limit = max(_MIN_ANSWERS_PER_QUESTION, math.ceil(answers / len(ids)))
    for question_id in ids:
        rows = by_question[question_id]
        generator.shuffle(rows)
        question = _build_question(path.name.split(".")[0], question_id, rows, limit=min(left, limit))
        if question is None:
            continue
        questions.append(question)
        left -= len(question.answers)
        if left == 0:
            return questions
    raise EvaluationError(f"{path} has too few different answers for {answers}: ask for fewer with --answers.")


def _build_question(dataset: str, question_id: str, rows: Sequence[Row], *, limit: int) -> GradedQuestion | None:
    """The question with at most `limit` answers; None when only the two examples are left."""
    best, worst = max(rows, key=_graded_share), min(rows, key=_graded_share)
    judged = [row for row in rows if row is not best and row is not worst][:limit]
    if not judged:
        return None
    rubric = rubric_from_reference(best, most_criteria=_MAX_CRITERIA)
    return GradedQuestion(
        dataset=dataset,
        question=question_id,
        rubric=_add_examples(rubric, best["answer"], worst["answer"]),
        answers=tuple(GradedAnswer(row["id"], row["answer"], _graded_share(row)) for row in judged),
    )


def _graded_share(row: Row) -> float:
    share: float = row["score"] / row["max_score"]
    return share


def _add_examples(rubric: Rubric, best: str, worst: str) -> Rubric:
    """The rubric with two examples: one that reaches every criterion, one that reaches none."""
    examples = [
        {"answer": answer[:_MAX_EXAMPLE], "levels": {criterion.id: level for criterion in rubric.criteria}}
        for answer, level in ((best, 1), (worst, 0))
    ]
    return Rubric.model_validate({**rubric.model_dump(), "examples": examples})
