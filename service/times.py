"""Times in requests: ISO 8601 with a zone, never a number, in a year that every zone has."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, Strict
from pydantic_core import PydanticCustomError

_NUMBER = re.compile(r"[-+]?[\d.,_e]+")


def _refuse_number(value: Any) -> Any:
    # pydantic would take seconds since 1970.
    if isinstance(value, int | float) or (isinstance(value, str) and _NUMBER.fullmatch(value.strip())):
        raise PydanticCustomError("datetime_parsing", "a time, not a number")
    return value


def _check_year(value: datetime) -> datetime:
    # Near its ends a calendar has no room for other zones.
    if not 1970 <= value.year < 9999:
        raise ValueError("give a year from 1970 to 9998")
    return value.astimezone(UTC)


_YEARS = "^(19[7-9][0-9]|[2-8][0-9]{3}|9[0-8][0-9]{2}|99[0-8][0-9]|999[0-8])-"
# A strict model would take no text for a time.
Time = Annotated[
    AwareDatetime,
    Strict(False),
    Field(json_schema_extra={"pattern": _YEARS}),
    BeforeValidator(_refuse_number),
    AfterValidator(_check_year),
]
"""A time as the service keeps it, in UTC."""
