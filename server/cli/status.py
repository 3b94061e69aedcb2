"""The state of the service for its operators: what waits, what ran last, what failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from redis.exceptions import RedisError

from server.catalog.cells import OTHER
from server.rollups import audit
from server.store import jobs, members, migrate, organizations, rollups
from server.store.database import Database
from server.store.jobs import JobRecord
from server.store.members import OverflowCount
from server.tasks import wakeups

_HEADINGS = ("job", "last start", "last finish", "last failure", "next run", "runs", "failures", "now")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """One look at the service. None means that a value is unknown, or that there is none."""

    at: datetime
    schema: str
    expected_schema: str
    weak_settings: tuple[str, ...]
    unfolded_deltas: int
    unfolded_organizations: int
    oldest_unfolded: timedelta | None  # how long the oldest delta has been waiting
    queued_jobs: int | None  # None: Redis cannot be reached
    audit: audit.AuditState | None  # None: there was no audit yet
    overflows: tuple[OverflowCount, ...]  # the kinds of values of which some are over their limit
    keys_by_pepper: Mapping[str, int]  # keys in use, by the id of the pepper of their hashes
    jobs: tuple[JobRecord, ...]


async def status(database: Database, redis_url: str | None) -> ServiceStatus:
    """Looks at the database and at the queue. The database must have been migrated."""
    condition = await database.condition()
    found = await migrate.current(database)
    async with database.snapshot() as driver:
        backlog = await rollups.backlog(driver)
        known = tuple(await jobs.listed(driver))
        overflows = tuple(await members.overflows(driver))
        peppers = await organizations.keys_by_pepper(driver)
    audits = [audit.AuditState.of(job.result) for job in known if job.name == audit.JOB]
    return ServiceStatus(
        at=condition.now,
        schema=found.schema if found else "none",
        expected_schema=migrate.expected(),
        weak_settings=condition.weak_settings,
        unfolded_deltas=backlog.deltas,
        unfolded_organizations=backlog.organizations,
        oldest_unfolded=None if backlog.oldest is None else max(timedelta(0), condition.now - backlog.oldest),
        queued_jobs=await _queued(redis_url),
        audit=audits[0] if audits else None,
        overflows=overflows,
        keys_by_pepper=peppers,
        jobs=known,
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
        since = "" if status.oldest_unfolded is None else f", the oldest for {_span(status.oldest_unfolded)}"
        waiting = f"{status.unfolded_deltas:,} deltas of {status.unfolded_organizations:,} organizations{since}"
    ahead = f", which code of {status.expected_schema} may use" if status.schema != status.expected_schema else ""
    lines = (
        f"to be folded      {waiting}",
        f"queue             {_queue(status.queued_jobs)}",
        f"audit             {render_audit(status.audit, status.at)}",
        f"over the limit    {_overflows(status.overflows)}",
        f"keys by pepper    {_peppers(status.keys_by_pepper)}",
        f"schema            {status.schema}{ahead}",
        f"durability        {'WEAK: ' + ', '.join(status.weak_settings) if status.weak_settings else 'on'}",
    )
    errors = (f"{job.name} failed: {job.error}" for job in status.jobs if job.error is not None)
    return "\n".join((*lines, "", *_table(status), *errors))


def _queue(jobs: int | None) -> str:
    return "Redis cannot be reached; workers go on without it" if jobs is None else f"{jobs:,} jobs"


def render_audit(state: audit.AuditState | None, now: datetime) -> str:
    """Returns the findings of the audit and their age."""
    if state is None:
        return "not yet"
    found = "no mismatch" if not state.mismatches else f"{state.mismatches:,} MISMATCHES: see the workers' log"
    if state.full is None:
        return f"{found} so far; no full round yet, {state.covered:.0%} of the organizations in the first one"
    took = _span(state.full.ended_at - state.full.began_at)
    lines = [f"{found}; last full round {_ago(state.full.ended_at, now)}, in {took}"]
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
    if not status.jobs:
        return ["no job has run yet: is there a worker?"]
    rows = [_HEADINGS, *(_row(job, status.at) for job in status.jobs)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _row(job: JobRecord, now: datetime) -> Sequence[str]:
    return (
        job.name,
        _ago(job.started_at, now),
        _ago(job.finished_at, now),
        _ago(job.failed_at, now),
        "now" if job.next_run_at <= now else f"in {_span(job.next_run_at - now)}",
        f"{job.runs:,}",
        f"{job.failures:,}",
        f"held by {job.running_by}" if job.running_by else "",
    )


def _ago(at: datetime | None, now: datetime) -> str:
    return "never" if at is None else f"{_span(max(timedelta(0), now - at))} ago"


def _span(span: timedelta) -> str:
    """Returns a length of time in its two largest units."""
    seconds = int(span.total_seconds())
    days, hours, minutes = seconds // 86_400, seconds // 3_600 % 24, seconds // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"
