"""What one answer took before: from reports by its rubric, from cohorts that are finished, or from a plan of calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from statistics import fmean, pstdev, quantiles

import sqlalchemy as sa
from sqlalchemy.orm import Session, undefer

from vivavoce.graders.judge.prompt import PromptForm
from vivavoce.graders.judge.prompt_set import PromptSet
from vivavoce.rubrics import Rubric

from ..judges.settings import JudgeSettings
from ..storage.tables import Cohort, CohortItem, CohortState, Report, RubricVersion, Submission
from ..storage.tables import Grading as GradingRow

_REPORTS, _COHORTS, _ANSWERS = 100, 20, 5
# A start and a finish are seen within this time.
_LATENCY_SECONDS = 3.0
# Bytes of a prompt for each token, in the two languages with usual vocabularies.
_BYTES_A_TOKEN = (2.5, 5.0)
# Calls are settled by screening, asked again, or spread over requests in flight.
_SETTLED_SHARE, _PARALLEL = 0.5, 16.0


@dataclass(frozen=True)
class Range:
    """A range of a figure, from the 10th to the 90th percentile."""

    low: float
    high: float


@dataclass(frozen=True)
class AnswerFigures:
    """What an answer takes: the range of the mean of its calls, their deviation, and figures of one call."""

    calls: Range
    calls_sd: float
    sample: int
    baseline_calls: int
    tokens_a_call: Range
    cost_a_call: Range


def read_figures(session: Session, version_id: str) -> AnswerFigures | None:
    """Returns the figures of the newest reports by a rubric version, None if it has fewer than three."""
    source = Report.document["provenance"]
    columns = [
        source["judge_calls"].as_integer(),
        source["cached_verdicts"].as_integer(),
        source["tokens_in"].as_integer(),
        source["cost"].as_float(),
    ]
    query = (
        sa.select(*columns)
        .join(GradingRow, GradingRow.id == Report.grading_id)
        .where(GradingRow.rubric_version_id == version_id)
        .order_by(Report.created_at.desc())
        .limit(_REPORTS)
    )
    rows = [[value or 0 for value in row] for row in session.execute(query)]
    if len(rows) < 3:
        return None
    # What was cached then has to be asked about other answers.
    asked = [calls + cached for calls, cached, _, _ in rows]
    fresh = [row for row in rows if row[0]]
    tokens = [tokens / calls for calls, _, tokens, _ in fresh] or [0.0]
    costs = [cost / calls for calls, _, _, cost in fresh] or [0.0]
    return AnswerFigures(
        calls=Range(fmean(asked), fmean(asked)),
        calls_sd=pstdev(asked),
        sample=len(asked),
        baseline_calls=max(asked),
        tokens_a_call=Range(fmean(tokens) * 0.9, fmean(tokens) * 1.1),
        cost_a_call=Range(fmean(costs) * 0.9, fmean(costs) * 1.1),
    )


def plan_figures(session: Session, cohort_id: str, version_id: str, settings: JudgeSettings) -> AnswerFigures:
    """Returns the figures of a rubric version from the calls that a few of the cohort's answers would need."""
    version = session.get_one(RubricVersion, version_id, options=[undefer(RubricVersion.document)])
    prompts = PromptSet.from_rubric(
        Rubric.model_validate(version.document), PromptForm(mode=settings.judge_mode), secret=b""
    )
    answers = session.scalars(
        sa.select(Submission.answer)
        .join(CohortItem, CohortItem.submission_id == Submission.id)
        .where(CohortItem.cohort_id == cohort_id, CohortItem.rubric_version_id == version_id)
        .order_by(CohortItem.external_id)
        .limit(_ANSWERS)
    )
    plans = [prompts.plan_calls(prompts.delimit_answer(answer)) for answer in answers]
    calls = [call for plan in plans for call in plan]
    count = len(calls) / len(plans) * settings.votes
    size = fmean(sum(len(message["content"].encode()) for message in call.messages) for call in calls)
    reply = fmean(call.max_tokens for call in calls)
    tokens = Range(size / _BYTES_A_TOKEN[1], size / _BYTES_A_TOKEN[0])
    # An explained yes without a quote is asked about once more.
    again = 1.5 if settings.judge_mode == "explained" else 1.0
    prices = settings.judge_price_prompt, settings.judge_price_cached, settings.judge_price_completion
    cheapest = min(price for price in prices[:2] if price) if any(prices[:2]) else 0.0
    return AnswerFigures(
        calls=Range(count * _SETTLED_SHARE, count * again),
        calls_sd=0.0,
        sample=1,
        baseline_calls=round(count),
        tokens_a_call=tokens,
        cost_a_call=Range(tokens.low * cheapest / 1e6, (tokens.high * max(prices[:2]) + reply * prices[2]) / 1e6),
    )


def measure_minutes(
    session: Session, cohort: Cohort, answers: int, calls: Range, settings: JudgeSettings
) -> Range | None:
    """Returns the minutes that this many answers take, None while no time of any is known."""
    if speeds := _read_speeds(session, cohort.organisation_id):
        low, high = _spread(speeds)
        return Range(answers * low / 60, (answers * high + _LATENCY_SECONDS) / 60)
    seconds = Report.document["provenance"]["judge_seconds"].as_float()
    made = Report.document["provenance"]["judge_calls"].as_integer()
    query = sa.select(seconds, made).where(made > 0).order_by(Report.created_at.desc()).limit(_REPORTS)
    found = [took / count for took, count in session.execute(query)]
    if not found:
        return None
    parallel = settings.judge_concurrency or _PARALLEL
    mean = fmean(found)
    return Range(calls.low * mean / parallel / 60, (calls.high * mean + _LATENCY_SECONDS) / 60)


def _read_speeds(session: Session, organisation_id: str) -> list[float]:
    """Returns the seconds an answer of the newest finished cohorts, without the time to start and finish."""
    count = sa.select(sa.func.count()).where(CohortItem.cohort_id == Cohort.id).correlate(Cohort).scalar_subquery()
    query = (
        sa.select(Cohort.started_at, Cohort.ended_at, count)
        .where(
            Cohort.organisation_id == organisation_id,
            Cohort.state == CohortState.FINISHED,
            Cohort.started_at.is_not(None),
            Cohort.ended_at.is_not(None),
        )
        .order_by(Cohort.ended_at.desc())
        .limit(_COHORTS)
    )
    speeds = []
    for started, ended, items in session.execute(query):
        took: timedelta = ended - started
        if items:
            speeds.append(took.total_seconds() / items)
    return speeds


def _spread(speeds: list[float]) -> tuple[float, float]:
    """Returns the 10th and 90th percentile, wider if there are few."""
    if len(speeds) < 5:
        return min(speeds) * 0.5, max(speeds) * 2.0
    tenths = quantiles(speeds, n=10, method="inclusive")
    return tenths[0] * 0.8, tenths[-1] * 1.25
