from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from vivavoce.evaluation import accuracy, accuracy_page
from vivavoce.evaluation.accuracy import Case


def _cases(dataset: str, count: int, *, seed: int = 1) -> list[Case]:
    chance = random.Random(seed)
    return [
        Case(
            dataset=dataset,
            question=number % 3,
            language="en",
            human=chance.randrange(5) / 4,
            scores={name: chance.random() for name in ("rouge", "embedding", "judge", "combined")},
            likely=(0.25, 0.75),
            confidence=chance.choice([0.3, 0.6, 0.9]),
            needs_review=chance.random() < 0.2,
        )
        for number in range(count)
    ]


def _figures(*sets: Sequence[Case]) -> dict[str, Any]:
    """Figures of sets as the command makes them, without the intervals."""
    measured = {
        cases[0].dataset: {
            "file": f"{cases[0].dataset}.jsonl",
            **accuracy.measure_agreement(cases, seed=1, intervals=False),
            "unscored": 0,
        }
        for cases in sets
    }
    figures: dict[str, Any] = {"engine": "stub", "model": "m", "revision": "", "seed": 1, "sets": measured}
    if len(sets) > 1:
        every = [case for cases in sets for case in cases]
        figures |= {
            "macro": accuracy.average_sets(measured),
            "pooled": accuracy.measure_agreement(every, seed=1, intervals=False),
        }
    return figures


def _page(folder: Path, *sets: Sequence[Case], **changes: Any) -> str:
    path = folder / "page.html"
    accuracy_page.write_page(path, {**_figures(*sets), **changes}, [case for cases in sets for case in cases])
    return path.read_text(encoding="utf-8")


def _headings(page: str) -> list[str]:
    return re.findall(r"<h2[^>]*>(.*?)</h2>", page)


def _plots(page: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(plot) for plot in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]


def _descriptions(page: str) -> list[str]:
    """What each plot shows, in words, for people who do not see it."""
    descriptions = []
    for plot in _plots(page):
        assert plot.get("role") == "img"
        texts = {element.get("id"): element.text for element in plot if element.tag.endswith(("}title", "}desc"))}
        title, description = (texts[name] for name in str(plot.get("aria-labelledby")).split())
        assert str(title).endswith(": one")
        descriptions.append(str(description))
    return descriptions


def test_the_page_has_every_set_and_escapes_names(tmp_path: Path) -> None:
    sets = _cases("one", 40), _cases("a<b", 30, seed=2)
    page = _page(tmp_path, *sets)
    assert _page(tmp_path, *sets) == page
    assert _headings(page) == ["All answers together", "one", "a&lt;b"]
    assert "a<b" not in page
    assert "Mean over the sets" in page
    assert len(_plots(page)) == 9
    assert re.search(r"[\d.]+ % of the answers are sent to people", page)


def test_the_page_loads_nothing(tmp_path: Path) -> None:
    page = _page(tmp_path, _cases("one", 40))
    assert set(re.findall(r"\w+://[^\"'<>\s)]+", page)) == {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert not re.search(r"<script|<link|<iframe|@import|\bsrc=|\bon\w+=", page, re.IGNORECASE)


def test_a_plot_says_in_words_what_it_shows(tmp_path: Path) -> None:
    cases = _cases("one", 25)
    scatter, calibration, risk = _descriptions(_page(tmp_path, cases))
    assert scatter.startswith("25 answers. Pearson ")
    assert "2 to 3 answers in a bin" in calibration
    confident = accuracy.measure_agreement(cases, seed=1, intervals=False)["review"]["rmse_confident"]
    assert f"{confident:.2f} among 70%" in risk


def test_undefined_figures_are_named_so(tmp_path: Path) -> None:
    cases = [replace(case, human=0.5) for case in _cases("one", 10)]
    scatter, _, _ = _descriptions(_page(tmp_path, cases))
    assert scatter.startswith("10 answers. Pearson undefined, bias ")


def test_a_perfect_machine_has_a_page(tmp_path: Path) -> None:
    cases = [replace(case, scores={**case.scores, "combined": case.human}) for case in _cases("one", 12)]
    _, _, risk = _descriptions(_page(tmp_path, cases))
    assert risk.count("0.00 among") == 5


def test_each_id_is_unique_and_each_reference_leads_to_one(tmp_path: Path) -> None:
    page = _page(tmp_path, _cases("one", 40), _cases("two", 40))
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert {"set1-scatter-title", "set2-calibration-desc", "all-risk-title"} <= set(ids)
    named = " ".join(re.findall(r'aria-labelledby="([^"]+)"', page)).split()
    references = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', page)
    assert references
    assert {*named, *(first or second for first, second in references)} <= set(ids)


def test_every_table_has_a_caption_and_every_heading_a_scope(tmp_path: Path) -> None:
    page = _page(tmp_path, _cases("one", 40), _cases("two", 40))
    # Three of the page's own, one of the means, and two for each of three sections.
    assert page.count("<table") == page.count("<caption>") == 10
    assert re.findall(r"<th\b(?![^>]*\bscope=)[^>]*>", page) == []


def test_every_figure_and_row_is_explained(tmp_path: Path) -> None:
    cases = _cases("one", 10)
    page = _page(tmp_path, cases)
    rows = _figures(cases)["sets"]["one"]["rows"]
    assert set(accuracy_page.ROWS) == set(rows)
    assert set(accuracy_page.COLUMNS) == set(rows["combined"])
    for title, meaning in accuracy_page.COLUMNS.values():
        assert f'<th scope="row">{title}</th><td>{meaning.replace(chr(39), "&#39;")}</td>' in page


def test_the_judge_is_named(tmp_path: Path) -> None:
    cases = _cases("one", 10)
    assert "The judge was m on stub." in _page(tmp_path, cases)
    assert "The judge was qwen (abc) on vllm." in _page(tmp_path, cases, model="qwen", revision="abc", engine="vllm")


def test_plots_have_the_page_s_colours(tmp_path: Path) -> None:
    plots = "".join(ElementTree.tostring(plot, encoding="unicode") for plot in _plots(_page(tmp_path, _cases("o", 40))))
    assert re.findall(r"#[0-9a-f]{6}\b", plots) == []
    assert "var(--mark)" in plots


def test_a_set_of_one_answer_shows_what_is_defined(tmp_path: Path) -> None:
    page = _page(tmp_path, _cases("one", 1))
    assert _headings(page) == ["one"]
    assert "Mean over the sets" not in page
    assert "1 answer in a bin" in page
    assert re.search(r'<th scope="row">human</th>(<td>–</td>){8}</tr>', page)


def test_many_answers_make_no_large_page(tmp_path: Path) -> None:
    page = _page(tmp_path, _cases("one", 6000))
    assert len(page) < 400_000
    assert 'href="data:image/png;base64,' in page
