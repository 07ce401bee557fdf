"""Cohorts, their files and the mappings of columns."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "cohort",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("mapping", sa.JSON(), nullable=True),
        sa.Column("max_calls", sa.Integer(), nullable=True),
        sa.Column("max_cost", sa.Double(), nullable=True),
        sa.Column("finish_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reserved_calls", sa.Integer(), nullable=False),
        sa.Column("reserved_cost", sa.Double(), nullable=False),
        sa.Column("used_calls", sa.Integer(), nullable=False),
        sa.Column("used_cost", sa.Double(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("organisation_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("cohort", schema=None) as batch_op:
        batch_op.create_index("ix_cohort_created", ["organisation_id", "created_at"], unique=False)
        batch_op.create_index("ix_cohort_state", ["state"], unique=False)

    op.create_table(
        "column_mapping",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("headings_hash", sa.String(length=64), nullable=False),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("organisation_id", "name", name="uq_column_mapping_name"),
    )
    op.create_table(
        "cohort_file",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("cohort_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("reading", sa.JSON(), nullable=False),
        sa.Column("mapping", sa.JSON(), nullable=True),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("items", sa.LargeBinary(), nullable=False),
        sa.Column("applied", sa.JSON(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("organisation_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["cohort_id"],
            ["cohort.id"],
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("cohort_file", schema=None) as batch_op:
        batch_op.create_index("ix_cohort_file_cohort", ["cohort_id"], unique=False)

    op.create_table(
        "cohort_item",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("cohort_id", sa.String(length=32), nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=False),
        sa.Column("row", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("candidate", sa.String(length=200), nullable=True),
        sa.Column("question_id", sa.String(length=64), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("submission_id", sa.String(length=32), nullable=False),
        sa.Column("rubric_version_id", sa.String(length=32), nullable=False),
        sa.Column("grading_id", sa.String(length=32), nullable=True),
        sa.Column("earlier", sa.JSON(), nullable=False),
        sa.Column("rubric_source", sa.String(length=8), nullable=True),
        sa.Column("metadata", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["cohort_id"],
            ["cohort.id"],
        ),
        sa.ForeignKeyConstraint(
            ["grading_id"],
            ["grading.id"],
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
        ),
        sa.ForeignKeyConstraint(
            ["rubric_version_id"],
            ["rubric_version.id"],
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"],
            ["submission.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("cohort_id", "external_id", name="uq_cohort_item_external"),
    )
    with op.batch_alter_table("cohort_item", schema=None) as batch_op:
        batch_op.create_index("ix_cohort_item_grading", ["grading_id"], unique=False)

    with op.batch_alter_table("grading", schema=None) as batch_op:
        batch_op.add_column(sa.Column("cohort_id", sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column("metadata", sa.JSON(), nullable=True))
        batch_op.drop_index("ix_grading_waiting")
        batch_op.create_index(
            "ix_grading_awaited",
            ["priority", "created_at"],
            unique=False,
            sqlite_where=sa.text("state = 'queued' AND priority > 0"),
            postgresql_where=sa.text("state = 'queued' AND priority > 0"),
        )
        batch_op.create_index("ix_grading_work", ["state", "cohort_id"], unique=False)
        batch_op.create_index("ix_grading_cohort", ["cohort_id", "state", "priority", "created_at", "id"], unique=False)
        batch_op.create_index("ix_grading_updated", ["organisation_id", "updated_at"], unique=False)


def downgrade() -> None:
    """Back."""
    with op.batch_alter_table("grading", schema=None) as batch_op:
        batch_op.drop_index("ix_grading_updated")
        batch_op.drop_index("ix_grading_cohort")
        batch_op.drop_index("ix_grading_work")
        batch_op.drop_index("ix_grading_awaited")
        batch_op.create_index("ix_grading_waiting", ["state", "priority", "created_at"], unique=False)
        batch_op.drop_column("metadata")
        batch_op.drop_column("cohort_id")

    with op.batch_alter_table("cohort_item", schema=None) as batch_op:
        batch_op.drop_index("ix_cohort_item_grading")

    op.drop_table("cohort_item")
    with op.batch_alter_table("cohort_file", schema=None) as batch_op:
        batch_op.drop_index("ix_cohort_file_cohort")

    op.drop_table("cohort_file")
    op.drop_table("column_mapping")
    with op.batch_alter_table("cohort", schema=None) as batch_op:
        batch_op.drop_index("ix_cohort_state")
        batch_op.drop_index("ix_cohort_created")

    op.drop_table("cohort")
