from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from vivavoce.rubrics import InvalidRubric, Rubric, RubricUnreadable, content_hash
from vivavoce.rubrics.versions import LEDGER, find_latest, list_unpublished, publish, read_ledger

from .test_edits import edited

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


def test_a_ledger_that_lost_its_last_line_end_is_gone_on_with(tmp_path: Path, rubric: Rubric) -> None:
    publish(tmp_path, [rubric], today=TODAY)
    (tmp_path / LEDGER).write_bytes((tmp_path / LEDGER).read_bytes().rstrip())
    publish(tmp_path, [edited(rubric, "criteria", 0, "points", value=3)], today=TODAY)
    assert [version.number for version in read_ledger(tmp_path)] == [1, 2]


def test_a_draft_is_not_published(tmp_path: Path, rubric: Rubric) -> None:
    with pytest.raises(InvalidRubric, match="freeze it first"):
        publish(tmp_path, [rubric, edited(rubric, "status", value="draft")], today=TODAY)
    assert read_ledger(tmp_path) == ()
