from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import click
import pytest
import typer
from click.testing import CliRunner

from vivavoce.cli.lazy import LazyCommand

MODULE = "a_module_of_this_test"


def _offer(monkeypatch: pytest.MonkeyPatch, **applications: typer.Typer) -> None:
    monkeypatch.setitem(sys.modules, MODULE, SimpleNamespace(**applications))  # type: ignore[arg-type]


def _group(*commands: LazyCommand) -> click.Group:
    return click.Group("viva", commands={str(command.name): command for command in commands})


def _run(command: click.Command, *arguments: str) -> Any:
    return CliRunner().invoke(command, arguments)


def test_listing_commands_imports_none() -> None:
    group = _group(LazyCommand("greet", target="no_such_module:app", summary="Say hello."))
    listed = _run(group, "--help")
    assert listed.exit_code == 0
    assert "greet  Say hello." in listed.output


def test_a_missing_module_shows_only_when_called() -> None:
    command = LazyCommand("greet", target="no_such_module:app", summary="Say hello.")
    assert isinstance(_run(_group(command), "greet").exception, ModuleNotFoundError)


def test_a_called_command_gets_its_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    app = typer.Typer()

    @app.command()
    def say_hello(name: str, times: int = 1) -> None:
        """Say hello to somebody."""
        typer.echo(f"hello {name} " * times)

    _offer(monkeypatch, app=app)
    group = _group(LazyCommand("greet", target=f"{MODULE}:app", summary="Say hello."))
    assert _run(group, "greet", "you", "--times", "2").output == "hello you hello you \n"
    # The help is that of the command, under the name of the list.
    helped = _run(group, "greet", "--help").output
    assert "Usage: viva greet" in helped
    assert "Say hello to somebody." in helped


def test_a_group_of_commands_is_loaded_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    app = typer.Typer()
    calls: list[str] = []
    app.command("first")(lambda: calls.append("first"))
    app.command("second")(lambda: calls.append("second"))
    _offer(monkeypatch, tools=app)
    group = _group(LazyCommand("tools", target=f"{MODULE}:tools", summary="Tools."))
    assert _run(group, "tools", "second").exit_code == 0
    assert calls == ["second"]


def test_the_command_is_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    app = typer.Typer()
    app.command()(lambda: None)
    _offer(monkeypatch, app=app)
    command = LazyCommand("greet", target=f"{MODULE}:app", summary="Say hello.")
    assert command.loaded is command.loaded
    assert command.loaded.name == "greet"
