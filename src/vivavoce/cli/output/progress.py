"""Progress bars for long work: how much is done, how fast it goes, and how long it will take."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text


def progress_bar(console: Console) -> Progress:
    """A bar with the count, the rate per minute and the time left."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TextColumn("time left"),
        TimeRemainingColumn(),
        console=console,
    )


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Mean items per minute since the start; empty before the first item."""
        if not task.completed or not task.elapsed:
            return Text("")
        return Text(f"{task.completed / task.elapsed * 60:.0f}/min")
