"""What sending answers to people by one policy or another leaves undone, on answers that people graded."""

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
# Where nothing hangs on a mark yet, three fifths of full marks are looked at.
_USUAL_MARK = 6.0

Scores = npt.NDArray[np.float64]


def compare(human: Scores, machine: Scores, confidence: Scores, *, review: ReviewPolicy) -> list[dict[str, Any]]:
    """A row for each policy; `human`, `machine` and `confidence` are shares (0 to 1) of shape (n,).

    `share` of the answers are sent to a person, `rmse_kept` is the error of the others, and `wrong_side` is the share
    of all answers that are kept although people see them on the other side of the pass mark. `below` is the confidence
    under which these are sent (`VIVA_REVIEW_BELOW`), None for a policy that does not go by it.
    """
    mark = _USUAL_MARK if review.pass_mark is None else review.pass_mark
    wrong = (human >= mark / MAX_SCORE - 1e-9) != (machine >= mark / MAX_SCORE - 1e-9)
    rows = []
    for name, sent, below in _policies(machine, confidence, mark=mark, margin=review.pass_margin):
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


def _policies(
    machine: Scores, confidence: Scores, *, mark: float, margin: float
) -> Iterator[tuple[str, npt.NDArray[np.bool_], float | None]]:
    yield "nothing", np.zeros(len(machine), dtype=bool), None
    by_doubt = np.sort(confidence)
    for share in LEAST_CERTAIN:
        # All that are as doubtful as the last one go with it: a policy is a figure in the settings.
        last = max(math.ceil(share * len(by_doubt) - 1e-9), 1) - 1
        more = by_doubt[by_doubt > by_doubt[last]] if len(by_doubt) else by_doubt
        below = float(more[0]) if len(more) else 1.0
        yield f"the least certain {share:.0%}", confidence < below, below
    near = ReviewPolicy(pass_mark=mark, pass_margin=margin)
    sent = np.array([near.is_near_pass_mark(round(MAX_SCORE * score, 1)) for score in machine], dtype=bool)
    yield f"within {margin:g} of {mark:g}", sent, None
