"""The sender of webhooks, against a real receiver on this machine."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from standardwebhooks import Webhook

from vivavoce.service.audit import Kind
from vivavoce.service.events.log import EventKind
from vivavoce.service.settings import Settings
from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import AuditEvent, Event, WebhookDelivery, WebhookEndpoint
from vivavoce.service.webhooks import endpoints
from vivavoce.service.webhooks.deliveries import RetryPlan
from vivavoce.service.webhooks.endpoints import EndpointFields
from vivavoce.workers.webhooks import WebhookSender

from ..service.events.logs import add_events
from ..service.samples import FixedClock
from ..service.webhooks.receivers import Receiver, fail_sometimes, run_receiver

KEY = "k" * 32
DAY = 86400


@pytest.fixture
def settings() -> Settings:
    return Settings(webhook_allow_private=True, secret=KEY)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with run_receiver() as running:
        yield running


@pytest.fixture
def moving_clock(monkeypatch: pytest.MonkeyPatch) -> FixedClock:
    """The time of the service, from now, which only the test moves: signatures must be of today."""
    fixed = FixedClock(datetime.now(UTC))
    monkeypatch.setattr(clock, "now", fixed)
    return fixed


def add_endpoint(database: SessionFactory, url: str, kinds: list[str] | None = None) -> tuple[str, str]:
    with database.of("default").begin() as session:
        fields = EndpointFields(url, None, kinds)
        endpoint, secret = endpoints.create(session, fields, KEY, organisation_id="default", actor="test")
    return endpoint.id, secret


def send_all(database: SessionFactory, settings: Settings, *, plan: RetryPlan | None = None) -> None:
    """Send until nothing is due."""
    sender = WebhookSender(database, settings, plan=plan)
    while sender.step():
        pass


def change(
    database: SessionFactory, endpoint_id: str, work: Callable[..., object], **options: object
) -> WebhookEndpoint:
    with database.begin() as session:
        endpoint = session.get_one(WebhookEndpoint, endpoint_id)
        work(session, endpoint, **options)
    return endpoint


def read_deliveries(database: SessionFactory) -> list[WebhookDelivery]:
    with database() as session:
        return list(session.scalars(sa.select(WebhookDelivery).order_by(WebhookDelivery.sequence)))


def read_endpoint(database: SessionFactory, endpoint_id: str) -> WebhookEndpoint:
    with database() as session:
        return session.get_one(WebhookEndpoint, endpoint_id)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai"])
def test_a_receiver_can_check_the_signature_in_every_time_zone(
    database: SessionFactory,
    settings: Settings,
    receiver: Receiver,
    zone: str,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    request.addfinalizer(time.tzset)
    endpoint_id, secret = add_endpoint(database, receiver.url)
    add_events(database, 3)
    send_all(database, settings)
    assert receiver.ids == [f"msg_{endpoint_id}_{number}" for number in (1, 2, 3)] or len(set(receiver.ids)) == 3
    for headers, body in receiver.got:
        message = Webhook(secret).verify(body, headers)
        assert set(message) == {"type", "timestamp", "data", "sequence"}
        assert message["type"] == "grading.graded"
        assert abs(datetime.fromisoformat(message["timestamp"]) - datetime.now(UTC)) < timedelta(minutes=1)
    monkeypatch.undo()


def test_two_secrets_sign_during_an_overlap_and_one_after_it(
    database: SessionFactory, settings: Settings, receiver: Receiver, moving_clock: FixedClock
) -> None:
    endpoint_id, old = add_endpoint(database, receiver.url)
    secrets = []

    def rotate(session: object, endpoint: WebhookEndpoint) -> None:
        secrets.append(
            endpoints.rotate(
                session,  # type: ignore[arg-type]
                endpoint,
                KEY,
                idempotency_key=None,
                overlap=timedelta(minutes=2),
                actor="test",
            )
        )

    change(database, endpoint_id, rotate)
    add_events(database, 1)
    send_all(database, settings)
    moving_clock.advance(121)
    add_events(database, 1)
    send_all(database, settings)
    during, after = (headers["webhook-signature"].split(" ") for headers, _ in receiver.got)
    assert (len(during), len(after)) == (2, 1)
    for headers, body in receiver.got:
        Webhook(secrets[0]).verify(body, headers)
    Webhook(old).verify(receiver.got[0][1], receiver.got[0][0])


def test_a_webhook_gets_the_kinds_that_it_asked_for_and_its_own_ping(
    database: SessionFactory, settings: Settings, receiver: Receiver
) -> None:
    endpoint_id, _ = add_endpoint(database, receiver.url, ["cohort.*"])
    add_endpoint(database, "http://127.0.0.1:9/", ["cohort.*"])
    add_events(database, 1)
    add_events(database, 1, kind=EventKind.COHORT_FINISHED)
    change(database, endpoint_id, endpoints.ping)
    send_all(database, settings)
    assert sorted(json.loads(body)["type"] for _, body in receiver.got) == ["cohort.finished", "ping"]


def test_eight_tries_take_27_hours(
    database: SessionFactory, settings: Settings, receiver: Receiver, moving_clock: FixedClock
) -> None:
    receiver.answer = lambda _: (500, {})
    add_endpoint(database, receiver.url)
    add_events(database, 1)
    waits = []
    for tries in range(1, 9):
        send_all(database, settings)
        assert len(receiver.got) == tries
        (delivery,) = read_deliveries(database)
        if delivery.next_at:
            waits.append((delivery.next_at - clock.now()).total_seconds())
            moving_clock.moment = delivery.next_at - timedelta(seconds=1)
            send_all(database, settings)
            assert len(receiver.got) == tries, "tried before its time"
            moving_clock.advance(1)
    assert (delivery.state, delivery.attempt, delivery.status_code) == ("failed", 8, 500)
    assert delivery.error == "the receiver answered 500"
    for wait, planned in zip(waits, (5, 300, 1800, 7200, 18000, 36000, 36000), strict=True):
        assert planned <= wait <= planned * 1.1
    assert 27 * 3600 <= sum(waits) <= 31 * 3600
    assert len(set(receiver.ids)) == 1
    assert len({body for _, body in receiver.got}) == 1


def test_a_webhook_that_fails_for_five_days_is_disabled_with_a_notice(
    database: SessionFactory, settings: Settings, receiver: Receiver, moving_clock: FixedClock
) -> None:
    receiver.answer = lambda _: (503, {})
    endpoint_id, _ = add_endpoint(database, receiver.url)
    for _ in range(11):
        add_events(database, 1)
        send_all(database, settings)
        moving_clock.advance(DAY / 2)
    endpoint = read_endpoint(database, endpoint_id)
    assert endpoint.state == "disabled"
    assert endpoint.disabled_reason == "Every try has failed for 5 days, the last with: the receiver answered 503"
    with database() as session:
        assert session.scalar(sa.select(sa.func.count()).where(Event.kind == "webhook.disabled")) == 1
        assert session.scalar(sa.select(sa.func.count()).where(AuditEvent.kind == Kind.WEBHOOK_DISABLED)) == 1
    # Enabled again, it gets exactly what it missed.
    receiver.answer = lambda _: (204, {})
    receiver.got.clear()
    add_events(database, 2)
    change(database, endpoint_id, endpoints.enable, replay=True, actor="test")
    send_all(database, settings)
    with database() as session:
        newest = session.scalar(sa.select(sa.func.max(Event.sequence))) or 0
    assert sorted(json.loads(body)["sequence"] for _, body in receiver.got) == list(range(1, newest + 1))
    assert read_endpoint(database, endpoint_id).failing_since is None


def test_a_webhook_that_works_now_and_then_stays_enabled(
    database: SessionFactory, settings: Settings, receiver: Receiver, moving_clock: FixedClock
) -> None:
    receiver.answer = lambda number: (500 if number % 4 else 200, {})
    endpoint_id, _ = add_endpoint(database, receiver.url)
    for _ in range(20):
        add_events(database, 1)
        send_all(database, settings)
        moving_clock.advance(DAY / 2)
    assert read_endpoint(database, endpoint_id).state == "enabled"


def test_a_receiver_that_is_gone_is_not_asked_again(
    database: SessionFactory, settings: Settings, receiver: Receiver
) -> None:
    receiver.answer = lambda _: (410, {})
    endpoint_id, _ = add_endpoint(database, receiver.url)
    add_events(database, 1)
    send_all(database, settings)
    send_all(database, settings)
    assert len(receiver.got) == 1
    assert read_endpoint(database, endpoint_id).disabled_reason == "The receiver answered 410 Gone."


def test_a_receiver_may_refuse_a_message_for_good(
    database: SessionFactory, settings: Settings, receiver: Receiver
) -> None:
    receiver.answer = lambda _: (400, {"webhook-delivery": "abort-message"})
    endpoint_id, _ = add_endpoint(database, receiver.url)
    add_events(database, 1)
    send_all(database, settings)
    (delivery,) = read_deliveries(database)
    assert (delivery.state, delivery.error) == ("failed", "the receiver wants no further try")
    assert read_endpoint(database, endpoint_id).failing_since is None


def test_no_redirect_is_followed(database: SessionFactory, settings: Settings, receiver: Receiver) -> None:
    with run_receiver() as other:
        receiver.answer = lambda _: (302, {"Location": other.url})
        add_endpoint(database, receiver.url)
        add_events(database, 1)
        send_all(database, settings)
        assert other.got == []
    assert read_deliveries(database)[0].status_code == 302


def test_a_replay_sends_what_has_not_arrived_and_nothing_else(
    database: SessionFactory, settings: Settings, receiver: Receiver
) -> None:
    add_events(database, 2)
    receiver.answer = lambda _: (400, {"webhook-delivery": "abort-message"})
    endpoint_id, _ = add_endpoint(database, receiver.url)
    add_events(database, 2)
    send_all(database, settings)
    receiver.answer = lambda _: (204, {})
    add_events(database, 1)
    send_all(database, settings)
    before = set(receiver.ids)
    receiver.got.clear()
    # Events 1 and 2 are from before the webhook, 3 and 4 were refused, 5 has arrived.
    change(database, endpoint_id, endpoints.replay, after=1, since=None, actor="test")
    send_all(database, settings)
    assert sorted(json.loads(body)["sequence"] for _, body in receiver.got) == [2, 3, 4]
    assert len(set(receiver.ids) & before) == 2, "an event has the same id again"


def test_a_changed_key_of_the_service_is_said_and_a_new_secret_helps(
    database: SessionFactory, receiver: Receiver
) -> None:
    endpoint_id, _ = add_endpoint(database, receiver.url)
    add_events(database, 1)
    changed = Settings(webhook_allow_private=True, secret="n" * 32)
    send_all(database, changed)
    assert receiver.got == []
    assert "VIVA_SECRET has changed" in str(read_endpoint(database, endpoint_id).disabled_reason)
    options = {"idempotency_key": None, "overlap": timedelta(hours=1), "actor": "test"}
    with database.begin() as session:
        endpoint = session.get_one(WebhookEndpoint, endpoint_id)
        secret = endpoints.rotate(session, endpoint, "n" * 32, **options)  # type: ignore[arg-type]
        endpoints.enable(session, endpoint, replay=True, actor="test")
    send_all(database, changed)
    # Several are sent at a time, and may overtake one another.
    assert sorted(Webhook(secret).verify(body, headers)["sequence"] for headers, body in receiver.got) == [1, 2]


# Libraries are loaded once; each line of input begins a sender, which runs until it is killed.
_SENDERS = """
import os
import sys

from vivavoce.service.settings import Settings
from vivavoce.service.storage.engine import connect, sessions
from vivavoce.service.webhooks.deliveries import RetryPlan
from vivavoce.workers.webhooks import WebhookSender

for _ in sys.stdin:
    if child := os.fork():
        print(child, flush=True)
        continue
    settings = Settings()
    plan = RetryPlan(delays=(0.0,) * 60, timeout_seconds=5, lease_seconds=2)
    sender = WebhookSender(sessions(connect(settings.database)), settings, plan=plan)
    while True:
        sender.step()
"""


def test_every_event_arrives_although_a_third_of_the_tries_fails_and_senders_are_killed(
    postgres_database: SessionFactory, receiver: Receiver
) -> None:
    receiver.answer = fail_sometimes(0.3)
    endpoint_id, _ = add_endpoint(postgres_database, receiver.url)
    add_events(postgres_database, 1000)
    chance, deadline, kills = random.Random(1), time.monotonic() + 480, 0
    with _run_senders(postgres_database) as begin_sender:
        while len(receiver.accepted) < 1000:
            senders = [begin_sender() for _ in range(2)]
            until = len(receiver.got) + chance.randint(50, 300)
            while len(receiver.got) < until and len(receiver.accepted) < 1000:
                assert time.monotonic() < deadline, f"{1000 - len(receiver.accepted)} of 1,000 have not arrived"
                time.sleep(0.01)
            for sender in senders:
                os.kill(sender, signal.SIGKILL)
                kills += 1
    assert receiver.accepted == {f"msg_{endpoint_id}_{number}" for number in range(1, 1001)}
    assert kills >= 6
    assert len(receiver.got) > 1300, "a third was to fail"


@contextmanager
def _run_senders(database: SessionFactory) -> Iterator[Callable[[], int]]:
    """Gives a function that begins a sender and returns its process."""
    environment = {
        **os.environ,
        "VIVA_DATABASE_URL": database.engine.url.render_as_string(hide_password=False),
        "VIVA_SECRET": KEY,
        "VIVA_WEBHOOK_ALLOW_PRIVATE": "true",
    }
    with subprocess.Popen(
        [sys.executable, "-c", _SENDERS],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as parent:
        assert parent.stdin
        assert parent.stdout

        def begin_sender() -> int:
            parent.stdin.write("\n")
            parent.stdin.flush()
            return int(parent.stdout.readline())

        yield begin_sender
        parent.stdin.close()
