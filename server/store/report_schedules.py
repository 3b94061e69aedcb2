"""When reports run by themselves: what was said, and the row of schedules that says when each is due next."""

from datetime import datetime
from typing import Final

import asyncpg

from server.organizations.reports import ReportSchedule, ReportViewer, ScheduleDraft
from server.store import schedules
from server.store.database import Driver
from server.store.reports import SEEN, of_viewer
from server.store.schedules import CatchUp, ScheduleKey

KIND: Final = "scheduled_report"
_COLUMNS = (
    "c.schedule_id, c.report_id, v.title, c.said, c.cron, c.time_zone, c.catch_up, c.destinations, c.formats,"
    " s.paused OR s.held AS paused,"
    " s.next_run_at, c.created_by, c.created_at, c.updated_at"
)
_FROM = (
    "FROM report_schedules c JOIN reports r USING (organization_id, report_id)"
    " JOIN report_versions v USING (organization_id, report_id, version)"
    f" JOIN schedules s ON s.organization_id = c.organization_id AND s.name = '{KIND} ' || c.schedule_id"
)


def key(organization_id: int, schedule_id: str) -> ScheduleKey:
    """Returns the key of a schedule's row in schedules."""
    return ScheduleKey(name=f"{KIND} {schedule_id}", organization_id=organization_id)


def _catch_up(draft: ScheduleDraft) -> CatchUp:
    return CatchUp.ALL if draft.catches_up_all else CatchUp.LATEST


def _kept(row: asyncpg.Record) -> ReportSchedule:
    return ReportSchedule(
        schedule_id=row["schedule_id"],
        report_id=row["report_id"],
        report_title=row["title"],
        draft=ScheduleDraft(
            said=row["said"],
            cron=row["cron"],
            time_zone=row["time_zone"],
            catches_up_all=row["catch_up"] == CatchUp.ALL,
            destinations=tuple(row["destinations"]),
            formats=tuple(row["formats"]),
        ),
        paused=row["paused"],
        next_run_at=row["next_run_at"],
        created_by=row["created_by"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


async def listed(
    driver: Driver, organization_id: int, viewer: ReportViewer, report_id: str | None
) -> list[ReportSchedule]:
    """Returns the schedules of reports that somebody may see, by their next run, paused ones last. None: of all."""
    rows = await driver.fetch(
        f"SELECT {_COLUMNS} {_FROM} WHERE c.organization_id = $1 AND {SEEN}"
        " AND ($5::text IS NULL OR c.report_id = $5) ORDER BY s.paused OR s.held, s.next_run_at, c.schedule_id",
        organization_id,
        *of_viewer(viewer),
        report_id,
    )
    return [_kept(row) for row in rows]


async def seen(driver: Driver, organization_id: int, viewer: ReportViewer, schedule_id: str) -> ReportSchedule | None:
    """Returns a schedule; None where somebody may not see its report."""
    row = await driver.fetchrow(
        f"SELECT {_COLUMNS} {_FROM} WHERE c.organization_id = $1 AND {SEEN} AND c.schedule_id = $5",
        organization_id,
        *of_viewer(viewer),
        schedule_id,
    )
    return None if row is None else _kept(row)


async def known(driver: Driver, organization_id: int, schedule_id: str) -> ReportSchedule | None:
    """Returns a schedule for the service itself; None where there is none (any more)."""
    row = await driver.fetchrow(
        f"SELECT {_COLUMNS} {_FROM} WHERE c.organization_id = $1 AND c.schedule_id = $2", organization_id, schedule_id
    )
    return None if row is None else _kept(row)


async def number_of(driver: Driver, organization_id: int, report_id: str) -> int:
    """Returns how many schedules a report has."""
    found: int = await driver.fetchval(
        "SELECT count(*) FROM report_schedules WHERE organization_id = $1 AND report_id = $2",
        organization_id,
        report_id,
    )
    return found


async def put(
    driver: Driver,
    organization_id: int,
    schedule_id: str,
    report_id: str,
    draft: ScheduleDraft,
    *,
    subject: str,
    next_run_at: datetime,
) -> None:
    """Stores a schedule, or changes it."""
    await driver.execute(
        "INSERT INTO report_schedules (organization_id, schedule_id, report_id, said, cron, time_zone, catch_up,"
        " destinations, formats, created_by, created_at, updated_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, now(), now())"
        " ON CONFLICT (organization_id, schedule_id) DO UPDATE SET said = excluded.said, cron = excluded.cron,"
        " time_zone = excluded.time_zone, catch_up = excluded.catch_up, destinations = excluded.destinations,"
        " formats = excluded.formats, updated_at = excluded.updated_at",
        organization_id,
        schedule_id,
        report_id,
        draft.said,
        draft.cron,
        draft.time_zone,
        _catch_up(draft),
        list(draft.destinations),
        list(draft.formats),
        subject,
    )
    await schedules.put(
        driver,
        key(organization_id, schedule_id),
        kind=KIND,
        cron=draft.cron,
        time_zone=draft.time_zone,
        catch_up=_catch_up(draft),
        next_run_at=next_run_at,
        payload={"schedule_id": schedule_id},
    )


async def delete(driver: Driver, organization_id: int, schedule_id: str) -> None:
    """Deletes a schedule. Its runs stay."""
    await driver.execute(
        "DELETE FROM report_schedules WHERE organization_id = $1 AND schedule_id = $2", organization_id, schedule_id
    )
    await schedules.delete(driver, key(organization_id, schedule_id))


async def set_paused(driver: Driver, organization_id: int, schedule_id: str, *, paused: bool) -> bool:
    """Pauses a schedule, or lets it go on; returns whether that is a change."""
    return await schedules.set_paused(driver, key(organization_id, schedule_id), paused=paused)
