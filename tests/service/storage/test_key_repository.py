from __future__ import annotations

import pytest
import sqlalchemy as sa

from vivavoce.rubrics import Rubric
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.repositories import FILE_KEYS, IdempotencyRepository
from vivavoce.service.storage.tables import DEFAULT_ORGANISATION, IdempotencyKey

from ..samples import OTHER_ORGANISATION, FixedClock, submit_answer

DAY = 24 * 3600


@pytest.fixture
def database(both_databases: SessionFactory) -> SessionFactory:
    return both_databases


def test_a_key_belongs_to_route_and_organisation(database: SessionFactory, rubric: Rubric) -> None:
    submit_answer(database, rubric, idempotency_key="k")
    with database.begin() as session:
        keys = IdempotencyRepository(session)
        route = "POST /v1/gradings"
        assert keys.by_key("k", route=route, organisation_id=DEFAULT_ORGANISATION)
        assert keys.by_key("k", route="POST /v2", organisation_id=DEFAULT_ORGANISATION) is None
        assert keys.by_key("k", route=route, organisation_id=OTHER_ORGANISATION) is None
        assert keys.try_lock("k", route=route, organisation_id=DEFAULT_ORGANISATION)


def test_old_keys_are_deleted_the_oldest_first_and_those_of_files_stay(
    database: SessionFactory, rubric: Rubric, fixed_clock: FixedClock
) -> None:
    for key in ("a", f"{FILE_KEYS}row", "b", "c"):
        submit_answer(database, rubric, idempotency_key=key)
        fixed_clock.advance(DAY)

    def delete(limit: int) -> tuple[int, list[str]]:
        with database.begin() as session:
            count = IdempotencyRepository(session).delete_older(fixed_clock.moment, limit=limit)
            return count, list(session.scalars(sa.select(IdempotencyKey.key).order_by(IdempotencyKey.created_at)))

    assert delete(1) == (1, [f"{FILE_KEYS}row", "b", "c"])
    fixed_clock.advance(-DAY)
    assert delete(9) == (1, [f"{FILE_KEYS}row", "c"])
