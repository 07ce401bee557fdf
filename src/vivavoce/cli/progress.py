"""How fast long work goes."""

from __future__ import annotations

from rich.progress import ProgressColumn, Task
from rich.text import Text


class Rate(ProgressColumn):
    """Items a minute."""

    def render(self, task: Task) -> Text:
        """The rate since the start, once there is one."""
        if not task.completed or not task.elapsed:
            return Text("")
        return Text(f"{task.completed / task.elapsed * 60:.0f}/min")
