"""Routes for exports: ask for a file, follow it, fetch it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from sqlalchemy.orm import Session

from ....access.scopes import Scope
from ....errors import MissingScope
from ....exports import lifecycle
from ....storage import clock
from ....storage.repositories.exports import ExportRepository
from ...authorization import CallerDep, OwnSessionsDep
from ...dependencies import SettingsDep, refuse_unknown_parameters
from ...documents.openapi import STARTED_REPLIES, problem_replies
from ...idempotency import OnceDep
from ...paging import Page, PagingDep
from ...schemas.exports.lifecycle import DictionaryPublic, ExportCreate, ExportId, ExportPublic

router = APIRouter(prefix="/v1/exports", tags=["exports"], dependencies=[Depends(refuse_unknown_parameters)])


@router.post(
    "",
    status_code=202,
    summary="Export results",
    responses={**STARTED_REPLIES, **problem_replies(404)},
)
def create_export(body: ExportCreate, once: OnceDep, settings: SettingsDep, caller: CallerDep) -> ExportPublic:
    """Stores what to export; a worker writes the file from one snapshot of the results.

    Read the export until it is `finished`, or wait for its event, then fetch the file. With `include_answer_key` the
    key must have the scope `answer_key:read`.
    """
    if body.include_answer_key and not caller.may(Scope.ANSWER_KEY_READ):
        raise MissingScope("include_answer_key needs the scope 'answer_key:read': leave it out, or use another key.")

    def ask(session: Session) -> ExportPublic:
        export = lifecycle.request(
            session,
            body,
            organisation_id=caller.organisation_id,
            actor=caller.actor,
            keep_days=settings.export_days,
        )
        return ExportPublic.from_export(export)

    return once.run(ask, reply_type=ExportPublic, body=body, location=lambda made: f"{router.prefix}/{made.id}")


@router.get("", summary="List exports")
def list_exports(
    paging: PagingDep,
    sessions: OwnSessionsDep,
    cohort_id: Annotated[str | None, Query(max_length=32, description="Only exports of this cohort.")] = None,
) -> Page[ExportPublic]:
    """Returns the exports, the newest first."""
    query = paging.read(cohort_id=cohort_id)
    after = (datetime.fromisoformat(query.after[0]), str(query.after[1])) if query.after else None
    with sessions() as session:
        found = ExportRepository(session).newest(
            clock.now(), after=after, cohort_id=query.filters["cohort_id"], limit=query.limit + 1
        )
    shown = found[: query.limit]
    last = [shown[-1].created_at.isoformat(), shown[-1].id] if len(found) > query.limit else None
    return paging.write([ExportPublic.from_export(export) for export in shown], last=last)


@router.get("/{export_id}", summary="Read an export")
def read_export(export_id: ExportId, sessions: OwnSessionsDep) -> ExportPublic:
    """Returns the state of an export, how far it is, and its manifest once it is finished."""
    with sessions() as session:
        return ExportPublic.from_export(lifecycle.get(session, export_id))


@router.get("/{export_id}/dictionary", summary="Read the data dictionary", responses=problem_replies(409))
def read_export_dictionary(export_id: ExportId, sessions: OwnSessionsDep) -> DictionaryPublic:
    """Returns what each column of the file means, with type, unit and range. A workbook has it as a second sheet."""
    with sessions() as session:
        return DictionaryPublic.from_export(lifecycle.get_finished(session, export_id))


@router.delete("/{export_id}", status_code=204, summary="Delete an export")
def delete_export(export_id: ExportId, sessions: OwnSessionsDep, caller: CallerDep) -> None:
    """Deletes an export with its file and the edits that came back with it. One that is being written is given up."""
    sessions.run(lambda session: lifecycle.delete(session, export_id, actor=caller.actor))
