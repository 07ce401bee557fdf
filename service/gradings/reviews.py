"""Decisions of people on gradings. They stand beside the machine's report and never replace it.

A grading keeps its state; its newest review is what counts. A score may be given as such, or as a level for each
criterion, from which it is computed as the score of a report is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy.orm import Session

from vivavoce.graders.types import MAX_SCORE
from vivavoce.rubrics import Rubric
from vivavoce.rubrics.total import total_share

from .. import audit
from ..audit import Kind
from ..errors import UnusableReview, WrongState
from ..events.log import EventKind
from ..storage import clock
from ..storage.tables import Grading, Review, RubricVersion, State
from . import lifecycle
from .validation import check_characters

MAX_COMMENT_CODE_POINTS = 2_000
MAX_REVIEWER_CODE_POINTS = 200


@dataclass(frozen=True)
class NewReview:
    """What a person decided: a score (0 to 10), levels by criterion, a comment, or several of them.

    `reviewer` is who decided, `actor` who sent it, as the audit trail names them. `source` is `import` for edited
    grades that came back in a file.
    """

    reviewer: str
    actor: str
    score: float | None = None
    levels: Mapping[str, int] = field(default_factory=dict)
    comment: str | None = None
    source: Literal["api", "import"] = "api"


def add_review(session: Session, grading: Grading, new: NewReview) -> Review:
    """Stores a review of a finished grading and returns it; report and state of the grading stay as they are.

    Without a score it is computed if all criteria have a level, else it stays None. Raises WrongState if the grading
    is open or cancelled, and UnusableReview for a review that says nothing, or levels that the rubric does not have.
    """
    _check_state(grading)
    rubric = _load_rubric(session, grading)
    _check_texts(new)
    levels = dict(new.levels)
    _check_levels(rubric, levels)
    score = _check_score(new.score)
    if score is None and not levels and not (new.comment or "").strip():
        raise UnusableReview("The review says nothing: send a 'score', 'levels' or a 'comment'.")
    review = Review(
        organisation_id=grading.organisation_id,
        grading_id=grading.id,
        reviewer=new.reviewer,
        score=compute_score(rubric, levels) if score is None else score,
        machine_score=grading.report.score if grading.report else None,
        levels=levels,
        comment=new.comment,
        source=new.source,
        created_at=clock.now(),
    )
    session.add(review)
    # Lists in the order of changes must show the grading again.
    grading.updated_at = review.created_at
    session.flush()
    _tell(session, grading, review, actor=new.actor)
    return review


def compute_score(rubric: Rubric, levels: Mapping[str, int]) -> float | None:
    """Returns the score (0 to 10, in steps of 0.1) of an answer with these levels; None unless all criteria have one.

    Gates are met or not, so a level decides them as a report's probabilities do.
    """
    if set(levels) != {criterion.id for criterion in rubric.criteria}:
        return None
    points = {criterion.id: criterion.levels[levels[criterion.id]].points for criterion in rubric.criteria}
    gates = {criterion.id: float(levels[criterion.id]) for criterion in rubric.criteria if criterion.kind == "gate"}
    return round(total_share(rubric, points, gates).share * MAX_SCORE, 1)


def _check_state(grading: Grading) -> None:
    if grading.is_open:
        raise WrongState(f"The grading is {grading.state}: review it once it is finished, or cancel it.")
    if grading.state == State.CANCELLED:
        raise WrongState("The grading is cancelled: requeue it, and review it once it is finished.")


def _load_rubric(session: Session, grading: Grading) -> Rubric:
    version = session.get_one(RubricVersion, grading.rubric_version_id)
    return Rubric.model_validate(version.document)


def _check_texts(new: NewReview) -> None:
    texts = {
        "comment": (new.comment or "", MAX_COMMENT_CODE_POINTS),
        "reviewer": (new.reviewer, MAX_REVIEWER_CODE_POINTS),
    }
    for name, (text, limit) in texts.items():
        if len(text) > limit:
            raise UnusableReview(
                f"The {name} has {len(text):,} characters, at most {limit:,} are kept: shorten it.", pointer=f"/{name}"
            )
        check_characters(text, what=name)


def _check_score(score: float | None) -> float | None:
    if score is None:
        return None
    if not math.isfinite(score) or not 0 <= score <= MAX_SCORE:
        raise UnusableReview(f"The score is {score:g}: give one from 0 to {MAX_SCORE:g}.", pointer="/score")
    return round(float(score), 2)


def _check_levels(rubric: Rubric, levels: Mapping[str, int]) -> None:
    criteria = {criterion.id: criterion for criterion in rubric.criteria}
    for name, level in levels.items():
        if name not in criteria:
            raise UnusableReview(
                f"The rubric has no criterion '{name[:64]}': use {', '.join(criteria)}.", pointer="/levels"
            )
        top = len(criteria[name].levels) - 1
        if not 0 <= level <= top:
            raise UnusableReview(
                f"Criterion '{name}' has levels 0 to {top}, not {level}: use one of them.", pointer=f"/levels/{name}"
            )


def _tell(session: Session, grading: Grading, review: Review, *, actor: str) -> None:
    audit.append_event(
        session,
        kind=Kind.GRADING_REVIEWED,
        subject=grading.id,
        details={
            "review": review.id,
            "reviewer": review.reviewer,
            "score": review.score,
            "machine_score": review.machine_score,
            "levels": review.levels,
            "source": review.source,
        },
        actor=actor,
        organisation_id=grading.organisation_id,
    )
    lifecycle.append_grading_event(session, grading, EventKind.GRADING_REVIEWED)
