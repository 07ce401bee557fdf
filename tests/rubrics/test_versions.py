from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from vivavoce.rubrics import InvalidRubric, Rubric, RubricUnreadable, content_hash, structure_hash
from vivavoce.rubrics.versions import LEDGER, find_latest, list_unpublished, publish, read_ledger

from .builders import edited

TODAY = date(2026, 11, 24)


def test_an_edit_makes_a_new_version_and_keeps_the_old_one(tmp_path: Path, rubric: Rubric) -> None:
    assert [version.number for version in publish(tmp_path, [rubric], today=TODAY)] == [1]
    before = (tmp_path / LEDGER).read_text(encoding="utf-8")
    assert publish(tmp_path, [rubric], today=TODAY) == []
    changed = edited(rubric, "criteria", 0, "points", value=3)
    assert list_unpublished(read_ledger(tmp_path), [rubric, changed]) == [changed]
    assert [version.number for version in publish(tmp_path, [changed], today=TODAY)] == [2]
    assert (tmp_path / LEDGER).read_text(encoding="utf-8").startswith(before)
    newest = find_latest(read_ledger(tmp_path), rubric)
    assert newest
    assert (newest.number, newest.content_hash, newest.published) == (2, content_hash(changed), TODAY)


def test_languages_count_their_versions_apart(tmp_path: Path, rubric: Rubric) -> None:
    chinese = edited(rubric, "question", "language", value="zh")
    publish(tmp_path, [rubric], today=TODAY)
    assert [(v.language, v.number) for v in publish(tmp_path, [rubric, chinese], today=TODAY)] == [("zh", 1)]


@pytest.mark.parametrize(
    "damage", ["quantization,en,x,h,s,2026-11-24\n", "quantization,en,3,h,s,2026-11-24\n", "a,b\n"]
)
def test_a_damaged_ledger_is_one_sentence(tmp_path: Path, rubric: Rubric, damage: str) -> None:
    publish(tmp_path, [rubric], today=TODAY)
    with (tmp_path / LEDGER).open("a", encoding="utf-8") as file:
        file.write(f"{damage}\n")
    with pytest.raises(RubricUnreadable, match=r"line 3: .*restore the file"):
        read_ledger(tmp_path)


def test_a_ledger_in_another_encoding_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / LEDGER).write_bytes(b"question,\xff")
    with pytest.raises(RubricUnreadable, match="not UTF-8 text"):
        read_ledger(tmp_path)


def test_a_ledger_without_last_line_end_is_continued(tmp_path: Path, rubric: Rubric) -> None:
    publish(tmp_path, [rubric], today=TODAY)
    (tmp_path / LEDGER).write_bytes((tmp_path / LEDGER).read_bytes().rstrip())
    publish(tmp_path, [edited(rubric, "criteria", 0, "points", value=3)], today=TODAY)
    assert [version.number for version in read_ledger(tmp_path)] == [1, 2]


def test_a_draft_is_not_published(tmp_path: Path, rubric: Rubric) -> None:
    with pytest.raises(InvalidRubric, match="freeze it first"):
        publish(tmp_path, [rubric, edited(rubric, "status", value="draft")], today=TODAY)
    assert read_ledger(tmp_path) == ()


def test_several_edits_of_one_rubric_follow_each_other(tmp_path: Path, rubric: Rubric) -> None:
    changed = edited(rubric, "criteria", 0, "points", value=3)
    assert [version.number for version in publish(tmp_path, [rubric, changed], today=TODAY)] == [1, 2]
    assert [version.content_hash for version in read_ledger(tmp_path)] == [content_hash(rubric), content_hash(changed)]


def test_an_old_version_may_come_back_as_a_new_one(tmp_path: Path, rubric: Rubric) -> None:
    for published in (rubric, edited(rubric, "notes", value="new"), rubric):
        publish(tmp_path, [published], today=TODAY)
    assert [version.number for version in read_ledger(tmp_path)] == [1, 2, 3]
    assert list_unpublished(read_ledger(tmp_path), [rubric]) == []


def test_a_version_is_kept_whole(tmp_path: Path, rubric: Rubric) -> None:
    (version,) = publish(tmp_path, [rubric], today=TODAY)
    assert read_ledger(tmp_path) == (version,)
    assert (version.question, version.language, version.published) == ("quantization", "en", TODAY)
    assert (version.content_hash, version.structure_hash) == (content_hash(rubric), structure_hash(rubric))


def test_a_bank_without_ledger_has_no_versions(tmp_path: Path, rubric: Rubric) -> None:
    assert read_ledger(tmp_path) == ()
    assert find_latest((), rubric) is None
    assert list_unpublished((), [rubric]) == [rubric]


@pytest.mark.parametrize(
    "head", ["", "question,language\n", "language,question,version,content_hash,structure_hash,published\n"]
)
def test_a_ledger_needs_its_columns(tmp_path: Path, head: str) -> None:
    (tmp_path / LEDGER).write_text(head, encoding="utf-8")
    with pytest.raises(RubricUnreadable, match="line 1: the columns must be question, language"):
        read_ledger(tmp_path)


@pytest.mark.parametrize("number", [0, 2, -1])
def test_versions_start_at_one(tmp_path: Path, number: int) -> None:
    head = "question,language,version,content_hash,structure_hash,published"
    (tmp_path / LEDGER).write_text(f"{head}\nq,en,{number},h,s,2026-11-24\n", encoding="utf-8")
    with pytest.raises(RubricUnreadable, match="does not follow the previous one"):
        read_ledger(tmp_path)
