"""What the deployed stack promises, each put to the test on the running one."""

from __future__ import annotations

import itertools
import json
import random
import shlex
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scipy.stats import spearmanr

from vivavoce.cli.commands.demo import sample_cohort
from vivavoce.rubrics import default_bank, load_qualifications

from ..deploy.watching import DASHBOARDS, firing, panel_queries, targets_up, wait_for_data
from ..servers import wait_until
from .engine import docker
from .images import OURS, tag_as
from .load import Load, Outcome
from .stack import SERVICES, Stack

# Questions that the judge at hand masters by a wide margin.
_EXAMINATION = (
    *("--question", "cross-modal-retrieval", "--question", "ethics", "--question", "inference-speed-memory"),
    *("--language", "en"),
)
_SPREAD_REQUESTS = 600
_CALLERS = 6
_KEYS = 200


@dataclass(frozen=True)
class Finding:
    """A promise, what was seen, and whether it was kept."""

    promise: str
    seen: str
    kept: bool


def scan(stack: Stack) -> list[Finding]:
    """No root, no secret where it could be read by accident, no open port."""
    containers = stack.every_container()
    as_root, with_secret, open_ports, writable = [], [], [], []
    for container in containers:
        service = container["Config"]["Labels"]["com.docker.compose.service"]
        processes = docker("top", container["Id"], "-eo", "uid,pid,args").splitlines()[1:]
        as_root += [f"{service}: {line.split(None, 2)[2]}" for line in processes if line.split()[0] == "0"]
        environments = [Path(f"/proc/{line.split()[1]}/environ") for line in processes]
        told = json.dumps(container) + docker("history", "--no-trunc", container["Image"])
        told += "".join(file.read_bytes().decode("utf-8", "replace") for file in environments if file.exists())
        with_secret += [f"{service}: {name}" for name, secret in stack.secrets().items() if secret in told]
        for bindings in container["NetworkSettings"]["Ports"].values():
            open_ports += [f"{service}: {one}" for one in bindings or () if one["HostIp"] != "127.0.0.1"]
        host = container["HostConfig"]
        if not (host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and host["Memory"] and host["PidsLimit"]):
            writable.append(service)
    count = f"{len(containers)} containers"
    return [
        Finding("no process runs as root", "; ".join(as_root) or count, not as_root),
        Finding("no secret in image or environment", "; ".join(with_secret) or count, not with_secret),
        Finding("ports are bound to 127.0.0.1", "; ".join(open_ports) or count, not open_ports),
        Finding("read-only root, no capabilities, limits", "; ".join(writable) or count, not writable),
        *(_without_models(image) for image in sorted(stack.images("api"))),
    ]


def _without_models(image: str) -> Finding:
    found = docker("run", "--rm", "--network", "none", image, "pip", "list", "--format", "freeze")
    models = [line for line in found.splitlines() if line.startswith(("torch==", "transformers==", "xllamacpp=="))]
    return Finding("the API's image carries no model library", "; ".join(models) or "none of three", not models)


def grade_cohort(stack: Stack) -> list[Finding]:
    """The sample cohort, through nginx."""
    samples = sample_cohort()
    started = time.monotonic()
    with stack.client() as client:
        ids = []
        for sample in samples:
            body = {"question_id": sample.question_id, "language": sample.language, "answer": sample.answer}
            ids.append(client.post("/v1/gradings", json=body).raise_for_status().json()["id"])
        reports = []
        for grading_id in ids:
            while (found := client.get(f"/v1/gradings/{grading_id}", params={"wait": 30}).raise_for_status().json())[
                "state"
            ] in ("queued", "running"):
                assert time.monotonic() - started < 1800, "the cohort is not graded within half an hour"
            reports.append(found)
    scores = [found["report"]["score"] if found["report"] else None for found in reports]
    unscored = scores.count(None)
    pairs = [(sample.human_grade, score) for sample, score in zip(samples, scores, strict=True) if score is not None]
    agreement = float(spearmanr(*zip(*pairs, strict=True)).statistic)
    seconds = time.monotonic() - started
    seen = f"{len(ids)} answers in {seconds:.0f} s, {unscored} without a score, Spearman {agreement:.2f}"
    return [Finding("the sample cohort is graded through nginx", seen, not unscored), _prefixes(stack)]


def _prefixes(stack: Stack) -> Finding:
    judges: dict[str, set[str]] = defaultdict(set)
    for line in stack.logs("judges"):
        if line.get("prefix") and line["status"] == "200":
            judges[line["prefix"]].add(line["upstream"])
    at_home = sum(len(where) == 1 for where in judges.values())
    used = {address for where in judges.values() for address in where}
    seen = f"{at_home} of {len(judges)} prefixes on one judge each, {len(used)} judges used"
    return Finding("prefix hashing keeps a question on one judge", seen, at_home == len(judges) > 0 and len(used) == 2)


def spread(stack: Stack) -> list[Finding]:
    """nginx spreads the load."""
    replicas = stack.addresses("api", "front")

    def call(_: int) -> None:
        with stack.client() as client:
            for _ in range(_SPREAD_REQUESTS // _CALLERS):
                client.get("/v1/questions").raise_for_status()

    before = len(stack.logs("nginx"))
    with ThreadPoolExecutor(_CALLERS) as pool:
        list(pool.map(call, range(_CALLERS)))
    shares = Counter(
        line["upstream"].partition(":")[0] for line in stack.logs("nginx")[before:] if line["uri"] == "/v1/questions"
    )
    total = sum(shares.values())
    said = ", ".join(f"{share / total:.1%}" for share in shares.values())
    kept = set(shares) == set(replicas) and all(0.45 <= share / total <= 0.55 for share in shares.values())
    return [Finding("the share of each API replica is 45 to 55 %", f"{said} of {total} requests", kept)]


def answers(*, fresh_every: int, seed: int) -> Iterator[dict[str, Any]]:
    """Answers without end: most of them settled without a judge or judged before, some new."""
    bank = {(rubric.question.id, rubric.question.language): rubric for rubric in default_bank()}
    chance = random.Random(seed)
    new = [
        {"question_id": question, "language": language, "answer": answer.text(language)}
        for question, found in load_qualifications().items()
        for answer in found.answers
        for language in ("en", "zh")
    ]
    chance.shuffle(new)
    fresh = itertools.cycle(new)
    known = [
        {"question_id": question, "language": language, "answer": "I don't know." if language == "en" else "不知道。"}
        for question, language in sorted(bank)
    ]
    for number in itertools.count():
        yield next(fresh) if number % fresh_every == fresh_every - 1 else chance.choice(known)


def break_and_update(stack: Stack) -> list[Finding]:
    """One part after another ends while callers are at work; then a new version takes over, and goes again."""
    findings = []
    with Load(stack.url, answers(fresh_every=150, seed=1), headers=stack.key_header()) as load:
        for service, title in (
            ("api", "one API replica"),
            ("worker", "one worker"),
            ("redis", "Redis"),
            ("judge-blue-a", "one judge"),
        ):
            time.sleep(5)
            seconds = stack.wait_back(stack.crash(service))
            findings.append(Finding(f"{title} is killed and comes back by itself", f"well after {seconds:.0f} s", True))
        findings += _releases(stack)
        time.sleep(5)
    return [*findings, *_account(stack, load.outcome, "kills and updates")]


def _releases(stack: Stack) -> list[Finding]:
    new = f"{stack.version}-next"
    broken = f"{stack.version}-broken"
    tag_as(stack.version, new)
    tag_as(stack.version, broken, 'ENTRYPOINT ["/bin/false"]')
    before = stack.containers("judge-blue-a")
    updated, _ = stack.update("release", new)
    images = stack.images("api") | stack.images("worker") | stack.images("backup")
    count = len(stack.containers("api")), len(stack.containers("worker"))
    first = Finding(
        "a new version takes over",
        f"{', '.join(sorted(images))}; {count[0]} API replicas, {count[1]} workers",
        updated and images == {f"vivavoce-{one}:{new}" for one in OURS} and count == (2, 2),
    )
    refused, said = stack.update("release", broken)
    still = stack.images("api") | stack.images("worker")
    second = Finding(
        "a version that does not start changes nothing",
        said.strip().splitlines()[-1],
        not refused and still == {f"vivavoce-api:{new}", f"vivavoce-grader:{new}"},
    )
    back, _ = stack.update("release", "--back")
    again = stack.images("api") | stack.images("worker")
    third = Finding(
        "back again in one command",
        ", ".join(sorted(again)),
        back
        and again == {f"vivavoce-api:{stack.version}", f"vivavoce-grader:{stack.version}"}
        and stack.containers("judge-blue-a") == before,
    )
    return [first, second, third]


def _account(stack: Stack, outcome: Outcome, during: str) -> list[Finding]:
    twice = stack.sql("SELECT candidate FROM submission GROUP BY candidate HAVING count(*) > 1 AND candidate <> ''")
    double = stack.sql("SELECT grading_id FROM report GROUP BY grading_id HAVING count(*) > 1")
    in_database = set(stack.sql("SELECT id FROM grading"))
    accepted = set(outcome.accepted.values())
    lost = sorted((accepted - in_database) | (accepted - set(outcome.finished)))
    bad = sorted(state for state in outcome.finished.values() if state not in ("graded", "needs_review"))
    return [
        Finding(f"no request fails during {during}", _first(outcome.failures) or str(outcome), not outcome.failures),
        Finding(f"no answer is lost during {during}", f"{len(lost)} of {len(accepted)}", not lost and bool(accepted)),
        Finding(
            f"no answer is taken in or graded twice during {during}", str(len(twice) + len(double)), not twice + double
        ),
        Finding(f"every answer has its score after {during}", ", ".join(bad) or f"{len(accepted)} of them", not bad),
    ]


def _first(failures: list[str]) -> str:
    return f"{len(failures)} failed, first: {'; '.join(failures[:3])}" if failures else ""


def keys(stack: Stack) -> list[Finding]:
    """With a judge gone nobody else's key moves."""
    before = _where_keys_go(stack)
    gone = stack.containers("judge-blue-b")[0]
    docker("stop", gone)
    try:
        during = _where_keys_go(stack)
    finally:
        docker("start", gone)
    stack.wait_healthy(["judge-blue-b"], seconds=120)
    # The gateway leaves a judge that failed alone for five seconds.
    time.sleep(6)
    after = _where_keys_go(stack)
    others = {key for key, judge in before.items() if judge == "judge-blue-a"}
    moved = sum(during[key] != "judge-blue-a" for key in others)
    seen = (
        f"{len(others)} of {len(before)} keys at the other judge: {moved} moved; all others found it too: "
        f"{set(during.values()) == {'judge-blue-a'}}; as before when the judge was back: {after == before}"
    )
    kept = len(before) == _KEYS and not moved and set(during.values()) == {"judge-blue-a"} and after == before
    return [Finding("with a judge gone nobody else's key moves", seen, kept and 0 < len(others) < _KEYS)]


def _where_keys_go(stack: Stack) -> dict[str, str]:
    """The judge that the gateway picks for each of many keys."""
    names = {address: name for name in ("judge-blue-a", "judge-blue-b") for address in stack.addresses(name, "judging")}
    mark = f"mark={time.monotonic_ns()}"
    loop = (
        f"for i in $(seq {_KEYS}); do curl -s -o /dev/null -H 'Host: blue.judges' -H \"X-Prefix-Key: key-$i\" "
        f"'http://127.0.0.1:8080/v1/models?{mark}'; done"
    )
    docker("exec", stack.containers("judges")[0], "sh", "-c", loop)
    # Where a first judge was tried in vain, the last one answered.
    return {
        line["prefix"]: names[line["upstream"].split(", ")[-1].partition(":")[0]]
        for line in stack.logs("judges")
        if mark in line["uri"] and line["status"] == "200"
    }


def watch(stack: Stack) -> list[Finding]:
    """Prometheus sees everything, and wakes somebody when the judges are gone."""
    url = stack.prometheus_url
    with Load(stack.url, answers(fresh_every=100, seed=3), headers=stack.key_header(), name="watch") as load:
        for dashboard in DASHBOARDS:
            wait_for_data(url, dashboard, seconds=240)
        targets = targets_up(url)
        queries = sum(len(panel_queries(dashboard)) for dashboard in DASHBOARDS)
        judges = [container for one in ("judge-blue-a", "judge-blue-b") for container in stack.containers(one)]
        docker("stop", *judges)
        stopped = time.monotonic()
        try:
            wait_until(lambda: "JudgeDown" in firing(url), seconds=120, what="JudgeDown fires")
            fired = time.monotonic() - stopped
        finally:
            docker("start", *judges)
        started = time.monotonic()
        wait_until(lambda: not {"JudgeDown", "JudgeUnreachable"} & firing(url), seconds=180, what="the alerts resolve")
        resolved = time.monotonic() - started
    return [
        Finding(
            "Prometheus finds everything, and every panel of every dashboard has data",
            f"targets up: {targets}; {queries} queries of {len(DASHBOARDS)} dashboards (no Grafana server to be had)",
            targets == {"prometheus": 1, "api": 2, "worker": 2, "judge": 2},
        ),
        Finding(
            "the alert fires when the judges are stopped, and resolves after",
            f"after {fired:.0f} s and {resolved:.0f} s",
            True,
        ),
        *_account(stack, load.outcome, "a stop of all judges"),
    ]


def change_judges(stack: Stack) -> list[Finding]:
    """New judges sit an examination before they work, and the old ones can be called back."""
    findings = []
    stack.update("judges", "--examine", *_EXAMINATION)
    small, same = stack.folder / "small.env", stack.folder / "same.env"
    settings = (stack.folder / "deploy" / "judges" / "blue.env").read_text()
    revision = next(line for line in settings.splitlines() if line.startswith("VIVA_JUDGE_REVISION="))
    small.write_text(
        settings.replace("1.5B", "0.5B").replace(
            revision, "VIVA_JUDGE_REVISION=1d9614638d18024d0fbb36575a15f1302a3adf04"
        )
    )
    same.write_text(settings.replace(revision, "VIVA_JUDGE_REVISION=next"))
    with Load(stack.url, answers(fresh_every=1000, seed=2), headers=stack.key_header(), name="judges") as load:
        passed, said = stack.update("judges", str(small), *_EXAMINATION)
        at_work = _judge_of_a_new_answer(stack, "small")
        findings.append(
            Finding(
                "judges that do worse in the examination do not take over",
                f"{said.strip().splitlines()[-1]}; a new answer is judged by {at_work}",
                not passed and at_work == revision.partition("=")[2],
            )
        )
        passed, _ = stack.update("judges", str(same), *_EXAMINATION)
        at_work = _judge_of_a_new_answer(stack, "same")
        findings.append(
            Finding("judges that pass take over", f"a new answer is judged by {at_work}", passed and at_work == "next")
        )
        back, _ = stack.update("judges", "--back")
        at_work = _judge_of_a_new_answer(stack, "back")
        findings.append(
            Finding(
                "the judges before are back in one command",
                f"a new answer is judged by {at_work}",
                back and at_work == revision.partition("=")[2],
            )
        )
    registered = json.loads(stack.viva("worker", "judges", "list", "--json"))
    findings.append(
        Finding("judge versions are registered with their figures", f"{len(registered)} versions", len(registered) == 3)
    )
    return [*findings, *_account(stack, load.outcome, "changes of judges")]


def _judge_of_a_new_answer(stack: Stack, word: str) -> str:
    """The revision that a report names."""
    body = {
        "question_id": "distillation",
        "language": "en",
        "answer": f"A small student model learns from a large teacher's soft labels ({word}).",
    }
    with stack.client() as client:
        path = client.post("/v1/gradings", json=body).raise_for_status().headers["location"]
        for _ in range(20):
            found = client.get(path, params={"wait": 30}).raise_for_status().json()
            if found["report"]:
                return str(found["report"]["provenance"]["model_revision"])
    raise AssertionError(f"{path} has no report")


def backup_and_restore(stack: Stack) -> list[Finding]:
    """A backup, restored beside the original, is its equal."""
    container = stack.containers("backup")[0]
    folder = "/var/lib/vivavoce-backups"
    docker("exec", container, "viva", "backup", "create", "--to", folder, "--keep", "5")
    newest = docker("exec", container, "sh", "-c", f"ls -d {folder}/viva-* | tail -n 1").strip()
    manifest = json.loads(docker("exec", container, "cat", f"{newest}/manifest.json"))
    # Both trails go on from here: the original's knows of the backup, the restored one's of the restore.
    head = manifest["audit_heads"]["default"].partition(":")[0]
    stack.sql("CREATE DATABASE restored OWNER vivavoce")
    url = stack.secrets()["viva_database_url"].removesuffix("vivavoce") + "restored"

    def in_restored(*command: str) -> str:
        # Its address holds the password: it goes in by standard input, not by the command line.
        script = f'VIVA_DATABASE_URL="$(cat)" {shlex.join(command)}'
        return docker("exec", "--interactive", container, "sh", "-c", script, stdin=url).strip()

    said = in_restored("viva", "restore", newest, "--yes").splitlines()[-1]
    tables = stack.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    different = []
    rows = 0
    for table in tables:
        query = f"SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, '' ORDER BY t::text)), '') FROM {table} t"
        query += f" WHERE id <= {head}" if table == "audit_event" else ""
        original, restored = stack.sql(query)[0], stack.sql(query, database="restored")[0]
        rows += int(original.split()[0])
        if original != restored:
            different.append(f"{table}: {original} and {restored}")
    chains = [
        docker("exec", container, "viva", "audit", "verify").splitlines()[0],
        in_restored("viva", "audit", "verify").splitlines()[0],
    ]
    return [
        Finding(
            "a restored database equals the original",
            "; ".join(different) or f"{len(tables)} tables, {rows} rows: counts and hashes alike",
            not different and rows > 0,
        ),
        Finding(
            "restore holds every table against the backup's manifest", said, said.startswith("Restored and the same")
        ),
        Finding(
            "the audit trail is whole, here and there",
            "; ".join(chains),
            all("as they were written" in chain for chain in chains),
        ),
    ]


def all_well(stack: Stack) -> list[Finding]:
    """Nothing was left broken."""
    wait_until(
        lambda: not stack.sql("SELECT 1 FROM grading WHERE state IN ('queued', 'running')"), seconds=300, what="idle"
    )
    stack.wait_healthy([name for name in SERVICES if not name.startswith("judge-")], seconds=120)
    return [Finding("all is well in the end", "every service healthy, the queue empty", True)]
