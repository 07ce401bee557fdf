from __future__ import annotations

import re
from pathlib import Path

import pytest

from vivavoce.cli.main import COMMANDS
from vivavoce.graders import Flag, UnscoredReason
from vivavoce.service.settings import Settings
from vivavoce.service.storage.tables import State

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/*.md")]


def _text(*names: str) -> str:
    return "\n".join((ROOT / name).read_text(encoding="utf-8") for name in names)


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_documented_as_it_is(name: str) -> None:
    assert f"| `VIVA_{name.upper()}` |" in _text("docs/settings.md")
    assert str(Settings.model_fields[name].description) in _text("docs/settings.md")


def test_every_command_is_documented() -> None:
    assert [name for name, _, _ in COMMANDS if f"viva {name}" not in _text("docs/commands.md")] == []


@pytest.mark.parametrize("word", [*UnscoredReason, *Flag, *State])
def test_every_word_of_a_result_is_documented(word: str) -> None:
    assert f"`{word}`" in _text("docs/api.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_the_readme_states_the_two_commands_first() -> None:
    readme = _text("README.md")
    assert readme.index("make demo") < readme.index("make test") < readme.index("##")
