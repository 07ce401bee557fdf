from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings, strategies
from sqlalchemy.orm import Session

from vivavoce.graders.types import Flag
from vivavoce.rubrics import Rubric
from vivavoce.service.access.scopes import Role
from vivavoce.service.gradings import lifecycle, reviews, submission
from vivavoce.service.gradings.submission import NewAnswer
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.repositories import GradingFilter, GradingListRepository
from vivavoce.service.storage.tables import DEFAULT_ORGANISATION, State

from ...rubrics.test_edits import edited
from ..keys import make_key_header
from ..samples import (
    OTHER_ORGANISATION,
    FixedClock,
    add_organisation,
    bring_to,
    change_grading,
    claim_one,
    make_report,
    record_report,
    submit_answer,
)

LIST = "/v1/gradings"


def _ids(reply: httpx.Response) -> list[str]:
    assert reply.status_code == 200, reply.text
    return [item["id"] for item in reply.json()["items"]]


def _submit_several(database: SessionFactory, rubric: Rubric, clock: FixedClock, count: int, **more: Any) -> list[str]:
    made = []
    for _ in range(count):
        clock.advance(1)
        made.append(submit_answer(database, rubric, **more))
    return made


def _read_all(api: TestClient, **parameters: Any) -> list[str]:
    found = _ids(reply := api.get(LIST, params=parameters))
    while link := reply.links.get("next"):
        found += _ids(reply := api.get(link["url"]))
    assert reply.json()["next_cursor"] is None
    return found


def test_a_list_begins_with_the_newest_and_goes_on_by_its_link(
    api: TestClient, database: SessionFactory, rubric: Rubric, fixed_clock: FixedClock
) -> None:
    made = _submit_several(database, rubric, fixed_clock, 7)
    assert _read_all(api, limit=3) == made[::-1]
    first = api.get(LIST, params={"limit": 3})
    newer = _submit_several(database, rubric, fixed_clock, 1)
    # What is submitted meanwhile neither repeats nor hides anything.
    assert _ids(api.get(first.links["next"]["url"])) == made[::-1][3:6]
    assert _ids(api.get(LIST, params={"limit": 1})) == newer


def test_gradings_of_one_moment_all_come_once(
    api: TestClient, database: SessionFactory, rubric: Rubric, fixed_clock: FixedClock
) -> None:
    made = {submit_answer(database, rubric) for _ in range(9)}
    found = _read_all(api, limit=2)
    assert (len(found), set(found)) == (9, made)


def test_a_list_shows_the_score_without_the_report(api: TestClient, database: SessionFactory, rubric: Rubric) -> None:
    submit_answer(database, rubric, candidate="c-1", metadata={"job": "7"})
    record_report(database, claim_one(database), make_report(score=7.5, flags=(Flag.PARTLY_READ,)))
    (item,) = api.get(LIST).json()["items"]
    shown = {name: item[name] for name in ("state", "score", "score_min", "score_max", "confidence", "flags", "report")}
    assert shown == {
        "state": "graded",
        "score": 7.5,
        "score_min": 0.0,
        "score_max": 10.0,
        "confidence": 0.5,
        "flags": ["partly_read"],
        "report": None,
    }
    assert (item["candidate"], item["metadata"], item["question_id"]) == ("c-1", {"job": "7"}, "quantization")
    (whole,) = api.get(LIST, params={"include": "report"}).json()["items"]
    assert whole["report"] == api.get(f"{LIST}/{item['id']}").json()["report"]


def test_a_listed_report_has_no_answer_key_for_an_integrator(
    api: TestClient, database: SessionFactory, rubric: Rubric
) -> None:
    submit_answer(database, rubric)
    record_report(database, claim_one(database), make_report())
    (key_holder,) = api.get(LIST, params={"include": "report"}).json()["items"]
    headers = make_key_header(database, role=Role.INTEGRATOR)
    (integrator,) = api.get(LIST, params={"include": "report"}, headers=headers).json()["items"]
    assert key_holder["report"]["feedback"]["interviewer"] == "Good."
    assert integrator["report"]["feedback"]["interviewer"] is None


@pytest.fixture
def zoo(both_databases: SessionFactory, rubric: Rubric, fixed_clock: FixedClock) -> dict[str, str]:
    """Gradings of all kinds, by name; `g0` was submitted at 12:00:01, `g1` at 12:00:02, and so on."""
    other = edited(rubric, "question", "id", value="other-question")
    made: dict[str, str] = {}

    def submit(name: str, by: Rubric = rubric, **more: Any) -> None:
        fixed_clock.advance(1)
        made[name] = submit_answer(both_databases, by, **more)

    submit("g0", candidate="李雷")
    record_report(both_databases, claim_one(both_databases), make_report(score=2.0))
    submit("g1", candidate="c-1")
    record_report(both_databases, claim_one(both_databases), make_report(score=8.0, needs_review=True))
    submit("g2", by=other, candidate="c-1")
    submit("g3", by=edited(rubric, "question", "language", value="zh"), candidate="c_1")
    change_grading(both_databases, made["g3"], lifecycle.cancel)
    with both_databases.begin() as session:
        new = reviews.NewReview(reviewer="Li", actor="t", score=3.0)
        reviews.add_review(session, lifecycle.get(session, made["g0"]), new)
    return made


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({}, "g3 g2 g1 g0"),
        ({"states": [State.QUEUED]}, "g2"),
        ({"states": [State.GRADED, State.CANCELLED]}, "g3 g0"),
        ({"needs_review": True}, "g1"),
        ({"needs_review": False}, "g3 g2 g0"),
        ({"question_id": "quantization"}, "g3 g1 g0"),
        ({"question_id": "quantization", "language": "en"}, "g1 g0"),
        ({"language": "zh"}, "g3"),
        ({"candidate": "c-1"}, "g2 g1"),
        ({"candidate": "李雷"}, "g0"),
        ({"candidate": "nobody"}, ""),
        ({"cohort_id": "x"}, ""),
        ({"reviewed": True}, "g0"),
        ({"reviewed": False, "candidate": "c-1"}, "g2 g1"),
        ({"score_min": 2.0}, "g1 g0"),
        ({"score_min": 2.1}, "g1"),
        ({"score_max": 7.9}, "g0"),
        ({"score_min": 0.0, "score_max": 1.0}, ""),
        ({"created_after": 2, "created_before": 4}, "g2 g1"),
        ({"updated_before": 4}, "g2 g1"),
        ({"updated_after": 4}, "g3 g0"),
    ],
)
def test_filters_find_what_they_name(
    both_databases: SessionFactory,
    zoo: dict[str, str],
    fixed_clock: FixedClock,
    wanted: dict[str, Any],
    names: str,
) -> None:
    start = fixed_clock.moment - timedelta(seconds=4)
    times = {
        name: start + timedelta(seconds=value) for name, value in wanted.items() if name[:7] in ("created", "updated")
    }
    with both_databases.of(DEFAULT_ORGANISATION)() as session:
        found = GradingListRepository(session).newest(GradingFilter(**{**wanted, **times}), after=None, limit=10)
    assert [grading.id for grading in found] == [zoo[name] for name in names.split()]


@pytest.mark.parametrize(
    ("parameters", "count"),
    [
        ({"state": ["queued", "graded"]}, 1),
        ({"candidate": "c-1", "needs_review": "false"}, 1),
        ({"created_after": "2030-01-01T20:00:00+08:00", "created_before": "2030-01-01T12:00:01Z"}, 1),
        ({"created_before": "2030-01-01T12:00:00Z"}, 0),
        ({"updated_after": "2030-01-01T12:00:01Z"}, 0),
        ({"question_id": "quantization", "language": "en", "cohort_id": "none"}, 0),
        ({"reviewed": "false", "score_min": "0"}, 0),
    ],
)
def test_filters_come_as_query_parameters(
    api: TestClient,
    database: SessionFactory,
    rubric: Rubric,
    fixed_clock: FixedClock,
    parameters: dict[str, Any],
    count: int,
) -> None:
    submit_answer(database, rubric, candidate="c-1")
    assert len(_ids(api.get(LIST, params=parameters))) == count


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"state": "done"}, "query.state.0: give 'queued', 'running'"),
        ({"created_after": "2030-01-01"}, "with its zone"),
        ({"created_after": "0001-01-01T00:00:00+14:00"}, "1970 to 9998"),
        ({"created_after": "1767225600"}, "with its zone"),
        ({"score_min": "11"}, "at most 10"),
        ({"score_min": "nan"}, "finite"),
        ({"candidate": "a\x00"}, "NUL character"),
        ({"limit": "201"}, "at most 200"),
        ({"stat": "queued"}, "did you mean 'state'?"),
        ({"ids": "a", "candidate": "c"}, "without filters"),
        ({"ids": ["a"] * 101}, "at most 100"),
        ({"ids": ",".join(map(str, range(101)))}, "101 ids"),
        ({"sync": "true", "state": "graded"}, "drop out unseen"),
    ],
)
def test_a_wrong_parameter_gets_one_sentence(api: TestClient, parameters: dict[str, Any], says: str) -> None:
    reply = api.get(LIST, params=parameters)
    assert (reply.status_code, says in reply.json()["detail"]) == (422, True), reply.text


@pytest.mark.parametrize("more", [{"limit": 2}, {"state": "queued"}, {"include": "report"}, {"ids": "a"}])
def test_a_cursor_comes_alone(api: TestClient, database: SessionFactory, rubric: Rubric, more: dict[str, Any]) -> None:
    for _ in range(3):
        submit_answer(database, rubric)
    cursor = api.get(LIST, params={"limit": 2}).json()["next_cursor"]
    reply = api.get(LIST, params={"cursor": cursor, **more})
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_cursor")
    token = api.get(LIST, params={"sync": "true"}).json()["sync_token"]
    assert api.get(LIST, params={"sync_token": token, **more}).status_code in (400, 422)
    assert api.get(LIST, params={"sync_token": cursor}).status_code == 400
    assert api.get(LIST, params={"cursor": cursor[:-1] + "~"}).status_code == 400


def test_a_batch_keeps_the_order_of_its_ids_and_names_what_is_missing(
    api: TestClient, database: SessionFactory, rubric: Rubric
) -> None:
    first, second, third = (submit_answer(database, rubric) for _ in range(3))
    add_organisation(database)
    with database.begin() as session:
        other = NewAnswer(rubric=rubric, answer="INT8")
        foreign = submission.submit(session, other, organisation_id=OTHER_ORGANISATION).grading.id
    absent = "0" * 32
    reply = api.get(LIST, params={"ids": [third, foreign, f"{first},{absent}", "é\x00", third]})
    assert _ids(reply) == [third, first]
    assert reply.json()["missing"] == [foreign, absent, "é\x00"]
    assert second not in reply.text


def test_another_organisation_sees_none_of_it(api: TestClient, database: SessionFactory, rubric: Rubric) -> None:
    for _ in range(3):
        submit_answer(database, rubric)
    cursor = api.get(LIST, params={"limit": 1}).json()["next_cursor"]
    headers = make_key_header(database, organisation_id=OTHER_ORGANISATION)
    assert _ids(api.get(LIST, headers=headers)) == []
    assert api.get(LIST, params={"cursor": cursor}, headers=headers).status_code == 400


def _sync(api: TestClient, token: str | None, limit: int = 2) -> tuple[dict[str, str], str]:
    """What a round of syncing brings, as states by id, and the next token."""
    parameters = {"sync_token": token} if token else {"sync": "true", "limit": limit}
    found = {}
    reply = api.get(LIST, params=parameters)
    while True:
        assert reply.status_code == 200, reply.text
        found.update({item["id"]: item["state"] for item in reply.json()["items"]})
        if "next" not in reply.links:
            return found, reply.json()["sync_token"]
        assert reply.json()["sync_token"] is None
        reply = api.get(reply.links["next"]["url"])


def _change_some(session: Session, change: str, grading_ids: list[str], number: int, rubric: Rubric) -> None:
    if change == "submit":
        grading_ids.append(submission.submit(session, NewAnswer(rubric=rubric, answer="INT8")).grading.id)
    elif grading_ids:
        grading = lifecycle.get(session, grading_ids[number % len(grading_ids)])
        (lifecycle.cancel if grading.is_open else lifecycle.requeue)(session, grading)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=strategies.lists(
        strategies.tuples(
            strategies.sampled_from(["submit", "change", "sync"]), strategies.integers(0, 9), strategies.integers(0, 40)
        ),
        max_size=25,
    )
)
def test_the_union_of_syncs_is_the_truth(
    api: TestClient,
    database: SessionFactory,
    rubric: Rubric,
    fixed_clock: FixedClock,
    steps: list[tuple[str, int, int]],
) -> None:
    copy: dict[str, str] = {}
    token: str | None = None
    grading_ids: list[str] = []
    for change, number, seconds in steps:
        fixed_clock.advance(seconds)
        if change == "sync":
            found, token = _sync(api, token)
            copy.update(found)
        else:
            with database.begin() as session:
                _change_some(session, change, grading_ids, number, rubric)
    copy.update(_sync(api, token)[0])
    with database() as session:
        truth = {name: lifecycle.get(session, name).state for name in grading_ids}
    assert {name: copy[name] for name in truth} == truth


def test_a_change_that_commits_late_is_not_missed(
    api: TestClient, database: SessionFactory, rubric: Rubric, fixed_clock: FixedClock
) -> None:
    late = submit_answer(database, rubric)
    fixed_clock.advance(30)
    submit_answer(database, rubric)
    _, token = _sync(api, None)
    # As if its transaction had begun 20 seconds before the token, and ended after it.
    with database.begin() as session:
        grading = lifecycle.get(session, late)
        grading.state, grading.updated_at = State.CANCELLED, fixed_clock.moment - timedelta(seconds=20)
    assert _sync(api, token)[0][late] == "cancelled"


def test_settled_gradings_do_not_come_again(
    api: TestClient, database: SessionFactory, rubric: Rubric, fixed_clock: FixedClock
) -> None:
    _submit_several(database, rubric, fixed_clock, 5)
    _, token = _sync(api, None)
    fixed_clock.advance(120)
    found, token = _sync(api, token)
    assert len(found) == 5
    changed, _ = bring_to(database, edited(rubric, "question", "id", value="another"), State.QUEUED)
    assert set(_sync(api, token)[0]) == {changed}


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (GradingFilter(), "ix_grading_created"),
        (GradingFilter(states=[State.GRADED]), "ix_grading_state"),
        (GradingFilter(needs_review=True), "ix_grading_state"),
    ],
)
def test_lists_are_read_in_the_order_of_an_index(
    sqlite_database: SessionFactory, wanted: GradingFilter, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[str] = []
    _note_plans(sqlite_database.engine, plans.append)
    with sqlite_database.of(DEFAULT_ORGANISATION)() as session:
        GradingListRepository(session).newest(wanted, after=None, limit=51)
    assert index in plans[0]
    assert "TEMP B-TREE" not in plans[0]


def _note_plans(engine: sa.Engine, note: Callable[[str], None]) -> None:
    def explain(_: Any, cursor: Any, statement: str, parameters: Any, *__: Any) -> None:
        if statement.startswith("SELECT grading."):
            note(str(cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()))

    sa.event.listen(engine, "before_cursor_execute", explain)
