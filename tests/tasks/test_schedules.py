"""Every period of a schedule runs once: over several workers, outages, pauses and changes of the clock."""

import asyncio
import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from server.organizations.settings import OrganizationSettings
from server.store import claims, tasks
from server.store import schedules as stored
from server.store.database import Database
from server.store.isolation import EVERY
from server.store.schedules import CatchUp, DueSchedule, ScheduleKey
from server.store.tasks import SERVICE, TaskRecord, TaskState
from server.tasks import schedules
from server.tasks.cron import Cron
from server.tasks.kinds import Kinds, Result, Schedule, Work
from server.tasks.runner import Runner
from server.tenancy import administration
from tests.support import worlds
from tests.support.own_tasks import OwnTasks, kind

HOUR = timedelta(hours=1)
HOURLY = Schedule(name="hourly", kind="nothing", cron="0 * * * *", catch_up=CatchUp.ALL)
LATEST = Schedule(name="latest", kind="nothing", cron="0 * * * *")


def kinds(*found: Schedule) -> Kinds:
    return Kinds([kind()], found)


async def runs(database: Database) -> list[TaskRecord]:
    """Returns the runs of schedules, the oldest first."""
    async with database.transaction(of=EVERY) as driver:
        found = await tasks.listed(driver, kind=None, state=None, organization_id=None, limit=10_000)
    return found[::-1]


def due(cron: str, zone: str, start: datetime, now: datetime, catch_up: CatchUp = CatchUp.ALL) -> schedules.Periods:
    key = ScheduleKey(name="one", organization_id=SERVICE)
    return schedules.periods(
        DueSchedule(key=key, kind="", cron=cron, time_zone=zone, catch_up=catch_up, next_run_at=start, now=now)
    )


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo"])
def test_a_year_of_days_has_a_period_each_in_every_zone(zone: str) -> None:
    year = 2018  # São Paulo still changed its clocks
    for cron in ("30 2 * * *", "0 0 * * *", "45 1 * * *"):
        at, found = datetime(year, 1, 1, tzinfo=UTC), list[datetime]()
        while at < datetime(year, 12, 31, tzinfo=UTC):
            passed = due(cron, zone, at, at + timedelta(days=20))
            found += passed.due
            assert passed.next > at + timedelta(days=20)
            at = passed.next
        assert found == sorted(set(found))
        assert len({one.astimezone(UTC) for one in found}) == len(found)
        pauses = {(later - earlier) // timedelta(minutes=1) for earlier, later in itertools.pairwise(found)}
        assert max(pauses) <= 25 * 60
        assert min(pauses) >= 22.5 * 60


def test_periods_that_passed_are_caught_up_as_the_policy_says() -> None:
    start = datetime(2025, 6, 1, 10, tzinfo=UTC)
    now = start + timedelta(hours=5, minutes=30)
    every = due("0 * * * *", "UTC", start, now)
    assert every.due == [start + n * HOUR for n in range(6)]
    latest = due("0 * * * *", "UTC", start, now, CatchUp.LATEST)
    assert latest.due == [start + 5 * HOUR]
    assert every.next == latest.next == start + 6 * HOUR
    assert due("0 * * * *", "UTC", start, start).due == [start], "the instant itself is due"


def test_a_long_outage_is_caught_up_bit_by_bit() -> None:
    start = datetime(2025, 6, 1, tzinfo=UTC)
    first = due("* * * * *", "UTC", start, start + timedelta(days=1))
    assert (len(first.due), first.next) == (100, start + timedelta(minutes=100))
    assert due("* * * * *", "UTC", start, start + timedelta(days=1), CatchUp.LATEST).next > start + timedelta(days=1)


def test_the_latest_of_many_periods_is_found_without_looking_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = set[date]()
    instants = Cron._instants

    def noted(one: Cron, day: date, zone: ZoneInfo) -> set[datetime]:
        looked_at.add(day)
        return instants(one, day, zone)

    monkeypatch.setattr(Cron, "_instants", noted)
    start = datetime(2015, 6, 1, tzinfo=UTC)
    now = datetime(2025, 6, 1, 12, 30, 30, tzinfo=UTC)
    passed = due("* * * * *", "Europe/Berlin", start, now, CatchUp.LATEST)
    assert (passed.due, passed.next) == ([now.replace(second=0)], now.replace(minute=31, second=0))
    assert len(looked_at) < 5
    rare = due("0 0 29 2 *", "UTC", start, now, CatchUp.LATEST)
    assert (rare.due, rare.next) == ([datetime(2024, 2, 29, tzinfo=UTC)], datetime(2028, 2, 29, tzinfo=UTC))


async def test_four_workers_queue_each_period_once(own_database: Database) -> None:
    known = kinds(HOURLY, LATEST)
    await asyncio.gather(*(schedules.refresh(own_database, known) for _ in range(4)))
    await worlds.execute(own_database, "UPDATE schedules SET next_run_at = next_run_at - interval '150 hours'")
    while sum(await asyncio.gather(*(schedules.run_due(own_database, known) for _ in range(4)))):
        pass
    found = await runs(own_database)
    assert len({(one.schedule, one.period) for one in found}) == len(found)
    periods = sorted(one.period for one in found if one.schedule == "hourly" and one.period)
    assert len(periods) == 150
    assert {later - earlier for earlier, later in itertools.pairwise(periods)} == {HOUR}
    assert [one.period for one in found if one.schedule == "latest"] == [periods[-1]]
    assert await schedules.run_due(own_database, known) == 0


async def test_a_period_runs_once_even_if_its_schedule_is_set_back(own_database: Database) -> None:
    known = kinds(HOURLY)
    await schedules.refresh(own_database, known)
    back = "UPDATE schedules SET next_run_at = next_run_at - interval '2 hours'"
    for queued in (2, 0):
        await worlds.execute(own_database, back)
        assert await schedules.run_due(own_database, known) == queued


async def test_a_later_period_takes_the_place_of_one_that_nobody_has_begun(own_tasks: OwnTasks) -> None:
    known = kinds(LATEST)
    await schedules.refresh(own_tasks.database, known)
    for _ in range(2):
        await own_tasks.pass_time(HOUR)
        assert await schedules.run_due(own_tasks.database, known) == 1
    assert await own_tasks.states() == [TaskState.CANCELLED, TaskState.QUEUED]
    assert (await runs(own_tasks.database))[0].error == "a later period of its schedule is due"
    (claim,) = await own_tasks.claim(kind())
    await own_tasks.pass_time(HOUR)
    assert await schedules.run_due(own_tasks.database, known) == 1
    assert await own_tasks.states() == [TaskState.CANCELLED, TaskState.RUNNING, TaskState.QUEUED]
    assert await own_tasks.finish(claim)


async def test_a_run_between_two_tries_is_not_dropped(own_tasks: OwnTasks) -> None:
    known = kinds(LATEST)
    await schedules.refresh(own_tasks.database, known)
    await own_tasks.pass_time(HOUR)
    await schedules.run_due(own_tasks.database, known)
    (claim,) = await own_tasks.claim(kind())
    async with own_tasks.database.transaction(of=EVERY) as driver:
        assert await claims.fail(driver, claim, "the first try", HOUR) is TaskState.QUEUED
    await own_tasks.pass_time(HOUR)
    assert await schedules.run_due(own_tasks.database, known) == 1
    assert await own_tasks.states() == [TaskState.QUEUED, TaskState.QUEUED]
    assert (await runs(own_tasks.database))[0].error == "the first try"


async def test_a_later_period_does_not_wait_for_a_run_that_is_being_claimed(own_tasks: OwnTasks) -> None:
    known, database = kinds(LATEST), own_tasks.database
    await schedules.refresh(database, known)
    await own_tasks.pass_time(HOUR)
    await schedules.run_due(database, known)
    await own_tasks.pass_time(HOUR)
    async with database.transaction(of=EVERY) as driver:
        (found,) = await stored.due(driver, ["latest"], ["nothing"], 10)
        claiming = asyncio.create_task(own_tasks.claim(kind()))
        waits = "datname = current_database() AND wait_event_type = 'Lock'"  # for the schedule
        await until(database, f"SELECT count(*) > 0 FROM pg_stat_activity WHERE {waits}")
        await stored.drop_earlier(driver, found.key, found.now)
    (claim,) = await claiming
    assert await own_tasks.finish(claim)
    assert await own_tasks.states() == [TaskState.DONE]


async def test_a_schedule_whose_times_cannot_be_worked_out_stops_no_other(
    own_tasks: OwnTasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedules, "_BATCH", 2)
    names = ["a", "b", "c", "d", "e"]
    known = kinds(*(Schedule(name=name, kind="nothing", cron="0 * * * *") for name in names))
    await schedules.refresh(own_tasks.database, known)
    await own_tasks.pass_time(2 * HOUR)
    broken = "UPDATE schedules SET {} WHERE name = '{}'"
    await worlds.execute(own_tasks.database, broken.format("time_zone = 'Mars/Olympus_Mons'", "a"))
    await worlds.execute(own_tasks.database, broken.format("cron = '@newer'", "b"))
    with capture_logs() as lines:
        assert await schedules.run_due(own_tasks.database, known) == 3
    assert [one.schedule for one in await runs(own_tasks.database)] == ["c", "d", "e"]
    assert {line["schedule"] for line in lines} == {"a", "b"}


async def test_a_new_schedule_whose_times_cannot_be_worked_out_stops_no_other(own_database: Database) -> None:
    known = kinds(Schedule(name="daily", kind="nothing", cron="0 1 * * *", per_organization=True))
    for name in ("one", "other"):
        await administration.create_organization(own_database, name, OrganizationSettings(time_zone="UTC"))
    await worlds.execute(own_database, "UPDATE organizations SET time_zone = 'Mars/Olympus_Mons' WHERE name = 'one'")
    await schedules.refresh(own_database, known)
    assert await worlds.value(own_database, "SELECT array_agg(time_zone) FROM schedules") == ["UTC"]


async def test_schedules_of_revoked_organizations_are_removed(own_tasks: OwnTasks) -> None:
    database = own_tasks.database
    known = kinds(LATEST, Schedule(name="daily", kind="nothing", cron="0 1 * * *", per_organization=True))
    for name in ("here", "gone"):
        await administration.create_organization(database, name, OrganizationSettings(time_zone="UTC"))
    assert await schedules.refresh(database, known) == 3
    await worlds.execute(database, "UPDATE organizations SET state = 'revoked' WHERE name = 'gone'")
    await schedules.refresh(database, known)
    await own_tasks.pass_time(timedelta(days=2))
    assert await schedules.run_due(database, known) == 2
    assert {one.organization for one in await runs(database)} == {"here", None}


async def test_schedules_that_this_code_has_no_definition_of_are_left_alone(own_tasks: OwnTasks) -> None:
    await schedules.refresh(own_tasks.database, kinds(LATEST, HOURLY))
    await own_tasks.pass_time(2 * HOUR)
    assert await schedules.run_due(own_tasks.database, kinds(LATEST)) == 1


async def test_a_run_gets_what_the_last_one_left(own_tasks: OwnTasks) -> None:
    seen: list[tuple[object, object]] = []

    async def run(work: Work) -> Result:
        seen.append((work.last.get("turns"), work.period))
        return {"turns": len(seen)}

    counting = kind("counting", run=run, rate=1000)
    known = Kinds([counting], [Schedule(name="count", kind="counting", cron="0 * * * *")])
    await schedules.refresh(own_tasks.database, known)
    runner = own_tasks.runner(counting)
    for turn in range(3):
        await own_tasks.pass_time(HOUR)
        await schedules.run_due(own_tasks.database, known)
        await own_tasks.look(runner, counting)
        (newest,) = (await runs(own_tasks.database))[turn:]
        await own_tasks.until(newest.task_id, lambda one: one.state is TaskState.DONE)
    assert [last for last, _ in seen] == [None, 1, 2]
    assert all(period is not None for _, period in seen)
    async with own_tasks.database.transaction(of=EVERY) as driver:
        (record,) = await stored.listed(driver)
    assert (record.runs, record.failures, record.result, record.running_by) == (3, 0, {"turns": 3}, None)


async def test_every_organization_has_its_own_in_its_time_zone(own_database: Database) -> None:
    zones = {"Europe/Berlin", "America/New_York", "Asia/Kathmandu"}
    known = kinds(Schedule(name="daily", kind="nothing", cron="0 1 * * *", per_organization=True))
    for number, zone in enumerate(sorted(zones)):
        await administration.create_organization(own_database, f"tenant {number}", OrganizationSettings(time_zone=zone))
    assert await schedules.refresh(own_database, known) == 3
    assert await schedules.refresh(own_database, known) == 0
    async with own_database.transaction(of=EVERY) as driver:
        found = await stored.listed(driver)
    assert {one.time_zone for one in found} == zones
    assert {f"{one.next_run_at.astimezone(ZoneInfo(one.time_zone)):%H:%M}" for one in found} == {"01:00"}
    await administration.create_organization(own_database, "a late one", OrganizationSettings(time_zone="UTC"))
    assert await schedules.refresh(own_database, known) == 1


async def test_a_definition_that_changes_is_followed_and_a_pause_stays(own_database: Database) -> None:
    await schedules.refresh(own_database, kinds(LATEST))
    async with own_database.transaction(of=EVERY) as driver:
        assert await stored.set_held(driver, "latest", None, held=True) == 1
        assert await stored.set_held(driver, "unknown", None, held=True) == 0
    changed = kinds(Schedule(name="latest", kind="nothing", cron="30 4 * * *"))
    assert await schedules.refresh(own_database, changed) == 1
    async with own_database.transaction(of=EVERY) as driver:
        (found,) = await stored.listed(driver)
    assert (f"{found.next_run_at:%H:%M}", found.paused) == ("04:30", True)


async def test_a_paused_schedule_rests_and_catches_up(own_tasks: OwnTasks) -> None:
    known = kinds(LATEST)
    await schedules.refresh(own_tasks.database, known)
    for paused, queued in ((True, 0), (False, 1)):
        async with own_tasks.database.transaction(of=EVERY) as driver:
            await stored.set_held(driver, "latest", SERVICE, held=paused)
        await own_tasks.pass_time(3 * HOUR)
        assert await schedules.run_due(own_tasks.database, known) == queued


async def test_schedules_of_kinds_that_this_process_does_not_know_are_left_alone(own_tasks: OwnTasks) -> None:
    await schedules.refresh(own_tasks.database, kinds(LATEST))
    await own_tasks.pass_time(3 * HOUR)
    assert await schedules.run_due(own_tasks.database, Kinds([kind("other")])) == 0


def test_kinds_and_schedules_must_fit_together() -> None:
    for broken in (
        lambda: Kinds([kind(), kind()]),
        lambda: Kinds([kind()], [LATEST, LATEST]),
        lambda: Kinds([kind("other")], [LATEST]),
        lambda: kinds(Schedule(name="x", kind="nothing", cron="never")),
    ):
        with pytest.raises(ValueError):  # noqa: PT011 - its texts are for whoever lists kinds
            broken()
    some = Kinds([kind(), kind("other")], [LATEST]).only(["other"])
    assert (some.names, some.schedules) == (("other",), ())


async def test_a_runner_keeps_schedules_and_runs_their_tasks(own_database: Database) -> None:
    known = kinds(HOURLY)
    runner = Runner(own_database, known, "me")
    loops = [asyncio.create_task(one()) for one in (runner.run_tasks, runner.run_schedules, runner.publish)]
    try:
        await until(own_database, "SELECT count(*) = 1 FROM schedules")
        await worlds.execute(own_database, "UPDATE schedules SET next_run_at = next_run_at - interval '3 hours'")
        await until(own_database, "SELECT count(*) = 3 FROM tasks WHERE state = 'done'")
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await runner.stop()


async def until(database: Database, statement: str) -> None:
    """Waits until a statement is true."""
    async with asyncio.timeout(30):
        while not await worlds.value(database, statement):  # noqa: ASYNC110 - it is in the database
            await asyncio.sleep(0.05)
