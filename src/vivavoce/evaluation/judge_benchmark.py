"""`viva bench judge`: what the judge at hand costs, how fast it is beside its bare engine, and how repeatable.

Every figure is taken in one run. The reference for speed is the engine itself: the very same prompts,
posted by a plain HTTP client with as many in flight, in turns with ours.
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

from vivavoce.graders.judge.prompt import load_template, number_sentences
from vivavoce.graders.judge.rubric_judge import RubricJudge
from vivavoce.graders.judge.types import AnswerVerdicts
from vivavoce.graders.reading import normal_text
from vivavoce.graders.scoring.coefficients import default_coefficients
from vivavoce.graders.scoring.probabilities import score_from_signal
from vivavoce.graders.types import LevelSignals
from vivavoce.rubrics import Rubric

from .errors import EvaluationError

OpenJudge = Callable[[bytes], RubricJudge]
"""A judge with an empty cache whose fences are keyed by the given secret; the caller opens and closes it."""


@dataclass(frozen=True)
class Round:
    """One turn of ours and of the bare engine with the same number of prompts, in prompts a second."""

    ours: float
    bare: float


@dataclass(frozen=True)
class JudgeFigures:
    """What was measured; tokens are per answer, `score_spread` is in points of 10."""

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
        """Median over the rounds of our prompts a second to the bare engine's."""
        return median(each.ours / each.bare for each in self.rounds)


def make_answers(rubric: Rubric, *, count: int, seed: int) -> list[str]:
    """Different answers of three to five sentences each, drawn from what could be said on the question."""
    told = [reference.text for reference in rubric.references] + [point.text for point in rubric.expected_points]
    sentences = [one[start:end] for one in told for start, end in normal_text.split_sentences(one)]
    chance = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        found[number_sentences(chance.sample(sentences, k=min(chance.randint(3, 5), len(sentences))))] = None
    return list(found)


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
    said = make_answers(rubric, count=max(answers, *batch_sizes), seed=seed)
    on_step("warming up")
    with open_judge(secrets.token_bytes(16)) as judge:
        if len(judge.urls) > 1:
            raise EvaluationError(
                "VIVA_JUDGE_URL names several servers: measure one at a time, beside the bare engine."
            )
        _checked(judge.judge(said[:1], rubric))
        about = judge.describe()
    on_step(f"tokens: {len(said)} answers")
    with open_judge(secrets.token_bytes(16)) as judge:
        cohort = _checked(judge.judge(said, rubric))
    calls = [call.usage for verdicts in cohort for call in verdicts.calls]
    sent, cached = sum(call.tokens_in for call in calls), sum(call.tokens_cached for call in calls)
    turns = []
    for number in range(rounds):
        on_step(f"throughput: round {number + 1} of {rounds}")
        order = (_ours, _bare) if number % 2 == 0 else (_bare, _ours)
        speed = {turn.__name__: turn(open_judge, said, rubric, about.concurrency) for turn in order}
        turns.append(Round(ours=speed["_ours"], bare=speed["_bare"]))
    spread, by_size = _stability(open_judge, said, rubric, repeats, batch_sizes, on_step)
    return JudgeFigures(
        engine=about.engine,
        engine_version=about.version,
        model=judge.identity.model,
        form=judge.form,
        question=f"{rubric.question.id} ({rubric.question.language})",
        answers=len(said),
        prompts_an_answer=len(calls) / len(said),
        tokens_sent=sent / len(said),
        tokens_cached=cached / len(said),
        tokens_generated=sum(call.tokens_out for call in calls) / len(said),
        cached_share=cached / sent if sent else 0.0,
        concurrency=about.concurrency,
        rounds=tuple(turns),
        repeats=repeats,
        batch_sizes=tuple(batch_sizes),
        score_spread=spread,
        failed=sum(bool(verdicts.failures) for verdicts in cohort),
        by_batch_size=by_size,
    )


def _ours(open_judge: OpenJudge, said: Sequence[str], rubric: Rubric, _: int) -> float:
    with open_judge(secrets.token_bytes(16)) as judge:
        judge.describe()
        prompts = sum(len(requests) for requests in _requests(judge, said, rubric))
        started = time.perf_counter()
        _checked(judge.judge(said, rubric))
        return prompts / (time.perf_counter() - started)


def _bare(open_judge: OpenJudge, said: Sequence[str], rubric: Rubric, concurrency: int) -> float:
    """The same prompts under another fence code, so that neither side finds the other's work cached."""
    with open_judge(secrets.token_bytes(16)) as judge:
        requests = _requests(judge, said, rubric)
        return asyncio.run(_post_all(judge.urls[0], requests, concurrency))


async def _post_all(url: str, requests: Sequence[Sequence[dict[str, Any]]], concurrency: int) -> float:
    room = asyncio.Semaphore(concurrency)
    async with httpx.AsyncClient(base_url=url, timeout=600, trust_env=False) as client:

        async def one(of_an_answer: Sequence[dict[str, Any]]) -> None:
            async with room:
                for request in of_an_answer:
                    (await client.post("/v1/chat/completions", json=request)).raise_for_status().json()

        started = time.perf_counter()
        await one(requests[0])
        await asyncio.gather(*(one(each) for each in requests[1:]))
        return sum(len(each) for each in requests) / (time.perf_counter() - started)


def _requests(judge: RubricJudge, said: Sequence[str], rubric: Rubric) -> list[list[dict[str, Any]]]:
    """All prompts of a cohort: those of the content-free answer, then those of the others."""
    content_free = load_template(rubric.question.language, judge.prompt_form.mode)["content-free"]
    return judge.requests_for([content_free, *said], rubric)


def _stability(
    open_judge: OpenJudge,
    said: Sequence[str],
    rubric: Rubric,
    repeats: int,
    batch_sizes: Sequence[int],
    on_step: Callable[[str], None],
) -> tuple[float, dict[str, float]]:
    """The most that an answer's expected score moved, over everything and within each batch size."""
    secret = secrets.token_bytes(16)
    scores: dict[int, list[list[float]]] = {}
    for size in batch_sizes:
        for repeat in range(repeats):
            on_step(f"stability: batches of {size}, repeat {repeat + 1} of {repeats}")
            run = []
            # A new judge has an empty cache: nothing of an earlier repeat is remembered.
            with open_judge(secret) as judge:
                for start in range(0, len(said), size):
                    found = _checked(judge.judge(said[start : start + size], rubric))
                    run += [_score(verdicts, rubric) for verdicts in found]
            scores.setdefault(size, []).append(run)
    every_run = [run for runs in scores.values() for run in runs]
    return _spread(every_run), {str(size): _spread(runs) for size, runs in scores.items()}


def _spread(runs: Sequence[Sequence[float]]) -> float:
    return max((max(of_one) - min(of_one) for of_one in zip(*runs, strict=True)), default=0.0)


def _score(verdicts: AnswerVerdicts, rubric: Rubric) -> float:
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


def _checked(found: list[AnswerVerdicts]) -> list[AnswerVerdicts]:
    for verdicts in found:
        for failure in verdicts.failures.values():
            if failure.reason.retryable:
                raise EvaluationError(f"The judge does not answer ({failure.detail}): see 'viva doctor'.")
    return found
