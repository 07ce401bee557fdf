"""The graders that look at an answer together, built in one place and handed to `grade`."""

from __future__ import annotations

from dataclasses import dataclass, field

from .combine import Coefficients, default_coefficients
from .confidence import ReviewPolicy, ReviewShare
from .embedding import Embedder
from .judge.judging import Judge
from .relevance import SentenceFilter
from .verifier import Verifier


@dataclass(frozen=True)
class Panel:
    """An embedder, a verifier, a judge, and how their signals are weighed.

    `relevance` says which sentences models read, None that they read all; `review` which scores go to a person for
    doubt.
    """

    embedder: Embedder
    verifier: Verifier
    judge: Judge
    coefficients: Coefficients
    review: ReviewPolicy | ReviewShare = field(default_factory=ReviewPolicy)
    relevance: SentenceFilter | None = None


def build_panel(
    *,
    embedder: Embedder,
    verifier: Verifier,
    judge: Judge,
    coefficients: Coefficients | None = None,
    review: ReviewPolicy | ReviewShare | None = None,
    relevance: SentenceFilter | None = None,
) -> Panel:
    """A panel; `coefficients` default to those that ship with vivavoce."""
    return Panel(
        embedder=embedder,
        verifier=verifier,
        judge=judge,
        coefficients=coefficients or default_coefficients(),
        review=review or ReviewPolicy(),
        relevance=relevance,
    )
