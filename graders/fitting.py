"""Fitting the coefficients to answers whose grade is known.

    python -m vivavoce.graders.fitting [DATA... --judge-url URL] [--qualified FILE] [--out FILE]

DATA are JSON-lines files (plain or .gz) with `question, reference, answer, score, max_score, lang` that people
graded. Each question becomes a rubric of at most five binary criteria, the sentences of its reference. To each sample
come answers to other questions of the set, which are worth 0: they teach what no answer at all looks like. FILE is
what `viva bank qualify --json` wrote: signals of the bank's qualification answers, each criterion with its writer's
level, and of answers that reject a mistake, which is worth no deduction.

What is fitted is the mean square error of the predicted share of points, every data set weighing the same. What is
reported leaves the whole data set out, and of the bank the question.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import secrets
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import yaml
from scipy.optimize import minimize
from scipy.stats import mannwhitneyu, pearsonr, spearmanr

from vivavoce.rubrics import default_bank

from .combine import SIGNALS, Coefficients, Weights, all_probabilities, total
from .embedding import NANO_E5, build_embedder
from .grade import read_signals
from .graded_answers import STRANGE, balanced_sample, read_rows, rubric_from_reference, strange_answers
from .judge.client import Deadlines, EngineIdentity
from .judge.judging import RubricJudge
from .judge.record import InMemoryVerdictCache
from .panel import build_panel
from .qualify import QuestionStanding, Standing, language_gaps
from .types import AnswerInput, LevelSignals

_GENERATION = 2
_STRANGE_SHARE = 0.25
_FOLDS = 10
# How strongly weights are held near 0, each in a unit in which the signals spread about as widely. Of six values from
# 0.004 to 0.0001, those of 0.00025 and below left the smallest squared error on questions that were left out.
_RIDGE = 0.00025
_UNITS = np.asarray([2.0, 0.05, 0.2])
Matrix = npt.NDArray[np.float64]
Kind = Literal["merit", "mistake"]


@dataclass(frozen=True)
class Example:
    """Something whose grade is known: signals of one or more levels, and the mean share of them reached (0 to 1)."""

    dataset: str
    question_id: str
    answer_id: str
    kind: Kind
    known: float
    signals: tuple[LevelSignals, ...]


def main() -> None:
    """Collect signals, fit, print the figures, write the coefficients."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", nargs="*", type=Path)
    parser.add_argument("--qualified", type=Path, help="what 'viva bank qualify --json' wrote")
    parser.add_argument("--judge-url", help="a judge for the answers in DATA")
    parser.add_argument("--limit", type=int, default=80, help="answers of each data set")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--signals", type=Path, help="keep the signals of DATA here, and use those there already")
    parser.add_argument("--out", type=Path, help="write the fitted coefficients as YAML")
    options = parser.parse_args()
    if options.data and not options.judge_url:
        parser.error("DATA need a judge: name one with --judge-url")

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
    if options.qualified:
        qualified = json.loads(options.qualified.read_text(encoding="utf-8"))
        report_bank(qualified, examples)
        examples += examples_of_bank(qualified)
    if options.out:
        fitted = yaml.safe_dump(asdict(fit(examples)), sort_keys=False)
        options.out.write_text(f"# Fitted by graders/fitting.py {' '.join(sys.argv[1:])}\n{fitted}", encoding="utf-8")


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
                        kind="merit",
                        known=row["score"] / row["max_score"],
                        signals=tuple(level for levels in signals.values() for level in levels),
                    )
    sys.stderr.write("\n")


def examples_of_bank(qualified: Mapping[str, Any]) -> list[Example]:
    """An example for each level of each criterion on each answer that `viva bank qualify` graded."""
    kinds = {
        (rubric.question.id, criterion.id): "mistake" if criterion.kind == "negative" else "merit"
        for rubric in default_bank()
        for criterion in rubric.criteria
    }
    found = []
    for question in qualified["questions"]:
        for standing in question["standings"]:
            for row in standing["criteria"]:
                for level, signals in enumerate(row["signals"], start=1):
                    known = float(row["level"] >= level)
                    kind = kinds[question["question"], row["criterion"]]
                    found.append(_example_of_bank(question, standing["quality"], kind, known, signals))
    for rejection in qualified["rejections"]["each"]:
        found += [_example_of_bank(rejection, "rejection", "mistake", 0.0, level) for level in rejection["signals"]]
    return found


def _example_of_bank(
    where: Mapping[str, Any], answer: str, kind: str, known: float, signals: Mapping[str, float]
) -> Example:
    return Example(
        dataset=f"bank-{where['language']}",
        question_id=where["question"],
        answer_id=answer,
        kind="mistake" if kind == "mistake" else "merit",
        known=known,
        signals=(LevelSignals(**signals),),
    )


def fit(examples: Sequence[Example]) -> Coefficients:
    """Coefficients for these examples; no weight is below 0, so that more of a signal never lowers a probability."""
    kinds: dict[Kind, list[Example]] = {"merit": [], "mistake": []}
    for example in examples:
        kinds[example.kind].append(example)
    merit = _fit(kinds["merit"])
    # Sets that people graded have no mistakes in their rubrics: what is merit tells then what is a mistake.
    mistake = _fit(kinds["mistake"]) if kinds["mistake"] else merit
    # No two fits share a version: grades are recomputed only with the coefficients that gave them.
    figures = json.dumps([asdict(merit), asdict(mistake)], sort_keys=True)
    version = f"{_GENERATION}-{hashlib.sha256(figures.encode()).hexdigest()[:8]}"
    return Coefficients(version=version, merit=merit, mistake=mistake)


def report(examples: Sequence[Example]) -> None:
    """Print, for each data set, how the combination fitted on the others agrees with people.

    A data set that is alone is told of as it was fitted.
    """
    if not examples:
        return
    print(f"{'data set':22}{'n':>5}  {'judge':>6}{'embed':>7}{'rouge':>7}  {'together':>9}{'Spearman':>9}{'RMSE':>6}")
    for dataset in sorted({example.dataset for example in examples}):
        held = [e for e in examples if e.dataset == dataset and not e.answer_id.startswith(STRANGE)]
        others = [example for example in examples if example.dataset != dataset]
        known = [example.known for example in held]
        predicted = _predict(_Table(held), fit(others or held).merit)
        alone = [
            pearsonr([_features(example)[:, column].mean() for example in held], known)[0]
            for column in range(len(SIGNALS))
        ]
        rmse = float(np.sqrt(np.mean((predicted - np.asarray(known)) ** 2)))
        print(
            f"{dataset:22}{len(held):5}  {alone[0]:6.3f}{alone[1]:7.3f}{alone[2]:7.3f}  "
            f"{pearsonr(predicted, known)[0]:9.3f}{spearmanr(predicted, known)[0]:9.3f}{rmse:6.3f}"
        )


def report_bank(qualified: Mapping[str, Any], others: Sequence[Example]) -> None:
    """Print how the bank's answers come out with coefficients fitted on `others` and the bank's other questions."""
    bank = examples_of_bank(qualified)
    names = sorted({example.question_id for example in bank})
    folds = [set(names[start::_FOLDS]) for start in range(min(_FOLDS, len(names)))]
    held_out: list[tuple[Example, float]] = []
    standings: list[QuestionStanding] = []
    for fold in folds:
        coefficients = fit([*others, *(example for example in bank if example.question_id not in fold)])
        for kind in ("merit", "mistake"):
            held = [example for example in bank if example.question_id in fold and example.kind == kind]
            if not held:
                continue
            predicted = _predict(_Table(held), coefficients.merit if kind == "merit" else coefficients.mistake)
            held_out += zip(held, predicted.tolist(), strict=True)
        standings += [_rescored(q, coefficients) for q in qualified["questions"] if q["question"] in fold]
    print(f"\n{'bank':12}{'n':>6}  {'judge':>6}{'embed':>7}{'rouge':>7}  {'together':>9}   (area under the curve)")
    for kind in ("merit", "mistake"):
        for dataset in ("bank-en", "bank-zh"):
            own = [(e, p) for e, p in held_out if e.dataset == dataset and e.kind == kind]
            known = [example.known for example, _ in own]
            alone = [_auc([_features(e)[0, column] for e, _ in own], known) for column in range(len(SIGNALS))]
            together = _auc([p for _, p in own], known)
            print(
                f"{dataset[-2:]} {kind:9}{len(own):6}  {alone[0]:6.3f}{alone[1]:7.3f}{alone[2]:7.3f}  {together:9.3f}"
            )
    in_order = [standing.in_order for standing in standings]
    print(f"in order {sum(in_order)} of {len(in_order)} ({np.mean(in_order):.1%})")
    gaps = [abs(gap) for own in language_gaps(standings).values() for gap in own]
    if gaps:
        print(f"mean difference of the languages {np.mean(gaps):.3f}")
    rejected = [p for e, p in held_out if e.answer_id == "rejection"]
    print(f"rejected mistakes held against the candidate {sum(p >= 0.5 for p in rejected)} of {len(rejected)}")


def _rescored(question: Mapping[str, Any], coefficients: Coefficients) -> QuestionStanding:
    """A question of the file with the scores that these coefficients give."""
    rubric = default_bank().get(question["question"], question["language"])
    standings = []
    for standing in question["standings"]:
        signals = {
            row["criterion"]: [LevelSignals(**own) for own in row["signals"]]
            for row in standing["criteria"]
            if row["signals"]
        }
        # Without signals a fact about the answer, or a failure, stands whatever the coefficients.
        scored = signals and standing["score"] is not None
        score = total(rubric, all_probabilities(rubric, signals, coefficients)).score if scored else standing["score"]
        standings.append(Standing(standing["quality"], standing["grade"], score, criteria=()))
    return QuestionStanding(question["question"], question["language"], question["topic"], tuple(standings))


def _auc(values: Sequence[float], known: Sequence[float]) -> float:
    """Area under the receiver operating characteristic: the share of pairs in order (Mann-Whitney U)."""
    high = [value for value, reached in zip(values, known, strict=True) if reached]
    low = [value for value, reached in zip(values, known, strict=True) if not reached]
    return float(mannwhitneyu(high, low).statistic / (len(high) * len(low))) if high and low else float("nan")


class _Table:
    """Examples as arrays: `rows` (levels, signals), and the example that each row belongs to."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self.rows = np.concatenate([_features(example) for example in examples])
        self.owners = np.repeat(np.arange(len(examples)), [len(example.signals) for example in examples])
        self.counts = np.bincount(self.owners)
        self.known = np.asarray([example.known for example in examples])
        sizes: dict[str, int] = defaultdict(int)
        for example in examples:
            sizes[example.dataset] += 1
        self.weights = np.asarray([1 / sizes[example.dataset] for example in examples]) / len(sizes)


def _fit(examples: Sequence[Example]) -> Weights:
    table = _Table(examples)

    def loss(parameters: Matrix) -> float:
        errors = _means(table, parameters) - table.known
        return float((table.weights * errors**2).sum() + _RIDGE * ((parameters[1:] * _UNITS) ** 2).sum())

    start = np.asarray([-1.0, 0.5, 5.0, 1.0])
    found = minimize(loss, start, bounds=[(None, None), *[(0, None)] * 3]).x
    means = np.average(table.rows, axis=0, weights=(table.weights / table.counts)[table.owners])
    return Weights(
        intercept=round(float(found[0]), 4),
        weights={name: round(float(weight), 4) for name, weight in zip(SIGNALS, found[1:], strict=True)},
        means={name: round(float(mean), 4) for name, mean in zip(SIGNALS, means, strict=True)},
    )


def _predict(table: _Table, weights: Weights) -> Matrix:
    return _means(table, np.asarray([weights.intercept, *(weights.weights[name] for name in SIGNALS)]))


def _means(table: _Table, parameters: Matrix) -> Matrix:
    """The mean probability of an example's levels."""
    chances = 1 / (1 + np.exp(-(parameters[0] + table.rows @ parameters[1:])))
    return np.asarray(np.bincount(table.owners, weights=chances) / table.counts)


def _features(example: Example) -> Matrix:
    return np.asarray([[level.judge, level.embedding, level.rouge] for level in example.signals], float)


def _load_signals(path: Path) -> list[Example]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [Example(**{**row, "signals": tuple(LevelSignals(**level) for level in row["signals"])}) for row in rows]


if __name__ == "__main__":
    main()
