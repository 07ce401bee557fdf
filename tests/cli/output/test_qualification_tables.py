from __future__ import annotations

import pytest

from vivavoce.cli.output.qualification_tables import print_qualification
from vivavoce.evaluation.qualification import AnswerResult, QuestionResult, Rejection
from vivavoce.evaluation.qualification_figures import summarise_qualification
from vivavoce.rubrics import Language
from vivavoce.rubrics.qualification import IN_ORDER


def _result(language: Language, *scores: float | None) -> QuestionResult:
    answers = [AnswerResult(quality, 5.0, score, ()) for quality, score in zip(IN_ORDER, scores, strict=True)]
    answers.append(AnswerResult("empty-handed", 0.0, 1.0, ()))
    return QuestionResult("retrieval", language, "general", tuple(answers))


def _print(capsys: pytest.CaptureFixture[str], *results: QuestionResult, held_against: float | None = None) -> str:
    rejections = [Rejection("retrieval", "en", "wrong", held_against, ())]
    print_qualification(results, summarise_qualification(results, rejections, model="qwen", engine="vllm"))
    return capsys.readouterr().out


def test_scores_and_questions_to_look_at_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    shown = _print(capsys, _result("en", 9.04, 6, 3, 0), _result("zh", 9, 6, None, 0))
    scores = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines() if "retrieval" in line]
    assert scores[0] == ["retrieval", "en", "9.0", "6.0", "3.0", "0.0", "1.0", "yes"]
    assert scores[1] == ["retrieval", "zh", "9.0", "6.0", "–", "0.0", "1.0", "NO"]
    assert "  retrieval (zh): weak without a score" in shown
    assert "retrieval (en):" not in shown
    assert "1 of 2 in order (50.0%, wanted 90%)" in shown
    assert "qwen on vllm" in shown


def test_a_run_in_order_has_nothing_to_look_at(capsys: pytest.CaptureFixture[str]) -> None:
    shown = _print(capsys, _result("en", 9, 6, 3, 0))
    assert "To look at" not in shown
    assert "do not tell good answers from bad" not in shown


@pytest.mark.parametrize("both", [True, False])
def test_languages_are_compared_only_where_both_are(capsys: pytest.CaptureFixture[str], both: bool) -> None:
    results = [_result("en", 9, 6, 3, 0), *([_result("zh", 8, 6, 3, 0)] if both else [])]
    shown = _print(capsys, *results)
    assert ("The same answers in Chinese and English" in shown) == both
    assert ("mean difference between the languages: 0.020 of full scale (at most 0.1)" in shown) == both
    assert ("-0.100" in shown) == both


@pytest.mark.parametrize(("held_against", "count"), [(0.9, "1 of 1"), (0.1, "0 of 1"), (None, "0 of 0")])
def test_rejected_mistakes_are_counted(
    capsys: pytest.CaptureFixture[str], held_against: float | None, count: str
) -> None:
    shown = _print(capsys, _result("en", 9, 6, 3, 0), held_against=held_against)
    assert f"name a mistake only to reject it: {count} lose points for it" in shown


def test_pairs_show_counts_and_shares(capsys: pytest.CaptureFixture[str]) -> None:
    shown = _print(capsys, _result("en", 9, 6, 6, 0))
    rows = [
        [cell.strip() for cell in line.split("│")[1:-1]]
        for line in shown.splitlines()
        if " of " in line and "│" in line
    ]
    cells = {(row[0], row[1]): row[2:4] for row in rows}
    assert cells["excellent", "adequate"] == ["1 of 1", "100.0%"]
    assert cells["adequate", "weak"] == ["0 of 1", "0.0%"]
    # No better answer is the shorter one, and there is no share of none.
    assert all(cell.count("0 of 0") == 1 for cell in shown.splitlines() if " of " in cell and "│" in cell)
