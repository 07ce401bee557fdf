from __future__ import annotations

import re
from pathlib import Path

import pytest

from vivavoce.service.access.scopes import SCOPES_BY_ROLE, Role, Scope

PAGE = Path(__file__).parents[3] / "docs" / "api" / "keys.md"


def test_the_table_of_roles_and_scopes_is_true() -> None:
    rows = re.findall(r"^\| `(\w+:\w+)` \| [^|]+ \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    told = {
        role: {scope for scope, cells in rows if cells.split(" | ")[number] == "yes"}
        for number, role in enumerate(("admin", "interviewer", "integrator", "auditor"))
    }
    assert told == {role.value: {scope.value for scope in scopes} for role, scopes in SCOPES_BY_ROLE.items()}
    assert [scope for scope, _ in rows] == list(Scope)


@pytest.mark.parametrize("scope", [Scope.ANSWER_KEY_READ, Scope.KEYS_WRITE, Scope.SERVICE_READ])
def test_tools_never_get_what_candidates_must_not_see(scope: Scope) -> None:
    assert scope not in SCOPES_BY_ROLE[Role.INTEGRATOR]


def test_an_auditor_changes_nothing_but_exports() -> None:
    writes = {scope for scope in SCOPES_BY_ROLE[Role.AUDITOR] if scope.endswith(":write")}
    assert writes == {Scope.EXPORTS_WRITE}
