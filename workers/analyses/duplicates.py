"""Finds the near-duplicates of a cohort, by question: shared answers, and copies of a reference or of the question.

They are shown and change no score.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, undefer

from vivavoce.graders.types import Flag
from vivavoce.rubrics import Rubric
from vivavoce.service.cohorts.outcomes import stream_results
from vivavoce.service.storage.tables import Analysis, CohortItem, RubricVersion

from ..background import JobContext
from .near_duplicates import (
    MIN_WEIGHT,
    Canonical,
    canonicalise,
    find_groups,
    measure_copied_share,
    measure_similarity,
)
from .running import carry_out

MAX_GROUPS = 1000
# A question is short, and an answer that only repeats it too.
_MIN_QUESTION_WEIGHT = 20
_NOTHING_SAID = frozenset({Flag.EMPTY.value, Flag.NON_ANSWER.value})


@dataclass(frozen=True)
class Member:
    """An answer that is compared. `whole` has the sentences of the question too."""

    item_id: str
    external_id: str
    candidate: str | None
    whole: Canonical
    text: Canonical
    rubric_hash: str


@dataclass(frozen=True)
class Sources:
    """What an answer may be copied from: the references and the question of its rubric."""

    question: Canonical
    references: tuple[Canonical, ...]


def find_duplicates(context: JobContext) -> None:
    """Carry out an analysis of kind `duplicates`."""
    carry_out(context, _find_duplicates)


def _find_duplicates(session: Session, analysis: Analysis) -> dict[str, Any]:
    sources = _load_sources(session, analysis.cohort_id)
    members: dict[str, list[Member]] = defaultdict(list)
    said_nothing = too_short = 0
    with closing(stream_results(session, analysis.cohort_id)) as results:
        for result in results:
            if _NOTHING_SAID & set((result.report or {}).get("flags", ())):
                said_nothing += 1
                continue
            question = sources[result.rubric_hash].question
            member = Member(
                result.item_id,
                result.external_id,
                result.candidate,
                canonicalise(result.answer),
                canonicalise(result.answer, without=question),
                result.rubric_hash,
            )
            too_short += member.text.weight < MIN_WEIGHT
            members[result.question_id].append(member)
    threshold = float(analysis.options["threshold"])
    groups = [
        group
        for question_id, found in sorted(members.items())
        for group in _list_groups(question_id, found, sources, threshold)
    ]
    groups.sort(key=lambda group: -group["similarity"])
    return {
        "compared": sum(map(len, members.values())) - too_short,
        "too_short": too_short,
        "said_nothing": said_nothing,
        "groups_total": len(groups),
        "groups": groups[:MAX_GROUPS],
    }


def _load_sources(session: Session, cohort_id: str) -> dict[str, Sources]:
    """The sources of every rubric of a cohort, by its content hash."""
    query = (
        sa.select(RubricVersion)
        .where(RubricVersion.id.in_(sa.select(CohortItem.rubric_version_id).where(CohortItem.cohort_id == cohort_id)))
        .options(undefer(RubricVersion.document))
    )
    found = {}
    for version in session.scalars(query):
        rubric = Rubric.model_validate(version.document)
        references = tuple(canonicalise(reference.text) for reference in rubric.references)
        found[version.content_hash] = Sources(canonicalise(rubric.question.text), references)
    return found


def _list_groups(
    question_id: str, members: Sequence[Member], sources: Mapping[str, Sources], threshold: float
) -> Iterator[dict[str, Any]]:
    compared = [member for member in members if member.text.weight >= MIN_WEIGHT]
    candidates = [member.candidate for member in compared]
    for group in find_groups([member.text for member in compared], owners=candidates, threshold=threshold):
        alike = [(compared[index], similarity) for index, similarity in group.members]
        yield _write_group("answers", question_id, alike)
    from_reference = [
        (member, max(_measure_copy(member.text, source) for source in sources[member.rubric_hash].references))
        for member in compared
        if sources[member.rubric_hash].references
    ]
    from_question = [
        (member, measure_copied_share(member.whole, sources[member.rubric_hash].question))
        for member in members
        if member.whole.weight >= _MIN_QUESTION_WEIGHT
    ]
    for kind, measured in (("reference", from_reference), ("question", from_question)):
        copies = [(member, similarity) for member, similarity in measured if similarity >= threshold]
        if copies:
            yield _write_group(kind, question_id, copies)


def _measure_copy(text: Canonical, source: Canonical) -> float:
    """How much of an answer is a copy of a reference, or of a reference in the answer, whichever is more (0 to 1)."""
    whole_source = measure_copied_share(source, text) if source.weight >= MIN_WEIGHT else 0.0
    return max(measure_similarity(text, source), measure_copied_share(text, source), whole_source)


def _write_group(kind: str, question_id: str, members: Sequence[tuple[Member, float]]) -> dict[str, Any]:
    return {
        "kind": kind,
        "question_id": question_id,
        "similarity": round(min(similarity for _, similarity in members), 3),
        "members": [
            {
                "item_id": member.item_id,
                "external_id": member.external_id,
                "candidate": member.candidate,
                "similarity": round(similarity, 3),
            }
            for member, similarity in members
        ],
    }
