"""`viva bench`: measures accuracy, invariance, judge, prompt forms, queue and API on this machine."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from vivavoce.evaluation.benchmarks.api_benchmark import measure_api
from vivavoce.evaluation.benchmarks.busy_machine import measure_busy_machine
from vivavoce.evaluation.benchmarks.judge_benchmark import measure_judge
from vivavoce.evaluation.benchmarks.queue_benchmark import measure_queue
from vivavoce.evaluation.prompt_forms import compare_forms, run_forms, sample_questions
from vivavoce.graders.judge.call_record import InMemoryVerdictCache
from vivavoce.graders.judge.prompt import Context, PromptForm
from vivavoce.graders.judge.rubric_judge import RubricJudge
from vivavoce.rubrics import default_bank
from vivavoce.service.settings import Settings
from vivavoce.workers.panel_factory import build_prompt_form, build_rubric_judge, ensure_judge_server

from ...errors import UserError
from ...options import DataArgument, JsonOption
from ...output.benchmark_tables import (
    build_api_table,
    build_busy_table,
    build_forms_table,
    build_judge_table,
    build_queue_table,
)
from ...output.console import err, out, parse_language, write_figures
from ...output.progress import progress_bar
from .answer_benchmarks import check_invariance, measure_accuracy

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Measure accuracy, invariance, the judge, its prompt forms, the queue and the API.",
)
app.command("accuracy")(measure_accuracy)
app.command("invariance")(check_invariance)


@app.command("judge")
def benchmark_judge(
    question: Annotated[str, typer.Option(help="Question of the bank by whose rubric is judged.")] = "retrieval",
    language: Annotated[str, typer.Option(help="zh or en.")] = "en",
    context: Annotated[
        str,
        typer.Option(help="What the judge sees beside the answer: only the question (brief) or the rubric (full)."),
    ] = "brief",
    answers: Annotated[int, typer.Option(min=2, help="Number of answers.")] = 32,
    repeats: Annotated[int, typer.Option(min=1, help="How often the answers are judged to see scores change.")] = 5,
    batch_sizes: Annotated[str, typer.Option(help="Batch sizes in which they are judged for that.")] = "1,8,32",
    rounds: Annotated[int, typer.Option(min=1, help="How often our judge and the bare engine take turns.")] = 3,
    json_file: JsonOption = None,
) -> None:
    """Measure the judge: tokens, prefix cache, speed relative to the bare engine, and repeatability."""
    sizes = _parse_sizes(batch_sizes, option="--batch-sizes")
    settings = Settings()
    if context not in get_args(Context):
        raise UserError(f"There is no context '{context}': use brief or full.")
    form = replace(build_prompt_form(settings), context=cast(Context, context))
    rubric = default_bank().get(question, parse_language(language))
    with ensure_judge_server(settings) as running, err.status("Starting …") as status:
        figures = measure_judge(
            lambda secret: _build_uncached_judge(running, secret, form),
            rubric,
            answers=answers,
            repeats=repeats,
            batch_sizes=sizes,
            rounds=rounds,
            on_step=lambda step: status.update(step),
        )
    out.print(build_judge_table(figures))
    write_figures(json_file, {**asdict(figures), "throughput_ratio": figures.throughput_ratio})


@app.command("busy")
def benchmark_busy_machine(
    processes: Annotated[int, typer.Option(min=1, help="Number of busy processes beside the judge.")] = 2,
    answers: Annotated[int, typer.Option(min=2, help="Answers judged in a round.")] = 3,
    rounds: Annotated[int, typer.Option(min=1, help="How often the judge is timed alone and beside them.")] = 3,
    question: Annotated[str, typer.Option(help="Question of the bank by whose rubric is judged.")] = "retrieval",
    language: Annotated[str, typer.Option(help="zh or en.")] = "en",
    json_file: JsonOption = None,
) -> None:
    """Measure how much of its speed the judge keeps while other programs use the processors."""
    settings = Settings()
    rubric = default_bank().get(question, parse_language(language))
    with ensure_judge_server(settings) as running, err.status("Starting …") as status:
        figures = measure_busy_machine(
            lambda secret: _build_uncached_judge(running, secret, build_prompt_form(settings)),
            rubric,
            processes=processes,
            answers=answers,
            rounds=rounds,
            on_step=lambda step: status.update(step),
        )
    out.print(build_busy_table(figures))
    write_figures(json_file, {**asdict(figures), "kept_share": figures.kept_share})


@app.command("forms")
def compare_prompt_forms(
    data: DataArgument,
    answers: Annotated[int, typer.Option(min=4, help="Answers in all, the same number from each file.")] = 300,
    seed: Annotated[int, typer.Option(help="Seed for the choice of answers and for the intervals.")] = 7,
    keep: Annotated[
        Path | None, typer.Option(help="File for the verdicts; an interrupted run continues from it.")
    ] = None,
    json_file: JsonOption = None,
) -> None:
    """Compare prompt forms by agreement with people and by tokens; takes hours on a small machine."""
    questions = sample_questions(data, answers=answers, seed=seed)
    with ExitStack() as stack:
        running = stack.enter_context(ensure_judge_server(Settings()))

        def open_judge(form: PromptForm) -> RubricJudge:
            return stack.enter_context(_build_uncached_judge(running, b"bench", form))

        with progress_bar(err) as progress:
            bar = progress.add_task("Questions", total=len(questions))
            outcomes = run_forms(
                questions,
                open_judge,
                keep=keep,
                on_progress=lambda done, total: progress.update(bar, completed=done, total=total),
            )
    rows = compare_forms(outcomes, seed=seed)
    out.print(build_forms_table(rows))
    write_figures(json_file, {"seed": seed, "forms": [asdict(row) for row in rows]})


@app.command("queue")
def benchmark_queue(
    gradings: Annotated[int, typer.Option(min=10, help="Gradings for processor time and throughput.")] = 1000,
    judge_ms: Annotated[float, typer.Option(min=1, help="Time that the simulated judge takes for an answer.")] = 100,
    concurrency: Annotated[int, typer.Option(min=1, help="Answers that it judges at the same time.")] = 10,
    memory: Annotated[str, typer.Option(help="Two numbers of gradings after which memory is read.")] = "500,5000",
    database_url: Annotated[str, typer.Option(help="An empty database; default: a new SQLite file.")] = "",
    json_file: JsonOption = None,
) -> None:
    """Measure the queue without models: processor time, throughput, waiting time and memory."""
    early, late = _parse_rising_pair(memory, option="--memory")
    # A line for every grading would be measured too.
    logging.getLogger("vivavoce").setLevel(logging.WARNING)
    bank = default_bank()
    with err.status("Starting …") as status:
        figures = measure_queue(
            bank.get("quantization", "en"),
            bank,
            database_url=database_url,
            gradings=gradings,
            judge_seconds=judge_ms / 1000,
            concurrency=concurrency,
            memory_early=early,
            memory_late=late,
            on_step=lambda step: status.update(step),
        )
    out.print(build_queue_table(figures, judge_ms=judge_ms))
    write_figures(json_file, asdict(figures))


@app.command("api")
def benchmark_api(
    rounds: Annotated[int, typer.Option(min=1, help="How often our API and the bare route take turns.")] = 20,
    seconds: Annotated[float, typer.Option(min=0.1, help="Seconds that each of them is sent requests in a round.")] = 2,
    connections: Annotated[int, typer.Option(min=1, help="Requests that are sent at the same time.")] = 16,
    processes: Annotated[int, typer.Option(min=1, help="Processes of uvicorn for each of the two.")] = 2,
    bare: Annotated[str, typer.Option(help="How the bare route writes: with SQLAlchemy's core or its orm.")] = "core",
    database_url: Annotated[str, typer.Option(help="An empty database; default: a new SQLite file.")] = "",
    json_file: JsonOption = None,
) -> None:
    """Measure how fast answers are taken in over HTTP, beside a bare FastAPI route on the same database."""
    if bare not in ("core", "orm"):
        raise UserError(f"There is no bare route '{bare}': use core or orm.")
    with err.status("Starting …") as status:
        figures = measure_api(
            default_bank().get("quantization", "en"),
            database_url=database_url,
            with_orm=bare == "orm",
            processes=processes,
            connections=connections,
            rounds=rounds,
            seconds=seconds,
            on_step=lambda step: status.update(step),
        )
    out.print(build_api_table(figures))
    write_figures(json_file, asdict(figures))


def _build_uncached_judge(settings: Settings, secret: bytes, form: PromptForm) -> RubricJudge:
    """The judge of the settings with an empty cache, so that every call reaches its server."""
    return build_rubric_judge(settings, InMemoryVerdictCache(), secret=secret, form=form)


def _parse_sizes(text: str, *, option: str) -> list[int]:
    try:
        sizes = [int(part) for part in text.split(",")]
    except ValueError:
        sizes = []
    if not sizes or min(sizes) < 1:
        raise UserError(f"{option} '{text}' is not a list of numbers above 0: write them as in 1,8,32.")
    return sizes


def _parse_rising_pair(text: str, *, option: str) -> tuple[int, int]:
    sizes = _parse_sizes(text, option=option)
    if len(sizes) != 2 or sizes[0] >= sizes[1]:
        raise UserError(f"{option} '{text}' is not two rising numbers: write them as in 500,5000.")
    return sizes[0], sizes[1]
