"""${message}"""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None
kind = "expand"  # or "contract", with oldest_code: the oldest schema whose code may run from here on


def upgrade() -> None:
    """SAYS WHAT IT DOES."""
    # Each statement by itself, and so that it may be repeated where a later one failed.
    with op.get_context().autocommit_block():
        ${upgrades if upgrades else 'op.execute("ALTER TABLE … ADD COLUMN IF NOT EXISTS …")'}
