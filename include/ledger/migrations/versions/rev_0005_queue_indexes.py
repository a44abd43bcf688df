"""Indexes for ledgers of a million recordings: the queue in its order, a study's recordings."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_WAITING = sa.text("state = 'discovered'")


def upgrade() -> None:
    """Apply."""
    op.create_index(
        "ix_recordings_waiting",
        "recordings",
        ["first_seen_at", "id"],
        postgresql_where=_WAITING,
        sqlite_where=_WAITING,
    )
    op.create_index("ix_recordings_study_state", "recordings", ["study", "state"])


def downgrade() -> None:
    """Revert."""
    op.drop_index("ix_recordings_study_state", "recordings")
    op.drop_index("ix_recordings_waiting", "recordings")
