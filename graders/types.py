"""The values that graders hand to each other and to the outside.

All are frozen. `Report.to_dict` gives the wire form: the same for HTTP, files and the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from pydantic_core import to_jsonable_python

from .errors import UnscoredReason

MAX_SCORE = 10.0
# Whose strictness a score has: that of a customer's own grades, of the bank's writers, or of nobody who grades there.
Strictness = Literal["calibrated", "bank", "unknown"]


class Flag(StrEnum):
    """What a person should know of an answer; the first four settle its score at 0."""

    EMPTY = "empty"
    NON_ANSWER = "non_answer"
    COPIED_QUESTION = "copied_question"
    OFF_TOPIC = "off_topic"
    INJECTION_SUSPECTED = "injection_suspected"
    HIDDEN_CHARACTERS = "hidden_characters"
    SIGNALS_DISAGREE = "signals_disagree"
    JUDGES_DISAGREE = "judges_disagree"
    LOW_CONFIDENCE = "low_confidence"
    NEAR_PASS_MARK = "near_pass_mark"
    RUBRIC_CHANGED = "rubric_changed"


@dataclass(frozen=True)
class AnswerInput:
    """One answer to grade; `feedback_language` defaults to the rubric's."""

    raw: str
    feedback_language: Literal["zh", "en"] | None = None


@dataclass(frozen=True)
class Evidence:
    """A place in the raw answer, in code points, with the characters that stand there."""

    start: int
    end: int
    quote: str


@dataclass(frozen=True)
class PointResult:
    """Whether one expected point was found, and the sentence that comes nearest."""

    id: str
    text: str
    importance: Literal["core", "optional"]
    found: bool
    evidence: Evidence | None


@dataclass(frozen=True)
class LevelVerdict:
    """How likely an answer reaches a level: a judge's log-odds, and those for an answer without content.

    Both are natural logarithms. An explained verdict has a `reason`, and one that says yes a `quote`, which `span`
    bounds in the sentences that the judge read, joined by blanks. `call` and `baseline_call` are the keys of the
    records of both calls, `position` is the place of the verdict in them.
    """

    log_odds: float
    baseline_log_odds: float
    quote: str = ""
    reason: str = ""
    call: str = ""
    baseline_call: str = ""
    position: int = 0
    span: tuple[int, int] | None = None


@dataclass(frozen=True)
class Vote:
    """One judge's vote on a criterion: a verdict for each level above the lowest, or why it has none."""

    judge: str
    verdicts: tuple[LevelVerdict, ...]
    unscored_reason: UnscoredReason | None = None


@dataclass(frozen=True)
class LevelSignals:
    """What the graders found for one level.

    `judge` is its log-odds less those for an answer without content, `verifier` log-odds, both natural logarithms;
    `similarity_gain` is the cosine of the best sentences to what is asked for, less that of the question (-2 to 2);
    `term_recall` is the share (0 to 1) of its content words that the answer has; `rouge1_recall` (0 to 1) is against
    the best reference and the same for all levels. `verifier` is None for questions for which it has no weight.
    """

    judge: float
    verifier: float | None
    similarity_gain: float
    term_recall: float
    rouge1_recall: float


@dataclass(frozen=True)
class CriterionResult:
    """How an answer stands on one criterion.

    `probabilities` has one entry a level and sums to 1; `points` is their expectation, `level` the
    most probable index. All three are None when `unscored_reason` says why there is no verdict.
    `votes` has every judge's word; `signals` is what the graders found for each level above the lowest, from
    which all figures follow.
    """

    id: str
    title: str
    kind: Literal["binary", "ordinal", "negative", "gate"]
    max_points: float
    level: int | None
    points: float | None
    probabilities: tuple[float, ...] | None
    reason: str
    evidence: tuple[Evidence, ...] = ()
    expected_points: tuple[PointResult, ...] = ()
    votes: tuple[Vote, ...] = ()
    unscored_reason: UnscoredReason | None = None
    signals: tuple[LevelSignals, ...] = ()


@dataclass(frozen=True)
class Feedback:
    """Words for the two readers: the candidate's never quote the answer key."""

    language: Literal["zh", "en"]
    candidate: str
    interviewer: str


@dataclass(frozen=True)
class EarlierScore:
    """The score that the same verdicts had by an earlier version of the rubric."""

    rubric_hash: str
    score: float | None


@dataclass(frozen=True)
class EngineIdentity:
    """Which engine and model answer at an address; `revision` is a hash where one is known."""

    engine: str
    model: str
    revision: str


@dataclass(frozen=True, kw_only=True)
class GraderIdentity:
    """Everything beside answer and rubric that decides a report: where all of it is equal, so is the report.

    `model` and `model_revision` name each judge of a panel, joined by a plus sign, and a judge of which samples are
    drawn once for each sample. `prompt_form` says how the judge is asked. Scores go to a person for doubt below a
    confidence of `review_bound`, or the `review_share` with the lowest confidence (both 0 to 1, one of them None), and
    within `pass_margin` of `pass_mark` (0 to 10, None for none). An empty text stands for a part that was not there, or
    was not yet told.
    """

    engine: str
    model: str
    model_revision: str
    prompt_hash: str
    prompt_form: str
    quorum: int
    verifier_model: str
    verifier_revision: str
    embedding_model: str
    embedding_revision: str
    combiner_version: str
    relevance_revision: str = ""
    screening_revision: str = ""
    review_share: float | None = None
    review_bound: float | None = None
    pass_mark: float | None = None
    pass_margin: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Provenance(GraderIdentity):
    """What it takes to say later where a score came from.

    `recomputed_from` has the scores by earlier versions of the rubric, the oldest first, when points were changed
    after the answer was judged. `strictness` is None in reports from before it was told.
    """

    rubric_hash: str
    answer_hash: str
    review_below: float
    judge_calls: int
    cached_verdicts: int
    tokens_in: int
    tokens_cached: int
    tokens_out: int
    judge_seconds: float
    cost: float
    recomputed_from: tuple[EarlierScore, ...] = ()
    strictness: Strictness | None = None


@dataclass(frozen=True)
class Report:
    """What is said of one answer.

    `score` is 0 to 10 in steps of .1, or None when a criterion has no verdict (`unscored_reason`
    says why). `score_min` and `score_max` bound what it could be: unjudged criteria at their worst
    and best, judged ones within their 10 to 90 % range. `coverage` is the share of the points that
    was judged, `confidence` the estimated probability that a person's grade lies within 1.5 of 10.
    The places that no model read are `masked` (they speak to the grader), `filler` (they say nothing, or only name
    things), `unrelated` (they bear on nothing that is asked for) and `repeated` (they stand in the answer before).
    `judge_unavailable` says that there is no verdict because the judge answers nobody at the moment.
    """

    score: float | None
    score_min: float
    score_max: float
    coverage: float
    confidence: float
    needs_review: bool
    flags: tuple[Flag, ...]
    criteria: tuple[CriterionResult, ...]
    signals: Mapping[str, float | None]
    contributions: Mapping[str, float]
    feedback: Feedback
    provenance: Provenance
    masked: tuple[Evidence, ...] = ()
    filler: tuple[Evidence, ...] = ()
    unrelated: tuple[Evidence, ...] = ()
    repeated: tuple[Evidence, ...] = ()
    unscored_reason: UnscoredReason | None = None
    unscored_detail: str | None = None
    judge_unavailable: bool = False
    max_score: float = field(default=MAX_SCORE)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; enumerations become their values. A report that is kept is never one that waits."""
        found: dict[str, Any] = to_jsonable_python(self)
        del found["judge_unavailable"]
        return found
