"""What the HTML report shows of the criteria of one answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vivavoce.graders.types import MAX_SCORE
from vivavoce.rubrics import Criterion, Language, Rubric, UnknownQuestion, content_hash, default_bank

from ..api.schemas.gradings.lifecycle import GradingPublic
from .report_labels import LABELS, MINUS, format_points, format_share
from .report_words import LEVELS

# What the description of a criterion is called, where it does not say what is asked for.
_DESCRIPTION_LABELS = {"ordinal": "level_shows", "negative": "mistake"}


@dataclass(frozen=True)
class CriterionView:
    """A criterion's rows in the table, as texts; `description` is empty when the rubric is not known.

    `note` has the probabilities of all levels of an ordinal criterion, and the cap of a gate.
    """

    number: int
    title: str
    kind: str
    level: str
    points: str
    probability: str
    note: str
    description_label: str
    description: str
    reason: str


def build_criteria(
    grading: GradingPublic, rubric: Rubric | None, language: Language, *, with_key: bool = True
) -> list[CriterionView]:
    """A view of each criterion of the report, in its order; `rubric` None stands for that of the bank.

    Without the key, only what the report says itself is shown.
    """
    if not grading.report:
        return []
    criteria = {criterion.id: criterion for criterion in _find_criteria(grading, rubric)} if with_key else {}
    return [
        _build_criterion(number, result, criteria.get(result["id"]), language)
        for number, result in enumerate(grading.report["criteria"], start=1)
    ]


def _find_criteria(grading: GradingPublic, rubric: Rubric | None) -> Sequence[Criterion]:
    """Criteria of the rubric by which the report was made; none when only another version of it is known."""
    if rubric is None:
        try:
            rubric = default_bank().get(grading.question_id, "zh" if grading.language == "zh" else "en")
        except UnknownQuestion:
            return ()
    assert grading.report
    return rubric.criteria if content_hash(rubric) == grading.report["provenance"]["rubric_hash"] else ()


def _build_criterion(
    number: int, result: Mapping[str, Any], criterion: Criterion | None, language: Language
) -> CriterionView:
    labels, kind, level = LABELS[language], result["kind"], result["level"]
    shares = [format_share(probability) for probability in result["probabilities"] or ()]
    names = _name_levels(len(shares), kind, criterion, language)
    numbered = [labels["level_short"].format(number=index + 1) for index in range(len(shares))]
    all_levels = zip(names or numbered, shares, strict=True)
    if level is None:
        shown_level = labels["no_verdict"]
    else:
        shown_level = names[level] if names else labels["level_of"].format(number=level + 1, count=len(shares))
    return CriterionView(
        number=number,
        title=result["title"],
        kind=labels.get(kind, ""),
        level=shown_level,
        points=_describe_points(result, labels),
        probability="" if level is None else shares[level],
        note=_write_note(list(all_levels), criterion, kind, labels),
        description_label=labels[_DESCRIPTION_LABELS.get(kind, "asks")],
        description=_describe_criterion(level, criterion) if criterion else "",
        reason=result["reason"],
    )


def _name_levels(count: int, kind: str, criterion: Criterion | None, language: Language) -> Sequence[str]:
    """A name for each level; empty when not all of them have one."""
    if kind in LEVELS:
        return LEVELS[kind][language][:count]
    names = [level.name for level in criterion.levels] if criterion else []
    return names if all(names) else []


def _describe_criterion(level: int | None, criterion: Criterion) -> str:
    """What the level that was reached shows, or what a criterion with two levels asks for."""
    if criterion.kind == "ordinal":
        return criterion.levels[level].description if level is not None else ""
    return criterion.statement


def _describe_points(result: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    """Points of the maximum; a gate gives no points, so what it does instead."""
    if result["kind"] == "gate":
        return labels["caps"]
    maximum = f"{result['max_points']:g}".replace("-", MINUS)
    points = "–" if result["points"] is None else format_points(result["points"])
    return labels["points_of"].format(points=points, maximum=maximum)


def _write_note(
    levels: Sequence[tuple[str, str]], criterion: Criterion | None, kind: str, labels: Mapping[str, str]
) -> str:
    if criterion and criterion.kind == "gate":
        return labels["caps_at"].format(cap=format_points(criterion.cap * MAX_SCORE))
    if kind == "ordinal" and levels:
        return labels["levels"] + labels["colon"] + labels["semicolon"].join(map(" ".join, levels))
    return ""
