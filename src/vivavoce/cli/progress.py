"""Progress of long work: how much is done, how fast it goes, how long it will take."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text


def progress_bar(console: Console) -> Progress:
    """A bar with count, rate and time left."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TextColumn("time left"),
        TimeRemainingColumn(),
        console=console,
    )


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Items a minute since the start, once there is one."""
        if not task.completed or not task.elapsed:
            return Text("")
        return Text(f"{task.completed / task.elapsed * 60:.0f}/min")
