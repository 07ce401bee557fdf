"""Commands that are imported when they are called, so that `viva` starts at once."""

from __future__ import annotations

from functools import cached_property
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand


class LazyCommand(TyperCommand):
    """Stands in the list of commands for a Typer application in a module that is not imported yet.

    `target` is MODULE:ATTRIBUTE of the application; `summary` is the first line of its help.
    """

    def __init__(self, name: str, *, target: str, summary: str) -> None:
        super().__init__(name, help=summary)
        self._target = target

    @cached_property
    def loaded(self) -> Any:
        """The command or group itself; imports its module at the first use."""
        module, _, attribute = self._target.partition(":")
        command = typer.main.get_command(getattr(import_module(module), attribute))
        # Typer names a command after its function.
        command.name = self.name
        return command

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the loaded command, which click then runs instead of this one."""
        return self.loaded.make_context(info_name, args, parent, **extra)
