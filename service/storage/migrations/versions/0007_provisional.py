"""What can be said of a score while the judge is away."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.add_column("grading", sa.Column("provisional", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Back."""
    op.drop_column("grading", "provisional")
