from __future__ import annotations

import os
from pathlib import Path

import pytest

from vivavoce.cli.errors import UserError, require_new_file, require_writable


def test_a_missing_option_needs_no_file() -> None:
    require_writable(None, option="--json")


@pytest.mark.parametrize("exists", [True, False])
def test_a_writable_file_is_accepted_and_left_alone(tmp_path: Path, exists: bool) -> None:
    file = tmp_path / "figures.json"
    if exists:
        file.write_text("before", encoding="utf-8")
    require_writable(file, option="--json")
    assert file.exists() == exists
    assert not exists or file.read_text(encoding="utf-8") == "before"


def test_a_name_without_folder_is_in_the_present_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    require_writable(Path("figures.json"), option="--json")


def test_a_folder_is_no_place_for_figures(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder: name a file with --html"):
        require_writable(tmp_path, option="--html")


@pytest.mark.parametrize("parent", ["missing", "file"])
def test_the_folder_of_a_file_must_exist(tmp_path: Path, parent: str) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UserError, match=f"{parent} is not a folder: create it, or name another file with --json"):
        require_writable(tmp_path / parent / "figures.json", option="--json")


@pytest.mark.parametrize("exists", [True, False])
def test_permissions_of_file_or_folder_decide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exists: bool) -> None:
    file = tmp_path / "figures.json"
    if exists:
        file.write_text("", encoding="utf-8")
    asked: list[tuple[Path, int]] = []
    # The tests may run as root, who may write everywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: bool(asked.append((path, mode))))
    with pytest.raises(UserError, match="cannot be written: check its permissions, or name another file with --json"):
        require_writable(file, option="--json")
    assert asked == [(file if exists else tmp_path, os.W_OK)]


def test_a_new_file_is_returned(tmp_path: Path) -> None:
    assert require_new_file(tmp_path / "draft.yaml") == tmp_path / "draft.yaml"


def test_an_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "draft.yaml"
    file.write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match="exists: name another file with --out, or remove it"):
        require_new_file(file)
