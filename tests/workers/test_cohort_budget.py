"""The budget of a cohort as workers keep to it: with a real client of the judge, and a real database."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from vivavoce.graders import Panel, build_panel
from vivavoce.graders.judge.budget import Grant
from vivavoce.graders.judge.call_record import InMemoryVerdictCache, Prices
from vivavoce.graders.judge.clients.client import Deadlines
from vivavoce.graders.judge.rubric_judge import RubricJudge
from vivavoce.graders.judge.servers.stub import StubJudgeServer
from vivavoce.graders.testing import HashingEmbedder, WordVerifier
from vivavoce.graders.types import EngineIdentity
from vivavoce.rubrics import Rubric
from vivavoce.service.cohorts import lifecycle
from vivavoce.service.cohorts.items import NewItem, upsert_items
from vivavoce.service.cohorts.outcomes import Outcome, count_outcomes
from vivavoce.service.settings import Settings
from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import DEFAULT_ORGANISATION, Cohort, CohortState
from vivavoce.workers.cohort_budget import CohortBudget
from vivavoce.workers.grading import process_queue


@pytest.fixture
def judge_server() -> Iterator[StubJudgeServer]:
    with StubJudgeServer() as server:
        yield server


@pytest.fixture
def panel(judge_server: StubJudgeServer) -> Iterator[Panel]:
    with RubricJudge(
        base_urls=[judge_server.url],
        identity=EngineIdentity("stub", "stub", "1"),
        secret=b"",
        cache=InMemoryVerdictCache(),
        deadlines=Deadlines(1, 2),
        prices=Prices(prompt=1.0, completion=1.0),
    ) as judge:
        yield build_panel(embedder=HashingEmbedder(), verifier=WordVerifier(), judge=judge)


def start_cohort(database: SessionFactory, rubric: Rubric, answers: int, **limits: float) -> str:
    with database.begin() as session:
        moment = clock.now()
        cohort = Cohort(
            organisation_id=DEFAULT_ORGANISATION,
            name="x",
            state=CohortState.DRAFT,
            options={},
            created_at=moment,
            updated_at=moment,
            **limits,
        )
        session.add(cohort)
        items = [
            NewItem(external_id=str(number), answer=f"INT8 said {number}", rubric=rubric, rubric_source="own")
            for number in range(answers)
        ]
        upsert_items(session, cohort, items)
        lifecycle.finalise(session, cohort, actor="test")
        lifecycle.start(session, cohort, actor="test")
        return cohort.id


def read(database: SessionFactory, cohort_id: str) -> tuple[Cohort, dict[Outcome, int]]:
    with database() as session:
        counts = {outcome: count for outcome, count in count_outcomes(session, cohort_id).items() if count}
        return session.get_one(Cohort, cohort_id), counts


def test_a_cohort_stops_at_its_calls_and_goes_on_from_what_was_paid(
    database: SessionFactory, rubric: Rubric, panel: Panel, settings: Settings, judge_server: StubJudgeServer
) -> None:
    cohort_id = start_cohort(database, rubric, 6, max_calls=17)
    process_queue(database, panel, settings, owner="w")
    cohort, counts = read(database, cohort_id)
    assert cohort.state == CohortState.BUDGET_STOPPED
    assert "max_calls of 17 is used up" in (cohort.end_reason or "")
    assert len(judge_server.prompts) == cohort.used_calls + cohort.reserved_calls == 17
    assert sum(counts.values()) == 6
    assert set(counts) <= {Outcome.GRADED, Outcome.NEEDS_REVIEW, Outcome.CANCELLED, Outcome.NOT_STARTED}
    with database.begin() as session:
        cohort = session.get_one(Cohort, cohort_id)
        cohort.max_calls = None
        lifecycle.resume(session, cohort, actor="test")
    process_queue(database, panel, settings, owner="w")
    process_queue(database, panel, settings, owner="w")
    cohort, counts = read(database, cohort_id)
    assert cohort.state == CohortState.FINISHED
    assert counts.get(Outcome.GRADED, 0) + counts.get(Outcome.NEEDS_REVIEW, 0) == 6
    # Nothing was asked twice.
    assert len({str(prompt) for prompt in judge_server.prompts}) == len(judge_server.prompts)


def test_the_cost_of_calls_stays_within_its_limit(
    database: SessionFactory, rubric: Rubric, panel: Panel, settings: Settings, judge_server: StubJudgeServer
) -> None:
    cohort_id = start_cohort(database, rubric, 6, max_cost=0.002)
    process_queue(database, panel, settings, owner="w")
    cohort, _ = read(database, cohort_id)
    assert cohort.state == CohortState.BUDGET_STOPPED
    assert 0 < cohort.used_cost <= 0.002
    assert cohort.reserved_cost == pytest.approx(0.0)


def test_a_reply_without_token_counts_is_not_free(
    database: SessionFactory,
    rubric: Rubric,
    panel: Panel,
    settings: Settings,
    judge_server: StubJudgeServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = judge_server.reply_to
    without = lambda body, behaviour: {k: v for k, v in answer(body, behaviour).items() if k != "usage"}  # noqa: E731
    monkeypatch.setattr(judge_server, "reply_to", without)
    cohort_id = start_cohort(database, rubric, 1)
    process_queue(database, panel, settings, owner="w")
    cohort, counts = read(database, cohort_id)
    assert counts == {Outcome.NEEDS_REVIEW: 1}
    # At least a token for each byte of the shortest prompt.
    assert cohort.used_cost * 1e6 > cohort.used_calls * 500


@pytest.mark.parametrize(("behaviour", "counted"), [("http_500", True), ("drop", True), ("busy", False)])
def test_a_try_counts_unless_the_judge_refused_it(
    database: SessionFactory,
    rubric: Rubric,
    panel: Panel,
    settings: Settings,
    judge_server: StubJudgeServer,
    behaviour: str,
    counted: bool,
) -> None:
    cohort_id = start_cohort(database, rubric, 1)
    judge_server.behave(behaviour, "answer")  # type: ignore[arg-type]  # one of the behaviours
    process_queue(database, panel, settings, owner="w")
    cohort, _ = read(database, cohort_id)
    refused = 0 if counted else len(judge_server.prompts) - len(judge_server.answered)
    assert cohort.used_calls == len(judge_server.prompts) - refused
    assert cohort.reserved_calls == 0


def test_many_threads_never_reserve_more_than_the_limit(database: SessionFactory, rubric: Rubric) -> None:
    cohort_id = start_cohort(database, rubric, 1, max_calls=50)
    budgets = [CohortBudget(database, cohort_id) for _ in range(4)]
    granted: list[Grant] = []

    def reserve(budget: CohortBudget) -> None:
        for number in range(10):
            grant = budget.reserve(0.1)
            granted.append(grant)
            if grant is Grant.GRANTED and number % 2:
                budget.settle(0.1, calls=1, cost=0.05)
        budget.flush()

    threads = [threading.Thread(target=reserve, args=[budgets[number % 4]]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cohort, _ = read(database, cohort_id)
    assert granted.count(Grant.GRANTED) == cohort.used_calls + cohort.reserved_calls == 50
    assert cohort.used_cost + cohort.reserved_cost < 50 * 0.1


def test_a_settlement_that_may_have_been_written_is_not_written_again(
    sqlite_database: SessionFactory, rubric: Rubric, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy.exc import OperationalError

    from vivavoce.workers import cohort_budget

    cohort_id = start_cohort(sqlite_database, rubric, 1)
    budget = CohortBudget(sqlite_database, cohort_id)
    budget.reserve(1.0)
    budget.settle(1.0, calls=1, cost=0.1)

    def fail(*_: object) -> None:
        raise OperationalError("UPDATE", None, TimeoutError("gone"))

    with monkeypatch.context() as broken:
        broken.setattr(cohort_budget, "settle", fail)
        budget.flush()
    budget.flush()
    cohort, _ = read(sqlite_database, cohort_id)
    assert (cohort.used_calls, cohort.reserved_calls, cohort.reserved_cost) == (0, 1, 1.0)
