"""Compares versions of a rubric, to find what an edit does to existing grades.

- Points, caps, weights of the signals, or a criterion removed: grades are recomputed from the recorded signals,
  without a model.
- Wording of anything that graders read: the verdicts are on another text, so grades are stale.
- A criterion added, or its number of levels changed: there are no verdicts on it, so grades are stale.
- Everything else (title, topic, notes for maintainers, order): grades are unchanged, unless the judge was shown the
  whole rubric and so read the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

from .criteria import Criterion
from .model import Rubric


class Effect(StrEnum):
    """What an edit does to grades, from the mildest to the strongest."""

    NONE = "none"
    RECOMPUTE = "recompute"
    STALE = "stale"


_ORDER = list(Effect)


@dataclass(frozen=True)
class Change:
    """One difference between two versions of a rubric.

    `criterion` is empty if the difference concerns the whole rubric; `what` describes it in words. `is_seen` is true if
    a judge that is shown the whole rubric reads another text now.
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
        """Whether a judge that is shown the whole rubric, not just one level, reads another text now."""
        return any(change.is_seen for change in self.changes)


def compare(old: Rubric, new: Rubric) -> Edit:
    """What changed from one version of a rubric to the next.

    Raises ValueError if they are not on the same question in the same language.
    """
    if (old.question.id, old.question.language) != (new.question.id, new.question.language):
        raise ValueError(
            f"'{old.question.id}' ({old.question.language}) and '{new.question.id}' ({new.question.language}) "
            "are not versions of the same rubric"
        )
    before = {criterion.id: criterion for criterion in old.criteria}
    after = {criterion.id: criterion for criterion in new.criteria}
    changes = _compare_whole(old, new)
    changes += [
        Change(Effect.RECOMPUTE, name, f"criterion '{name}' was removed", is_seen=True)
        for name in before
        if name not in after
    ]
    for name, criterion in after.items():
        if name not in before:
            changes.append(Change(Effect.STALE, name, f"criterion '{name}' is new"))
        else:
            changes += _compare_criterion(before[name], criterion)
    changes += _compare_points(old, new)
    return Edit(tuple(changes))


def _compare_whole(old: Rubric, new: Rubric) -> list[Change]:
    """Changes of everything but the criteria and their points."""
    changes = []
    if old.question.text != new.question.text:
        changes.append(Change(Effect.STALE, "", "the question is worded differently"))
    if old.references != new.references:
        changes.append(Change(Effect.STALE, "", "the reference answers differ"))
    if old.examples != new.examples:
        changes.append(Change(Effect.STALE, "", "the graded examples differ"))
    metadata = [(r.question.topic, r.question.difficulty, r.question.minutes, r.question.handbook) for r in (old, new)]
    if metadata[0] != metadata[1]:
        changes.append(Change(Effect.NONE, "", "topic, difficulty, time or handbook number differs"))
    if old.weights != new.weights:
        changes.append(Change(Effect.RECOMPUTE, "", "the weights of the signals differ"))
    if old.notes != new.notes:
        changes.append(Change(Effect.NONE, "", "the notes differ"))
    ids = {criterion.id for criterion in old.criteria}
    if (kept := [c.id for c in new.criteria if c.id in ids]) != [c.id for c in old.criteria if c.id in kept]:
        changes.append(Change(Effect.NONE, "", "the criteria are in another order", is_seen=True))
    return changes


def _compare_criterion(old: Criterion, new: Criterion) -> list[Change]:
    name = new.id
    # Verdicts are recorded per level, so they fit no more.
    if old.kind != new.kind or len(old.levels) != len(new.levels):
        return [Change(Effect.STALE, name, f"criterion '{name}' has other levels")]
    changes = []
    if _list_judge_texts(old) != _list_judge_texts(new):
        changes.append(Change(Effect.STALE, name, f"criterion '{name}' is worded differently"))
    if old.grader_notes != new.grader_notes:
        changes.append(Change(Effect.STALE, name, f"the notes for graders on '{name}' differ"))
    worth = [[level.points for level in c.levels] + [c.cap if c.kind == "gate" else 0.0] for c in (old, new)]
    if worth[0] != worth[1]:
        changes.append(Change(Effect.RECOMPUTE, name, f"criterion '{name}' has other points"))
    if old.title != new.title:
        changes.append(Change(Effect.NONE, name, f"criterion '{name}' has another title", is_seen=True))
    if [level.name for level in old.levels] != [level.name for level in new.levels]:
        changes.append(Change(Effect.NONE, name, f"the levels of criterion '{name}' have other names"))
    return changes


def _list_judge_texts(criterion: Criterion) -> list[str]:
    """What the judge reads of a criterion's levels: the descriptions without surrounding blanks."""
    return [level.description.strip() for level in criterion.levels]


def _compare_points(old: Rubric, new: Rubric) -> list[Change]:
    """Changes of expected points; embeddings and word overlap look for these, so any change makes grades stale."""
    shared = {criterion.id for criterion in old.criteria} & {criterion.id for criterion in new.criteria}
    return [
        Change(Effect.STALE, name, f"the expected points for '{name}' differ")
        for name in dict.fromkeys(c.id for c in chain(old.criteria, new.criteria) if c.id in shared)
        if old.points_expected_for(name) != new.points_expected_for(name)
    ]
