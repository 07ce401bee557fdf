from __future__ import annotations

import pytest
import sqlalchemy as sa

from vivavoce import __version__
from vivavoce.graders import Flag, UnscoredReason
from vivavoce.rubrics import Rubric
from vivavoce.service.observability import metrics
from vivavoce.service.storage import clock
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import DEFAULT_ORGANISATION, State, WebhookDelivery, WebhookEndpoint

from ..samples import FixedClock, bring_to, submit_answer


def _samples(database: SessionFactory) -> dict[str, float]:
    lines = metrics.exposition(database).decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def test_every_state_of_the_queue_is_shown(database: SessionFactory, rubric: Rubric) -> None:
    for state in (State.FAILED, State.GRADED, State.DEAD):
        bring_to(database, rubric, state)
    for _ in range(2):
        submit_answer(database, rubric)
    samples = _samples(database)
    shown = {state: samples[f'vivavoce_gradings{{state="{state}"}}'] for state in State}
    assert shown == {**dict.fromkeys(State, 0.0), "queued": 2.0, "failed": 1.0, "graded": 1.0, "dead": 1.0}


def test_the_age_is_that_of_the_oldest_open(database: SessionFactory, rubric: Rubric, fixed_clock: FixedClock) -> None:
    assert _samples(database)["vivavoce_oldest_open_seconds"] == 0.0
    bring_to(database, rubric, State.GRADED)
    fixed_clock.advance(100)
    submit_answer(database, rubric)
    fixed_clock.advance(5)
    submit_answer(database, rubric)
    fixed_clock.advance(5)
    assert _samples(database)["vivavoce_oldest_open_seconds"] == 10.0


def test_without_a_database_only_the_queue_is_missing(
    database: SessionFactory, caplog: pytest.LogCaptureFixture
) -> None:
    with database.engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE grading"))
    samples = _samples(database)
    assert not any(name.startswith("vivavoce_gradings{") for name in samples)
    assert samples[f'vivavoce_build_info{{version="{__version__}"}}'] == 1.0
    assert "the metrics of the queue are missing" in caplog.text


def test_webhooks_are_counted_by_their_health(database: SessionFactory) -> None:
    moment = clock.now()
    with database.begin() as session:
        for state, failing_since in (("enabled", None), ("enabled", moment), ("disabled", moment)):
            endpoint = WebhookEndpoint(
                organisation_id=DEFAULT_ORGANISATION,
                url="https://example.org",
                secrets=[],
                state=state,
                failing_since=failing_since,
                created_at=moment,
                updated_at=moment,
            )
            session.add(endpoint)
            session.flush()
            for number, delivery in enumerate(("pending", "delivered")):
                session.add(
                    WebhookDelivery(
                        organisation_id=DEFAULT_ORGANISATION,
                        endpoint_id=endpoint.id,
                        sequence=number,
                        kind="ping",
                        state=delivery,
                        created_at=moment,
                        updated_at=moment,
                    )
                )
    samples = _samples(database)
    assert [samples[f'vivavoce_webhooks{{state="{state}"}}'] for state in ("working", "failing", "disabled")] == [1] * 3
    assert samples["vivavoce_webhook_deliveries_pending"] == 3


@pytest.mark.parametrize(
    ("name", "label", "values"),
    [
        ("vivavoce_gradings_finished_total", "state", ["graded", "needs_review", "failed", "dead"]),
        ("vivavoce_gradings_returned_total", "why", ["judge_unavailable", "unanswered", "worker_lost"]),
        ("vivavoce_judge_tokens_total", "kind", ["prompt", "cached", "generated"]),
        ("vivavoce_flagged_reports_total", "flag", list(Flag)),
        ("vivavoce_unscored_reports_total", "reason", list(UnscoredReason)),
        ("vivavoce_unscored_criteria_total", "reason", list(UnscoredReason)),
    ],
)
def test_series_exist_before_their_first_event(
    database: SessionFactory, name: str, label: str, values: list[str]
) -> None:
    samples = _samples(database)
    assert [value for value in values if f'{name}{{{label}="{value}"}}' not in samples] == []
