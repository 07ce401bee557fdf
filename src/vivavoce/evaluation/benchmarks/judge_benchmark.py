"""`viva bench judge`: what the judge costs, its speed beside the bare engine, and how repeatable it is.

All figures come from one run. The reference for speed is the engine itself: the same prompts, posted by a plain HTTP
client with as many in flight, in turns with ours.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import httpx

from vivavoce.graders.judge.capabilities import Capabilities
from vivavoce.graders.judge.prompt import load_template, number_sentences
from vivavoce.graders.judge.rubric_judge import RubricJudge
from vivavoce.graders.judge.types import AnswerVerdicts
from vivavoce.graders.reading import normal_text
from vivavoce.graders.scoring.coefficients import default_coefficients
from vivavoce.graders.scoring.probabilities import score_from_signal
from vivavoce.graders.types import LevelSignals
from vivavoce.rubrics import Rubric

from ..errors import EvaluationError

OpenJudge = Callable[[bytes], RubricJudge]
"""Opens a judge with an empty cache whose delimiters are keyed by the given secret; use it as a context manager."""


@dataclass(frozen=True)
class Round:
    """One turn of ours and of the bare engine with the same number of prompts, in prompts a second."""

    ours: float
    bare: float


@dataclass(frozen=True)
class JudgeFigures:
    """What was measured.

    `tokens_*` are per answer, `concurrency` is answers in flight, `rounds` are in prompts a second, `score_spread` and
    `by_batch_size` in points of 10, `failed` counts answers without a verdict on some criterion.
    """

    engine: str
    engine_version: str
    model: str
    form: str
    question: str
    answers: int
    prompts_an_answer: float
    tokens_sent: float
    tokens_cached: float
    tokens_generated: float
    cached_share: float
    concurrency: int
    rounds: tuple[Round, ...]
    repeats: int
    batch_sizes: tuple[int, ...]
    score_spread: float
    failed: int
    by_batch_size: dict[str, float] = field(default_factory=dict)

    @property
    def throughput_ratio(self) -> float:
        """Median over the rounds of our prompts a second divided by the bare engine's."""
        return median(turn.ours / turn.bare for turn in self.rounds)


def make_answers(rubric: Rubric, *, count: int, seed: int) -> list[str]:
    """Different answers of three to five sentences each, drawn from the references and the expected points.

    The same seed gives the same answers. There must be enough sentences for `count` different ones.
    """
    texts = [reference.text for reference in rubric.references] + [point.text for point in rubric.expected_points]
    sentences = [text[start:end] for text in texts for start, end in normal_text.split_sentences(text)]
    generator = random.Random(seed)
    answers: dict[str, None] = {}
    while len(answers) < count:
        answers[number_sentences(generator.sample(sentences, k=min(generator.randint(3, 5), len(sentences))))] = None
    return list(answers)


def measure_judge(
    open_judge: OpenJudge,
    rubric: Rubric,
    *,
    answers: int,
    repeats: int,
    batch_sizes: Sequence[int],
    rounds: int,
    seed: int = 7,
    on_step: Callable[[str], None] = lambda step: None,
) -> JudgeFigures:
    """Run all three measurements; raises EvaluationError when the judge does not answer."""
    cohort = make_answers(rubric, count=max(answers, *batch_sizes), seed=seed)
    on_step("warming up")
    capabilities = warm_up(open_judge, cohort[0], rubric)
    on_step(f"tokens: {len(cohort)} answers")
    with open_judge(secrets.token_bytes(16)) as judge:
        verdicts = _require_answers(judge.judge(cohort, rubric))
    turns = _measure_speed(open_judge, cohort, rubric, capabilities.concurrency, rounds, on_step)
    spread, by_size = _measure_stability(open_judge, cohort, rubric, repeats, batch_sizes, on_step)
    return JudgeFigures(
        engine=capabilities.engine,
        engine_version=capabilities.version,
        model=judge.identity.model,
        form=judge.form,
        question=f"{rubric.question.id} ({rubric.question.language})",
        answers=len(cohort),
        concurrency=capabilities.concurrency,
        rounds=turns,
        repeats=repeats,
        batch_sizes=tuple(batch_sizes),
        score_spread=spread,
        failed=sum(bool(of_answer.failures) for of_answer in verdicts),
        by_batch_size=by_size,
        **count_tokens(verdicts),
    )


def warm_up(open_judge: OpenJudge, answer: str, rubric: Rubric) -> Capabilities:
    """Judge one answer, so that the model is loaded, and return what the server says about itself."""
    with open_judge(secrets.token_bytes(16)) as judge:
        if len(judge.urls) > 1:
            raise EvaluationError("VIVA_JUDGE_URL names several servers: name one, and measure them one by one.")
        _require_answers(judge.judge([answer], rubric))
        return judge.describe()


def count_tokens(verdicts: Sequence[AnswerVerdicts]) -> dict[str, float]:
    """Calls and tokens of the prompts, of their cached part and of the replies, per answer; and the cached share."""
    usages = [call.usage for of_answer in verdicts for call in of_answer.calls]
    sent, cached = sum(usage.tokens_in for usage in usages), sum(usage.tokens_cached for usage in usages)
    return {
        "prompts_an_answer": len(usages) / len(verdicts),
        "tokens_sent": sent / len(verdicts),
        "tokens_cached": cached / len(verdicts),
        "tokens_generated": sum(usage.tokens_out for usage in usages) / len(verdicts),
        "cached_share": cached / sent if sent else 0.0,
    }


def _measure_speed(
    open_judge: OpenJudge,
    cohort: Sequence[str],
    rubric: Rubric,
    concurrency: int,
    rounds: int,
    on_step: Callable[[str], None],
) -> tuple[Round, ...]:
    measures = {"ours": _time_new_judge, "bare": _time_bare_engine}
    turns = []
    for number in range(rounds):
        on_step(f"throughput: round {number + 1} of {rounds}")
        # The second may find warmer caches, so they take turns.
        order = ("ours", "bare") if number % 2 == 0 else ("bare", "ours")
        speeds = {name: measures[name](open_judge, cohort, rubric, concurrency) for name in order}
        turns.append(Round(**speeds))
    return tuple(turns)


def _time_new_judge(open_judge: OpenJudge, cohort: Sequence[str], rubric: Rubric, _: int) -> float:
    """Prompts a second through vivavoce."""
    with open_judge(secrets.token_bytes(16)) as judge:
        return time_judge(judge, cohort, rubric)


def time_judge(judge: RubricJudge, cohort: Sequence[str], rubric: Rubric) -> float:
    """Prompts a second of an open judge; raises EvaluationError when it does not answer."""
    judge.describe()
    prompts = sum(len(requests) for requests in _build_requests(judge, cohort, rubric))
    started = time.perf_counter()
    _require_answers(judge.judge(cohort, rubric))
    return prompts / (time.perf_counter() - started)


def _time_bare_engine(open_judge: OpenJudge, cohort: Sequence[str], rubric: Rubric, concurrency: int) -> float:
    """Prompts a second of a plain HTTP client, with other delimiters, so that neither finds the other's work cached."""
    with open_judge(secrets.token_bytes(16)) as judge:
        requests = _build_requests(judge, cohort, rubric)
        return asyncio.run(_post_requests(judge.urls[0], requests, concurrency))


async def _post_requests(url: str, requests: Sequence[Sequence[dict[str, Any]]], concurrency: int) -> float:
    slots = asyncio.Semaphore(concurrency)
    async with httpx.AsyncClient(base_url=url, timeout=600, trust_env=False) as client:

        async def post_answer(of_answer: Sequence[dict[str, Any]]) -> None:
            async with slots:
                for request in of_answer:
                    (await client.post("/v1/chat/completions", json=request)).raise_for_status().json()

        started = time.perf_counter()
        # The judge asks about the content-free answer first, too.
        await post_answer(requests[0])
        await asyncio.gather(*(post_answer(of_answer) for of_answer in requests[1:]))
        return sum(len(of_answer) for of_answer in requests) / (time.perf_counter() - started)


def _build_requests(judge: RubricJudge, cohort: Sequence[str], rubric: Rubric) -> list[list[dict[str, Any]]]:
    """All prompts of a cohort by answer: those of the content-free answer, then those of the others."""
    content_free = load_template(rubric.question.language, judge.prompt_form.mode)["content-free"]
    return judge.requests_for([content_free, *cohort], rubric)


def _measure_stability(
    open_judge: OpenJudge,
    cohort: Sequence[str],
    rubric: Rubric,
    repeats: int,
    batch_sizes: Sequence[int],
    on_step: Callable[[str], None],
) -> tuple[float, dict[str, float]]:
    """The most that an answer's expected score moved (points of 10), over all runs and within each batch size."""
    secret = secrets.token_bytes(16)
    scores: dict[int, list[list[float]]] = {}
    for size in batch_sizes:
        for repeat in range(repeats):
            on_step(f"stability: batches of {size}, repeat {repeat + 1} of {repeats}")
            run = []
            # A new judge has an empty cache.
            with open_judge(secret) as judge:
                for start in range(0, len(cohort), size):
                    verdicts = _require_answers(judge.judge(cohort[start : start + size], rubric))
                    run += [score_verdicts(of_answer, rubric) for of_answer in verdicts]
            scores.setdefault(size, []).append(run)
    every_run = [run for runs in scores.values() for run in runs]
    return measure_spread(every_run), {str(size): measure_spread(runs) for size, runs in scores.items()}


def measure_spread(runs: Sequence[Sequence[float]]) -> float:
    """The largest difference between runs of the same answer's score; `runs` have one score for each answer."""
    return max((max(of_answer) - min(of_answer) for of_answer in zip(*runs, strict=True)), default=0.0)


def score_verdicts(verdicts: AnswerVerdicts, rubric: Rubric) -> float:
    """The expected score (0 to 10) with the judge's signal alone, not rounded."""
    signals = {
        name: [
            LevelSignals(
                level.log_odds - level.baseline_log_odds, verifier=0, similarity_gain=0, term_recall=0, rouge1_recall=0
            )
            for level in levels
        ]
        for name, levels in verdicts.levels.items()
    }
    return score_from_signal(rubric, signals, default_coefficients(), "judge")


def _require_answers(verdicts: list[AnswerVerdicts]) -> list[AnswerVerdicts]:
    """The verdicts; raises EvaluationError when the judge could not be reached. Other failures are counted."""
    for failure in (failure for of_answer in verdicts for failure in of_answer.failures.values()):
        if failure.reason.retryable:
            raise EvaluationError(
                f"The judge does not answer ({failure.detail}): check it with 'viva doctor', then try again."
            )
    return verdicts
