"""What an edit of a rubric does to grades that are there already.

- Points, caps, weights of the signals, or a criterion taken out: the grade follows by arithmetic from the signals that
  are on record; no model is asked.
- Wording of anything the graders read: what the machine said belongs to other words; grades are stale.
- A criterion added, or one with other levels: nobody has judged it; grades are stale.
- Everything else (title, topic, notes for maintainers, order): grades stay as they are, unless the judge was shown
  the whole rubric: then it read them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

from .model import Criterion, Rubric


class Effect(StrEnum):
    """What becomes of grades, the mildest first."""

    NONE = "none"
    RECOMPUTE = "recompute"
    STALE = "stale"


_ORDER = list(Effect)


@dataclass(frozen=True)
class Change:
    """One difference: what it does to grades, the criterion it is about (empty: the whole rubric), and words.

    `is_seen` says that a judge who is shown the whole rubric reads something else now.
    """

    effect: Effect
    criterion: str
    what: str
    is_seen: bool = False


@dataclass(frozen=True)
class Edit:
    """All differences between two versions of a rubric."""

    changes: tuple[Change, ...]

    @property
    def effect(self) -> Effect:
        """The strongest effect among the changes."""
        return max((change.effect for change in self.changes), key=_ORDER.index, default=Effect.NONE)

    @property
    def is_seen_by_judges(self) -> bool:
        """Whether a judge who is shown the whole rubric, not one level of it, reads something else now."""
        return any(change.is_seen for change in self.changes)


def compare(old: Rubric, new: Rubric) -> Edit:
    """What changed from one version of a rubric to the next.

    Raises ValueError when they are not versions of one question in one language.
    """
    if (old.question.id, old.question.language) != (new.question.id, new.question.language):
        raise ValueError(
            f"'{old.question.id}' ({old.question.language}) and '{new.question.id}' ({new.question.language}) "
            "are no versions of one rubric"
        )
    before = {criterion.id: criterion for criterion in old.criteria}
    after = {criterion.id: criterion for criterion in new.criteria}
    changes = [*_about_the_whole(old, new)]
    changes += [
        Change(Effect.RECOMPUTE, name, f"criterion '{name}' was taken out", is_seen=True)
        for name in before
        if name not in after
    ]
    for name, criterion in after.items():
        if name not in before:
            changes.append(Change(Effect.STALE, name, f"criterion '{name}' is new"))
        else:
            changes += _about_criterion(before[name], criterion)
    changes += _about_points(old, new)
    return Edit(tuple(changes))


def _about_the_whole(old: Rubric, new: Rubric) -> list[Change]:
    found = []
    if old.question.text != new.question.text:
        found.append(Change(Effect.STALE, "", "the question is worded differently"))
    if old.references != new.references:
        found.append(Change(Effect.STALE, "", "the reference answers differ"))
    if old.examples != new.examples:
        found.append(Change(Effect.STALE, "", "the graded examples differ"))
    about = [(r.question.topic, r.question.difficulty, r.question.minutes, r.question.handbook) for r in (old, new)]
    if about[0] != about[1]:
        found.append(Change(Effect.NONE, "", "topic, difficulty, time or handbook number differ"))
    if old.weights != new.weights:
        found.append(Change(Effect.RECOMPUTE, "", "the signals are weighed differently"))
    if old.notes != new.notes:
        found.append(Change(Effect.NONE, "", "the notes differ"))
    ids = {criterion.id for criterion in old.criteria}
    if (kept := [c.id for c in new.criteria if c.id in ids]) != [c.id for c in old.criteria if c.id in kept]:
        found.append(Change(Effect.NONE, "", "the criteria stand in another order", is_seen=True))
    return found


def _about_criterion(old: Criterion, new: Criterion) -> list[Change]:
    name = new.id
    if old.kind != new.kind or len(old.levels) != len(new.levels):
        return [Change(Effect.STALE, name, f"criterion '{name}' has other levels")]
    found = []
    if _read(old) != _read(new):
        found.append(Change(Effect.STALE, name, f"criterion '{name}' is worded differently"))
    if old.grader_notes != new.grader_notes:
        found.append(Change(Effect.STALE, name, f"the notes for graders on '{name}' differ"))
    worth = [[level.points for level in c.levels] + [c.cap if c.kind == "gate" else 0.0] for c in (old, new)]
    if worth[0] != worth[1]:
        found.append(Change(Effect.RECOMPUTE, name, f"criterion '{name}' is worth other points"))
    if old.title != new.title:
        found.append(Change(Effect.NONE, name, f"criterion '{name}' has another title", is_seen=True))
    if [level.name for level in old.levels] != [level.name for level in new.levels]:
        found.append(Change(Effect.NONE, name, f"the levels of criterion '{name}' have other names"))
    return found


def _read(criterion: Criterion) -> list[str]:
    """What the judge reads of a criterion's levels: blanks around a description are not read."""
    return [level.description.strip() for level in criterion.levels]


def _about_points(old: Rubric, new: Rubric) -> list[Change]:
    """Expected points are what embeddings and word overlap look for, so other points are other evidence."""
    shared = {criterion.id for criterion in old.criteria} & {criterion.id for criterion in new.criteria}
    return [
        Change(Effect.STALE, name, f"the expected points for '{name}' differ")
        for name in dict.fromkeys(c.id for c in chain(old.criteria, new.criteria) if c.id in shared)
        if old.points_expected_for(name) != new.points_expected_for(name)
    ]
