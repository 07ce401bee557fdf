"""What a judge returns, and the protocol that every judge implements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from vivavoce.rubrics import Rubric

from ..errors import JudgeFailure
from ..types import EngineIdentity, LevelVerdict, Vote
from .call_record import CallRecord


@dataclass(frozen=True)
class AnswerVerdicts:
    """A judge's verdicts on one answer, by criterion id.

    `levels` has a verdict for each level above the lowest. A criterion for which a call failed is in `failures`
    instead. `votes` has the vote of every judge, also where there is only one. `calls` are the calls that were made
    for this answer, `cached` is the number of calls that were not needed, because their record existed or another
    answer made them. `escaped_markers` counts the look-alikes of our delimiters in the answer. `seconds` is the time
    spent on this answer, without waiting for others; None if the judge does not tell.
    """

    levels: Mapping[str, tuple[LevelVerdict, ...]]
    failures: Mapping[str, JudgeFailure]
    votes: Mapping[str, tuple[Vote, ...]] = field(default_factory=dict)
    calls: tuple[CallRecord, ...] = ()
    cached: int = 0
    escaped_markers: int = 0
    seconds: float | None = None


class Judge(Protocol):
    """Anything that judges a batch of answers to one question."""

    @property
    def identity(self) -> EngineIdentity:
        """Engine, model and revision, for the report."""

    @property
    def form(self) -> str:
        """The form of its prompts as one word, for the report."""

    @property
    def urls(self) -> Sequence[str]:
        """Addresses of its servers."""

    @property
    def quorum(self) -> int:
        """Number of votes that a criterion needs for a verdict."""

    def prompt_hash(self, rubric: Rubric) -> str:
        """SHA-256 of the prompt files that are used for a rubric."""

    def judge(self, answers: Sequence[str], rubric: Rubric) -> list[AnswerVerdicts]:
        """The verdicts on each answer, in order; the sentences of the answers are numbered.

        Failed calls are reported as failures of their criteria; they raise nothing. A judge may end an answer early
        by its limit (see `time_limit.limits_of_batch`).
        """
