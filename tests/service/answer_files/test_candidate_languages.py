from __future__ import annotations

import pytest

from vivavoce.service.answer_files.candidate_languages import choose_languages
from vivavoce.service.answer_files.entries import Entry
from vivavoce.tables import Row

ZH, EN = "用更少的比特存储权重", "Weights are stored in fewer bits"


def _entry(answer: str | None, candidate: str | None = None, language: str | None = None, *, line: int = 2) -> Entry:
    return Entry(Row(line, {}), {"answer": answer, "candidate": candidate, "language": language}, {})


@pytest.mark.parametrize(
    ("answers", "language"),
    [([ZH, ZH, EN], "zh"), ([EN, ZH, EN], "en"), ([ZH, EN], "zh"), ([EN, ZH], "en"), (["", "-", ZH], "zh")],
)
def test_most_answers_decide(answers: list[str], language: str) -> None:
    assert choose_languages([_entry(answer, "ann") for answer in answers]) == [language] * len(answers)


def test_candidates_are_told_apart() -> None:
    entries = [_entry(ZH, "ann"), _entry(EN, "bo"), _entry(EN, " ann "), _entry(ZH, "ann")]
    assert choose_languages(entries) == ["zh", "en", "zh", "zh"]


def test_without_a_candidate_or_words_there_is_none() -> None:
    assert choose_languages([_entry(ZH), _entry(EN, ""), _entry("", "ann"), _entry(None, "ann")]) == [None] * 4


def test_the_column_comes_before_the_answers() -> None:
    entries = [_entry(ZH, "ann"), _entry(ZH, "ann", "English"), _entry(ZH, "ann", "klingon")]
    assert choose_languages(entries) == ["en"] * 3


def test_a_row_of_a_wide_table_is_one_candidate() -> None:
    rows = [(ZH, 2), (EN, 2), (ZH, 2), (EN, 3)]
    entries = [
        Entry(Row(line, {}), {"answer": answer}, {}, {"answer": answer, "question_id": "rag"}) for answer, line in rows
    ]
    assert choose_languages(entries) == ["zh", "zh", "zh", "en"]
