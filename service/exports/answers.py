"""The answers of an export, read in the order of its file, a few hundred in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from vivavoce.graders.report.stored import parse_document

from ..api.answer_key import cut_server_words, hide_in_report
from ..cohorts.outcomes import EXPIRED_REASON, NOT_STARTED_REASON, Outcome
from ..page.report_scores import find_score
from ..storage.repositories.exports import AnswerKey, AnswerRepository
from ..storage.tables import Grading, State
from .options import ExportOptions

_ROWS_AT_ONCE = 200
OUTCOME = sa.case(
    (Grading.id.is_(None), Outcome.NOT_STARTED.value),
    (Grading.state == State.DEAD, Outcome.FAILED.value),
    (Grading.state != State.CANCELLED, Grading.state),
    (Grading.reason == NOT_STARTED_REASON, Outcome.NOT_STARTED.value),
    (Grading.reason == EXPIRED_REASON, Outcome.EXPIRED.value),
    else_=Outcome.CANCELLED.value,
)


@dataclass(frozen=True)
class Answer:
    """An answer with its report, as far as the caller may read it, and the newest decision of a person.

    `score` is None if it is open, that is, if a person has to give it. `stored` has the columns of the tables.
    """

    stored: sa.Row[Any]
    outcome: Outcome
    detail: str | None
    report: Mapping[str, Any] | None
    score: float | None

    @property
    def has_review(self) -> bool:
        """Whether a person decided about the grading."""
        return self.stored.review_id is not None


class AnswerReader:
    """The answers of one export in one snapshot."""

    def __init__(self, session: Session, options: ExportOptions) -> None:
        self._options = options
        self._repository = AnswerRepository(session, cohort_id=options.cohort_id, outcome=OUTCOME)
        is_wide = options.layout == "wide"
        keys = self._repository.keys(options.filters.model_dump(exclude_none=True), with_candidates=is_wide)
        self.keys: Sequence[AnswerKey] = sorted(keys, key=_order_wide) if is_wide else keys

    def read_rubrics(self) -> Mapping[str, dict[str, Any]]:
        """Returns the rubrics of all answers by the ids of their versions."""
        return self._repository.rubric_documents(sorted({key.rubric_version_id for key in self.keys}))

    def read_answers(self) -> Iterator[Answer]:
        """Reads the answers in the order of `keys`."""
        for start in range(0, len(self.keys), _ROWS_AT_ONCE):
            ids = [key.id for key in self.keys[start : start + _ROWS_AT_ONCE]]
            found = self._repository.fetch(ids)
            for answer_id in ids:
                yield self._build(found[answer_id])

    def _build(self, row: sa.Row[Any]) -> Answer:
        report = None if row.document is None else parse_document(row.document)
        detail = row.detail
        if not self._options.include_answer_key:
            report = None if report is None else hide_in_report(report)
            detail = cut_server_words(detail)
        return Answer(row, Outcome(row.outcome), detail, report, find_score(report))


def _order_wide(key: AnswerKey) -> tuple[bool, str, str, str, str]:
    """Sorts the answers of each candidate together; those without a candidate come last."""
    return (key.candidate is None, key.candidate or "", key.question_id, key.external_id or "", key.id)
