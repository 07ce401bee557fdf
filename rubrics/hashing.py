"""Two fingerprints of a rubric: of everything in it, and of its structure alone.

The content hash changes with any character that could change a grade; a report carries it. The
structure hash leaves the words out: the Chinese and the English rubric of a question share it, and
a mere change of wording keeps it.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from .model import Rubric


def content_hash(rubric: Rubric) -> str:
    """SHA-256 (64 hex digits) over the whole rubric, independent of key order, file layout and origin."""
    document = rubric.model_dump(mode="json", exclude={"origin"})
    for criterion in document["criteria"]:
        for level in criterion.get("levels", ()):
            # Rubrics were hashed before levels could have names; one without any keeps its hash.
            if not level["name"]:
                del level["name"]
    # Likewise before rubrics could have weights of their own.
    if document["weights"] is None:
        del document["weights"]
    return _sha256(document)


def structure_hash(rubric: Rubric) -> str:
    """SHA-256 (64 hex digits) over identifiers, kinds, points and importance, without any wording."""
    return _sha256(
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


def _sha256(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
