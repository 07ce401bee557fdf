from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.dialects import sqlite

from vivavoce.service.storage.tables import JudgeVersion, State, UtcDateTime, new_id

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("hours", [-8, 0, 8])
def test_times_are_stored_in_utc(hours: int) -> None:
    column = UtcDateTime()
    stored = column.process_bind_param(NOON.astimezone(timezone(timedelta(hours=hours))), sqlite.dialect())
    assert stored
    assert (stored, stored.utcoffset()) == (NOON, timedelta(0))


@pytest.mark.parametrize("stored", [NOON.replace(tzinfo=None), NOON, NOON.astimezone(timezone(timedelta(hours=8)))])
def test_times_are_read_in_utc(stored: datetime) -> None:
    read = UtcDateTime().process_result_value(stored, sqlite.dialect())
    assert read
    assert (read, read.tzinfo) == (NOON, UTC)


def test_no_time_stays_none() -> None:
    column = UtcDateTime()
    assert column.process_bind_param(None, sqlite.dialect()) is None
    assert column.process_result_value(None, sqlite.dialect()) is None


def test_only_queued_and_running_are_open() -> None:
    assert {state for state in State if state.open} == {State.QUEUED, State.RUNNING}


def test_identifiers_are_random_and_of_one_form() -> None:
    ids = {new_id() for _ in range(100)}
    assert len(ids) == 100
    assert {(len(name), int(name, 16) >= 0) for name in ids} == {(32, True)}


@pytest.mark.parametrize(
    ("promoted", "retired", "is_active"),
    [(None, None, False), (NOON, None, True), (NOON, NOON, False), (None, NOON, False)],
)
def test_a_version_is_active_between_two_moments(
    promoted: datetime | None, retired: datetime | None, is_active: bool
) -> None:
    assert JudgeVersion(promoted_at=promoted, retired_at=retired).is_active is is_active
