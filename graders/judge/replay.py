"""A judge that says again what it said: its verdicts are read anew from the records of its calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vivavoce.rubrics import Rubric

from ..errors import GraderError, JudgeFailure, UnscoredReason
from ..types import EngineIdentity, LevelVerdict, Vote
from .call_record import CallRecord
from .prompt import delimit_answer, without_numbers
from .types import AnswerVerdicts
from .verdict import Verdict, locate_quote
from .voting import count_votes


class RecordMissing(GraderError):
    """A judge call that a report names is not on record."""


class ReplayJudge:
    """Judges the one answer that a report is about, without a model.

    `report` is the report's document, `calls` the records by key. Verdicts come from the raw replies;
    of the report only the map from criteria to calls is used, and the reasons of withheld votes.
    """

    urls = ()

    def __init__(self, report: Mapping[str, Any], calls: Mapping[str, CallRecord]) -> None:
        self._report = report
        self._calls = calls
        source = report["provenance"]
        self.identity = EngineIdentity(source["engine"], source["model"], source["model_revision"])
        self.form = str(source["prompt_form"])
        self.quorum = int(source["quorum"])

    @staticmethod
    def keys_in(report: Mapping[str, Any]) -> list[str]:
        """The keys of all calls that a report rests on."""
        levels = (
            level for criterion in report["criteria"] for vote in criterion["votes"] for level in vote["verdicts"]
        )
        return list(dict.fromkeys(key for level in levels for key in (level["call"], level["baseline_call"])))

    def prompt_hash(self, rubric: Rubric) -> str:
        """See Judge."""
        return str(self._report["provenance"]["prompt_hash"])

    def judge(self, answers: Sequence[str], rubric: Rubric) -> list[AnswerVerdicts]:
        """See Judge; raises RecordMissing when a call is not on record."""
        if len(answers) != 1:
            raise ValueError("a report is about one answer")
        recorded = {criterion["id"]: criterion for criterion in self._report["criteria"]}
        said = without_numbers(answers[0])
        votes = {name: tuple(self._vote(vote, said) for vote in found["votes"]) for name, found in recorded.items()}
        details = {
            name: [JudgeFailure(vote.unscored_reason, "") for vote in cast if vote.unscored_reason]
            for name, cast in votes.items()
        }
        levels, failures = count_votes(votes, quorum=self.quorum, details=details)
        # What is not to be seen in a reply: that it never came, or that it quoted what nobody said.
        failures = {
            name: JudgeFailure(failure.reason, str(self._report.get("unscored_detail") or failure.detail))
            for name, failure in failures.items()
        }
        return [
            AnswerVerdicts(
                levels=levels, failures=failures, votes=votes, escaped_markers=_count_escaped_markers(answers[0])
            )
        ]

    def _vote(self, vote: Mapping[str, Any], answer: str) -> Vote:
        reason = vote["unscored_reason"]
        return Vote(
            judge=vote["judge"],
            verdicts=tuple(self._level(level, answer) for level in vote["verdicts"]),
            unscored_reason=UnscoredReason(reason) if reason else None,
        )

    def _level(self, level: Mapping[str, Any], answer: str) -> LevelVerdict:
        said = self._verdict(level["call"], level["position"])
        return LevelVerdict(
            log_odds=said.log_odds,
            baseline_log_odds=self._verdict(level["baseline_call"], level["position"]).log_odds,
            quote=said.quote if said.met else "",
            reason=said.reason,
            call=level["call"],
            baseline_call=level["baseline_call"],
            position=level["position"],
            span=locate_quote(said, answer=answer),
        )

    def _verdict(self, key: str, position: int) -> Verdict:
        try:
            return self._calls[key].verdicts()[position]
        except KeyError:
            raise RecordMissing(
                f"The judge call {key[:12]}… is not on record: this report cannot be replayed."
            ) from None


def _count_escaped_markers(answer: str) -> int:
    return delimit_answer(answer, context="", secret=b"").escaped_markers
