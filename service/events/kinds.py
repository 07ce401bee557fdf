"""Names of kinds of events as callers write them: a kind, or a group such as `grading.*`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from .log import EventKind


def expand_kinds(names: Iterable[str]) -> list[str]:
    """Returns the kinds that names and groups stand for. Raises ValueError for one that does not exist."""
    found: dict[str, None] = {}
    for name in names:
        matches = [kind.value for kind in EventKind if kind.value == name or _is_in_group(kind.value, name)]
        if not matches:
            near = difflib.get_close_matches(name, list(EventKind), n=1)
            fix = f"did you mean '{near[0]}'?" if near else "see docs/api/events.md for the kinds."
            raise ValueError(f"'{name[:64]}' is no kind of event: {fix}")
        found.update(dict.fromkeys(matches))
    return list(found)


def list_names() -> list[str]:
    """Returns all names of kinds and groups."""
    groups = {f"{kind.value.partition('.')[0]}.*" for kind in EventKind if "." in kind.value}
    return sorted(groups | {kind.value for kind in EventKind})


def _is_in_group(kind: str, name: str) -> bool:
    return name.endswith(".*") and kind.startswith(name.removesuffix("*"))
