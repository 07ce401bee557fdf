"""Single promises, each put to the test by itself and measured."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from vivavoce.service.gradings import lifecycle
from vivavoce.service.storage.tables import State

from ..servers import wait_until
from .site import Kind, Site

PICKED_UP_SECONDS = 15.0
POISON_RATIO = 1.5
RESTARTS = 20


@dataclass(frozen=True)
class Finding:
    """A promise, what was seen, and whether it was kept."""

    promise: str
    database: Kind
    seen: str
    kept: bool


Scenario = Callable[[Path, Kind], Finding]


def picked_up_elsewhere(folder: Path, database: Kind, *, within: float = PICKED_UP_SECONDS) -> Finding:
    """SIGKILL of a worker on another machine, so that only its lease tells that it is gone; settings as shipped."""
    return _picked_up(folder, database, "another", within=within)


def picked_up_here(folder: Path, database: Kind) -> Finding:
    """SIGKILL of a worker on the same machine, where others can see that it is gone."""
    return _picked_up(folder, database, "this", within=PICKED_UP_SECONDS)


def _picked_up(folder: Path, database: Kind, machine: str, *, within: float) -> Finding:
    seconds = _seconds_until_picked_up(folder, database, apart=machine == "another")
    promise = f"SIGKILL on {machine} machine: picked up within {PICKED_UP_SECONDS:.0f} s"
    return Finding(promise, database, f"{seconds:.1f} s", seconds <= within)


def _seconds_until_picked_up(folder: Path, database: Kind, *, apart: bool) -> float:
    with Site(folder, database) as site:
        for number, worker in enumerate(site.workers):
            worker.start(**({"FAULT_PLACE": f"machine{number}"} if apart else {}))
        site.api.start()
        site.wait_for_api()
        site.wait_for_workers()
        site.judge.behave("hang")
        grading = site.submit("INT8", key="a")
        holder = site.holder_of(grading)
        site.judge.behave("answer")
        killed = time.monotonic()
        holder.kill_group()
        wait_until(lambda: site.holder_of(grading) is not holder or _is_done(site), seconds=60, what="picked up")
        seconds = time.monotonic() - killed
        site.wait_until_done(seconds=60)
        return seconds


def flushed(folder: Path, database: Kind, *, queued: int = 200) -> Finding:
    """FLUSHALL while answers wait that no worker has heard of."""
    with Site(folder, database, judge_seconds=0.0) as site:
        site.api.start()
        site.wait_for_api()
        ids = [site.submit(f"INT8 number {number}", key=str(number)) for number in range(queued)]
        site.redis.command("FLUSHALL")
        for worker in site.workers:
            worker.start()
        site.wait_until_done(seconds=180)
        written = Counter(site.written())
        done = sum(written[one] == 1 for one in ids)
    return Finding(
        f"FLUSHALL with {queued} queued: all finished, none twice",
        database,
        f"{done} finished once, {max(written.values()) - 1} twice",
        done == queued == written.total(),
    )


def lost_replies(folder: Path, database: Kind, *, wanted: int = 5) -> Finding:
    """SIGKILL of the API right after a commit: the same request again gets the stored reply, and is one grading."""
    lost = replayed = 0
    with Site(folder, database, workers=0) as site:
        for number in range(20 * wanted):
            site.api.start()
            site.wait_for_api()
            if not _kill_after_commit(site, key=str(number)):
                lost += 1
                site.api.start()
                site.wait_for_api()
                replayed += _post(site, str(number)).headers.get("Idempotent-Replayed") == "true"
                site.api.kill_group()
            if lost == wanted:
                break
        answers = site.states()
    seen = f"{lost} replies lost, {replayed} given again, {len(answers)} gradings of {number + 1} requests"
    is_kept = lost == replayed == wanted and len(answers) == number + 1
    return Finding("SIGKILL between commit and reply: the stored reply, one grading", database, seen, is_kept)


def _kill_after_commit(site: Site, *, key: str) -> bool:
    """Send a request and kill the API once its row can be seen; returns whether the reply still came."""
    before = len(site.states())
    replies: list[httpx.Response] = []

    def post() -> None:
        with contextlib.suppress(httpx.TransportError):
            replies.append(_post(site, key))

    request = threading.Thread(target=post)
    request.start()
    while len(site.states()) == before:
        pass
    site.api.kill_group()
    request.join()
    return bool(replies)


def _post(site: Site, key: str) -> httpx.Response:
    body = {"question_id": "quantization", "answer": f"INT8 {key}", "language": "en"}
    return site.http.post("/v1/gradings", json=body, headers={"Idempotency-Key": key})


def zombie(folder: Path, database: Kind) -> Finding:
    """A worker that is frozen past its lease and then goes on: its late write is refused and logged."""
    with Site(folder, database, judge_seconds=1.0) as site:
        site.start()
        grading = site.submit("INT8", key="a")
        holder = site.holder_of(grading)
        holder.signal_group(signal.SIGSTOP)
        site.wait_until_done(seconds=60)
        holder.signal_group(signal.SIGCONT)
        refused = f"late result refused: grading {grading}"
        wait_until(lambda: refused in holder.log.read_text(), seconds=60, what="the late result is refused")
        time.sleep(1)
        reports = len(site.written())
    return Finding("zombie past its lease: late write refused and logged", database, f"{reports} report", reports == 1)


def poison(folder: Path, database: Kind, *, others: int = 50, within: float = POISON_RATIO) -> Finding:
    """An answer that kills whoever grades it dies after three attempts, and the others hardly notice."""
    with Site(folder, database, judge_seconds=0.2) as site:
        site.start()
        baseline = _seconds_to_grade(site, others, "plain")
        began = time.monotonic()
        bad = site.submit("POISON", key="poison")
        with_poison = _seconds_to_grade(site, others, "beside")
        wait_until(lambda: site.states()[bad][0] is State.DEAD, seconds=90, what="the poison is dead")
        died = time.monotonic() - began
        with site.sessions() as session:
            attempts = lifecycle.get(session, bad).attempt
    ratio = with_poison / baseline
    return Finding(
        f"poison dead after 3 attempts, {others} others within {POISON_RATIO} of the baseline",
        database,
        f"{attempts} attempts, {died:.0f} s; others {with_poison:.1f} s / {baseline:.1f} s = {ratio:.2f}",
        attempts == 3 and ratio <= within,
    )


def _seconds_to_grade(site: Site, count: int, name: str) -> float:
    began = time.monotonic()
    ids = [site.submit(f"INT8 {name} {number}", key=f"{name}{number}") for number in range(count)]
    wait_until(lambda: not any(site.states()[one][0].open for one in ids), seconds=120, what=f"{name} graded")
    return time.monotonic() - began


def rolling_restarts(folder: Path, database: Kind, *, restarts: int = RESTARTS) -> Finding:
    """SIGTERM to one process after another, the API every fourth time, while answers come in."""
    with Site(folder, database, judge_seconds=0.1) as site:
        site.start()
        stop = threading.Event()
        ids: list[str] = []

        def submit() -> None:
            while not stop.is_set():
                ids.append(site.submit(f"INT8 number {len(ids)}", key=str(len(ids))))
                stop.wait(0.15)

        load = threading.Thread(target=submit)
        load.start()
        longest = 0.0
        unclean = 0
        for number in range(restarts):
            service = site.api if number % 4 == 3 else site.workers[number % len(site.workers)]
            began = time.monotonic()
            unclean += service.terminate() != 0
            longest = max(longest, time.monotonic() - began)
            service.start()
            site.wait_for_api()
            site.wait_for_workers()
        stop.set()
        load.join()
        site.wait_until_done(seconds=120)
        written = Counter(site.written())
        lost = sum(written[one] == 0 for one in ids)
        with_attempts = site.lost_attempts()
    twice = written.total() - len(written)
    return Finding(
        f"{restarts} rolling restarts by SIGTERM under load: none lost, none twice",
        database,
        f"{len(ids)} gradings, {lost} lost, {twice} twice, {with_attempts} cut off, longest stop {longest:.1f} s, "
        f"{unclean} unclean",
        lost == 0 and twice == 0 and unclean == 0,
    )


def clock(folder: Path, database: Kind) -> Finding:
    """Everything stops in mid-work and comes back ten minutes later: nothing has expired."""
    with Site(folder, database, judge_seconds=0.3) as site:
        site.start()
        ids = [site.submit(f"INT8 number {number}", key=str(number)) for number in range(60)]
        for service in (site.api, *site.workers):
            service.kill_group()
        held = sum(state is State.RUNNING for state, _ in site.states().values())
        for service in (site.api, *site.workers):
            service.start(FAULT_CLOCK_SECONDS="600")
        site.wait_until_done(seconds=120)
        states = Counter(state for state, _ in site.states().values())
        written = Counter(site.written())
    done = sum(written[one] == 1 for one in ids)
    return Finding(
        "stopped for 10 minutes: no mass expiry",
        database,
        f"{held} were held, {done} of {len(ids)} finished once, {states[State.DEAD]} dead",
        done == len(ids) and not states[State.DEAD],
    )


def _is_done(site: Site) -> bool:
    return not any(state.open for state, _ in site.states().values())


SCENARIOS: tuple[Scenario, ...] = (
    picked_up_elsewhere,
    picked_up_here,
    flushed,
    lost_replies,
    zombie,
    poison,
    rolling_restarts,
    clock,
)
