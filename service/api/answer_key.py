"""Replies to those who may not read the answer key; authorization.py says who may.

The key is what a full answer says: texts of expected points, references and levels. Ids of expected points, and
whether they were found, are no part of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from vivavoce.graders.report.feedback import remove_judge_reason

from .schemas.gradings import GradingPublic

# A server's own words may repeat the prompt.
_SERVER_WORDS = re.compile(r"(\(HTTP \d{3}\)): .*", re.DOTALL)


def hide_answer_key(grading: GradingPublic) -> GradingPublic:
    """Returns the grading without any text of the answer key."""
    report = None if grading.report is None else _hide_in_report(grading.report)
    return grading.model_copy(update={"report": report, "detail": _cut_server_words(grading.detail)})


def _hide_in_report(report: Mapping[str, Any]) -> dict[str, Any]:
    hidden = dict(report)
    # Reports of any age come by here, so every field may be missing.
    if "criteria" in report:
        hidden["criteria"] = [_hide_in_criterion(criterion) for criterion in report["criteria"]]
    if "feedback" in report:
        hidden["feedback"] = {**report["feedback"], "interviewer": None}
    if "unscored_detail" in report:
        hidden["unscored_detail"] = _cut_server_words(report["unscored_detail"])
    return hidden


def _hide_in_criterion(criterion: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **criterion,
        "reason": _cut_server_words(remove_judge_reason(criterion.get("reason", ""))),
        "expected_points": [{**point, "text": None} for point in criterion.get("expected_points", ())],
        "votes": [
            {**vote, "verdicts": [{**verdict, "reason": ""} for verdict in vote.get("verdicts", ())]}
            for vote in criterion.get("votes", ())
        ],
    }


def _cut_server_words(text: str | None) -> str | None:
    return None if text is None else _SERVER_WORDS.sub(r"\1", text)
