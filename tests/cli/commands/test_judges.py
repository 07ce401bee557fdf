from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

Viva = Callable[..., subprocess.CompletedProcess[str]]
QUALIFY = ("bank", "qualify", "--question", "online-inference-system", "--language", "en", "--register")


def test_a_judge_is_registered_promoted_and_taken_back(viva: Viva) -> None:
    refused = viva("judges", "promote")
    assert (refused.returncode, "--register" in refused.stderr) == (1, True)
    # Neither the stub nor the other signals master this question: that is kept, and the promotion decides.
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
    assert viva("judges", "rollback").returncode == 1

    assert viva(*QUALIFY, VIVA_JUDGE_REVISION="2").returncode == 0
    assert viva("judges", "promote", VIVA_JUDGE_REVISION="2").returncode == 0
    assert f"active again: {first['id']}" in viva("judges", "rollback").stdout
    listed = viva("judges", "list").stdout
    assert "active" in listed
    assert "taken back" in listed
