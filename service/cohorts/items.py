"""The answers of a cohort: appended or changed by the caller's own id, so that sending a row again costs nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from vivavoce.graders import answer_hash
from vivavoce.rubrics import Rubric

from ..errors import DraftRubric, UnusableRequest, WrongState
from ..gradings import lifecycle
from ..gradings.submission import rubric_version
from ..storage import clock
from ..storage.repositories import CohortItemRepository
from ..storage.tables import Cohort, CohortItem, CohortState, Grading, RubricVersion, State, Submission, new_id
from .gradings import SUPERSEDED_REASON, add_gradings

_ROWS_AT_ONCE = 500


@dataclass(frozen=True)
class NewItem:
    """An answer for a cohort, already checked. `external_id` is the caller's own id of it, 1 to 200 characters.

    `feedback_language` is by default that of the cohort. `row` is the row of a file, from 1 for the heading.
    """

    external_id: str
    answer: str
    rubric: Rubric
    rubric_source: Literal["bank", "own"]
    candidate: str | None = None
    row: int | None = None
    feedback_language: str | None = None
    metadata: dict[str, str] | None = None


@dataclass(frozen=True)
class Upserted:
    """How many items were new, how many became a new version, and how many were as before."""

    created: int
    changed: int
    unchanged: int


def upsert_items(session: Session, cohort: Cohort, items: Sequence[NewItem]) -> Upserted:
    """Adds items to a cohort; one whose `external_id` it has is left as it is, or becomes a new version if it changed.

    The earlier grading of a changed item stays readable and does not count any more; it is cancelled if it is still
    open. In an open cohort that has been started, new versions are queued at once.

    Raises WrongState if the cohort takes no items, DraftRubric, and UnusableRequest if an id appears twice.
    """
    session.flush()
    session.refresh(cohort, with_for_update=True)
    check_takes_items(cohort)
    _check_ids(items)
    writer = _ItemWriter(session, cohort, [item.external_id for item in items])
    for start in range(0, len(items), _ROWS_AT_ONCE):
        writer.write(items[start : start + _ROWS_AT_ONCE])
    cohort.updated_at = clock.now()
    session.flush()
    if cohort.started_at is not None:
        add_gradings(session, cohort)
    return Upserted(writer.created, writer.changed, len(items) - writer.created - writer.changed)


def check_takes_items(cohort: Cohort) -> None:
    """Raises WrongState unless the cohort is a draft, or open and running or paused."""
    state = CohortState(cohort.state)
    if state is CohortState.DRAFT:
        return
    if state is CohortState.VALIDATED:
        raise WrongState("The cohort is validated, so that no answers can be added: reopen it first.")
    if state.ended:
        raise WrongState(f"The cohort is {state.value}, so that no answers can be added: make a new cohort for them.")
    if not cohort.options.get("open"):
        raise WrongState(
            f"The cohort is {state.value} and was not created with 'open': true, so that no answers can be added: make "
            "a new cohort for them."
        )


def hash_item(item: NewItem, *, rubric_hash: str, feedback_language: str | None) -> str:
    """Returns the SHA-256 of all that decides the grade of an item."""
    parts = [rubric_hash, item.answer, item.candidate, feedback_language]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


def _check_ids(items: Sequence[NewItem]) -> None:
    seen: set[str] = set()
    for item in items:
        if item.external_id in seen:
            raise UnusableRequest(f"external_id '{item.external_id[:64]}' appears twice: send each answer once.")
        seen.add(item.external_id)


class _ItemWriter:
    """Writes items in chunks; the versions of rubrics are looked up once each."""

    def __init__(self, session: Session, cohort: Cohort, external_ids: Sequence[str]) -> None:
        self._session = session
        self._known = CohortItemRepository(session).versions_of(cohort.id, external_ids)
        self._cohort = cohort
        self._moment = clock.now()
        # Hashing a rubric takes longer than a row: once for each object.
        self._versions: dict[int, RubricVersion] = {}
        self.created = self.changed = 0

    def write(self, items: Sequence[NewItem]) -> None:
        """Writes a chunk of items."""
        new: list[tuple[NewItem, RubricVersion, str, dict[str, Any]]] = []
        moved: list[NewItem] = []
        for item in items:
            version = self._find_version(item.rubric)
            language = item.feedback_language or self._cohort.options.get("feedback_language")
            digest = hash_item(item, rubric_hash=version.content_hash, feedback_language=language)
            known = self._known.get(item.external_id)
            if known is None or known.content_hash != digest:
                submission = _describe_submission(item, language, self._moment, self._cohort.organisation_id)
                new.append((item, version, digest, submission))
            elif item.row not in (None, known.row) or item.metadata not in (None, known.caller_metadata):
                moved.append(item)
        stored = self._load([item for item, *_ in new] + moved)
        for item in moved:
            stored[item.external_id].row = item.row or stored[item.external_id].row
            stored[item.external_id].caller_metadata = item.metadata or stored[item.external_id].caller_metadata
        if new:
            self._session.execute(sa.insert(Submission), [submission for *_, submission in new])
            self._store(new, stored)

    def _load(self, items: Sequence[NewItem]) -> dict[str, CohortItem]:
        """Returns those of the items that are stored already, by their external ids."""
        ids = [self._known[item.external_id].id for item in items if item.external_id in self._known]
        return {item.external_id: item for item in CohortItemRepository(self._session).by_ids(ids)} if ids else {}

    def _store(
        self, new: Sequence[tuple[NewItem, RubricVersion, str, dict[str, Any]]], stored: Mapping[str, CohortItem]
    ) -> None:
        rows = []
        for item, version, digest, submission in new:
            if known := stored.get(item.external_id):
                self._replace(known, item, version, submission, digest)
            else:
                rows.append(_describe_item(item, version, submission, digest, self._cohort))
        if rows:
            self._session.execute(sa.insert(CohortItem), rows)
        self.created += len(rows)

    def _replace(
        self, known: CohortItem, item: NewItem, version: RubricVersion, submission: Mapping[str, Any], digest: str
    ) -> None:
        grading = self._session.get(Grading, known.grading_id) if known.grading_id else None
        if grading is not None and grading.is_open:
            lifecycle.cancel(self._session, grading, reason=SUPERSEDED_REASON)
        elif grading is not None and grading.state == State.CANCELLED:
            # Else it would be requeued when the cohort is resumed.
            grading.reason = SUPERSEDED_REASON
        old = {"version": known.version, "submission_id": known.submission_id, "grading_id": known.grading_id}
        known.earlier = [*known.earlier, old]
        known.version += 1
        known.submission_id, known.rubric_version_id = submission["id"], version.id
        known.question_id, known.candidate, known.row = version.question_id, item.candidate, item.row or known.row
        known.rubric_source, known.caller_metadata = item.rubric_source, item.metadata or known.caller_metadata
        known.content_hash, known.grading_id = digest, None
        known.updated_at = self._moment
        self.changed += 1

    def _find_version(self, rubric: Rubric) -> RubricVersion:
        if id(rubric) not in self._versions:
            if rubric.status == "draft":
                raise DraftRubric(
                    f"The rubric of '{rubric.question.id}' is a draft: freeze it before you use it in a cohort."
                )
            organisation_id = self._cohort.organisation_id
            self._versions[id(rubric)] = rubric_version(self._session, rubric, organisation_id=organisation_id)
        return self._versions[id(rubric)]


def _describe_submission(
    item: NewItem, feedback_language: str | None, moment: datetime, organisation_id: str
) -> dict[str, Any]:
    return {
        "id": new_id(),
        "organisation_id": organisation_id,
        "candidate": item.candidate,
        "answer": item.answer,
        "answer_hash": answer_hash(item.answer),
        "feedback_language": feedback_language,
        "created_at": moment,
    }


def _describe_item(
    item: NewItem, version: RubricVersion, submission: Mapping[str, Any], digest: str, cohort: Cohort
) -> dict[str, Any]:
    return {
        "id": new_id(),
        "organisation_id": cohort.organisation_id,
        "cohort_id": cohort.id,
        "external_id": item.external_id,
        "row": item.row,
        "version": 1,
        "candidate": item.candidate,
        "question_id": version.question_id,
        "content_hash": digest,
        "submission_id": submission["id"],
        "rubric_version_id": version.id,
        "earlier": [],
        "rubric_source": item.rubric_source,
        "caller_metadata": item.metadata,
        "created_at": submission["created_at"],
        "updated_at": submission["created_at"],
    }
