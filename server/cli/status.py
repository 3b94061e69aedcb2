"""The state of the service for its operators: what waits, what ran last, what failed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from redis.exceptions import RedisError

from server.catalog.cells import OTHER
from server.projections.registry import PROJECTIONS
from server.rollups import audit
from server.store import deployment, members, projection_states, protection, rollups, schedules, schema, tasks
from server.store.database import Database
from server.store.isolation import EVERY
from server.store.members import OverflowCount
from server.store.projection_states import ProjectionState
from server.store.protection import Protection
from server.store.schedules import ScheduleSummary
from server.store.tasks import SERVICE, TaskBacklog, TaskState
from server.tasks import wakeups

_HEADINGS = ("schedule", "last start", "last finish", "last failure", "next run", "runs", "failures", "now")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """One look at the service. None means that a value is unknown, or that there is none."""

    at: datetime
    schema: str
    expected_schema: str
    weak_settings: tuple[str, ...]
    protection: Protection  # of the rows of organizations from each other
    unfolded_deltas: int
    unfolded_organizations: int
    oldest_unfolded: timedelta | None  # how long the oldest delta has been waiting
    queued_jobs: int | None  # None: Redis cannot be reached
    audit: audit.AuditState | None  # None: there was no audit yet
    projections: tuple[ProjectionState, ...]
    stopped_projections: int
    overflows: tuple[OverflowCount, ...]  # the kinds of values of which some are over their limit
    keys_by_pepper: Mapping[str, int]  # keys in use, by the id of the pepper of their hashes
    tasks: tuple[TaskBacklog, ...]
    schedules: tuple[ScheduleSummary, ...]


async def status(database: Database, redis_url: str | None) -> ServiceStatus:
    """Looks at the database and at Redis. The database must have been migrated."""
    condition = await database.condition()
    found = await schema.current(database)
    async with database.snapshot(of=EVERY) as driver:
        protected = await protection.look(driver)
        backlog = await rollups.backlog(driver)
        states = tuple(await projection_states.read(driver, list(PROJECTIONS)))
        stopped = await projection_states.stopped_count(driver)
        overflows = tuple(await members.overflows(driver))
        peppers = await deployment.keys_by_pepper(driver)
        waiting = tuple(await tasks.backlog(driver))
        known = tuple(await schedules.summaries(driver))
        audits = await schedules.listed(driver, name=audit.SCHEDULE, organization_id=SERVICE)
    return ServiceStatus(
        at=condition.now,
        schema=found.schema if found else "none",
        expected_schema=schema.expected(),
        weak_settings=condition.weak_settings,
        protection=protected,
        unfolded_deltas=backlog.deltas,
        unfolded_organizations=backlog.organizations,
        oldest_unfolded=None if backlog.oldest is None else max(timedelta(0), condition.now - backlog.oldest),
        queued_jobs=await _queued(redis_url),
        audit=audit.AuditState.of(audits[0].result) if audits else None,
        projections=states,
        stopped_projections=stopped,
        overflows=overflows,
        keys_by_pepper=peppers,
        tasks=waiting,
        schedules=known,
    )


async def _queued(redis_url: str | None) -> int | None:
    if redis_url is None:
        return None
    queue = wakeups.connect(redis_url)
    try:
        return int(await queue.zcard(wakeups.QUEUE))
    except (RedisError, OSError, TimeoutError):
        return None
    finally:
        await queue.aclose(close_connection_pool=True)


def render(status: ServiceStatus) -> str:
    """Returns the status as text for a terminal."""
    waiting = "nothing"
    if status.unfolded_deltas:
        since = "" if status.oldest_unfolded is None else f", the oldest for {span(status.oldest_unfolded)}"
        waiting = f"{status.unfolded_deltas:,} deltas of {status.unfolded_organizations:,} organizations{since}"
    ahead = f", which code of {status.expected_schema} may use" if status.schema != status.expected_schema else ""
    lines = (
        f"to be folded      {waiting}",
        f"to be projected   {_behind(status)}",
        f"tasks             {_tasks(status.tasks)}",
        f"queue             {_queue(status.queued_jobs)}",
        f"audit             {render_audit(status.audit, status.at)}",
        f"over the limit    {_overflows(status.overflows)}",
        f"keys by pepper    {_peppers(status.keys_by_pepper)}",
        f"schema            {status.schema}{ahead}",
        f"isolation         {status.protection.value}",
        f"durability        {'WEAK: ' + ', '.join(status.weak_settings) if status.weak_settings else 'on'}",
    )
    errors = (f"{one.name} failed: {one.error}" for one in status.schedules if one.error is not None)
    return "\n".join((*lines, "", *_table(status), *errors))


def _tasks(backlog: Sequence[TaskBacklog]) -> str:
    total = Counter[TaskState]()
    for one in backlog:
        total[one.state] += one.tasks
    late = max((one.lag for one in backlog), default=timedelta(0))
    parts = [f"{total[TaskState.QUEUED]:,} queued"]
    if late:
        parts.append(f"the oldest is due for {span(late)}")
    parts.append(f"{total[TaskState.RUNNING]:,} running")
    if total[TaskState.DEAD]:
        dead = (f"{one.tasks:,} of {one.kind}" for one in backlog if one.state is TaskState.DEAD)
        parts.append(f"{total[TaskState.DEAD]:,} DEAD ({', '.join(dead)}): see `tasks list --state dead`")
    return ", ".join(parts)


def _queue(jobs: int | None) -> str:
    return "Redis cannot be reached; workers go on without it" if jobs is None else f"{jobs:,} wake-ups"


def _behind(status: ServiceStatus) -> str:
    found = [
        f"{one.name}: {one.revisions:,} revisions of {one.organizations:,} organizations, {one.seconds:,.1f} s behind"
        for one in status.projections
        if one.organizations
    ]
    if status.stopped_projections:
        found.append(f"{status.stopped_projections:,} HAVE STOPPED: `projections list` says why")
    return "; ".join(found) or "nothing"


def render_audit(state: audit.AuditState | None, now: datetime) -> str:
    """Returns the findings of the audit and their age."""
    if state is None:
        return "not yet"
    found = "no mismatch" if not state.mismatches else f"{state.mismatches:,} MISMATCHES: see the workers' log"
    if state.full is None:
        return f"{found} so far; no full round yet, {state.covered:.0%} of the organizations in the first one"
    took = span(state.full.ended_at - state.full.began_at)
    lines = [f"{found}; last full round {ago(state.full.ended_at, now)}, in {took}"]
    if state.full.skipped:
        lines.append(f"{state.full.skipped:,} ORGANIZATIONS LEFT OUT of it")
    if state.covered:
        lines.append(f"{state.covered:.0%} of the organizations in the next one")
    return ", ".join(lines)


def _overflows(overflows: Sequence[OverflowCount]) -> str:
    if not overflows:
        return "nothing"
    counted = (f"{one.ids:,} {one.kind}s of {one.organizations:,} organizations" for one in overflows)
    return f"{', '.join(counted)}: counted under {OTHER}"


def _peppers(keys: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} of {pepper_id}" for pepper_id, number in keys.items()) or "no keys"


def _table(status: ServiceStatus) -> list[str]:
    if not status.schedules:
        return ["there are no schedules yet: is there a worker?"]
    rows = [_HEADINGS, *(_row(one, status.at) for one in status.schedules)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _row(one: ScheduleSummary, now: datetime) -> Sequence[str]:
    name = f"{one.name} × {one.organizations:,}" if one.organizations else one.name
    held = f"held by {one.running_by}" if one.running == 1 else f"{one.running:,} run" if one.running else ""
    return (
        name,
        ago(one.started_at, now),
        ago(one.finished_at, now),
        ago(one.failed_at, now),
        "paused" if one.next_run_at is None else _until(one.next_run_at, now),
        f"{one.runs:,}",
        f"{one.failures:,}",
        held,
    )


def ago(at: datetime | None, now: datetime) -> str:
    """Returns how long ago something was."""
    return "never" if at is None else f"{span(max(timedelta(0), now - at))} ago"


def _until(at: datetime, now: datetime) -> str:
    return "now" if at <= now else f"in {span(at - now)}"


def span(span: timedelta) -> str:
    """Returns a length of time in its two largest units."""
    seconds = int(span.total_seconds())
    days, hours, minutes = seconds // 86_400, seconds // 3_600 % 24, seconds // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"
