"""What a judge gives, and what every kind of judge can do."""

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
    """The judge's word on one answer.

    `levels[criterion_id]` has an entry for each level above the lowest; a criterion for which any
    call failed is in `failures` instead. `votes` has every judge's word, also where there is only one.
    """

    levels: Mapping[str, tuple[LevelVerdict, ...]]
    failures: Mapping[str, JudgeFailure]
    votes: Mapping[str, tuple[Vote, ...]] = field(default_factory=dict)
    calls: tuple[CallRecord, ...] = ()
    cached: int = 0
    escaped_markers: int = 0


class Judge(Protocol):
    """Anything that judges a batch of answers to one question."""

    @property
    def identity(self) -> EngineIdentity:
        """Engine, model and revision, for the report."""

    @property
    def form(self) -> str:
        """How it is asked, in one word, for the report."""

    @property
    def urls(self) -> Sequence[str]:
        """Where its servers are."""

    @property
    def quorum(self) -> int:
        """Votes that a criterion needs."""

    def prompt_hash(self, rubric: Rubric) -> str:
        """SHA-256 of the prompt files that a rubric is judged with."""

    def judge(self, answers: Sequence[str], rubric: Rubric) -> list[AnswerVerdicts]:
        """One entry an answer, in order; answers come with their sentences numbered."""
