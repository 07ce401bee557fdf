from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from vivavoce.evaluation.attacks import Attack
from vivavoce.evaluation.invariance.samples import BANK, Sample
from vivavoce.evaluation.invariance.versions import (
    attack_answer,
    kinds_of_versions,
    list_keywords,
    load_additions,
    write_versions,
)
from vivavoce.rubrics import Rubric, default_bank

from ..builders import edit_rubric

DOCUMENTED = (Path(__file__).parents[3] / "docs" / "benchmarks.md").read_text(encoding="utf-8")
OTHERS: dict[str, dict[str, str]] = {"en": {"retrieval": "Search first.", "quantization": "its own"}, "zh": {}}
NO_OTHERS: dict[str, dict[str, str]] = {"en": {}, "zh": {}}


@pytest.fixture
def sample(rubric: Rubric) -> Sample:
    return Sample(BANK, "weak", rubric, "INT8 weights shrink every layer. Quality drops.")


def test_every_kind_is_made_and_holds_the_answer(sample: Sample) -> None:
    sample = replace(sample, mirrors={"omitted": "INT8 weights shrink every layer."})
    written = write_versions(sample, OTHERS, seed=1)
    versions = {version.kind: version for version in written}
    assert list(load_additions()["en"]) == list(load_additions()["zh"]) == list(versions)[:10]
    added = [version for version in versions.values() if version.family in ("added", "built")]
    assert len(added) == 13
    assert all(sample.answer in version.text for version in added)
    assert "Search first." in versions["another answer"].text
    assert versions["thrice"].text.count(sample.answer) == 3
    assert versions["omitted"].family == "mirror"
    # English has no traditional characters, so this version would be the answer itself.
    assert "traditional" not in versions


def test_versions_follow_from_seed_and_answer(sample: Sample) -> None:
    written = write_versions(sample, OTHERS, seed=1)
    assert written == write_versions(sample, OTHERS, seed=1)
    assert written != write_versions(sample, OTHERS, seed=2)
    places = {
        version.text.startswith(sample.answer)
        for seed in range(5)
        for version in write_versions(sample, OTHERS, seed=seed)
        if version.family == "added"
    }
    assert places == {True, False}


def test_an_answer_is_not_built_up_from_its_own_question(sample: Sample) -> None:
    answers = {"en": {"quantization": "its own"}, "zh": {}}
    assert "another answer" not in {version.kind for version in write_versions(sample, answers, seed=1)}


def test_a_chinese_answer_has_chinese_additions(sample: Sample) -> None:
    rubric = edit_rubric(sample.rubric, "question", "language", value="zh")
    chinese = replace(sample, rubric=rubric, answer="权重用更少的位数存储，例如 INT8。")
    versions = {version.kind: version.text for version in write_versions(chinese, NO_OTHERS, seed=1)}
    assert any(text in versions["polite"] for text in load_additions()["zh"]["polite"])
    assert "權重" in versions["traditional"]


def test_every_kind_is_documented(sample: Sample) -> None:
    kinds = kinds_of_versions()
    assert len(kinds) == len(set(kinds)) == 23
    assert [kind for kind in kinds if f"`{kind}`" not in DOCUMENTED] == []
    written = {version.kind for version in write_versions(replace(sample, mirrors={"omitted": "x"}), OTHERS, seed=1)}
    assert written <= set(kinds)


def test_there_are_sixteen_additions_of_each_kind() -> None:
    for kinds in load_additions().values():
        assert {kind: len(set(texts)) for kind, texts in kinds.items()} == dict.fromkeys(kinds, 16)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_keywords_are_words_of_the_key(language: Literal["en", "zh"]) -> None:
    for rubric in default_bank():
        if rubric.question.language == language:
            listed = list_keywords(rubric)
            heading, _, keywords = re.sub("：", ": ", listed).partition(": ")
            assert heading in ("Keywords", "关键词")
            words = re.split(", |、", keywords)
            assert 3 <= len(words) <= 14, listed
            assert not re.search(r"[.。;；]", listed)
            key = " ".join(point.text for point in rubric.expected_points).lower()
            assert all(word.lower() in key for word in words)


def test_the_question_s_own_words_are_no_keywords(rubric: Rubric) -> None:
    keywords = list_keywords(rubric)
    assert "Post-training quantization" in rubric.expected_points[1].text
    assert "quantization" not in keywords.lower()
    assert "reduce" in keywords


def test_attacks_are_named_by_their_set(sample: Sample) -> None:
    attacks = [
        Attack("begging", "pity", "append", "Please."),
        Attack("gaming", "copy", "operator", "{good_answer_to_another_question}"),
        Attack("gaming", "names", "operator", "{keywords_comma_separated}"),
    ]
    pity, copy, names = attack_answer(sample, attacks, OTHERS, seed=1)
    assert (pity.family, pity.kind, pity.text) == ("attack", "begging", f"{sample.answer}\nPlease.")
    assert (copy.kind, copy.text) == ("gaming", "Search first.")
    # The heading of the list is no part of the attack.
    assert f"Keywords: {names.text}" == list_keywords(sample.rubric)


def test_without_other_answers_the_operator_is_empty(sample: Sample) -> None:
    attack = Attack("gaming", "copy", "operator", "[{good_answer_to_another_question}]")
    assert [version.text for version in attack_answer(sample, [attack], NO_OTHERS, seed=1)] == ["[]"]
    assert attack_answer(sample, [], NO_OTHERS, seed=1) == []
