"""The log of updates: what each revision changed, for subscribers."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table. It is written in order of time, so a block range index is enough to find what is too old."""
    op.execute(
        """
        CREATE TABLE updates (
            organization_id integer NOT NULL,
            revision bigint NOT NULL,
            created_at timestamptz NOT NULL,
            changes bytea NOT NULL,
            PRIMARY KEY (organization_id, revision)
        ) WITH (autovacuum_vacuum_scale_factor = 0.05)
        """
    )
    op.execute("CREATE INDEX updates_by_time ON updates USING brin (created_at) WITH (pages_per_range = 32)")


def downgrade() -> None:
    """Drops the table."""
    op.execute("DROP TABLE updates")
