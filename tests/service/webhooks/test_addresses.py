from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence

import pytest

from vivavoce.service.errors import InvalidWebhook
from vivavoce.service.settings import Settings
from vivavoce.service.webhooks.addresses import check_url
from vivavoce.service.webhooks.transport import WebhookClient
from vivavoce.workers.webhooks import send

from .attempts import make_attempt

# Hosts as they are written, and what a resolver says of names; each would lead inside.
LITERALS = [
    *("127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001"),
    *("127.0.0.1.", "127.255.255.254", "0.0.0.0", "0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "172.16.0.1"),
    *("172.31.255.255", "192.168.0.1", "192.168.255.255", "169.254.169.254", "169.254.0.1", "2852039166"),
    *("0xa9fea9fe", "100.64.0.1", "100.127.255.255", "100.100.100.200", "192.0.0.192", "192.0.2.1", "198.18.0.1"),
    *("198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("168.63.129.16", "192.88.99.1", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"),
    *("[::ffff:10.0.0.1]", "[::ffff:169.254.169.254]", "[::127.0.0.1]", "[2002:7f00:1::]", "[2002:a00:1::]"),
    *("[64:ff9b::127.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::1]", "[2001::1]", "[2001:db8::1]"),
    *("[fe80::1]", "[fec0::1]", "[fc00::1]", "[fd00::1]", "[fd00:ec2::254]", "[ff02::1]", "[100::1]", "[3fff::1]"),
    *("localhost", "LOCALHOST", "a.localhost", "printer.local", "metadata.google.internal", "①②⑦.⓪.⓪.①"),
]
URLS = [f"http://{host}:PORT/" for host in LITERALS]
WRONG_URLS = [
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:70/",
    "javascript:alert(1)",
    "//example.com/",
    "example.com",
    "https://",
    "https:///hooks",
    "https://user:password@example.com/",
    "https://example.com#@127.0.0.1/",
    "https://example.com@127.0.0.1/",
    "http://127.0.0.1:80\\@example.com/",
    "https://example.com:22/",
    "https://example.com:6379/",
    "https://exa mple.com/",
    "https://example.com/" + "a" * 2000,
]
REBOUND = [
    ["127.0.0.1"],
    ["93.184.216.34", "127.0.0.1"],
    ["2606:2800:220:1::1", "::1"],
    ["fe80::1%eth0"],
    ["::ffff:127.0.0.1"],
    ["64:ff9b::7f00:1"],
    [],
]


@pytest.fixture
def counted_port() -> Iterator[tuple[int, list[str]]]:
    """A port that counts connections, by IPv4 and IPv6."""
    connections: list[str] = []
    listening = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)

    def count() -> None:
        while True:
            try:
                connection, peer = listening.accept()
            except OSError:
                return
            connections.append(str(peer))
            connection.close()

    thread = threading.Thread(target=count, daemon=True)
    thread.start()
    yield listening.getsockname()[1], connections
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join(5)


def test_no_address_inside_is_ever_connected_to(
    counted_port: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, connections = counted_port
    # Only the addresses are to decide here.
    monkeypatch.setattr("vivavoce.service.webhooks.transport.check_parts", lambda url, settings: None)
    client = WebhookClient(Settings(), timeout_seconds=0.3)
    errors = {url: send(client, make_attempt(url.replace("PORT", str(port)))).error for url in URLS}
    client.close()
    assert len(URLS) >= 60
    assert connections == []
    assert {url for url, error in errors.items() if not error} == set()
    assert {url for url, error in errors.items() if error == "no answer in time"} == set()


@pytest.mark.parametrize("addresses", REBOUND)
def test_a_name_that_is_bound_to_an_address_inside_is_not_connected_to(
    counted_port: tuple[int, list[str]], addresses: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, connections = counted_port
    monkeypatch.setattr("vivavoce.service.webhooks.transport.check_parts", lambda url, settings: None)
    client = WebhookClient(Settings(), timeout_seconds=1, resolve=lambda host, port: addresses)
    assert send(client, make_attempt(f"http://example.com:{port}/")).error
    client.close()
    assert connections == []


def test_the_connection_goes_to_the_address_that_was_checked(counted_port: tuple[int, list[str]]) -> None:
    port, connections = counted_port
    asked: list[str] = []

    def resolve(host: str, _: int) -> list[str]:
        asked.append(host)
        # Another answer the second time, as a name that is rebound gives.
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    client = WebhookClient(Settings(webhook_allow_private=True), timeout_seconds=2, resolve=resolve)
    send(client, make_attempt(f"http://example.com:{port}/"))
    assert (asked, len(connections)) == (["example.com"], 1)
    assert "not public" in str(send(client, make_attempt(f"http://example.com:{port}/")).error)
    client.close()
    assert len(connections) == 1


@pytest.mark.parametrize("url", WRONG_URLS)
def test_a_wrong_url_is_refused_in_a_sentence(url: str) -> None:
    with pytest.raises(InvalidWebhook, match=r"^[A-Z'].*: .+\.$"):
        check_url(url, Settings())


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/", "http://localhost/", "https://[::1]/", "https://a.internal/", "http://[::ffff:a00:1]/"]
)
def test_an_address_inside_is_refused_unless_the_settings_allow_it(url: str) -> None:
    with pytest.raises(InvalidWebhook, match="public"):
        check_url(url, Settings())
    assert check_url(url, Settings(webhook_allow_private=True)) == url


@pytest.mark.parametrize("host", ["169.254.169.254", "100.100.100.200", "[fd00:ec2::254]", "224.0.0.1", "[fe80::1]"])
def test_metadata_is_out_of_reach_even_then(host: str) -> None:
    client = WebhookClient(Settings(webhook_allow_private=True), timeout_seconds=0.3)
    assert "not public" in str(send(client, make_attempt(f"http://{host}/")).error)
    client.close()


def test_production_needs_https() -> None:
    settings = Settings(environment="production", secret="x" * 32, database_url="postgresql+psycopg://a@b/c")
    with pytest.raises(InvalidWebhook, match="use https"):
        check_url("http://example.com/", settings)
    assert check_url("https://example.com:8443/a?b=c", settings) == "https://example.com:8443/a?b=c"
