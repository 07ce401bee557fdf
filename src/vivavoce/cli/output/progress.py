"""Progress bars for long work: how much is done, how fast it goes, how long it will take, and what slows it down."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from ..machine_load import BUSY, read_processor_wait


def progress_bar(console: Console) -> Progress:
    """A bar with the count, the rate per minute, the time left, and a remark while other programs slow it down."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TextColumn("time left"),
        TimeRemainingColumn(),
        _BusyColumn(),
        console=console,
    )


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Mean items per minute since the start; empty before the first item."""
        if not task.completed or not task.elapsed:
            return Text("")
        return Text(f"{task.completed / task.elapsed * 60:.0f}/min")


class _BusyColumn(ProgressColumn):
    # The system's figure is a mean over ten seconds.
    max_refresh = 5.0

    def render(self, task: Task) -> Text:
        """A remark while programs wait for a processor most of the time; else empty."""
        if task.finished or read_processor_wait() < BUSY:
            return Text("")
        return Text("busy machine", style="yellow")
