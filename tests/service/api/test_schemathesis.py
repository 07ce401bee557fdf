from __future__ import annotations

from pathlib import Path

import pytest

from ...fuzzing.run import list_linked, run_schemathesis
from ...fuzzing.service import run_service

# Of all paths, `python -m tests.fuzzing` takes an hour.
PATHS = "^/v1/(gradings|submissions|questions)"


@pytest.mark.processes
def test_a_running_service_keeps_what_its_document_promises(tmp_path: Path) -> None:
    with run_service(tmp_path / "state") as service:
        found = run_schemathesis(service, tmp_path, examples=2, seed=1, phases="examples,fuzzing,stateful", paths=PATHS)
        wanted, linked = list_linked(service, found, paths=PATHS)
    assert found.status == 0, found.output[-6000:]
    assert {request.operation for request in found.requests} >= wanted
    assert linked
