from __future__ import annotations

import os
from pathlib import Path

import pytest

from vivavoce.cli import machine_load


def test_linux_says_how_long_programs_waited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pressure = tmp_path / "cpu"
    pressure.write_text("some avg10=24.34 avg60=48.53 avg300=50.13 total=1\nfull avg10=0.00 avg60=0.00 total=0\n")
    monkeypatch.setattr(machine_load, "_PRESSURE", pressure)
    assert machine_load.read_processor_wait() == pytest.approx(0.2434)


@pytest.mark.parametrize(("load", "wait"), [(0.0, 0.0), (1.0, 0.0), (2.0, 0.0), (4.0, 0.5), (8.0, 0.75)])
def test_elsewhere_it_follows_from_the_load(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, load: float, wait: float
) -> None:
    monkeypatch.setattr(machine_load, "_PRESSURE", tmp_path / "missing")
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 9.0, 9.0))
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert machine_load.read_processor_wait() == wait
