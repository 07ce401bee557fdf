from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from vivavoce.graders import JudgeFailure, UnscoredReason
from vivavoce.graders.testing import scripted_panel
from vivavoce.service.gradings import lifecycle
from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import State

from ..conftest import Submit, Viva

NONSENSE = JudgeFailure(UnscoredReason.PARSE, "the reply has no verdict")


@pytest.fixture
def failed(submit: Submit, grade_waiting: Callable[..., None]) -> list[str]:
    """Two gradings that failed."""
    ids = submit("INT8", "fewer bits", candidate="c-17")
    grade_waiting(scripted_panel(lambda answer, criterion: NONSENSE))
    return ids


def _count(output: str, state: str) -> int:
    (count,) = re.findall(rf"\b{state}\b\D+(\d+)", output)
    return int(count)


def _state(database: SessionFactory, grading_id: str) -> State:
    with database() as session:
        return State(lifecycle.get(session, grading_id).state)


def test_every_state_is_counted(viva: Viva, submit: Submit, grade_waiting: Callable[..., None]) -> None:
    submit("INT8", "I don't know.")
    grade_waiting()
    submit("fewer bits")
    shown = viva("queue").stdout
    assert {state: _count(shown, state) for state in State} == {
        **dict.fromkeys(State, 0),
        State.GRADED: 2,
        State.QUEUED: 1,
    }


def test_the_age_is_that_of_the_oldest_open_grading(
    viva: Viva, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "age of the oldest open grading: nothing is open" in viva("queue").stdout
    submit("INT8")
    later = clock.now() + timedelta(seconds=75)
    monkeypatch.setattr(clock, "now", lambda: later)
    submit("fewer bits")
    age = re.search(r"age of the oldest open grading: (\d+) s", viva("queue").stdout)
    assert age
    assert int(age[1]) in (75, 76)


def test_gradings_of_a_state_are_listed_with_their_reason(viva: Viva, failed: list[str], submit: Submit) -> None:
    (other,) = submit("4 bits")
    listed = viva("queue", "--state", "failed").stdout
    assert all(grading_id in listed for grading_id in failed)
    assert other not in listed
    assert listed.count("c-17") == 2
    assert "parse: the reply has no verdict" in listed
    assert "quantization" in listed


@pytest.mark.parametrize("candidate", ["[/b]", "[red]x[/red]"])
def test_brackets_of_a_candidate_are_shown(viva: Viva, submit: Submit, candidate: str) -> None:
    submit("INT8", candidate=candidate)
    done = viva("queue", "--state", "queued")
    assert (done.returncode, candidate in done.stdout) == (0, True)


def test_all_of_a_state_are_requeued(
    viva: Viva, failed: list[str], database: SessionFactory, grade_waiting: Callable[..., None]
) -> None:
    assert "2 of 2 gradings are queued now" in viva("queue", "requeue", "--state", "failed").stdout
    grade_waiting()
    assert [_state(database, grading_id) for grading_id in failed] == [State.GRADED] * 2


def test_only_named_gradings_are_requeued(viva: Viva, failed: list[str], database: SessionFactory) -> None:
    assert "1 of 1 gradings are queued now" in viva("queue", "requeue", failed[1]).stdout
    assert [_state(database, grading_id) for grading_id in failed] == [State.FAILED, State.QUEUED]


def test_a_graded_answer_is_not_requeued(
    viva: Viva, submit: Submit, grade_waiting: Callable[..., None], database: SessionFactory
) -> None:
    (grading_id,) = submit("INT8")
    grade_waiting()
    assert "0 of 1 gradings are queued now" in viva("queue", "requeue", grading_id).stdout
    assert _state(database, grading_id) is State.GRADED


def test_cancelled_gradings_can_be_requeued(viva: Viva, submit: Submit, database: SessionFactory) -> None:
    ids = submit("INT8", "fewer bits")
    assert "2 gradings are cancelled" in viva("queue", "cancel", *ids).stdout
    assert _state(database, ids[0]) is State.CANCELLED
    assert "2 of 2 gradings are queued now" in viva("queue", "requeue", "--state", "cancelled").stdout


def test_cancelling_is_all_or_nothing(
    viva: Viva, submit: Submit, grade_waiting: Callable[..., None], database: SessionFactory
) -> None:
    (finished,) = submit("INT8")
    grade_waiting()
    (waiting,) = submit("fewer bits")
    done = viva("queue", "cancel", waiting, finished)
    assert done.returncode == 2
    assert _state(database, waiting) is State.QUEUED


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--state", "lost"], "There is no state 'lost': use one of queued, running, graded"),
        (["requeue"], "use one of the two"),
        (["requeue", "some", "--state", "failed"], "use one of the two"),
        (["requeue", "--state", "lost"], "There is no state 'lost'"),
        (["requeue", "nothing"], "There is no grading 'nothing'"),
        (["cancel", "nothing"], "There is no grading 'nothing'"),
        (["cancel"], "Missing argument"),
    ],
)
def test_mistakes_are_one_sentence(viva: Viva, arguments: list[str], words: str) -> None:
    done = viva("queue", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
