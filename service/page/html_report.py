"""A page of graded answers in one file: no script, nothing loaded from elsewhere, English or Chinese."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from vivavoce import __version__
from vivavoce.graders.types import MAX_SCORE
from vivavoce.rubrics import Language, Rubric

from ..api.schemas.gradings.lifecycle import GradingPublic
from ..storage.tables import State
from .report_labels import LABELS, format_points
from .report_sections import AnswerView, OverviewRow, build_overview, build_section, list_facts, section_language

_BINS = int(MAX_SCORE)
_PIECES_AT_ONCE = 500


@dataclass(frozen=True)
class ReportRow:
    """An answer with its grading; `human_grade` (0 to 10) where a person graded it too.

    `place` is the line in a file, or words. Names of levels come from `rubric`; None stands for the bank's rubric.
    `wait` says why the grading is open still. `with_key` False leaves out what the rubric says of levels.
    """

    place: str
    question: str
    answer: str
    grading: GradingPublic
    human_grade: float | None = None
    rubric: Rubric | None = None
    wait: str | None = None
    with_key: bool = True


@dataclass(frozen=True)
class Agreement:
    """The rank correlation (Spearman) of scores with grades by people, and the number of answers that have both."""

    correlation: float | None
    compared: int


def write_html(
    path: Path,
    rows: Iterable[ReportRow],
    *,
    title: str,
    problems: Sequence[str] = (),
    unread_grades: Sequence[str] = (),
    language: Language | None = None,
    made_at: datetime | None = None,
    agreement: Agreement | None = None,
) -> None:
    """Write the page. `problems` says which rows of the input were not graded, and why.

    `rows` are read again for each part of the page, so that one of many answers needs little memory.
    `unread_grades` says which grades by people are no numbers from 0 to 10. `made_at` is by default now.

    Each answer's section is in the language of its feedback, the rest of the page in `language`, by default that of
    most answers.
    """
    language = language or _majority_language(rows)
    overview, provenances = [], []
    for number, row in enumerate(rows, start=1):
        overview.append(build_overview(number, row.place, row.question, row.grading, row.human_grade, language))
        if row.grading.report:
            provenances.append(row.grading.report["provenance"])
    page = _load_template().stream(
        title=title,
        labels=LABELS[language],
        made_at=made_at or datetime.now().astimezone(),
        version=__version__,
        sections=(_build_row_section(number, row) for number, row in enumerate(rows, start=1)),
        overview=overview,
        problems=problems,
        unread_grades=unread_grades,
        with_human_grades=any(row.human_grade is not None for row in overview),
        facts=list_facts(provenances, language),
        **_count_answers(overview, problems),
        correlation=agreement.correlation if agreement else None,
        compared=agreement.compared if agreement else 0,
    )
    page.enable_buffering(_PIECES_AT_ONCE)
    page.dump(str(path), encoding="utf-8")


@cache
def _load_template() -> Template:
    environment = Environment(
        loader=PackageLoader("vivavoce.service.page", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["points"] = format_points
    return environment.get_template("html_report.html")


def _build_row_section(number: int, row: ReportRow) -> AnswerView:
    return build_section(
        number,
        source=row.place,
        question=row.question,
        answer=row.answer,
        grading=row.grading,
        human_grade=row.human_grade,
        rubric=row.rubric,
        wait=row.wait,
        with_key=row.with_key,
    )


def _majority_language(rows: Iterable[ReportRow]) -> Language:
    """The language of most answers, of two with equally many that of the first answer; English without answers."""
    counts = Counter(section_language(row.grading) for row in rows)
    return counts.most_common(1)[0][0] if counts else "en"


def _count_answers(overview: Sequence[OverviewRow], problems: Sequence[str]) -> Mapping[str, Any]:
    """The page's counts; a row that could not be taken in counts as an answer without a score."""
    scores = [row.score for row in overview if row.score is not None]
    counts = [0] * _BINS
    for score in scores:
        # Full marks belong to the last bin.
        counts[min(int(score), _BINS - 1)] += 1
    return {
        "total": len(overview) + len(problems),
        "graded": len(scores),
        "to_review": sum(row.grading_state == State.NEEDS_REVIEW for row in overview),
        "without_score": len(overview) + len(problems) - len(scores),
        "bins": [(number, number + 1, count) for number, count in enumerate(counts)],
        "median": median(scores) if scores else None,
    }
