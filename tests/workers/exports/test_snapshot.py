from __future__ import annotations

import pytest
import sqlalchemy as sa

from vivavoce.rubrics import Rubric
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import Submission
from vivavoce.workers.exports.snapshot import open_snapshot

from ...service.samples import submit_answer


@pytest.fixture
def database(both_databases: SessionFactory) -> SessionFactory:
    """A snapshot must hold on both databases."""
    return both_databases


def test_what_is_written_meanwhile_is_not_in_the_snapshot(database: SessionFactory, rubric: Rubric) -> None:
    submit_answer(database, rubric)
    count = sa.select(sa.func.count()).select_from(Submission)
    with open_snapshot(database.of("default"), "default") as snapshot:
        assert snapshot.session.scalar(count) == 1
        submit_answer(database, rubric, "another")
        assert snapshot.session.scalar(count) == 1
    with open_snapshot(database.of("default"), "default") as snapshot:
        assert snapshot.session.scalar(count) == 2
