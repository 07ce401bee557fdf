from __future__ import annotations

import re
from functools import cache

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.graders import rewriting
from vivavoce.graders.rewriting import REWRITINGS, bulleted, longer, padded, retyped, reworded
from vivavoce.graders.screening import screen
from vivavoce.graders.text import detect_language, normalise, split_sentences, words
from vivavoce.rubrics import Language, Rubric, default_bank, load_qualifications

LANGUAGES: tuple[Language, ...] = ("en", "zh")
SYNONYMS = yaml.safe_load(rewriting.SYNONYMS.read_text(encoding="utf-8"))
WORDS_STAY = [name for name in REWRITINGS if name != "reworded"]
NONE_COME = ["bulleted", "retyped"]


@cache
def _answers(*languages: Language) -> list[tuple[Rubric, str]]:
    """The bank's qualification answers in these languages, each with its rubric."""
    bank = default_bank()
    return [
        (bank.get(found.question, language), answer.text(language))
        for found in load_qualifications().values()
        for language in languages
        for answer in found.answers
    ]


def _stay_in_order(kept: list[str], version: list[str]) -> bool:
    rest = iter(version)
    return all(word in rest for word in kept)


@pytest.mark.parametrize("name", WORDS_STAY)
def test_every_word_of_an_answer_stays_and_in_its_order(name: str) -> None:
    for _, answer in _answers(*LANGUAGES):
        assert _stay_in_order(words(answer), words(REWRITINGS[name](answer))), answer


@pytest.mark.parametrize("name", NONE_COME)
def test_layout_and_punctuation_bring_no_word(name: str) -> None:
    for _, answer in _answers(*LANGUAGES):
        assert words(REWRITINGS[name](answer)) == words(answer)


def test_talk_is_put_around_sentences_and_not_into_them() -> None:
    for _, answer in _answers(*LANGUAGES):
        assert answer in longer(answer)
        version = padded(answer)
        assert [answer[low:high] for low, high in split_sentences(answer) if answer[low:high] not in version] == []


@pytest.mark.parametrize("name", REWRITINGS)
def test_nearly_every_answer_has_a_version_and_always_the_same(name: str) -> None:
    answers = [answer for _, answer in _answers(*LANGUAGES)]
    versions = [REWRITINGS[name](answer) for answer in answers]
    assert versions == [REWRITINGS[name](answer) for answer in answers]
    unchanged = sum(version == answer for version, answer in zip(versions, answers, strict=True))
    assert unchanged <= (0.02 * len(answers) if name in {"bulleted", "reworded"} else 0)


@pytest.mark.parametrize("name", REWRITINGS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_screening_finds_in_a_version_what_it_found_in_the_answer(name: str, language: Language) -> None:
    for rubric, answer in _answers(language):
        before, after = (screen(normalise(each), rubric) for each in (answer, REWRITINGS[name](answer)))
        assert (after.settled, after.flags) == (before.settled, before.flags), answer


def test_longer_is_about_half_as_long_again() -> None:
    for _, answer in _answers(*LANGUAGES):
        assert len(longer(answer)) == pytest.approx(1.5 * len(answer), rel=0.1)


@pytest.mark.parametrize("name", ["padded", "longer"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_talk_is_in_the_language_of_the_answer(name: str, language: Language) -> None:
    answer = {"en": "It is small. It is INT8.", "zh": "它小。它是 INT8。"}[language]
    assert detect_language(REWRITINGS[name](answer).replace(answer, "")) == language


def test_each_sentence_has_a_line_with_one_bullet() -> None:
    assert bulleted("One is 5 - 3. Two!") == "- One is 5 - 3.\n- Two!"
    assert bulleted("一是快。二是小。") == "- 一是快。\n- 二是小。"
    assert bulleted("- one\n* two") == "- one\n- two"


def test_a_block_of_code_stays_as_it_is() -> None:
    block = "```\nuse = 1. # big, fast\n\nx = 'a'; f (use)\n```"
    for version in (rewrite(f"Look at this:\n{block}\nThat is big, I think.") for rewrite in REWRITINGS.values()):
        assert block in version
    assert bulleted(f"Look:\n{block}\nDone.") == f"- Look:\n{block}\n- Done."


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        (
            "One. Two. Three.",
            "That is a good question, thank you. Let me think for a moment.\n"
            "One. So, as I said. Two. Three.\n"
            "I hope this answers the question. Thank you for listening.",
        ),
        (
            "一。\n二。三。四。",
            "这是个好问题，谢谢。让我想一想。\n"
            "一。\n嗯，就像我刚才说的。\n二。三。好，我接着往下说。四。\n"
            "希望这样回答了您的问题。谢谢您的倾听。",
        ),
    ],
)
def test_filler_comes_before_between_and_after(answer: str, version: str) -> None:
    assert padded(answer) == version


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
        if name in NONE_COME:
            assert words(version) == words(answer)
        elif name in WORDS_STAY:
            assert _stay_in_order(words(answer), words(version))


@given(st.lists(st.sampled_from(sorted(SYNONYMS["zh"]["pairs"])), min_size=1, max_size=4), st.sampled_from("，。 "))
def test_chinese_words_are_replaced_wherever_they_stand_apart(found: list[str], mark: str) -> None:
    replaced = [SYNONYMS["zh"]["pairs"][word] for word in found]
    assert reworded(mark.join(found)) == mark.join(replaced)


def test_english_words_are_replaced_in_any_sentence() -> None:
    for word, other in SYNONYMS["en"]["pairs"].items():
        assert reworded(f"Words {word} words.") == f"Words {other} words.", word
