from __future__ import annotations

import pytest
import sqlalchemy as sa

from vivavoce.rubrics import Rubric
from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.repositories import AcceptanceRepository
from vivavoce.service.storage.tables import Event, Grading, Organisation, Review, Submission

from ..samples import OTHER_ORGANISATION, add_organisation, submit_answer


@pytest.fixture
def grading_id(database: SessionFactory, rubric: Rubric) -> str:
    with database.begin() as session:
        session.add(Organisation(id=OTHER_ORGANISATION, created_at=clock.now()))
    return submit_answer(database, rubric)


def test_a_session_finds_rows_of_its_organisation_only(database: SessionFactory, grading_id: str) -> None:
    for organisation_id, count in (("default", 1), (OTHER_ORGANISATION, 0)):
        with database.of(organisation_id)() as session:
            assert len(session.scalars(sa.select(Grading)).unique().all()) == count
            assert (session.get(Grading, grading_id) is not None) == bool(count)
            assert session.scalar(sa.select(sa.func.count()).select_from(Submission)) == count
            joined = sa.select(Submission.id).join(Grading, Grading.submission_id == Submission.id)
            assert len(session.scalars(joined).all()) == count


def test_a_session_changes_and_deletes_rows_of_its_organisation_only(database: SessionFactory, grading_id: str) -> None:
    with database.of(OTHER_ORGANISATION).begin() as session:
        session.execute(sa.update(Grading).values(detail="changed"))
        session.execute(sa.delete(Event))
    with database() as session:
        assert session.get_one(Grading, grading_id).detail is None


def test_new_rows_belong_to_the_organisation_of_the_session(database: SessionFactory, grading_id: str) -> None:
    review = Review(grading_id=grading_id, reviewer="r", levels={}, source="api", created_at=clock.now())
    with database.of("default").begin() as session:
        session.add(review)
    assert review.organisation_id == "default"
    other = Review(
        organisation_id=OTHER_ORGANISATION,
        grading_id=grading_id,
        reviewer="r",
        levels={},
        source="api",
        created_at=clock.now(),
    )
    with pytest.raises(ValueError, match="a row of another"), database.of("default").begin() as session:
        session.add(other)


def test_statements_on_tables_are_for_the_organisation_of_the_session(database: SessionFactory) -> None:
    add_organisation(database)
    for factory in (database, database.of(OTHER_ORGANISATION)):
        with factory() as session:
            AcceptanceRepository(session, OTHER_ORGANISATION)
    with pytest.raises(ValueError, match="was used for another"), database.of("default")() as session:
        AcceptanceRepository(session, OTHER_ORGANISATION)
