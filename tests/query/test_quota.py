"""GetQuota against what ingest enforces, and how far a quota reaches at the pace of the last days."""

from datetime import UTC, datetime, timedelta

import pytest

import tallywire
from server.app import Running
from server.organizations.settings import OrganizationSettings
from server.store.database import Database
from tallywire.v1 import metrics_service_pb2
from tests.support import commands, serving, worlds
from tests.support.serving import Accounts, Caller, refused

LIMIT = 30


async def ask(caller: Caller) -> metrics_service_pb2.GetQuotaResponse:
    return await caller.ask("GetQuota", metrics_service_pb2.GetQuotaRequest())


async def test_a_quota_is_what_ingest_enforces(accounts: Accounts, database: Database, server: Running) -> None:
    caller = await accounts.caller(settings=OrganizationSettings(monthly_events=LIMIT))
    empty = await ask(caller)
    quota = empty.quota
    assert (quota.limit, quota.used, quota.remaining, quota.share, quota.runs_out_on) == (LIMIT, 0, LIMIT, 0, "")
    assert not quota.HasField("events_per_day")
    assert not quota.HasField("projected_used")
    first = empty.context.as_of_time.ToDatetime(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    resets_at = (first + timedelta(days=32)).replace(day=1)
    assert (empty.context.start.ToDatetime(UTC), empty.context.end.ToDatetime(UTC)) == (first, resets_at)
    assert quota.resets_at.ToDatetime(UTC) == resets_at

    # Whenever they occurred, events count in the month in which they are stored; those of the last 7 days are the pace.
    now = serving.now()
    old = [serving.event(at=now - timedelta(days=number)) for number in (8, 90)]
    await caller.track_all([*old, *(serving.event(at=now - timedelta(hours=number)) for number in range(1, 15))])
    await caller.track(old[0])  # again, which is free
    found = await ask(caller)
    quota = found.quota
    assert (quota.used, quota.remaining, quota.share) == (16, LIMIT - 16, pytest.approx(16 / LIMIT))
    assert quota.events_per_day == 2
    at = found.context.as_of_time.ToDatetime(UTC)
    left = (resets_at - at) / timedelta(days=1)
    assert quota.projected_used == 16 + round(2 * left)
    assert quota.runs_out_on == ((at + timedelta(days=7)).date().isoformat() if left > 7 else "")

    error = await refused(caller.track_all([serving.event() for _ in range(LIMIT - 16 + 1)]))
    assert serving.refusal(error)[:2] == ("RESOURCE_EXHAUSTED", "EVENT_QUOTA")
    await caller.track_all([serving.event() for _ in range(LIMIT - 16)])
    quota = (await ask(caller)).quota
    assert (quota.used, quota.remaining, quota.share) == (LIMIT, 0, 1)
    assert quota.runs_out_on == datetime.now(UTC).date().isoformat()
    assert "EVENT_QUOTA" in str(serving.refusal(await refused(caller.track(serving.event()))))

    text = await commands.shown(server.address, caller, "quota")
    assert [line.split()[-1] for line in text.splitlines() if line.startswith(("Limit", "Used  ", "Remaining"))] == [
        "30",
        "30",
        "0",
    ]
    async with tallywire.AsyncClient(server.address, api_key=caller.key.secret) as client:
        assert (await client.quota()).used == LIMIT
    assert (await commands.document(server.address, caller, "quota"))["remaining"] == 0
    (row,) = await commands.csv(server.address, caller, "quota")
    assert (row["remaining"], row["resets_at"][-15:]) == ("0", "T00:00:00+00:00")

    # What was stored in the month before counts no more.
    await worlds.execute(
        database,
        "UPDATE revisions SET revised_at = $2 WHERE organization_id = $1",
        caller.organization_id,
        first - timedelta(microseconds=1),
    )
    assert (await ask(caller)).quota.used == 0


async def test_without_a_limit_use_is_counted_and_projected_all_the_same(caller: Caller) -> None:
    now = serving.now()
    await caller.track_all([serving.event(at=now - timedelta(days=days, hours=1)) for days in (0, 1, 2)])
    quota = (await ask(caller)).quota
    assert quota.used == 3
    assert 3 / quota.events_per_day == pytest.approx(2 + 1 / 24, abs=1 / 48)  # since the first event
    assert quota.projected_used >= 3
    assert not any(map(quota.HasField, ("limit", "remaining", "share")))
    assert quota.runs_out_on == ""
