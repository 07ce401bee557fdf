"""The difference that a regrade would make: who moves, by how much, and who crosses the pass mark."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session, undefer

from vivavoce.graders.flags import is_open
from vivavoce.rubrics import Rubric

from ...cohorts.outcomes import ItemResult, Outcome, stream_results
from ...storage.tables import CohortItem, RubricVersion
from .basis import compute_basis
from .changes import Change, Graders

Effect = Literal["unchanged", "recomputed", "needs_judge", "kept_human", "not_graded"]
_GRADED = frozenset({Outcome.GRADED, Outcome.NEEDS_REVIEW, Outcome.FAILED})


@dataclass(frozen=True)
class Moved:
    """An answer and what a change does to it; scores are 0 to 10, None if there is none or a person has to give it.

    `calls` estimates the judge's calls if it has to be asked again. `mark` is the pass mark before and after.
    """

    result: ItemResult
    effect: Effect
    old_score: float | None
    new_score: float | None
    old_mark: float | None
    new_mark: float | None
    calls: int


def compute_difference(session: Session, cohort_id: str, change: Change, graders: Graders) -> dict[str, Any]:
    """Returns the difference in its stored form."""
    # First, so that whatever changes meanwhile makes it stale.
    basis = compute_basis(session, cohort_id)
    counts: dict[str, int] = dict.fromkeys(("unchanged", "recomputed", "needs_judge", "kept_human", "not_graded"), 0)
    items: list[dict[str, Any]] = []
    calls = 0
    totals: dict[str, list[Moved]] = defaultdict(list)
    for moved in _list_moved(session, cohort_id, change, graders):
        counts[moved.effect] += 1
        calls += moved.calls
        if moved.effect in ("recomputed", "needs_judge"):
            items.append(_write_item(moved))
        if moved.result.candidate is not None:
            totals[moved.result.candidate].append(moved)
    return {
        "basis": basis,
        "counts": counts,
        "estimated_calls": calls,
        "items": items,
        "candidates": [
            written for name, found in sorted(totals.items()) if (written := _write_candidate(name, found)) is not None
        ],
    }


def _list_moved(session: Session, cohort_id: str, change: Change, graders: Graders) -> Iterator[Moved]:
    rubrics = _load_rubrics(session, cohort_id)
    with closing(stream_results(session, cohort_id)) as results:
        for result in results:
            yield _move(result, rubrics[result.rubric_hash], change, graders)


def _load_rubrics(session: Session, cohort_id: str) -> dict[str, Rubric]:
    """The rubrics of a cohort's items, by their content hashes."""
    graded_by = sa.select(CohortItem.rubric_version_id).where(CohortItem.cohort_id == cohort_id)
    query = sa.select(RubricVersion).where(RubricVersion.id.in_(graded_by)).options(undefer(RubricVersion.document))
    return {version.content_hash: Rubric.model_validate(version.document) for version in session.scalars(query)}


def _move(result: ItemResult, rubric: Rubric, change: Change, graders: Graders) -> Moved:
    report = result.report
    old_score = _read_score(report)
    old_mark = None if report is None else report["provenance"].get("pass_mark")
    new_mark = old_mark if change.pass_mark is None else change.pass_mark

    def build(effect: Effect, new_score: float | None = old_score, calls: int = 0) -> Moved:
        return Moved(result, effect, old_score, new_score, old_mark, new_mark, calls)

    if report is None or result.outcome not in _GRADED:
        return build("not_graded")
    if result.review is not None:
        return build("kept_human")
    moved = change.apply_to(report, rubric, graders)
    if moved is None:
        return build("needs_judge", None, _estimate_calls(report))
    document = moved.to_dict()
    return build("unchanged" if document == report else "recomputed", _read_score(document))


def _estimate_calls(report: Mapping[str, Any]) -> int:
    """The calls that grading an answer again takes: as many as it took, at least one a level above the lowest."""
    levels = sum(max(len(criterion["probabilities"] or ()) - 1, 1) for criterion in report["criteria"])
    return max(int(report["provenance"]["judge_calls"]), levels)


def _read_score(report: Mapping[str, Any] | None) -> float | None:
    if report is None or report["score"] is None:
        return None
    is_open_score = is_open(score=report["score"], coverage=report["coverage"], flags=report["flags"])
    return None if is_open_score else float(report["score"])


def _write_item(moved: Moved) -> dict[str, Any]:
    return {
        "item_id": moved.result.item_id,
        "external_id": moved.result.external_id,
        "candidate": moved.result.candidate,
        "question_id": moved.result.question_id,
        "grading_id": moved.result.grading_id,
        "effect": moved.effect,
        **_write_scores(moved.old_score, moved.new_score, moved.old_mark, moved.new_mark),
    }


def _write_candidate(name: str, answers: list[Moved]) -> dict[str, Any] | None:
    """A candidate's totals before and after; None if nothing changes. People's grades count in both."""
    if all(moved.effect not in ("recomputed", "needs_judge") for moved in answers):
        return None
    old = [_choose_score(moved, moved.old_score) for moved in answers]
    new = [_choose_score(moved, moved.new_score) for moved in answers]
    waiting = sum(moved.effect == "needs_judge" for moved in answers)
    marks = {(moved.old_mark, moved.new_mark) for moved in answers if moved.effect != "not_graded"}
    old_mark, new_mark = marks.pop() if len(marks) == 1 else (None, None)
    old_total, new_total = _take_mean(old), None if waiting else _take_mean(new)
    return {
        "candidate": name,
        "needs_judge": waiting,
        **_write_scores(old_total, new_total, old_mark, new_mark),
    }


def _choose_score(moved: Moved, score: float | None) -> float | None:
    review = moved.result.review
    return score if review is None or review.score is None else review.score


def _take_mean(scores: list[float | None]) -> float | None:
    known = [score for score in scores if score is not None]
    return round(fmean(known), 2) if known else None


def _write_scores(
    old: float | None, new: float | None, old_mark: float | None, new_mark: float | None
) -> dict[str, Any]:
    return {
        "old_score": old,
        "new_score": new,
        "change": None if old is None or new is None else round(new - old, 2),
        "crosses": _find_crossing(old, new, old_mark, new_mark),
    }


def _find_crossing(
    old: float | None, new: float | None, old_mark: float | None, new_mark: float | None
) -> Literal["up", "down"] | None:
    """Whether a score passes now and did not before, or the other way round; None if a mark or score is missing."""
    if old is None or new is None or new_mark is None:
        return None
    # Without a mark before, the new one is applied to both.
    passed, passes = old >= (new_mark if old_mark is None else old_mark), new >= new_mark
    if passed == passes:
        return None
    return "up" if passes else "down"
