"""The queries on an organisation's own rubrics and on tests of them, named for what they return."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ..tables import RubricStatus, RubricTest, StoredRubric
from ..tenancy import read_organisation


class StoredRubricRepository:
    """The rubrics of the session's organisation; raises ValueError for a session without one."""

    def __init__(self, session: Session) -> None:
        self._session = session
        read_organisation(session)

    def newest_frozen(self, question_id: str, language: str | None = None) -> StoredRubric | None:
        """Returns the frozen version with the highest number, in a language if it is given, else frozen last."""
        query = sa.select(StoredRubric).where(StoredRubric.question_id == question_id, StoredRubric.status == "frozen")
        if language:
            query = query.where(StoredRubric.language == language)
        newest_first = (StoredRubric.frozen_at.desc(), StoredRubric.version.desc())
        return self._session.scalar(query.order_by(*newest_first).limit(1))

    def in_use(self) -> Sequence[StoredRubric]:
        """Returns the frozen version of each question and language that answers are graded by, in order."""
        query = sa.select(StoredRubric).where(StoredRubric.status == "frozen")
        order = (StoredRubric.question_id, StoredRubric.language, StoredRubric.frozen_at, StoredRubric.version)
        newest = {(row.question_id, row.language): row for row in self._session.scalars(query.order_by(*order))}
        return list(newest.values())

    def of_question(self, question_id: str) -> Sequence[StoredRubric]:
        """Returns all versions for a question, by language and number."""
        query = sa.select(StoredRubric).where(StoredRubric.question_id == question_id)
        return self._session.scalars(query.order_by(StoredRubric.language, StoredRubric.version)).all()

    def last_number(self, question_id: str, language: str) -> int:
        """Returns the highest number of a version, 0 if there is none."""
        query = sa.select(sa.func.max(StoredRubric.version)).where(
            StoredRubric.question_id == question_id, StoredRubric.language == language
        )
        return self._session.scalar(query) or 0

    def before(self, row: StoredRubric) -> StoredRubric | None:
        """Returns the version with the next lower number for the same question and language."""
        query = sa.select(StoredRubric).where(
            StoredRubric.question_id == row.question_id,
            StoredRubric.language == row.language,
            StoredRubric.version < row.version,
        )
        return self._session.scalar(query.order_by(StoredRubric.version.desc()).limit(1))

    def newest_first(
        self,
        *,
        question_id: str | None,
        language: str | None,
        status: RubricStatus | None,
        after: tuple[datetime, str] | None,
        limit: int,
    ) -> Sequence[StoredRubric]:
        """Returns versions, the newest first, after the one with a time of creation and an id."""
        query = sa.select(StoredRubric)
        wanted = {"question_id": question_id, "language": language, "status": status}
        query = query.filter_by(**{name: value for name, value in wanted.items() if value is not None})
        if after:
            query = query.where(sa.tuple_(StoredRubric.created_at, StoredRubric.id) < sa.tuple_(*_bind(after)))
        return self._session.scalars(
            query.order_by(StoredRubric.created_at.desc(), StoredRubric.id.desc()).limit(limit)
        ).all()


def _bind(after: tuple[datetime, str]) -> tuple[sa.BindParameter[datetime], sa.BindParameter[str]]:
    moment, row_id = after
    return sa.literal(moment, StoredRubric.created_at.type), sa.literal(row_id)


class RubricTestRepository:
    """Tests of rubrics."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def delete_expired(self, now: datetime) -> None:
        """Deletes the tests that have expired."""
        self._session.execute(sa.delete(RubricTest).where(RubricTest.expires_at <= now))

    def delete_of(self, rubric_id: str) -> None:
        """Deletes the tests of a rubric."""
        self._session.execute(sa.delete(RubricTest).where(RubricTest.rubric_id == rubric_id))
