"""The graders that assess an answer together, built in one place and passed to `grade`."""

from __future__ import annotations

from dataclasses import dataclass, field

from vivavoce.rubrics import Rubric

from .judge.types import Judge
from .models.embedder import NANO_E5, Embedder, build_embedder
from .models.verifier import CrossEncoderVerifier, Verifier
from .reading.relevance import RelevanceFilter, SentenceFilter
from .reading.screening import screening_revision
from .reading.sentence_classifier import SentenceClassifier, TrainedSentenceClassifier
from .scoring.coefficients import Coefficients, default_coefficients
from .scoring.confidence import ReviewPolicy, ReviewShare
from .types import GraderIdentity


@dataclass(frozen=True)
class Panel:
    """An embedder, a verifier, a judge, and the coefficients that weight their signals.

    `relevance` and `sentence_classifier` decide which sentences the models read; with None, no sentence is left out
    for that reason. `review` decides which scores a person has to review.
    """

    embedder: Embedder
    verifier: Verifier
    judge: Judge
    coefficients: Coefficients
    review: ReviewPolicy | ReviewShare = field(default_factory=ReviewPolicy)
    relevance: SentenceFilter | None = None
    sentence_classifier: SentenceClassifier | None = None

    def identity(self, rubric: Rubric) -> GraderIdentity:
        """Everything besides the answer and the rubric that determines a report."""
        judge, review = self.judge.identity, self.review.now()
        return GraderIdentity(
            engine=judge.engine,
            model=judge.model,
            model_revision=judge.revision,
            prompt_hash=self.judge.prompt_hash(rubric),
            prompt_form=self.judge.form,
            quorum=self.judge.quorum,
            verifier_model=self.verifier.name,
            verifier_revision=self.verifier.revision,
            embedding_model=self.embedder.name,
            embedding_revision=self.embedder.revision,
            relevance_revision=self.relevance.revision if self.relevance else "",
            screening_revision=screening_revision(self.sentence_classifier),
            combiner_version=self.coefficients.version,
            review_share=review.share,
            # With a share, the bound moves from answer to answer.
            review_bound=review.below if review.share is None else None,
            pass_mark=review.pass_mark,
            pass_margin=review.pass_margin,
        )


def build_panel(
    *,
    embedder: Embedder,
    verifier: Verifier,
    judge: Judge,
    coefficients: Coefficients | None = None,
    review: ReviewPolicy | ReviewShare | None = None,
    relevance: SentenceFilter | None = None,
    sentence_classifier: SentenceClassifier | None = None,
) -> Panel:
    """Build a panel; `coefficients` default to the shipped ones, `review` to a default ReviewPolicy."""
    return Panel(
        embedder=embedder,
        verifier=verifier,
        judge=judge,
        coefficients=coefficients or default_coefficients(),
        review=review or ReviewPolicy(),
        relevance=relevance,
        sentence_classifier=sentence_classifier,
    )


def build_shipped_panel(
    *,
    embedder: Embedder,
    judge: Judge,
    coefficients: Coefficients | None = None,
    review: ReviewPolicy | ReviewShare | None = None,
    with_relevance: bool = True,
) -> Panel:
    """Build a panel with the shipped verifier, relevance filter and sentence classifiers.

    All of them were trained on multilingual-e5-small and share one instance of it: `embedder` itself if it is that
    model. Raises ModelMissing if a model is not installed.
    """
    # One copy of the weights in memory for all parts.
    e5 = embedder if embedder.name == NANO_E5 else build_embedder(NANO_E5)
    return build_panel(
        embedder=embedder,
        verifier=CrossEncoderVerifier(e5),
        judge=judge,
        coefficients=coefficients,
        review=review,
        relevance=RelevanceFilter(e5) if with_relevance else None,
        sentence_classifier=TrainedSentenceClassifier(e5),
    )
