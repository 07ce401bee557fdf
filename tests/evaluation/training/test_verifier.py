from __future__ import annotations

import random
import re
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from vivavoce.evaluation.training.verifier import Pair, bank_pairs, begin_with, derive_pairs, split_batches
from vivavoce.graders.models.verifier.cross_encoder import WEIGHTS
from vivavoce.graders.models.verifier.network import CrossEncoder
from vivavoce.graders.models.verifier.quantized_e5 import PackedE5
from vivavoce.graders.models.verifier.weights import seen_questions
from vivavoce.rubrics import load_qualifications


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return list(bank_pairs())


@pytest.fixture(scope="module")
def some(pairs: list[Pair]) -> list[Pair]:
    return [pair for pair in pairs if pair.question_id < "b"]


def test_each_level_is_paired_with_each_answer(pairs: list[Pair]) -> None:
    assert {pair.question_id for pair in pairs} == set(load_qualifications())
    made = [pair.is_made for pair in pairs if pair.language == "en"]
    # About as often made as not: a constant answer must not be right.
    assert 0.25 < sum(made) / len(made) < 0.6


def test_excellent_answers_make_most_statements(pairs: list[Pair]) -> None:
    excellent = {
        (answers.question, language): next(a for a in answers.answers if a.level == "excellent").text(language)
        for answers in load_qualifications().values()
        for language in ("en", "zh")
    }
    of_excellent = [pair for pair in pairs if pair.answer == excellent[pair.question_id, pair.language]]
    assert sum(pair.is_made for pair in of_excellent) > 0.6 * len(of_excellent)


def test_a_rejected_mistake_is_not_made(pairs: list[Pair]) -> None:
    rejected = [pair for pair in pairs if re.search("which is wrong[.]$|这是不对的。$", pair.answer)]
    assert len(rejected) > 150
    assert not any(pair.is_made for pair in rejected)


def test_derived_pairs_show_that_nothing_can_be_bought(some: list[Pair]) -> None:
    derived = list(derive_pairs(some, seed=1))
    assert derived == list(derive_pairs(some, seed=1))
    answers = {(pair.question_id, pair.language, pair.statement, pair.answer): pair.is_made for pair in some}
    longer = 0
    for pair in derived:
        whole = [
            is_made
            for (question, language, statement, answer), is_made in answers.items()
            if (question, language, statement) == (pair.question_id, pair.language, pair.statement)
            and answer != pair.answer
            and answer in pair.answer
        ]
        if pair.is_made:
            # What makes a statement is an answer that made it, with more beside it.
            assert any(whole)
        longer += bool(whole)
    assert longer > 0.3 * len(derived)
    assert len(derived) == sum(len(some) // share for share in (5, 8, 16, 16))


def test_answers_to_other_questions_make_no_statement(some: list[Pair]) -> None:
    by_question = {
        (pair.question_id, pair.language): {p.answer for p in some if p.question_id == pair.question_id}
        for pair in some
    }
    strange = [
        pair
        for pair in derive_pairs(some, seed=1)
        if pair.answer in {p.answer for p in some} and pair.answer not in by_question[pair.question_id, pair.language]
    ]
    assert len(strange) >= len(some) // 8
    assert not any(pair.is_made for pair in strange)


def test_batches_hold_every_example_once_by_length() -> None:
    examples = [(cast(Any, SimpleNamespace(tokens=[0] * (number % 37))), float(number)) for number in range(250)]
    batches = list(split_batches(list(examples), random.Random(1)))
    assert [len(batch) for batch in batches].count(24) == 10
    assert sorted(label for batch in batches for _, label in batch) == [float(number) for number in range(250)]
    spreads = [
        max(len(piece.tokens) for piece, _ in batch) - min(len(piece.tokens) for piece, _ in batch) for batch in batches
    ]
    assert max(spreads) < 10


def test_weights_that_have_seen_what_must_be_unseen_are_refused() -> None:
    weights = WEIGHTS / "without-even.safetensors"
    seen = set(islice(sorted(seen_questions(weights)), 1))
    model = CrossEncoder(PackedE5())
    with pytest.raises(ValueError, match=f"trained on answers to {next(iter(seen))}"):
        begin_with(model, weights, unseen=seen)
    begin_with(model, weights, unseen=set(load_qualifications()) - seen_questions(weights))


def test_weights_ship_for_either_half() -> None:
    assert [file.name for file in sorted(Path(WEIGHTS).glob("*.safetensors"))] == [
        "without-even.safetensors",
        "without-odd.safetensors",
    ]
