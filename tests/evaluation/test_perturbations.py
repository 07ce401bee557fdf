from __future__ import annotations

import re
from functools import cache

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.evaluation import perturbations
from vivavoce.evaluation.perturbations import REWRITINGS, bulleted, mistyped, retyped, reworded, traditional
from vivavoce.graders.reading.normal_text import has_han, normalise, words
from vivavoce.graders.reading.screening import screen
from vivavoce.rubrics import Language, Rubric, default_bank, load_qualifications

from ..panels import trained_classifier

LANGUAGES: tuple[Language, ...] = ("en", "zh")
SYNONYMS = yaml.safe_load(perturbations.SYNONYMS.read_text(encoding="utf-8"))
WORDS_STAY = ["bulleted", "retyped", "traditional"]


@cache
def _answers(*languages: Language) -> list[tuple[Rubric, str]]:
    """The bank's first qualification answers in these languages, each with its rubric."""
    bank = default_bank()
    return [
        (bank.get(found.question, language), answer.text(language))
        for found in load_qualifications().values()
        for language in languages
        for answer in found.answers
        if answer.author == "a"
    ]


@pytest.mark.parametrize("name", WORDS_STAY)
def test_layout_punctuation_and_script_change_no_word(name: str) -> None:
    said = [(words(answer), words(REWRITINGS[name](answer))) for _, answer in _answers(*LANGUAGES)]
    assert all(len(before) == len(after) for before, after in said)
    pairs = [pair for before, after in said for pair in zip(before, after, strict=True)]
    # Back from traditional characters a few come as variants: 回复 by way of 回覆.
    most = 0.001 * len(pairs) if name == "traditional" else 0
    assert sum(before != after for before, after in pairs) <= most


@pytest.mark.parametrize("name", REWRITINGS)
def test_nearly_every_answer_has_a_version_and_always_the_same(name: str) -> None:
    languages: tuple[Language, ...] = ("zh",) if name == "traditional" else LANGUAGES
    answers = [answer for _, answer in _answers(*languages)]
    versions = [REWRITINGS[name](answer) for answer in answers]
    assert versions == [REWRITINGS[name](answer) for answer in answers]
    unchanged = sum(version == answer for version, answer in zip(versions, answers, strict=True))
    assert unchanged <= (0.02 * len(answers) if name in {"bulleted", "reworded", "mistyped"} else 0)


@pytest.mark.parametrize("name", REWRITINGS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_screening_finds_in_a_version_what_it_found_in_the_answer(name: str, language: Language) -> None:
    for rubric, answer in _answers(language):
        before, after = (
            screen(normalise(each), rubric, trained_classifier()) for each in (answer, REWRITINGS[name](answer))
        )
        assert (after.settled, after.flags) == (before.settled, before.flags), answer


def test_each_sentence_has_a_line_with_one_bullet() -> None:
    assert bulleted("One is 5 - 3. Two!") == "- One is 5 - 3.\n- Two!"
    assert bulleted("一是快。二是小。") == "- 一是快。\n- 二是小。"
    assert bulleted("- one\n* two") == "- one\n- two"


def test_a_block_of_code_stays_as_it_is() -> None:
    block = "```\nuse = 1. # big, fast\n\nx = 'a'; f (use)\n```"
    for version in (rewrite(f"Look at this:\n{block}\nThat is big, I think.") for rewrite in REWRITINGS.values()):
        assert block in version
    assert bulleted(f"Look:\n{block}\nDone.") == f"- Look:\n{block}\n- Done."


def test_typing_errors_come_now_and_then_and_not_in_terms() -> None:
    said = (
        "Quantization stores weights with fewer bits; INT8 halves memory and GPTQ needs only calibration samples later."
    )
    assert mistyped(said) == said.replace("needs", "nedes")
    assert mistyped("在这里做的事，在那里做的事。") == "在这里作的事，再那里作的事。"
    assert (
        mistyped("`weights calibration sample memory buffer number`")
        == "`weights calibration sample memory buffer number`"
    )


def test_traditional_characters_and_nothing_else() -> None:
    assert traditional("量化会损失精度，INT8。") == "量化會損失精度，INT8。"
    assert traditional("Nothing to do.") == "Nothing to do."


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        ("Everybody can use a big GPU, for example.", "Everyone can employ a large GPU, for instance."),
        ("It is an important step. Big models use it.", "It is a significant step. Large models use it."),
        ("I think we can’t, since it needs\nto wait.", "I believe we cannot, since it has to wait."),
        ("例如，因此很多人觉得它非常快。", "比如，所以许多人认为它十分快。"),
        ("原因此后再说，虽然后来也许说不完。", "缘由此后再说，尽管之后或许说不完。"),
    ],
)
def test_general_words_are_replaced_with_article_capital_and_form(answer: str, version: str) -> None:
    assert reworded(answer) == version


@pytest.mark.parametrize(
    "answer",
    [
        "Bigger-is-better, bigwig, big_table, big.table, big(table), biggish",
        "Not-so-big, table.big, data/big, $big and unbig",
        "We train a large language model on big data, not because it is easy-going.",
        "The Big Company and Smart Contracts are names.",
        "Take `big` and ```big```.",
        "BIG is short for something.",
        "他却能出现在会场，全靠神经常数。",
    ],
)
def test_terms_names_code_and_parts_of_words_stay(answer: str) -> None:
    assert reworded(answer) == answer


def test_numbers_and_names_stay_in_other_words() -> None:
    for _, answer in _answers("en"):
        telling = re.compile(r"\d[\d.,]*|\b\w*[A-Z]\w*[A-Z]\w*")
        assert telling.findall(reworded(answer)) == telling.findall(answer)
    for _, answer in _answers("zh"):
        telling = re.compile(r"[A-Za-z0-9_.%/+-]+")
        assert telling.findall(reworded(answer)) == telling.findall(answer)


def test_an_article_fits_its_new_word() -> None:
    unfit = re.compile(r"\b(?:a (?=[aeio])(?!one)|an (?![aeiouAEFHILMNORSX8]|hour|honest))\w+")
    assert unfit.findall("a whole an entire a entire an whole a one-off") == ["a entire", "an whole"]
    for _, answer in _answers("en"):
        assert unfit.findall(reworded(answer)) == unfit.findall(answer)


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_many_pairs_of_words_and_each_kept_word_has_a_use(language: Language) -> None:
    pairs, kept = SYNONYMS[language]["pairs"], SYNONYMS[language]["kept"]
    assert len({frozenset(pair) for pair in pairs.items()}) >= 120
    assert all(isinstance(word, str) for pair in pairs.items() for word in pair)
    assert [word for word, other in pairs.items() if word == other] == []
    assert set(pairs) & set(kept) == set()
    assert [word for word in kept if not any(_meets(word, pair) for pair in pairs)] == []


def _meets(kept: str, pair: str) -> bool:
    """Whether a pair's word lies within a kept one, or begins in it (in Chinese, where nothing parts words)."""
    if pair.isascii():
        return f" {pair} " in f" {kept} "
    return pair in kept or any(kept.endswith(pair[:size]) for size in range(1, len(pair)))


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        ('It is "fast", small (INT8): good. It\'s 2,000.', "It is “fast”, small （INT8）：good.  It’s 2,000"),
        ("A, b, c. `f(a, b)` stays.", "A，b，c. `f(a, b)` stays"),
        ("它快，用 INT8（“小”）。真的吗？是。", '它快, 用INT8 ("小") . 真的吗? 是'),
    ],
)
def test_width_blanks_quotes_and_the_final_stop_change(answer: str, version: str) -> None:
    assert retyped(answer) == version


SOME_TEXT = st.text(alphabet=st.sampled_from("ab Z1.,;:!?\"'`-\n因此所以大。，；：？（）“”"), max_size=120)


@given(SOME_TEXT)
def test_any_text_keeps_its_words(answer: str) -> None:
    for name, rewrite in REWRITINGS.items():
        version = rewrite(answer)
        if name in WORDS_STAY:
            assert words(version) == words(answer)
        assert has_han(version) == has_han(answer)


@given(st.lists(st.sampled_from(sorted(SYNONYMS["zh"]["pairs"])), min_size=1, max_size=4), st.sampled_from("，。 "))
def test_chinese_words_are_replaced_wherever_they_stand_apart(found: list[str], mark: str) -> None:
    replaced = [SYNONYMS["zh"]["pairs"][word] for word in found]
    assert reworded(mark.join(found)) == mark.join(replaced)


def test_english_words_are_replaced_in_any_sentence() -> None:
    for word, other in SYNONYMS["en"]["pairs"].items():
        assert reworded(f"Words {word} words.") == f"Words {other} words.", word
