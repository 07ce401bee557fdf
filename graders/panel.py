"""The graders that look at an answer together, built in one place and handed to `grade`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from .combine import Coefficients, default_coefficients
from .confidence import ReviewPolicy
from .embedding import Embedder, Vectors
from .judge.judging import Judge
from .verifier import Verifier

_RUBRICS_REMEMBERED = 64


@dataclass(frozen=True)
class Panel:
    """An embedder, a verifier, a judge, and how their signals are weighed.

    `review` says which scores go to a person for doubt.
    """

    embedder: Embedder
    verifier: Verifier
    judge: Judge
    coefficients: Coefficients
    review: ReviewPolicy = field(default_factory=ReviewPolicy)

    @cached_property
    def embed_rubric(self) -> Callable[[tuple[str, ...]], Vectors]:
        """The embedder for texts of rubrics, which come again with every answer: it remembers the last 64 tuples."""
        return lru_cache(maxsize=_RUBRICS_REMEMBERED)(self.embedder.embed)


def build_panel(
    *,
    embedder: Embedder,
    verifier: Verifier,
    judge: Judge,
    coefficients: Coefficients | None = None,
    review: ReviewPolicy | None = None,
) -> Panel:
    """A panel; `coefficients` default to those that ship with vivavoce."""
    return Panel(
        embedder=embedder,
        verifier=verifier,
        judge=judge,
        coefficients=coefficients or default_coefficients(),
        review=review or ReviewPolicy(),
    )
