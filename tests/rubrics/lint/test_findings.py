from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from vivavoce.rubrics import QualificationSet, Rubric
from vivavoce.rubrics.lint import Finding, lint
from vivavoce.rubrics.versions import LEDGER, publish

from ..builders import edited
from ..test_qualification import document
from ..test_versions import TODAY


class WordReader:
    """Reads words as they stand."""

    def content_terms(self, text: str) -> frozenset[str]:
        return frozenset(re.findall(r"[a-z0-9]{4,}", text.lower())) - {"answer", "says", "that"}

    def covers(self, text: str, *, point: str, question: str) -> bool:
        return bool(self.content_terms(point) & self.content_terms(text))


def _lint(tmp_path: Path, rubric: Rubric) -> list[Finding]:
    file = tmp_path / "rubric.yaml"
    file.write_text(yaml.safe_dump(rubric.model_dump(mode="json"), sort_keys=False, width=1000), encoding="utf-8")
    return lint([file], WordReader())


@pytest.fixture
def clean(rubric: Rubric) -> Rubric:
    """The sample rubric without its weak spots."""
    point = {"id": "acc", "criterion": "loss", "text": "Quantization keeps more or less accuracy."}
    return edited(rubric, "expected_points", 3, value=point)


def test_a_sound_rubric_has_no_findings(tmp_path: Path, clean: Rubric) -> None:
    assert _lint(tmp_path, clean) == []


@pytest.mark.parametrize(
    ("path", "value", "rule", "words"),
    [
        (("criteria", 0, "statement"), "The answer says A and explains B.", "one-construct", "asks for two things"),
        (
            ("criteria", 0, "statement"),
            "The answer shows a good understanding of bits.",
            "observable",
            "cannot be seen",
        ),
        (("criteria", 0, "statement"), "The candidate knows about bits.", "observable", "cannot be seen"),
        (("criteria", 0, "statement"), "The answer explains bits in detail.", "length", "rewards length"),
        (("criteria", 1, "levels", 1, "description"), "Names at least one way.", "levels-apart", "levels 1 and 2"),
        (("criteria", 0, "points"), 3, "weights", "9 points in all"),
        (("expected_points", 0, "criterion"), "methods", "points", "no core expected point counts for 'lower'"),
        (("expected_points", 0, "criterion"), "wrong", "points", "which gives no points"),
        (("references", 0, "text"), "Nothing.", "reference", "makes no point"),
        (
            ("question", "text"),
            "Are weights stored INT8 rather than FP16?",
            "answer-key",
            "gives expected point 'bits'",
        ),
        (("criteria", 0, "title"), "Weights stored INT8 rather than FP16", "answer-key", "seen by candidates"),
    ],
)
def test_each_rule_names_the_line_and_the_fix(
    tmp_path: Path, clean: Rubric, path: tuple[str | int, ...], value: Any, rule: str, words: str
) -> None:
    rubric = edited(clean, *path, value=value)
    if rule == "levels-apart":
        rubric = edited(rubric, "criteria", 1, "levels", 2, "description", value="Names at least two ways.")
    findings = [finding for finding in _lint(tmp_path, rubric) if finding.rule == rule and words in finding.message]
    assert findings
    lines = (tmp_path / "rubric.yaml").read_text(encoding="utf-8").splitlines()
    assert findings[0].line > 1
    key = str(path[-1]) if rule not in ("weights", "points", "reference", "levels-apart") else ""
    assert key in lines[findings[0].line - 1]


def test_criteria_that_ask_for_the_same_are_told(tmp_path: Path, clean: Rubric) -> None:
    same = edited(clean, "criteria", 2, "statement", value=clean.criteria[0].levels[-1].description)
    assert [finding.rule for finding in _lint(tmp_path, same)] == ["overlap"]


def test_a_gate_may_ask_for_what_a_criterion_asks_for(tmp_path: Path, clean: Rubric) -> None:
    statement = clean.criteria[0].levels[-1].description
    gate = {"id": "gate", "kind": "gate", "title": "t", "statement": statement, "cap": 0.5}
    gated = edited(clean, "criteria", value=[*clean.model_dump(mode="json")["criteria"], gate])
    assert "overlap" not in {finding.rule for finding in _lint(tmp_path, gated)}


def test_chinese_wording_is_read_too(tmp_path: Path, clean: Rubric) -> None:
    chinese = edited(clean, "question", "language", value="zh")
    rubric = edited(chinese, "criteria", 0, "statement", value="回答详细说明A，并指出B。")
    assert {finding.rule for finding in _lint(tmp_path, rubric)} == {"length", "one-construct"}
    inner = edited(rubric, "criteria", 0, "statement", value="考生理解量化。")
    assert {finding.rule for finding in _lint(tmp_path, inner)} == {"observable"}
    levels = [{"points": 0, "description": "没有说出。"}, {"points": 2, "description": "至少一种。"}]
    levels += [{"points": 4, "description": "两种以上。"}]
    overlapping = edited(chinese, "criteria", 1, "levels", value=levels)
    assert {finding.rule for finding in _lint(tmp_path, overlapping)} == {"levels-apart"}


def test_a_file_that_is_no_rubric_is_a_finding(tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("question:\n  id: x\n", encoding="utf-8")
    (finding,) = lint([file], WordReader())
    assert (finding.rule, finding.line) == ("form", 1)
    assert str(finding).startswith(f"{file}:1: ")


@pytest.fixture
def bank(tmp_path: Path, clean: Rubric) -> Path:
    """A bank of one question in both languages, published, with its answers."""
    folder = tmp_path / "bank"
    rubrics = [clean, edited(clean, "question", "language", value="zh")]
    for rubric in rubrics:
        file = folder / rubric.question.language / "quantization.yaml"
        file.parent.mkdir(parents=True)
        file.write_text(yaml.safe_dump(rubric.model_dump(mode="json")), encoding="utf-8")
    publish(folder, rubrics, today=TODAY)
    answers = tmp_path / "qualification"
    answers.mkdir()
    (answers / "quantization.yaml").write_text(yaml.safe_dump(document()), encoding="utf-8")
    return folder


def _rewrite(file: Path, rubric: Rubric) -> None:
    file.write_text(yaml.safe_dump(rubric.model_dump(mode="json")), encoding="utf-8")


def test_a_sound_bank_has_no_findings(bank: Path) -> None:
    assert lint([bank], WordReader()) == []


def test_a_bank_wants_both_languages_with_one_structure(bank: Path, clean: Rubric) -> None:
    chinese = edited(clean, "question", "language", value="zh")
    _rewrite(bank / "zh" / "quantization.yaml", edited(chinese, "criteria", 3, "points", value=-1))
    assert {finding.rule for finding in lint([bank], WordReader())} == {"twins", "published"}
    (bank / "zh" / "quantization.yaml").unlink()
    assert {finding.rule for finding in lint([bank], WordReader())} == {"twins"}


def test_an_edit_that_was_not_published_is_told(bank: Path, clean: Rubric) -> None:
    for language in ("en", "zh"):
        changed = edited(edited(clean, "question", "language", value=language), "notes", value="new")
        _rewrite(bank / language / "quantization.yaml", changed)
    findings = lint([bank], WordReader())
    assert [finding.rule for finding in findings] == ["published", "published"]
    assert "published version 1" in findings[0].message


def test_answers_must_be_there_and_fall_in_order(bank: Path) -> None:
    file = bank.parent / "qualification" / "quantization.yaml"
    answers = document()["answers"]
    answers[2] = {**answers[2], "criteria": answers[0]["criteria"]}
    file.write_text(yaml.safe_dump(document(answers=answers)), encoding="utf-8")
    assert QualificationSet.model_validate(document(answers=answers))
    assert {finding.rule for finding in lint([bank], WordReader())} == {"qualification"}
    file.unlink()
    assert "write" in lint([bank], WordReader())[0].message


def test_a_rubric_in_the_wrong_place_is_told(bank: Path) -> None:
    (bank / "en" / "quantization.yaml").rename(bank / "en" / "other.yaml")
    assert [finding.rule for finding in lint([bank], WordReader())] == ["form"]


def test_a_folder_without_languages_is_no_bank(tmp_path: Path) -> None:
    (finding,) = lint([tmp_path], WordReader())
    assert (finding.file, finding.rule) == (tmp_path, "form")
    assert "no zh/ and en/" in finding.message


def test_a_file_that_is_given_twice_is_reported_once(bank: Path) -> None:
    file = bank / "en" / "quantization.yaml"
    file.write_text("question: {}\n", encoding="utf-8")
    findings = lint([file, bank, file], WordReader())
    assert [finding.file for finding in findings].count(file) == 1


def test_findings_are_in_order_of_file_and_line(tmp_path: Path, clean: Rubric) -> None:
    broken = edited(clean, "criteria", 0, "statement", value="The answer explains bits in detail.")
    broken = edited(broken, "criteria", 2, "statement", value="The candidate knows about loss.")
    files = [tmp_path / "b.yaml", tmp_path / "a.yaml"]
    for file in files:
        _rewrite(file, broken)
    findings = lint(files, WordReader())
    assert [(finding.file.name, finding.rule) for finding in findings] == [
        ("a.yaml", "length"),
        ("a.yaml", "observable"),
        ("b.yaml", "length"),
        ("b.yaml", "observable"),
    ]
    assert findings[0].line < findings[1].line


def test_broken_yaml_is_reported_at_its_line(tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("question:\n  id: x\n  text: [\n", encoding="utf-8")
    (finding,) = lint([file], WordReader())
    assert (finding.rule, finding.line) == ("form", 4)
    assert not finding.message.endswith(".")


def test_a_rubric_that_was_never_published_is_reported(bank: Path) -> None:
    (bank / LEDGER).unlink()
    findings = lint([bank], WordReader())
    assert [finding.rule for finding in findings] == ["published", "published"]
    assert all("never published" in finding.message for finding in findings)


def test_a_damaged_ledger_is_one_finding(bank: Path) -> None:
    (bank / LEDGER).write_text("nonsense\n", encoding="utf-8")
    (finding,) = lint([bank], WordReader())
    assert (finding.file, finding.rule) == (bank / LEDGER, "published")


def test_answers_to_no_question_are_reported(bank: Path) -> None:
    file = bank.parent / "qualification" / "pruning.yaml"
    file.write_text(yaml.safe_dump(document(question="pruning")), encoding="utf-8")
    (finding,) = lint([bank], WordReader())
    assert (finding.file, finding.rule) == (file, "qualification")
    assert "no question of this name" in finding.message


def test_answers_to_another_question_are_reported(bank: Path) -> None:
    file = bank.parent / "qualification" / "quantization.yaml"
    file.write_text(yaml.safe_dump(document(question="pruning")), encoding="utf-8")
    (finding,) = lint([bank], WordReader())
    assert "the answers are to 'pruning'" in finding.message


def test_answers_without_a_level_are_reported(bank: Path) -> None:
    file = bank.parent / "qualification" / "quantization.yaml"
    answers = [{**answer, "criteria": dict(answer["criteria"])} for answer in document()["answers"]]
    del answers[1]["criteria"]["loss"]
    file.write_text(yaml.safe_dump(document(answers=answers)), encoding="utf-8")
    (finding,) = lint([bank], WordReader())
    assert "must give a level for each of: lower, methods, loss, wrong" in finding.message


def test_a_broken_file_of_answers_is_reported_at_its_line(bank: Path) -> None:
    file = bank.parent / "qualification" / "quantization.yaml"
    file.write_text("question: quantization\nanswers:\n  - {level: superb}\n", encoding="utf-8")
    (finding,) = lint([bank], WordReader())
    assert (finding.file, finding.rule) == (file, "qualification")
    assert finding.line in (2, 3)


def test_a_bank_needs_no_qualification_answers_beside_it(bank: Path) -> None:
    folder = bank.parent / "qualification"
    (folder / "quantization.yaml").unlink()
    folder.rmdir()
    assert lint([bank], WordReader()) == []


def test_a_missing_language_is_reported_whichever_it_is(bank: Path) -> None:
    (bank / "en" / "quantization.yaml").unlink()
    (finding,) = lint([bank], WordReader())
    assert (finding.rule, finding.file.parent.name) == ("twins", "zh")
    assert "only there in language 'zh'" in finding.message
