"""Retraining: requests and training jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "retraining_requests",
        sa.Column("request_id", sa.String(32), primary_key=True),
        sa.Column("reason", sa.String(16), nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("recipe", sa.Text, nullable=False),
        sa.Column("asked_by", sa.Text, nullable=False),
        sa.Column("asked_at", _TIME, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("run_id", sa.String(250)),
        sa.Column("lease_until", _TIME),
        sa.Column("started_at", _TIME),
        sa.Column("ended_at", _TIME),
        sa.UniqueConstraint("run_id", name="uq_retraining_requests_run_id"),
    )
    op.create_index("ix_retraining_requests_state", "retraining_requests", ["state", "asked_at"])
    op.create_table(
        "training_jobs",
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column(
            "request_id",
            sa.String(32),
            sa.ForeignKey("retraining_requests.request_id"),
            nullable=False,
        ),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("spec_hash", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME),
        sa.Column("failure_reason", sa.Text),
        sa.UniqueConstraint("request_id", "generation", name="uq_training_jobs_generation"),
    )


def downgrade() -> None:
    """Revert."""
    op.drop_table("training_jobs")
    op.drop_table("retraining_requests")
