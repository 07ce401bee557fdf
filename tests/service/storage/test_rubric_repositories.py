from __future__ import annotations

import pytest

from vivavoce.rubrics import Rubric
from vivavoce.service.own_rubrics import versions
from vivavoce.service.own_rubrics.documents import read_draft
from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.repositories import JudgeVersionRepository, StoredRubricRepository
from vivavoce.service.storage.tables import DEFAULT_ORGANISATION, Review, StoredRubric, new_id

from ..samples import FixedClock, claim_one, make_report, record_report, submit_answer


@pytest.fixture
def own(both_databases: SessionFactory) -> SessionFactory:
    return both_databases.of(DEFAULT_ORGANISATION)


def _create(own: SessionFactory, rubric: Rubric) -> StoredRubric:
    with own.begin() as session:
        return versions.create(session, read_draft(rubric.model_dump(mode="json")), rubric_id=new_id())


def test_pages_of_versions_meet_even_if_they_were_created_at_one_time(
    own: SessionFactory, rubric: Rubric, fixed_clock: FixedClock
) -> None:
    rows = [_create(own, rubric) for _ in range(4)]
    fixed_clock.advance(1)
    newest = _create(own, rubric)
    found: list[str] = []
    after = None
    with own() as session:
        for _ in range(5):
            (row,) = StoredRubricRepository(session).newest_first(
                question_id="quantization", language="en", status="draft", after=after, limit=1
            )
            found.append(row.id)
            after = (row.created_at, row.id)
    assert found == [newest.id, *sorted((row.id for row in rows), reverse=True)]


def test_the_version_before_and_those_in_use_are_found(own: SessionFactory, rubric: Rubric) -> None:
    rows = [_create(own, rubric) for _ in range(3)]
    with own.begin() as session:
        for row in rows[:2]:
            versions.freeze(session, session.get_one(StoredRubric, row.id), actor="test")
    with own() as session:
        repository = StoredRubricRepository(session)
        assert [row.id for row in repository.in_use()] == [rows[1].id]
        before = repository.before(session.get_one(StoredRubric, rows[2].id))
        assert before is not None
        assert before.id == rows[1].id
        assert repository.before(session.get_one(StoredRubric, rows[0].id)) is None


def test_agreement_is_measured_by_judge(own: SessionFactory, rubric: Rubric, both_databases: SessionFactory) -> None:
    for machine, person in ((7.0, 5.5), (6.0, 8.0)):
        submit_answer(both_databases, rubric)
        lease = claim_one(both_databases)
        record_report(both_databases, lease, make_report(score=machine))
        with own.begin() as session:
            session.add(
                Review(
                    grading_id=lease.grading_id,
                    reviewer="r",
                    score=person,
                    levels={},
                    source="api",
                    created_at=clock.now(),
                )
            )
    with own() as session:
        (row,) = JudgeVersionRepository(session).agreement_with_reviews()
    assert tuple(row)[:5] == ("vllm", "m", "1", "p", 2)
    assert [float(figure) for figure in row[5:]] == pytest.approx([1.75, -0.25, 0.5])
