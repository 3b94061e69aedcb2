"""The status shows what waits, what ran and what failed."""

import dataclasses
import re
from datetime import timedelta

from server import kinds
from server.cli import status
from server.local import embedded
from server.rollups import fold
from server.rollups.audit import AuditState, Round
from server.store import schema
from server.store.database import Database
from server.tasks import schedules, wakeups
from server.tasks.kinds import Kind, Kinds, Result, Schedule, Work
from server.tasks.runner import Runner
from tests.support import worlds

KINDS = kinds.known()


async def test_an_idle_service(own_database: Database, own_engines: embedded.Engines) -> None:
    found = await status.status(own_database, own_engines.redis_url)
    assert (found.unfolded_deltas, found.oldest_unfolded, found.schedules, found.audit) == (0, None, (), None)
    assert found.schema == found.expected_schema == schema.expected()
    text = status.render(found)
    assert "to be folded      nothing" in text
    assert "audit             not yet" in text
    assert "over the limit    nothing" in text
    assert "durability        on" in text
    assert "isolation         policies, of tables that the service's role owns" in text
    assert "is there a worker?" in text


async def test_a_busy_service(own_database: Database, own_organization: int, own_engines: embedded.Engines) -> None:
    async def fail(work: Work) -> Result:
        raise RuntimeError("a secret")

    await worlds.store(own_database, own_organization, worlds.events(1, 100))
    deltas = await worlds.unfolded(own_database, own_organization)
    await worlds.execute(own_database, f"UPDATE deltas SET created_at = {worlds.moved('created_at', '-70 minutes')}")
    queue = wakeups.connect(own_engines.redis_url)
    await queue.flushall()
    await queue.enqueue_job(wakeups.FOLD_ORGANIZATION, own_organization, _job_id="tallywire:test")
    await queue.aclose(close_connection_pool=True)
    await schedules.refresh(own_database, KINDS)
    for name in ("audit", "partitions"):
        runner = Runner(own_database, KINDS, "me")
        assert (claim := await runner.begin(KINDS[name], schedule=name)) is not None
        assert await runner.finish(claim) is not None
    bad = Kinds([Kind(name="bad", help="", run=fail, tries=1)], [Schedule(name="bad", kind="bad", cron="0 0 1 1 *")])
    await schedules.refresh(own_database, bad)
    runner = Runner(own_database, bad, "me")
    assert (claim := await runner.begin(bad["bad"], schedule="bad")) is not None
    assert await runner.finish(claim) is None
    found = await status.status(own_database, own_engines.redis_url)
    assert (found.unfolded_deltas, found.unfolded_organizations, found.queued_jobs) == (deltas, 1, 1)
    assert found.oldest_unfolded is not None
    assert timedelta(minutes=70) <= found.oldest_unfolded < timedelta(minutes=75)
    assert found.audit is not None
    assert found.audit.mismatches == 0
    by_name = {one.name: one for one in found.schedules}
    assert set(by_name) == {"bad", *(one.name for one in KINDS.schedules)}
    assert (by_name["bad"].failures, by_name["partitions"].runs) == (1, 1)
    text = status.render(found)
    assert f"{deltas:,} deltas of 1 organizations, the oldest for 1 h 10 min" in text
    assert "queue             1 wake-ups" in text
    assert "tasks             0 queued, 0 running, 1 DEAD (1 of bad): see `tasks list --state dead`" in text
    assert re.search(r"^audit             no mismatch; last full round \d+ s ago, in \d+ s$", text, re.MULTILINE)
    assert "bad failed: RuntimeError in fail" in text
    assert "secret" not in text
    await fold.fold_all(own_database, own_organization)
    assert (await status.status(own_database, own_engines.redis_url)).unfolded_deltas == 0


async def test_what_is_wrong_stands_out(own_database: Database) -> None:
    found = await status.status(own_database, "redis://127.0.0.1:1/0")
    assert found.queued_jobs is None
    assert (await status.status(own_database, None)).queued_jobs is None
    bad = dataclasses.replace(
        found,
        schema="9999",
        weak_settings=("fsync = off",),
        audit=AuditState(mismatches=1234, full=None, covered=0.123),
    )
    text = status.render(bad)
    assert "Redis cannot be reached" in text
    assert "WEAK: fsync = off" in text
    assert "1,234 MISMATCHES: see the workers' log so far; no full round yet, 12% of the organizations" in text
    began = bad.at - timedelta(days=3, hours=5)
    full = Round(began_at=began, ended_at=began + timedelta(hours=7), skipped=2)
    old = dataclasses.replace(bad, audit=AuditState(mismatches=0, full=full, covered=0.5))
    assert (
        "audit             no mismatch; last full round 2 d 22 h ago, in 7 h 0 min, 2 ORGANIZATIONS LEFT OUT of it,"
        " 50% of the organizations in the next one"
    ) in status.render(old)
    assert f"schema            9999, which code of {schema.expected()} may use" in text
