from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.progress import Progress

from vivavoce.cli.output.progress import progress_bar


@pytest.fixture
def progress() -> Progress:
    """A bar that draws nothing by itself."""
    return progress_bar(Console(file=io.StringIO()))


def _draw(progress: Progress) -> str:
    page = io.StringIO()
    Console(file=page, width=120).print(progress.get_renderable())
    return page.getvalue()


def _age(progress: Progress, seconds: float) -> None:
    """Make the first task look as if it had started that long ago."""
    (task,) = progress.tasks
    task.start_time = task.get_time() - seconds


def test_description_and_count_are_shown(progress: Progress) -> None:
    progress.add_task("Questions", total=12, completed=3)
    line = _draw(progress)
    assert line.startswith("Questions")
    assert "3/12" in line
    assert "time left" in line


def test_the_rate_is_per_minute_since_the_start(progress: Progress) -> None:
    bar = progress.add_task("Grading", total=100)
    progress.advance(bar, 15)
    _age(progress, 30)
    assert "30/min" in _draw(progress)


@pytest.mark.parametrize("started", [True, False])
def test_there_is_no_rate_before_the_first_item(progress: Progress, started: bool) -> None:
    progress.add_task("Grading", total=100, start=started)
    if started:
        _age(progress, 30)
    assert "/min" not in _draw(progress)


def test_a_bar_without_a_total_is_drawn(progress: Progress) -> None:
    bar = progress.add_task("answers", total=None)
    progress.advance(bar, 4)
    _age(progress, 120)
    line = _draw(progress)
    assert "4/?" in line
    assert "2/min" in line


@pytest.mark.parametrize(("wait", "remark"), [(0.1, False), (0.49, False), (0.5, True), (0.9, True)])
def test_a_busy_machine_is_named(
    progress: Progress, monkeypatch: pytest.MonkeyPatch, wait: float, remark: bool
) -> None:
    monkeypatch.setattr("vivavoce.cli.output.progress.read_processor_wait", lambda: wait)
    progress.add_task("Grading", total=100, completed=3)
    assert ("busy machine" in _draw(progress)) is remark
