"""A panel of several judges, or of several samples of one: a quorum, the mean of the votes, all votes kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from statistics import fmean

from vivavoce.rubrics import Rubric

from ..errors import JudgeFailure, UnscoredReason
from ..types import EngineIdentity, LevelVerdict, Vote
from .types import AnswerVerdicts, Judge


class JudgePanel:
    """Judges that vote; a criterion with verdicts from fewer than `quorum` of them is unscored.

    A judge that fails on a criterion abstains: its failure counts neither for nor against the answer.
    """

    def __init__(self, judges: Sequence[Judge], *, quorum: int) -> None:
        if not 1 <= quorum <= len(judges):
            raise ValueError(f"a panel of {len(judges)} needs a quorum of 1 to {len(judges)}, not {quorum}")
        self._judges = list(judges)
        self.quorum = quorum

    @property
    def identity(self) -> EngineIdentity:
        """The members' identities in order, joined by plus signs; an engine that several share is named once."""
        members = [judge.identity for judge in self._judges]
        return EngineIdentity(
            engine="+".join(dict.fromkeys(member.engine for member in members)),
            model="+".join(member.model for member in members),
            revision="+".join(member.revision for member in members),
        )

    @property
    def form(self) -> str:
        """The members' different forms, joined by plus signs."""
        return "+".join(dict.fromkeys(judge.form for judge in self._judges))

    @property
    def urls(self) -> Sequence[str]:
        """The members' different addresses."""
        return tuple(dict.fromkeys(url for judge in self._judges for url in judge.urls))

    def prompt_hash(self, rubric: Rubric) -> str:
        """The members' different hashes, joined by plus signs."""
        return "+".join(dict.fromkeys(judge.prompt_hash(rubric) for judge in self._judges))

    def judge(self, answers: Sequence[str], rubric: Rubric) -> list[AnswerVerdicts]:
        """See Judge; the members work at the same time, a thread each."""
        # Each thread gets the time limits of this one.
        contexts = [copy_context() for _ in self._judges]
        with ThreadPoolExecutor(max_workers=len(self._judges)) as threads:
            by_judge = list(
                threads.map(lambda judge, context: context.run(judge.judge, answers, rubric), self._judges, contexts)
            )
        by_answer = zip(*by_judge, strict=True)
        return [self._combine_members(members, rubric) for members in by_answer]

    def _combine_members(self, members: Sequence[AnswerVerdicts], rubric: Rubric) -> AnswerVerdicts:
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
            # All members read the same markers.
            escaped_markers=max(member.escaped_markers for member in members),
            seconds=max((member.seconds for member in members if member.seconds is not None), default=None),
        )


def count_votes(
    votes: Mapping[str, Sequence[Vote]],
    *,
    quorum: int,
    details: Mapping[str, Sequence[JudgeFailure]],
) -> tuple[dict[str, tuple[LevelVerdict, ...]], dict[str, JudgeFailure]]:
    """The mean verdicts of the criteria that have a quorum, and the failures of those that have none.

    `details` has the failures behind missing votes, for every criterion that lacks a quorum. A failure that a retry
    may fix is reported before one that it will not.
    """
    levels: dict[str, tuple[LevelVerdict, ...]] = {}
    failures: dict[str, JudgeFailure] = {}
    for criterion, cast in votes.items():
        ballots = [vote.verdicts for vote in cast if vote.unscored_reason is None]
        if len(ballots) >= quorum:
            levels[criterion] = tuple(_average_verdicts(verdicts) for verdicts in zip(*ballots, strict=True))
            continue
        # First, because it has the answer tried again.
        reasons = sorted(
            details[criterion], key=lambda failure: (not failure.reason.retryable, not failure.unavailable)
        )
        first = reasons[0] if reasons else JudgeFailure(UnscoredReason.INFRASTRUCTURE, "no judge voted")
        counted = f"{len(ballots)} of {len(cast)} judges voted, {quorum} must: {first.detail}"
        failures[criterion] = (
            first if len(cast) == 1 else JudgeFailure(first.reason, counted, unavailable=first.unavailable)
        )
    return levels, failures


def split_criteria(votes: Mapping[str, Sequence[Vote]], *, least_odds: float = 1.0) -> tuple[str, ...]:
    """Criteria on whose top level the judges contradict each other.

    They do if the log-odds less the baseline's (natural logarithms) reach `least_odds` with one judge and
    `-least_odds` with another.
    """
    split = []
    for criterion, cast in votes.items():
        tops = [vote.verdicts[-1].log_odds - vote.verdicts[-1].baseline_log_odds for vote in cast if vote.verdicts]
        if len(tops) > 1 and max(tops) >= least_odds and min(tops) <= -least_odds:
            split.append(criterion)
    return tuple(split)


def _average_verdicts(verdicts: Sequence[LevelVerdict]) -> LevelVerdict:
    """The mean of the judges' log-odds on a level, with the quote and reason of a judge that agrees with it."""
    log_odds = fmean(verdict.log_odds for verdict in verdicts)
    agreeing = [verdict for verdict in verdicts if (verdict.log_odds > 0) == (log_odds > 0)] or verdicts
    quoting = max(agreeing, key=lambda verdict: (bool(verdict.quote), bool(verdict.reason)))
    return LevelVerdict(
        log_odds=log_odds,
        baseline_log_odds=fmean(verdict.baseline_log_odds for verdict in verdicts),
        quote=quoting.quote,
        reason=quoting.reason,
        span=quoting.span,
    )
