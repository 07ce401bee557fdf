"""Replies to those who may not read the answer key; authorization.py says who may.

The key is what a full answer says: texts of expected points, references and levels. Ids of expected points, and
whether they were found, are no part of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from vivavoce.graders.report.feedback import remove_judge_reason

from .schemas.gradings.lifecycle import GradingPublic
from .schemas.gradings.lists import GradingListed

Shown = TypeVar("Shown", GradingPublic, GradingListed)
# A server's own words may repeat the prompt.
_SERVER_WORDS = re.compile(r"(\(HTTP \d{3}\)): .*", re.DOTALL)


def hide_answer_key(grading: Shown) -> Shown:
    """Returns the grading without any text of the answer key."""
    report = hide_in_report(grading.report)
    return grading.model_copy(update={"report": report, "detail": cut_server_words(grading.detail)})


def hide_in_report(report: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Returns a report without any text of the answer key."""
    if report is None:
        return None
    hidden = dict(report)
    # Reports of any age come by here, so every field may be missing.
    if "criteria" in report:
        hidden["criteria"] = [_hide_in_criterion(criterion) for criterion in report["criteria"]]
    if "feedback" in report:
        hidden["feedback"] = {**report["feedback"], "interviewer": None}
    if "unscored_detail" in report:
        hidden["unscored_detail"] = cut_server_words(report["unscored_detail"])
    return hidden


def _hide_in_criterion(criterion: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **criterion,
        "reason": cut_server_words(remove_judge_reason(criterion.get("reason", ""))),
        "expected_points": [{**point, "text": None} for point in criterion.get("expected_points", ())],
        "votes": [
            {**vote, "verdicts": [{**verdict, "reason": ""} for verdict in vote.get("verdicts", ())]}
            for vote in criterion.get("votes", ())
        ],
    }


def cut_server_words(text: str | None) -> str | None:
    """Returns a failure without what a server said, which may repeat the prompt."""
    return None if text is None else _SERVER_WORDS.sub(r"\1", text)
