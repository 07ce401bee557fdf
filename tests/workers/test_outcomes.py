from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from vivavoce.graders import Flag, JudgeFailure, Report, UnscoredReason, grade
from vivavoce.graders.testing import scripted_panel
from vivavoce.graders.types import AnswerInput
from vivavoce.rubrics import Rubric
from vivavoce.service.errors import LostLease
from vivavoce.service.gradings.lifecycle import Lease
from vivavoce.service.observability import metrics
from vivavoce.service.storage import clock
from vivavoce.service.storage.tables import State
from vivavoce.workers import outcomes
from vivavoce.workers.outcomes import count_judge_work, report_outcome, set_judge_reachable

REFUSED = JudgeFailure(UnscoredReason.REFUSED, "said something else")
UNAVAILABLE = JudgeFailure(UnscoredReason.TIMEOUT, "no reply", unavailable=True)


@pytest.fixture
def report_of(rubric: Rubric) -> Callable[..., Report]:
    """The report of an answer by a scripted judge; other values replace those of its provenance."""

    def run(script: Any = lambda answer, criterion: 2.0, *, answer: str = "INT8 weights", **provenance: Any) -> Report:
        (report,) = grade([AnswerInput(answer)], rubric, scripted_panel(script))
        return replace(report, provenance=replace(report.provenance, **provenance))

    return run


@pytest.fixture
def counted() -> Callable[..., float]:
    """How much a metric has grown since the test began to ask for it."""
    before: dict[tuple[Any, ...], float] = {}

    def read(name: str, **labels: str) -> float:
        key = (name, *sorted(labels.items()))
        value = metrics.registry.get_sample_value(f"vivavoce_{name}", labels) or 0.0
        return value - before.setdefault(key, value)

    return read


def _lease(*, seconds_old: float = 0.0) -> Lease:
    return Lease(
        cohort_id=None,
        grading_id="g1",
        organisation_id="default",
        fencing_token=1,
        answer="INT8 weights",
        candidate=None,
        feedback_language=None,
        created_at=clock.now() - timedelta(seconds=seconds_old),
        request_id="r1",
        trace_parent=None,
    )


@pytest.mark.parametrize("state", [State.GRADED, State.NEEDS_REVIEW])
def test_a_score_is_counted_with_its_confidence(
    report_of: Callable[..., Report], counted: Callable[..., float], state: State
) -> None:
    names = ("report_score_count", "report_confidence_count", "grading_seconds_count")
    report = report_of()
    before = (
        [counted(name) for name in names],
        counted("report_score_sum"),
        counted("gradings_finished_total", state=state),
    )
    assert before == ([0.0] * 3, 0.0, 0.0)
    report_outcome(_lease(), report, state)
    assert [counted(name) for name in names] == [1.0] * 3
    assert counted("report_score_sum") == pytest.approx(report.score)
    assert counted("gradings_finished_total", state=state) == 1


def test_an_open_score_is_no_zero_in_the_histogram(
    report_of: Callable[..., Report], counted: Callable[..., float]
) -> None:
    names = ("report_score_count", "report_confidence_count")
    report = report_of(answer="Speaker 1: What is INT8?\nSpeaker 2: Eight bits.")
    assert report.is_open
    assert [counted(name) for name in names] == [0.0, 0.0]
    report_outcome(_lease(), report, State.NEEDS_REVIEW)
    assert [counted(name) for name in names] == [0.0, 0.0]


def test_a_failure_has_no_score_to_count(report_of: Callable[..., Report], counted: Callable[..., float]) -> None:
    report = report_of(lambda answer, criterion: REFUSED)
    names = ("report_score_count", "report_confidence_count")
    assert [counted(name) for name in names] == [0.0, 0.0]
    assert counted("gradings_finished_total", state="failed") == 0
    report_outcome(_lease(), report, State.FAILED)
    assert [counted(name) for name in names] == [0.0, 0.0]
    assert counted("gradings_finished_total", state="failed") == 1


def test_the_time_counts_from_the_submission(report_of: Callable[..., Report], counted: Callable[..., float]) -> None:
    assert counted("grading_seconds_sum") == 0
    report_outcome(_lease(seconds_old=90), report_of(), State.GRADED)
    assert counted("grading_seconds_sum") == pytest.approx(90, abs=5)


def test_every_flag_is_counted(report_of: Callable[..., Report], counted: Callable[..., float]) -> None:
    report = replace(report_of(), flags=(Flag.LOW_CONFIDENCE, Flag.NEAR_PASS_MARK))
    flags = (Flag.LOW_CONFIDENCE, Flag.NEAR_PASS_MARK, Flag.OFF_TOPIC)
    assert [counted("flagged_reports_total", flag=flag) for flag in flags] == [0, 0, 0]
    report_outcome(_lease(), report, State.NEEDS_REVIEW)
    assert [counted("flagged_reports_total", flag=flag) for flag in flags] == [1, 1, 0]


@pytest.mark.parametrize(("failure", "why"), [(UNAVAILABLE, "judge_unavailable"), (REFUSED, "unanswered")])
def test_a_requeued_grading_is_counted_by_its_reason(
    report_of: Callable[..., Report],
    counted: Callable[..., float],
    caplog: pytest.LogCaptureFixture,
    failure: JudgeFailure,
    why: str,
) -> None:
    report = report_of(lambda answer, criterion: failure)
    assert counted("gradings_returned_total", why=why) == counted("grading_seconds_count") == 0
    report_outcome(_lease(), report, State.QUEUED)
    assert counted("gradings_returned_total", why=why) == 1
    # It is not finished, so it has taken no time yet.
    assert counted("grading_seconds_count") == 0
    assert caplog.records[-1].getMessage() == f"requeued: {failure.reason}: {failure.detail}"


def test_a_late_result_is_counted_and_nothing_else(
    report_of: Callable[..., Report], counted: Callable[..., float], caplog: pytest.LogCaptureFixture
) -> None:
    assert counted("late_results_total") == counted("report_score_count") == 0
    report_outcome(_lease(), report_of(), LostLease("grading g1: fence 1 is not the newest"))
    assert counted("late_results_total") == 1
    assert counted("report_score_count") == 0
    assert caplog.records[-1].getMessage() == "late result refused: grading g1: fence 1 is not the newest"


def test_a_finished_grading_is_logged_with_its_calls(
    report_of: Callable[..., Report], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", outcomes.__name__):
        report_outcome(_lease(), report_of(judge_calls=5, cached_verdicts=2), State.GRADED)
    assert caplog.records[-1].getMessage() == "graded after 5 judge calls, 2 verdicts from the record"


def test_tokens_are_counted_by_kind(report_of: Callable[..., Report], counted: Callable[..., float]) -> None:
    names = ("judge_calls_total", "judge_verdicts_cached_total", "judge_seconds_total")
    kinds = ("prompt", "cached", "generated")
    assert [counted(name) for name in names] == [counted("judge_tokens_total", kind=kind) for kind in kinds]
    count_judge_work(
        report_of(judge_calls=5, cached_verdicts=2, judge_seconds=1.5, tokens_in=1000, tokens_cached=800, tokens_out=5)
    )
    assert [counted(name) for name in names] == pytest.approx([5, 2, 1.5])
    assert [counted("judge_tokens_total", kind=kind) for kind in kinds] == [200, 800, 5]


def test_an_engine_that_counts_too_many_cached_tokens_adds_none(
    report_of: Callable[..., Report], counted: Callable[..., float]
) -> None:
    assert counted("judge_tokens_total", kind="prompt") == 0
    count_judge_work(report_of(tokens_in=10, tokens_cached=12))
    assert counted("judge_tokens_total", kind="prompt") == 0


def test_unscored_reports_and_criteria_are_counted_by_reason(
    report_of: Callable[..., Report], counted: Callable[..., float]
) -> None:
    report = report_of(lambda answer, criterion: REFUSED if criterion in ("loss", "lower") else 2.0)
    names = ("unscored_reports_total", "unscored_criteria_total")
    assert [counted(name, reason="refused") for name in names] == [0, 0]
    count_judge_work(report)
    assert [counted(name, reason="refused") for name in names] == [1, 2]


# Whether the judge can be reached


def _reachable(model: str) -> float | None:
    return metrics.registry.get_sample_value(
        "vivavoce_judge_reachable", {"engine": "scripted", "model": model, "revision": "1"}
    )


@pytest.mark.parametrize(
    ("calls", "unavailable", "reachable"),
    [([1, 0], [], 1), ([1, 0], [1], 0), ([0, 0], [0], 0), ([0, 0], [], None)],
    ids=["answered", "answered one of two", "answered nothing", "not asked"],
)
def test_one_failure_of_a_batch_makes_the_judge_unreachable(
    report_of: Callable[..., Report],
    request: pytest.FixtureRequest,
    calls: list[int],
    unavailable: list[int],
    reachable: float | None,
) -> None:
    model = request.node.name
    reports = [
        replace(report_of(judge_calls=count, model=model), judge_unavailable=number in unavailable)
        for number, count in enumerate(calls)
    ]
    set_judge_reachable(reports)
    assert _reachable(model) == reachable
