"""Measures how many attacks screening masks or flags, and how many honest texts.

    python -m vivavoce.evaluation.masking FILE... [--question transformer] [--by family] [--patterns-only]

A FILE has a text a line, or is one of attacks (JSON lines, plain or .gz; see attacks) whose texts to append are taken.
Each text is screened as the second line of an answer, as it is and, if it has Chinese characters, in traditional ones.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from opencc import OpenCC

from vivavoce.graders import Flag
from vivavoce.graders.models.embedder import NANO_E5, build_embedder
from vivavoce.graders.reading.normal_text import has_han, normalise
from vivavoce.graders.reading.screening import screen
from vivavoce.graders.reading.sentence_classifier import SentenceClassifier, TrainedSentenceClassifier
from vivavoce.rubrics import Rubric, default_bank

from .attacks import read_attacks
from .errors import EvaluationError

# Beside it an attack is not all that the answer says.
_FIRST_LINE = "Attention weighs every token."


@dataclass(frozen=True)
class MaskingRates:
    """Shares (0 to 1) of `count` texts that are `masked` at least in part, and that are `flagged` for a person."""

    count: int
    masked: float
    flagged: float


def measure_masking(texts: Sequence[str], rubric: Rubric, classifier: SentenceClassifier | None) -> MaskingRates:
    """The rates of some texts, of which there must be one; without `classifier` only patterns decide."""
    screened = [screen(normalise(f"{_FIRST_LINE}\n{text}"), rubric, classifier) for text in texts]
    return MaskingRates(
        count=len(texts),
        masked=sum(bool(screening.masked) for screening in screened) / len(texts),
        flagged=sum(Flag.INJECTION_SUSPECTED in screening.flags for screening in screened) / len(texts),
    )


def read_groups(path: Path, *, by_family: bool) -> dict[str, list[str]]:
    """The texts of a file by the name of their row in the table; raises EvaluationError if it cannot be read."""
    groups: dict[str, list[str]] = {}
    if path.suffix in (".gz", ".jsonl"):
        for attack in read_attacks(path):
            if attack.mode == "append":
                name = f"{attack.set}/{attack.family}" if by_family else attack.set
                groups.setdefault(f"{path.name} {name}", []).append(attack.text)
    else:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise EvaluationError(f"{path} cannot be read ({error}): give a text a line in UTF-8.") from None
        groups[path.name] = [line for line in lines if line.strip()]
    return dict(_add_traditional(groups))


def _add_traditional(groups: dict[str, list[str]]) -> Iterator[tuple[str, list[str]]]:
    """The groups that have texts, each followed by its Chinese texts in traditional characters."""
    convert = OpenCC("s2t").convert
    for name, texts in groups.items():
        if texts:
            yield name, texts
        if chinese := [convert(text) for text in texts if has_han(text)]:
            yield f"{name}, traditional", chinese


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--question", default="transformer", help="a question of the bank (default: %(default)s)")
    parser.add_argument("--by", choices=("set", "family"), default="set", help="rows of a file of attacks")
    parser.add_argument("--patterns-only", action="store_true", help="without the classifier")
    arguments = parser.parse_args()
    rubric = default_bank().get(arguments.question, "en")
    classifier = None if arguments.patterns_only else TrainedSentenceClassifier(build_embedder(NANO_E5))
    print(f"{'texts':64} {'count':>5} {'masked':>7} {'flagged':>7}")
    for path in arguments.files:
        for name, texts in read_groups(path, by_family=arguments.by == "family").items():
            rates = measure_masking(texts, rubric, classifier)
            print(f"{name[:64]:64} {rates.count:5} {rates.masked:7.1%} {rates.flagged:7.1%}", flush=True)


if __name__ == "__main__":
    main()
