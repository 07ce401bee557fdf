from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.tables.writing.formula_guard import add_guard, remove_guard, starts_formula


@pytest.mark.parametrize(
    "text",
    [
        '=HYPERLINK("http://x.invalid","INT8")',
        "=1+1",
        "+1+1",
        "-2+3",
        "@SUM(A1) INT8",
        "- INT8 weights",
        "\t=1",
        "\rx",
        "\nx",
        "  =1",
        "\u3000=1",
        "\u00a0=1",
        "\u200b=1",
        "\ufeff=1",
        "＝1+1",
        "＋1+1",
        "－1",
        "＠SUM(A1)",
        "'=1",
        '"=1"',
        "-a",
        "-3.5 points",
        "--1",
    ],
)
def test_what_a_spreadsheet_would_run_is_made_text(text: str) -> None:
    assert starts_formula(text)
    assert add_guard(text) == "'" + text
    assert remove_guard("'" + text) == text


@pytest.mark.parametrize(
    "text", ["", "-3.5", "+7", "-3,5", "-1.2e-3", "-12 %", "INT8 = 8 bits", "'tis", "a@b.c", "–5", "-", "--", "---"]
)
def test_other_text_and_numbers_stay(text: str) -> None:
    assert add_guard(text) == text
    assert remove_guard(text) == text


@given(st.text(st.sampled_from("'\"=+-@＝ \t\r\n\u3000a1.,%e"), max_size=6))
def test_the_way_back_is_exact(text: str) -> None:
    assert remove_guard(add_guard(text)) == text
    assert not starts_formula(add_guard(text)) or add_guard(text).startswith("'")
