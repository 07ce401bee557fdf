"""Where a rubric came from, and idempotency keys in the order of their age."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.add_column("grading", sa.Column("rubric_source", sa.String(length=8), nullable=True))
    op.create_index("ix_idempotency_created", "idempotency", ["created_at"])


def downgrade() -> None:
    """Back."""
    op.drop_index("ix_idempotency_created", "idempotency")
    op.drop_column("grading", "rubric_source")
