"""People's decisions on gradings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "review",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("grading_id", sa.String(length=32), nullable=False),
        sa.Column("reviewer", sa.String(length=200), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("levels", sa.JSON(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["grading_id"],
            ["grading.id"],
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("review", schema=None) as batch_op:
        batch_op.create_index("ix_review_grading", ["grading_id", "created_at"], unique=False)

    op.create_table(
        "earlier_report",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("grading_id", sa.String(length=32), nullable=False),
        sa.Column("rubric_version_id", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["grading_id"], ["grading.id"]),
        sa.ForeignKeyConstraint(["rubric_version_id"], ["rubric_version.id"]),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_earlier_report_grading", "earlier_report", ["grading_id", "replaced_at"])


def downgrade() -> None:
    """Back."""
    op.drop_index("ix_earlier_report_grading", "earlier_report")
    op.drop_table("earlier_report")
    with op.batch_alter_table("review", schema=None) as batch_op:
        batch_op.drop_index("ix_review_grading")

    op.drop_table("review")
