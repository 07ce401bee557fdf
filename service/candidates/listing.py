"""The list of a cohort's candidates: by tier, and within a tier by their reference, so that no order tells a rank."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy.orm import Session

from ..errors import NotFound
from .answers import count_anonymous, list_questions, read_answers
from .tiers import assign_tiers
from .totals import Answer, Standing, sum_up

Basis = Literal["all_questions", "own_questions"]
"""What is expected of a candidate: an answer to each question of the cohort, or only to those with an item."""


@dataclass(frozen=True)
class Placed:
    """A candidate with the tier, from 1 for the highest; None while a question has no score."""

    standing: Standing
    tier: int | None


@dataclass(frozen=True)
class CandidateList:
    """All candidates of a cohort in the order of the list, and the number of items without a candidate."""

    placed: Sequence[Placed]
    anonymous_items: int

    @property
    def tier_count(self) -> int:
        """The number of tiers."""
        return max((placed.tier or 0 for placed in self.placed), default=0)


def list_candidates(session: Session, cohort_id: str, *, basis: Basis) -> CandidateList:
    """Returns the candidates of a cohort; those without a tier come last."""
    questions = list_questions(session, cohort_id)
    standings = [
        sum_up(candidate, answers, _expect(questions, answers, basis))
        for candidate, answers in read_answers(session, cohort_id)
    ]
    return CandidateList(place(standings), count_anonymous(session, cohort_id))


def place(standings: Sequence[Standing]) -> list[Placed]:
    """Returns the candidates with their tiers, by tier and then by reference."""
    complete = [(standing, total) for standing in standings if (total := standing.as_total) is not None]
    tiers = assign_tiers([total for _, total in complete])
    tier_of = {standing.candidate: tier for (standing, _), tier in zip(complete, tiers, strict=True)}
    placed = [Placed(standing, tier_of.get(standing.candidate)) for standing in standings]
    return sorted(placed, key=sort_key)


def sort_key(placed: Placed) -> tuple[bool, int, str]:
    """What a candidate is sorted by: tier, none last, then the reference."""
    return placed.tier is None, placed.tier or 0, placed.standing.candidate


def find_candidate(
    session: Session, cohort_id: str, candidate: str, *, basis: Basis
) -> tuple[Placed, Sequence[Answer]]:
    """Returns a candidate with the answers. Raises NotFound if the cohort has no item of this candidate."""
    for placed in list_candidates(session, cohort_id, basis=basis).placed:
        if placed.standing.candidate == candidate:
            ((_, answers),) = read_answers(session, cohort_id, candidate=candidate)
            return placed, answers
    raise NotFound(f"The cohort has no candidate '{candidate[:64]}': check the reference in its list of candidates.")


def _expect(questions: Collection[str], answers: Sequence[Answer], basis: Basis) -> Collection[str]:
    return questions if basis == "all_questions" else {answer.question_id for answer in answers}
