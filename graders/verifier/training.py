"""Training the verifier on the bank's qualification answers.

    python -m vivavoce.graders.verifier.training [DATA...] [--half even|odd] --out FOLDER

A pair is a statement, an answer, and how far the answer makes the statement: each level of each criterion of the bank
in both languages, with its writer's word on whether the answer reaches it. To a twelfth of the pairs comes an answer to
another question, which makes nothing. DATA, JSON lines of answers that people graded (see graded_answers), add pairs of
reference and answer with the share of the points that people gave. Answers to a half of the bank's questions are not
learned; the two files that ship are those without either half. On two cores one of them takes a quarter of an hour.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import torch
from torch import nn

from vivavoce.rubrics import default_bank, load_qualifications

from .. import lexical
from ..graded_answers import balanced_sample, read_rows
from ..qualify import rejecting_answers
from .model import CrossEncoder, Piece, join
from .packed import PackedE5
from .weights import save

# Bounds that keep the largest sets from outweighing the rest, and an epoch within a quarter of an hour.
MOST_OF_A_SET = 1500
_FROZEN_LAYERS = 3
_BATCH = 16
_BODY_RATE, _HEAD_RATE, _PRODUCT_RATE = 7e-5, 1e-3, 0.05
_WARM_UP = 0.1
_STRANGE = 12
_BANK = "bank"


@dataclass(frozen=True)
class Pair:
    """An answer beside a statement, and how far it makes it (0 to 1)."""

    dataset: str
    question_id: str
    id: str
    language: str
    question: str
    statement: str
    answer: str
    known: float


def main() -> None:
    """Train and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", nargs="*", type=Path)
    parser.add_argument("--half", choices=("even", "odd"), help="questions of the bank that are not learned")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    random.seed(options.seed)
    torch.manual_seed(options.seed)
    questions = sorted(load_qualifications())
    halves = {"even": set(questions[::2]), "odd": set(questions[1::2])}
    unseen = halves.get(options.half, set())
    learned = [
        *(pair for pair in bank_pairs() if pair.question_id not in unseen),
        *graded_pairs(options.data, seed=options.seed),
    ]
    packed = PackedE5()
    model = CrossEncoder(packed)
    train(model, packed, [*learned, *strange_pairs(learned)], epochs=options.epochs)
    name = f"without-{options.half}.safetensors" if options.half else "weights.safetensors"
    save(model, options.out / name, seen={pair.question_id for pair in learned if pair.dataset == _BANK})


def bank_pairs() -> Iterator[Pair]:
    """Each level of each criterion beside each qualification answer, and mistakes that are named to be rejected."""
    bank = default_bank()
    for answers in load_qualifications().values():
        for language in ("en", "zh"):
            rubric = bank.get(answers.question, language)
            about = {
                "dataset": _BANK,
                "question_id": answers.question,
                "language": language,
                "question": rubric.question.text,
            }
            for criterion, said in rejecting_answers(rubric, answers):
                yield Pair(
                    **about,
                    id=f"{answers.question}/{language}/rejection/{criterion.id}/1",
                    statement=criterion.levels[-1].description.strip(),
                    answer=said,
                    known=0.0,
                )
            for answer in answers.answers:
                for criterion in rubric.criteria:
                    for level in range(1, len(criterion.levels)):
                        yield Pair(
                            **about,
                            id=f"{answers.question}/{language}/{answer.level}/{criterion.id}/{level}",
                            statement=criterion.levels[level].description.strip(),
                            answer=answer.text(language),
                            known=float(answer.criteria[criterion.id] >= level),
                        )


def graded_pairs(paths: Sequence[Path], *, seed: int) -> Iterator[Pair]:
    """Answers that people graded beside the reference that they share most words with."""
    for path in paths:
        dataset = path.name.split(".")[0]
        for row in balanced_sample(read_rows(path), limit=MOST_OF_A_SET, seed=seed):
            references = [row["reference"]] if isinstance(row["reference"], str) else row["reference"]
            yield Pair(
                dataset=dataset,
                question_id=f"{dataset}/{row['question_id']}",
                id=row["id"],
                language=row["lang"],
                question=row["question"],
                statement=max(references, key=lambda one: lexical.rouge(row["answer"], [one]).rouge1),
                answer=row["answer"],
                known=row["score"] / row["max_score"],
            )


def strange_pairs(pairs: Sequence[Pair]) -> Iterator[Pair]:
    """Answers to other questions, in the same language and from the same set: they make nothing."""
    elsewhere = _elsewhere(pairs)
    for pair in random.sample(list(pairs), len(pairs) // _STRANGE):
        if others := elsewhere(pair):
            yield replace(pair, answer=random.choice(others), known=0.0)


def _elsewhere(pairs: Sequence[Pair]) -> Callable[[Pair], Sequence[str]]:
    """For a pair the answers to other questions, in the same language and of the same set."""
    answers: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for pair in pairs:
        answers[pair.dataset, pair.language][pair.question_id].add(pair.answer)

    @cache
    def others(dataset: str, language: str, question_id: str) -> Sequence[str]:
        own = answers[dataset, language]
        return sorted(answer for name, said in own.items() if name != question_id for answer in said)

    return lambda pair: others(pair.dataset, pair.language, pair.question_id)


def train(model: CrossEncoder, packed: PackedE5, pairs: Sequence[Pair], *, epochs: int) -> None:
    """Fit the upper layers and the head by cross-entropy; small sets weigh more, by the root of how much smaller."""
    encoder = model.encoder
    for part in (encoder.positions, encoder.kind, encoder.norm, *encoder.layers[:_FROZEN_LAYERS]):
        part.requires_grad_(False)
    body = [values for values in model.encoder.parameters() if values.requires_grad]
    optimizer = torch.optim.AdamW(
        [
            {"params": body, "lr": _BODY_RATE, "weight_decay": 0.01},
            {"params": model.first.parameters(), "lr": _HEAD_RATE, "weight_decay": 0.0},
            {"params": [model.product], "lr": _PRODUCT_RATE, "weight_decay": 0.0},
        ]
    )
    sizes = Counter(pair.dataset for pair in pairs)
    read = [
        (_piece(packed, pair), pair.known, math.sqrt(len(pairs) / len(sizes) / sizes[pair.dataset])) for pair in pairs
    ]
    steps = epochs * math.ceil(len(read) / _BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / (_WARM_UP * steps), 1.0) * max(1 - step / steps, 0.0)
    )
    model.train()
    began, step = time.monotonic(), 0
    for _ in range(epochs):
        for batch in _batches(read):
            pieces, known, weights = zip(*batch, strict=True)
            losses = nn.functional.binary_cross_entropy_with_logits(
                model(pieces), torch.tensor(known), reduction="none"
            )
            (losses * torch.tensor(weights)).mean().backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(body, 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            step += 1
            if step % 20 == 0:
                loss = float(losses.detach().mean())
                print(f"step {step} of {steps}, loss {loss:.3f}, {time.monotonic() - began:.0f} s", flush=True)
    model.eval()


def _piece(packed: PackedE5, pair: Pair) -> Piece:
    return join(packed, question=pair.question, statement=pair.statement, answer=packed.tokens(pair.answer))


def _batches(read: list[tuple[Piece, float, float]]) -> Iterator[list[tuple[Piece, float, float]]]:
    """Batches of answers of about the same length, in random order."""
    random.shuffle(read)
    stretch = _BATCH * 40
    near = [
        one
        for start in range(0, len(read), stretch)
        for one in sorted(read[start : start + stretch], key=lambda own: len(own[0].tokens))
    ]
    batches = [near[start : start + _BATCH] for start in range(0, len(near), _BATCH)]
    random.shuffle(batches)
    yield from batches


if __name__ == "__main__":
    main()
