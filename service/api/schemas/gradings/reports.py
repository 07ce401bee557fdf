"""The JSON schema of a report: every field with its meaning, unit and range.

Reports are stored and sent as documents; the models here only describe them. Fields that were added later have a
default, so that older reports are still valid.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue

from vivavoce.graders.errors import UnscoredReason
from vivavoce.graders.types import Flag, Strictness

Share = Annotated[float, Field(ge=0, le=1)]
Points = Annotated[float, Field(ge=0, le=10)]


class _Part(BaseModel):
    # Tests fail on fields that the schema lacks.
    model_config = ConfigDict(extra="forbid")


class EvidencePublic(_Part):
    """A passage of the raw answer, in code points."""

    start: int = Field(ge=0, description="Index of the first code point, from 0.")
    end: int = Field(ge=0, description="Index after the last code point.")
    quote: str = Field(description="The text of the passage.")


class PointPublic(_Part):
    """An expected point of the rubric, and whether the answer makes it."""

    id: str = Field(description="Id of the expected point in the rubric.")
    text: str | None = Field(description="Text of the expected point; null unless the request may read the answer key.")
    importance: Literal["core", "optional"] = Field(
        description="`core`: a full answer makes the point; `optional`: it need not."
    )
    found: bool = Field(description="Whether the signals say that the answer makes the point.")
    evidence: EvidencePublic | None = Field(description="The sentence closest to the point; null if none was found.")


class VerdictPublic(_Part):
    """A judge's verdict on whether the answer reaches a level above the lowest."""

    log_odds: float = Field(description="Natural logarithm of P(level reached) / P(level not reached), from the judge.")
    baseline_log_odds: float = Field(
        description="The log-odds for an answer without content. Scores use the difference of the two."
    )
    quote: str = Field(description="The judge's quote from the answer for a yes; empty in mode `fast`.")
    reason: str = Field(
        description="The judge's reason; empty in mode `fast`, and unless the request may read the answer key."
    )
    call: str = Field(description="Key of the recorded judge call, which `viva replay --calls` shows.")
    baseline_call: str = Field(description="Key of the recorded call for the answer without content.")
    position: int = Field(ge=0, description="Index of the verdict in the replies to these calls, from 0.")
    span: tuple[int, int] | None = Field(
        default=None,
        description="Start and end of the quote, in code points of the sentences read by the judge, joined by spaces.",
    )


class VotePublic(_Part):
    """The vote of one judge on a criterion."""

    judge: str = Field(description="Name of the judge's model.")
    verdicts: list[VerdictPublic] = Field(
        description="One verdict for each level above the lowest; empty if the judge gave none."
    )
    unscored_reason: UnscoredReason | None = Field(description="Why the judge gave no verdicts; null if it did.")


class LevelSignalsPublic(_Part):
    """The signals for one level above the lowest."""

    judge: float = Field(
        description="The judge's log-odds (natural logarithm) minus those for an answer without content."
    )
    verifier: float | None = Field(
        description="The verifier's log-odds (natural logarithm), -1 to 2; null if it has no weight."
    )
    similarity_gain: float = Field(
        ge=-2,
        le=2,
        description="Cosine similarity of the answer to the expected content minus that of the question, -2 to 2.",
    )
    term_recall: Share = Field(description="Share of the expected content words that the answer has, 0 to 1.")
    rouge1_recall: Share = Field(description="ROUGE-1 recall against the best-matching reference answer, 0 to 1.")


class CriterionResultPublic(_Part):
    """The result on one criterion."""

    id: str = Field(description="Id of the criterion in the rubric.")
    title: str = Field(description="Short title of the criterion.")
    kind: Literal["binary", "ordinal", "negative", "gate"] = Field(
        description="`binary` and `ordinal` give points, `negative` subtracts them for a mistake, and a missed `gate` "
        "caps the score."
    )
    max_points: float = Field(
        ge=-100, le=100, description="Points of the highest level in the rubric; below 0 for a mistake."
    )
    level: int | None = Field(ge=0, description="Index of the most probable level, from 0; null without a verdict.")
    points: float | None = Field(description="Expected value of the points over the levels; null without a verdict.")
    probabilities: list[Share] | None = Field(
        description="Probability of each level, lowest level first, with sum 1; null without a verdict."
    )
    reason: str = Field(description="The reason in one sentence.")
    evidence: list[EvidencePublic] = Field(description="Passages of the answer that support the result.")
    expected_points: list[PointPublic] = Field(description="The expected points of this criterion.")
    votes: list[VotePublic] = Field(description="The vote of each judge.")
    unscored_reason: UnscoredReason | None = Field(description="Why there is no verdict; null if there is one.")
    signals: list[LevelSignalsPublic] = Field(
        default=[], description="Signals for each level above the lowest; empty if the criterion was not judged."
    )


class FeedbackPublic(_Part):
    """Feedback for the two readers."""

    language: Literal["zh", "en"] = Field(description="Language of both texts.")
    candidate: str = Field(description="Text for the candidate; never quotes the answer key.")
    interviewer: str | None = Field(
        description="Text for the interviewer; null unless the request may read the answer key."
    )


class EarlierScorePublic(_Part):
    """The score by an earlier version of the rubric, from the same verdicts."""

    rubric_hash: str = Field(description="SHA-256 of the earlier version.")
    score: Points | None = Field(description="The earlier score, 0 to 10; null if there was none.")


class ProvenancePublic(_Part):
    """Everything that decided a score, and what it took."""

    rubric_hash: str = Field(description="SHA-256 of everything in the rubric that decides a grade.")
    answer_hash: str = Field(description="SHA-256 of the answer in normal form.")
    prompt_hash: str = Field(description="SHA-256 of the prompt files; several judges are joined by a plus sign.")
    prompt_form: str = Field(
        description="Form of the prompts: mode, scope, context and examples, such as `fast/criterion/brief/zero-shot`."
    )
    quorum: int = Field(ge=1, description="Number of votes that a criterion needed.")
    engine: str = Field(description="Engine of the judge; several are joined by a plus sign.")
    model: str = Field(description="Model of the judge; several judges, or samples of one, are joined by a plus sign.")
    model_revision: str = Field(description="Revision of the model, joined likewise.")
    verifier_model: str = Field(description="Name of the verifier.")
    verifier_revision: str = Field(description="SHA-256 of the verifier's weights.")
    embedding_model: str = Field(description="Name of the embedding model.")
    embedding_revision: str = Field(description="Revision of the embedding model.")
    relevance_revision: str = Field(
        default="",
        description="Revision of the filter for unrelated sentences; empty in reports older than the filter.",
    )
    screening_revision: str = Field(default="", description="Revision of all other screening; empty in older reports.")
    combiner_version: str = Field(description="Version of the coefficients that combine the signals into a score.")
    strictness: Strictness | None = Field(
        default=None,
        description="Whose strictness the score follows: `calibrated` that of grades of your own, `bank` that of the "
        "writers of the bank, `unknown` nobody's in particular; null in older reports.",
    )
    review_below: Share = Field(description="Confidence (0 to 1) below which this score needed review.")
    review_share: Share | None = Field(
        default=None, description="Share of the scores to be reviewed (0 to 1); null with a fixed `review_bound`."
    )
    review_bound: Share | None = Field(
        default=None, description="Confidence below which scores are reviewed (0 to 1); null with a `review_share`."
    )
    pass_mark: Points | None = Field(
        default=None, description="Score that separates pass from fail, 0 to 10; null if none is set."
    )
    pass_margin: Points = Field(
        default=0.0, description="Distance from the pass mark within which scores are reviewed, 0 to 10."
    )
    judge_calls: int = Field(ge=0, description="Number of judge calls made for this answer.")
    cached_verdicts: int = Field(ge=0, description="Number of judge calls read from the record instead.")
    tokens_in: int = Field(ge=0, description="Prompt tokens of the calls made.")
    tokens_cached: int = Field(
        ge=0, description="Prompt tokens that the engine had in its prefix cache; part of `tokens_in`."
    )
    tokens_out: int = Field(ge=0, description="Tokens generated by the judge.")
    judge_seconds: float = Field(ge=0, description="Duration of the calls, summed, in seconds.")
    cost: float = Field(ge=0, description="Cost of the tokens, in the currency of the configured prices.")
    recomputed_from: list[EarlierScorePublic] = Field(
        default=[], description="Scores by earlier versions of the rubric, oldest first."
    )


class ReportPublic(_Part):
    """The report on one answer."""

    score: Points | None = Field(description="0 to 10 in steps of 0.1; null if a criterion has no verdict.")
    points: float | None = Field(
        ge=0, description="The score on the rubric's own scale, 0 to `max_points`; null if there is no score."
    )
    max_points: float = Field(gt=0, description="The most points that an answer can earn by this rubric.")
    score_min: Points = Field(
        description="Lower end of the range, 0 to 10: unjudged criteria at their worst, others at their 10 % quantile."
    )
    score_max: Points = Field(
        description="Upper end of the range, 0 to 10: unjudged criteria at their best, others at their 90 % quantile."
    )
    max_score: float = Field(ge=0, le=10, description="Highest score that an answer can get: 10.")
    coverage: Share = Field(description="Share of the rubric's points that was judged, 0 to 1.")
    confidence: Share = Field(
        description="Estimated probability (0 to 1) that a person's grade is within 1.5 points of the score."
    )
    needs_review: bool = Field(description="Whether a person should check the grading.")
    flags: list[Flag] = Field(description="Facts that a person should know; see docs/api.md.")
    criteria: list[CriterionResultPublic] = Field(
        description="One result for each criterion, in the order of the rubric."
    )
    signals: dict[str, float | None] = Field(
        description="The signals over the whole answer: `judge`, `point_recall`, `rouge1`, `rouge2` and `rougeL` are "
        "shares (0 to 1), `embedding` is a cosine similarity (-1 to 1); null if unknown."
    )
    contributions: dict[str, float] = Field(
        description="Points of 10 that each signal added or subtracted; `baseline` is the score without signals. Their "
        "sum is the score before rounding."
    )
    feedback: FeedbackPublic = Field(description="Feedback for candidate and interviewer.")
    provenance: ProvenancePublic = Field(description="Everything that decided the score.")
    masked: list[EvidencePublic] = Field(
        default=[], description="Passages addressed to the grader (prompt injection); no model reads them."
    )
    filler: list[EvidencePublic] = Field(
        default=[], description="Passages that say nothing on any subject, or only list names; no model reads them."
    )
    unrelated: list[EvidencePublic] = Field(
        default=[], description="Passages unrelated to the question's answer key; no model reads them."
    )
    repeated: list[EvidencePublic] = Field(
        default=[], description="Passages that repeat an earlier one; no model reads them."
    )
    skipped: list[EvidencePublic] = Field(
        default=[], description="Passages beyond what models read of a long answer; a person must read them."
    )
    context: list[EvidencePublic] = Field(
        default=[],
        description="Of a transcript: what others than the candidate say, labels of speakers and time stamps; no model "
        "reads them.",
    )
    masked_share: Share = Field(
        default=0.0,
        description="Share of the content that is masked, 0 to 1; it raises `score_max` and lowers `confidence`.",
    )
    unscored_reason: UnscoredReason | None = Field(
        default=None, description="Why there is no score, as a fixed code; null if there is one."
    )
    unscored_detail: str | None = Field(default=None, description="The reason in a sentence.")


class _SchemaOf:
    """Annotates a document with the schema of a model, without validating it: older reports must still be readable."""

    def __init__(self, model: type[BaseModel]) -> None:
        self._model = model

    def __get_pydantic_json_schema__(self, _: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(self._model.__pydantic_core_schema__)


ReportDocument = Annotated[dict[str, Any], _SchemaOf(ReportPublic)]
