"""A next release that has one more migration than this code."""

import asyncio
import pathlib
import shutil
import sys

from server.store import schema

_ROOT = pathlib.Path(__file__).parents[2]

# What the next release might add: to every table columns with and without values, and a table and an index of its own.
EXPANSION = """
    tables = op.get_bind().exec_driver_sql(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        " AND NOT relispartition AND relname <> 'alembic_version'"
    ).scalars().all()
    with op.get_context().autocommit_block():
        for table in tables:
            op.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS of_the_next_release text")
            op.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS filled_by_default integer NOT NULL DEFAULT 7")
        op.execute("CREATE TABLE IF NOT EXISTS next_release (organization_id integer PRIMARY KEY)")
        op.execute("CREATE INDEX CONCURRENTLY IF NOT EXISTS tasks_of_next_release ON tasks (of_the_next_release)")
"""
CONTRACTION = """
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE members DROP COLUMN IF EXISTS overflow")
"""
# What `python -m server migrate` of that release does, but for the words.
_MIGRATE = """
import asyncio, os, pathlib
from server.store import migrate, schema
from server.store.database import Database

async def main():
    schema.FOLDER, migrate._LOCK_SECONDS, migrate._PAUSE_SECONDS = pathlib.Path(os.environ["FOLDER"]), 0.2, 0.1
    database = Database(os.environ["DATABASE_URL"])
    print(await migrate.upgrade(database))
    await database.close()

asyncio.run(main())
"""


class NextRelease:
    """A release that comes after this code: its last migration is one that this code does not know."""

    def __init__(self, folder: pathlib.Path, kind: str, upgrade: str) -> None:
        before = schema.expected()
        self.schema = f"{int(before) + 1:04}"
        self.folder = folder / f"migrations-{self.schema}-{kind}"
        shutil.copytree(schema.FOLDER, self.folder)
        oldest = f"oldest_code = {self.schema!r}\n" if kind == "contract" else ""
        (self.folder / "versions" / f"{self.schema}_next.py").write_text(
            f"from alembic import op\n\nrevision = {self.schema!r}\ndown_revision = {before!r}\n"
            f"kind = {kind!r}\n{oldest}\n\ndef upgrade() -> None:\n{upgrade}"
        )

    async def migrate(self, url: str) -> None:
        """Migrates a database as that release does, in a process of its own."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _MIGRATE),
            cwd=_ROOT,
            env={"DATABASE_URL": url, "FOLDER": str(self.folder), "PYTHONPATH": ":".join((str(_ROOT), *sys.path))},
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await asyncio.wait_for(process.communicate(), 120)
        assert output.decode().strip() == self.schema
