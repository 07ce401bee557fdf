from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.service.backups.fingerprint import (
    Contents,
    Difference,
    TableContents,
    compare_contents,
    count_rows,
    read_contents,
    schema_revision,
)
from vivavoce.service.storage.engine import SessionFactory

COLUMNS = "id TEXT, number INTEGER, share FLOAT, at DATETIME, data BLOB, document JSON"
ROW = {
    "id": "量化",
    "number": 1,
    "share": 0.1,
    "at": "2030-01-01 12:00:00.000000",
    "data": b"\x00\xff",
    "document": "[1]",
}


@pytest.fixture
def connection() -> Iterator[sa.Connection]:
    """A database in memory with one empty table."""
    engine = sa.create_engine("sqlite://")
    with engine.connect() as opened:
        opened.exec_driver_sql(f"CREATE TABLE thing ({COLUMNS})")
        yield opened
    engine.dispose()


def _insert(connection: sa.Connection, *rows: dict[str, Any]) -> None:
    names = ", ".join(ROW)
    marks = ", ".join(f":{name}" for name in ROW)
    for row in rows:
        connection.execute(sa.text(f"INSERT INTO thing ({names}) VALUES ({marks})"), {**ROW, **row})


def _thing(connection: sa.Connection) -> TableContents:
    return read_contents(connection).tables["thing"]


def test_an_empty_table_has_no_rows_and_hash_0(connection: sa.Connection) -> None:
    assert read_contents(connection) == Contents("", {"thing": TableContents(0, "0" * 64)})


def test_the_fingerprint_of_a_row_stays_the_same(connection: sa.Connection) -> None:
    # Manifests of earlier backups have this hash.
    _insert(connection, {})
    assert _thing(connection) == TableContents(1, "0b22f62cc23bcdca08ff0a99030f43134c1613d17b7c08881ae5619cd03a25ed")


@pytest.mark.parametrize(
    "change",
    [
        {"id": "量"},
        {"id": None},
        {"number": 2},
        {"share": 0.1000001},
        {"at": "2030-01-01 12:00:00.000001"},
        {"data": b"\x00\xfe"},
        {"data": None},
        {"document": "[2]"},
        {"document": "null"},
    ],
)
def test_any_change_of_a_value_changes_the_hash(connection: sa.Connection, change: dict[str, Any]) -> None:
    _insert(connection, {})
    before = _thing(connection)
    connection.exec_driver_sql("DELETE FROM thing")
    _insert(connection, change)
    after = _thing(connection)
    assert (after.rows, after.sha256 != before.sha256) == (1, True)


def test_a_value_in_another_column_is_another_row(connection: sa.Connection) -> None:
    _insert(connection, {"number": 1, "share": 2.0})
    before = _thing(connection)
    connection.exec_driver_sql("UPDATE thing SET number = 2, share = 1.0")
    assert _thing(connection).sha256 != before.sha256


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 9), max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(numbers: list[int], shuffled: random.Random) -> None:
    contents = []
    for _ in range(2):
        engine = sa.create_engine("sqlite://")
        with engine.connect() as opened:
            opened.exec_driver_sql(f"CREATE TABLE thing ({COLUMNS})")
            _insert(opened, *({"number": number} for number in numbers))
            contents.append(_thing(opened))
        engine.dispose()
        shuffled.shuffle(numbers)
    assert contents[0] == contents[1]
    assert contents[0].rows == len(numbers)


def test_the_order_of_columns_does_not_matter(connection: sa.Connection) -> None:
    _insert(connection, {})
    before = _thing(connection)
    connection.exec_driver_sql("DROP TABLE thing")
    connection.exec_driver_sql(f"CREATE TABLE thing ({', '.join(reversed(COLUMNS.split(', ')))})")
    _insert(connection, {})
    assert _thing(connection) == before


def test_equal_rows_are_counted_apart(connection: sa.Connection) -> None:
    _insert(connection, {}, {})
    twice = _thing(connection)
    connection.exec_driver_sql("DELETE FROM thing")
    assert (twice.rows, twice.sha256 != _thing(connection).sha256) == (2, True)


def test_a_value_of_another_type_is_an_error(connection: sa.Connection) -> None:
    _insert(connection, {"at": "yesterday"})
    with pytest.raises(ValueError, match="yesterday"):
        read_contents(connection)


def test_a_migrated_database_has_rows_of_its_own(database: SessionFactory) -> None:
    with database.engine.connect() as connection:
        contents = read_contents(connection)
        assert contents.schema == schema_revision(connection) != ""
        assert (contents.tables["organisation"].rows, contents.row_counts, count_rows(connection)) == (1, {}, {})
    with database.begin() as session:
        session.execute(
            sa.text("INSERT INTO audit_event VALUES ('default', 1, '2030-01-01', 'k', 's', 'a', '{}', 'p', 'h')")
        )
    with database.engine.connect() as connection:
        assert read_contents(connection).row_counts == count_rows(connection) == {"audit_event": 1}


@pytest.mark.parametrize(
    ("expected", "actual", "differences"),
    [
        (Contents("1", {}), Contents("1", {}), []),
        (Contents("1", {}), Contents("", {}), [Difference("schema", "1", "")]),
        (
            Contents("1", {"b": TableContents(1, "0"), "a": TableContents(0, "0")}),
            Contents("1", {"c": TableContents(1, "0")}),
            [
                Difference("a", "there", "missing"),
                Difference("b", "there", "missing"),
                Difference("c", "missing", "there"),
            ],
        ),
        (
            Contents("1", {"a": TableContents(1, "x")}),
            Contents("1", {"a": TableContents(2, "y")}),
            [Difference("a", "1 rows", "2 rows")],
        ),
        (
            Contents("1", {"a": TableContents(1, "1" * 64)}),
            Contents("1", {"a": TableContents(1, "2" * 64)}),
            [Difference("a", f"rows with hash {'1' * 16}", "2" * 16)],
        ),
    ],
)
def test_contents_are_compared_by_table(expected: Contents, actual: Contents, differences: list[Difference]) -> None:
    assert compare_contents(expected, actual) == differences
