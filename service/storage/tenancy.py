"""Sessions of one organisation: they find no row of another organisation, and store none.

This is the one place that separates organisations. It covers every query, update and deletion by the classes of the
tables; a statement on a bare table or in SQL is not covered, so routes use none. Those of `AcceptanceRepository`, which
each name the organisation, are the exception.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction, with_loader_criteria

from .tables import OrganisationRow

# The key of the organisation in `Session.info`.
_ORGANISATION = "organisation_id"


def bind_to(organisation_id: str) -> dict[str, Any]:
    """Returns the `info` of sessions that belong to an organisation."""
    return {_ORGANISATION: organisation_id}


def read_organisation(session: Session) -> str:
    """Returns the organisation of a session; raises ValueError if it has none, and so would see the rows of all."""
    organisation_id = session.info.get(_ORGANISATION)
    if not isinstance(organisation_id, str):
        raise ValueError("the session belongs to no organisation: use SessionFactory.of")
    return organisation_id


def check_organisation(session: Session, organisation_id: str) -> None:
    """Raises ValueError if a session belongs to another organisation; for statements that name theirs themselves."""
    if session.info.get(_ORGANISATION, organisation_id) != organisation_id:
        raise ValueError(f"a session of organisation {session.info[_ORGANISATION]} was used for another")


# Sessions without an organisation, as workers have, are left alone.
@event.listens_for(Session, "do_orm_execute")
def _leave_out_others(state: ORMExecuteState) -> None:
    organisation_id = state.session.info.get(_ORGANISATION)
    is_filterable = state.is_select or state.is_update or state.is_delete
    if organisation_id is None or not is_filterable or state.is_column_load or state.is_relationship_load:
        return
    state.statement = state.statement.options(
        with_loader_criteria(OrganisationRow, lambda row: row.organisation_id == organisation_id, include_aliases=True)
    )


@event.listens_for(Session, "before_flush")
def _own_new_rows(session: Session, _: UOWTransaction, __: Any) -> None:
    """Gives new rows the organisation of the session; raises ValueError for one of another organisation."""
    organisation_id = session.info.get(_ORGANISATION)
    if organisation_id is None:
        return
    for row in session.new:
        if isinstance(row, OrganisationRow):
            row.organisation_id = row.organisation_id or organisation_id
            if row.organisation_id != organisation_id:
                raise ValueError(f"a session of organisation {organisation_id} was given a row of another")
