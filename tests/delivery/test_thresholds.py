"""Thresholds of quotas are told once for each month, whoever looks and however often."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from server.delivery import thresholds
from server.delivery.thresholds import QuotaThresholds
from server.organizations.delivery import Topic
from server.store.database import Database
from server.store.quota_notices import QuotaNotice, UsedQuota
from server.tasks.kinds import UNFINISHED, Work
from tests.delivery import delivering
from tests.support import receivers, worlds

SECRET = bytes(range(32))
MONTH = datetime(2026, 11, 1, tzinfo=UTC)


async def _organization(database: Database, name: str, quota: int | None = 1_000) -> delivering.House:
    add = "INSERT INTO organizations (name, time_zone, monthly_events) VALUES ($1, 'UTC', $2) RETURNING organization_id"
    organization = await worlds.value(database, add, name, quota)
    assert isinstance(organization, int)
    return delivering.house(database, organization)


async def _use(house: delivering.House, events: int, at: datetime = MONTH + timedelta(days=20)) -> None:
    await worlds.execute(
        house.database,
        "INSERT INTO revisions (organization_id, revision, revised_at, month_events) VALUES ($1, 1, $3, $2)"
        " ON CONFLICT (organization_id) DO UPDATE SET month_events = $2, revised_at = $3",
        house.organization_id,
        events,
        at,
    )


def _work(database: Database, now: datetime) -> Work:
    return Work(database=database, task_id=1, organization_id=0, payload={}, now=now, period=None, last={})


async def _look(database: Database, now: datetime = MONTH + timedelta(days=20), default: int = 0) -> object:
    result = await QuotaThresholds(default_quota=default).tell(_work(database, now))
    assert result[UNFINISHED] is False
    return result["told"]


async def _told(house: delivering.House) -> list[str]:
    return sorted(one.subject_id for one in await house.deliveries())


async def test_each_threshold_is_told_once_a_month_by_however_many_workers(own_database: Database) -> None:
    house, other = await _organization(own_database, "a"), await _organization(own_database, "b")
    async with receivers.hook() as hook:
        for one in (house, other):
            await one.destination(url=hook.url, secret=SECRET, topics=(Topic.THRESHOLD,))
        await house.destination("reports", url=hook.url, secret=SECRET, topics=(Topic.REPORT,))
        told = []
        for used in (799, 800, 899, 950, 950, 1_000, 1_000):
            await _use(house, used)
            told.append(sum(await asyncio.gather(*(_look(own_database) for _ in range(3)))))  # type: ignore[arg-type]
        assert told == [0, 1, 0, 1, 0, 1, 0]
        assert await _told(house) == ["events:2026-11:100", "events:2026-11:80", "events:2026-11:90"]
        assert await _told(other) == []
        await house.deliver()
        # Whoever comes later is not told of what was, also once messages are gone by their retention.
        await house.destination("late", url=hook.url, secret=SECRET, topics=(Topic.THRESHOLD,))
        await worlds.execute(own_database, "DELETE FROM delivery_messages")
        assert await _look(own_database) == 0
        # In the next month nothing is used until something is stored, and then all begins anew.
        later = MONTH + timedelta(days=33)
        assert await _look(own_database, later) == 0
        await _use(house, 1_200, later)
        assert await _look(own_database, later) == 3
        assert len(await _told(house)) == 6
    bodies = [json.loads(call.body) for call in hook.calls]
    assert {one["type"] for one in bodies} == {"quota.threshold"}
    (full,) = [one["data"] for one in bodies if one["data"]["threshold_percent"] == 100]
    assert (full["used"], full["limit"], full["month"], full["resets_at"]) == (
        1_000,
        1_000,
        "2026-11",
        "2026-12-01T00:00:00Z",
    )
    assert "Further events of this month are refused" in full["text"]


async def test_another_quota_counts_from_where_it_is_passed(own_database: Database) -> None:
    house = await _organization(own_database, "a")
    await house.destination(url="https://example.org/", topics=(Topic.THRESHOLD,))
    await _use(house, 920)
    assert await _look(own_database) == 2
    change = "UPDATE organizations SET monthly_events = $2 WHERE organization_id = $1"
    await worlds.execute(own_database, change, house.organization_id, 1_100)  # 84 %
    assert await _look(own_database) == 0
    await _use(house, 990)
    assert await _look(own_database) == 1, "90 % of the new quota"
    await worlds.execute(own_database, change, house.organization_id, 500)
    assert await _look(own_database) == 1, "100 % of the newest quota"
    await worlds.execute(own_database, change, house.organization_id, 0)
    assert await _look(own_database) == 0, "without a quota there is nothing to pass"


async def test_whose_quota_it_is(own_database: Database) -> None:
    own, default, unlimited, revoked = [
        await _organization(own_database, name, quota)
        for name, quota in (("own", 100), ("default", None), ("unlimited", 0), ("revoked", 100))
    ]
    for house in (own, default, unlimited, revoked):
        await house.destination(url="https://example.org/", topics=(Topic.THRESHOLD,))
        await _use(house, 85)
    await worlds.execute(
        own_database, "UPDATE organizations SET state = 'revoked' WHERE organization_id = $1", revoked.organization_id
    )
    assert await _look(own_database) == 1
    assert await _look(own_database, default=100) == 1
    assert [len(await _told(one)) for one in (own, default, unlimited, revoked)] == [1, 1, 0, 0]


@pytest.mark.parametrize(
    ("before", "used", "expected"),
    [
        (("2026-10", 100, 100), (79, 100), (0, 0)),
        (("2026-11", 100, 80), (89, 100), (80, 80)),
        (("2026-11", 100, 90), (100, 100), (90, 100)),
        (("2026-11", 100, 100), (100, 120), (80, 80)),
        (("2026-11", 100, 100), (100, 200), (0, 0)),
        (("2026-11", 200, 0), (10**18, 10**17), (0, 100)),
    ],
)
def test_what_is_passed(before: tuple[str, int, int], used: tuple[int, int], expected: tuple[int, int]) -> None:
    month, quota, threshold = before
    notice = QuotaNotice(month=datetime.fromisoformat(f"{month}-01").date(), quota=quota, threshold=threshold)
    assert thresholds.passed(notice, UsedQuota(month=MONTH.date(), used=used[0], quota=used[1])) == expected
