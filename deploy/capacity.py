#!/usr/bin/env python3
"""How many judges, workers and replicas a number of answers a minute takes, and how long answers wait.

    python deploy/capacity.py --rate 100 --judge gpu --gpu-price 1.20 --p95-within 30

First the arithmetic, then a simulation: answers come at random (Poisson) and a cohort comes all at once,
workers read and embed them, judges judge them, and judges fail. Each result says on which figures it rests:
measured, assumed by us, or given by you. It needs numpy and nothing of vivavoce. See docs/scaling.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import heapq
import itertools
import json
import math
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal, NoReturn

import numpy as np
import numpy.typing as npt

Origin = Literal["assumed", "given", "chosen", "measured", "counted"]
Seconds = npt.NDArray[np.float64]
Get = Callable[[str], float]

_MOST_SIMULATED = 60_000
_WEAKEST_FIRST: tuple[Origin, ...] = ("assumed", "given", "chosen", "measured", "counted")


class InputError(Exception):
    """What is wrong with an option or a file, and the mend, in one sentence."""


@dataclass(frozen=True)
class Figure:
    """A number that results rest on.

    `measured` with this project, `counted` in its code, `chosen` as a matter of policy, `given` on the
    command line, or `assumed`: nobody has looked.
    """

    value: float
    origin: Origin
    source: str


@dataclass(frozen=True)
class Result:
    """What follows, with the names of the figures it rests on."""

    value: float
    unit: str
    rests_on: frozenset[str]


_QUALIFY = "464 answers of viva bank qualify, embedded judge"
COMMON = {
    "known_share": Figure(0.0, "chosen", "answers that need no judge: on record, empty, copied; none, to be safe"),
    "worker_ms": Figure(
        650.0,
        "measured",
        "processor time to read and embed an answer, vivavoce.evaluation.benchmarks.worker_cost; the machine was busy",
    ),
    "grade_ms": Figure(3.7, "measured", "docs/research/accuracy.md, The queue: claim, grade and write"),
    "api_ms": Figure(23.0, "measured", "docs/research/accuracy.md, The queue: POST to result, idle; an upper bound"),
    "batch_size": Figure(4, "counted", "VIVA_BATCH_SIZE: answers that a worker process has in hand"),
    "connections_each": Figure(32, "counted", "the pool: at most 16 and 16 more a process"),
    "kb_an_answer": Figure(10.0, "measured", "submission, grading and report, SQLite after make demo"),
    "kb_a_call": Figure(3.9, "measured", "a row of judge_call, SQLite after viva bank qualify"),
    "utilisation": Figure(0.7, "chosen", "how busy judges, workers and replicas may be"),
    "core_price": Figure(0.05, "assumed", "price of a processor an hour"),
    "failure_hours": Figure(24.0, "assumed", "a judge fails this often"),
    "recovery_seconds": Figure(100.0, "measured", "vLLM on the processor is ready after 60 to 100 s"),
    "spread": Figure(0.47, "measured", f"deviation of judge seconds over their mean, {_QUALIFY}"),
}
_VLLM_CPU = "docs/research/accuracy.md, The judge as an engine: full block, 0.5-billion model"
JUDGES: dict[str, dict[str, Figure]] = {
    "cpu": {
        "calls": Figure(4.35, "measured", _QUALIFY),
        "prompt_tokens": Figure(1249, "measured", _QUALIFY),
        "cached_share": Figure(0.738, "measured", _QUALIFY),
        "generated_tokens": Figure(4.35, "measured", _QUALIFY),
        "call_seconds": Figure(0.21, "measured", f"fixed time a call, {_QUALIFY}"),
        "token_seconds": Figure(0.0145, "measured", "time a computed token; decision 4 says 69 tokens a second"),
        "in_flight": Figure(1, "counted", "the embedded engine has one slot"),
        "judge_cores": Figure(2, "measured", "the machine it was measured on"),
    },
    "vllm-cpu": {
        "calls": Figure(5, "measured", _VLLM_CPU),
        "prompt_tokens": Figure(4002, "measured", _VLLM_CPU),
        "cached_share": Figure(3627 / 4002, "measured", _VLLM_CPU),
        "generated_tokens": Figure(5, "measured", _VLLM_CPU),
        "prompts_per_second": Figure(1.425, "measured", f"{_VLLM_CPU}, median of 1.54 and 1.31"),
        "in_flight": Figure(16, "counted", "prompts that a worker keeps in flight where the engine batches"),
        "judge_cores": Figure(2, "measured", "the machine it was measured on"),
    },
    "gpu": {
        "calls": Figure(5, "measured", "question distillation, brief block"),
        "prompt_tokens": Figure(1302, "measured", "question distillation, brief block, by the model's tokenizer"),
        "cached_share": Figure(0.722, "measured", "docs/research/accuracy.md, The judge as an engine: brief block"),
        "generated_tokens": Figure(5, "measured", "one a call"),
        "prefill_per_second": Figure(5000, "assumed", "prompt tokens that a GPU computes a second: measure yours"),
        "decode_per_second": Figure(2000, "assumed", "tokens that a GPU generates a second over all: measure yours"),
        "in_flight": Figure(16, "counted", "prompts that a worker keeps in flight where the engine batches"),
        "gpu_price": Figure(1.0, "assumed", "price of a GPU an hour"),
    },
}


class Sheet:
    """Figures, and results that know which figures they rest on."""

    def __init__(self, figures: Mapping[str, Figure]) -> None:
        self.figures = dict(figures)
        self.results: dict[str, Result] = {}

    def __getitem__(self, name: str) -> float:
        return self.results[name].value if name in self.results else self.figures[name].value

    def derive(self, name: str, unit: str, formula: Callable[[Get], float]) -> None:
        """Add a result; whatever `formula` asks for is what it rests on."""
        used: set[str] = set()

        def get(key: str) -> float:
            used.update(self.results[key].rests_on if key in self.results else {key})
            return self[key]

        value = formula(get)
        self.results[name] = Result(value, unit, frozenset(used))

    def basis(self, name: str) -> str:
        """Where a result's figures come from, the weakest first, naming those that are assumed."""
        used = self.results[name].rests_on
        assumed = sorted(key for key in used if self.figures[key].origin == "assumed")
        origins = {self.figures[key].origin for key in used} - {"assumed"}
        words: list[str] = [origin for origin in _WEAKEST_FIRST if origin in origins]
        return ", ".join([f"assumed ({', '.join(assumed)})"] * bool(assumed) + words)


def read_bench(file: Path) -> dict[str, Figure]:
    """The figures of a judge from what `viva bench judge --json FILE` wrote; raises InputError."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        calls, sent = float(found["prompts_an_answer"]), float(found["tokens_sent"])
        share, generated = float(found["cached_share"]), float(found["tokens_generated"])
        speed, in_flight = median(float(turn["ours"]) for turn in found["rounds"]), float(found["concurrency"])
        named = f"{found['model']} on {found['engine']}, {file.name}"
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror}): name cpu, vllm-cpu, gpu or a file.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file} is not what 'viva bench judge --json' writes ({error!r}): run it anew.") from None
    if min(calls, sent, speed, in_flight) <= 0 or not 0 <= share <= 1 or not math.isfinite(speed):
        raise InputError(f"{file} has a figure that cannot be: run 'viva bench judge --json' anew.")
    return {
        "calls": Figure(calls, "measured", named),
        "prompt_tokens": Figure(sent, "measured", named),
        "cached_share": Figure(share, "measured", named),
        "generated_tokens": Figure(generated, "measured", named),
        "prompts_per_second": Figure(speed, "measured", named),
        "in_flight": Figure(in_flight, "measured", named),
        "gpu_price": JUDGES["gpu"]["gpu_price"],
    }


def judge_seconds(get: Get, figures: Mapping[str, Figure]) -> float:
    """Seconds of one judge that an answer takes up."""
    if "prompts_per_second" in figures:
        return get("calls") / get("prompts_per_second")
    if "prefill_per_second" in figures:
        return get("tokens_computed") / get("prefill_per_second") + get("tokens_generated") / get("decode_per_second")
    # One call more: before each answer the engine's cache is brought to the same state.
    return (get("calls") + 1) * get("call_seconds") + get("tokens_computed") * get("token_seconds")


def arithmetic(figures: Mapping[str, Figure]) -> Sheet:
    """Everything that follows from the figures without chance."""
    sheet = Sheet(figures)
    add = sheet.derive
    add("answers_a_second", "", lambda get: (get("rate") + get("burst") / 60) / 60)
    add("tokens_sent", "an answer", lambda get: get("prompt_tokens"))
    add("tokens_cached", "an answer", lambda get: get("prompt_tokens") * get("cached_share"))
    add("tokens_computed", "an answer", lambda get: get("prompt_tokens") * (1 - get("cached_share")))
    add("tokens_generated", "an answer", lambda get: get("generated_tokens"))
    add("judge_seconds", "an answer", lambda get: judge_seconds(get, figures))
    add("computed_a_judge_second", "tokens", lambda get: get("tokens_computed") / get("judge_seconds"))
    add("sent_a_judge_second", "tokens", lambda get: get("tokens_sent") / get("judge_seconds"))
    add("judges_busy", "", lambda get: get("answers_a_second") * (1 - get("known_share")) * get("judge_seconds"))
    add("judges", "", lambda get: max(1.0, _whole(get("judges_busy") / get("utilisation"))))
    # Prompts that begin alike go to one judge.
    add("cohort_on_one_judge", "seconds", lambda get: get("burst") * get("judge_seconds"))
    add("worker_seconds", "an answer", lambda get: (get("worker_ms") + get("grade_ms")) / 1000)
    add("workers_for_processor", "", lambda get: _busy(get, get("worker_seconds")))
    add(
        "workers_for_judges",
        "to keep them in work",
        lambda get: _whole(get("judges") * max(get("in_flight") / get("batch_size"), 1)),
    )
    add("workers", "processes", lambda get: max(get("workers_for_processor"), get("workers_for_judges")))
    add("api_replicas", "at least 2", lambda get: max(2, _busy(get, get("api_ms") / 1000)))
    calls = "calls_made"
    add(calls, "a second", lambda get: get("answers_a_second") * (1 - get("known_share")) * get("calls"))
    # To take in; to claim and to write, a batch each; each call before its verdict is used.
    add("database_commits", "a second", lambda get: get("answers_a_second") * (1 + 2 / get("batch_size")) + get(calls))
    # Submission, grading (written three times), outbox message (twice), report; a row a call.
    add("database_row_writes", "a second", lambda get: get("answers_a_second") * 7 + get(calls))
    add(
        "database_growth",
        "GB a day",
        lambda get: (get("answers_a_second") * get("kb_an_answer") + get(calls) * get("kb_a_call")) * 86_400 / 1e6,
    )
    add(
        "database_connections",
        "at most",
        lambda get: (get("api_replicas") + get("workers")) * get("connections_each"),
    )
    add("redis_messages", "a second", lambda get: get("answers_a_second") + get("workers") / 2)
    if "gpu_price" in figures:
        add("judges_price", "an hour", lambda get: get("judges") * get("gpu_price"))
    else:
        add("judges_price", "an hour", lambda get: get("judges") * get("judge_cores") * get("core_price"))
    # Workers that only wait for a judge cost memory, no processor.
    add(
        "others_price",
        "an hour",
        lambda get: (get("workers_for_processor") + get("api_replicas")) * get("core_price"),
    )
    add(
        "cost_of_1000_answers",
        "",
        lambda get: (get("judges_price") + get("others_price")) / (get("answers_a_second") * 3.6),
    )
    return sheet


def _whole(value: float) -> float:
    """The next whole number, forgiving what floating point adds."""
    return float(math.ceil(round(value, 9)))


def _busy(get: Get, seconds: float) -> float:
    """Servers for all answers that take so long each, as busy as they may be."""
    return max(1.0, _whole(get("answers_a_second") * seconds / get("utilisation")))


@dataclass(frozen=True)
class Passed:
    """What came of a queue: when each answer left it, its servers' mean load, and the most that waited."""

    left: Seconds
    load: float
    most_waiting: int


def pass_through(
    arrivals: Seconds,
    work: Seconds,
    servers: int,
    *,
    later: npt.NDArray[np.bool_] | None = None,
    outages: Sequence[tuple[float, float, int]] = (),
) -> Passed:
    """Answers through a queue with several servers, first come first served, those marked `later` after the others.

    `arrivals` rise. An outage (begin, end, server) takes the answer in hand back to the head of the line.
    """
    lines: tuple[deque[int], deque[int]] = (deque(), deque())
    second = later.tolist() if later is not None else [False] * len(arrivals)
    idle, hand, epoch = list(range(servers)), [-1] * servers, [0] * servers
    # (time, order, server, epoch of the work it ends or -1 for an outage, end of the outage)
    events = [(begin, -1 - n, server, -1, end) for n, (begin, end, server) in enumerate(outages)]
    heapq.heapify(events)
    number = itertools.count()
    left = np.zeros(len(arrivals))
    coming, done, most, busy = 0, 0, 0, 0.0
    times, needs = arrivals.tolist(), work.tolist()
    while done < len(times):
        if coming < len(times) and (not events or times[coming] <= events[0][0]):
            now = times[coming]
            lines[second[coming]].append(coming)
            coming += 1
        else:
            now, _, server, of_epoch, end = heapq.heappop(events)
            if of_epoch == -1:
                epoch[server] += 1
                if hand[server] >= 0:
                    lines[second[hand[server]]].appendleft(hand[server])
                    hand[server] = -1
                else:
                    idle.remove(server)
                heapq.heappush(events, (end, next(number), server, -2, 0.0))
            elif of_epoch == -2:
                idle.append(server)
            elif of_epoch == epoch[server]:
                left[hand[server]] = now
                busy += needs[hand[server]]
                hand[server] = -1
                idle.append(server)
                done += 1
        while idle and (lines[0] or lines[1]):
            server = idle.pop()
            hand[server] = (lines[0] or lines[1]).popleft()
            heapq.heappush(events, (now + needs[hand[server]], next(number), server, epoch[server], 0.0))
        most = max(most, len(lines[0]) + len(lines[1]))
    return Passed(left, busy / (servers * (left.max() - arrivals[0])), most)


@dataclass(frozen=True)
class Scene:
    """What the simulation found for a number of judges; times in seconds, from arrival to result."""

    judges: int
    judge_load: float
    worker_load: float
    p50: float
    p95: float
    p99: float
    cohort_done: float
    most_waiting: int
    outages: int
    holds: bool


class Simulation:
    """One afternoon of answers, the same for every number of judges: workers first, then judges."""

    def __init__(self, sheet: Sheet, *, p95_within: float, seed: int) -> None:
        self._sheet = sheet
        self._within = p95_within
        self._seed = seed
        chance = np.random.default_rng(seed)
        rate, burst = sheet["rate"], int(sheet["burst"])
        self.minutes = min(max(60.0, 20_000 / rate), 48 * 60.0, _MOST_SIMULATED / rate)
        steady = int(rate * self.minutes)
        alone = np.cumsum(chance.exponential(60 / rate, steady))
        # A cohort each hour; a shorter time has one, in its middle.
        hours = max(int(self.minutes // 60), 1)
        self.cohorts = (np.arange(hours) + 0.5) * self.minutes / hours * 60
        arrivals = np.concatenate([alone, np.repeat(self.cohorts, burst)])
        order = np.argsort(arrivals, kind="stable")
        self.arrivals: Seconds = arrivals[order]
        self.in_cohort = order >= steady
        needs_judge = chance.random(len(arrivals)) >= sheet["known_share"]
        self.work = _gamma(chance, sheet["judge_seconds"], sheet["spread"], len(arrivals)) * needs_judge
        reading = np.full(len(arrivals), sheet["worker_seconds"])
        self._read = pass_through(self.arrivals, reading, int(sheet["workers"]), later=self.in_cohort)
        # Past the workers in the order in which they let go.
        self._order = np.argsort(self._read.left, kind="stable")

    def run(self, judges: int, *, with_outages: bool = True) -> Scene:
        """What so many judges make of it."""
        outages = self._outages(judges) if with_outages else []
        order = self._order
        judged = pass_through(
            self._read.left[order], self.work[order], judges, later=self.in_cohort[order], outages=outages
        )
        left = np.empty(len(order))
        left[order] = judged.left
        took = left - self.arrivals + self._sheet["api_ms"] / 1000
        p50, p95, p99 = (float(each) for each in np.quantile(took[~self.in_cohort], [0.5, 0.95, 0.99]))
        return Scene(
            judges=judges,
            judge_load=judged.load,
            worker_load=self._read.load,
            p50=p50,
            p95=p95,
            p99=p99,
            cohort_done=float(took[self.in_cohort].max(initial=0.0)),
            most_waiting=max(judged.most_waiting, self._read.most_waiting),
            outages=len(outages),
            holds=p95 <= self._within,
        )

    def least(self) -> Scene | None:
        """The fewest judges that hold the promise, or None when more judges do not help."""
        low = int(self._sheet["judges_busy"])  # So few cannot keep up.
        high, enough = low + 1, 8 * (low + 4)
        while not (scene := self.run(high)).holds:
            if high > enough:
                return None
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            tried = self.run(middle)
            if tried.holds:
                high, scene = middle, tried
            else:
                low = middle
        return scene

    def _outages(self, judges: int) -> list[tuple[float, float, int]]:
        chance = np.random.default_rng([self._seed, 1])
        mean, recovery = self._sheet["failure_hours"] * 3600, self._sheet["recovery_seconds"]
        found = []
        for judge in range(judges):
            begin = chance.exponential(mean)
            while begin < self.minutes * 60:
                found.append((begin, begin + recovery, judge))
                begin += recovery + chance.exponential(mean)
        return found


def _gamma(chance: np.random.Generator, mean: float, spread: float, count: int) -> Seconds:
    """Times with that mean and that deviation over the mean; all alike when it is 0."""
    if spread == 0:
        return np.full(count, mean)
    return chance.gamma(1 / spread**2, mean * spread**2, count)


_NO_SCENE = {
    "one down all the time": "the others cannot keep up; what they do not reach waits until it is back",
    "least that hold the promise": "no number of judges does: the workers or one judgement alone take too long",
}


def report(sheet: Sheet, simulation: Simulation, scenes: Mapping[str, Scene | None], *, within: float) -> str:
    """All of it as text."""
    lines = ["figures", *_figure_lines(sheet), "", "arithmetic"]
    for name, result in sheet.results.items():
        label = f"{name.replace('_', ' ')}{', ' + result.unit if result.unit else ''}"
        lines.append(f"  {label:40} {_number(result.value):>8}   {sheet.basis(name)}")
    lines += ["", f"simulation of {simulation.minutes:.0f} minutes, a cohort of {sheet['burst']:.0f} in each hour"]
    lines.append("  it rests on all figures above; judges take answers in turn, whatever the question")
    lines.append(
        f"  {'judges':32} {'load':>6} {'p50 s':>8} {'p95 s':>8} {'p99 s':>8} {'cohort s':>9} {'waiting':>8}"
        f" {'failed':>7}  p95 within {within:g} s"
    )
    for name, scene in scenes.items():
        if scene is None:
            lines.append(f"  {name}: {_NO_SCENE[name]}")
            continue
        times = f"{scene.p50:8.1f} {scene.p95:8.1f} {scene.p99:8.1f} {scene.cohort_done:9.0f}"
        lines.append(
            f"  {name + ': ' + str(scene.judges):32} {scene.judge_load:6.0%} {times} {scene.most_waiting:8}"
            f" {scene.outages:7}  {'held' if scene.holds else 'NOT held'}"
        )
    return "\n".join(lines)


def _figure_lines(sheet: Sheet) -> list[str]:
    return [
        f"  {name.replace('_', ' '):24} {_number(figure.value):>10}   {figure.origin:9} {figure.source}"
        for name, figure in sheet.figures.items()
    ]


def _number(value: float) -> str:
    if value == int(value):
        return f"{value:,.0f}"
    return f"{value:,.1f}" if value >= 100 else f"{value:.3g}"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message[:1].upper()}{message[1:]}: see --help.")


def _above(least: float, most: float = math.inf, *, inclusive: bool = False) -> Callable[[str], float]:
    """A reader of numbers above `least` (or from it on) and at most `most`."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and (value > least or (inclusive and value == least)) and value <= most):
            bound = f"{'from' if inclusive else 'above'} {least:g}" + ("" if most == math.inf else f" to {most:g}")
            raise argparse.ArgumentTypeError(f"'{text}' is not a number {bound}")
        return value

    return read


# Options that take the place of a figure: name, reader, what it is.
_OPTIONS: tuple[tuple[str, str, Callable[[str], float], str], ...] = (
    ("--criteria-calls", "calls", _above(0), "calls of the judge an answer; tokens follow"),
    ("--prompt-tokens", "prompt_tokens", _above(0), "prompt tokens sent an answer, all calls together"),
    ("--cached-share", "cached_share", _above(0, 1, inclusive=True), "share of them from the prefix cache"),
    ("--known-share", "known_share", _above(0, 0.99, inclusive=True), "answers that need no judge"),
    ("--prefill", "prefill_per_second", _above(0), "prompt tokens a GPU computes a second"),
    ("--decode", "decode_per_second", _above(0), "tokens a GPU generates a second"),
    ("--gpu-price", "gpu_price", _above(0, inclusive=True), "price of a GPU an hour"),
    ("--core-price", "core_price", _above(0, inclusive=True), "price of a processor an hour"),
    ("--worker-ms", "worker_ms", _above(0), "processor time to embed an answer, milliseconds"),
    ("--utilisation", "utilisation", _above(0, 1), "how busy servers may be"),
    ("--failure-hours", "failure_hours", _above(0), "a judge fails this often"),
    ("--recovery-seconds", "recovery_seconds", _above(0), "and is back after so long"),
)


def _read_options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(prog="capacity.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", "--answers-per-minute", type=_above(0, 1e6), required=True, help="answers a minute")
    parser.add_argument("--burst", type=_above(0, 1e5, inclusive=True), default=100, help="a cohort an hour (100)")
    parser.add_argument("--judge", default="cpu", metavar="cpu|vllm-cpu|gpu|FILE", help="what judges (cpu)")
    parser.add_argument("--bench", dest="judge", metavar="FILE", help="the same with a file of viva bench judge --json")
    parser.add_argument("--p95-within", type=_above(0), default=30.0, help="the promise, seconds (30)")
    for option, name, reader, text in _OPTIONS:
        parser.add_argument(option, dest=name, type=reader, help=text)
    parser.add_argument("--seed", type=int, default=7, help="of chance (7)")
    parser.add_argument("--json", type=Path, dest="json_file", metavar="FILE", help="write the figures here, too")
    return parser.parse_args(arguments)


def _figures(options: argparse.Namespace) -> dict[str, Figure]:
    figures = dict(JUDGES[options.judge]) if options.judge in JUDGES else read_bench(Path(options.judge))
    figures = {
        "rate": Figure(options.rate, "given", "--rate: answers a minute"),
        "burst": Figure(float(int(options.burst)), "given", "--burst: a cohort that comes at once, each hour"),
        **COMMON,
        **figures,
    }
    if options.calls is not None and options.prompt_tokens is None:
        scale = options.calls / figures["calls"].value
        for name in ("prompt_tokens", "generated_tokens"):
            scaled = figures[name].value * scale
            figures[name] = Figure(scaled, "given", f"as many a call as measured, {options.calls:g} calls")
    for option, name, _, text in _OPTIONS:
        value = getattr(options, name)
        if value is None:
            continue
        if name not in figures:
            raise InputError(f"{option} has no meaning with --judge {options.judge}: leave it out.")
        if name in ("prompt_tokens", "cached_share") and "prompts_per_second" in figures:
            raise InputError(f"{option} would leave the speed as measured with other prompts: measure it with yours.")
        figures[name] = Figure(value, "given", f"{option}: {text}")
    return figures


def estimate(arguments: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """The report, and its figures as JSON values; raises InputError."""
    options = _read_options(arguments)
    sheet = arithmetic(_figures(options))
    simulation = Simulation(sheet, p95_within=options.p95_within, seed=options.seed)
    judges = int(sheet["judges"])
    scenes: dict[str, Scene | None] = {"by the arithmetic": simulation.run(judges)}
    # A queue that grows for as long as it lasts has no median: how long was simulated would be its only cause.
    scenes["one down all the time"] = simulation.run(judges - 1) if judges - 1 > sheet["judges_busy"] else None
    scenes["least that hold the promise"] = simulation.least()
    values = {
        "figures": {name: dataclasses.asdict(figure) for name, figure in sheet.figures.items()},
        "results": {
            name: {"value": result.value, "unit": result.unit, "basis": sheet.basis(name)}
            for name, result in sheet.results.items()
        },
        "simulated_minutes": simulation.minutes,
        "scenes": {name: dataclasses.asdict(scene) if scene else None for name, scene in scenes.items()},
    }
    return report(sheet, simulation, scenes, within=options.p95_within), values


def main(arguments: Sequence[str]) -> int:
    """Entry point: 0 done, 2 a mistake in one sentence."""
    try:
        text, values = estimate(arguments)
        print(text)
        if file := _read_options(arguments).json_file:
            try:
                file.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
            except OSError as error:
                raise InputError(f"{file} cannot be written ({error.strerror}): name another file.") from None
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
