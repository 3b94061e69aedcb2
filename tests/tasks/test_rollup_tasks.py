"""The hourly and daily tasks of organizations fold, widen, and find what does not agree with raw events."""

from datetime import UTC, datetime, timedelta

import pytest

from server import kinds, timerange
from server.organizations.settings import OrganizationSettings
from server.quarters import Width
from server.rollups import audit, fold, windows
from server.store.database import Database
from server.store.tasks import TaskState
from server.tasks import rollup_tasks
from server.tasks.kinds import Kind, TaskError, Work
from server.tenancy import administration
from server.timerange import Span
from tests.support import worlds
from tests.support.own_tasks import OwnTasks

KINDS = kinds.known()
TAMPER = (
    "UPDATE rollups SET counter_amounts[1] = counter_amounts[1] + 1"
    " WHERE organization_id = $1 AND granularity = 1 AND cardinality(counter_amounts) > 0"
)


def work(database: Database, organization: int, period: datetime) -> Work:
    return Work(
        database=database,
        task_id=1,
        organization_id=organization,
        payload={},
        now=period,
        period=period,
        last={},
    )


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/New_York"])
async def test_an_hour_and_a_day_are_folded_and_verified(own_database: Database, zone: str) -> None:
    settings = OrganizationSettings(time_zone=zone)
    organization = await administration.create_organization(own_database, "acme", settings)
    now = datetime.now(UTC)
    await worlds.store(own_database, organization, worlds.events(1, 600, end=now, days=3))
    hour = await rollup_tasks.hourly(work(own_database, organization, now))
    assert await worlds.unfolded(own_database, organization) == 0
    day = await rollup_tasks.daily(work(own_database, organization, now))
    assert int(str(hour["folded"])) > 0 == day["folded"]
    assert int(str(day["events"])) > 100
    local = timerange.zone(zone)
    today = timerange.day_at(now, local)
    expected = "SELECT count(*) FROM events WHERE occurred_at >= $1 AND occurred_at < $2"
    start, end = (timerange.midnight(one, local) for one in (today - timedelta(days=1), today))
    # Whole hours of UTC around the day are looked at.
    start = start.replace(minute=0)
    end = end if end.minute == 0 else end.replace(minute=0) + timedelta(hours=1)
    assert day["events"] == await worlds.value(own_database, expected, start, end)


async def test_what_differs_is_a_failure(own_database: Database, own_organization: int) -> None:
    now = datetime.now(UTC)
    await worlds.store(own_database, own_organization, worlds.events(1, 400, end=now, days=2))
    assert await rollup_tasks.daily(work(own_database, own_organization, now))
    await worlds.execute(own_database, TAMPER, own_organization)
    with pytest.raises(TaskError, match=r"^\d+ cells differ from raw events: see the worker's log$"):
        await rollup_tasks.daily(work(own_database, own_organization, now))
    with pytest.raises(TaskError, match="there is no organization 77"):
        await rollup_tasks.hourly(work(own_database, 77, now))
    with pytest.raises(TaskError, match="there is no organization 77"):
        await rollup_tasks.daily(work(own_database, 77, now))


async def test_a_span_is_looked_at_and_nothing_else(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "WINDOW_EVENTS", 20)  # several windows a day
    now = datetime.now(UTC)
    await worlds.store(own_database, own_organization, worlds.events(1, 400, end=now, days=2))
    await fold.fold_all(own_database, own_organization)
    last = Width.HOUR.floor(timerange.floor_bucket(now)) - 4 * Width.HOUR
    span = Span(start=last - 24 * Width.HOUR, end=last)
    report = await audit.check_span(own_database, own_organization, span)
    counted = "SELECT count(*) FROM events WHERE occurred_at >= $1 AND occurred_at < $2"
    arguments = timerange.instant(span.start), timerange.instant(span.end)
    assert report is not None
    assert report.events == await worlds.value(own_database, counted, *arguments)
    assert (report.mismatches, report.events > 100) == (0, True)
    inside, outside = f"{TAMPER} AND bucket >= $2 AND bucket < $3", f"{TAMPER} AND bucket >= $2"
    await worlds.execute(own_database, outside, own_organization, span.end)
    assert await mismatches(own_database, own_organization, span) == 0
    await worlds.execute(own_database, inside, own_organization, span.start, span.end)
    assert await mismatches(own_database, own_organization, span) > 0


async def mismatches(database: Database, organization: int, span: Span) -> int:
    """Returns how much differs in a span."""
    report = await audit.check_span(database, organization, span)
    assert report is not None
    return report.mismatches


# What a worker alone has the parts for; tests/delivery and tests/reports run these.
NEED_A_WORKER = {
    "deliver_mail",
    "deliver_store",
    "deliver_webhook",
    "report_run",
    "report_retention",
    "scheduled_report",
}


async def test_every_kind_has_a_queue_of_its_own_and_can_be_run(own_tasks: OwnTasks, own_organization: int) -> None:
    of_organizations = {one.kind for one in KINDS.schedules if one.per_organization}
    every: list[Kind] = [KINDS[name] for name in KINDS.names if name not in NEED_A_WORKER]
    ids = [
        await own_tasks.queue(one, organization_id=own_organization if one.name in of_organizations else 0)
        for one in every
    ]
    runner = own_tasks.runner(*every, short_slots=20, long_slots=20)
    assert await own_tasks.look(runner, *every) == len(every)
    for task_id in ids:
        found = await own_tasks.until(task_id, lambda one: one.state is not TaskState.RUNNING)
        assert (found.state, found.error) == (TaskState.DONE, None)
