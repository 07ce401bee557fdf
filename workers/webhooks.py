"""The sender of webhooks: a thread that takes events for endpoints and tries what is due, several at a time."""

from __future__ import annotations

import logging
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import httpcore2
import httpx2

from vivavoce.service.errors import InvalidWebhook
from vivavoce.service.settings import Settings
from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.repositories import DeliveryRepository, EndpointRepository
from vivavoce.service.webhooks import deliveries
from vivavoce.service.webhooks.deliveries import Attempt, AttemptResult, RetryPlan
from vivavoce.service.webhooks.messages import sign
from vivavoce.service.webhooks.transport import ForbiddenAddress, Resolver, WebhookClient, resolve_name

TRIES_AT_ONCE = 32
TRIES_OF_AN_ENDPOINT = 8
_BUSY_SECONDS = 1.0
_GATHER_SECONDS = 0.02
_log = logging.getLogger(__name__)


class WebhookSender:
    """Sends what is due. A receiver that hangs holds up few of the tries of others, and no database connection."""

    def __init__(
        self,
        sessions: SessionFactory,
        settings: Settings,
        *,
        plan: RetryPlan | None = None,
        resolve: Resolver = resolve_name,
    ) -> None:
        self._sessions = sessions
        self._key = settings.secret.get_secret_value()
        self._plan = plan or RetryPlan()
        self._client = WebhookClient(settings, timeout_seconds=self._plan.timeout_seconds, resolve=resolve)
        self._pool = ThreadPoolExecutor(TRIES_AT_ONCE, thread_name_prefix="webhooks")
        self._running: dict[Future[None], str] = {}

    def step(self) -> bool:
        """Take events, begin tries, and wait for one to end; returns False if there was nothing to do."""
        self._running = {future: name for future, name in self._running.items() if not future.done()}
        has_taken = self._take_events()
        for attempt in self._claim():
            self._running[self._pool.submit(self._try, attempt)] = attempt.endpoint_id
        if self._running:
            wait(self._running, timeout=_BUSY_SECONDS, return_when=FIRST_COMPLETED)
            # Those that end at the same time share one look into the database.
            wait(self._running, timeout=_GATHER_SECONDS)
        return has_taken or bool(self._running)

    def _take_events(self) -> bool:
        # Looked up first: on SQLite even an idle writer holds up others.
        if self._sessions.read(lambda session: EndpointRepository(session).next_behind(lock=False)) is None:
            return False
        return self._sessions.run(deliveries.take_events)

    def _claim(self) -> list[Attempt]:
        free = TRIES_AT_ONCE - len(self._running)
        if free <= 0 or not self._sessions.read(lambda session: DeliveryRepository(session).endpoints_due(clock.now())):
            return []
        held = Counter(self._running.values())
        free_of = {endpoint_id: TRIES_OF_AN_ENDPOINT - count for endpoint_id, count in held.items()}
        return self._sessions.run(
            lambda session: deliveries.claim(
                session, self._key, self._plan, free=free, free_of=free_of, each=TRIES_OF_AN_ENDPOINT
            )
        )

    def _try(self, attempt: Attempt) -> None:
        result = send(self._client, attempt)
        if result.error:
            # The path of a URL may be a secret.
            host = httpx2.URL(attempt.url).host
            _log.warning("webhook %s to %s failed: %s", attempt.message_id, host, result.error)
        try:
            self._sessions.run(lambda session: deliveries.record(session, attempt, result, self._plan))
        except Exception:  # noqa: BLE001  the message is tried again when its claim ends
            _log.exception("the result of webhook %s was not stored", attempt.message_id)


def send(client: WebhookClient, attempt: Attempt) -> AttemptResult:
    """Try a message once; returns what became of it."""
    headers = sign(attempt.message_id, attempt.body, attempt.secrets, clock.now())
    try:
        answer = client.post(attempt.url, headers, attempt.body)
    except (ForbiddenAddress, InvalidWebhook) as error:
        why = str(error) or "its name leads to an address that is not public"
        return AttemptResult(error=f"not sent: {why}")
    except httpcore2.TimeoutException:
        return AttemptResult(error="no answer in time")
    except Exception as error:  # noqa: BLE001  whatever a receiver does is a failed try
        return AttemptResult(error=f"no connection or no HTTP ({type(error).__name__})")
    if 200 <= answer.status < 300:
        return AttemptResult(answer.status)
    words = "the receiver wants no further try" if answer.wants_no_more else f"the receiver answered {answer.status}"
    return AttemptResult(answer.status, words, answer.wants_no_more)
