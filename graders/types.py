"""Values that the graders exchange and return.

All are frozen. `Report.to_dict` gives the wire form, which is the same for HTTP, files and the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic_core import to_jsonable_python

from .errors import UnscoredReason
from .flags import OPEN_FACTS as OPEN_FACTS
from .flags import Flag as Flag
from .flags import is_open

MAX_SCORE = 10.0
# Fitted to grades of the customer, the bank's writers, or others.
Strictness = Literal["calibrated", "bank", "unknown"]


@dataclass(frozen=True)
class AnswerInput:
    """One answer to grade.

    `feedback_language` defaults to the rubric's. `candidate` is the candidate's name if it is known, which tells the
    speakers of a transcript apart.
    """

    raw: str
    feedback_language: Literal["zh", "en"] | None = None
    candidate: str | None = None


@dataclass(frozen=True)
class Evidence:
    """A span of the raw answer: bounds in code points, and the text between them."""

    start: int
    end: int
    quote: str


@dataclass(frozen=True)
class PointResult:
    """Whether one expected point was found in the answer, and the closest passage if it was."""

    id: str
    text: str
    importance: Literal["core", "optional"]
    found: bool
    evidence: Evidence | None


@dataclass(frozen=True)
class LevelVerdict:
    """A judge's log-odds that an answer reaches a level, and those for a content-free answer (the baseline).

    Both are natural logarithms. An explained verdict has a `reason`; one that says yes also has a `quote`, and `span`
    bounds the quote in the sentences that the judge read, joined by blanks. `call` and `baseline_call` are the keys of
    the two call records, `position` is the index of the verdict in them.
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
    """The features of one level.

    `judge` is the judge's log-odds minus the baseline, `verifier` the verifier's log-odds, both natural logarithms.
    `similarity_gain` (-2 to 2) is the cosine between what is asked for and the best sentences, minus the cosine between
    it and the question. `term_recall` is the share (0 to 1) of its content words that the answer has. `rouge1_recall`
    (0 to 1) is against the best reference and equal for all levels. `verifier` is None where it has no weight.
    """

    judge: float
    verifier: float | None
    similarity_gain: float
    term_recall: float
    rouge1_recall: float


@dataclass(frozen=True)
class CriterionResult:
    """The result of one criterion.

    `probabilities` has one entry per level, lowest first, and sums to 1; `points` is the expected number of points,
    `level` the index of the most probable level. All three are None if there is no verdict, and `unscored_reason` says
    why. `votes` has the vote of every judge. `signals` has the features of each level above the lowest; all figures
    are computed from them.
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
    """Feedback texts for candidate and interviewer; the candidate's never quotes the answer key."""

    language: Literal["zh", "en"]
    candidate: str
    interviewer: str


@dataclass(frozen=True)
class EarlierScore:
    """The score (0 to 10, or None) of the same verdicts under an earlier version of the rubric."""

    rubric_hash: str
    score: float | None


@dataclass(frozen=True)
class EngineIdentity:
    """Engine and model behind an address; `revision` is a hash if one is known."""

    engine: str
    model: str
    revision: str


@dataclass(frozen=True, kw_only=True)
class GraderIdentity:
    """Everything besides answer and rubric that determines a report: equal identities give equal reports.

    `model` and `model_revision` list the judges of a panel, joined by plus signs; a judge that is sampled several times
    is listed once per sample. `prompt_form` says how the judge is asked. A person reviews scores with a confidence
    below `review_bound`, or the `review_share` with the lowest confidence (both 0 to 1, one of them None), and scores
    within `pass_margin` points of `pass_mark` (0 to 10, None if there is no mark). An empty string means that the part
    was absent, or that the report predates its record.
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
    """What a score came from: identity of the graders, hashes, and cost of the judge calls.

    `review_below` (0 to 1) is the confidence bound that was applied. `judge_seconds` and `cost` are sums over all judge
    calls; the currency is that of the configured prices. `recomputed_from` has the scores under earlier versions of the
    rubric, oldest first. `strictness` is None in reports that predate it.
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
    """The report on one answer.

    `score` is 0 to 10 in steps of .1, or None if a criterion has no verdict (`unscored_reason` says why). `points` of
    `max_points` are the same on the rubric's own scale, in steps of .01, and None with the score. `score_min`
    and `score_max` bound it (0 to 10): unjudged criteria at their worst and best, judged ones within their 10 to 90 %
    range. `coverage` (0 to 1) is the share of the points that was judged, `confidence` (0 to 1) the estimated
    probability that a person's grade lies within 1.5 points. `contributions` are points of the score by signal.
    No model reads the passages that are `masked` (addressed to the grader), `filler` (no content, or names only),
    `unrelated` (to everything that is asked for), `repeated` (said earlier in the answer), `skipped` (beyond what
    models read of a long answer) or `context` (in a transcript: what others say, labels of speakers and time stamps).
    `masked_share` (0 to 1) is the part of the content that is masked; it raises `score_max` and lowers the confidence.
    `judge_unavailable` is true if there is no verdict because the judge is currently down.
    """

    score: float | None
    points: float | None
    max_points: float
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
    context: tuple[Evidence, ...] = ()
    masked_share: float = 0.0
    skipped: tuple[Evidence, ...] = ()
    unscored_reason: UnscoredReason | None = None
    unscored_detail: str | None = None
    judge_unavailable: bool = False
    max_score: float = field(default=MAX_SCORE)

    @property
    def is_open(self) -> bool:
        """Whether the score of 0 stands for one that a person has to give."""
        return is_open(score=self.score, coverage=self.coverage, flags=self.flags)

    def to_dict(self) -> dict[str, Any]:
        """The wire form: plain data for JSON, enumerations as their values, without `judge_unavailable`."""
        document: dict[str, Any] = to_jsonable_python(self)
        # Such a report is retried and never stored.
        del document["judge_unavailable"]
        return document
