from __future__ import annotations

from pathlib import Path

import pytest
from opencc import OpenCC

from vivavoce.graders import Flag
from vivavoce.graders.reading.chinese_script import has_han, simplify, write_in_one_script
from vivavoce.graders.reading.normal_text import normalise, words
from vivavoce.graders.reading.screening import screen
from vivavoce.rubrics import Rubric, content_hash, default_bank, load_qualifications

SCRIPTS = ["s2t", "s2tw", "s2hk"]
ATTACKS = Path(__file__).parents[2] / "data" / "attacks.txt"


@pytest.mark.parametrize("script", SCRIPTS)
def test_answers_of_the_bank_read_the_same_in_both_scripts(script: str) -> None:
    answers = [reference.text for rubric in default_bank() for reference in rubric.references]
    answers += [answer.text("zh") for set_ in load_qualifications().values() for answer in set_.answers]
    answers = [answer for answer in answers if has_han(answer)]
    convert = OpenCC(script).convert
    same = sum(normalise(convert(answer)).text == normalise(answer).text for answer in answers)
    assert same >= 0.99 * len(answers)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_rubric_in_traditional_script_is_read_as_the_simplified_one(script: str) -> None:
    convert = OpenCC(script).convert
    rubrics = [rubric for rubric in default_bank() if rubric.question.language == "zh"]
    for rubric in rubrics:
        assert write_in_one_script(rubric) is rubric
    typed = [Rubric.model_validate_json(convert(rubric.model_dump_json())) for rubric in rubrics]
    same = [
        content_hash(write_in_one_script(one)) == content_hash(other) for one, other in zip(typed, rubrics, strict=True)
    ]
    assert sum(same) >= 0.99 * len(rubrics)


@pytest.mark.parametrize("script", SCRIPTS)
def test_attacks_are_caught_in_both_scripts(script: str) -> None:
    rubric, convert = default_bank().get("transformer", "zh"), OpenCC(script).convert
    attacks = [line for line in ATTACKS.read_text(encoding="utf-8").splitlines() if has_han(line)]
    for attack in attacks:
        caught = [
            Flag.INJECTION_SUSPECTED in screen(normalise(text), rubric).flags for text in (attack, convert(attack))
        ]
        assert caught[0] == caught[1], attack


@pytest.mark.parametrize(
    ("text", "simplified"),
    [
        ("反覆覆蓋，答覆與覆核", "反复覆盖，答复与复核"),
        ("沿著路徑，著作顯著", "沿着路径，著作显著"),
        ("甚麼是瞭解？瞭望台", "什么是了解？瞭望台"),
        ("藉由狼藉", "借由狼藉"),
        ("區塊鍊與訓鍊", "区块链与训炼"),
        ("臺灣、裏面、乾燥、後面、麵條", "台湾、里面、干燥、后面、面条"),
        ("評価基準、満点、採点、対応、実験、変更", "评价基准、满点、采点、对应、实验、变更"),
        ("衞生、座標、抵觸與牴觸", "卫生、坐标、抵触与抵触"),
        ("Nothing to do", "Nothing to do"),
    ],
)
def test_characters_with_several_forms(text: str, simplified: str) -> None:
    assert simplify(text) == simplified
    assert simplify(simplified) == simplified
    assert words(text) == words(simplified)
