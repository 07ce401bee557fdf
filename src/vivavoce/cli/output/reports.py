"""Prints the grading of one answer."""

from __future__ import annotations

from rich.console import Console, Group
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from vivavoce.client.models.gradings import CriterionResult, Grading, Report

from .console import format_figure, format_share


def print_grading(console: Console, grading: Grading) -> None:
    """Print score, criteria, flags and feedback of a grading, or why it has none."""
    console.print(f"{grading.id}  {escape(grading.question_id)} ({grading.language}): {grading.state}", highlight=False)
    if grading.reason:
        why = ": ".join(part for part in (grading.reason, grading.detail) if part)
        console.print(f"[yellow]no result:[/yellow] {escape(why)}", highlight=False)
    if grading.report:
        console.print(_build_report(grading.report))


def _build_report(report: Report) -> Group:
    parts: list[Text | Table | Padding] = [_describe_score(report), _build_criteria(report.criteria)]
    if report.flags:
        parts.append(Text(f"flags: {', '.join(report.flags)}", style="yellow"))
    for title, text in (("to the candidate", report.feedback.candidate), ("to you", report.feedback.interviewer)):
        if text:
            parts += [Text(f"Feedback {title}:"), Padding(Text(text), (0, 2))]
    return Group(*parts)


def _describe_score(report: Report) -> Text:
    if report.score is None:
        line = Text("no score", style="yellow")
    else:
        line = Text.assemble((f"{report.score:.1f}", "bold"), f" of {report.max_score:.0f}")
    line.append(f", between {report.score_min:.1f} and {report.score_max:.1f} in 8 of 10 cases")
    line.append(f"; confidence {format_share(report.confidence)}")
    if report.needs_review:
        line.append("; a person should check it", style="yellow")
    return line


def _build_criteria(criteria: list[CriterionResult]) -> Table:
    table = Table()
    table.add_column("criterion", overflow="fold")
    table.add_column("points", justify="right", no_wrap=True)
    table.add_column("of", justify="right", no_wrap=True)
    table.add_column("from the answer", overflow="fold")
    for criterion in criteria:
        quotes = "\n".join(passage.quote for passage in criterion.evidence)
        table.add_row(
            escape(criterion.title),
            format_figure(criterion.points, 1),
            format_figure(criterion.max_points, 0),
            escape(quotes or criterion.unscored_reason or ""),
        )
    return table
