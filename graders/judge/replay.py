"""A judge that repeats its verdicts: they are parsed again from the records of its calls, without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vivavoce.rubrics import Rubric

from ..errors import GraderError, JudgeFailure, UnscoredReason
from ..types import EngineIdentity, LevelVerdict, Vote
from .answer_delimiter import delimit_answer
from .call_record import CallRecord
from .prompt import without_numbers
from .types import AnswerVerdicts
from .verdict import Verdict, locate_quote
from .voting import count_votes


class RecordMissing(GraderError):
    """A judge call that a report refers to is not on record."""


class ReplayJudge:
    """Judges the one answer of a report from its records.

    `report` is the report as a document, `calls` has the records by key. Verdicts come from the raw replies; from the
    report come only the keys of the calls, and the reasons of missing votes.
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
        """The keys of all calls that a report refers to, each once, in the report's order."""
        levels = (
            level for criterion in report["criteria"] for vote in criterion["votes"] for level in vote["verdicts"]
        )
        return list(dict.fromkeys(key for level in levels for key in (level["call"], level["baseline_call"])))

    def prompt_hash(self, rubric: Rubric) -> str:
        """The hash in the report."""
        return str(self._report["provenance"]["prompt_hash"])

    def judge(self, answers: Sequence[str], rubric: Rubric) -> list[AnswerVerdicts]:
        """See Judge; raises RecordMissing if a call is not on record and ValueError for several answers."""
        if len(answers) != 1:
            raise ValueError("a report is about one answer")
        text = without_numbers(answers[0])
        votes = {
            criterion["id"]: tuple(self._replay_vote(vote, text) for vote in criterion["votes"])
            for criterion in self._report["criteria"]
        }
        details = {
            name: [JudgeFailure(vote.unscored_reason, "") for vote in cast if vote.unscored_reason]
            for name, cast in votes.items()
        }
        levels, failures = count_votes(votes, quorum=self.quorum, details=details)
        # Only the report knows of replies that never came.
        failures = {
            name: JudgeFailure(failure.reason, str(self._report.get("unscored_detail") or failure.detail))
            for name, failure in failures.items()
        }
        return [
            AnswerVerdicts(
                levels=levels, failures=failures, votes=votes, escaped_markers=_count_escaped_markers(answers[0])
            )
        ]

    def _replay_vote(self, vote: Mapping[str, Any], answer: str) -> Vote:
        reason = vote["unscored_reason"]
        return Vote(
            judge=vote["judge"],
            verdicts=tuple(self._replay_level(level, answer) for level in vote["verdicts"]),
            unscored_reason=UnscoredReason(reason) if reason else None,
        )

    def _replay_level(self, level: Mapping[str, Any], answer: str) -> LevelVerdict:
        verdict = self._read_verdict(level["call"], level["position"])
        return LevelVerdict(
            log_odds=verdict.log_odds,
            baseline_log_odds=self._read_verdict(level["baseline_call"], level["position"]).log_odds,
            quote=verdict.quote if verdict.met else "",
            reason=verdict.reason,
            call=level["call"],
            baseline_call=level["baseline_call"],
            position=level["position"],
            span=locate_quote(verdict, answer=answer),
        )

    def _read_verdict(self, key: str, position: int) -> Verdict:
        try:
            record = self._calls[key]
        except KeyError:
            raise RecordMissing(
                f"The judge call {key[:12]}… is not on record: this report cannot be replayed."
            ) from None
        return record.read_verdicts()[position]


def _count_escaped_markers(answer: str) -> int:
    # The count depends on neither context nor secret.
    return delimit_answer(answer, context="", secret=b"").escaped_markers
