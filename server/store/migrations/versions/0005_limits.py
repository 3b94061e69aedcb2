"""Limits of organizations, and the events of the month that they are held against."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns. NULL is the operator's default, 0 no limit. What was stored before is not counted."""
    op.execute(
        """
        ALTER TABLE organizations
            ADD COLUMN events_per_second integer CHECK (events_per_second >= 0),
            ADD COLUMN burst_events integer CHECK (burst_events > 0),
            ADD COLUMN monthly_events bigint CHECK (monthly_events >= 0),
            ADD COLUMN weight smallint NOT NULL DEFAULT 1 CHECK (weight BETWEEN 1 AND 100)
        """
    )
    op.execute("ALTER TABLE revisions ADD COLUMN month_events bigint NOT NULL DEFAULT 0")


def downgrade() -> None:
    """Drops the columns."""
    op.execute("ALTER TABLE revisions DROP COLUMN month_events")
    op.execute(
        "ALTER TABLE organizations DROP COLUMN events_per_second, DROP COLUMN burst_events,"
        " DROP COLUMN monthly_events, DROP COLUMN weight"
    )
