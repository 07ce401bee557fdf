"""Stand-ins for the parts that are slow or out of reach in a test, for our users' tests too."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from vivavoce.rubrics import Question, Rubric

from .errors import JudgeFailure
from .judge.types import AnswerVerdicts
from .models.embedder import Vectors
from .panel import Panel
from .reading import normal_text
from .scoring.coefficients import Coefficients, Weights
from .scoring.confidence import ConfidenceWeights, ReviewPolicy
from .signals import lexical
from .types import EngineIdentity, LevelVerdict, Vote

Script = Callable[[str, str], float | JudgeFailure]
"""Given an answer and a criterion's id: the log-odds that it is met, or the failure to report."""


class ScriptedJudge:
    """A judge that follows a script; `calls` counts the answers it was asked about."""

    identity = EngineIdentity(engine="scripted", model="scripted", revision="1")
    form = "scripted"
    quorum = 1
    urls = ("http://127.0.0.1:9",)

    def __init__(self, script: Script = lambda answer, criterion: 2.0) -> None:
        self.script = script
        self.calls = 0

    def prompt_hash(self, rubric: Rubric) -> str:
        """See Judge."""
        return "scripted"

    def judge(self, answers: Sequence[str], rubric: Rubric) -> list[AnswerVerdicts]:
        """See Judge."""
        self.calls += len(answers)
        return [self._judge(answer, rubric) for answer in answers]

    def _judge(self, answer: str, rubric: Rubric) -> AnswerVerdicts:
        levels: dict[str, tuple[LevelVerdict, ...]] = {}
        failures: dict[str, JudgeFailure] = {}
        for criterion in rubric.criteria:
            said = self.script(answer, criterion.id)
            if isinstance(said, JudgeFailure):
                failures[criterion.id] = said
            else:
                levels[criterion.id] = (LevelVerdict(said, 0.0),) * (len(criterion.levels) - 1)
        votes = {name: (Vote("scripted", found),) for name, found in levels.items()}
        votes |= {name: (Vote("scripted", (), failure.reason),) for name, failure in failures.items()}
        return AnswerVerdicts(levels=levels, failures=failures, votes=votes)


class HashingEmbedder:
    """Vectors from hashed words (256 dimensions): texts that share words are near, without any model."""

    name = "hashing"
    revision = "1"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See Embedder."""
        rows = np.zeros((len(texts), 256), dtype=np.float32)
        for row, string in zip(rows, texts, strict=True):
            for word in normal_text.words(string):
                row[int(hashlib.sha256(word.encode()).hexdigest(), 16) % 256] += 1
            row /= math.sqrt(float((row**2).sum())) or 1.0
        return rows


class WordVerifier:
    """Log-odds from the share of a statement's telling words that an answer has, without any model."""

    name = "words"
    revision = "1"

    def log_odds(self, sentences: Sequence[str], statements: Sequence[str], *, question: Question) -> list[float]:
        """See Verifier."""
        said = " ".join(sentences)
        return [6 * lexical.point_recall([said], point=one, question=question.text) - 3 for one in statements]


# Shared words make this embedder's cosines far larger than a real model's, so they weigh less.
_HASHING = Weights(
    intercept=-1.1,
    weights={"judge": 0.85, "verifier": 0.05, "similarity_gain": 1.0, "term_recall": 1.0, "rouge1_recall": 0.0},
    means={"judge": 0.5, "verifier": 0.0, "similarity_gain": 0.1, "term_recall": 0.3, "rouge1_recall": 0.3},
)
HASHING_COEFFICIENTS = Coefficients(
    version="hashing",
    merit=_HASHING,
    mistake=replace(_HASHING, intercept=-3.0),
    confidence=ConfidenceWeights(intercept=3.0, score_sd=8.0, judge_gap=1.0, midscale=1.0),
)


def scripted_panel(
    script: Script = lambda answer, criterion: 2.0,
    *,
    review: ReviewPolicy | None = None,
) -> Panel:
    """A panel that needs no model."""
    return Panel(
        embedder=HashingEmbedder(),
        verifier=WordVerifier(),
        judge=ScriptedJudge(script),
        coefficients=HASHING_COEFFICIENTS,
        review=review or ReviewPolicy(below=0.0),
    )
