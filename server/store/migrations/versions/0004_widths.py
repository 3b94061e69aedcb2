"""Rollups of six hours and of eight days: what stands is folded anew, so that every width has it.

Sets cannot be united in SQL, but a delta is a rollup of a quarter hour that is not folded yet. Made deltas again, the
figures stay exact at every instant; questions are slow until the workers have folded them. A worker of the version
before does not know the new widths: stop those first.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_FIGURES = "counter_keys, counter_amounts, bin_keys, bin_counts, set_keys, sets"


def upgrade() -> None:
    """Makes deltas of all rollups, under a number that no revision has."""
    op.execute("LOCK TABLE folds IN EXCLUSIVE MODE")
    op.execute(
        f"""
        INSERT INTO deltas (organization_id, dimension, value, bucket, revision, created_at, {_FIGURES})
        SELECT organization_id, dimension, value, bucket,
               (SELECT least(min(revision), 1) - 1 FROM deltas), now(), {_FIGURES}
        FROM rollups WHERE granularity = 1
        """  # noqa: S608 - constants of this file
    )
    # Not TRUNCATE: who still reads an earlier snapshot must not find both places empty.
    op.execute("DELETE FROM rollups")


def downgrade() -> None:
    """Drops the widths; the others are whole without them."""
    op.execute("DELETE FROM rollups WHERE granularity IN (24, 768)")
