"""A page of scored answers that stands alone: no script, nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from vivavoce import __version__
from vivavoce.evaluation.agreement import spearman
from vivavoce.service.schemas import GradingPublic

_FEWEST_FOR_CORRELATION = 5
# Why no model read a part of an answer, by the report's field that lists such parts.
_UNREAD = {
    "masked": "speaks to the grader",
    "filler": "says nothing, or only names things",
    "unrelated": "bears on nothing that is asked for",
    "repeated": "stands in the answer before",
}

# Whose strictness the scores have.
_STRICTNESS = {
    "calibrated": "that of your people's grades",
    "bank": "that of the question bank's writers",
    "unknown": "unknown: no grades of your people's were learned from (viva calibrate)",
    None: "not recorded",
}


@dataclass(frozen=True)
class ReportRow:
    """An answer with its grading; `human_grade` (0 to 10) where a person graded it too."""

    place: str
    question: str
    answer: str
    grading: GradingPublic
    human_grade: float | None = None

    @cached_property
    def marked_answer(self) -> Markup:
        """The answer, with the evidence and what no model read marked."""
        report = self.grading.report or {}
        spans = [
            (item["start"], item["end"], "")
            for criterion in report.get("criteria", ())
            for item in criterion["evidence"]
        ]
        spans += [(item["start"], item["end"], kind) for kind in _UNREAD for item in report.get(kind, ())]
        return _mark(self.answer, spans)

    @cached_property
    def unread(self) -> list[str]:
        """Why parts of the answer were not read, each reason once."""
        report = self.grading.report or {}
        return [reason for kind, reason in _UNREAD.items() if report.get(kind)]


def rank_correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Spearman's rank correlation of (score, grade) pairs; None with too few or constant ones."""
    if len(pairs) < _FEWEST_FOR_CORRELATION:
        return None
    return spearman([pair[1] for pair in pairs], [pair[0] for pair in pairs])


def scored_pairs(rows: Sequence[ReportRow]) -> list[tuple[float, float]]:
    """(score, human grade) of every row that has both."""
    return [
        (row.grading.report["score"], row.human_grade)
        for row in rows
        if row.grading.report and row.grading.report["score"] is not None and row.human_grade is not None
    ]


def write_html(path: Path, rows: Sequence[ReportRow], *, title: str, problems: Sequence[str] = ()) -> None:
    """Write the page."""
    pairs = scored_pairs(rows)
    reports = [row.grading.report for row in rows if row.grading.report]
    scored = sum(report["score"] is not None for report in reports)
    environment = Environment(loader=PackageLoader("vivavoce.cli", "."), autoescape=True, undefined=StrictUndefined)
    page = environment.get_template("html_report.html").render(
        title=title,
        made_at=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        version=__version__,
        rows=rows,
        scored=scored,
        unscored=len(rows) - scored + len(problems),
        to_review=sum(row.grading.state == "needs_review" for row in rows),
        spearman=rank_correlation(pairs),
        compared=len(pairs),
        facts=_facts([report["provenance"] for report in reports]),
        problems=problems,
    )
    path.write_text(page, encoding="utf-8")


def _facts(provenances: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """What graded: the same for all rows as a rule, each different value named where not."""
    if not provenances:
        return []

    def values(name: str) -> str:
        return ", ".join(sorted({str(provenance[name]) for provenance in provenances}))

    return [
        ("Engine", values("engine")),
        ("Judge model", values("model")),
        ("Model hash or revision", values("model_revision")),
        ("Prompt hash", values("prompt_hash")),
        ("Embedding model", f"{values('embedding_model')} ({values('embedding_revision')})"),
        ("Verifier", f"{values('verifier_model')} ({values('verifier_revision')})"),
        ("Combination", f"version {values('combiner_version')}"),
        ("Strictness", "; ".join(sorted({_STRICTNESS[each.get("strictness")] for each in provenances}))),
        ("Judge calls", str(sum(provenance["judge_calls"] for provenance in provenances))),
        ("Verdicts from the cache", str(sum(provenance["cached_verdicts"] for provenance in provenances))),
        ("Prompt tokens", _tokens(provenances)),
    ]


def _tokens(provenances: Sequence[Mapping[str, Any]]) -> str:
    total = sum(provenance["tokens_in"] for provenance in provenances)
    cached = sum(provenance["tokens_cached"] for provenance in provenances)
    share = f", {cached / total:.0%} of them from the engine's prefix cache" if total else ""
    return f"{total:,}{share}"


def _mark(answer: str, spans: Sequence[tuple[int, int, str]]) -> Markup:
    """The answer with marks around spans; of two that overlap the first one counts."""
    pieces: list[Markup] = []
    position = 0
    for start, end, kind in sorted(set(spans)):
        if start < position:
            continue
        opening = (
            Markup('<mark class="{}" title="not read: it {}">').format(kind, _UNREAD[kind])
            if kind
            else Markup("<mark>")
        )
        pieces += [escape(answer[position:start]), opening, escape(answer[start:end]), Markup("</mark>")]
        position = end
    pieces.append(escape(answer[position:]))
    return Markup("").join(pieces)
