"""Rollups of 32 days: what stands is widened anew from its first bucket on, so that every width has it.

Until the workers have done so, questions read quarter hours, which is slow and right. A worker of the version before
would widen without the new width: stop those first. Before a downgrade, stop servers and workers of this version.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Takes back how far rollups are widened, to a whole hour. What is wider already stays, and is written again."""
    op.execute("LOCK TABLE folds IN EXCLUSIVE MODE")  # a fold that is under way may bring an earlier first bucket
    op.execute(
        """
        UPDATE folds SET widened_until = least(widened_until, first) FROM (
            SELECT organization_id, min(bucket - bucket % 4) AS first FROM rollups
            WHERE granularity = 1 GROUP BY organization_id
        ) AS r WHERE r.organization_id = folds.organization_id
        """
    )


def downgrade() -> None:
    """Drops the width; the others are whole without it."""
    op.execute("DELETE FROM rollups WHERE granularity = 3072")
