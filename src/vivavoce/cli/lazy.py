"""Commands that are imported when they are called, so that `viva` starts at once."""

from __future__ import annotations

from functools import cached_property
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand


class LazyCommand(TyperCommand):
    """A command, or a group of commands, by the Typer application that defines it.

    `target` is MODULE:ATTRIBUTE; `summary` is the first line of its help, which the list of commands shows.
    """

    def __init__(self, name: str, *, target: str, summary: str) -> None:
        super().__init__(name, help=summary)
        self._target = target

    @cached_property
    def loaded(self) -> Any:
        """The command itself."""
        module, _, attribute = self._target.partition(":")
        command = typer.main.get_command(getattr(import_module(module), attribute))
        command.name = self.name
        return command

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the command itself, which is then the one that runs."""
        return self.loaded.make_context(info_name, args, parent, **extra)
