"""What can go wrong, each as a function that does it to a site and mends it again, and takes seconds."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable

import sqlalchemy as sa

from vivavoce.graders.judge.servers.stub import Behaviour

from .site import Service, Site

Fault = Callable[[Site, random.Random], None]
LEASE_SECONDS = 4.0


def _restart(service: Service, chance: random.Random) -> None:
    """What a supervisor does."""
    time.sleep(chance.uniform(0.2, 1.0))
    service.start()


def kill_worker_group(site: Site, chance: random.Random) -> None:
    worker = chance.choice(site.workers)
    worker.kill_group()
    _restart(worker, chance)


def kill_worker_child(site: Site, chance: random.Random) -> None:
    children = chance.choice(site.workers).children()
    if children:
        _kill(chance.choice(children))


def freeze_worker(site: Site, chance: random.Random) -> None:
    worker = chance.choice(site.workers)
    worker.signal_group(signal.SIGSTOP)
    time.sleep(LEASE_SECONDS + 2)
    worker.signal_group(signal.SIGCONT)


def kill_api(site: Site, chance: random.Random) -> None:
    site.api.kill_group()
    _restart(site.api, chance)


def kill_redis(site: Site, chance: random.Random) -> None:
    site.redis.kill()
    time.sleep(chance.uniform(0.2, 2.0))
    site.redis.start()


def flush_redis(site: Site, chance: random.Random) -> None:
    site.redis.command("FLUSHALL")


def kill_redis_clients(site: Site, chance: random.Random) -> None:
    site.redis.command("CLIENT", "KILL", "TYPE", "normal")


def freeze_redis(site: Site, chance: random.Random) -> None:
    site.redis.freeze()
    time.sleep(10)
    site.redis.thaw()


def crash_database(site: Site, chance: random.Random) -> None:
    """PostgreSQL: immediate restart. SQLite has no server to crash: its file is locked by another writer."""
    if site.postgres:
        site.postgres.stop("immediate")
        time.sleep(chance.uniform(0.1, 1.5))
        site.postgres.start()
    else:
        with site.engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
            time.sleep(3)


def _judge(*behaviours: Behaviour) -> Fault:
    def fault(site: Site, chance: random.Random) -> None:
        site.judge.behave(*behaviours)
        time.sleep(chance.uniform(1.0, 3.0))
        site.judge.behave("answer")

    return fault


def _kill(process: int) -> None:
    import os

    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return


KINDS: dict[str, Fault] = {
    "SIGKILL worker group": kill_worker_group,
    "SIGKILL worker child": kill_worker_child,
    "SIGSTOP worker past its lease": freeze_worker,
    "SIGKILL API": kill_api,
    "SIGKILL Redis": kill_redis,
    "FLUSHALL": flush_redis,
    "CLIENT KILL": kill_redis_clients,
    "SIGSTOP Redis 10 s": freeze_redis,
    "database crash or lock": crash_database,
    "judge: HTTP 500": _judge("http_500"),
    "judge: hang": _judge("hang"),
    "judge: garbage": _judge("not_json", "half_json", "nan"),
    "judge: drop": _judge("drop", "drop_mid_body"),
}
