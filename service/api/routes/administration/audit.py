"""Routes that read and verify the audit trail."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from .... import audit
from ....audit import Head, Kind
from ....audit_check import check_part
from ....storage.repositories import AuditRepository, AuditSearch
from ....times import Time
from ...authorization import CallerDep, OwnSessionsDep
from ...dependencies import refuse_unknown_parameters
from ...documents.openapi import link_to
from ...paging import Page, PagingDep
from ...schemas.administration.audit import AuditEventPublic, AuditHead, AuditVerification

router = APIRouter(prefix="/v1/audit", tags=["audit"], dependencies=[Depends(refuse_unknown_parameters)])
# No database compares NUL.
_NAME: dict[str, Any] = {"min_length": 1, "max_length": 200, "pattern": r"^[^\x00]*$"}
MAX_EVENTS = 20_000


@router.get("", summary="List events of the audit trail")
def list_audit_events(
    sessions: OwnSessionsDep,
    caller: CallerDep,
    paging: PagingDep,
    subject: Annotated[
        str | None, Query(**_NAME, description="Only events about this grading, rubric or the like.")
    ] = None,
    kind: Annotated[Kind | None, Query(description="Only events of this kind.")] = None,
    actor: Annotated[
        str | None, Query(**_NAME, description="Only events by this actor, exactly as events name it.")
    ] = None,
    since: Annotated[
        Time | None, Query(description="Only events at or after this time, with its zone (ISO 8601).")
    ] = None,
    until: Annotated[Time | None, Query(description="Only events before this time, with its zone.")] = None,
) -> Page[AuditEventPublic]:
    """Returns the events of your organisation's audit trail, the newest first."""
    query = paging.read(
        subject=subject,
        kind=kind,
        actor=actor,
        since=since.isoformat() if since else None,
        until=until.isoformat() if until else None,
    )
    search = AuditSearch(
        subject=query.filters["subject"],
        kind=query.filters["kind"],
        actor=query.filters["actor"],
        since=_read_time(query.filters["since"]),
        until=_read_time(query.filters["until"]),
        before_id=query.after[0] if query.after else None,
    )
    with sessions() as session:
        found = AuditRepository(session).newest_first(caller.organisation_id, search, limit=query.limit + 1)
    shown = found[: query.limit]
    last = [shown[-1].id] if len(found) > query.limit else None
    return paging.write([AuditEventPublic.from_event(event) for event in shown], last=last)


@router.get(
    "/head",
    summary="Read the head of the audit trail",
    responses={200: {"links": link_to("verify_audit_trail", after="/head")}},
)
def read_audit_head(sessions: OwnSessionsDep, caller: CallerDep) -> AuditHead:
    """Returns the newest event's number and hash. Keep it elsewhere: a later verification after it shows any change."""
    with sessions() as session:
        head = audit.head(session, organisation_id=caller.organisation_id)
    return AuditHead(id=head.id, head=str(head))


@router.get("/verify", summary="Verify the audit trail")
def verify_audit_trail(
    sessions: OwnSessionsDep,
    caller: CallerDep,
    after: Annotated[
        str | None,
        Query(
            max_length=100,
            json_schema_extra={"pattern": "^[0-9]{1,18}:[0-9a-f]{64}$"},
            description="Head that was read or checked before; by default the beginning of the trail.",
        ),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_EVENTS, description="Events to check.")] = 5000,
) -> AuditVerification:
    """Checks a part of the trail: that no event of it, and no report that it names, was changed or removed.

    Go on with `head` as `after` until `is_complete`. `viva audit verify` checks the whole trail at once.
    """
    start = Head() if after is None else Head.parse(after)
    with sessions() as session:
        return AuditVerification.from_checked(check_part(session, caller.organisation_id, start=start, limit=limit))


def _read_time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
