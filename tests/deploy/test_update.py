"""`deploy/update`, with a stand-in for Docker that does what each test says and keeps what it was asked."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
from pathlib import Path

import pytest

_DOCKER = """#!/usr/bin/env bash
# New containers of a service come with 'up --scale'; 'health' says how those are, old ones are well.
cd "$(dirname "$0")"
echo "$*" >> calls
case "$*" in
  "compose version"|"image inspect"*) ;;
  "compose up"*--scale*) n=$(wc -l < calls); printf '%s\\n' "new-$n-1" "new-$n-2" >> "ps-${*: -1}" ;;
  "compose up"*) for service in "${@:5}"; do echo "new-$service" > "ps-$service"; done ;;
  "compose run"*) echo "$*" >> runs; [ -z "${FAILING:-}" ] || [[ "$*" != *$FAILING* ]] ;;
  "compose ps -q"*) cat "ps-$4" 2>/dev/null ;;
  *inspect*Health*new-*) cat health ;;
  *inspect*Health*) echo healthy 0 ;;
  *inspect*Config.Image*) echo "vivavoce-api:0.1.0" ;;
  "rm --force --volumes"*) for id in "${@:4}"; do sed -i "/^$id$/d" ps-*; done ;;
  "rm --volumes"*) sed -i "/^$3$/d" ps-* ;;
esac
"""


@pytest.mark.parametrize("arguments", [[], ["release"], ["judges"], ["everything", "now"]])
def test_it_says_how_it_is_used(installed: Path, arguments: list[str]) -> None:
    done = subprocess.run([installed / "deploy" / "update", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "deploy/update release VERSION" in done.stderr


def test_it_refuses_to_run_beside_another(installed: Path) -> None:
    with (installed / ".env.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            [installed / "deploy" / "update", "release", "1"], capture_output=True, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr == "deploy/update: another update is running.\n"


def test_a_release_replaces_api_and_workers_and_remembers_the_version_before(installed: Path) -> None:
    docker = _docker(installed, health="healthy 0")
    done = _update(installed, "release", "0.2.0")
    assert done.returncode == 0, done.stderr
    assert _settings(installed).items() >= {"VIVA_VERSION": "0.2.0", "VIVA_VERSION_BEFORE": "0.1.0"}.items()
    for service in ("api", "worker"):
        running = (docker / f"ps-{service}").read_text().split()
        assert len(running) == 2
        assert all(container.startswith("new-") for container in running)
    assert _update(installed, "release", "--back").returncode == 0
    assert _settings(installed).items() >= {"VIVA_VERSION": "0.1.0"}.items()


def test_a_release_whose_containers_end_again_and_again_is_taken_away_and_the_old_ones_are_not_touched(
    installed: Path,
) -> None:
    docker = _docker(installed, health="starting 3")
    done = _update(installed, "release", "0.2.0")
    assert done.returncode == 1
    assert "version 0.2.0 did not come up, 0.1.0 goes on working." in done.stderr
    assert _settings(installed).items() >= {"VIVA_VERSION": "0.1.0"}.items()
    assert (docker / "ps-api").read_text().split() == ["old-api-1", "old-api-2"]
    assert not re.search(r"^stop ", (docker / "calls").read_text(), re.MULTILINE)


def test_a_release_whose_schema_fails_starts_nothing(installed: Path) -> None:
    docker = _docker(installed, health="healthy 0")
    assert _update(installed, "release", "0.2.0", FAILING="migrate").returncode == 1
    assert "--scale" not in (docker / "calls").read_text()
    assert _settings(installed).items() >= {"VIVA_VERSION": "0.1.0"}.items()


def test_judges_that_do_not_come_up_sit_no_examination(installed: Path) -> None:
    docker = _docker(installed, health="unhealthy 5")
    done = _update(installed, "judges", "deploy/judges/blue.env")
    assert done.returncode == 1
    assert "the judges green do not come up: blue goes on working." in done.stderr
    assert not (docker / "runs").exists()
    assert _settings(installed).items() >= {"VIVA_JUDGES": "blue", "COMPOSE_PROFILES": "cpu"}.items()


@pytest.mark.parametrize("step", ["qualify", "promote"])
def test_judges_that_fail_the_examination_are_stopped(installed: Path, step: str) -> None:
    docker = _docker(installed, health="healthy 0")
    done = _update(installed, "judges", "deploy/judges/blue.env", FAILING=step)
    assert done.returncode == 1
    assert "the judges green did not pass: blue goes on working." in done.stderr
    assert "compose stop judge-green-a judge-green-b" in (docker / "calls").read_text()
    assert _settings(installed).items() >= {"VIVA_JUDGES": "blue", "COMPOSE_PROFILES": "cpu"}.items()


def test_judges_that_pass_take_over_and_the_ones_before_can_be_called_back(installed: Path) -> None:
    docker = _docker(installed, health="healthy 0")
    done = _update(installed, "judges", "deploy/judges/blue.env", "--question", "bert")
    assert done.returncode == 0, done.stderr
    assert "viva bank qualify --register --question bert" in (docker / "runs").read_text()
    assert _settings(installed).items() >= {"VIVA_JUDGES": "green", "COMPOSE_PROFILES": "cpu-green"}.items()
    assert "VIVA_JUDGE_URL=http://green.judges:8080" in (installed / "deploy" / "judges" / "green.env").read_text()
    assert "compose stop judge-blue-a judge-blue-b" in (docker / "calls").read_text()
    assert _update(installed, "judges", "--back").returncode == 0
    assert "viva judges rollback" in (docker / "runs").read_text()
    assert _settings(installed).items() >= {"VIVA_JUDGES": "blue", "COMPOSE_PROFILES": "cpu"}.items()


def test_workers_that_do_not_come_up_with_the_new_judges_leave_the_old_ones_at_work(installed: Path) -> None:
    docker = _docker(installed, health="healthy 0")
    # The judges are well, what is started for them is not.
    stub = (docker / "docker").read_text()
    (docker / "docker").write_text(stub.replace("*new-*) cat health", "*new-[0-9]*) echo starting 3"))
    done = _update(installed, "judges", "deploy/judges/blue.env")
    assert done.returncode == 1
    assert "the judges blue go on working." in done.stderr
    assert _settings(installed).items() >= {"VIVA_JUDGES": "blue", "COMPOSE_PROFILES": "cpu"}.items()
    assert (docker / "runs").read_text().splitlines()[-1].endswith("viva judges rollback")
    assert (docker / "ps-worker").read_text().split() == ["old-worker-1", "old-worker-2"]
    assert "compose stop judge-blue" not in (docker / "calls").read_text()


def _docker(installed: Path, *, health: str) -> Path:
    """The stand-in's folder; two replicas of the API and two workers run."""
    folder = installed / "docker"
    folder.mkdir()
    (folder / "docker").write_text(_DOCKER)
    (folder / "docker").chmod(0o755)
    # An update has no reason to wait for a stand-in.
    (folder / "sleep").write_text("#!/bin/sh\n")
    (folder / "sleep").chmod(0o755)
    (folder / "health").write_text(f"{health}\n")
    for service in ("api", "worker"):
        (folder / f"ps-{service}").write_text(f"old-{service}-1\nold-{service}-2\n")
    return folder


def _update(installed: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{installed / 'docker'}:{os.environ['PATH']}"
    return subprocess.run(
        [installed / "deploy" / "update", *arguments],
        cwd=installed,
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def _settings(installed: Path) -> dict[str, str]:
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", (installed / ".env").read_text(), re.MULTILINE))
