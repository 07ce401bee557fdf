"""Judge calls are kept whole: the prompt as sent, the reply as it came, and how it is read.

What the old table held were numbers without the replies they came from; they are dropped, and the
judge is asked again where they would have been used.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.drop_table("judge_call")
    _create(
        sa.Column("engine", sa.String(length=32), nullable=False),
        sa.Column("engine_version", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=300), nullable=False),
        sa.Column("revision", sa.String(length=300), nullable=False),
        sa.Column("prompt_name", sa.String(length=64), nullable=False),
        sa.Column("prompt_hash", sa.String(length=64), nullable=False),
        sa.Column("form", sa.JSON(), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("reply", sa.LargeBinary(), nullable=False),
        sa.Column("cost", sa.Double(), nullable=False),
    )


def downgrade() -> None:
    """Back."""
    op.drop_table("judge_call")
    _create(
        sa.Column("log_odds", sa.Double(), nullable=False),
        sa.Column("mass", sa.Double(), nullable=False),
    )


def _create(*columns: sa.Column[object]) -> None:
    op.create_table(
        "judge_call",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("organisation_id", sa.String(length=32), nullable=False),
        *columns,
        sa.Column("tokens_in", sa.Integer(), nullable=False),
        sa.Column("tokens_cached", sa.Integer(), nullable=False),
        sa.Column("tokens_out", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"]),
        sa.PrimaryKeyConstraint("key", "organisation_id"),
    )
