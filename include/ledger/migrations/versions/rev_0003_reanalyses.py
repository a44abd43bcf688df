"""Re-analyses: published recordings that another model answers once more."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "reanalyses",
        sa.Column("batch_id", sa.String(120), sa.ForeignKey("batches.batch_id"), primary_key=True),
        sa.Column(
            "recording_id",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            sa.ForeignKey("recordings.id"),
            primary_key=True,
        ),
        sa.Column("before_key", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("analysis_id", sa.String(64)),
        sa.Column("result_key", sa.Text),
        sa.Column("in_front_at", _TIME),
        sa.Column("updated_at", _TIME, nullable=False),
    )
    op.create_index("ix_reanalyses_recording_id", "reanalyses", ["recording_id"])


def downgrade() -> None:
    """Revert."""
    op.drop_table("reanalyses")
