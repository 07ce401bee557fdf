from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.evaluation.qualification import AnswerResult, CriterionComparison, QuestionResult, Rejection
from vivavoce.evaluation.qualification_figures import explain_disorder, summarise_qualification
from vivavoce.rubrics.qualification import IN_ORDER, QUALITIES, Quality, Style

GRADES = dict(zip(QUALITIES, (10.0, 6.0, 2.0, 0.0, 0.0), strict=True))


def _answer(quality: Quality, score: float | None, *, style: Style = "usual") -> AnswerResult:
    return AnswerResult(quality, GRADES[quality], score, (), style=style)


def _question(*scores: float | None, language: str = "en", extra: Sequence[AnswerResult] = ()) -> QuestionResult:
    """A question with an answer of each quality in order, and further ones."""
    answers = [_answer(quality, score) for quality, score in zip(IN_ORDER, scores, strict=True)]
    return QuestionResult("retrieval", language, "general", (*answers, *extra))  # type: ignore[arg-type]


def _rejection(held_against: float | None) -> Rejection:
    return Rejection("retrieval", "en", "wrong", held_against, ())


# Why a question is not in order


def test_a_question_in_order_needs_no_explanation() -> None:
    assert explain_disorder(_question(9, 6, 3, 0)) == ""


@pytest.mark.parametrize(
    ("scores", "explanation"),
    [
        ((5, 6, 3, 0), "adequate 6.0 is not below excellent 5.0"),
        ((9, 3, 3, 0), "weak 3.0 is not below adequate 3.0"),
        ((1, 2, 3, 4), "adequate 2.0 is not below excellent 1.0; weak 3.0 is not below adequate 2.0; "
         "wrong 4.0 is not below weak 3.0"),
        ((9, None, 3, 0), "adequate without a score"),
        ((None, 6, 9, None), "excellent, wrong without a score"),
    ],
)  # fmt: skip
def test_neighbours_out_of_order_are_named(scores: Sequence[float | None], explanation: str) -> None:
    assert explain_disorder(_question(*scores)) == explanation


def test_the_best_worse_and_worst_better_score_are_compared() -> None:
    extra = [_answer("weak", 6.5), _answer("weak", 1.0), _answer("adequate", 4.0), _answer("adequate", 8.0)]
    assert explain_disorder(_question(9, 6, 3, 0, extra=extra)) == "weak 6.5 is not below adequate 4.0"


def test_short_long_and_empty_answers_are_not_compared() -> None:
    extra = [_answer("weak", 9.5, style="verbose"), _answer("excellent", None, style="concise")]
    result = _question(9, 6, 3, 0, extra=[*extra, _answer("empty-handed", 10)])
    assert result.in_order
    assert explain_disorder(result) == ""


@settings(deadline=None)
@given(
    st.tuples(*[st.lists(st.one_of(st.none(), st.integers(0, 10)), min_size=1, max_size=3)] * len(IN_ORDER)),
    st.sampled_from(["usual", "concise"]),
)
def test_every_question_out_of_order_is_explained(scores: tuple[list[int | None], ...], style: Style) -> None:
    answers = [
        _answer(quality, value, style=style if number else "usual")
        for quality, values in zip(IN_ORDER, scores, strict=True)
        for number, value in enumerate(values)
    ]
    result = replace(_question(9, 6, 3, 0), answers=tuple(answers))
    assert bool(explain_disorder(result)) == (not result.in_order)


# The figures of a run


def test_questions_in_order_are_counted() -> None:
    figures = summarise_qualification(
        [_question(9, 6, 3, 0), _question(9, 6, 6, 0), _question(9, 6, None, 0)], [], model="m", engine="e"
    )
    assert figures["in_order"] == {"count": 1, "of": 3, "share": pytest.approx(1 / 3)}
    assert figures["unscored"] == 1
    assert [row["in_order"] for row in figures["questions"]] == [True, False, False]
    assert (figures["model"], figures["engine"]) == ("m", "e")


@pytest.mark.parametrize(
    ("scores", "spearman"),
    [((9, 6, 3, 0), 1.0), ((0, 3, 6, 9), -1.0), ((None, None, 3, 0), None), ((None, 6, 3, 0), 1.0)],
)
def test_scores_are_ranked_against_the_writers_grades(scores: Sequence[float | None], spearman: float | None) -> None:
    figures = summarise_qualification([_question(*scores)], [], model="m", engine="e")
    assert figures["spearman"] == (None if spearman is None else pytest.approx(spearman))


def test_language_gaps_are_shares_of_full_scale() -> None:
    results = [_question(9, 6, 3, 0), _question(8, 7, None, 0, language="zh")]
    gap = summarise_qualification(results, [], model="m", engine="e")["language_gap"]
    assert gap["by_quality"]["excellent"] == {"mean": pytest.approx(0.1), "zh_less_en": pytest.approx(-0.1)}
    assert gap["by_quality"]["adequate"] == {"mean": pytest.approx(0.1), "zh_less_en": pytest.approx(0.1)}
    assert gap["by_quality"]["weak"] is None
    # The mean of three differences: the weak answer has none.
    assert gap["mean"] == pytest.approx(0.2 / 3)


def test_one_language_has_no_gap() -> None:
    gap = summarise_qualification([_question(9, 6, 3, 0)], [], model="m", engine="e")["language_gap"]
    assert gap["mean"] is None
    assert set(gap["by_quality"].values()) == {None}


def test_a_mistake_counts_from_one_half() -> None:
    rejections = [_rejection(probability) for probability in (0.0, 0.49, 0.5, 1.0, None)]
    figures = summarise_qualification([_question(9, 6, 3, 0)], rejections, model="m", engine="e")["rejections"]
    assert (figures["held_against"], figures["of"], len(figures["each"])) == (2, 4, 5)


def test_criteria_that_do_not_separate_are_named() -> None:
    def compare(machine: dict[str, Sequence[float]]) -> list[AnswerResult]:
        return [
            replace(
                _answer(quality, score),
                criteria=tuple(
                    CriterionComparison(name, writer, values[number], number, ()) for name, values in machine.items()
                ),
            )
            for number, (quality, score, writer) in enumerate(
                zip(IN_ORDER, (9, 6, 3, 0), (1.0, 0.6, 0.3, 0.0), strict=True)
            )
        ]

    answers = compare({"good": (1, 0.7, 0.2, 0), "blind": (0.5, 0.5, 0.5, 0.5), "fair": (0.8, 0.9, 0.2, 0)})
    result = replace(_question(9, 6, 3, 0), answers=tuple(answers))
    rows = summarise_qualification([result], [], model="m", engine="e")["unseparated"]
    # "fair" orders five of six pairs, which suffices.
    assert [(row["criterion"], row["ordered"]) for row in rows] == [("blind", 0)]


def test_an_unavailable_judge_is_left_out_of_the_file() -> None:
    figures = summarise_qualification([_question(9, 6, 3, 0)], [], model="m", engine="e")
    fields = {name for row in figures["questions"] for answer in row["answers"] for name in answer}
    assert {"quality", "grade", "score", "unscored_reason"} <= fields
    assert "judge_unavailable" not in fields


def test_pairs_of_answers_are_counted_by_quality() -> None:
    rows = summarise_qualification([_question(9, 6, 6, 0)], [], model="m", engine="e")["pairs"]
    counts = {(row["better"], row["worse"]): (row["right"], row["pairs"]) for row in rows}
    assert counts["adequate", "weak"] == (0, 1)
    assert all(counts[pair] == (1, 1) for pair in itertools.pairwise(IN_ORDER) if pair != ("adequate", "weak"))
