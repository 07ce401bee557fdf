from __future__ import annotations

from pathlib import Path

import pytest

from .measuring import measure


@pytest.mark.processes
def test_answers_go_in_and_out_with_their_ids(tmp_path: Path) -> None:
    steps = list(measure(tmp_path, rows=40, upload_formats=["csv", "xlsx"], formats=["csv", "xlsx", "jsonl"]))
    assert [(step.name, problem) for step in steps for problem in step.problems if not problem.startswith("took")] == []
    assert [step.answers for step in steps] == [40] * 9
