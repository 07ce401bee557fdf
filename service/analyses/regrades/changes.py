"""What a regrade changes: rubrics of questions, the pass mark, or the judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.orm import Session

from vivavoce.graders.report.recompute import move_pass_mark, recompute
from vivavoce.graders.report.stored import read_report
from vivavoce.graders.scoring.coefficients import Coefficients
from vivavoce.graders.types import GraderIdentity, Report
from vivavoce.rubrics import Bank, Rubric, UnknownQuestion, compare, content_hash

from ...errors import UnknownQuestionError, UnusableRequest
from ...lookup import get_own
from ...storage.tables import CohortItem, RubricVersion, StoredRubric

RubricKey = tuple[str, str]
"""Question and language."""
_JUDGE_FIELDS = ("engine", "model", "model_revision", "prompt_hash", "prompt_form", "quorum")


@dataclass(frozen=True)
class RubricChoice:
    """The rubric that shall grade a question: an own one by its id, or the bank's present one in a language."""

    question_id: str
    rubric_id: str | None
    language: Literal["zh", "en"] | None


@dataclass(frozen=True)
class Graders:
    """What the workers grade with now: the coefficients, and the identity for a rubric."""

    coefficients: Coefficients
    identify: Callable[[Rubric], GraderIdentity]


@dataclass(frozen=True)
class Change:
    """A change of grades, as a regrade keeps it in its options."""

    rubrics: Mapping[RubricKey, Rubric]
    pass_mark: float | None
    judge: bool

    @classmethod
    def read(cls, options: Mapping[str, Any]) -> Change:
        """Reads the change from the options of a regrade."""
        rubrics = [Rubric.model_validate(document) for document in options["rubrics"]]
        keyed = {(rubric.question.id, str(rubric.question.language)): rubric for rubric in rubrics}
        return cls(keyed, options["pass_mark"], options["judge"])

    def write(self) -> dict[str, Any]:
        """Writes the change as options."""
        rubrics = [rubric.model_dump(mode="json") for rubric in self.rubrics.values()]
        return {"rubrics": rubrics, "pass_mark": self.pass_mark, "judge": self.judge}

    def apply_to(self, document: Mapping[str, Any], old: Rubric, graders: Graders) -> Report | None:
        """Returns the report under this change; None if only the judge can tell, and an equal one if nothing changes.

        `document` is the report as it is stored, by the rubric `old`.
        """
        try:
            report = read_report(document)
        except ValidationError:
            # An older form of report lacks the signals to recompute from.
            return None
        rubric = self.rubrics.get((old.question.id, old.question.language), old)
        if self.judge and _is_by_other_judge(report, graders.identify(old)):
            return None
        if rubric is not old and content_hash(rubric) != content_hash(old):
            moved = recompute(report, rubric, compare(old, rubric), coefficients=graders.coefficients)
            if moved is None:
                return None
            report = moved
        return report if self.pass_mark is None else move_pass_mark(report, self.pass_mark)


def choose_rubrics(
    session: Session, bank: Bank, cohort_id: str, choices: Sequence[RubricChoice]
) -> dict[RubricKey, Rubric]:
    """Returns the rubrics of a change, each of a question and language that the cohort has.

    Raises NotFound for an unknown rubric, UnknownQuestionError for a question that the bank lacks, and UnusableRequest
    for a rubric that is no frozen one of the question, is named twice, or grades nothing in the cohort.
    """
    graded = _list_graded(session, cohort_id)
    chosen: dict[RubricKey, Rubric] = {}
    for choice in choices:
        rubric = _load_own(session, choice) if choice.rubric_id else _load_of_bank(bank, choice)
        key = (rubric.question.id, str(rubric.question.language))
        if key not in graded:
            raise UnusableRequest(
                f"The cohort has no answer to '{key[0]}' in language '{key[1]}': name a question of its items."
            )
        if key in chosen:
            raise UnusableRequest(f"'{key[0]}' ({key[1]}) has two rubrics: name one for each question and language.")
        chosen[key] = rubric
    return chosen


def _list_graded(session: Session, cohort_id: str) -> set[RubricKey]:
    query = (
        sa.select(RubricVersion.question_id, RubricVersion.language)
        .join(CohortItem, CohortItem.rubric_version_id == RubricVersion.id)
        .where(CohortItem.cohort_id == cohort_id)
        .distinct()
    )
    return {(question_id, language) for question_id, language in session.execute(query)}


def _load_own(session: Session, choice: RubricChoice) -> Rubric:
    row = get_own(session, StoredRubric, choice.rubric_id or "", name="rubric")
    if row.question_id != choice.question_id or choice.language not in (None, row.language):
        raise UnusableRequest(
            f"The rubric {row.id} is of '{row.question_id}' ({row.language}), not of '{choice.question_id}': "
            "name a rubric of the question."
        )
    if row.status != "frozen":
        raise UnusableRequest(f"The rubric {row.id} is {row.status}: name a frozen version.")
    return Rubric.model_validate({**row.document, "status": "frozen"})


def _load_of_bank(bank: Bank, choice: RubricChoice) -> Rubric:
    if choice.language is None:
        raise UnusableRequest(f"'{choice.question_id}' has no rubric_id: give one, or a language of the bank's rubric.")
    try:
        return bank.get(choice.question_id, choice.language)
    except UnknownQuestion as error:
        raise UnknownQuestionError(str(error)) from None


def _is_by_other_judge(report: Report, identity: GraderIdentity) -> bool:
    # Without a call of the judge, a fact settled the score.
    was_judged = any(criterion.votes for criterion in report.criteria)
    return was_judged and any(getattr(report.provenance, name) != getattr(identity, name) for name in _JUDGE_FIELDS)
