"""The report on an answer as the API shows it: every field with its meaning, unit and range.

A report is kept and sent as the document that was written; these models are its schema. Fields that came later have a
default, so that a report from before them still fits.
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
    model_config = ConfigDict(extra="forbid")


class EvidencePublic(_Part):
    """A place in the raw answer, in code points."""

    start: int = Field(ge=0, description="First code point, from 0.")
    end: int = Field(ge=0, description="The code point behind the last.")
    quote: str = Field(description="The characters that stand there.")


class PointPublic(_Part):
    """Whether one expected point was found."""

    id: str = Field(description="Identifier of the expected point in the rubric.")
    text: str = Field(description="The expected point; not for candidates.")
    importance: Literal["core", "optional"] = Field(description="Whether a full answer must make it.")
    found: bool = Field(description="Whether the answer makes it, as far as the signals tell.")
    evidence: EvidencePublic | None = Field(description="The sentence that comes nearest; null when it was not found.")


class VerdictPublic(_Part):
    """A judge's verdict on one level above the lowest."""

    log_odds: float = Field(description="Natural logarithm of P(level reached) / P(not reached), as the judge said it.")
    baseline_log_odds: float = Field(
        description="The same for an answer without content; what counts is the difference."
    )
    quote: str = Field(description="What the judge quotes for a yes; empty when it was not asked to explain.")
    reason: str = Field(description="The judge's reason; empty when it was not asked to explain.")
    call: str = Field(description="Key of the call's record: `viva replay --calls` shows it.")
    baseline_call: str = Field(description="Key of the record of the call about the answer without content.")
    position: int = Field(ge=0, description="Place of the verdict in these calls, from 0.")
    span: tuple[int, int] | None = Field(
        default=None, description="Where the quote stands in the sentences that the judge read, joined by blanks."
    )


class VotePublic(_Part):
    """One judge's vote on a criterion."""

    judge: str = Field(description="Name of the judge's model.")
    verdicts: list[VerdictPublic] = Field(description="One for each level above the lowest; empty for a withheld vote.")
    unscored_reason: UnscoredReason | None = Field(description="Why the vote was withheld; null when it was not.")


class LevelSignalsPublic(_Part):
    """What the graders found for one level above the lowest."""

    judge: float = Field(description="Log-odds (natural logarithm) over those of an answer without content.")
    verifier: float | None = Field(description="The verifier's log-odds, -1 to 2; null where it has no weight.")
    similarity_gain: float = Field(
        ge=-2, le=2, description="Cosine to what is asked for, less the cosine of the bare question to it."
    )
    term_recall: Share = Field(description="Share of the content words asked for that the answer has.")
    rouge1_recall: Share = Field(description="Recall of ROUGE-1 against the best reference.")


class CriterionResultPublic(_Part):
    """How an answer stands on one criterion."""

    id: str = Field(description="Identifier of the criterion in the rubric.")
    title: str = Field(description="What tables and feedback call it.")
    kind: Literal["binary", "ordinal", "negative", "gate"] = Field(
        description="`negative` takes points for a mistake; a missed `gate` caps the score."
    )
    max_points: float = Field(ge=-100, le=100, description="The rubric's points for its highest level.")
    level: int | None = Field(ge=0, description="Index of the most probable level, from 0; null without a verdict.")
    points: float | None = Field(description="Expected points; null without a verdict.")
    probabilities: list[Share] | None = Field(
        description="Probability of each level, the lowest first, summing to 1; null without a verdict."
    )
    reason: str = Field(description="Why, in a sentence for the interviewer.")
    evidence: list[EvidencePublic] = Field(description="Where in the answer the judge and the other signals found it.")
    expected_points: list[PointPublic] = Field(description="The expected points that count for this criterion.")
    votes: list[VotePublic] = Field(description="Every judge's vote.")
    unscored_reason: UnscoredReason | None = Field(description="Why there is no verdict; null when there is one.")
    signals: list[LevelSignalsPublic] = Field(
        default=[], description="What was found for each level above the lowest; empty for what was not judged."
    )


class FeedbackPublic(_Part):
    """Words for the two readers."""

    language: Literal["zh", "en"] = Field(description="The language of both texts.")
    candidate: str = Field(description="For the candidate; never quotes the key.")
    interviewer: str = Field(description="For the interviewer.")


class EarlierScorePublic(_Part):
    """The score that the same verdicts had by an earlier version of the rubric."""

    rubric_hash: str = Field(description="SHA-256 of that version.")
    score: Points | None = Field(description="That score, 0 to 10; null when there was none.")


class ProvenancePublic(_Part):
    """Where a score came from."""

    rubric_hash: str = Field(description="SHA-256 of everything in the rubric that decides a grade.")
    answer_hash: str = Field(description="SHA-256 of the answer in normal form.")
    prompt_hash: str = Field(description="SHA-256 of the prompt files, of each judge, joined by a plus sign.")
    prompt_form: str = Field(description="How the judge was asked.")
    quorum: int = Field(ge=1, description="Votes that a criterion needed.")
    engine: str = Field(description="The judge's engine; of several judges each, joined by a plus sign.")
    model: str = Field(description="The judge's model; of several judges or samples each, joined by a plus sign.")
    model_revision: str = Field(description="The revision of that model, of each likewise.")
    verifier_model: str = Field(description="Name of the verifier.")
    verifier_revision: str = Field(description="SHA-256 over its weights.")
    embedding_model: str = Field(description="Name of the embedding model.")
    embedding_revision: str = Field(description="Its revision.")
    relevance_revision: str = Field(
        default="", description="Revision of the filter of unrelated sentences; empty for a report from before it."
    )
    screening_revision: str = Field(
        default="", description="Revision of all other screening; empty for a report that does not tell it."
    )
    combiner_version: str = Field(description="Version of the coefficients that combine the signals.")
    strictness: Strictness | None = Field(
        default=None,
        description="Whose strictness the score has: that of your people's grades (`calibrated`), of the bank's "
        "writers (`bank`), or of nobody known (`unknown`); null for a report that does not tell it.",
    )
    review_below: Share = Field(description="Confidence below which this score went to a person.")
    review_share: Share | None = Field(
        default=None, description="Share of the scores that was to go to a person; null where a bound was set."
    )
    review_bound: Share | None = Field(
        default=None, description="Confidence below which scores go to a person; null where a share was set."
    )
    pass_mark: Points | None = Field(default=None, description="The mark that something hangs on, 0 to 10; or null.")
    pass_margin: Points = Field(default=0.0, description="Scores so near to the mark go to a person, in points of 10.")
    judge_calls: int = Field(ge=0, description="Calls of the judge that were made for this answer.")
    cached_verdicts: int = Field(ge=0, description="Calls that were on record already.")
    tokens_in: int = Field(ge=0, description="Prompt tokens of these calls.")
    tokens_cached: int = Field(ge=0, description="Of those the ones that the engine had cached.")
    tokens_out: int = Field(ge=0, description="Tokens of the replies.")
    judge_seconds: float = Field(ge=0, description="Seconds that the calls took, in all.")
    cost: float = Field(ge=0, description="What the tokens cost, in the currency of the prices that were set.")
    recomputed_from: list[EarlierScorePublic] = Field(
        default=[], description="Scores by earlier versions of the rubric, the oldest first."
    )


class ReportPublic(_Part):
    """What is said of one answer."""

    score: Points | None = Field(description="0 to 10 in steps of 0.1; null when a criterion has no verdict.")
    score_min: Points = Field(description="The least that it may be: unjudged criteria at their worst, others at 10 %.")
    score_max: Points = Field(description="The most that it may be: unjudged criteria at their best, others at 90 %.")
    max_score: float = Field(description="The most that any answer can get: 10.")
    coverage: Share = Field(description="Share of the rubric's points that was judged.")
    confidence: Share = Field(description="Estimated probability that a person's grade lies within 1.5 of the score.")
    needs_review: bool = Field(description="Whether a person should look.")
    flags: list[Flag] = Field(description="What a person should know; see Flags in the API's guide.")
    criteria: list[CriterionResultPublic] = Field(description="One for each criterion of the rubric, in its order.")
    signals: dict[str, float | None] = Field(
        description="What each signal found, by name: `judge`, `embedding`, `point_recall`, `rouge1`, `rouge2`, "
        "`rougeL`, each a share (0 to 1; the embedding's a cosine, -1 to 1); null for what is not known."
    )
    contributions: dict[str, float] = Field(
        description="Points of 10 that each signal added or took; `baseline` is the score without any. They sum to "
        "the score before it was rounded."
    )
    feedback: FeedbackPublic = Field(description="Words for candidate and interviewer.")
    provenance: ProvenancePublic = Field(description="Where the score came from.")
    masked: list[EvidencePublic] = Field(default=[], description="Not read by any model: it speaks to the grader.")
    filler: list[EvidencePublic] = Field(
        default=[], description="Not read by any model: it says nothing, or only names things."
    )
    unrelated: list[EvidencePublic] = Field(
        default=[], description="Not read by any model: it bears on nothing that is asked for."
    )
    repeated: list[EvidencePublic] = Field(
        default=[], description="Not read by any model: it stands in the answer before."
    )
    unscored_reason: UnscoredReason | None = Field(default=None, description="Why there is no score; null with one.")
    unscored_detail: str | None = Field(default=None, description="The same in a sentence.")


class _SchemaOf:
    """Annotates a document with the schema of a model, and leaves it as it is: older reports must still read."""

    def __init__(self, model: type[BaseModel]) -> None:
        self._model = model

    def __get_pydantic_json_schema__(self, _: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(self._model.__pydantic_core_schema__)


ReportDocument = Annotated[dict[str, Any], _SchemaOf(ReportPublic)]
