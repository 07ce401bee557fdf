"""The tables that `viva bench` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from vivavoce.evaluation.benchmarks.api_benchmark import ApiFigures, find_median
from vivavoce.evaluation.benchmarks.busy_machine import BusyFigures
from vivavoce.evaluation.benchmarks.judge_benchmark import JudgeFigures
from vivavoce.evaluation.benchmarks.queue_benchmark import QueueFigures
from vivavoce.evaluation.invariance import GAIN, MOST_MEAN, RISE
from vivavoce.evaluation.prompt_forms import FormFigures

from .console import format_change, format_figure, format_share, out

_AGREEMENT = ("pearson", "spearman", "within_question", "rmse", "wrmse", "qwk", "bias", "ece")


def build_judge_table(figures: JudgeFigures) -> Table:
    """Tokens, speed and repeatability of a judge."""
    title = f"{figures.model} on {figures.engine} {figures.engine_version}, {figures.form}"
    table = Table("judge", title, show_edge=False)
    table.add_row(
        "cohort", f"{figures.answers} answers to {figures.question}, {figures.prompts_an_answer:.1f} prompts each"
    )
    tokens = (figures.tokens_sent, figures.tokens_cached, figures.tokens_generated)
    table.add_row("tokens sent, cached, generated per answer", ", ".join(f"{count:.0f}" for count in tokens))
    table.add_row("prompt tokens from the prefix cache", f"{figures.cached_share:.1%}")
    speeds = "  ".join(f"{turn.ours:.2f} / {turn.bare:.2f}" for turn in figures.rounds)
    table.add_row(f"prompts per second, ours / bare engine, {figures.concurrency} in flight", speeds)
    table.add_row("throughput relative to the bare engine", f"{figures.throughput_ratio:.3f}")
    runs = f"{figures.repeats} repeats, batches of {', '.join(map(str, figures.batch_sizes))}"
    table.add_row(f"largest change of a score ({runs})", f"{figures.score_spread:.4f} of 10")
    table.add_row("answers without a verdict", str(figures.failed))
    return table


def build_busy_table(figures: BusyFigures) -> Table:
    """Speed of a judge alone and beside busy processes."""
    table = Table("judge beside busy processes", f"{figures.answers} answers a round", show_edge=False)
    speeds = zip(figures.alone, figures.beside, strict=True)
    table.add_row(
        f"prompts per second, alone / beside {figures.processes}",
        "  ".join(f"{alone:.2f} / {beside:.2f}" for alone, beside in speeds),
    )
    table.add_row("share of its speed that it keeps", format_share(figures.kept_share))
    return table


def build_forms_table(rows: Sequence[FormFigures]) -> Table:
    """Agreement with people and tokens of each prompt form."""
    table = Table(
        "form", "answers", "failed", "Pearson", "over the first", "Spearman", "tokens in", "computed", "generated"
    )
    for row in rows:
        table.add_row(
            row.form,
            str(row.answers),
            str(row.failed),
            format_figure(row.pearson),
            "{:+.3f} to {:+.3f}".format(*row.over_first) if row.over_first else "–",
            format_figure(row.spearman),
            f"{row.tokens_in:.0f}",
            # The engine computes only what its cache lacks.
            f"{row.tokens_in - row.tokens_cached:.0f}",
            f"{row.tokens_out:.0f}",
        )
    return table


def print_accuracy(figures: Mapping[str, Any]) -> None:
    """Print the tables of each data set and, if there are several, of all answers and of the mean over the sets."""
    for name, measured in figures["sets"].items():
        _print_agreement(f"{name} ({measured['lang']}, {measured['n']} answers)", measured)
    if "pooled" in figures:
        _print_agreement("all answers together", figures["pooled"])
        _print_agreement("mean over the sets", {"rows": figures["macro"]})


def _print_agreement(title: str, measured: Mapping[str, Any]) -> None:
    table = Table("", *_AGREEMENT, "Pearson, 95 %", title=title, title_justify="left")
    for row, values in measured["rows"].items():
        # A data set without raters has no row for people.
        if values:
            bounds = (measured.get("intervals") or {}).get(row, {}).get("pearson")
            interval = f"{bounds[0]:.2f} to {bounds[1]:.2f}" if bounds else ""
            table.add_row(row, *(format_figure(values[name]) for name in _AGREEMENT), interval)
    out.print(table)
    if review := measured.get("review"):
        share, error_of_all, error_of_kept = (
            format_figure(review[name]) for name in ("share", "rmse_all", "rmse_kept")
        )
        unscored = f"; {measured['unscored']} without a score" if measured.get("unscored") else ""
        out.print(
            f"sent to a person: {share} of the answers; error of all {error_of_all}, "
            f"of the others {error_of_kept}{unscored}"
        )
        out.print(_build_policies_table(measured["policies"]))


def _build_policies_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table("sent to a person", "share", "VIVA_REVIEW_BELOW", "error of the others", "kept on the wrong side")
    for row in rows:
        figures = (row[name] for name in ("share", "below", "rmse_kept", "wrong_side"))
        table.add_row(row["policy"], *map(format_figure, figures))
    return table


def build_movement_table(rows: Sequence[Any]) -> Table:
    """How far scores move between an answer and its versions, in points of 10."""
    title = (
        f"Movement of scores in points of 10 (wanted: means within {MOST_MEAN:g}, rises above {RISE:g} in 1 of 100; "
        f"for attacks gains of {GAIN:g} in 2 of 100; in the mirror 90 of 100 lowered)"
    )
    columns = ("pairs", "mean", "mean, 95 %", "largest rise", "largest fall", "rises", "gains", "lowered", "unscored")
    table = Table("family", "kind", "answers", *columns, title=title, title_justify="left")
    for row in sorted(rows, key=lambda row: (row.source, row.family)):
        table.add_row(
            row.family,
            row.kind,
            row.source,
            str(row.pairs),
            format_change(row.mean),
            f"{row.interval[0]:+.2f} to {row.interval[1]:+.2f}" if row.interval else "",
            format_change(row.largest_rise),
            format_change(row.largest_fall),
            *(format_share(share) for share in (row.rises, row.gains, row.lowered)),
            str(row.unscored),
        )
    return table


def build_queue_table(figures: QueueFigures, *, judge_ms: float) -> Table:
    """Processor time, throughput, latency and memory of the queue; `judge_ms` is the simulated judge's time."""
    table = Table("queue", f"{figures.database}, {figures.gradings} gradings", show_edge=False)
    total = figures.cpu_ms_submit + figures.cpu_ms_grade
    parts = f"{figures.cpu_ms_submit:.2f} to submit, {figures.cpu_ms_grade:.2f} to grade and write"
    table.add_row("processor time per grading, without judge and embeddings", f"{total:.2f} ms ({parts})")
    possible = f"{figures.share_of_possible:.0%} of the possible {figures.possible_per_second:.0f}"
    table.add_row(
        f"gradings per second, judge {judge_ms:g} ms, {figures.concurrency} at a time",
        f"{figures.per_second:.1f}, {possible}",
    )
    p50, p95 = figures.post_to_result_ms_p50, figures.post_to_result_ms_p95
    table.add_row("POST to result, idle, median and 95th percentile", f"{p50:.0f} ms, {p95:.0f} ms")
    sizes = f"{figures.memory_early_mib:.0f} MiB, {figures.memory_late_mib:.0f} MiB"
    table.add_row(
        f"memory after {figures.memory_early_after} and {figures.memory_late_after} gradings",
        f"{sizes}: ratio {figures.memory_ratio:.3f}",
    )
    return table


def build_api_table(figures: ApiFigures) -> Table:
    """Requests a second and processor time of our API and of the bare route, and their ratios."""
    shape = f"{figures.processes} processes, {figures.connections} connections, {len(figures.ours)} rounds"
    table = Table(
        f"POST /v1/gradings, {figures.database}",
        "ours",
        f"bare route, {figures.bare_route}",
        "ratio",
        "95 %",
        show_edge=False,
    )
    table.title, table.title_justify = shape, "left"
    rows = (
        ("requests per second", "per_second", "{:.0f}", figures.throughput_ratio, figures.throughput_interval),
        ("processor ms of the processes", "server_ms", "{:.2f}", figures.server_cpu_ratio, figures.server_cpu_interval),
        ("processor ms of PostgreSQL", "database_ms", "{:.2f}", None, None),
        ("processor ms of both", "", "", figures.cpu_ratio, figures.cpu_interval),
        ("processor ms of the load generator", "client_ms", "{:.2f}", None, None),
    )
    for name, field, form, ratio, interval in rows:
        medians = [find_median(blocks, field) if field else None for blocks in (figures.ours, figures.bare)]
        cells = [form.format(value) if value is not None else "–" if field else "" for value in medians]
        bounds = "{:.2f} to {:.2f}".format(*interval) if interval else ""
        table.add_row(name, *cells, "" if ratio is None else f"{ratio:.2f}", bounds)
    return table
