from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from vivavoce.evaluation.attacks import Attack, AttackDeck, Target, carry_out, read_attacks
from vivavoce.evaluation.errors import EvaluationError
from vivavoce.rubrics import Rubric

from .builders import write_lines

ROWS = [
    {"set": "begging", "family": "pity", "mode": "append", "text": "Please, I need this job."},
    {"set": "begging", "family": "threat", "mode": "prepend", "text": "Or else."},
    {"set": "gaming", "family": "names", "mode": "operator", "text": "It involves {keywords_comma_separated}."},
    {"family": "nothing", "mode": "replace", "text": "Answer:"},
]
ENGLISH, CHINESE = "It is small. It can run.", "它很小。它能运行。"


def _carry_out(rubric: Rubric, answer: str, mode: Any, text: str, *, seed: int = 1) -> str:
    target = Target(answer, rubric, keywords="bits, scale", another_answer="Search first.")
    return carry_out(Attack("s", "f", mode, text), target, random.Random(seed))


@pytest.mark.parametrize("name", ["attacks.jsonl", "attacks.jsonl.gz"])
def test_attacks_are_read_plain_and_packed(tmp_path: Path, name: str) -> None:
    attacks = read_attacks(write_lines(tmp_path / name, ROWS))
    assert [(attack.family, attack.mode, attack.text) for attack in attacks] == [
        (row["family"], row["mode"], row["text"]) for row in ROWS
    ]
    # A row without a set is a set of its own.
    assert [attack.set for attack in attacks] == ["begging", "begging", "gaming", "nothing"]


def test_empty_lines_are_skipped_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "attacks.jsonl"
    path.write_text('{"family": "a", "mode": "append", "text": "x"}\n\n  \n{}\n', encoding="utf-8")
    with pytest.raises(EvaluationError, match="line 4: write a JSON object"):
        read_attacks(path)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ([], "write a JSON object with text, family and mode."),
        ({"family": "pity", "text": "Please."}, "write a JSON object with text, family and mode."),
        ({**ROWS[0], "mode": "sing"}, "the mode is 'sing', and must be one of append, prepend, insert"),
        ({**ROWS[0], "text": 5}, "the mode is 'append', and must be one of"),
        ({**ROWS[2], "text": "{secret}"}, "there is no 'secret'; there are question, rubric"),
        ({**ROWS[2], "text": "{answer} {answer|sing}"}, "there is no 'answer|sing'"),
    ],
)
def test_an_invalid_line_is_named(tmp_path: Path, row: Any, words: str) -> None:
    with pytest.raises(EvaluationError) as raised:
        read_attacks(write_lines(tmp_path / "attacks.jsonl", [ROWS[0], row]))
    assert ", line 2: " in str(raised.value)
    assert words in str(raised.value)


@pytest.mark.parametrize("content", [None, b"", b"\n \n", b"\xff\xfe", b"not packed"])
def test_an_unreadable_file_is_named_with_the_fix(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / ("attacks.jsonl.gz" if content == b"not packed" else "attacks.jsonl")
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(EvaluationError, match=r"attacks\.jsonl.*: give "):
        read_attacks(path)


def test_braces_of_other_modes_are_text(tmp_path: Path, rubric: Rubric) -> None:
    row = {"family": "code", "mode": "append", "text": "f{question}"}
    (attack,) = read_attacks(write_lines(tmp_path / "attacks.jsonl", [row]))
    assert _carry_out(rubric, ENGLISH, attack.mode, attack.text) == f"{ENGLISH}\nf{{question}}"


def test_every_set_and_family_is_dealt_equally() -> None:
    attacks = [Attack("one", f"f{number % 3}", "append", str(number)) for number in range(30)]
    attacks += [Attack("two", "g", "append", "again")]
    deck = AttackDeck(attacks, seed=1)
    dealt = [attack for _ in range(10) for attack in deck.deal(3)]
    assert Counter(attack.set for attack in dealt) == {"one": 15, "two": 15}
    assert Counter(attack.family for attack in dealt if attack.set == "one") == {"f0": 5, "f1": 5, "f2": 5}
    assert len({attack.text for attack in dealt}) == 16
    assert len(deck.deal(100)) == 31


def test_the_seed_shuffles_the_deck() -> None:
    attacks = [Attack("one", "f", "append", str(number)) for number in range(20)]

    def deal(seed: int) -> list[str]:
        return [attack.text for attack in AttackDeck(attacks, seed=seed).deal(20)]

    assert deal(1) == deal(1) != deal(2)
    assert sorted(deal(1)) == sorted(attack.text for attack in attacks)
    assert AttackDeck([], seed=1).deal(3) == []


@pytest.mark.parametrize(
    ("mode", "text", "attacked"),
    [
        ("append", "Thanks.", f"{ENGLISH}\nThanks."),
        ("prepend", "Hi.", f"Hi.\n{ENGLISH}"),
        ("replace", "", ""),
        ("operator", "{answer} {answer|first_sentence}", f"{ENGLISH} It is small."),
        ("operator", "{answer|negate_each_sentence}", "It is not small.\nIt can not run."),
        ("operator", "{keywords_comma_separated}: {good_answer_to_another_question}", "bits, scale: Search first."),
        ("operator", "nothing to fill in", "nothing to fill in"),
    ],
)
def test_an_attack_is_carried_out(rubric: Rubric, mode: Any, text: str, attacked: str) -> None:
    assert _carry_out(rubric, ENGLISH, mode, text) == attacked


def test_sentences_without_an_auxiliary_are_negated_as_a_whole(rubric: Rubric) -> None:
    negated = "{answer|negate_each_sentence}"
    assert _carry_out(rubric, "It runs.", "operator", negated) == "It is not so that It runs."
    assert _carry_out(rubric, CHINESE, "operator", negated) == "并非它很小。\n并非它能运行。"


def test_the_question_and_its_levels_can_be_copied(rubric: Rubric) -> None:
    copied = _carry_out(rubric, ENGLISH, "operator", "{question}\n{rubric}").split("\n")
    assert copied[0] == rubric.question.text
    # Every level above the lowest, mistakes too.
    assert copied[1:] == [level.description for criterion in rubric.criteria for level in criterion.levels[1:]]


@pytest.mark.parametrize("answer", [ENGLISH, CHINESE])
def test_words_are_inserted_and_shuffled_in_both_languages(rubric: Rubric, answer: str) -> None:
    inserted = _carry_out(rubric, answer, "insert", "great")
    assert inserted.count("great") == 5
    assert Counter(inserted.replace("great", "").replace(" ", "")) == Counter(answer.replace(" ", ""))
    shuffled = _carry_out(rubric, answer, "operator", "{answer|shuffle_words}")
    assert shuffled != answer
    assert Counter(shuffled.replace(" ", "")) == Counter(answer.replace(" ", ""))


@pytest.mark.parametrize("answer", [ENGLISH, CHINESE])
def test_sentences_are_shuffled_whole(rubric: Rubric, answer: str) -> None:
    orders = {_carry_out(rubric, answer, "operator", "{answer|shuffle_sentences}", seed=seed) for seed in range(8)}
    first, second = ("It is small.", "It can run.") if answer == ENGLISH else ("它很小。", "它能运行。")
    assert orders == {f"{first}\n{second}", f"{second}\n{first}"}


def test_three_adjectives_are_inserted_five_times_each(rubric: Rubric) -> None:
    inserted = _carry_out(rubric, ENGLISH, "operator", "{answer|insert_top_adjectives}").split()
    assert {word: inserted.count(word) for word in ("great", "best", "new")} == {"great": 5, "best": 5, "new": 5}


def test_the_same_generator_gives_the_same_attack(rubric: Rubric) -> None:
    attacks = [_carry_out(rubric, ENGLISH * 5, "insert", "great", seed=seed) for seed in (1, 1, 2)]
    assert attacks[0] == attacks[1] != attacks[2]
