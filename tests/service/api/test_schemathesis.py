"""schemathesis on all operations, with few examples; `python -m tests.fuzzing` has many and takes hours."""

from __future__ import annotations

from pathlib import Path

import pytest

from ...fuzzing.run import list_linked, list_operations, run_schemathesis
from ...fuzzing.seeds import make_seeds
from ...fuzzing.service import run_service


@pytest.mark.processes
def test_a_running_service_keeps_what_its_document_promises(tmp_path: Path) -> None:
    with run_service(tmp_path / "state") as service:
        make_seeds(service)
        single = run_schemathesis(service, tmp_path, examples=2, seed=1, phases="examples,fuzzing")
        linked = run_schemathesis(service, tmp_path, examples=12, seed=1, phases="stateful")
    assert single.status == 0, single.output[-6000:]
    assert linked.status == 0, linked.output[-6000:]
    assert not service.errors, service.errors[0]
    assert {request.operation for request in single.requests} == list_operations(service)
    wanted, reached = list_linked(service, linked)
    # The long run, with more steps, must reach nine in ten.
    assert len(reached) >= 0.6 * len(wanted), sorted(wanted - reached)
