"""Prints cohorts, their files, estimates and results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from vivavoce.client.models.base import Range
from vivavoce.client.models.cohorts import Cohort, Estimate, Result
from vivavoce.client.models.files import Column, FileProblem, FileReport

from .console import format_figure, format_share

_PROBLEMS_SHOWN = 20
_LONGEST = 60
_WIDE = 100


def build_cohorts_table(cohorts: Iterable[Cohort], *, width: int) -> Table:
    """A row for each cohort; a terminal of few columns has no room for the time."""
    has_time = width >= _WIDE
    table = Table()
    table.add_column("cohort", no_wrap=True)
    table.add_column("name", overflow="fold")
    for name in ("state", "done", *(["created (UTC)"] if has_time else [])):
        table.add_column(name, no_wrap=True)
    for cohort in cohorts:
        done = f"{format_share(cohort.progress.done)} of {cohort.total}"
        time = [_write_time(cohort.created_at)] if has_time else []
        table.add_row(cohort.id, escape(cohort.name), cohort.state, done, *time)
    return table


def cohort_bar(console: Console) -> Progress:
    """A bar with the count, and the speed as the service measures it: a watcher may come late."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[speed]}"))
    return Progress(*columns, console=console)


def describe_speed(cohort: Cohort) -> str:
    """Answers a minute and the latest end that is expected; empty before there is a speed and after the end."""
    progress = cohort.progress
    if cohort.has_ended or progress.answers_a_minute is None:
        return ""
    end = f", done by {_write_time(progress.latest_end)} UTC" if progress.latest_end else ""
    return f"{progress.answers_a_minute:.0f}/min{end}"


def print_cohort(console: Console, cohort: Cohort) -> None:
    """Print state, answers by outcome, budget and the expected end."""
    console.print(f"{escape(cohort.name)}  {cohort.id}", highlight=False, soft_wrap=True)
    console.print(f"{cohort.state}{_describe_reason(cohort)}", highlight=False)
    table = Table("outcome", "answers")
    for outcome, count in cohort.counts.items():
        if count:
            table.add_row(outcome, str(count))
    table.add_row("total", str(cohort.total), style="bold")
    console.print(table)
    for sentence in describe_budget(cohort):
        console.print(sentence, highlight=False)
    progress = cohort.progress
    if progress.earliest_end and progress.latest_end and not cohort.has_ended:
        between = f"{_write_time(progress.earliest_end)} and {_write_time(progress.latest_end)} UTC"
        console.print(f"expected to end between {between}", highlight=False)


def describe_budget(cohort: Cohort) -> list[str]:
    """A sentence for calls and one for cost, each with its limit; none for what is neither used nor limited."""
    budget = cohort.budget
    figures = (
        ("calls", budget.used_calls, budget.reserved_calls, budget.max_calls, 0),
        ("cost", budget.used_cost, budget.reserved_cost, budget.max_cost, 4),
    )
    return [
        f"{name}: {format_figure(used, digits)} used, {format_figure(reserved, digits)} reserved, "
        + (f"limit {format_figure(limit, digits)}" if limit is not None else "no limit")
        for name, used, reserved, limit, digits in figures
        if used or reserved or limit is not None
    ]


def print_estimate(console: Console, estimate: Estimate) -> None:
    """Print the ranges of an estimate, and which limits would end the cohort early."""
    table = Table("", "from", "to")
    rows: list[tuple[str, Range | None, int]] = [
        ("calls", estimate.calls, 0),
        ("prompt tokens", estimate.prompt_tokens, 0),
        ("minutes", estimate.minutes, 1),
        ("cost", estimate.cost, 4),
    ]
    for name, found, digits in rows:
        ends = (found.low, found.high) if found else (None, None)
        table.add_row(name, *(format_figure(end, digits) for end in ends))
    basis = "earlier gradings" if estimate.basis == "history" else "what the judge would be asked"
    console.print(f"{estimate.answers} answers to grade; in 8 of 10 cases, by {basis}:", highlight=False)
    console.print(table)
    for limit in estimate.limits:
        if limit.stops != "no":
            certainty = "ends" if limit.stops == "yes" else "may end"
            console.print(
                f"[yellow]{limit.limit} {certainty} it early:[/yellow] {limit.answers.low:.0f} to "
                f"{limit.answers.high:.0f} answers are graded",
                highlight=False,
            )


def print_file_report(console: Console, report: FileReport, *, language: str) -> None:
    """Print what each column was taken for, how many rows can be used, and the first problems."""
    sheet = f", sheet '{report.sheet}'" if report.sheet else ""
    encoding = f", {report.encoding}" if report.encoding else ""
    console.print(f"{escape(report.name)}: {report.format}{encoding}{escape(sheet)}", highlight=False)
    if report.mapping:
        source = "the saved mapping" if report.mapping_source == "saved" else f"{report.mapping_source}"
        console.print(f"columns ({report.mapping.layout} form, {source}):", highlight=False)
        console.print(_build_columns(report.columns, language=language))
    counts = report.counts
    console.print(
        f"rows: {counts.rows}, of which {counts.valid_rows} can be used; answers: {counts.answers}; "
        f"errors: {counts.errors}; warnings: {counts.warnings}",
        highlight=False,
    )
    if report.problems:
        console.print(_build_problems(report.problems[:_PROBLEMS_SHOWN], language=language))
    if report.problem_count > _PROBLEMS_SHOWN:
        console.print(f"and {report.problem_count - _PROBLEMS_SHOWN} more: --bad-rows FILE has all rows with errors")


def build_results_table(results: Sequence[Result]) -> Table:
    """A row for each result; without flags there is no column for them."""
    has_flags = any(result.flags for result in results)
    table = Table()
    for name in ("id", "candidate", "question", "outcome"):
        table.add_column(name, overflow="fold")
    for name in ("score", "range", "sure"):
        table.add_column(name, justify="right", no_wrap=True)
    if has_flags:
        table.add_column("flags", overflow="fold")
    for result in results:
        cells = _list_cells(result)
        table.add_row(*(escape(cell) for cell in (cells if has_flags else cells[:-1])))
    return table


def describe_result(result: Result) -> str:
    """One line of text for a result."""
    return "  ".join(filter(None, _list_cells(result)))


def _list_cells(result: Result) -> Sequence[str]:
    reviewed = result.review.score if result.review else None
    score = format_figure(result.score, 1)
    between = ""
    if result.score_min is not None and result.score_max is not None:
        between = f"{result.score_min:.1f}–{result.score_max:.1f}"
    return (
        result.item.external_id,
        result.item.candidate or "",
        result.item.question_id,
        f"{result.outcome}: {result.reason}" if result.reason else result.outcome,
        score if reviewed is None else f"{score} (person: {reviewed:.1f})",
        between,
        format_share(result.confidence),
        ", ".join(result.flags),
    )


def _build_columns(columns: Sequence[Column], *, language: str) -> Table:
    table = Table()
    for name in ("column", "is read as", "sure", "why"):
        table.add_column(name, overflow="fold")
    for column in columns:
        meaning = ": ".join(part for part in (column.field, column.question_id) if part) or "–"
        why = column.why.zh if language == "zh" else column.why.en
        table.add_row(escape(_shorten(column.label or column.name)), escape(meaning), column.confidence, escape(why))
    return table


def _build_problems(problems: Sequence[FileProblem], *, language: str) -> Table:
    table = Table()
    table.add_column("row", justify="right", no_wrap=True)
    for name in ("column", "value", "what is wrong, and the fix"):
        table.add_column(name, overflow="fold")
    for problem in problems:
        message, fix = (
            (problem.message.zh, problem.fix.zh) if language == "zh" else (problem.message.en, problem.fix.en)
        )
        style = {"error": "red", "warning": "yellow"}.get(problem.level, "cyan")
        sentence = (
            f"[{style}]{problem.level}:[/{style}] {escape(message)}{'：' if language == 'zh' else ': '}{escape(fix)}"
        )
        table.add_row(
            str(problem.row or ""), escape(problem.column or ""), escape(_shorten(problem.value or "")), sentence
        )
    return table


def _describe_reason(cohort: Cohort) -> str:
    return f": {escape(cohort.end_reason)}" if cohort.end_reason else ""


def _write_time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
