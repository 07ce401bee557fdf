from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from vivavoce.evaluation.training.verifier import Pair, bank_pairs, begin_with, made_pairs
from vivavoce.graders.models.verifier.cross_encoder import WEIGHTS
from vivavoce.graders.models.verifier.network import CrossEncoder
from vivavoce.graders.models.verifier.quantized_e5 import PackedE5
from vivavoce.graders.models.verifier.weights import seen_questions
from vivavoce.rubrics import load_qualifications


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return list(bank_pairs())


def test_each_level_stands_beside_each_answer_in_both_languages(pairs: list[Pair]) -> None:
    assert {pair.question_id for pair in pairs} == set(load_qualifications())
    made = [pair.is_made for pair in pairs if pair.language == "en"]
    # As often made as not, about: neither word is right by being said always.
    assert 0.25 < sum(made) / len(made) < 0.6


def test_an_answer_that_makes_a_higher_level_makes_the_lower_one(pairs: list[Pair]) -> None:
    # Statements of a criterion follow each other; an excellent answer makes all that earn points.
    excellent = {
        (answers.question, language): next(a for a in answers.answers if a.level == "excellent").text(language)
        for answers in load_qualifications().values()
        for language in ("en", "zh")
    }
    own = [pair for pair in pairs if pair.answer == excellent[pair.question_id, pair.language]]
    assert sum(pair.is_made for pair in own) > 0.6 * len(own)


def test_pairs_that_are_made_of_others_say_that_nothing_can_be_bought(pairs: list[Pair]) -> None:
    said = [pair for pair in pairs if pair.question_id < "b"]
    made = list(made_pairs(said, seed=1))
    assert made == list(made_pairs(said, seed=1))
    answers = {(pair.question_id, pair.language, pair.statement, pair.answer): pair.is_made for pair in said}
    longer = 0
    for pair in made:
        whole = [
            known
            for (question, language, statement, answer), known in answers.items()
            if (question, language, statement) == (pair.question_id, pair.language, pair.statement)
            and answer != pair.answer
            and answer in pair.answer
        ]
        if pair.is_made:
            # What makes a statement is an answer that made it, with more beside it.
            assert any(whole)
        longer += bool(whole)
    assert longer > 0.3 * len(made)
    assert 0.2 < len(made) / len(said) < 0.6


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
