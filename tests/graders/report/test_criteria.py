from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from vivavoce.graders import Evidence, JudgeFailure, UnscoredReason
from vivavoce.graders.judge.types import AnswerVerdicts
from vivavoce.graders.report.criteria import (
    build_criterion_fields,
    build_judged_criterion,
    build_unjudged_criterion,
    find_judge_reason,
)
from vivavoce.graders.signals.collect import PointSignals, Signals
from vivavoce.graders.signals.lexical import RougeScores
from vivavoce.graders.types import LevelSignals, LevelVerdict, Vote
from vivavoce.rubrics import Rubric
from vivavoce.rubrics.criteria import GateCriterion

HERE, ELSEWHERE = Evidence(0, 4, "here"), Evidence(5, 14, "elsewhere")
LEVEL = LevelSignals(judge=1.0, verifier=None, similarity_gain=0.1, term_recall=0.5, rouge1_recall=0.5)
GATE = GateCriterion(id="gate", kind="gate", title="On topic", statement="It is on topic.", cap=0.3)


def _point(gain: float = 0.1, recall: float = 0.5, nearest: Evidence = ELSEWHERE) -> PointSignals:
    return PointSignals(similarity=0.9, similarity_gain=gain, term_recall=recall, nearest=nearest)


def _signals(
    rubric: Rubric,
    *,
    points: Mapping[str, PointSignals] | None = None,
    quotes: Sequence[Evidence] = (),
    verdicts: Sequence[LevelVerdict] = (LevelVerdict(1.0, 0.0),),
) -> Signals:
    names = [criterion.id for criterion in rubric.criteria]
    votes = {name: (Vote("judge", tuple(verdicts)),) for name in names}
    return Signals(
        levels=dict.fromkeys(names, (LEVEL,)),
        quotes=dict.fromkeys(names, tuple(quotes)),
        points={point.id: _point() for point in rubric.expected_points} | dict(points or {}),
        question_recall=0.0,
        rouge=RougeScores(0.1, 0.2, 0.3, 0.4),
        verdicts=AnswerVerdicts(levels=dict.fromkeys(names, tuple(verdicts)), failures={}, votes=votes),
    )


def test_quotes_of_the_judge_come_before_nearest_passages(rubric: Rubric) -> None:
    signals = _signals(rubric, quotes=[HERE])
    result = build_judged_criterion(rubric.criteria[0], (0.0, 1.0), signals, rubric, "en")
    assert result.evidence == (HERE, ELSEWHERE)
    assert "“here”" in result.reason
    assert (result.votes, result.signals) == (signals.verdicts.votes["lower"], (LEVEL,))


def test_a_passage_is_evidence_once(rubric: Rubric) -> None:
    methods = rubric.criteria[1]
    result = build_judged_criterion(methods, (0.0, 0.0, 1.0), _signals(rubric, quotes=[ELSEWHERE]), rubric, "en")
    assert [point.evidence for point in result.expected_points] == [ELSEWHERE, ELSEWHERE]
    assert result.evidence == (ELSEWHERE,)


@pytest.mark.parametrize(
    ("gain", "recall", "lowest", "is_found"),
    [
        (0.01, 0.0, 0.5, True),
        (0.0, 0.31, 0.0, True),
        (0.0, 0.3, 0.0, False),
        (-0.2, 0.1, 0.0, False),
        (0.5, 1.0, 0.51, False),
    ],
)
def test_a_point_is_found_where_near_and_reached(
    rubric: Rubric, gain: float, recall: float, lowest: float, is_found: bool
) -> None:
    signals = _signals(rubric, points={"bits": _point(gain, recall, HERE)})
    result = build_judged_criterion(rubric.criteria[0], (lowest, 1 - lowest), signals, rubric, "en")
    (point,) = result.expected_points
    assert (point.id, point.importance, point.text) == ("bits", "core", rubric.expected_points[0].text)
    assert (point.found, point.evidence) == (is_found, HERE if is_found else None)
    assert result.evidence == ((HERE,) if is_found else ())


@pytest.mark.parametrize(
    ("first", "second", "quote"), [("It is", "small", "It is small"), ("权重变成", "八位整数", "权重变成八位整数")]
)
def test_a_quote_over_subtitles_has_no_times(first: str, second: str, quote: str, rubric: Rubric) -> None:
    times = "\n\n2\n00:00:05,000 --> 00:00:06,000\n"
    raw = first + times + second
    start = len(first) + 2
    fields = build_criterion_fields(
        rubric.criteria[0],
        (0.0, 1.0),
        (Evidence(0, len(raw), raw),),
        judge_reason=None,
        language="en",
        context=(Evidence(start, start + len(times) - 3, times[2:-1]), Evidence(400, 410, "elsewhere.")),
    )
    assert fields["reason"].endswith(f"evidence: “{quote}”")


def test_points_are_expected_over_the_levels(rubric: Rubric) -> None:
    fields = build_criterion_fields(rubric.criteria[1], (0.2, 0.3, 0.5), (), judge_reason=None, language="en")
    assert (fields["points"], fields["max_points"], fields["level"]) == (2.6, 4.0, 2)
    assert fields["reason"] == "Partly met (estimate: 65%)"


def test_figures_of_a_criterion_are_rounded(rubric: Rubric) -> None:
    fields = build_criterion_fields(rubric.criteria[0], (1 / 3, 2 / 3), (), judge_reason=None, language="en")
    assert (fields["points"], fields["probabilities"]) == (2.667, (0.3333, 0.6667))


def test_equal_probabilities_give_the_lowest_level(rubric: Rubric) -> None:
    fields = build_criterion_fields(rubric.criteria[1], (0.4, 0.2, 0.4), (), judge_reason=None, language="en")
    assert fields["level"] == 0


def test_a_mistake_costs_its_expected_points(rubric: Rubric) -> None:
    fields = build_criterion_fields(rubric.criteria[3], (0.2, 0.8), (HERE,), judge_reason=None, language="zh")
    assert (fields["points"], fields["max_points"]) == (-1.6, -2.0)
    assert fields["reason"] == "回答中有这一错误（可能性 80%）"


def test_a_gate_is_explained_by_its_probability() -> None:
    fields = build_criterion_fields(GATE, (0.1, 0.9), (), judge_reason=None, language="en")
    assert (fields["points"], fields["max_points"], fields["level"]) == (0.0, 0.0, 1)
    assert fields["reason"] == "Met (estimate: 90%)"


def test_the_reason_is_that_for_the_highest_level(rubric: Rubric) -> None:
    verdicts = [
        LevelVerdict(1.0, 0.0, reason="one way"),
        LevelVerdict(1.0, 0.0, reason="two ways"),
        LevelVerdict(1.0, 0.0),
    ]
    assert find_judge_reason(verdicts) == "two ways"
    assert find_judge_reason(verdicts[2:]) is None
    assert find_judge_reason(()) is None
    result = build_judged_criterion(rubric.criteria[0], (0.0, 1.0), _signals(rubric, verdicts=verdicts), rubric, "zh")
    assert result.reason.endswith("；评审模型的理由：two ways")


def test_a_criterion_without_verdict_has_no_figures(rubric: Rubric) -> None:
    failure = JudgeFailure(UnscoredReason.PARSE, "no verdict")
    votes = {"lower": (Vote("judge", (), UnscoredReason.PARSE),)}
    verdicts = AnswerVerdicts(levels={}, failures={"lower": failure}, votes=votes)
    result = build_unjudged_criterion(rubric.criteria[0], verdicts, "en")
    assert (result.level, result.points, result.probabilities) == (None, None, None)
    assert (result.max_points, result.votes, result.unscored_reason) == (4.0, votes["lower"], UnscoredReason.PARSE)
    assert result.reason == "No verdict: parse: no verdict"
    assert (result.evidence, result.signals) == ((), ())
