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
# The records of research and decisions may name commits, what users read may not.
USER_PAGES = [page for page in PAGES if page.parent.name not in ("research", "decisions")]
SOURCES = ("rubrics", "graders", "service", "workers", "src", "deploy", "tests")


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


def _headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_anchors_lead_to_headings(page: Path) -> None:
    links = re.findall(r"\]\(([^):#]*)#([^)]+)\)", page.read_text(encoding="utf-8"))
    assert [
        (name, anchor) for name, anchor in links if anchor not in _headings(page.parent / name if name else page)
    ] == []


@pytest.mark.parametrize("page", USER_PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_user_pages_name_no_commit(page: Path) -> None:
    hashes = re.findall(r"\b[0-9a-f]{7,40}\b", page.read_text(encoding="utf-8"))
    assert [word for word in hashes if re.search("[a-f]", word) and re.search("[0-9]", word)] == []


def test_accuracy_fits_on_a_page() -> None:
    assert len(_text("docs/accuracy.md").splitlines()) <= 90


def test_architecture_names_files_that_exist() -> None:
    paths = [path.as_posix() for folder in SOURCES for path in (ROOT / folder).rglob("*.*")]
    named = set(re.findall(r"`([\w./-]+\.(?:py|yaml|conf))`", _text("ARCHITECTURE.md")))
    assert {name for name in named if not any(path.endswith(f"/{name}") for path in paths)} == set()


def test_architecture_names_functions_of_their_files() -> None:
    named = re.findall(r"`([\w/]+\.py)` \(`(\w+)`", _text("ARCHITECTURE.md"))
    assert len(named) >= 5
    assert [(file, name) for file, name in named if f"def {name}(" not in _text(file)] == []
