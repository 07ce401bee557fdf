"""The main job with nothing made up: a real service process, its real worker, the real judge."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

GOOD = (
    "Quantization keeps the weights in INT8 or INT4 instead of FP16, so there is less to read from memory. You can "
    "do it after training with a few calibration samples, or simulate it during training so that the model adapts. "
    "The price is some accuracy, mostly below 4 bits."
)
WEAK = "It makes the model smaller."


@contextmanager
def _service(state: Path) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "vivavoce.cli", "serve", "--port", str(port)],
        env={**os.environ, "VIVA_STATE_DIR": str(state)},
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=90, trust_env=False) as client:
            _wait_until(lambda: _is_ready(client), seconds=120)
            yield process, client
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) is not None


def _is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def _wait_until(condition: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)


def _submit(client: httpx.Client, answer: str, *, language: str = "en") -> str:
    body = {"question_id": "quantization", "language": language, "answer": answer}
    return str(client.post("/v1/gradings", json=body).raise_for_status().json()["id"])


def _finish(client: httpx.Client, grading_id: str) -> dict[str, object]:
    for _ in range(6):
        grading = client.get(f"/v1/gradings/{grading_id}", params={"wait": 30}).json()
        if grading["state"] not in {"queued", "running"}:
            return dict(grading["report"])
    raise AssertionError("it was not graded in time")


def _judge_pid(service: subprocess.Popen[bytes]) -> int:
    found = subprocess.run(["pgrep", "-P", str(service.pid), "-f", "judge.embedded"], capture_output=True, check=True)
    return int(found.stdout.split()[0])


def test_a_good_answer_scores_well_above_a_weak_one_and_the_report_names_what_graded_it(tmp_path: Path) -> None:
    with _service(tmp_path) as (_, client):
        ids = [_submit(client, answer) for answer in (GOOD, WEAK)]
        good, weak = (_finish(client, grading_id) for grading_id in ids)
        assert good["score"] >= weak["score"] + 2  # type: ignore[operator]
        provenance = good["provenance"]
        assert isinstance(provenance, dict)
        assert provenance["engine"] == "llamacpp"
        assert provenance["model"] == "Qwen2.5-Coder-1.5B-Instruct-Q4_K_M"
        assert provenance["model_revision"].startswith("cc324af070c2")
        assert provenance["judge_calls"] > 0

        again = _finish(client, _submit(client, GOOD))
        assert again["score"] == good["score"]
        assert again["provenance"]["judge_calls"] == 0  # type: ignore[index]


def test_two_runs_from_an_empty_database_give_the_same_scores_in_any_order(tmp_path: Path) -> None:
    scores = []
    for run, answers in enumerate([[GOOD, WEAK], [WEAK, GOOD]]):
        with _service(tmp_path / str(run)) as (_, client):
            ids = {answer: _submit(client, answer) for answer in answers}
            scores.append({answer: _finish(client, grading_id)["score"] for answer, grading_id in ids.items()})
    assert scores[0] == scores[1]


def test_while_the_judge_is_stopped_nothing_is_scored_and_everything_is_finished_when_it_returns(
    tmp_path: Path,
) -> None:
    with _service(tmp_path) as (service, client):
        judge = _judge_pid(service)
        os.kill(judge, signal.SIGKILL)
        ids = [_submit(client, answer) for answer in (GOOD, WEAK, "I don't know")]
        reports = [_finish(client, grading_id) for grading_id in ids]
        assert _judge_pid(service) != judge
        assert reports[0]["score"] > reports[1]["score"]  # type: ignore[operator]
        assert reports[2]["score"] == 0


def test_a_stopped_service_loses_nothing_and_leaves_no_judge_behind(tmp_path: Path) -> None:
    with _service(tmp_path) as (service, client):
        judge = _judge_pid(service)
        ids = [_submit(client, f"{GOOD} Variant {number}.") for number in range(3)]
    assert not Path(f"/proc/{judge}").exists()
    with _service(tmp_path) as (_, client):
        assert all(_finish(client, grading_id)["score"] is not None for grading_id in ids)
