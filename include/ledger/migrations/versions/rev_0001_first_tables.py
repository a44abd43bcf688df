"""First tables: batches, recordings, transform jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "batches",
        sa.Column("batch_id", sa.String(120), primary_key=True),
        sa.Column("run_key", sa.Text, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("model_name", sa.Text),
        sa.Column("model_version", sa.Text),
        sa.Column("package_uri", sa.Text),
        sa.Column("model_sha256", sa.String(64)),
    )
    op.create_index("ix_batches_run_key", "batches", ["run_key"])
    op.create_table(
        "recordings",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("uri_id", sa.String(32), nullable=False),
        sa.Column("uri", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("version", sa.String(255), nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("study", sa.Text, nullable=False),
        sa.Column("recording", sa.Text, nullable=False),
        sa.Column("problem", sa.Text),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("listed", sa.Boolean, nullable=False),
        sa.Column("first_seen_at", _TIME, nullable=False),
        sa.Column("stable_since", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.Column("batch_id", sa.String(120), sa.ForeignKey("batches.batch_id")),
        sa.Column("lease_until", _TIME),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("video_id", sa.String(64)),
        sa.Column("extraction_id", sa.String(64)),
        sa.Column("analysis_id", sa.String(64)),
        sa.Column("reason_code", sa.String(64)),
        sa.Column("reason", sa.Text),
        sa.Column("result_key", sa.Text),
        sa.UniqueConstraint("uri_id", "version", name="uq_recordings_uri_version"),
    )
    op.create_index("ix_recordings_state", "recordings", ["state", "lease_until"])
    op.create_index("ix_recordings_batch_id", "recordings", ["batch_id"])
    op.create_index("ix_recordings_video_id", "recordings", ["video_id"])
    op.create_table(
        "transform_jobs",
        sa.Column("name", sa.String(120), primary_key=True),
        sa.Column("batch_id", sa.String(120), sa.ForeignKey("batches.batch_id"), nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("spec_hash", sa.String(64), nullable=False),
        sa.Column("shards", sa.JSON, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME),
        sa.Column("failure_reason", sa.Text),
        sa.UniqueConstraint("batch_id", "generation", name="uq_transform_jobs_generation"),
    )


def downgrade() -> None:
    """Revert."""
    op.drop_table("transform_jobs")
    op.drop_table("recordings")
    op.drop_table("batches")
