"""What deploy/capacity.py says agrees with queueing theory, with the code's own figures and with the guide."""

from __future__ import annotations

import importlib.util
import json
import math
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from vivavoce.evaluation.benchmarks import worker_cost
from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import connect

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "deploy" / "capacity.py"
GUIDE = ROOT / "docs" / "scaling.md"
BENCH = {
    "engine": "vllm",
    "model": "judge",
    "prompts_an_answer": 5.0,
    "tokens_sent": 1300.0,
    "cached_share": 0.75,
    "tokens_generated": 5.0,
    "concurrency": 16,
    "rounds": [{"ours": 90.0, "bare": 100.0}, {"ours": 110.0, "bare": 100.0}, {"ours": 100.0, "bare": 100.0}],
}


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "deploy" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


capacity = _load("capacity")


def _estimate(command: str) -> dict[str, Any]:
    values: dict[str, Any] = capacity.estimate(shlex.split(command))[1]
    return values


def _result(command: str, name: str) -> float:
    return float(_estimate(command)["results"][name]["value"])


def _poisson(*, rate: float, count: int, seed: int) -> tuple[np.random.Generator, Any]:
    chance = np.random.default_rng(seed)
    return chance, np.cumsum(chance.exponential(1 / rate, count))


def _mean_wait(*, rate: float, service: float, servers: int) -> float:
    """Mean time in line of M/M/c by Erlang's C formula.

    L. Kleinrock, Queueing Systems, volume 1 (1975), section 3.5; A. K. Erlang (1917).
    """
    load = rate * service
    all_busy = load**servers / math.factorial(servers) * servers / (servers - load)
    none_waits = sum(load**k / math.factorial(k) for k in range(servers))
    return all_busy / (none_waits + all_busy) * service / (servers - load)


@pytest.mark.parametrize(("servers", "load"), [(1, 0.5), (1, 0.8), (3, 0.7), (8, 0.85)])
def test_the_mean_wait_is_erlang_c_s(servers: int, load: float) -> None:
    rate, service = 1.0, servers * load
    waits = []
    for seed in range(20):
        chance, arrivals = _poisson(rate=rate, count=20_000, seed=seed)
        work = chance.exponential(service, len(arrivals))
        passed = capacity.pass_through(arrivals, work, servers)
        waits.append(float((passed.left - arrivals - work).mean()))
    error = np.std(waits, ddof=1) / math.sqrt(len(waits))
    expected = _mean_wait(rate=rate, service=service, servers=servers)
    assert abs(np.mean(waits) - expected) < 3.5 * error
    assert error < 0.05 * expected, "a test that could not fail"


def test_one_server_with_even_work_waits_half_as_long_as_with_exponential_work() -> None:
    # Pollaczek and Khinchine: the wait grows with 1 + the squared deviation over the mean.
    _, arrivals = _poisson(rate=1.0, count=200_000, seed=3)
    passed = capacity.pass_through(arrivals, np.full(len(arrivals), 0.7), 1)
    assert (passed.left - arrivals).mean() - 0.7 == pytest.approx(
        _mean_wait(rate=1.0, service=0.7, servers=1) / 2, rel=0.03
    )


def test_little_s_law_holds_with_outages_and_two_lines() -> None:
    chance, arrivals = _poisson(rate=2.0, count=30_000, seed=5)
    outages = [(begin, begin + 40.0, server) for server in range(3) for begin in range(100 + server, 14_000, 900)]
    passed = capacity.pass_through(
        arrivals,
        chance.gamma(4, 0.25, len(arrivals)),
        3,
        later=chance.random(len(arrivals)) < 0.3,
        outages=[(float(begin), float(end), server) for begin, end, server in outages],
    )
    # How many are there, seen at even times, against how long each of them stays.
    ends = np.sort(passed.left)
    seen = np.linspace(arrivals[0], ends[-1], 200_000)
    there = np.searchsorted(arrivals, seen, side="right") - np.searchsorted(ends, seen, side="right")
    per_second = len(arrivals) / (ends[-1] - arrivals[0])
    assert there.mean() == pytest.approx(per_second * (passed.left - arrivals).mean(), rel=0.01)


def test_an_outage_sends_the_answer_in_hand_to_another_server_at_once() -> None:
    passed = capacity.pass_through(
        np.array([0.0, 1.0]), np.array([10.0, 10.0]), 2, outages=[(4.0, 100.0, 0), (4.0, 100.0, 1)]
    )
    assert passed.left.tolist() == [110.0, 110.0]
    one_goes_on = capacity.pass_through(np.array([0.0]), np.array([10.0]), 2, outages=[(4.0, 100.0, 1)])
    assert one_goes_on.left.tolist() == [14.0]


def test_a_cohort_of_one_question_has_one_judge() -> None:
    # The gateway's hash sends prompts that begin alike to one judge.
    alone = _result("--rate 100 --burst 200 --judge gpu", "cohort_on_one_judge")
    assert alone == pytest.approx(200 * _result("--rate 100 --judge gpu", "judge_seconds"))


def test_a_cohort_waits_for_those_who_are_waited_for() -> None:
    passed = capacity.pass_through(
        np.array([0.0, 0.0, 0.0, 1.5]), np.ones(4), 1, later=np.array([True, True, True, False])
    )
    assert passed.left.tolist() == [1.0, 2.0, 4.0, 3.0]
    assert passed.most_waiting == 2
    assert passed.load == 1.0


def test_equal_seeds_give_equal_reports_and_other_seeds_other_ones() -> None:
    first, again, other = (capacity.estimate(["--rate", "20", "--seed", seed])[0] for seed in ("1", "1", "2"))
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("", "--rate"),
        ("--rate nothing", "'nothing' is not a number above 0"),
        ("--rate -3", "--rate"),
        ("--rate inf", "'inf' is not a number above 0"),
        ("--rate 10 --cached-share 1.5", "from 0 to 1"),
        ("--rate 10 --utilisation 0", "above 0 to 1"),
        ("--rate 10 --prefill 9000", "--prefill has no meaning with --judge cpu"),
        ("--rate 10 --judge vllm-cpu --cached-share 0", "measure it with yours"),
        ("--rate 10 --judge tpu", "tpu cannot be read"),
        ("--rate 10 --judge {root}/README.md", "is not what 'viva bench judge --json' writes"),
        ("--rate 10 --json {root}/nowhere/file.json", "cannot be written"),
        ("--rate 10 --unheard-of", "--unheard-of"),
    ],
)
def test_a_mistake_is_one_sentence_and_status_2(arguments: str, named: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert capacity.main(shlex.split(arguments.format(root=ROOT))) == 2
    said = capsys.readouterr().err
    assert named in said
    assert len(said.splitlines()) == 1


def test_it_runs_as_a_command_and_writes_its_figures(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    command = [sys.executable, str(SCRIPT), "--answers-per-minute", "10", "--json", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    written = json.loads(file.read_text(encoding="utf-8"))
    assert written["results"]["judges"]["value"] == 2
    assert "by the arithmetic: 2" in done.stdout


def test_a_measured_judge_takes_the_place_of_assumptions(tmp_path: Path) -> None:
    file = tmp_path / "judge.json"
    file.write_text(json.dumps(BENCH), encoding="utf-8")
    found = _estimate(f"--rate 6000 --burst 0 --bench {file} --gpu-price 2")
    # The median round: 100 prompts a second are 20 answers; 100 answers a second at 70 %.
    assert found["results"]["judge_seconds"]["value"] == pytest.approx(0.05)
    assert found["results"]["judges"]["value"] == 8
    assert "assumed" not in found["results"]["judges"]["basis"]
    assert "measured" in found["results"]["judges"]["basis"]
    assert found["results"]["tokens_computed"]["value"] == pytest.approx(325)


@pytest.mark.parametrize(
    "change", [{"rounds": []}, {"tokens_sent": 0}, {"cached_share": 2}, {"rounds": [{"ours": "?"}]}]
)
def test_a_bench_file_that_cannot_be_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "judge.json"
    file.write_text(json.dumps({**BENCH, **change}), encoding="utf-8")
    with pytest.raises(capacity.InputError, match=r"judge\.json"):
        _estimate(f"--rate 10 --bench {file}")


def test_a_result_names_the_assumptions_it_rests_on() -> None:
    gpu = _estimate("--rate 100 --judge gpu")["results"]
    assert gpu["judges"]["basis"].startswith("assumed (decode_per_second, prefill_per_second)")
    assert "gpu_price" in gpu["cost_of_1000_answers"]["basis"]
    assert gpu["tokens_computed"]["basis"] == "measured"
    given = _estimate("--rate 100 --judge gpu --prefill 9000 --decode 3000")["results"]
    assert given["judges"]["basis"].startswith("given")


def test_no_gpu_speed_and_no_price_passes_for_measured() -> None:
    for figures in (capacity.COMMON, *capacity.JUDGES.values()):
        for name, figure in figures.items():
            if name.endswith("price") or name in {"prefill_per_second", "decode_per_second"}:
                assert figure.origin == "assumed", name


def test_what_was_counted_is_what_the_code_says() -> None:
    engine = connect("postgresql+psycopg://nobody@nowhere/none")
    assert isinstance(engine.pool, sa.QueuePool)
    most = engine.pool.size() + engine.pool._max_overflow
    assert capacity.COMMON["connections_each"].value == most
    assert capacity.COMMON["batch_size"].value == Settings.model_fields["batch_size"].default


def test_the_promise_is_held_by_the_least_judges_and_by_one_fewer_it_is_not() -> None:
    sheet = capacity.arithmetic(capacity._figures(capacity._read_options(["--rate", "100"])))
    simulation = capacity.Simulation(sheet, p95_within=14.0, seed=7)
    least = simulation.least()
    assert least
    assert least.holds
    assert least.judges > sheet["judges_busy"]
    assert not simulation.run(least.judges - 1).holds


def test_a_promise_that_no_judge_can_hold_is_called_that() -> None:
    text, found = capacity.estimate(["--rate", "10", "--p95-within", "0.1"])
    assert found["scenes"]["least that hold the promise"] is None
    assert "no number of judges does" in text


@pytest.mark.models
def test_the_cost_of_a_worker_is_measured_in_both_languages(capsys: pytest.CaptureFixture[str]) -> None:
    worker_cost.main(questions=["distillation"], batches=1)
    said = capsys.readouterr().out
    assert (
        len(re.findall(r"^multilingual-e5-small-q4, (en|zh): \d+ ms of processor an answer", said, re.MULTILINE)) == 2
    )


def test_answers_on_record_need_no_judge_but_a_worker() -> None:
    for name, factor in {"judges_busy": 0.5, "workers_for_processor": 1.0}.items():
        known = _result("--rate 1000 --judge gpu --known-share 0.5", name)
        assert known == pytest.approx(factor * _result("--rate 1000 --judge gpu", name))


def test_more_calls_bring_more_tokens() -> None:
    assert _result("--rate 10 --criteria-calls 8.7", "tokens_sent") == pytest.approx(2 * 1249)


def _guide_tables() -> list[tuple[str, list[str], list[str]]]:
    """Each row of the guide that names a result: (name, its cells, the commands of its columns)."""
    text = GUIDE.read_text(encoding="utf-8")
    commands = {
        letter: command.strip()
        for command, letter in re.findall(r"^python deploy/capacity\.py (.+?)# ([A-Z]):?(?: .*)?$", text, re.MULTILINE)
    }
    rows, columns = [], []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split("|")]
        if re.fullmatch(r"\| \|( [A-Z] \|)+", line):
            columns = [commands[letter] for letter in line if letter.isupper()]
        elif columns and (name := re.match(r"`([a-z0-9_. ]+)`", cells[0])):
            rows.append((name[1], cells[1:], columns))
        elif not line.startswith("|"):
            columns = []
    return rows


def test_the_guide_s_numbers_are_what_its_commands_print() -> None:
    rows = _guide_tables()
    found = {command: _estimate(command) for command in {command for _, _, columns in rows for command in columns}}
    assert len(found) == 8
    expected = [(name, [_cell(found[command], name) for command in columns], columns) for name, _, columns in rows]
    assert rows == expected


def _cell(found: dict[str, Any], name: str) -> str:
    if name in found["results"]:
        return str(capacity._number(found["results"][name]["value"]))
    scene, _, figure = name.rpartition(".")
    of_scene = found["scenes"][scene]
    return str(capacity._number(round(of_scene[figure], 1))) if of_scene else "–"
