"""Two hashes of a rubric: over all of its content, and over its structure only.

The content hash changes with every character that could change a grade; reports carry it. The structure hash leaves
out the wording: the Chinese and the English rubric of a question share it, and an edit of the wording keeps it.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from .model import Rubric


def content_hash(rubric: Rubric) -> str:
    """SHA-256 (64 hex digits) over the whole rubric; key order, file layout and origin do not matter."""
    document = rubric.model_dump(mode="json", exclude={"origin"})
    for criterion in document["criteria"]:
        for level in criterion.get("levels", ()):
            # Levels got names later; a rubric without them keeps its hash.
            if not level["name"]:
                del level["name"]
    # Likewise, weights were added later.
    if document["weights"] is None:
        del document["weights"]
    return _hash_json(document)


def structure_hash(rubric: Rubric) -> str:
    """SHA-256 (64 hex digits) over identifiers, kinds, points and importance, without any wording."""
    return _hash_json(
        {
            "question": rubric.question.id,
            "criteria": [
                {
                    "id": c.id,
                    "kind": c.kind,
                    "points": [level.points for level in c.levels],
                    "cap": c.cap if c.kind == "gate" else None,
                }
                for c in rubric.criteria
            ],
            "expected_points": [
                {"id": p.id, "criterion": p.criterion, "importance": p.importance} for p in rubric.expected_points
            ],
            "references": [reference.length for reference in rubric.references],
        }
    )


def _hash_json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
