from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from vivavoce.rubrics import Bank
from vivavoce.service.access.local_key import ensure_local_key
from vivavoce.service.app import create_app
from vivavoce.service.notifier import SilentNotifier
from vivavoce.service.settings import Settings
from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import SessionFactory

from ..conftest import Viva

Ask = Callable[[str], tuple[int, dict[str, str]]]


@pytest.fixture
def ask(settings: Settings, database: SessionFactory, bank: Bank) -> Ask:
    """What the API of the command's database says to a key: status, and organisation, role and name of the key."""
    app = create_app(settings, sessions=database, bank=bank, notifier=SilentNotifier(), judge_status=lambda: "ok")

    def run(key: str) -> tuple[int, dict[str, str]]:
        reply = TestClient(app).get("/v1/me", headers={"Authorization": f"Bearer {key}"})
        found = reply.json()
        if reply.status_code != 200:
            return reply.status_code, found
        owner = found["organisation"]
        return 200, {
            "organisation": owner["name"] or owner["id"],
            "role": found["key"]["role"],
            "name": found["key"]["name"],
            "expires": str(found["key"]["expires_at"]),
        }

    return run


def _key(viva: Viva, *arguments: str) -> str:
    done = viva("admin", *arguments)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    return line


def test_the_first_key_of_a_fresh_installation_is_an_administrators(viva: Viva, ask: Ask) -> None:
    done = viva("admin", "create")
    (key,) = done.stdout.splitlines()
    assert ask(key) == (200, {"organisation": "default", "role": "admin", "name": "admin", "expires": "None"})
    assert "it is shown this once" in done.stderr
    assert key not in done.stderr
    assert key not in viva("admin", "list").stdout + viva("admin", "list").stderr


def test_a_key_has_role_name_expiry_and_an_organisation_of_its_own(viva: Viva, ask: Ask) -> None:
    options = ("--role", "integrator", "--name", "招聘系统", "--expires", "2099-12-31", "--organisation", "甲公司")
    key = _key(viva, "create", *options)
    assert ask(key) == (
        200,
        {"organisation": "甲公司", "role": "integrator", "name": "招聘系统", "expires": "2100-01-01T00:00:00Z"},
    )
    again = viva("admin", "create", "--organisation", "甲公司")
    assert "Made the organisation" not in again.stderr
    assert ask(again.stdout.strip())[1]["organisation"] == "甲公司"
    shown = viva("admin", "list", "--organisation", "甲公司").stdout
    assert ("招聘系统" in shown, "default" in shown) == (True, False)


def test_a_rotated_key_works_until_its_overlap_ends(viva: Viva, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    old = _key(viva, "create", "--role", "auditor")
    new = _key(viva, "rotate", old[5:17], "--overlap-hours", "1")
    assert new != old
    assert [ask(key)[1]["role"] for key in (old, new)] == ["auditor", "auditor"]
    later = clock.now() + timedelta(hours=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert [ask(key)[0] for key in (old, new)] == [401, 200]


def test_a_revoked_key_ends_at_once(viva: Viva, ask: Ask) -> None:
    key = _key(viva, "create")
    assert viva("admin", "revoke", key[5:17]).stdout.strip() == f"The key {key[5:17]} is revoked."
    assert ask(key)[0] == 401
    assert "revoked" in viva("admin", "list").stdout


def test_the_trail_names_who_made_a_key(viva: Viva) -> None:
    key = _key(viva, "create")
    shown = viva("audit", "list").stdout
    assert ("key_created" in shown, key[5:17] in shown, key in shown) == (True, True, False)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("create", "--expires", "tomorrow"), "'tomorrow' is no date: give --expires as year-month-day"),
        (("create", "--expires", "2020-01-01"), "The key would have expired already"),
        (("create", "--name", " "), "--name is empty, longer than 100 characters or not printable"),
        (("create", "--organisation", "a\tb"), "--organisation is empty, longer than 200 characters or not printable"),
        (("list", "--organisation", "nobody"), "There is no organisation 'nobody'"),
        (("rotate", "0" * 12), "There is no key with that id"),
        (("revoke", "0" * 12), "There is no key with that id"),
    ],
)
def test_a_mistake_is_one_sentence(
    viva: Viva, database: SessionFactory, arguments: tuple[str, ...], sentence: str
) -> None:
    done = viva("admin", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(f"viva: {sentence}")
    assert done.stderr.count("\n") == 1
    assert not done.stdout


def test_the_local_key_is_the_one_that_the_service_made(
    viva: Viva, settings: Settings, database: SessionFactory, ask: Ask
) -> None:
    missing = viva("admin", "local-key")
    assert missing.returncode == 2
    assert missing.stderr.startswith("viva: There is no local key in")
    assert "start 'viva serve' once" in missing.stderr
    ensure_local_key(settings, database)
    assert ask(_key(viva, "local-key"))[1]["name"] == "local"


def test_where_others_use_the_database_there_is_no_local_key(viva: Viva) -> None:
    done = viva("admin", "local-key", VIVA_DATABASE_URL="sqlite:////tmp/nobody.db")
    assert done.returncode == 2
    assert done.stderr == (
        "viva: In production and with VIVA_DATABASE_URL there is no local key: make one with 'viva admin create'.\n"
    )
