"""Routes for mappings of columns that are kept under a name."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ....cohorts.files.mapping import hash_headings
from ....errors import NameTaken
from ....lookup import get_own
from ....storage import clock
from ....storage.repositories import ColumnMappingRepository
from ....storage.tables import ColumnMapping
from ...authorization import OwnSessionsDep
from ...dependencies import refuse_unknown_parameters
from ...documents.openapi import made_replies
from ...idempotency import OnceDep
from ...paging import Page, PagingDep
from ...schemas.cohorts.files import MappingCreate, MappingPublic

MappingIdDep = Annotated[str, Path(alias="mapping_id", description="Id of the mapping: 32 hexadecimal digits.")]
router = APIRouter(prefix="/v1/mappings", tags=["cohort files"], dependencies=[Depends(refuse_unknown_parameters)])


@router.post("", status_code=201, summary="Save a mapping", responses=made_replies(201))
def create_mapping(body: MappingCreate, once: OnceDep) -> MappingPublic:
    """Saves a mapping under a name. Files whose headings are the same are read by it from now on."""

    def save(session: Session) -> MappingPublic:
        row = ColumnMapping(
            name=body.name,
            headings_hash=hash_headings(body.columns),
            mapping=body.mapping.to_document(),
            created_at=clock.now(),
        )
        session.add(row)
        session.flush()
        return MappingPublic.from_row(row)

    try:
        return once.run(save, reply_type=MappingPublic, body=body, location=lambda made: f"{router.prefix}/{made.id}")
    except IntegrityError:
        raise NameTaken(f"There is a mapping '{body.name}' already: choose another name, or delete it.") from None


@router.get("", summary="List mappings")
def list_mappings(sessions: OwnSessionsDep, paging: PagingDep) -> Page[MappingPublic]:
    """Returns the saved mappings by name."""
    query = paging.read()
    with sessions() as session:
        rows = ColumnMappingRepository(session).page(limit=query.limit + 1, after=query.after)
    shown = rows[: query.limit]
    last = [shown[-1].name] if len(rows) > query.limit else None
    return paging.write([MappingPublic.from_row(row) for row in shown], last=last)


@router.get("/{mapping_id}", summary="Read a mapping")
def read_mapping(mapping_id: MappingIdDep, sessions: OwnSessionsDep) -> MappingPublic:
    """Returns a saved mapping."""
    with sessions() as session:
        return MappingPublic.from_row(get_own(session, ColumnMapping, mapping_id, name="mapping"))


@router.delete("/{mapping_id}", status_code=204, summary="Delete a mapping")
def delete_mapping(mapping_id: MappingIdDep, sessions: OwnSessionsDep) -> None:
    """Deletes a saved mapping. Files that were read by it keep their reports."""
    with sessions.begin() as session:
        session.delete(get_own(session, ColumnMapping, mapping_id, name="mapping"))
