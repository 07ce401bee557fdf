from __future__ import annotations

import json
from pathlib import Path

import pytest

from vivavoce.cli.errors import UserError
from vivavoce.cli.output.console import format_change, format_figure, format_share, parse_language, write_figures


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(0.12345, 3, "0.123"), (0.9996, 3, "1.000"), (7.25, 1, "7.2"), (-0.5, 2, "-0.50"), (3, 0, "3"), (None, 2, "–")],
)
def test_figures_have_fixed_decimals(value: float | None, digits: int, text: str) -> None:
    assert format_figure(value, digits) == text


@pytest.mark.parametrize(("value", "text"), [(0.5, "+0.50"), (-0.125, "-0.12"), (0.0, "+0.00"), (None, "–")])
def test_changes_carry_their_sign(value: float | None, text: str) -> None:
    assert format_change(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.0, "0%"), (0.256, "26%"), (1.0, "100%"), (None, "–")])
def test_shares_are_whole_percentages(value: float | None, text: str) -> None:
    assert format_share(value) == text


@pytest.mark.parametrize("name", ["zh", "en"])
def test_both_languages_are_known(name: str) -> None:
    assert parse_language(name) == name


@pytest.mark.parametrize("name", ["", "ZH", "fr", "both"])
def test_any_other_language_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=f"There is no language '{name}': use zh or en."):
        parse_language(name)


def test_figures_are_written_as_readable_json(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    write_figures(file, {"题目": "量化", "share": 0.5})
    text = file.read_text(encoding="utf-8")
    assert json.loads(text) == {"题目": "量化", "share": 0.5}
    assert "量化" in text
    assert text.endswith("}\n")


def test_without_a_file_no_figures_are_written(tmp_path: Path) -> None:
    write_figures(None, {"share": 0.5})
    assert list(tmp_path.iterdir()) == []
