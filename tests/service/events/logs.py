"""Events for tests, written as in production."""

from __future__ import annotations

from vivavoce.service.events.log import EventKind, append_event
from vivavoce.service.storage.engine import SessionFactory
from vivavoce.service.storage.tables import DEFAULT_ORGANISATION


def add_events(
    database: SessionFactory,
    count: int,
    *,
    kind: EventKind = EventKind.GRADING_GRADED,
    organisation_id: str = DEFAULT_ORGANISATION,
    cohort_id: str | None = None,
) -> None:
    """Commits events, a hundred at a time."""
    for start in range(0, count, 100):
        with database.begin() as session:
            for number in range(start, min(start + 100, count)):
                append_event(
                    session,
                    kind,
                    subject_id=f"subject-{number}",
                    organisation_id=organisation_id,
                    cohort_id=cohort_id,
                    data={"number": number},
                )
