"""The log of updates: what each revision changed, for subscribers; and a name for this deployment."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables. The name tells what two deployments leave on the same Redis apart."""
    op.execute(
        """
        CREATE TABLE updates (
            organization_id integer NOT NULL,
            revision bigint NOT NULL,
            created_at timestamptz NOT NULL,
            events integer NOT NULL,
            changes bytea NOT NULL,
            PRIMARY KEY (organization_id, revision)
        ) WITH (autovacuum_vacuum_scale_factor = 0.05)
        """
    )
    op.execute("CREATE INDEX updates_by_time ON updates (organization_id, created_at)")
    op.execute(
        """
        CREATE TABLE deployment (
            only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
            deployment_id uuid NOT NULL DEFAULT gen_random_uuid()
        )
        """
    )
    op.execute("INSERT INTO deployment DEFAULT VALUES")


def downgrade() -> None:
    """Drops the tables."""
    op.execute("DROP TABLE deployment")
    op.execute("DROP TABLE updates")
