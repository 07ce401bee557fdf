from __future__ import annotations

import re

import pytest

from vivavoce.rubrics import Language, Rubric
from vivavoce.rubrics.lint.rules import Problem, leaks_key, list_problems

from ..builders import GATE, edited, translated, with_criterion, without


class WordMatcher:
    """Takes words of four letters or more, and single Chinese characters, as they are."""

    def content_terms(self, text: str) -> frozenset[str]:
        return frozenset(re.findall(r"[a-z0-9]{4,}|[\u4e00-\u9fff]", text.lower())) - {"answer", "says", "that"}

    def covers(self, text: str, *, point: str, question: str) -> bool:
        wanted = self.content_terms(point) - self.content_terms(question)
        return bool(wanted & self.content_terms(text))


def _problems(rubric: Rubric) -> list[Problem]:
    return list(list_problems(rubric, WordMatcher()))


def _rules(rubric: Rubric) -> set[str]:
    return {problem.rule for problem in _problems(rubric)}


def _wording_rules(rubric: Rubric, text: str, language: Language) -> set[str]:
    """Rules on wording that a statement breaks."""
    spoken = translated(rubric) if language == "zh" else rubric
    worded = edited(spoken, "criteria", 0, "statement", value=text)
    return _rules(worded) & {"one-construct", "observable", "length"}


@pytest.fixture
def clean(rubric: Rubric) -> Rubric:
    """The sample rubric without its weak spots."""
    point = {"id": "acc", "criterion": "loss", "text": "Quantization keeps more or less accuracy."}
    return edited(rubric, "expected_points", 3, value=point)


def test_a_sound_rubric_has_no_problems(clean: Rubric) -> None:
    assert _problems(clean) == []


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("The answer names INT8 and explains why.", {"one-construct"}),
        ("The answer names INT8 as well as describes INT4.", {"one-construct"}),
        ("The answer names INT8 and also gives a reason.", {"one-construct"}),
        ("The answer names INT8 and points out its cost.", {"one-construct"}),
        ("The answer names INT8 and INT4.", set()),
        ("The answer explains that weights and activations are integers.", set()),
        ("The answer shows a clear understanding of bits.", {"observable"}),
        ("The answer demonstrates why bits matter.", {"observable"}),
        ("Understands why bits matter.", {"observable"}),
        ("The candidate is aware of the cost.", {"observable"}),
        ("The answer clearly says that weights are integers.", {"observable"}),
        ("The answer says that the model knows fewer values.", set()),
        ("The answer says that users grasp it.", set()),
        ("The answer describes in full detail how weights are stored.", {"length"}),
        ("The answer says thoroughly that weights are integers.", {"length"}),
        ("The answer gives an in-depth account of integers.", {"length"}),
        ("The answer says it in at least three sentences.", {"length"}),
        ("The answer says that at least three bits are needed.", set()),
        ("The answer gives a comprehensive and well-structured account.", {"length"}),
    ],
)
def test_english_wording_is_checked(clean: Rubric, text: str, rules: set[str]) -> None:
    assert _wording_rules(clean, text, "en") == rules


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("回答说明权重变小，并解释原因。", {"one-construct"}),
        ("回答提到量化以及描述代价。", {"one-construct"}),
        ("回答提到权重以及激活。", set()),
        ("考生了解量化的代价。", {"observable"}),
        ("理解量化的代价。", {"observable"}),
        ("回答恰当地说明代价。", {"observable"}),
        ("回答说明用户需要了解代价。", set()),
        ("回答深入分析代价。", {"length"}),
        ("回答至少三百字。", {"length"}),
        ("回答条理清晰。", {"length"}),
        ("回答至少说出三种代价。", set()),
    ],
)
def test_chinese_wording_is_checked(clean: Rubric, text: str, rules: set[str]) -> None:
    assert _wording_rules(clean, text, "zh") == rules


def test_wording_of_levels_is_found_where_it_is(clean: Rubric) -> None:
    worded = edited(clean, "criteria", 1, "levels", 2, "description", value="Contrasts two ways in detail.")
    (problem,) = _problems(worded)
    assert problem.location == ("criteria", 1, "levels", 2)
    assert problem.rule == "length"
    assert "'in detail' in 'methods'" in problem.message


def test_overlapping_levels_are_found_at_the_upper_one(clean: Rubric) -> None:
    same = edited(clean, "criteria", 1, "levels", 2, "description", value=clean.criteria[1].levels[1].description)
    problems = [problem for problem in _problems(same) if problem.rule == "levels-apart"]
    assert [problem.location for problem in problems] == [("criteria", 1, "levels", 2)]
    assert "levels 1 and 2 of 'methods'" in problems[0].message


@pytest.mark.parametrize(("count", "is_fine"), [(2, False), (3, True), (6, True), (7, False)])
def test_a_rubric_has_three_to_six_criteria(clean: Rubric, count: int, is_fine: bool) -> None:
    sized = without(without(clean, "wrong"), "loss") if count == 2 else without(clean, "wrong") if count == 3 else clean
    for number in range(len(sized.criteria), count):
        gate = {**GATE, "id": f"gate-{number}", "statement": f"Condition number {number} is met."}
        sized = with_criterion(sized, gate)
    assert len(sized.criteria) == count
    sizes = [problem for problem in _problems(sized) if problem.rule == "size"]
    assert bool(sizes) is not is_fine
    assert all(f"{count} criteria" in problem.message for problem in sizes)


@pytest.mark.parametrize(("points", "is_fine"), [(4, True), (4.1, False), (3, False)])
def test_points_sum_to_ten(clean: Rubric, points: float, is_fine: bool) -> None:
    assert ("weights" in _rules(edited(clean, "criteria", 0, "points", value=points))) is not is_fine


@pytest.mark.parametrize(
    ("statement", "overlaps"),
    [
        ("Weights with fewer bits, such as INT8, INT4, FP16 or FP32, are stored instead.", True),
        ("Weights stored with fewer bits need better hardware and other kernels.", False),
        # Three words are too few to compare.
        ("Weights stored fewer.", False),
    ],
)
def test_criteria_overlap_by_content_words(clean: Rubric, statement: str, overlaps: bool) -> None:
    worded = edited(clean, "criteria", 2, "statement", value=statement)
    problems = [problem for problem in _problems(worded) if problem.rule == "overlap"]
    assert bool(problems) is overlaps
    assert all(problem.location == ("criteria", 2) and "'lower'" in problem.message for problem in problems)


def test_a_mistake_may_share_the_words_of_its_criterion(clean: Rubric) -> None:
    statement = clean.criteria[0].levels[-1].description
    assert "overlap" not in _rules(edited(clean, "criteria", 3, "statement", value=statement))


def test_words_of_the_question_do_not_overlap(clean: Rubric) -> None:
    same = edited(clean, "criteria", 2, "statement", value=clean.criteria[0].levels[-1].description)
    asked = edited(same, "question", "text", value=clean.criteria[0].levels[-1].description)
    assert "overlap" in _rules(same)
    assert "overlap" not in _rules(asked)


def test_optional_points_are_not_enough(clean: Rubric) -> None:
    optional = edited(clean, "expected_points", 0, "importance", value="optional")
    problems = [problem for problem in _problems(optional) if problem.rule == "points"]
    assert [problem.location for problem in problems] == [("criteria", 0)]


@pytest.mark.parametrize("name", ["wrong", "gate"])
def test_no_point_counts_where_none_are_given(clean: Rubric, name: str) -> None:
    point = {"id": "stray", "criterion": name, "text": "Something else."}
    gated = with_criterion(clean, GATE)
    stray = edited(gated, "expected_points", value=[*gated.model_dump(mode="json")["expected_points"], point])
    problems = [problem for problem in _problems(stray) if problem.rule == "points"]
    assert [problem.location for problem in problems] == [("expected_points", 4)]
    assert f"counts for '{name}'" in problems[0].message


@pytest.mark.parametrize(
    ("length", "text", "messages"),
    [
        ("short", "INT8 is post-training, and keeps accuracy.", []),
        ("full", "INT8 is post-training, and keeps accuracy.", ["core point 'qat' of 'methods'"]),
        (
            "full",
            "INT8 is post-training, and keeps accuracy; others have simulated precision.",
            [],
        ),
        ("short", "INT8 keeps accuracy.", ["no point of 'methods'"]),
        ("short", "It is smaller.", ["no point of 'lower'", "no point of 'methods'", "no point of 'loss'"]),
    ],
)
def test_a_reference_earns_what_its_length_promises(clean: Rubric, length: str, text: str, messages: list[str]) -> None:
    points = [
        {"id": "bits", "criterion": "lower", "text": "INT8"},
        {"id": "ptq", "criterion": "methods", "text": "post-training"},
        {"id": "qat", "criterion": "methods", "text": "simulated precision"},
        {"id": "acc", "criterion": "loss", "text": "accuracy"},
    ]
    worded = edited(
        edited(clean, "expected_points", value=points), "references", value=[{"length": length, "text": text}]
    )
    problems = [problem for problem in _problems(worded) if problem.rule == "reference"]
    assert len(problems) == len(messages)
    for problem, message in zip(problems, messages, strict=True):
        assert problem.location == ("references", 0)
        assert message in problem.message


def test_what_a_full_reference_leaves_out_may_be_optional(clean: Rubric) -> None:
    optional = edited(clean, "expected_points", 2, "importance", value="optional")
    text = "INT8 weights; post-training quantization; accuracy is kept."
    full = edited(optional, "references", value=[{"length": "full", "text": text}])
    assert "reference" not in _rules(full)


@pytest.mark.parametrize(
    ("key", "shown", "leaks"),
    [
        ("abcd", "abcd", True),
        ("abcd", "abc", True),
        ("abcd", "ab", False),
        ("abcde", "abc", True),
        ("abc", "abc", False),
        ("", "abc", False),
    ],
)
def test_three_fifths_of_four_words_leak_a_key(key: str, shown: str, leaks: bool) -> None:
    assert leaks_key(frozenset(shown), key=frozenset(key)) is leaks


def test_a_title_is_checked_against_its_own_points(clean: Rubric) -> None:
    text = clean.expected_points[0].text
    own_title = edited(clean, "criteria", 0, "title", value=text)
    assert [p.location for p in _problems(own_title) if p.rule == "answer-key"] == [("criteria", 0, "title")]
    assert "answer-key" not in _rules(edited(clean, "criteria", 2, "title", value=text))


def test_a_question_may_say_what_its_title_says(clean: Rubric) -> None:
    asked = edited(clean, "question", "text", value=clean.expected_points[0].text)
    (problem,) = (problem for problem in _problems(asked) if problem.rule == "answer-key")
    assert (problem.location, "'bits'" in problem.message) == (("question", "text"), True)
