"""A campaign: a cohort is filled and graded while it is ended, limited and killed at random; then all is counted."""

from __future__ import annotations

import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from vivavoce.service.storage.tables import Event

from ..faults.site import Site
from ..servers import wait_until
from ..service.keys import make_key_header
from .actions import ACTIONS
from .batch import Batch

_log = logging.getLogger(__name__)
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Outcome:
    """What came of it. `paid` and `needed` count judge prompts, all and different ones."""

    seed: int
    items: int
    actions: int
    states: int
    reads: int
    graded: int
    twice: int
    paid: int
    needed: int
    events: int
    reader_lives: int
    missing: int
    double: int
    client_lives: int
    seconds: float
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing was lost, graded twice, overspent, missed or seen double."""
        wrong = self.twice or self.missing or self.double or self.problems
        return not wrong and self.graded == self.items


def run_campaign(
    folder: Path,
    *,
    seed: int,
    items: int,
    actions: int,
    workers: int = 2,
    concurrency: int = 8,
    judge_seconds: float = 0.02,
) -> Outcome:
    """Fill a cohort, run it while things happen, let it finish, and count."""
    chance = random.Random(seed)
    started = time.monotonic()
    settings = {
        "VIVA_LEASE_SECONDS": "4",
        "VIVA_JUDGE_TIMEOUT_SECONDS": "2",
        "VIVA_JUDGE_DEADLINE_SECONDS": "4",
        "VIVA_JUDGE_PRICE_PROMPT": "1",
        "VIVA_JUDGE_PRICE_COMPLETION": "1",
        # Workers are killed more often than any should be.
        "VIVA_MAX_ATTEMPTS": "1000",
    }
    with Site(
        folder,
        "postgresql",
        workers=workers,
        concurrency=concurrency,
        pool="threads",
        judge_seconds=judge_seconds,
        **settings,
    ) as site:
        header = make_key_header(site.sessions)
        site.http.headers.update(header)
        site.start()
        batch = Batch(site, items=items)
        events = folder / "events"
        with _keep_reading(site, events):
            client_lives = _fill(site, batch, header["Authorization"].removeprefix("Bearer "), chance)
            _log.info("filled after %.1f s", time.monotonic() - started)
            batch.post("finalise")
            batch.post("start")
            plan = [*ACTIONS] * (actions // len(ACTIONS)) + chance.sample([*ACTIONS], k=actions % len(ACTIONS))
            chance.shuffle(plan)
            with _watch(batch):
                for name in plan:
                    if batch.read()["state"] == "finished":
                        break
                    began = time.monotonic()
                    ACTIONS[name](batch, chance)
                    _log.info("%s took %.1f s", name, time.monotonic() - began)
                    time.sleep(chance.uniform(0.1, 1.0))
                _finish(batch)
            _log.info("finished after %.1f s", time.monotonic() - started)
            batch.check_graded()
            batch.check_budget()
            last = _last_event(site)
            wait_until(lambda: _count_lines(events) >= last, seconds=600, what="the reader has read all")
        seen = Counter(int(line.split()[0]) for line in events.read_text().splitlines())
        written = Counter(site.written())
        prompts = [str(messages) for messages in list(site.judge.answered)]
        return Outcome(
            seed=seed,
            items=items,
            actions=len(plan),
            states=len(batch.states_seen),
            reads=batch.reads,
            graded=batch.read()["counts"]["graded"] + batch.read()["counts"]["needs_review"],
            twice=sum(count - 1 for count in written.values()),
            paid=len(prompts),
            needed=len({*prompts}),
            events=last,
            reader_lives=len(events.with_suffix(".lives").read_bytes()),
            missing=last - len(seen),
            double=sum(count - 1 for count in seen.values()),
            client_lives=client_lives,
            seconds=time.monotonic() - started,
            problems=tuple(dict.fromkeys(batch.problems)),
        )


def _fill(site: Site, batch: Batch, key: str, chance: random.Random) -> int:
    """Have a client send the answers, killed a few times; returns how many lives it had."""
    command = [sys.executable, "-m", "tests.cohorts.client", str(site.http.base_url), key, batch.id, str(batch.items)]
    for life in range(1, 100):
        client = subprocess.Popen(command, cwd=_ROOT)
        try:
            client.wait(chance.uniform(0.5, 3.0) if life <= 3 else None)
        except subprocess.TimeoutExpired:
            client.kill()
            client.wait()
        if client.returncode == 0:
            return life
        assert client.returncode == -9, "the client failed"
    raise AssertionError("the client never came to its end")


@contextmanager
def _keep_reading(site: Site, file: Path) -> Iterator[None]:
    """Run the reader of events, in a group of its own."""
    command = [sys.executable, "-m", "tests.cohorts.reader", site.engine.url.render_as_string(False), str(file)]
    reader = subprocess.Popen(command, cwd=_ROOT, start_new_session=True)
    try:
        yield
    finally:
        os.killpg(reader.pid, signal.SIGKILL)
        reader.wait()


@contextmanager
def _watch(batch: Batch) -> Iterator[None]:
    """Read the cohort all the time, so that no state goes by unseen."""
    stop = threading.Event()

    def read_until_stopped() -> None:
        while not stop.wait(0.1):
            batch.read()
            batch.check_budget()

    with _in_thread(read_until_stopped, stop):
        yield


@contextmanager
def _in_thread(work: Callable[[], None], stop: threading.Event) -> Iterator[None]:
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _finish(batch: Batch) -> None:
    batch.edit(max_calls=None, max_cost=None, finish_by=None)
    batch.post("resume")
    wait_until(lambda: batch.read()["state"] == "finished", seconds=3600, what="the cohort is finished")


def _last_event(site: Site) -> int:
    with site.sessions() as session:
        return session.scalar(sa.select(sa.func.max(Event.sequence))) or 0


def _count_lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0
