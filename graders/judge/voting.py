"""Several judges, or several samples of one, as one judge: a quorum, the mean of their votes, every vote kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import fmean

from vivavoce.rubrics import Rubric

from ..errors import JudgeFailure, UnscoredReason
from ..types import EngineIdentity, LevelVerdict, Vote
from .types import AnswerVerdicts, Judge


class JudgePanel:
    """Judges who vote; a criterion on which fewer than `quorum` of them have a verdict is unscored.

    A judge that is silent withholds its vote: it counts for nobody.
    """

    def __init__(self, judges: Sequence[Judge], *, quorum: int) -> None:
        if not 1 <= quorum <= len(judges):
            raise ValueError(f"a panel of {len(judges)} needs a quorum of 1 to {len(judges)}, not {quorum}")
        self._judges = list(judges)
        self.quorum = quorum

    @property
    def identity(self) -> EngineIdentity:
        """See Judge; members in order, joined by a plus sign."""
        members = [judge.identity for judge in self._judges]
        return EngineIdentity(
            engine="+".join(dict.fromkeys(member.engine for member in members)),
            model="+".join(member.model for member in members),
            revision="+".join(member.revision for member in members),
        )

    @property
    def form(self) -> str:
        """See Judge."""
        return "+".join(dict.fromkeys(judge.form for judge in self._judges))

    @property
    def urls(self) -> Sequence[str]:
        """See Judge."""
        return tuple(dict.fromkeys(url for judge in self._judges for url in judge.urls))

    def prompt_hash(self, rubric: Rubric) -> str:
        """See Judge."""
        return "+".join(dict.fromkeys(judge.prompt_hash(rubric) for judge in self._judges))

    def judge(self, answers: Sequence[str], rubric: Rubric) -> list[AnswerVerdicts]:
        """See Judge; the members work at the same time."""
        with ThreadPoolExecutor(max_workers=len(self._judges)) as threads:
            by_judge = list(threads.map(lambda judge: judge.judge(answers, rubric), self._judges))
        return [self._together([found[index] for found in by_judge], rubric) for index in range(len(answers))]

    def _together(self, members: Sequence[AnswerVerdicts], rubric: Rubric) -> AnswerVerdicts:
        votes = {c.id: tuple(vote for member in members for vote in member.votes[c.id]) for c in rubric.criteria}
        details = {
            c.id: [member.failures[c.id] for member in members if c.id in member.failures] for c in rubric.criteria
        }
        levels, failures = count_votes(votes, quorum=self.quorum, details=details)
        return AnswerVerdicts(
            levels=levels,
            failures=failures,
            votes=votes,
            calls=tuple(call for member in members for call in member.calls),
            cached=sum(member.cached for member in members),
            escaped_markers=max(member.escaped_markers for member in members),
        )


def count_votes(
    votes: Mapping[str, Sequence[Vote]],
    *,
    quorum: int,
    details: Mapping[str, Sequence[JudgeFailure]],
) -> tuple[dict[str, tuple[LevelVerdict, ...]], dict[str, JudgeFailure]]:
    """Verdicts by criterion as the mean of the votes' log-odds, and why the other criteria have none.

    `details` are the failures behind withheld votes. When a quorum fails, a reason that waiting may
    mend comes before one that it will not.
    """
    levels: dict[str, tuple[LevelVerdict, ...]] = {}
    failures: dict[str, JudgeFailure] = {}
    for criterion, cast in votes.items():
        said = [vote.verdicts for vote in cast if vote.unscored_reason is None]
        if len(said) >= quorum:
            levels[criterion] = tuple(_mean(steps) for steps in zip(*said, strict=True))
            continue
        reasons = sorted(
            details[criterion], key=lambda failure: (not failure.reason.retryable, not failure.unavailable)
        )
        why = reasons[0] if reasons else JudgeFailure(UnscoredReason.INFRASTRUCTURE, "no judge voted")
        counted = f"{len(said)} of {len(cast)} judges voted, {quorum} must: {why.detail}"
        failures[criterion] = why if len(cast) == 1 else JudgeFailure(why.reason, counted, unavailable=why.unavailable)
    return levels, failures


def split_criteria(votes: Mapping[str, Sequence[Vote]], *, least_odds: float = 1.0) -> tuple[str, ...]:
    """Criteria on which votes stand on both sides of no, each by at least `least_odds` (natural logarithm)."""
    found = []
    for criterion, cast in votes.items():
        tops = [vote.verdicts[-1].log_odds - vote.verdicts[-1].baseline_log_odds for vote in cast if vote.verdicts]
        if len(tops) > 1 and max(tops) >= least_odds and min(tops) <= -least_odds:
            found.append(criterion)
    return tuple(found)


def _mean(steps: Sequence[LevelVerdict]) -> LevelVerdict:
    # The panel gives the reasons of those whom it follows, not a dissenter's.
    log_odds = fmean(step.log_odds for step in steps)
    agreeing = [step for step in steps if (step.log_odds > 0) == (log_odds > 0)] or steps
    quoting = max(agreeing, key=lambda step: (bool(step.quote), bool(step.reason)))
    return LevelVerdict(
        log_odds=log_odds,
        baseline_log_odds=fmean(step.baseline_log_odds for step in steps),
        quote=quoting.quote,
        reason=quoting.reason,
        span=quoting.span,
    )
