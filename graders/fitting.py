"""Fitting the coefficients to answers that people have graded.

    python -m vivavoce.graders.fitting DATA... --judge-url URL [--limit N] [--seed S] [--out FILE]

DATA are JSON-lines files (plain or .gz) with `question, reference, answer, score, max_score, lang`.
Each question becomes a rubric of one binary criterion a sentence of its reference. To each sample come
answers to other questions of the set, which are worth 0: they teach what no answer at all looks like.
What is fitted is the mean square error of the predicted share of points, every data set weighing the
same; what is reported leaves the whole data set out, and its strange answers too.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import secrets
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml
from scipy.optimize import minimize
from scipy.stats import pearsonr, spearmanr

from vivavoce.rubrics import Rubric

from . import text
from .combine import SIGNALS
from .embedding import NANO_E5, build_embedder
from .grade import read_signals
from .judge.client import Deadlines, EngineIdentity
from .judge.judging import RubricJudge
from .judge.record import InMemoryVerdictCache
from .panel import build_panel
from .types import AnswerInput, LevelSignals

_MOST_CRITERIA = 5
_STRANGE = "strange-"
_STRANGE_SHARE = 0.25
_RIDGE = 0.002
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Example:
    """One graded answer: the signals of each criterion, and the person's grade as a share (0 to 1)."""

    dataset: str
    question_id: str
    answer_id: str
    human: float
    signals: tuple[LevelSignals, ...]


def main() -> None:
    """Collect signals, fit, print the figures, write the coefficients."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--judge-url", required=True)
    parser.add_argument("--limit", type=int, default=80, help="answers of each data set")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--signals", type=Path, help="keep the signals here, and use those there already")
    parser.add_argument("--out", type=Path, help="write the fitted coefficients as YAML")
    options = parser.parse_args()

    examples = _load_signals(options.signals) if options.signals and options.signals.exists() else []
    done = {example.dataset for example in examples}
    for path in options.data:
        dataset = path.name.split(".")[0]
        if dataset in done:
            continue
        rows = balanced_sample(read_rows(path), limit=options.limit, seed=options.seed)
        rows += strange_answers(rows, share=_STRANGE_SHARE, seed=options.seed)
        examples += list(collect(dataset, rows, judge_url=options.judge_url))
        if options.signals:
            options.signals.write_text("\n".join(json.dumps(asdict(example)) for example in examples), encoding="utf-8")
    report(examples)
    if options.out:
        options.out.write_text(yaml.safe_dump(fit(examples), sort_keys=False), encoding="utf-8")


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a data file."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def balanced_sample(rows: Sequence[dict[str, Any]], *, limit: int, seed: int) -> list[dict[str, Any]]:
    """At most `limit` different answers, as evenly over the questions as they allow."""
    by_question: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in rows:
        if row["answer"].strip():
            by_question[row["question_id"]].setdefault(row["answer"].strip(), row)
    shuffled = random.Random(seed)
    piles = []
    for question in sorted(by_question):
        pile = list(by_question[question].values())
        shuffled.shuffle(pile)
        piles.append(pile)
    shuffled.shuffle(piles)
    turns = max((len(pile) for pile in piles), default=0)
    return [pile[turn] for turn in range(turns) for pile in piles if turn < len(pile)][:limit]


def strange_answers(rows: Sequence[dict[str, Any]], *, share: float, seed: int) -> list[dict[str, Any]]:
    """Rows whose answer belongs to another question, with a score of 0; `share` of them for each row."""
    shuffled = random.Random(seed)
    strange = []
    for number in range(round(share * len(rows))):
        row = shuffled.choice(rows)
        other = shuffled.choice([r for r in rows if r["question_id"] != row["question_id"]])
        strange.append({**row, "id": f"{_STRANGE}{number}", "answer": other["answer"], "score": 0.0})
    return strange


def rubric_from_reference(row: Mapping[str, Any], *, most_criteria: int = _MOST_CRITERIA) -> Rubric:
    """A rubric that asks for each sentence of the (first) reference; the others are alternatives to it."""
    references = [row["reference"]] if isinstance(row["reference"], str) else list(row["reference"])
    first = references[0]
    sentences = [first[start:end] for start, end in text.split_sentences(first)] or [first]
    pieces = [" ".join(part) for part in _spread_over(sentences, most_criteria)]
    points = [{"id": f"p{i}", "criterion": f"c{i}", "text": piece[:3900]} for i, piece in enumerate(pieces)]
    if len(pieces) == 1:
        points += [{"id": f"a{i}", "criterion": "c0", "text": other[:3900]} for i, other in enumerate(references[1:6])]
    return Rubric.model_validate(
        {
            "question": {
                "id": "fitting",
                "text": row["question"] or "-",
                "language": row["lang"],
                "topic": "fitting",
                "difficulty": "foundation",
                "minutes": 1,
            },
            "criteria": [
                {"id": f"c{i}", "kind": "binary", "title": "-", "statement": piece[:3900], "points": 1}
                for i, piece in enumerate(pieces)
            ],
            "expected_points": points,
            "references": [{"length": "full", "text": first[:3900]}],
        }
    )


def collect(dataset: str, rows: Sequence[dict[str, Any]], *, judge_url: str) -> Iterator[Example]:
    """Signals for every row that the judge could judge, a question at a time, with progress."""
    by_question: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_question[row["question_id"]].append(row)
    with RubricJudge(
        base_urls=[judge_url],
        identity=EngineIdentity(engine="llamacpp", model="judge", revision="fitting"),
        secret=secrets.token_bytes(32),
        cache=InMemoryVerdictCache(),
        deadlines=Deadlines(120, 240),
    ) as judge:
        panel = build_panel(embedder=build_embedder(NANO_E5), judge=judge)
        for count, (question_id, group) in enumerate(sorted(by_question.items()), start=1):
            rubric = rubric_from_reference(group[0])
            found = read_signals([AnswerInput(row["answer"]) for row in group], rubric, panel)
            sys.stderr.write(f"\r{dataset}: question {count} of {len(by_question)} ")
            for row, signals in zip(group, found, strict=True):
                if signals:
                    yield Example(
                        dataset=dataset,
                        question_id=question_id,
                        answer_id=row["id"],
                        human=row["score"] / row["max_score"],
                        signals=tuple(level for levels in signals.values() for level in levels),
                    )
    sys.stderr.write("\n")


def fit(examples: Sequence[Example]) -> dict[str, Any]:
    """Coefficients, in the form of coefficients.yaml; weights are kept at or above 0."""
    parameters = _fit(examples)
    means = np.mean([_features(e).mean(axis=0) for e in examples], axis=0)
    return {
        "version": "1",
        "intercept": round(float(parameters[0]), 4),
        "weights": {n: round(float(w), 4) for n, w in zip(SIGNALS, parameters[1:], strict=True)},
        "means": {n: round(float(m), 4) for n, m in zip(SIGNALS, means, strict=True)},
    }


def report(examples: Sequence[Example]) -> None:
    """Print, for each data set, how the combination fitted on the others agrees with people."""
    print(f"{'data set':22}{'n':>5}  {'judge':>6}{'embed':>7}{'rouge':>7}  {'together':>9}{'Spearman':>9}{'RMSE':>6}")
    for dataset in sorted({example.dataset for example in examples}):
        held = [e for e in examples if e.dataset == dataset and not e.answer_id.startswith(_STRANGE)]
        others = [example for example in examples if example.dataset != dataset]
        human = [example.human for example in held]
        predicted = _predict(_fit(others or held), held)
        alone = [
            pearsonr([_features(example)[:, column].mean() for example in held], human)[0]
            for column in range(len(SIGNALS))
        ]
        rmse = float(np.sqrt(np.mean((predicted - np.asarray(human)) ** 2)))
        print(
            f"{dataset:22}{len(held):5}  {alone[0]:6.3f}{alone[1]:7.3f}{alone[2]:7.3f}  "
            f"{pearsonr(predicted, human)[0]:9.3f}{spearmanr(predicted, human)[0]:9.3f}{rmse:6.3f}"
        )


def _fit(examples: Sequence[Example]) -> Matrix:
    sizes: dict[str, int] = defaultdict(int)
    for example in examples:
        sizes[example.dataset] += 1
    weights = np.asarray([1 / sizes[example.dataset] for example in examples])
    human = np.asarray([example.human for example in examples])

    def loss(parameters: Matrix) -> float:
        errors = _predict(parameters, examples) - human
        scaled = parameters[1:] * np.asarray([2.0, 0.05, 0.2])
        return float((weights * errors**2).sum() / len(sizes) + _RIDGE * (scaled**2).sum())

    start = np.asarray([-1.0, 0.5, 5.0, 1.0])
    return np.asarray(minimize(loss, start, bounds=[(None, None), *[(0, None)] * 3]).x)


def _predict(parameters: Matrix, examples: Sequence[Example]) -> Matrix:
    return np.asarray(
        [(1 / (1 + np.exp(-(parameters[0] + _features(example) @ parameters[1:])))).mean() for example in examples]
    )


def _features(example: Example) -> Matrix:
    return np.asarray([[level.judge, level.embedding, level.rouge] for level in example.signals], float)


def _load_signals(path: Path) -> list[Example]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [Example(**{**row, "signals": tuple(LevelSignals(**level) for level in row["signals"])}) for row in rows]


def _spread_over(sentences: Sequence[str], most: int) -> list[list[str]]:
    """Neighbouring sentences together, in at most `most` groups of nearly equal size."""
    groups = min(most, len(sentences))
    return [list(part) for part in np.array_split(np.asarray(sentences, dtype=object), groups)]


if __name__ == "__main__":
    main()
