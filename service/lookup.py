"""Finds a resource by its id among those of the session's organisation."""

from __future__ import annotations

import re
from typing import TypeVar

from sqlalchemy.orm import Session

from .errors import NotFound
from .storage.tables import OrganisationRow

Row = TypeVar("Row", bound=OrganisationRow)
# In ASCII only: other alphabets have digits too, and no database compares NUL.
_ID = re.compile("[0-9a-z]{1,32}", re.ASCII)


def get_own(session: Session, kind: type[Row], row_id: str, *, name: str, lock: bool = False) -> Row:
    """Returns the row with an id; `lock` holds it until the transaction ends.

    Raises NotFound if the organisation has none, which includes rows of others. `name` is the resource in a sentence,
    such as "cohort".
    """
    row = session.get(kind, row_id, with_for_update=lock or None) if _ID.fullmatch(row_id) else None
    if row is None:
        raise NotFound(f"There is no {name} '{row_id[:64]}': check the id.")
    return row
