"""nginx, really run with our configuration: the front door and the judges' gateway, in front of stand-ins."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import ssl
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

from vivavoce.service.observability.middleware import MAX_BODY_BYTES
from vivavoce.service.settings import Settings

from ..servers import free_port

FILES = Path(__file__).parents[2] / "deploy" / "nginx"
NGINX = Path("/usr/sbin/nginx")
_MANY_KEYS = 300


def test_nginx_waits_longer_than_the_longest_poll() -> None:
    found = re.search(r"location / \{[^}]*proxy_read_timeout (\d+)s;", _text("site.conf"))
    assert found is not None
    assert float(found[1]) > Settings.model_fields["max_wait_seconds"].default


@pytest.mark.parametrize("name", ["upstream.conf", "judges-upstream.conf"])
def test_nginx_finds_what_is_behind_it_again_and_again(name: str) -> None:
    text = _text(name)
    for upstream in re.findall(r"upstream \w+ \{.*?\}", text, re.DOTALL):
        for needed in (" zone ", "resolver 127.0.0.11 valid=2s", " resolve ", " keepalive "):
            assert needed in upstream


@pytest.mark.parametrize("name", ["nginx.conf", "judges.conf"])
def test_nginx_accepts_its_configuration(tmp_path: Path, name: str) -> None:
    checked = subprocess.run(
        [*_command(tmp_path, name, behind={}), "-t"], capture_output=True, text=True, check=False, timeout=30
    )
    assert checked.returncode == 0, checked.stderr
    assert "[warn]" not in checked.stderr


@pytest.mark.parametrize("own_key", [None, "mine"])
def test_a_post_whose_replica_hangs_up_goes_to_the_other_with_the_same_key(tmp_path: Path, own_key: str | None) -> None:
    headers = {"Idempotency-Key": own_key} if own_key else {}
    with _replica(_hang_up) as first, _replica(_hang_up) as second, _front_door(tmp_path, first, second) as url:
        reply = httpx.post(f"{url}/v1/gradings", json={}, headers=headers, trust_env=False)
    keys = [seen["Idempotency-Key"] for seen in (*first.seen, *second.seen)]
    assert len(keys) == 2
    assert keys[0] == keys[1]
    if own_key:
        assert keys[0] == own_key
    assert reply.status_code == 503
    assert reply.headers["retry-after"]
    assert _problem(reply)["code"] == "unavailable"


def test_two_posts_without_a_key_get_two_keys(tmp_path: Path) -> None:
    with _replica(_answer) as replica, _front_door(tmp_path, replica) as url:
        for _ in range(2):
            httpx.post(f"{url}/v1/gradings", json={}, trust_env=False)
    assert len({seen["Idempotency-Key"] for seen in replica.seen}) == 2


def test_a_get_that_fails_on_one_replica_goes_to_the_other(tmp_path: Path) -> None:
    with _replica(_hang_up) as first, _replica(_answer) as second, _front_door(tmp_path, first, second) as url:
        replies = [httpx.get(f"{url}/v1/questions", trust_env=False) for _ in range(4)]
    assert [reply.status_code for reply in replies] == [200] * 4
    assert first.seen


@pytest.mark.parametrize("path", ["/metrics", "/readyz", "/readyz/", "/%72eadyz"])
def test_what_is_for_the_operator_is_not_shown_outside(tmp_path: Path, path: str) -> None:
    with _replica(_answer) as replica, _front_door(tmp_path, replica) as url:
        reply = httpx.get(f"{url}{path}", trust_env=False)
    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["cache-control"] == "no-store"
    assert replica.seen == []


def test_a_body_of_the_largest_size_reaches_a_replica(tmp_path: Path) -> None:
    with _replica(_answer) as replica, _front_door(tmp_path, replica) as url:
        assert httpx.post(f"{url}/v1/gradings", content=b"x" * MAX_BODY_BYTES, trust_env=False).status_code == 200
    assert len(replica.seen) == 1


@pytest.mark.parametrize("path", ["cohorts/c1/files", "cohorts/c1/items", "exports/e1/edits"])
def test_files_of_answers_may_be_larger(tmp_path: Path, path: str) -> None:
    with _replica(_answer) as replica, _front_door(tmp_path, replica) as url:
        reply = httpx.post(f"{url}/v1/{path}", content=b"x" * 2 * 1024 * 1024, trust_env=False)
    assert (reply.status_code, len(replica.seen)) == (200, 1)


def test_a_replica_hears_the_request_id_that_the_caller_gets(tmp_path: Path) -> None:
    with _replica(_answer) as replica, _front_door(tmp_path, replica) as url:
        reply = httpx.get(f"{url}/", headers={"X-Request-ID": "mine"}, trust_env=False)
    assert re.fullmatch(r"[0-9a-f]{32}", reply.headers["x-request-id"])
    assert [headers["X-Request-ID"] for headers in replica.seen] == [reply.headers["x-request-id"]]
    assert "nginx/" not in reply.headers["server"]


def test_a_body_that_is_too_large_gets_a_problem_and_reaches_no_replica(tmp_path: Path) -> None:
    with _replica(_answer) as replica, _front_door(tmp_path, replica) as url:
        reply = httpx.post(f"{url}/v1/gradings", content=b"x" * (MAX_BODY_BYTES + 1), trust_env=False)
    assert reply.status_code == 413
    assert _problem(reply)["code"] == "body_too_large"
    assert f"{MAX_BODY_BYTES // 1024} KiB" in _problem(reply)["detail"]
    assert not replica.seen


def test_without_a_replica_there_is_a_problem(tmp_path: Path) -> None:
    with _replica(_answer) as gone:
        pass
    with _front_door(tmp_path, gone) as url:
        reply = httpx.get(f"{url}/v1/questions", trust_env=False)
    assert reply.status_code == 503
    assert _problem(reply)["code"] == "unavailable"
    assert reply.headers["retry-after"]


def test_every_problem_of_nginx_is_problem_json() -> None:
    text = _text("site.conf")
    problems = {int(status): json.loads(body) for status, body in re.findall(r"return (\d+) '(.+)';", text)}
    assert set(problems) == {404, 413, 429, 503, 504}
    for status, problem in problems.items():
        assert set(problem) == {"type", "title", "status", "detail", "code"}
        assert problem["status"] == status
        # 404 is nginx's own answer to one address, the others are pages for errors.
        assert bool(re.search(rf"error_page [\d =]*\b{status} @", text)) is (status != 404)


@pytest.mark.parametrize("path", ["/v1/events/stream", "/v1/cohorts/c1/results?stream=true"])
def test_events_come_through_as_they_are_sent(tmp_path: Path, path: str) -> None:
    sent = threading.Event()

    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "text/event-stream")
        request.end_headers()
        request.wfile.write(b"data: first\n\n")
        request.wfile.flush()
        assert sent.wait(10), "the first event did not come through before the second was sent"
        request.wfile.write(b"data: second\n\n")

    with (
        _replica(drip) as replica,
        _front_door(tmp_path, replica) as url,
        httpx.stream("GET", f"{url}{path}", timeout=10, trust_env=False) as reply,
    ):
        lines = reply.iter_lines()
        assert next(lines) == "data: first"
        sent.set()
        assert "data: second" in list(lines)


def test_a_stream_may_pause_for_longer_than_other_replies(tmp_path: Path) -> None:
    def pause(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        request.wfile.write(b"first\n")
        request.wfile.flush()
        time.sleep(2)
        request.wfile.write(b"second\n")

    short = {"proxy_read_timeout 75s": "proxy_read_timeout 1s"}
    with _replica(pause) as replica, _front_door(tmp_path, replica, changes=short) as url:
        assert httpx.get(f"{url}/v1/events/stream", timeout=10, trust_env=False).text == "first\nsecond\n"
        assert httpx.get(f"{url}/v1/cohorts/c1/results", timeout=10, trust_env=False).text == "first\nsecond\n"


def test_an_address_that_asks_too_much_is_told_when_to_come_again(tmp_path: Path) -> None:
    limits = {"rate=100r/s": "rate=1r/s", "burst=400": "burst=3"}
    with _replica(_answer) as replica, _front_door(tmp_path, replica, changes=limits) as url:
        replies = [httpx.get(f"{url}/v1/questions", trust_env=False) for _ in range(8)]
    refused = [reply for reply in replies if reply.status_code != 200]
    assert 0 < len(refused) < 8
    assert {reply.status_code for reply in refused} == {429}
    assert _problem(refused[0])["code"] == "too_many_requests"
    assert refused[0].headers["retry-after"]


def test_https_is_a_matter_of_a_certificate(tmp_path: Path) -> None:
    (tmp_path / "tls").mkdir()
    shutil.copy(FILES / "tls" / "tls.conf.example", tmp_path / "tls" / "tls.conf")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            *("-keyout", str(tmp_path / "tls" / "privkey.pem"), "-out", str(tmp_path / "tls" / "fullchain.pem")),
        ],
        check=True,
        capture_output=True,
    )
    port = free_port()
    trusted = ssl.create_default_context(cafile=str(tmp_path / "tls" / "fullchain.pem"))
    # Debian's nginx 1.22 knows HTTP/2 only as a word of 'listen'.
    changes = {"listen 8443 ssl;": f"listen 127.0.0.1:{port} ssl;", "    http2 on;\n": ""}
    with _replica(_answer) as replica, _front_door(tmp_path, replica, changes=changes) as url:
        secure = httpx.get(f"https://127.0.0.1:{port}/v1/questions", verify=trusted, trust_env=False)
        plain = httpx.get(f"{url}/v1/questions", trust_env=False)
    assert secure.status_code == plain.status_code == 200
    assert secure.headers["strict-transport-security"]
    assert "strict-transport-security" not in plain.headers
    assert [seen["X-Forwarded-Proto"] for seen in replica.seen] == ["https", "http"]


def test_prompts_that_begin_alike_go_to_one_judge_and_no_other_key_moves_when_a_judge_goes(tmp_path: Path) -> None:
    judges = [_Replica(_answer) for _ in range(5)]
    behind = {"blue": judges, "green": judges[:1]}
    try:
        for judge in judges:
            judge.start()
        with _gateway(tmp_path, behind) as client:
            before = _homes(client, judges)
            assert before == _homes(client, judges), "the same keys go the same way"
            assert len(set(before.values())) == 5
            judges[2].stop()
            during = _homes(client, judges)
        moved = {key for key in before if before[key] != during[key]}
        assert moved == {key for key, home in before.items() if home == 2}
        assert len({during[key] for key in moved}) > 1, "its keys are shared out among the others"
    finally:
        for judge in judges:
            judge.stop()


def test_a_prompt_whose_judge_fails_goes_to_the_other(tmp_path: Path) -> None:
    def fail(request: BaseHTTPRequestHandler) -> None:
        request.send_response(500)
        request.send_header("Content-Length", "0")
        request.end_headers()

    with _replica(fail) as ending, _replica(_hang_up) as gone, _replica(_answer) as well:
        with _gateway(tmp_path, {"blue": [ending, gone, well], "green": [well]}) as client:
            replies = [
                client.post("/v1/chat/completions", json={}, headers={"X-Prefix-Key": str(key)}) for key in range(20)
            ]
        assert {reply.status_code for reply in replies} == {200}
        assert ending.seen
        assert gone.seen


def _homes(client: httpx.Client, judges: list[_Replica]) -> dict[str, int]:
    """Which judge each of many keys gets to."""
    homes = {}
    for number in range(_MANY_KEYS):
        counts = [len(judge.seen) for judge in judges]
        client.get("/v1/models", headers={"X-Prefix-Key": f"key-{number}"}).raise_for_status()
        (homes[f"key-{number}"],) = (at for at, judge in enumerate(judges) if len(judge.seen) > counts[at])
    return homes


def _text(name: str) -> str:
    return (FILES / name).read_text(encoding="utf-8")


def _command(
    folder: Path,
    name: str,
    *,
    behind: dict[str, list[int]],
    port: int = 0,
    changes: dict[str, str] | None = None,
) -> list[str]:
    """nginx with our configuration, what is behind it listed instead of resolved, all its files in the folder."""
    if not NGINX.exists():
        pytest.skip(f"nginx is not installed at {NGINX} (Debian's nginx-light has it): its configuration was not tried")
    here = {
        " /tmp/": f" {folder}/",
        "/dev/stdout": f"{folder}/access.log",
        "/dev/stderr": f"{folder}/error.log",
        "listen 8080": f"listen 127.0.0.1:{port or free_port()}",
        "include tls/": f"include {folder}/tls/",
        **(changes or {}),
    }
    for file in [*FILES.glob("*.conf"), *(folder / "tls").glob("*.conf")]:
        text = file.read_text(encoding="utf-8")
        for ours, theirs in here.items():
            text = text.replace(ours, theirs)
        if file.name == name and os.geteuid() == 0:
            # Its workers run as another user, who may not enter pytest's folder.
            text = f"user root;\n{text}"
        if "upstream" in file.name:
            text = _listed(text, behind)
        (folder / file.relative_to(FILES if file.is_relative_to(FILES) else folder)).write_text(text, encoding="utf-8")
    return [str(NGINX), "-p", str(folder), "-c", str(folder / name), "-e", str(folder / "error.log")]


def _listed(text: str, behind: dict[str, list[int]]) -> str:
    """An upstream's file with ports of this machine in place of names; `resolve` is newer than Debian's nginx."""
    text = re.sub(r"^ +resolver.*\n", "", text, flags=re.MULTILINE)
    for name, hosts in re.findall(r"upstream (\w+) \{(.*?)\}", text, re.DOTALL):
        servers = "".join(
            f"    server 127.0.0.1:{port} max_fails=2 fail_timeout=5s;\n" for port in behind.get(name, [1])
        )
        block = re.sub(r"(^ +server .*\n)+", servers, hosts, flags=re.MULTILINE)
        text = text.replace(f"upstream {name} {{{hosts}}}", f"upstream {name} {{{block}}}")
    return text


@contextmanager
def _running(command: list[str], folder: Path, port: int) -> Iterator[None]:
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
        yield
    finally:
        process.terminate()
        process.wait(timeout=10)


@contextmanager
def _front_door(folder: Path, *replicas: _Replica, changes: dict[str, str] | None = None) -> Iterator[str]:
    """nginx in front of the replicas; gives its address."""
    port = free_port()
    behind = {"api": [replica.server_address[1] for replica in replicas]}
    with _running(_command(folder, "nginx.conf", behind=behind, port=port, changes=changes), folder, port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _gateway(folder: Path, behind: dict[str, list[_Replica]]) -> Iterator[httpx.Client]:
    """A caller of the blue judges, through the gateway."""
    port = free_port()
    ports = {colour: [judge.server_address[1] for judge in judges] for colour, judges in behind.items()}
    with (
        _running(_command(folder, "judges.conf", behind=ports, port=port), folder, port),
        httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"Host": "blue.judges"}, trust_env=False, timeout=10
        ) as client,
    ):
        yield client


class _Replica(ThreadingHTTPServer):
    """A stand-in for a replica or a judge; `seen` are the headers of every request that reached it."""

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
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Take no more connections."""
        if self._thread.is_alive():
            self.shutdown()
            self._thread.join()
        self.server_close()


def _answer(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "2")
    request.end_headers()
    request.wfile.write(b"ok")


def _hang_up(request: BaseHTTPRequestHandler) -> None:
    request.close_connection = True


@contextmanager
def _replica(behave: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[_Replica]:
    replica = _Replica(behave)
    replica.start()
    try:
        yield replica
    finally:
        replica.stop()


def _problem(reply: httpx.Response) -> dict[str, Any]:
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["x-request-id"]
    problem: dict[str, Any] = json.loads(reply.text)
    assert problem["status"] == reply.status_code
    return problem
