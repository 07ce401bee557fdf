from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.evaluation import perturbations
from vivavoce.evaluation.perturbations import (
    REWRITINGS,
    add_bullets,
    add_typing_errors,
    change_punctuation,
    convert_to_traditional,
    replace_synonyms,
)
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
        (bank.get(answers.question, language), answer.text(language))
        for answers in load_qualifications().values()
        for language in languages
        for answer in answers.answers
        if answer.author == "a"
    ]


@pytest.mark.parametrize("name", WORDS_STAY)
def test_layout_punctuation_and_script_change_no_word(name: str) -> None:
    versions = [(words(answer), words(REWRITINGS[name](answer))) for _, answer in _answers(*LANGUAGES)]
    assert all(len(before) == len(after) for before, after in versions)
    pairs = [pair for before, after in versions for pair in zip(before, after, strict=True)]
    # Back from traditional characters a few come as variants: 回复 by way of 回覆.
    most = 0.001 * len(pairs) if name == "traditional" else 0
    assert sum(before != after for before, after in pairs) <= most


@pytest.mark.parametrize("name", REWRITINGS)
def test_nearly_every_answer_has_a_version(name: str) -> None:
    languages: tuple[Language, ...] = ("zh",) if name == "traditional" else LANGUAGES
    answers = [answer for _, answer in _answers(*languages)]
    versions = [REWRITINGS[name](answer) for answer in answers]
    assert versions == [REWRITINGS[name](answer) for answer in answers]
    unchanged = sum(version == answer for version, answer in zip(versions, answers, strict=True))
    assert unchanged <= (0.02 * len(answers) if name in {"bulleted", "reworded", "mistyped"} else 0)


@pytest.mark.parametrize("name", REWRITINGS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_screening_treats_versions_as_their_answers(name: str, language: Language) -> None:
    answers = _answers(language)
    flagged_otherwise = []
    for rubric, answer in answers:
        before, after = (
            screen(normalise(text), rubric, trained_classifier()) for text in (answer, REWRITINGS[name](answer))
        )
        assert (after.settled, bool(after.masked)) == (before.settled, bool(before.masked)), answer
        if after.flags != before.flags:
            flagged_otherwise.append(answer)
    # Other words may take a sentence over the classifier's threshold.
    assert len(flagged_otherwise) <= (0.003 * len(answers) if name == "reworded" else 0), flagged_otherwise


def test_each_sentence_has_a_line_with_one_bullet() -> None:
    assert add_bullets("One is 5 - 3. Two!") == "- One is 5 - 3.\n- Two!"
    assert add_bullets("一是快。二是小。") == "- 一是快。\n- 二是小。"
    assert add_bullets("- one\n* two") == "- one\n- two"


def test_a_block_of_code_stays_as_it_is() -> None:
    block = "```\nuse = 1. # big, fast\n\nx = 'a'; f (use)\n```"
    for version in (rewrite(f"Look at this:\n{block}\nThat is big, I think.") for rewrite in REWRITINGS.values()):
        assert block in version
    assert add_bullets(f"Look:\n{block}\nDone.") == f"- Look:\n{block}\n- Done."


def test_typing_errors_are_rare_and_spare_terms() -> None:
    answer = (
        "Quantization stores weights with fewer bits; INT8 halves memory and GPTQ needs only calibration samples later."
    )
    assert add_typing_errors(answer) == answer.replace("needs", "nedes")
    assert add_typing_errors("在这里做的事，在那里做的事。") == "在这里作的事，再那里作的事。"
    assert (
        add_typing_errors("`weights calibration sample memory buffer number`")
        == "`weights calibration sample memory buffer number`"
    )


def test_traditional_characters_and_nothing_else() -> None:
    assert convert_to_traditional("量化会损失精度，INT8。") == "量化會損失精度，INT8。"
    assert convert_to_traditional("Nothing to do.") == "Nothing to do."


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
def test_general_words_are_replaced_with_article_and_capital(answer: str, version: str) -> None:
    assert replace_synonyms(answer) == version


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
    assert replace_synonyms(answer) == answer


def test_numbers_and_names_stay_in_other_words() -> None:
    for _, answer in _answers("en"):
        names = re.compile(r"\d[\d.,]*|\b\w*[A-Z]\w*[A-Z]\w*")
        assert names.findall(replace_synonyms(answer)) == names.findall(answer)
    for _, answer in _answers("zh"):
        names = re.compile(r"[A-Za-z0-9_.%/+-]+")
        assert names.findall(replace_synonyms(answer)) == names.findall(answer)


def test_an_article_fits_its_new_word() -> None:
    unfit = re.compile(r"\b(?:a (?=[aeio])(?!one)|an (?![aeiouAEFHILMNORSX8]|hour|honest))\w+")
    assert unfit.findall("a whole an entire a entire an whole a one-off") == ["a entire", "an whole"]
    for _, answer in _answers("en"):
        assert unfit.findall(replace_synonyms(answer)) == unfit.findall(answer)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_kept_word_protects_from_a_pair(language: Language) -> None:
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
    assert change_punctuation(answer) == version


SOME_TEXT = st.text(alphabet=st.sampled_from("ab Z1.,;:!?\"'`-\n因此所以大。，；：？（）“”"), max_size=120)


@given(SOME_TEXT)
def test_any_text_keeps_its_words(answer: str) -> None:
    for name, rewrite in REWRITINGS.items():
        version = rewrite(answer)
        if name in WORDS_STAY:
            assert words(version) == words(answer)
        assert has_han(version) == has_han(answer)


@given(st.lists(st.sampled_from(sorted(SYNONYMS["zh"]["pairs"])), min_size=1, max_size=4), st.sampled_from("，。 "))
def test_chinese_words_are_replaced_between_marks(chosen: list[str], mark: str) -> None:
    replaced = [SYNONYMS["zh"]["pairs"][word] for word in chosen]
    assert replace_synonyms(mark.join(chosen)) == mark.join(replaced)


def test_english_words_are_replaced_in_any_sentence() -> None:
    for word, other in SYNONYMS["en"]["pairs"].items():
        assert replace_synonyms(f"Words {word} words.") == f"Words {other} words.", word


DOCUMENTED = (Path(__file__).parents[2] / "docs" / "benchmarks.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", REWRITINGS)
def test_every_kind_of_rewriting_is_documented(name: str) -> None:
    assert f"`{name}`" in DOCUMENTED


@pytest.mark.parametrize("name", REWRITINGS)
def test_an_empty_answer_stays_empty(name: str) -> None:
    assert REWRITINGS[name]("") == ""


@pytest.mark.parametrize("name", REWRITINGS)
def test_code_in_a_sentence_stays_as_it_is(name: str) -> None:
    code = "`big = use('fast', 1), therefore`"
    for answer in (f"We call {code}, since it is fast.", f"我们调用 {code}，因此很快。"):
        assert code in REWRITINGS[name](answer)


def test_one_long_word_in_twelve_has_a_typing_error() -> None:
    words_of_answer = ["letters"] * 30
    mistyped = add_typing_errors(" ".join(words_of_answer)).split(" ")
    assert [index for index, word in enumerate(mistyped) if word != "letters"] == [6, 18]
    assert {word for word in mistyped if word != "letters"} == {"lteters"}


def test_a_typing_error_swaps_letters_that_differ() -> None:
    assert add_typing_errors("looked " * 7).split()[6] == "lokoed"


def test_every_second_homophone_is_replaced() -> None:
    assert add_typing_errors("的的的的") == "的得的得"


@pytest.mark.parametrize(
    "answer", ["One. Two is 3 - 1.", "一是快。二是小。", "- one\n* two\n• three", "Look:\n```\nx\n```\nDone."]
)
def test_bullets_are_not_added_twice(answer: str) -> None:
    assert add_bullets(add_bullets(answer)) == add_bullets(answer)


def test_the_final_stop_goes_and_others_stay() -> None:
    assert change_punctuation("It is small. It can run.  ") == "It is small.  It can run"
    assert change_punctuation("它很小。它能运行。") == "它很小. 它能运行"
