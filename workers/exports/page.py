"""Writes answers as the page that `viva grade` writes too, and that page as PDF."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vivavoce.rubrics import Rubric
from vivavoce.service.api.answer_key import hide_answer_key
from vivavoce.service.api.schemas.gradings.lifecycle import GradingPublic
from vivavoce.service.errors import UnusableExport
from vivavoce.service.exports.answers import Answer, AnswerReader
from vivavoce.service.exports.options import ExportOptions
from vivavoce.service.page.html_report import ReportRow, write_html
from vivavoce.service.storage.tables import Cohort, State

from .layouts import Rubrics
from .pdf import PdfError, write_pdf
from .snapshot import Snapshot

MOST_ANSWERS = 2000
MOST_IN_PDF = 50
"""So many answers take the layout 10 seconds and 250 MiB, in a process of its own."""


def write_page(path: Path, reader: AnswerReader, options: ExportOptions, rubrics: Rubrics, snapshot: Snapshot) -> int:
    """Write a page of all graded answers, and returns their number; it names those without a grading.

    Raises UnusableExport for more than 2,000 answers, which no browser shows in time.
    """
    _check_number(len(reader.keys), MOST_ANSWERS, "a page", "csv")
    rows = _ReportRows(reader, options, rubrics)
    write_html(
        path,
        rows,
        title=_find_title(snapshot, options),
        problems=rows.list_waiting(),
        language=options.language,
        made_at=snapshot.changed_at,
    )
    return len(reader.keys)


def write_pdf_page(
    path: Path, reader: AnswerReader, options: ExportOptions, rubrics: Rubrics, snapshot: Snapshot
) -> int:
    """Write the same page as PDF, and returns the number of answers.

    Raises UnusableExport for more than 50 answers, and if this worker cannot write PDFs.
    """
    _check_number(len(reader.keys), MOST_IN_PDF, "a PDF", "html")
    page = path.with_suffix(".html")
    count = write_page(page, reader, options, rubrics, snapshot)
    try:
        write_pdf(page, path)
    except PdfError as error:
        raise UnusableExport(str(error)) from None
    return count


def _check_number(answers: int, most: int, what: str, other: str) -> None:
    if answers > most:
        raise UnusableExport(
            f"These are {answers:,} answers and {what} holds {most:,}: set filters, or choose {other}."
        )


def _find_title(snapshot: Snapshot, options: ExportOptions) -> str:
    cohort = snapshot.session.get(Cohort, options.cohort_id) if options.cohort_id else None
    return cohort.name if cohort else "全部评分" if options.language == "zh" else "All gradings"


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
        reason = "：尚未开始评分" if self._options.language == "zh" else ": not started"
        answers = self._reader.read_answers()
        return [f"{_name_place(answer)}{reason}" for answer in answers if answer.stored.grading_id is None]


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
