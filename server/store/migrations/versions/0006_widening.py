"""How far rollups have been widened: those of every width are whole up to there, later ones by quarter hour alone.

Workers of the version before go on keeping every width, which does no harm. Servers of the version before would read
wide rollups that are not kept any more: stop those before workers of this version start.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_FIGURES = "counter_keys, counter_amounts, bin_keys, bin_counts, set_keys, sets"


def upgrade() -> None:
    """Adds the column: the last full hour, a quarter hour ago. All that stands is whole, and what is new is empty."""
    op.execute(
        "ALTER TABLE folds ADD COLUMN widened_until integer NOT NULL"
        " DEFAULT floor((extract(epoch FROM now()) - 900) / 3600) * 4"
    )


def downgrade() -> None:
    """Makes deltas of what is not in every width, to be folded into all of them, and drops the column."""
    op.execute("LOCK TABLE folds IN EXCLUSIVE MODE")
    op.execute(
        f"""
        WITH taken AS (
            DELETE FROM rollups r USING folds f
            WHERE r.organization_id = f.organization_id AND r.bucket >= f.widened_until - f.widened_until % 768
            RETURNING r.*
        )
        INSERT INTO deltas (organization_id, dimension, value, bucket, revision, created_at, {_FIGURES})
        SELECT organization_id, dimension, value, bucket,
               (SELECT least(min(revision), 1) - 1 FROM deltas), now(), {_FIGURES}
        FROM taken WHERE granularity = 1
        """  # noqa: S608 - constants of this file
    )
    op.execute("ALTER TABLE folds DROP COLUMN widened_until")
