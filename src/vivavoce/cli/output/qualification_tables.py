"""Prints the figures of a qualification run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from vivavoce.evaluation.qualification import QuestionResult
from vivavoce.evaluation.qualification_figures import MAX_LANGUAGE_GAP, MIN_SHARE_IN_ORDER, explain_disorder
from vivavoce.rubrics.qualification import QUALITIES

from .console import format_change, format_figure, out


def print_qualification(results: Sequence[QuestionResult], figures: Mapping[str, Any]) -> None:
    """Print the tables of a run, then the questions to look at; `figures` are from `summarise_qualification`."""
    out.print(_build_score_table(results))
    if figures["unseparated"]:
        out.print(_build_criteria_table(figures["unseparated"]))
    out.print(_build_pairs_table(figures["pairs"]))
    _print_language_gap(figures["language_gap"])
    rejections = figures["rejections"]
    out.print(
        f"excellent answers that name a mistake only to reject it: {rejections['held_against']} of "
        f"{rejections['of']} lose points for it",
        highlight=False,
        soft_wrap=True,
    )
    if disordered := [result for result in results if not result.in_order]:
        out.print("To look at:", highlight=False)
        for result in disordered:
            out.print(f"  {result.question} ({result.language}): {explain_disorder(result)}", highlight=False)
    order = figures["in_order"]
    out.print(
        f"{order['count']} of {order['of']} in order ({order['share']:.1%}, wanted {MIN_SHARE_IN_ORDER:.0%}); rank "
        f"correlation with the writers' grades {format_figure(figures['spearman'], 2)}; {figures['model']} on "
        f"{figures['engine']}",
        highlight=False,
        soft_wrap=True,
    )


def _build_score_table(results: Sequence[QuestionResult]) -> Table:
    table = Table("question", "", *QUALITIES, "in order", title="Scores of answers of known quality")
    for result in results:
        cells = [format_figure(result.score(quality), 1) for quality in QUALITIES]
        table.add_row(result.question, result.language, *cells, "yes" if result.in_order else "[red]NO[/red]")
    return table


def _build_criteria_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(
        "question", "", "criterion", "pairs in order", title="Criteria that do not tell good answers from bad"
    )
    for row in rows:
        table.add_row(row["question"], row["language"], row["criterion"], f"{row['ordered']:.0%}")
    return table


def _build_pairs_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(
        "better", "worse", "in order", "", "the better one shorter", "", title="Pairs of answers to a question"
    )
    for row in rows:
        counts = ((row["right"], row["pairs"]), (row["shorter_right"], row["shorter"]))
        # A share of no pairs is undefined.
        cells = [cell for right, of in counts for cell in (f"{right} of {of}", f"{right / of:.1%}" if of else "–")]
        table.add_row(row["better"], row["worse"], *cells)
    return table


def _print_language_gap(gaps: Mapping[str, Any]) -> None:
    """Print nothing for a run in one language."""
    if gaps["mean"] is None:
        return
    table = Table("quality", "mean |zh - en|", "mean zh - en", title="The same answers in Chinese and English")
    for quality, gap in gaps["by_quality"].items():
        if gap:
            table.add_row(quality, format_figure(gap["mean"]), format_change(gap["zh_less_en"], 3))
    out.print(table)
    out.print(f"mean difference between the languages: {gaps['mean']:.3f} of full scale (at most {MAX_LANGUAGE_GAP})")
