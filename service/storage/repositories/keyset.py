"""Pages by the sort values of the last row: the cost of a page does not grow with its number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute

Columns = Sequence[InstrumentedAttribute[Any]]


def comes_before(columns: Columns, values: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Builds the condition that a row sorts before these values, column by column."""
    return sa.tuple_(*columns) < _bind(columns, values)


def comes_after(columns: Columns, values: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Builds the condition that a row sorts after these values, column by column."""
    return sa.tuple_(*columns) > _bind(columns, values)


def _bind(columns: Columns, values: Sequence[Any]) -> sa.Tuple:
    # With the types of the columns: SQLite stores times as text.
    return sa.tuple_(*(sa.literal(value, column.type) for column, value in zip(columns, values, strict=True)))
