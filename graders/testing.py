"""Stand-ins for the slow or external parts, for our tests and those of our users."""

from __future__ import annotations

import hashlib
import math
import time
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
"""Maps an answer and a criterion's id to the log-odds (natural) of every level, or to the failure to report."""


class ScriptedJudge:
    """A judge that follows a script; `calls` counts the answers it judged."""

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
        return [self._time_answer(answer, rubric) for answer in answers]

    def _time_answer(self, answer: str, rubric: Rubric) -> AnswerVerdicts:
        started = time.monotonic()
        verdicts = self._judge_answer(answer, rubric)
        return replace(verdicts, seconds=time.monotonic() - started)

    def _judge_answer(self, answer: str, rubric: Rubric) -> AnswerVerdicts:
        levels: dict[str, tuple[LevelVerdict, ...]] = {}
        failures: dict[str, JudgeFailure] = {}
        for criterion in rubric.criteria:
            scripted = self.script(answer, criterion.id)
            if isinstance(scripted, JudgeFailure):
                failures[criterion.id] = scripted
            else:
                levels[criterion.id] = (LevelVerdict(scripted, 0.0),) * (len(criterion.levels) - 1)
        votes = {name: (Vote("scripted", verdicts),) for name, verdicts in levels.items()}
        votes |= {name: (Vote("scripted", (), failure.reason),) for name, failure in failures.items()}
        return AnswerVerdicts(levels=levels, failures=failures, votes=votes)


class HashingEmbedder:
    """Embeds texts as hashed word counts (256 dimensions, length 1): similar words, similar vectors, no model."""

    name = "hashing"
    revision = "1"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See Embedder."""
        rows = np.zeros((len(texts), 256), dtype=np.float32)
        for row, string in zip(rows, texts, strict=True):
            for word in normal_text.words(string):
                row[int(hashlib.sha256(word.encode()).hexdigest(), 16) % 256] += 1
            # An empty text stays the zero vector.
            row /= math.sqrt(float((row**2).sum())) or 1.0
        return rows


class WordVerifier:
    """Log-odds (-3 to 3) from the share of a statement's content words in the answer, without a model."""

    name = "words"
    revision = "1"

    def log_odds(self, sentences: Sequence[str], statements: Sequence[str], *, question: Question) -> list[float]:
        """See Verifier."""
        answer = " ".join(sentences)
        return [
            6 * lexical.point_recall([answer], point=statement, question=question.text) - 3 for statement in statements
        ]


# This embedder's cosines are larger than a real model's.
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
    """A panel that needs no model; by default no score is sent to a person for low confidence."""
    return Panel(
        embedder=HashingEmbedder(),
        verifier=WordVerifier(),
        judge=ScriptedJudge(script),
        coefficients=HASHING_COEFFICIENTS,
        review=review or ReviewPolicy(below=0.0),
    )
