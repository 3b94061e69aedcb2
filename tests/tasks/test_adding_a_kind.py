"""A kind of tasks is added by what docs/contributing.md says, and by nothing else."""

import asyncio
import pathlib
import re
import shutil
import sys

from server.local import embedded
from server.store.database import Database
from tests.support import children, worlds
from tests.support.waiting import PATIENCE
from tests.support.worker_processes import environment, until

ROOT = pathlib.Path(__file__).parents[2]

# Step 1: a function in the room that has the work.
FUNCTION = '''
"""Counting organizations."""

from server.store.isolation import EVERY
from server.tasks.kinds import Result, Work


async def count(work: Work) -> Result:
    """Counts the organizations."""
    async with work.database.transaction(of=EVERY) as driver:
        found = await driver.fetchval("SELECT count(*) FROM organizations")
    work.report(1, "all of them")
    return {"organizations": found, "runs": int(str(work.last.get("runs", 0))) + 1}
'''
# Step 2: a Kind. Step 3: a Schedule.
KIND = '        Kind(name="counting", help="Counts organizations.", run=counting.count),\n'
SCHEDULE = '    Schedule(name="counting", kind="counting", cron="*/5 * * * *"),\n'


def add_kind(root: pathlib.Path) -> None:
    """Follows the steps in a copy of the code."""
    (root / "server" / "tasks" / "counting.py").write_text(FUNCTION)
    listed = root / "server" / "kinds.py"
    text = listed.read_text()
    text = text.replace("from server.tasks import retention,", "from server.tasks import counting, retention,")
    text = re.sub(r"(def _housekeeping.*?    return \(\n)", rf"\1{KIND}", text, flags=re.DOTALL)
    text = text.replace("_SCHEDULES = (\n", f"_SCHEDULES = (\n{SCHEDULE}")
    assert text.count("counting") == 6
    listed.write_text(text)


async def run(root: pathlib.Path, *arguments: str, **variables: str) -> str:
    """Runs a command of the copy and returns what it prints."""
    command = (sys.executable, "-m", *arguments)
    code, printed, complaint = await children.ran(
        *command, cwd=root, env=environment(PYTHONPATH=str(root), **variables)
    )
    assert code == 0, complaint
    return printed


async def test_a_kind_is_a_function_and_two_entries(
    own_engines: embedded.Engines, own_url: str, own_database: Database, tmp_path: pathlib.Path
) -> None:
    for name in ("server", "workers"):
        shutil.copytree(ROOT / name, tmp_path / name)
    add_kind(tmp_path)
    engines = {"DATABASE_URL": own_url, "REDIS_URL": own_engines.redis_url}
    beginning = (sys.executable, "-m", "workers")
    async with children.child(*beginning, cwd=tmp_path, env=environment(PYTHONPATH=str(tmp_path), **engines)) as worker:
        printed = await run(tmp_path, "server", "tasks", "run", "counting", "--wait", **engines)
        assert re.search(r'^task \d+ is done: \{"runs": 1, "organizations": 0\}$', printed, re.MULTILINE)
        made = "SELECT count(*) FROM schedules WHERE name = 'counting'"
        await until(lambda: worlds.value(own_database, made), lambda found: found == 1)
        back = "UPDATE schedules SET next_run_at = next_run_at - interval '10 minutes' WHERE name = 'counting'"
        await worlds.execute(own_database, back)
        runs = "SELECT runs FROM schedules WHERE name = 'counting'"
        await until(lambda: worlds.value(own_database, runs), lambda found: found == 1)
        assert await run(tmp_path, "server", "schedules", "run", "counting", "--wait", **engines)
        kept = "SELECT result->>'runs' FROM schedules WHERE name = 'counting'"
        assert await worlds.value(own_database, kept) == "2"
        assert "counting" in await run(tmp_path, "server", "status", **engines)
        worker.terminate()
        assert await asyncio.wait_for(worker.wait(), PATIENCE) == 0
