"""Compares policies of sending answers to people, on answers that people graded."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from vivavoce.graders import MAX_SCORE
from vivavoce.graders.scoring.confidence import ReviewPolicy

from . import agreement

LEAST_CERTAIN = (0.1, 0.2, 0.3)
# In points of 10, where the settings name no pass mark.
_USUAL_MARK = 6.0

Scores = npt.NDArray[np.float64]


def compare_policies(
    human: Scores, machine: Scores, confidence: Scores, *, review: ReviewPolicy
) -> list[dict[str, Any]]:
    """A row for each policy; `human`, `machine` and `confidence` are shares (0 to 1) of shape (n,).

    `share` of the answers are sent to a person, `rmse_kept` is the error of the others, and `wrong_side` is the share
    of all answers that are kept although people's grade is on the other side of the pass mark. `below` is the
    confidence below which answers are sent (`VIVA_REVIEW_BELOW`), None for a policy that does not use it.
    """
    mark = _USUAL_MARK if review.pass_mark is None else review.pass_mark
    # Rounding must not move a grade that is exactly the mark.
    wrong = (human >= mark / MAX_SCORE - 1e-9) != (machine >= mark / MAX_SCORE - 1e-9)
    rows = []
    for name, sent, below in _list_policies(machine, confidence, mark=mark, margin=review.pass_margin):
        kept = ~sent
        rows.append(
            {
                "policy": name,
                "share": float(sent.mean()) if len(sent) else None,
                "below": below,
                "rmse_kept": agreement.rmse(human[kept], machine[kept]),
                "wrong_side": float((wrong & kept).mean()) if len(sent) else None,
            }
        )
    return rows


def _list_policies(
    machine: Scores, confidence: Scores, *, mark: float, margin: float
) -> Iterator[tuple[str, npt.NDArray[np.bool_], float | None]]:
    """Name, mask of the answers that are sent, and `below` of each policy; mark and margin in points of 10."""
    yield "nothing", np.zeros(len(machine), dtype=bool), None
    ordered = np.sort(confidence)
    for share in LEAST_CERTAIN:
        # The setting is a bound, so ties with the last answer go too.
        last = max(math.ceil(share * len(ordered) - 1e-9), 1) - 1
        higher = ordered[ordered > ordered[last]] if len(ordered) else ordered
        below = float(higher[0]) if len(higher) else 1.0
        yield f"the least certain {share:.0%}", confidence < below, below
    near = ReviewPolicy(pass_mark=mark, pass_margin=margin)
    # Reports round scores to one decimal before the mark is compared.
    sent = np.array([near.is_near_pass_mark(round(MAX_SCORE * score, 1)) for score in machine], dtype=bool)
    yield f"within {margin:g} of {mark:g}", sent, None
