from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pytest

from vivavoce.service.judges import versions as judge_versions
from vivavoce.service.judges.versions import Figures
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.workers.panel_factory import build_judge_key

from ..conftest import Viva

Register = Callable[..., str]
QUALIFY = ("bank", "qualify", "--question", "online-inference-system", "--language", "en", "--register")


@pytest.fixture
def register(database: SessionFactory) -> Register:
    """Registers a judge as `viva bank qualify --register` does; gives the id of the version."""

    def run(questions: Mapping[str, bool], *, revision: str = "1", language_gap: float | None = None) -> str:
        settings = Settings(judge_url="http://127.0.0.1:9", judge_model="stub", judge_revision=revision)
        figures = Figures(questions=questions, language_gap=language_gap)
        with database.begin() as session:
            return judge_versions.register(session, build_judge_key(settings), figures, engine_version="0.9").id

    return run


def _promote(viva: Viva, *arguments: str, revision: str = "1") -> tuple[int, str]:
    done = viva("judges", "promote", *arguments, VIVA_JUDGE_REVISION=revision)
    return done.returncode, done.stdout + done.stderr


def _active(viva: Viva) -> list[str]:
    return [version["revision"] for version in json.loads(viva("judges", "list", "--json").stdout) if version["active"]]


def test_a_judge_that_was_not_registered_is_refused(viva: Viva) -> None:
    status, message = _promote(viva)
    assert (status, message.startswith("viva: ")) == (1, True)
    assert "run 'viva bank qualify --register'" in message
    assert viva("judges", "list", "--json").stdout == "[]\n"


def test_the_first_judge_becomes_active(viva: Viva, register: Register) -> None:
    version = register({"retrieval/en": False})
    assert _promote(viva) == (0, f"active: {version}, stub\n")
    assert _active(viva) == ["1"]
    # Once more changes nothing.
    assert _promote(viva) == (0, f"active: {version}, stub\n")


@pytest.mark.parametrize(("at_least", "status"), [("0.5", 0), ("0.51", 1), ("0", 0)])
def test_a_share_of_questions_can_be_required(viva: Viva, register: Register, at_least: str, status: int) -> None:
    register({"retrieval/en": True, "retrieval/zh": False})
    assert _promote(viva, "--at-least", at_least)[0] == status


@pytest.mark.parametrize("share", ["1.1", "-0.1", "half"])
def test_a_share_is_between_0_and_1(viva: Viva, share: str) -> None:
    done = viva("judges", "promote", "--at-least", share)
    assert (done.returncode, "--at-least" in done.stderr) == (2, True)


def test_a_worse_judge_is_refused_and_the_old_one_stays(viva: Viva, register: Register) -> None:
    register({"a/en": True, "b/en": True})
    assert _promote(viva)[0] == 0
    register({"a/en": True, "b/en": False}, revision="2")
    status, message = _promote(viva, revision="2")
    assert status == 1
    assert "1 of 2 questions are in order" in message
    assert _active(viva) == ["1"]


def test_a_rollback_leads_to_the_judge_before(viva: Viva, register: Register) -> None:
    first = register({"a/en": True})
    second = register({"a/en": True}, revision="2")
    assert _promote(viva)[0] == 0
    assert viva("judges", "rollback").returncode == 1
    assert _promote(viva, revision="2")[0] == 0
    done = viva("judges", "rollback")
    assert (done.returncode, done.stdout) == (0, f"active again: {first}, stub\n")
    # One that was rolled back is not returned to.
    assert viva("judges", "rollback").returncode == 1
    states = {line.split("│")[1].strip(): line for line in viva("judges", "list").stdout.splitlines() if "stub" in line}
    assert states[first].rstrip(" │").endswith("active")
    assert "rolled back" in states[second]


def test_the_table_shows_the_figures(viva: Viva, register: Register) -> None:
    register({"a/en": True, "b/en": False, "c/en": True}, language_gap=0.0456)
    listed = viva("judges", "list").stdout
    assert "2 of 3" in listed
    assert "0.046" in listed
    assert "vllm 0.9" in listed
    register({"a/en": True}, revision="[/b]")
    assert "[/b]" in viva("judges", "list").stdout


def test_versions_are_listed_from_the_newest(viva: Viva, register: Register) -> None:
    ids = [register({"a/en": True}, revision=str(number)) for number in range(3)]
    versions = json.loads(viva("judges", "list", "--json").stdout)
    assert [version["id"] for version in versions] == ids[::-1]
    assert versions[0]["share_in_order"] == 1
    assert versions[0]["figures"]["questions"] == {"a/en": True}
    assert versions[0]["form"]["samples"] == 1
    assert versions[0]["registered_at"]
    assert versions[0]["promoted_at"] is None


@pytest.mark.processes
def test_a_judge_is_registered_promoted_and_rolled_back(viva: Viva) -> None:
    # Neither the stub nor the other signals order this question.
    registered = viva(*QUALIFY)
    assert registered.returncode == 0, registered.stderr
    assert "registered as judge version" in registered.stdout
    refused = viva("judges", "promote", "--at-least", "0.5")
    assert (refused.returncode, "0.0% of its questions" in refused.stderr) == (1, True)
    assert viva("judges", "promote").returncode == 0
    (first,) = json.loads(viva("judges", "list", "--json").stdout)
    assert (first["active"], first["model"], first["revision"]) == (True, "stub", "1")
    assert first["figures"]["questions"] == {"online-inference-system/en": False}
    assert first["engine_version"]

    assert viva(*QUALIFY, VIVA_JUDGE_REVISION="2").returncode == 0
    assert viva("judges", "promote", VIVA_JUDGE_REVISION="2").returncode == 0
    assert f"active again: {first['id']}" in viva("judges", "rollback").stdout
    listed = viva("judges", "list").stdout
    assert "active" in listed
    assert "rolled back" in listed
