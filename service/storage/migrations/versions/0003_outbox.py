"""An outbox beside the gradings; idempotency keys belong to a route and keep the reply they had."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "outbox",
        sa.Column("grading_id", sa.String(length=32), nullable=False),
        sa.Column("organisation_id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["grading_id"], ["grading.id"]),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"]),
        sa.PrimaryKeyConstraint("grading_id"),
    )
    op.create_index("ix_outbox_created", "outbox", ["created_at"])
    kept = sa.table("idempotency", *(sa.column(name) for name in _KEPT))
    rows = op.get_bind().execute(sa.select(kept)).mappings().all()
    op.drop_table("idempotency")
    _create_idempotency(
        ["organisation_id", "route", "key"],
        sa.Column("route", sa.String(length=64), nullable=False),
        sa.Column("reply", sa.JSON(), nullable=True),
    )
    _put_back([{**row, "route": "POST /v1/gradings"} for row in rows], "route")


def downgrade() -> None:
    """Back."""
    kept = sa.table("idempotency", *(sa.column(name) for name in _KEPT))
    rows = op.get_bind().execute(sa.select(kept)).mappings().all()
    op.drop_table("idempotency")
    _create_idempotency(["organisation_id", "key"])
    _put_back([dict(row) for row in rows])
    op.drop_table("outbox")


_KEPT = ("organisation_id", "key", "request_hash", "grading_id", "created_at")


def _create_idempotency(key: list[str], *columns: sa.Column[object]) -> None:
    op.create_table(
        "idempotency",
        sa.Column("organisation_id", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("grading_id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        *columns,
        sa.ForeignKeyConstraint(["grading_id"], ["grading.id"]),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"]),
        sa.PrimaryKeyConstraint(*key),
    )


def _put_back(rows: list[dict[str, object]], *more: str) -> None:
    if rows:
        table = sa.table("idempotency", *(sa.column(name) for name in (*_KEPT, *more)))
        op.get_bind().execute(sa.insert(table), rows)
