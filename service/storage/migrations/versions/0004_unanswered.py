"""How often the judge left a grading without a word, and the id of the request that it came with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    with op.batch_alter_table("grading") as grading:
        grading.add_column(sa.Column("unanswered", sa.Integer(), nullable=False, server_default="0"))
        grading.add_column(sa.Column("request_id", sa.String(length=64), nullable=True))
        grading.add_column(sa.Column("trace_parent", sa.String(length=64), nullable=True))


def downgrade() -> None:
    """Back."""
    with op.batch_alter_table("grading") as grading:
        for name in ("trace_parent", "request_id", "unanswered"):
            grading.drop_column(name)
