"""The deployment's files hold together: compose, images, settings and nginx. No Docker engine is needed."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from pydantic import ValidationError

from vivavoce import __version__
from vivavoce.service.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "deploy" / "docker" / "Dockerfile"
NGINX = Path("/usr/sbin/nginx")
SERVICES = {"nginx", "api", "migrate", "worker", "judge", "redis", "postgres"}
# Read by compose alone.
COMPOSE_ONLY = {"VIVA_PUBLIC_PORT"}
FILLED_IN = {"VIVA_SECRET": "0123456789abcdef" * 4, "POSTGRES_PASSWORD": "fedcba9876543210" * 4}

Compose = dict[str, Any]


@pytest.fixture(scope="module")
def compose() -> Compose:
    loaded: Compose = yaml.safe_load(COMPOSE_FILE.read_text(encoding="utf-8"))
    return loaded


def test_every_service_is_there(compose: Compose) -> None:
    assert set(compose["services"]) == SERVICES


def test_the_api_runs_twice(compose: Compose) -> None:
    assert compose["services"]["api"]["deploy"]["replicas"] == 2


def test_only_nginx_publishes_a_port_and_only_on_this_machine(compose: Compose) -> None:
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert list(published) == ["nginx"]
    assert all(port.startswith("127.0.0.1:") for port in published["nginx"])
    assert not any(service.get("network_mode") for service in compose["services"].values())


def test_every_service_that_stays_has_a_health_check_a_restart_policy_and_a_memory_limit(compose: Compose) -> None:
    for name, service in compose["services"].items():
        assert service["deploy"]["resources"]["limits"]["memory"], name
        if name == "migrate":
            assert "healthcheck" not in service
            assert service["restart"] == "no"
        else:
            assert service["healthcheck"]["test"], name
            assert service["restart"] == "unless-stopped", name


def test_services_wait_for_the_health_of_what_they_need_and_for_the_schema(compose: Compose) -> None:
    services = compose["services"]
    for name, service in services.items():
        for needed, wait in service.get("depends_on", {}).items():
            expected = "service_completed_successfully" if needed == "migrate" else "service_healthy"
            assert wait == {"condition": expected}, f"{name} waits for {needed}"
    assert {name for name, service in services.items() if "migrate" in service.get("depends_on", {})} == {
        "api",
        "worker",
    }


@pytest.mark.parametrize("name", ["VIVA_SECRET", "POSTGRES_PASSWORD"])
def test_a_secret_is_required_wherever_it_is_used(name: str) -> None:
    uses = re.findall(r"\$\{" + name + r"\b([^}]*)\}", COMPOSE_FILE.read_text(encoding="utf-8"))
    assert uses
    assert all(use.startswith(f":?set {name} in .env") for use in uses)


def test_every_image_is_pinned(compose: Compose) -> None:
    for name, service in compose["services"].items():
        image, _, tag = service["image"].partition(":")
        if image in {"vivavoce-api", "vivavoce-grader"}:
            assert tag == __version__, name
        else:
            assert re.fullmatch(r"\d+\.\d+(\.\d+)?-bookworm", tag), f"{name}: {service['image']}"
    bases = re.findall(r"^ARG PYTHON_IMAGE=(\S+)$", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", bases[0])


def test_our_containers_run_without_root_and_write_only_where_they_must(compose: Compose) -> None:
    for name in ("api", "migrate", "worker", "judge"):
        service = compose["services"][name]
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "user" not in service, name
    for target in _stages(DOCKERFILE.read_text(encoding="utf-8")):
        if target.name in {"api", "grader"}:
            assert target.instructions[-1] == "USER 10001:10001"


def test_the_dockerfile_has_every_target_that_compose_builds(compose: Compose) -> None:
    stages = {stage.name for stage in _stages(DOCKERFILE.read_text(encoding="utf-8"))}
    for name, service in compose["services"].items():
        if "build" in service:
            assert service["build"]["target"] in stages, name
            assert (ROOT / service["build"]["dockerfile"]).is_file()


def test_the_images_get_every_folder_that_the_package_links_to() -> None:
    linked = {link.resolve().name for link in (ROOT / "src" / "vivavoce").iterdir() if link.is_symlink()}
    assert linked
    copied = set(re.findall(r"^COPY (\w+) \1$", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE))
    admitted = set(re.findall(r"^!(\w+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE))
    assert linked | {"src"} == copied
    assert copied <= admitted


def test_the_images_get_the_versions_that_were_tested() -> None:
    installs = re.findall(r"^RUN (pip install .*)$", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(installs) == 2
    assert all("--constraint constraints.txt" in install for install in installs)
    assert (ROOT / "constraints.txt").is_file()
    assert "!constraints.txt" in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()


def test_the_judge_knows_no_secret_and_cannot_reach_the_database(compose: Compose) -> None:
    judge = compose["services"]["judge"]
    assert not {"VIVA_SECRET", "VIVA_DATABASE_URL", "VIVA_REDIS_URL"} & set(judge["environment"])
    assert not set(judge["networks"]) & set(compose["services"]["postgres"]["networks"])
    assert compose["networks"]["data"]["internal"] is True
    assert compose["services"]["postgres"]["networks"] == compose["services"]["redis"]["networks"] == ["data"]


def test_redis_keeps_what_it_is_given(compose: Compose) -> None:
    command = " ".join(compose["services"]["redis"]["command"])
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command


def test_every_setting_in_the_deployment_exists(compose: Compose) -> None:
    known = {f"VIVA_{name.upper()}" for name in Settings.model_fields} | COMPOSE_ONLY
    text = COMPOSE_FILE.read_text(encoding="utf-8") + (ROOT / ".env.example").read_text(encoding="utf-8")
    used = set(re.findall(r"\bVIVA_[A-Z_]+\b", text))
    assert "VIVA_SECRET" in used
    assert used <= known
    for service in compose["services"].values():
        assert not COMPOSE_ONLY & set(service.get("environment", {}))


def test_the_sample_environment_explains_what_compose_reads_and_nothing_else() -> None:
    read = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE_FILE.read_text(encoding="utf-8")))
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    explained = set()
    for before, line in itertools.pairwise(lines):
        if setting := re.match(r"(?:# )?([A-Z_]+)=", line):
            assert re.match(r"# [A-Z][^=]*$", before), line
            explained.add(setting[1])
    assert explained == read


def test_the_sample_environment_shows_the_defaults_that_compose_has() -> None:
    defaults = dict(re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", COMPOSE_FILE.read_text(encoding="utf-8")))
    shown = dict(re.findall(r"^# ([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))
    assert shown == defaults


def test_the_sample_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = dict(re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))
    assert sample["POSTGRES_PASSWORD"] == "", "compose refuses an empty value"
    with pytest.raises(ValidationError, match="VIVA_SECRET"):
        _settings_of({"VIVA_ENVIRONMENT": "production", "VIVA_SECRET": sample["VIVA_SECRET"]}, monkeypatch)


@pytest.mark.parametrize("name", ["api", "migrate", "worker", "judge"])
def test_a_container_s_settings_are_accepted(compose: Compose, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {key: _filled_in(str(value)) for key, value in compose["services"][name]["environment"].items()}
    settings = _settings_of(environment, monkeypatch)
    if name != "judge":
        assert settings.environment == "production"
        assert settings.judge_api_key is None


def test_compose_accepts_the_file_and_names_a_missing_secret(tmp_path: Path) -> None:
    command = _compose_command()
    if command is None:
        pytest.skip("neither 'docker compose' nor 'docker-compose' is installed: only the structure was checked")
    config = [*command, "--file", str(COMPOSE_FILE), "--env-file", str(tmp_path / "env"), "config", "--quiet"]
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("VIVA_", "POSTGRES_"))}

    (tmp_path / "env").write_text("".join(f"{name}={value}\n" for name, value in FILLED_IN.items()), encoding="utf-8")
    accepted = subprocess.run(config, env=bare, capture_output=True, text=True, check=False, timeout=60)
    assert accepted.returncode == 0, accepted.stderr

    for missing in FILLED_IN:
        rest = "".join(f"{name}={value}\n" for name, value in FILLED_IN.items() if name != missing)
        (tmp_path / "env").write_text(rest, encoding="utf-8")
        refused = subprocess.run(config, env=bare, capture_output=True, text=True, check=False, timeout=60)
        assert refused.returncode != 0
        assert f"set {missing} in .env: openssl rand -hex 32" in refused.stderr


def test_nginx_never_sends_a_post_twice_by_its_configuration() -> None:
    text = (ROOT / "deploy" / "nginx" / "nginx.conf").read_text(encoding="utf-8")
    assert re.findall(r"^\s*proxy_next_upstream (.+);$", text, re.MULTILINE) == ["error timeout http_502 http_503"]


def test_nginx_waits_longer_than_the_longest_poll() -> None:
    text = (ROOT / "deploy" / "nginx" / "nginx.conf").read_text(encoding="utf-8")
    (seconds,) = re.findall(r"proxy_read_timeout (\d+)s;", text)
    assert float(seconds) > Settings.model_fields["max_wait_seconds"].default


def test_nginx_finds_the_replicas_again_and_again() -> None:
    text = (ROOT / "deploy" / "nginx" / "upstream.conf").read_text(encoding="utf-8")
    for needed in ("zone api 64k;", "resolver 127.0.0.11 valid=5s", "server api:8000 resolve", "least_conn;"):
        assert needed in text


def test_nginx_accepts_its_configuration(tmp_path: Path) -> None:
    command = _nginx_command(tmp_path, replicas=[8001, 8002], port=_free_port())
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False, timeout=30)
    assert checked.returncode == 0, checked.stderr
    assert "[warn]" not in checked.stderr


def test_a_post_that_fails_on_one_replica_is_not_sent_to_the_other(tmp_path: Path) -> None:
    with _replica(_hang_up) as first, _replica(_hang_up) as second, _front_door(tmp_path, first, second) as url:
        reply = httpx.post(f"{url}/v1/gradings", json={}, trust_env=False)
    assert len(first.seen) + len(second.seen) == 1
    assert reply.status_code == 502
    assert reply.headers["retry-after"]
    assert _problem(reply)["code"] == "unreachable"


def test_a_get_that_fails_on_one_replica_goes_to_the_other(tmp_path: Path) -> None:
    with _replica(_hang_up) as first, _replica(_answer) as second, _front_door(tmp_path, first, second) as url:
        replies = [httpx.get(f"{url}/v1/questions", trust_env=False) for _ in range(4)]
    assert [reply.status_code for reply in replies] == [200] * 4
    assert first.seen


def test_metrics_are_not_shown_outside(tmp_path: Path) -> None:
    with _replica(_answer) as replica, _front_door(tmp_path, replica) as url:
        reply = httpx.get(f"{url}/metrics", trust_env=False)
    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
    assert replica.seen == []


def test_a_replica_hears_the_request_id_that_the_caller_gets(tmp_path: Path) -> None:
    with _replica(_answer) as replica, _front_door(tmp_path, replica) as url:
        reply = httpx.get(f"{url}/", headers={"X-Request-ID": "mine"}, trust_env=False)
    assert re.fullmatch(r"[0-9a-f]{32}", reply.headers["x-request-id"])
    assert [headers["X-Request-ID"] for headers in replica.seen] == [reply.headers["x-request-id"]]
    assert "nginx/" not in reply.headers["server"]


def test_a_body_that_is_too_large_gets_a_problem_and_reaches_no_replica(tmp_path: Path) -> None:
    with _replica(_answer) as replica, _front_door(tmp_path, replica) as url:
        reply = httpx.post(f"{url}/v1/gradings", content=b"x" * (1024 * 1024 + 1), trust_env=False)
    assert reply.status_code == 413
    assert _problem(reply)["code"] == "body_too_large"
    assert not replica.seen


def test_without_a_replica_there_is_a_problem(tmp_path: Path) -> None:
    with _replica(_answer) as gone:
        pass
    with _front_door(tmp_path, gone) as url:
        reply = httpx.get(f"{url}/v1/questions", trust_env=False)
    assert reply.status_code == 502
    assert _problem(reply)["code"] == "unreachable"


def test_every_problem_of_nginx_is_problem_json() -> None:
    text = (ROOT / "deploy" / "nginx" / "nginx.conf").read_text(encoding="utf-8")
    problems = {int(status): json.loads(body) for status, body in re.findall(r"return (\d+) '(.+)';", text)}
    assert set(problems) == {404, 413, 502, 503, 504}
    for status, problem in problems.items():
        assert set(problem) == {"type", "title", "status", "detail", "code"}
        assert problem["status"] == status
        # 404 is nginx's own answer to one address, the others are pages for errors.
        assert (f"error_page {status} @" in text) is (status != 404)


class _Stage:
    """One `FROM … AS name` of a Dockerfile."""

    def __init__(self, name: str, instructions: list[str]) -> None:
        self.name = name
        self.instructions = instructions


def _stages(dockerfile: str) -> list[_Stage]:
    stages: list[_Stage] = []
    for line in dockerfile.splitlines():
        if start := re.fullmatch(r"FROM \S+ AS (\S+)", line):
            stages.append(_Stage(start[1], []))
        elif stages and line and not line.startswith("#"):
            stages[-1].instructions.append(line)
    return stages


def _filled_in(value: str) -> str:
    """The value as compose passes it on when only the secrets are set."""
    value = re.sub(r"\$\{(\w+):\?[^}]*\}", lambda use: FILLED_IN[use[1]], value)
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)


def _settings_of(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in [name for name in os.environ if name.startswith("VIVA_")]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings(_env_file=None)


def _compose_command() -> list[str] | None:
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]):
            asked = subprocess.run([*command, "version"], capture_output=True, check=False, timeout=30)
            if asked.returncode == 0:
                return command
    return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _nginx_command(folder: Path, *, replicas: list[int], port: int) -> list[str]:
    """nginx with our configuration, its replicas listed instead of resolved, all its files in the folder."""
    if not NGINX.exists():
        pytest.skip(f"nginx is not installed at {NGINX} (Debian's nginx-light has it): its configuration was not tried")
    text = (ROOT / "deploy" / "nginx" / "nginx.conf").read_text(encoding="utf-8")
    for ours, here in {
        " /tmp/": f" {folder}/",
        "/dev/stdout": f"{folder}/access.log",
        "/dev/stderr": f"{folder}/error.log",
        "listen 80;": f"listen 127.0.0.1:{port};",
    }.items():
        assert ours in text
        text = text.replace(ours, here)
    if os.geteuid() == 0:
        # Its workers run as another user, who may not enter pytest's folder.
        text = f"user root;\n{text}"
    (folder / "nginx.conf").write_text(text, encoding="utf-8")
    servers = "".join(f"    server 127.0.0.1:{replica} max_fails=2 fail_timeout=5s;\n" for replica in replicas)
    (folder / "upstream.conf").write_text(
        f"upstream api {{\n    zone api 64k;\n    least_conn;\n{servers}"
        "    keepalive 32;\n    keepalive_timeout 4s;\n}\n",
        encoding="utf-8",
    )
    return [str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]


class _Replica(ThreadingHTTPServer):
    """A stand-in for a replica; `seen` are the headers of every request that reached it."""

    daemon_threads = True

    def __init__(self, behave: Callable[[BaseHTTPRequestHandler], None]) -> None:
        self.seen: list[dict[str, str]] = []
        replica = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                replica.seen.append(dict(self.headers))
                behave(self)

            do_POST = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)


def _answer(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "2")
    request.end_headers()
    request.wfile.write(b"ok")


def _hang_up(request: BaseHTTPRequestHandler) -> None:
    request.close_connection = True


@contextmanager
def _replica(behave: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[_Replica]:
    with _Replica(behave) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def _front_door(folder: Path, *replicas: _Replica) -> Iterator[str]:
    """nginx in front of the replicas; gives its address."""
    port = _free_port()
    command = _nginx_command(folder, replicas=[replica.server_address[1] for replica in replicas], port=port)
    process = subprocess.Popen([*command, "-g", "daemon off;"], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, (folder / "error.log").read_text(encoding="utf-8")
                assert time.monotonic() < deadline
                time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=10)


def _problem(reply: httpx.Response) -> dict[str, Any]:
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["x-request-id"]
    problem: dict[str, Any] = reply.json()
    assert problem["status"] == reply.status_code
    return problem
