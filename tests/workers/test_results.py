from __future__ import annotations

import math
from dataclasses import replace

import pytest

from vivavoce.rubrics import Rubric
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.workers.results import write_results

from ..service.samples import claim_batch, make_report, read_grading, submit_answer


def test_a_result_that_the_database_refuses_fails_alone(
    both_databases: SessionFactory, rubric: Rubric, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        submit_answer(both_databases, rubric, answer=f"INT{number}")
    batch = claim_batch(both_databases)
    assert batch
    reports = [make_report(), replace(make_report(), confidence=math.nan), make_report()]
    results = list(zip(batch.leases, reports, strict=True))
    written = write_results(both_databases, results, settings, retry_seconds=1.0)
    assert [outcome for _, _, outcome in written] == ["graded", "failed", "graded"]
    gradings = [read_grading(both_databases, lease.grading_id) for lease in batch.leases]
    assert [grading.state for grading in gradings] == ["graded", "failed", "graded"]
    assert (gradings[1].reason, gradings[1].report, gradings[1].attempt) == ("internal", None, 1)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
