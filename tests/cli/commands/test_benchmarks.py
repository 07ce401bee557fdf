from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

import numpy as np
import pytest

from vivavoce.evaluation import accuracy, accuracy_page, agreement, invariance, prompt_forms, review_policies
from vivavoce.evaluation.accuracy import Case
from vivavoce.evaluation.errors import EvaluationError
from vivavoce.evaluation.invariance import BANK, Move, Sample
from vivavoce.graders import JudgeFailure, UnscoredReason
from vivavoce.graders.judge.servers.stub import StubJudgeServer
from vivavoce.graders.scoring.confidence import ReviewPolicy
from vivavoce.graders.testing import scripted_panel
from vivavoce.rubrics import QualificationSet, Rubric, default_bank, load_qualifications
from vivavoce.rubrics.qualification import QUALITIES

from ...rubrics.test_qualification import document
from ..conftest import Viva
from ..graded_data import DOCUMENTED, list_keys, write_graded


def test_the_judge_is_measured_and_every_figure_documented(viva: Viva, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    arguments = ["--answers", "4", "--repeats", "2", "--batch-sizes", "1,4", "--rounds", "1", "--json", str(out)]
    done = viva("bench", "judge", *arguments)
    assert done.returncode == 0, done.stderr
    figures = json.loads(out.read_text(encoding="utf-8"))
    assert figures["answers"] == 4
    assert figures["score_spread"] == 0.0
    assert figures["failed"] == 0
    assert figures["throughput_ratio"] > 0
    for key in list_keys(figures):
        assert re.search(rf"`{re.escape(key)}`", DOCUMENTED), key


def test_a_judge_that_is_away_cannot_be_measured(viva: Viva, stub_judge: StubJudgeServer) -> None:
    stub_judge.behave("http_500")
    done = viva("bench", "judge", "--answers", "2", "--batch-sizes", "1")
    assert done.returncode == 2
    assert "does not answer" in done.stderr
    assert "as in 1,8,32" in viva("bench", "judge", "--batch-sizes", "some").stderr


def test_forms_are_compared_and_interrupted_runs_continue(
    viva: Viva, tmp_path: Path, stub_judge: StubJudgeServer
) -> None:
    files = [write_graded(tmp_path, "one.jsonl"), write_graded(tmp_path, "two.jsonl")]
    keep, out = tmp_path / "kept.jsonl", tmp_path / "forms.json"
    arguments = ["bench", "forms", *map(str, files), "--answers", "16", "--keep", str(keep), "--json", str(out)]
    done = viva(*arguments)
    assert done.returncode == 0, done.stderr
    rows = json.loads(out.read_text(encoding="utf-8"))
    assert [row["form"] for row in rows["forms"]] == [str(form) for form in prompt_forms.FORMS]
    assert {row["answers"] for row in rows["forms"]} == {16}
    assert all(row["pearson"] > 0.9 for row in rows["forms"])
    assert rows["forms"][0]["over_first"] is None
    assert all(low <= high for low, high in (row["over_first"] for row in rows["forms"][1:]))
    for key in list_keys(rows):
        assert re.search(rf"`{re.escape(key)}`", DOCUMENTED), key

    lines = keep.read_text(encoding="utf-8").splitlines()
    keep.write_text("\n".join(lines[: len(lines) // 2]) + "\n", encoding="utf-8")
    stub_judge.prompts.clear()
    assert viva(*arguments).returncode == 0
    assert json.loads(out.read_text(encoding="utf-8")) == rows
    assert len(stub_judge.prompts) > 0


def test_accuracy_is_measured_and_not_judged_twice(viva: Viva, tmp_path: Path, stub_judge: StubJudgeServer) -> None:
    files = [write_graded(tmp_path, "one.jsonl", answers=8), write_graded(tmp_path, "two.jsonl")]
    rows = [json.loads(line) for line in files[0].read_text(encoding="utf-8").splitlines()]
    files[0].write_text(
        "\n".join(json.dumps({**row, "raters": [row["score"], row["score"]]}) for row in rows), encoding="utf-8"
    )
    out, page = tmp_path / "figures.json", tmp_path / "page.html"
    arguments = ["bench", "accuracy", *map(str, files), "--limit", "12", "--json", str(out), "--html", str(page)]
    done = viva(*arguments)
    assert done.returncode == 0, done.stderr
    figures = json.loads(out.read_text(encoding="utf-8"))
    assert set(figures["sets"]) == {"one", "two"}
    measured = figures["sets"]["one"]
    assert (measured["n"], measured["lang"], measured["unscored"]) == (12, "en", 0)
    assert set(measured["rows"]) == {"rouge", "embedding", "judge", "combined", "mean", "human"}
    assert measured["rows"]["judge"]["pearson"] > 0.9
    assert measured["rows"]["human"]["pearson"] == pytest.approx(1)
    assert measured["rows"]["mean"]["pearson"] is None
    assert measured["rows"]["mean"]["bias"] == pytest.approx(0)
    assert figures["sets"]["two"]["rows"]["human"] is None
    assert figures["pooled"]["n"] == 24
    assert (figures["model"], figures["revision"], measured["file"]) == ("stub", "1", str(files[0]))
    assert measured["review"]["rmse_all"] >= measured["review"]["rmse_confident"] >= 0
    assert 0 <= measured["review"]["confidence_ece"] <= 1
    assert 0 <= measured["review"]["in_range"] <= 1
    low, high = measured["intervals"]["combined"]["pearson"]
    assert low <= measured["rows"]["combined"]["pearson"] <= high
    for key in list_keys(figures):
        assert re.search(rf"`{re.escape(key)}`", DOCUMENTED), key

    drawn = page.read_bytes()
    assert _headings(drawn.decode()) == ["All answers together", "one", "two"]
    assert f"{measured['rows']['combined']['spearman']:.3f}" in drawn.decode()
    assert f"{low:.2f} to {high:.2f}" in drawn.decode()

    stub_judge.prompts.clear()
    assert viva(*arguments).returncode == 0
    assert json.loads(out.read_text(encoding="utf-8")) == figures
    assert page.read_bytes() == drawn
    assert not stub_judge.prompts


@pytest.mark.parametrize("option", ["--json", "--html"])
def test_an_unwritable_file_grades_nothing(
    viva: Viva, tmp_path: Path, stub_judge: StubJudgeServer, option: str
) -> None:
    data = write_graded(tmp_path, "one.jsonl")
    done = viva("bench", "accuracy", data, option, tmp_path / "unavailable" / "file")
    assert done.returncode == 2
    assert f"unavailable is not a folder: create it, or name another file with {option}." in done.stderr
    assert f"is a folder: name a file with {option}." in viva("bench", "accuracy", data, option, tmp_path).stderr
    assert not stub_judge.prompts


def test_a_policy_sends_the_least_certain_first() -> None:
    confidence = np.arange(10) / 10
    human = np.array([1.0, 1.0, *[0.5] * 8])
    machine = np.array([0.0, 0.9, *[0.5] * 8])
    rows = review_policies.compare(human, machine, confidence, review=ReviewPolicy())
    nothing, first, second, _, near = rows
    assert (nothing["share"], nothing["rmse_kept"], nothing["below"]) == (0, agreement.rmse(human, machine), None)
    assert (first["policy"], first["share"], first["below"]) == ("the least certain 10%", 0.1, 0.1)
    assert (nothing["wrong_side"], first["wrong_side"]) == (0.1, 0)
    assert (second["share"], second["rmse_kept"]) == (0.2, 0)
    assert (near["policy"], near["share"]) == ("within 0.5 of 6", 0)


def test_equal_confidence_goes_to_a_person_together() -> None:
    scores = np.full(10, 0.5)
    confidence = np.array([0.2] * 4 + [0.8] * 6)
    rows = review_policies.compare(scores, scores, confidence, review=ReviewPolicy(pass_mark=5.2))
    assert [row["share"] for row in rows] == [0, 0.4, 0.4, 0.4, 1]
    everybody = review_policies.compare(scores, scores, scores, review=ReviewPolicy())[1]
    assert (everybody["share"], everybody["rmse_kept"]) == (1, None)


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


def _found(*sets: Sequence[Case]) -> dict[str, Any]:
    """Figures of sets as the command makes them, less the intervals."""
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


def _page(folder: Path, *sets: Sequence[Case]) -> str:
    path = folder / "page.html"
    accuracy_page.write_page(path, _found(*sets), [case for cases in sets for case in cases])
    return path.read_text(encoding="utf-8")


def _headings(page: str) -> list[str]:
    return re.findall(r"<h2[^>]*>(.*?)</h2>", page)


def _plots(page: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(plot) for plot in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]


def test_the_page_has_every_set_and_escapes_its_name(tmp_path: Path) -> None:
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
    scatter, calibration, risk = _plots(_page(tmp_path, cases))
    descriptions = []
    for plot in (scatter, calibration, risk):
        assert plot.get("role") == "img"
        texts = {element.get("id"): element.text for element in plot if element.tag.endswith(("}title", "}desc"))}
        title, description = (texts[name] for name in str(plot.get("aria-labelledby")).split())
        assert str(title).endswith(": one")
        descriptions.append(str(description))
    assert descriptions[0].startswith("25 answers. Pearson ")
    assert "2 to 3 answers in a bin" in descriptions[1]
    assert (
        f"{accuracy.measure_agreement(cases, seed=1, intervals=False)['review']['rmse_confident']:.2f} among 70%"
        in descriptions[2]
    )


def test_ids_of_the_page_are_unique_and_referenced(tmp_path: Path) -> None:
    page = _page(tmp_path, _cases("one", 40), _cases("two", 40))
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    named = " ".join(re.findall(r'aria-labelledby="([^"]+)"', page)).split()
    references = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', page)
    assert references
    assert {*named, *(first or second for first, second in references)} <= set(ids)


def test_tables_have_captions_and_headings_a_scope(tmp_path: Path) -> None:
    page = _page(tmp_path, _cases("one", 40), _cases("two", 40))
    # Three of the page's own, one of the means, and two for each of three sections.
    assert page.count("<table") == page.count("<caption>") == 10
    assert re.findall(r"<th\b(?![^>]*\bscope=)[^>]*>", page) == []


def test_colours_of_plots_are_those_of_the_page(tmp_path: Path) -> None:
    plots = "".join(ElementTree.tostring(plot, encoding="unicode") for plot in _plots(_page(tmp_path, _cases("o", 40))))
    assert re.findall(r"#[0-9a-f]{6}\b", plots) == []
    assert "var(--mark)" in plots


def test_a_set_of_one_answer_has_a_page(tmp_path: Path) -> None:
    page = _page(tmp_path, _cases("one", 1))
    assert _headings(page) == ["one"]
    assert "Mean over the sets" not in page
    assert "1 answer in a bin" in page
    assert re.search(r'<th scope="row">human</th>(<td>–</td>){8}</tr>', page)


def test_many_answers_make_no_large_page(tmp_path: Path) -> None:
    page = _page(tmp_path, _cases("one", 6000))
    assert len(page) < 400_000
    assert 'href="data:image/png;base64,' in page


def test_accuracy_tells_what_is_wrong_with_its_data(viva: Viva, tmp_path: Path, stub_judge: StubJudgeServer) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"answer": "a"}', encoding="utf-8")
    done = viva("bench", "accuracy", bad)
    assert done.returncode == 2
    assert "line 1 has no 'score'" in done.stderr
    good = write_graded(tmp_path, "good.jsonl")
    (tmp_path / "other").mkdir()
    assert (
        "have the same name" in viva("bench", "accuracy", good, write_graded(tmp_path / "other", "good.jsonl")).stderr
    )
    stub_judge.behave("http_500")
    assert "run the same command" in viva("bench", "accuracy", good).stderr


def test_invariance_is_measured_and_not_judged_twice(viva: Viva, tmp_path: Path, stub_judge: StubJudgeServer) -> None:
    out = tmp_path / "figures.json"
    arguments = ["bench", "invariance", str(write_graded(tmp_path, "own.jsonl")), "--answers", "2", "--json", str(out)]
    arguments += ["--kind", "unrelated", "--kind", "bulleted", "--kind", "omitted", "--language", "en"]
    done = viva(*arguments)
    assert done.returncode == 0, done.stderr
    figures = json.loads(out.read_text(encoding="utf-8"))
    assert (figures["model"], figures["unscored"]) == ("stub", 0)
    rows = {(row["kind"], row["source"]): row for row in figures["rows"]}
    assert {key for key in rows if key[1] == BANK} == {("unrelated", BANK), ("bulleted", BANK), ("omitted", BANK)}
    assert ("unrelated", "own rubric") in rows
    for (kind, source), row in rows.items():
        moves = [
            move for move in figures["moves"] if move["kind"] == kind and (move["source"] == BANK) == (source == BANK)
        ]
        moved = [move["after"] - move["before"] for move in moves]
        assert row["pairs"] == len(moves) > 0
        assert row["mean"] == pytest.approx(sum(moved) / len(moves))
        assert row["lowered"] == pytest.approx(sum(by < -1e-9 for by in moved) / len(moves))
    for key in list_keys(figures):
        assert re.search(rf"`{re.escape(key)}`", DOCUMENTED), key

    stub_judge.prompts.clear()
    assert viva(*arguments).returncode == 0
    assert json.loads(out.read_text(encoding="utf-8")) == figures
    assert not stub_judge.prompts


def test_an_interrupted_run_judges_only_what_is_missing(viva: Viva, stub_judge: StubJudgeServer) -> None:
    arguments = ("bench", "invariance", "--answers", "2", "--language", "en", "--kind", "reworded")
    stub_judge.behave(*["answer"] * 20, *["http_500"] * 1000)
    done = viva(*arguments, VIVA_JUDGE_DEADLINE_SECONDS="2")
    assert done.returncode == 2
    assert "run the same command" in done.stderr
    answered = list(stub_judge.answered)
    assert len(answered) == 20
    stub_judge.behave("answer")
    stub_judge.prompts.clear()
    assert viva(*arguments).returncode == 0
    assert stub_judge.prompts
    assert [prompt for prompt in stub_judge.prompts if prompt in answered] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--language", "fr"), "There is no language 'fr': use zh, en or both."),
        (("--answers", "5000"), "There are only 1638 qualification answers: ask for no more"),
        (("--kind", "sung"), "There is no kind of version 'sung': use one of unrelated, "),
        (("--json", "away/file"), "away is not a folder: create it, or name another file with --json."),
    ],
)
def test_invariance_tells_what_is_wrong_before_anything_is_graded(
    viva: Viva, stub_judge: StubJudgeServer, arguments: tuple[str, ...], words: str
) -> None:
    done = viva("bench", "invariance", *arguments)
    assert (done.returncode, words in done.stderr) == (2, True), done.stderr
    assert not stub_judge.prompts


@pytest.mark.parametrize("languages", [["zh", "en"], ["zh"]])
def test_answers_are_spread_evenly_and_drawn_by_the_seed(languages: list[str]) -> None:
    bank, sets = default_bank(), load_qualifications()

    def texts(answers: int, seed: int) -> list[str]:
        return [sample.answer for sample in invariance.draw(bank, sets, languages, answers=answers, seed=seed)]

    drawn = invariance.draw(bank, sets, languages, answers=200, seed=7)
    assert len({sample.answer for sample in drawn}) == 200
    assert texts(5, 7) == [sample.answer for sample in drawn[:5]]
    assert texts(5, 8) != texts(5, 7)
    questions = Counter(dict.fromkeys(sets, 0))
    qualities = Counter(dict.fromkeys(QUALITIES, 0))
    spoken = Counter(dict.fromkeys(languages, 0))
    for sample in drawn:
        question = sample.rubric.question
        questions[question.id] += 1
        qualities[sample.quality] += 1
        spoken[question.language] += 1
        for counted in (questions, qualities, spoken):
            assert max(counted.values()) - min(counted.values()) <= 1


def test_an_answer_settled_by_a_fact_is_not_drawn(rubric: Rubric) -> None:
    answers = document()["answers"]
    answers[3]["en"] = "I don't know."
    sets = {"quantization": QualificationSet.model_validate(document(answers=answers))}
    drawn = invariance.draw([rubric], sets, ["en"], answers=3, seed=1)
    assert {sample.quality for sample in drawn} == {"excellent", "adequate", "weak"}
    with pytest.raises(EvaluationError, match="Only 3 qualification answers"):
        invariance.draw([rubric], sets, ["en"], answers=4, seed=1)


def _sample(rubric: Rubric, **mirrors: str) -> Sample:
    return Sample(BANK, "weak", rubric, "INT8 weights shrink every layer. Quality drops.", mirrors)


NO_OTHERS: dict[str, dict[str, str]] = {"en": {}, "zh": {}}


def test_every_kind_of_version_holds_the_answer(rubric: Rubric) -> None:
    sample = _sample(rubric, omitted="INT8 weights shrink every layer.")
    others = {"en": {"retrieval": "Search first.", "quantization": "its own"}, "zh": {}}
    figures = {version.kind: version for version in invariance.versions(sample, others, seed=1)}
    assert list(invariance.additions()["en"]) == list(invariance.additions()["zh"]) == list(figures)[:10]
    added = [version for version in figures.values() if version.family in ("added", "built")]
    assert len(added) == 13
    assert all(sample.answer in version.text for version in added)
    assert "Search first." in figures["another answer"].text
    assert figures["thrice"].text.count(sample.answer) == 3
    assert figures["omitted"].family == "mirror"
    assert "traditional" not in figures
    assert [version.text for version in invariance.versions(sample, others, seed=1)] == [
        version.text for version in figures.values()
    ]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_keyword_list_has_no_sentence(language: Literal["en", "zh"]) -> None:
    for rubric in default_bank():
        if rubric.question.language == language:
            keywords = invariance.keyword_list(rubric)
            assert len(re.split("[,、]", keywords)) >= 3, keywords
            assert not re.search(r"[.。;；]", keywords)


def test_a_version_is_compared_with_the_answer(rubric: Rubric) -> None:
    panel = scripted_panel(lambda answer, criterion: 0.0 if "shrink every layer" not in answer else 8.0)
    done: list[tuple[int, int]] = []
    sample = _sample(rubric, omitted="Quality drops.")
    moves, unscored = invariance.compare(
        [sample] * 2, NO_OTHERS, panel, seed=1, on_progress=lambda *progress: done.append(progress)
    )
    assert (done, unscored) == ([(1, 2), (2, 2)], 0)
    rows = {row.kind: row for row in invariance.measure_movements(moves, seed=1)}
    assert (rows["omitted"].pairs, rows["omitted"].lowered, rows["omitted"].rises) == (2, 1, 0)
    assert rows["thrice"].mean == pytest.approx(0)
    (before,) = {move.before for move in moves}
    (after,) = {move.after for move in moves if move.kind == "omitted"}
    assert rows["omitted"].mean == pytest.approx((after or 0) - before)
    assert rows["omitted"].largest_fall == rows["omitted"].largest_rise == rows["omitted"].mean


def test_versions_without_a_score_are_counted_apart(rubric: Rubric) -> None:
    failure = JudgeFailure(UnscoredReason.PARSE, "no verdict")
    all_fail = scripted_panel(lambda answer, criterion: failure)
    assert invariance.compare([_sample(rubric)], NO_OTHERS, all_fail, seed=1) == ([], 1)
    panel = scripted_panel(lambda answer, criterion: failure if "Less" in answer else 2.0)
    moves, _ = invariance.compare([_sample(rubric, omitted="Less INT8.")], NO_OTHERS, panel, seed=1)
    row = {row.kind: row for row in invariance.measure_movements(moves, seed=1)}["omitted"]
    assert (row.pairs, row.unscored) == (0, 1)
    assert (row.mean, row.largest_rise, row.largest_fall, row.interval, row.rises, row.lowered) == (None,) * 6


def test_an_unflagged_rise_above_half_a_point_counts() -> None:
    moves = [
        Move("added", "code", "own", "q", "en", "good", 2.0, after, flagged)
        for after, flagged in [(2.5, False), (2.6, False), (9.0, True), (1.0, False)]
    ]
    (row,) = invariance.measure_movements(moves, seed=1)
    assert (row.source, row.pairs, row.rises, row.lowered) == ("own rubric", 4, 0.25, 0.25)
    assert row.mean == pytest.approx(1.775)
    assert (row.largest_rise, row.largest_fall) == (7, -1)


def test_the_queue_is_measured_and_every_figure_documented(viva: Viva, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    done = viva("bench", "queue", "--gradings", "20", "--judge-ms", "5", "--memory", "10,20", "--json", str(out))
    assert done.returncode == 0, done.stderr
    figures = json.loads(out.read_text(encoding="utf-8"))
    assert (figures["gradings"], figures["memory_late_after"]) == (20, 20)
    assert 0 < figures["share_of_possible"] <= 1
    assert 0 < figures["post_to_result_ms_p50"] <= figures["post_to_result_ms_p95"]
    for key in list_keys(figures):
        assert re.search(rf"`{re.escape(key)}`", DOCUMENTED), key
    assert "as in 500,5000" in viva("bench", "queue", "--memory", "20,10").stderr


def test_too_few_answers_are_said(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="too few different answers for 500"):
        prompt_forms.sample_questions([write_graded(tmp_path, "one.jsonl")], answers=500, seed=1)
