"""Schedules: what is to be done again and again, when next, and what came of it until now."""

import enum
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from server import timerange
from server.store import statements
from server.store.database import Driver
from server.store.tasks import SERVICE, loads


class CatchUp(enum.StrEnum):
    """Which periods run of those that have passed since a schedule was last looked at."""

    LATEST = "latest"  # the newest one; it takes the place of an earlier one that waits in the queue for its first try
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleDefinition:
    """A schedule as the code has it: one of the service in UTC, or one for each organization in its time zone."""

    name: str
    kind: str
    cron: str
    catch_up: CatchUp
    per_organization: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleKey:
    """One schedule. organization_id: tasks.SERVICE where it is not an organization's."""

    name: str
    organization_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outdated:
    """A schedule that is missing, or that differs from its definition."""

    definition: ScheduleDefinition
    organization_id: int
    time_zone: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DueSchedule:
    """A schedule of which at least one period is due, locked by the transaction that reads it."""

    key: ScheduleKey
    kind: str
    cron: str
    time_zone: str
    catch_up: CatchUp
    next_run_at: datetime  # the first of these periods
    now: datetime
    payload: Mapping[str, object] = field(default_factory=dict)  # of its tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRecord:
    """A schedule as commands show it. running_by: the worker of its run, if one is under way. held: an operator has
    paused it, so that its people cannot resume it.
    """

    name: str
    organization_id: int
    organization: str | None  # its name; None for a schedule of the service
    kind: str
    cron: str
    time_zone: str
    catch_up: CatchUp
    next_run_at: datetime
    paused: bool
    held: bool
    running_by: str | None
    started_at: datetime | None
    finished_at: datetime | None
    failed_at: datetime | None
    error: str | None
    runs: int
    failures: int
    result: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleSummary:
    """All schedules of a name: the service's one, or those of organizations. next_run_at is that of the first that is
    due; None where all are paused. error: the latest one of those that failed last, of which there are failing.
    """

    name: str
    kind: str
    cron: str
    time_zone: str | None  # None: that of each organization
    organizations: int  # 0: it is the service's
    paused: int
    running: int
    running_by: str | None
    next_run_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    failed_at: datetime | None
    runs: int
    failures: int
    failing: int
    error: str | None


_OUTDATED = statements.load("outdated_schedules")
_LISTED = statements.load("list_schedules")
_SUMMARIES = statements.load("summarize_schedules")
_DUE = """
    SELECT name, organization_id, kind, cron, time_zone, catch_up, next_run_at, clock_timestamp(), payload::text
    FROM schedules WHERE next_run_at <= clock_timestamp() AND NOT (paused OR held)
        AND organization_id <> ALL (ARRAY(
            SELECT o.organization_id FROM organizations AS o WHERE o.state IN ('deleting', 'deleted')))
        AND (name = ANY($1::text[]) OR kind = ANY($7::text[]))
        AND kind = ANY($2::text[]) AND (next_run_at, name, organization_id) > ($3, $4, $5)
    ORDER BY next_run_at, name, organization_id LIMIT $6 FOR UPDATE SKIP LOCKED
"""
_SAVE = """
    INSERT INTO schedules AS s (name, organization_id, kind, cron, time_zone, catch_up, next_run_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (name, organization_id) DO UPDATE SET kind = excluded.kind,
        cron = excluded.cron, time_zone = excluded.time_zone, catch_up = excluded.catch_up,
        next_run_at = excluded.next_run_at
    WHERE (s.kind, s.cron, s.time_zone, s.catch_up)
        IS DISTINCT FROM (excluded.kind, excluded.cron, excluded.time_zone, excluded.catch_up)
"""
# A claim locks tasks first and then their schedules. What it has locked it begins, and it is not waited for here: the
# schedule is locked already.
_DROP_EARLIER = """
    UPDATE tasks SET state = 'cancelled', ended_at = now(), error = 'a later period of its schedule is due'
    WHERE task_id = ANY(ARRAY(SELECT task_id FROM tasks WHERE schedule = $1 AND organization_id = $2 AND period < $3
        AND state = 'queued' AND attempts = 0 FOR UPDATE SKIP LOCKED))
"""


async def outdated(driver: Driver, definitions: Sequence[ScheduleDefinition]) -> list[Outdated]:
    """Returns what differs between definitions and the schedules there are."""
    by_name = {one.name: one for one in definitions}
    rows = await driver.fetch(
        _OUTDATED.text,
        *_OUTDATED.arguments(
            names=list(by_name),
            kinds=[one.kind for one in definitions],
            crons=[one.cron for one in definitions],
            catch_ups=[one.catch_up for one in definitions],
            per_organization=[one.per_organization for one in definitions],
        ),
    )
    return [Outdated(definition=by_name[row[0]], organization_id=row[1], time_zone=row[2], now=row[3]) for row in rows]


async def save(driver: Driver, one: Outdated, next_run_at: datetime) -> None:
    """Makes a schedule what its definition says; whether it is paused, and what its runs have left, stays."""
    definition = one.definition
    await driver.execute(
        _SAVE,
        definition.name,
        one.organization_id,
        definition.kind,
        definition.cron,
        one.time_zone,
        definition.catch_up,
        next_run_at,
    )


async def remove_of_revoked(driver: Driver) -> None:
    """Removes the schedules of organizations that are revoked, which is for good; leaves those that others hold."""
    await driver.execute(
        "DELETE FROM schedules WHERE (name, organization_id) IN (SELECT s.name, s.organization_id FROM schedules AS s"
        " JOIN organizations AS o USING (organization_id) WHERE o.state = 'revoked' FOR UPDATE OF s SKIP LOCKED)"
    )


async def due(
    driver: Driver,
    names: Sequence[str],
    kinds: Sequence[str],
    limit: int,
    *,
    undefined: Sequence[str] = (),
    after: DueSchedule | None = None,
) -> list[DueSchedule]:
    """Locks and returns schedules of these names and kinds that are due and that nobody else is looking at, those that
    have been due for longest first. Those of the kinds that are undefined have whatever name; after: those behind one
    that was returned.
    """
    behind = timerange.EPOCH, "", SERVICE
    if after is not None:
        behind = after.next_run_at, after.key.name, after.key.organization_id
    rows = await driver.fetch(_DUE, list(names), list(kinds), *behind, limit, list(undefined))
    return [
        DueSchedule(
            key=ScheduleKey(name=row[0], organization_id=row[1]),
            kind=row[2],
            cron=row[3],
            time_zone=row[4],
            catch_up=CatchUp(row[5]),
            next_run_at=row[6],
            payload=loads(row[8]),
            now=row[7],
        )
        for row in rows
    ]


async def put(
    driver: Driver,
    key: ScheduleKey,
    *,
    kind: str,
    cron: str,
    time_zone: str,
    catch_up: CatchUp,
    next_run_at: datetime,
    payload: Mapping[str, object],
) -> None:
    """Stores a schedule that no code defines, or changes it; whether it is paused, and what its runs have left, stays.
    Each of its tasks has that payload.
    """
    await driver.execute(
        "INSERT INTO schedules (name, organization_id, kind, cron, time_zone, catch_up, next_run_at, payload)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb) ON CONFLICT (name, organization_id) DO UPDATE SET"
        " kind = excluded.kind, cron = excluded.cron, time_zone = excluded.time_zone, catch_up = excluded.catch_up,"
        " next_run_at = excluded.next_run_at, payload = excluded.payload",
        key.name,
        key.organization_id,
        kind,
        cron,
        time_zone,
        catch_up,
        next_run_at,
        json.dumps(payload),
    )


async def delete(driver: Driver, key: ScheduleKey) -> None:
    """Deletes a schedule that no code defines. What it has queued stays."""
    await driver.execute(
        "DELETE FROM schedules WHERE name = $1 AND organization_id = $2", key.name, key.organization_id
    )


async def advance(driver: Driver, key: ScheduleKey, next_run_at: datetime) -> None:
    """Sets when a schedule is due next."""
    await driver.execute(
        "UPDATE schedules SET next_run_at = $3 WHERE name = $1 AND organization_id = $2",
        key.name,
        key.organization_id,
        next_run_at,
    )


async def drop_earlier(driver: Driver, key: ScheduleKey, period: datetime) -> None:
    """Cancels runs of earlier periods that wait in the queue, except those between two tries."""
    await driver.execute(
        _DROP_EARLIER,
        key.name,
        key.organization_id,
        period,
    )


async def summaries(driver: Driver) -> list[ScheduleSummary]:
    """Returns all schedules by name, those of organizations as one."""
    return [ScheduleSummary(**row) for row in await driver.fetch(_SUMMARIES.text)]


async def set_paused(driver: Driver, key: ScheduleKey, *, paused: bool) -> bool:
    """Pauses a schedule for the person whose it is, or lets it go on; returns whether that is a change."""
    done = await driver.execute(
        "UPDATE schedules SET paused = $3 WHERE name = $1 AND organization_id = $2 AND paused <> $3",
        key.name,
        key.organization_id,
        paused,
    )
    return statements.rows(done) > 0


async def set_one_held(driver: Driver, key: ScheduleKey, *, held: bool) -> None:
    """Pauses one schedule for an operator, or lets it go on."""
    await driver.execute(
        "UPDATE schedules SET held = $3 WHERE name = $1 AND organization_id = $2", key.name, key.organization_id, held
    )


async def set_held(driver: Driver, name: str, organization_id: int | None, *, held: bool) -> int:
    """Pauses schedules for an operator, or lets them go on, and returns how many there are; None: everybody's. The name
    is that of one, or what several have in common: "scheduled_report". Those that their people have paused stay so.
    """
    done = await driver.execute(
        "UPDATE schedules SET held = $3 WHERE (name = $1 OR split_part(name, ' ', 1) = $1)"
        " AND ($2::integer IS NULL OR organization_id = $2)",
        name,
        organization_id,
        held,
    )
    return statements.rows(done)


async def listed(
    driver: Driver, *, name: str | None = None, organization_id: int | None = None
) -> list[ScheduleRecord]:
    """Returns schedules by name, those of the service before those of organizations. None: whatever it is."""
    return await _records(driver, name, organization_id, None, None)


async def page(
    driver: Driver, *, organization_id: int | None, after: ScheduleKey | None, limit: int
) -> list[ScheduleRecord]:
    """Returns schedules behind one, in the order of organizations and names. organization_id None: everybody's."""
    return await _records(driver, None, organization_id, after, limit)


async def _records(
    driver: Driver, name: str | None, organization_id: int | None, after: ScheduleKey | None, limit: int | None
) -> list[ScheduleRecord]:
    arguments = _LISTED.arguments(
        name=name,
        organization_id=organization_id,
        after_organization_id=after and after.organization_id,
        after_name=after and after.name,
        most=limit,
    )
    rows = await driver.fetch(_LISTED.text, *arguments)
    return [
        ScheduleRecord(**{**row, "catch_up": CatchUp(row["catch_up"]), "result": loads(row["result"])}) for row in rows
    ]
