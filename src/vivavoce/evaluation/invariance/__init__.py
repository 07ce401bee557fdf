"""`viva bench invariance`: text added to an answer must gain nothing, and points taken out must cost something.

Answers of known quality, and answers that people graded, are graded as they are and in versions. Four families of
versions must not score more than the answer: worthless text is added (`additions.yaml`, by a writer who had not seen
the graders), the answer is built up from itself and other texts, it is rewritten, or it is attacked with strings from a
file. In the fifth, the mirror (`mirrors.yaml`), a point is taken out, turned into its opposite or given wrong figures,
and the score must fall.
"""

from .movements import GAIN, MOST_MEAN, RISE, Move, Row, compare, measure_movements
from .samples import BANK, Sample, draw, graded_samples, mirrored
from .versions import Version, kinds_of_versions

__all__ = [
    "BANK",
    "GAIN",
    "MOST_MEAN",
    "RISE",
    "Move",
    "Row",
    "Sample",
    "Version",
    "compare",
    "draw",
    "graded_samples",
    "kinds_of_versions",
    "measure_movements",
    "mirrored",
]
