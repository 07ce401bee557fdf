from __future__ import annotations

import pytest

from vivavoce.rubrics.formats.html_text import html_to_text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("<p>Explains&nbsp;<b>why</b></p>", "Explains why"),
        ("<p>&nbsp;</p>", ""),
        ("One<br/>two", "One\ntwo"),
        ("<ul><li>One</li><li>Two</li></ul>", "- One\n- Two"),
        ('<p class="x">A &amp; B</p><p>C</p>', "A & B\nC"),
        ('See <img src="x.png" alt="the graph">', "See [picture: the graph]"),
        ("x<!-- hidden --> y <strong>z</strong>", "x y z"),
        ("<P>好&#65292;是</P>", "好，是"),
        ("a < b, vector<int>, names the <table> tag", "a < b, vector<int>, names the <table> tag"),
        ("  blanks  stay  ", "  blanks  stay  "),
        ("R&D &notes; x", "R&D &notes; x"),
    ],
)
def test_html_becomes_text_and_text_stays(text: str, plain: str) -> None:
    assert html_to_text(text) == plain
