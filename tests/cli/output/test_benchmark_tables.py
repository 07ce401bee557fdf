from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from vivavoce.cli.output.benchmark_tables import (
    build_api_table,
    build_forms_table,
    build_judge_table,
    build_movement_table,
    build_queue_table,
    print_accuracy,
)
from vivavoce.evaluation.benchmarks.api_benchmark import ApiFigures, Block
from vivavoce.evaluation.benchmarks.judge_benchmark import JudgeFigures, Round
from vivavoce.evaluation.benchmarks.queue_benchmark import QueueFigures
from vivavoce.evaluation.prompt_forms import FormFigures

NAMES = ("pearson", "spearman", "within_question", "rmse", "wrmse", "qwk", "bias", "ece")


def _draw(table: Table) -> str:
    page = io.StringIO()
    Console(file=page, width=240).print(table)
    return page.getvalue()


def _cells(table: Table, column: int) -> list[str]:
    return [str(cell) for cell in table.columns[column].cells]


def test_the_judge_is_compared_with_its_bare_engine() -> None:
    figures = JudgeFigures(
        engine="llamacpp",
        engine_version="b1",
        model="qwen",
        form="fast",
        question="retrieval",
        answers=32,
        prompts_an_answer=5.0,
        tokens_sent=1234.4,
        tokens_cached=1000.0,
        tokens_generated=5.0,
        cached_share=0.8101,
        concurrency=4,
        rounds=(Round(9.0, 10.0), Round(8.0, 10.0), Round(9.5, 10.0)),
        repeats=5,
        batch_sizes=(1, 8),
        score_spread=0.0,
        failed=2,
    )
    shown = _draw(build_judge_table(figures))
    for cell in ("qwen on llamacpp b1, fast", "1234, 1000, 5", "81.0%", "9.00 / 10.00  8.00 / 10.00", "0.900"):
        assert cell in shown
    assert "largest change of a score (5 repeats, batches of 1, 8)" in shown
    assert "0.0000 of 10" in shown


def test_forms_show_what_the_engine_has_to_compute() -> None:
    common = {"answers": 16, "failed": 0, "spearman": 0.5, "by_dataset": {}, "tokens_in": 900.0, "tokens_out": 5.0}
    rows = [
        FormFigures(form="fast", pearson=0.61, over_first=None, tokens_cached=700.0, **common),  # type: ignore[arg-type]
        FormFigures(form="slow", pearson=0.72, over_first=(-0.01, 0.2), tokens_cached=0.0, **common),  # type: ignore[arg-type]
    ]
    table = build_forms_table(rows)
    assert _cells(table, 3) == ["0.610", "0.720"]
    assert _cells(table, 4) == ["–", "-0.010 to +0.200"]
    assert _cells(table, 7) == ["200", "900"]


def _measured(value: float | None, **more: Any) -> dict[str, Any]:
    return {"rows": {"combined": dict.fromkeys(NAMES, value), "human": None}, "lang": "en", "n": 12, **more}


def test_accuracy_has_a_table_for_each_set(capsys: pytest.CaptureFixture[str]) -> None:
    review = {"share": 0.2, "rmse_all": 0.15, "rmse_kept": None}
    policies = [{"policy": "nothing", "share": 0.0, "below": None, "rmse_kept": 0.15, "wrong_side": 0.1}]
    intervals = {"combined": {"pearson": [0.51, 0.79]}}
    measured = _measured(0.654, review=review, policies=policies, intervals=intervals, unscored=3)
    print_accuracy({"sets": {"one": measured}})
    shown = capsys.readouterr().out
    assert "one (en, 12 answers)" in shown
    assert shown.count("0.654") == len(NAMES)
    assert "0.51 to 0.79" in shown
    assert "sent to a person: 0.200 of the answers; error of all 0.150, of the others –; 3 without a score" in shown
    assert "all answers together" not in shown
    # People who graded alone have no row.
    assert "human" not in shown


def test_several_sets_are_pooled_and_averaged(capsys: pytest.CaptureFixture[str]) -> None:
    sets = {"one": _measured(0.5), "two": _measured(None)}
    print_accuracy({"sets": sets, "pooled": _measured(0.4), "macro": _measured(0.45)["rows"]})
    shown = capsys.readouterr().out
    titles = ["one (en", "two (en", "all answers together", "mean over the sets"]
    assert [shown.index(title) for title in titles] == sorted(shown.index(title) for title in titles)
    assert "0.450" in shown
    assert "sent to a person" not in shown


def _movement(family: str, source: str, **values: Any) -> SimpleNamespace:
    undefined = dict.fromkeys(("mean", "interval", "largest_rise", "largest_fall", "rises", "gains", "lowered"))
    return SimpleNamespace(
        **{"family": family, "kind": "k", "source": source, "pairs": 0, "unscored": 1, **undefined, **values}
    )


def test_movements_are_sorted_and_undefined_ones_dashed() -> None:
    full = {"mean": -0.004, "interval": (-0.1, 0.25), "largest_rise": 1, "largest_fall": -2, "rises": 0.014}
    rows = [
        _movement("style", "bank"),
        _movement("added", "own", **full, gains=0.0, lowered=1.0, pairs=7),
        _movement("added", "bank"),
    ]
    table = build_movement_table(rows)
    assert list(zip(_cells(table, 2), _cells(table, 0), strict=True)) == [
        ("bank", "added"),
        ("bank", "style"),
        ("own", "added"),
    ]
    assert [_cells(table, column)[2] for column in range(3, 12)] == [
        "7",
        "-0.00",
        "-0.10 to +0.25",
        "+1.00",
        "-2.00",
        "1%",
        "0%",
        "100%",
        "1",
    ]
    assert [_cells(table, column)[0] for column in range(3, 12)] == ["0", "–", "", "–", "–", "–", "–", "–", "1"]


def test_the_queue_is_told_in_milliseconds_and_mebibytes() -> None:
    figures = QueueFigures(
        database="sqlite",
        gradings=1000,
        cpu_ms_submit=2.5,
        cpu_ms_grade=4.25,
        judge_seconds=0.1,
        concurrency=10,
        per_second=71.27,
        possible_per_second=100.0,
        share_of_possible=0.7127,
        posts=100,
        post_to_result_ms_p50=111.4,
        post_to_result_ms_p95=150.6,
        memory_early_after=500,
        memory_early_mib=200.0,
        memory_late_after=5000,
        memory_late_mib=210.0,
        memory_ratio=1.05,
    )
    shown = _draw(build_queue_table(figures, judge_ms=100.0))
    for cell in (
        "6.75 ms (2.50 to submit, 4.25 to grade and write)",
        "71.3, 71% of the possible 100",
        "111 ms, 151 ms",
    ):
        assert cell in shown
    assert "gradings per second, judge 100 ms, 10 at a time" in shown
    assert "200 MiB, 210 MiB: ratio 1.050" in shown


def test_the_api_stands_beside_the_bare_route() -> None:
    ours = [Block(160.0, 2.5, 0.5, 0.1), Block(180.0, 2.5, 0.7, 0.1)]
    bare = [Block(200.0, 2.0, None, 0.1), Block(200.0, 2.0, None, 0.1)]
    figures = ApiFigures(
        database="postgresql",
        bare_route="core",
        processes=2,
        connections=16,
        seconds=2.0,
        ours=ours,
        bare=bare,
        throughput_ratio=0.85,
        throughput_interval=(0.8, 0.9),
        server_cpu_ratio=0.8,
        server_cpu_interval=None,
        cpu_ratio=0.75,
        cpu_interval=(0.7, 0.8),
    )
    table = build_api_table(figures)
    assert _cells(table, 1) == ["170", "2.50", "0.60", "", "0.10"]
    assert _cells(table, 2) == ["200", "2.00", "–", "", "0.10"]
    assert _cells(table, 3) == ["0.85", "0.80", "", "0.75", ""]
    assert _cells(table, 4) == ["0.80 to 0.90", "", "", "0.70 to 0.80", ""]
    assert "2 processes, 16 connections, 2 rounds" in _draw(table)
