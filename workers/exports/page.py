"""Writes answers as the page that `viva grade` writes too."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from vivavoce.rubrics import Rubric
from vivavoce.service.api.answer_key import hide_answer_key
from vivavoce.service.api.schemas.gradings import GradingPublic
from vivavoce.service.errors import UnusableExport
from vivavoce.service.exports.answers import Answer, AnswerReader
from vivavoce.service.exports.options import ExportOptions
from vivavoce.service.page.html_report import ReportRow, write_html
from vivavoce.service.storage.tables import State

from .layouts import Rubrics

MOST_ANSWERS = 2000


def write_page(path: Path, reader: AnswerReader, options: ExportOptions, rubrics: Rubrics, made_at: datetime) -> int:
    """Write a page of all graded answers, and returns their number; it names those without a grading.

    Raises UnusableExport for more than 2,000 answers, which no browser shows in time.
    """
    if len(reader.keys) > MOST_ANSWERS:
        raise UnusableExport(
            f"These are {len(reader.keys):,} answers and a page holds {MOST_ANSWERS:,}: set filters, or choose csv."
        )
    rows = _ReportRows(reader, options, rubrics)
    title = "评分报告" if options.language == "zh" else "Grading report"
    write_html(path, rows, title=title, problems=rows.list_waiting(), language=options.language, made_at=made_at)
    return len(reader.keys)


class _ReportRows:
    """The answers with a grading, read from the database again each time."""

    def __init__(self, reader: AnswerReader, options: ExportOptions, rubrics: Rubrics) -> None:
        self._reader, self._options = reader, options
        self._rubrics = {version_id: Rubric.model_validate(document) for version_id, document in rubrics.items()}

    def __iter__(self) -> Iterator[ReportRow]:
        for answer in self._reader.read_answers():
            if answer.stored.grading_id is not None:
                yield _build_row(answer, self._rubrics[answer.stored.rubric_version_id], self._options)

    def list_waiting(self) -> list[str]:
        """Names the answers without a grading."""
        reason = "尚未开始评分" if self._options.language == "zh" else "not started"
        answers = self._reader.read_answers()
        return [f"{_name_place(answer)}: {reason}" for answer in answers if answer.stored.grading_id is None]


def _build_row(answer: Answer, rubric: Rubric, options: ExportOptions) -> ReportRow:
    row = answer.stored
    grading = GradingPublic(
        id=row.grading_id,
        state=State(row.state),
        question_id=row.question_id,
        language=row.language,
        source=row.rubric_source,
        rubric_hash=row.content_hash,
        candidate=row.candidate,
        attempt=row.attempt,
        reason=row.reason,
        detail=answer.detail,
        created_at=row.created_at,
        updated_at=row.updated_at,
        report=None if answer.report is None else dict(answer.report),
    )
    return ReportRow(
        place=_name_place(answer),
        question=rubric.question.text,
        answer=row.answer,
        grading=grading if options.include_answer_key else hide_answer_key(grading),
        human_grade=row.human_score,
        rubric=rubric,
        with_key=options.include_answer_key,
    )


def _name_place(answer: Answer) -> str:
    row = answer.stored
    return str(row.row or row.external_id or row.grading_id)
