from __future__ import annotations

import random
import re
import time

import pytest

from vivavoce.rubrics import load_bank
from vivavoce.rubrics.model import Language
from vivavoce.rubrics.qualification import load_qualifications
from vivavoce.workers.analyses import near_duplicates
from vivavoce.workers.analyses.near_duplicates import MIN_WEIGHT, canonicalise, find_groups, measure_similarity

EN = (
    "Weights are stored as eight-bit integers instead of sixteen-bit floats, so the model takes half of the memory, "
    "and because decoding waits for memory it becomes faster; some accuracy is lost."
)
ZH = (
    "权重用八位整数存储，代替十六位浮点数，因此模型占用的显存减半；"
    "解码阶段主要受内存带宽限制，所以推理也会更快，代价是精度略有下降。"
)


def _edit(text: str, share: float, generator: random.Random) -> str:
    """The text with this share of its characters replaced, deleted or inserted, three at a time."""
    characters = list(text)
    for _ in range(max(1, int(len(characters) * share / 3))):
        place = generator.randrange(len(characters))
        noise = [generator.choice(text) for _ in range(3)]
        characters[place : place + generator.choice((0, 3))] = generator.choice((noise, []))
    return "".join(characters)


def _shuffle(text: str, generator: random.Random) -> str:
    sentences = [sentence for sentence in re.split(r"(?<=[.。！？!?])\s*", text) if sentence]
    generator.shuffle(sentences)
    return " ".join(sentences)


def _similar(first: str, second: str) -> float:
    return measure_similarity(canonicalise(first), canonicalise(second))


@pytest.mark.parametrize("text", [EN, ZH])
def test_writing_alone_makes_no_difference(text: str) -> None:
    typed = text.upper().replace("，", ", ").replace(".", " !\n")
    assert _similar(text, f"  <p>{typed}</p>") == 1.0


def test_both_chinese_scripts_are_one() -> None:
    traditional = ZH.translate(str.maketrans("权储数浮显减码带宽会价为", "權儲數浮顯減碼帶寬會價為"))
    assert traditional != ZH
    assert _similar(ZH, traditional) == 1.0


@pytest.mark.parametrize("language", ["en", "zh"])
def test_copies_with_small_edits_are_found_and_honest_answers_are_not(language: Language) -> None:
    """Of questions of the bank: honest answers form no group, and each edited copy is found."""
    generator = random.Random(5)
    found = planted = 0
    # Every third question, for time.
    rubrics = [rubric for rubric in load_bank() if rubric.question.language == language][::3]
    for rubric in rubrics:
        answers = load_answers(rubric.question.id, language)
        assert find_groups([canonicalise(answer) for answer in answers]) == []
        copied = generator.choice(answers)
        copies = [_edit(copied, 0.1, generator), _shuffle(copied, generator)]
        groups = find_groups([canonicalise(answer) for answer in [*answers, *copies]])
        planted += 3
        found += sum(len(group.members) for group in groups)
    assert planted > 80
    assert found == planted


def load_answers(question_id: str, language: Language) -> list[str]:
    return [answer.text(language) for answer in QUALIFICATIONS[question_id].answers]


QUALIFICATIONS = load_qualifications()


def test_the_question_repeated_in_each_answer_makes_no_group() -> None:
    question = "What does quantization do to a large language model, and what does it cost in accuracy and in speed?"
    texts = [f"{question} It uses {number} bits {'and' * number}." for number in range(4)]
    without = [canonicalise(text, without=canonicalise(question)) for text in texts]
    assert all(text.weight < MIN_WEIGHT for text in without)


def test_answers_of_one_candidate_are_no_group() -> None:
    texts = [canonicalise(EN)] * 2
    assert find_groups(texts, owners=["ann", "ann"]) == []
    assert len(find_groups(texts, owners=["ann", "bob"])) == 1
    assert len(find_groups(texts, owners=[None, None])) == 1


def test_a_group_says_how_near_each_member_is() -> None:
    (group,) = find_groups([canonicalise(text) for text in (EN, ZH, EN, EN.replace("half", "a half part"))])
    assert [index for index, _ in group.members] == [0, 2, 3]
    assert group.members[0][1] == 1.0
    assert group.similarity == group.members[2][1] < 1.0


def test_large_blocks_are_searched_by_minhash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_duplicates, "MAX_BLOCK", 10)
    generator = random.Random(1)
    answers = [text for name in list(QUALIFICATIONS)[:40] for text in load_answers(name, "en")]
    copies = {index: _edit(answers[index], 0.05, generator) for index in range(0, len(answers), 10)}
    groups = find_groups([canonicalise(text) for text in [*answers, *copies.values()]])
    expected = [{index, len(answers) + number} for number, index in enumerate(copies)]
    assert sorted(sorted(index for index, _ in group.members) for group in groups) == sorted(map(sorted, expected))


@pytest.mark.long
def test_ten_thousand_answers_take_minutes_at_most() -> None:
    generator = random.Random(2)
    sentences = [
        sentence
        for name in QUALIFICATIONS
        for text in load_answers(name, "en")
        for sentence in re.split(r"(?<=\.)\s+", text)
    ]
    answers = [" ".join(generator.sample(sentences, 5)) for _ in range(10_000)]
    copied = generator.sample(range(10_000), 200)
    answers += [_edit(answers[index], 0.05, generator) for index in copied]
    started = time.monotonic()
    groups = [{index for index, _ in group.members} for group in find_groups([canonicalise(text) for text in answers])]
    assert time.monotonic() - started < 240
    found = sum({index, 10_000 + number} in groups for number, index in enumerate(copied))
    assert found >= 196
    assert len(groups) <= 204
