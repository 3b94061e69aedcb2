"""Limits of cardinality: which values are counted under _other, decided when they are seen for the first time."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "ALTER TABLE members ADD COLUMN overflow boolean NOT NULL DEFAULT false",
    """
    CREATE TABLE member_counts (
        organization_id integer NOT NULL,
        kind smallint NOT NULL,
        separate integer NOT NULL,
        overflowed integer NOT NULL,
        PRIMARY KEY (organization_id, kind)
    ) WITH (fillfactor = 50)
    """,
    # Channels (dimension 2, kind 4) and teams (3 and 5) had no numbers before. Those that have cells keep them.
    """
    WITH found AS (
        SELECT organization_id, dimension + 2 AS kind, value FROM rollups WHERE dimension IN (2, 3)
        UNION
        SELECT organization_id, dimension + 2, value FROM deltas WHERE dimension IN (2, 3)
    )
    INSERT INTO members (organization_id, kind, external_id, number)
    SELECT f.organization_id, f.kind, f.value, coalesce(c.next_number, 0)
        + row_number() OVER (PARTITION BY f.organization_id ORDER BY f.kind, f.value) - 1
    FROM found f LEFT JOIN member_counters c USING (organization_id)
    """,
    """
    INSERT INTO member_counters AS c (organization_id, next_number)
    SELECT organization_id, max(number) + 1 FROM members WHERE kind IN (4, 5) GROUP BY organization_id
    ON CONFLICT (organization_id) DO UPDATE SET next_number = greatest(c.next_number, excluded.next_number)
    """,
    # Event types that the service knows do not count towards the limit; here they do, which nobody notices who has
    # fewer than a thousand.
    """
    INSERT INTO member_counts (organization_id, kind, separate, overflowed)
    SELECT organization_id, kind, count(*), 0 FROM members WHERE kind IN (2, 3, 4, 5) GROUP BY organization_id, kind
    """,
)


def upgrade() -> None:
    """Adds what is decided about a value, and how many values there are of each kind."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drops it. What was counted under _other stays there."""
    op.execute("DROP TABLE member_counts")
    op.execute("DELETE FROM members WHERE kind IN (4, 5)")
    op.execute("ALTER TABLE members DROP COLUMN overflow")
