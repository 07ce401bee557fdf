"""The fields of an answer as plain values: texts, numbers, or None for what there is none of, never 0."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from vivavoce.rubrics import Language

from ..cohorts.outcomes import Outcome
from ..page.report_words import describe_flag, describe_state
from .answers import Answer

_SCORE_FIELDS = ("score_min", "score_max", "points", "max_points", "confidence", "coverage")
# Without a score these would say 0.
_OF_SCORE = frozenset({"points", "confidence"})
_PROVENANCE = (
    *("rubric_hash", "answer_hash", "engine", "model", "model_revision", "prompt_form", "prompt_hash"),
    *("embedding_model", "embedding_revision", "verifier_model", "verifier_revision", "combiner_version"),
    *("strictness", "review_below", "judge_calls", "cached_verdicts", "tokens_in", "tokens_cached", "tokens_out"),
    *("cost", "judge_seconds", "pass_mark"),
)
LEVEL_SIGNALS = ("judge", "verifier", "similarity_gain", "term_recall", "rouge1_recall")
_BAR = " | "
_SEPARATORS: Mapping[Language, str] = {"en": "; ", "zh": "；"}
_OUTCOME_LABELS: Mapping[Outcome, Mapping[Language, str]] = {
    Outcome.NOT_STARTED: {"en": "Not started", "zh": "未开始"},
    Outcome.EXPIRED: {"en": "Expired", "zh": "已过期"},
}


def read_fields(answer: Answer, language: Language) -> dict[str, Any]:
    """Returns the fields of an answer but those of its criteria."""
    row, report = answer.stored, answer.report or {}
    flags = report.get("flags", [])
    human_score = row.human_score
    return {
        "external_id": row.external_id,
        "row": row.row,
        "candidate": row.candidate,
        "question_id": row.question_id,
        "language": row.language,
        "answer_version": row.version,
        "metadata": row.caller_metadata and json.dumps(row.caller_metadata, ensure_ascii=False, sort_keys=True),
        "outcome": answer.outcome.value,
        "outcome_label": _label_outcome(answer.outcome, language),
        "reason": row.reason,
        "detail": answer.detail,
        "flags": " ".join(flags),
        "flag_labels": _SEPARATORS[language].join(describe_flag(flag, language).label for flag in flags),
        "final_score": answer.score if human_score is None else human_score,
        "final_by": _name_grader(answer),
        "score": answer.score,
        **{name: _read_figure(answer, name) for name in _SCORE_FIELDS},
        "human_score": human_score,
        "human_comment": row.comment,
        "human_reviewer": row.reviewer,
        "human_source": row.source,
        "human_at": write_time(row.human_at),
        "answer": row.answer,
        "feedback": report.get("feedback", {}).get("candidate"),
        "feedback_interviewer": report.get("feedback", {}).get("interviewer"),
        **{f"signal_{name}": value for name, value in report.get("signals", {}).items()},
        **{f"contribution_{name}": value for name, value in report.get("contributions", {}).items()},
        "submitted_at": write_time(row.submitted_at),
        "graded_at": write_time(row.graded_at),
        "changed_at": write_time(row.updated_at),
        "grading_id": row.grading_id,
        "attempts": row.attempt,
        **{name: report.get("provenance", {}).get(name) for name in _PROVENANCE},
        "rubric_hash": row.content_hash,
    }


def read_criteria(answer: Answer, rubric: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the fields of each criterion, in the order of the rubric; without a report, what the rubric says."""
    results = (answer.report or {}).get("criteria") or [
        {"id": criterion["id"], "title": criterion["title"], "kind": criterion["kind"]}
        for criterion in rubric["criteria"]
    ]
    levels = answer.stored.levels or {}
    return [_read_criterion(result, levels.get(result["id"])) for result in results]


def write_time(moment: datetime | None) -> str | None:
    """Returns a time in UTC as ISO 8601 has it, to the millisecond."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _read_criterion(result: Mapping[str, Any], human_level: int | None) -> dict[str, Any]:
    signals = result.get("signals") or ()
    return {
        "id": result["id"],
        "title": result["title"],
        "kind": result["kind"],
        "level": result.get("level"),
        "points": result.get("points"),
        "max_points": result.get("max_points"),
        "probabilities": _join(result.get("probabilities") or ()),
        "human_level": human_level,
        "criterion_reason": result.get("reason"),
        "criterion_unscored": result.get("unscored_reason"),
        **{name: _join([level.get(name) for level in signals]) for name in LEVEL_SIGNALS},
    }


def _join(values: Sequence[float | None]) -> str | None:
    """Returns figures with bars between; a missing one is a dash."""
    return _BAR.join("-" if value is None else f"{round(value, 4):g}" for value in values) or None


def _read_figure(answer: Answer, name: str) -> float | None:
    if answer.report is None or (answer.score is None and name in _OF_SCORE):
        return None
    value: float | None = answer.report.get(name)
    return value


def _name_grader(answer: Answer) -> str | None:
    if answer.stored.human_score is not None:
        return "person"
    return None if answer.score is None else "machine"


def _label_outcome(outcome: Outcome, language: Language) -> str:
    if outcome in _OUTCOME_LABELS:
        return _OUTCOME_LABELS[outcome][language]
    return describe_state(outcome.value, language).label
