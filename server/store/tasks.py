"""Tasks: what is to be done once, as those see them who queue, look at, cancel and remove them.

Workers take them by server/store/claims.py. Every time is the database's.
"""

import enum
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import asyncpg

from server import tracing
from server.store import statements
from server.store.database import Driver

SERVICE = 0  # the organization_id of what belongs to the service itself


class TaskState(enum.StrEnum):
    """What has become of a task."""

    QUEUED = "queued"  # due at run_at; also between two tries
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"  # failed as often as its kind may
    CANCELLED = "cancelled"


ENDED = (TaskState.DONE, TaskState.DEAD, TaskState.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """A task to be queued. run_in: how long it waits at least. schedule and period: the run that it is, if it is one of
    a schedule; a run that somebody asked for has no period.
    """

    kind: str
    tries: int
    priority: int
    organization_id: int = SERVICE
    payload: Mapping[str, object] = field(default_factory=dict)
    run_in: timedelta = timedelta(0)
    dedupe_key: str | None = None
    schedule: str | None = None
    period: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRecord:
    """A task as commands show it."""

    task_id: int
    kind: str
    organization_id: int
    organization: str | None  # its name; None for a task of the service
    payload: Mapping[str, object]
    state: TaskState
    priority: int
    run_at: datetime
    attempts: int
    tries: int
    owner: str | None
    cancel_requested: bool
    dedupe_key: str | None
    schedule: str | None
    period: datetime | None
    progress: float
    progress_line: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    result: Mapping[str, object]
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskBacklog:
    """The tasks of a kind in one state. lag: for how long the oldest that is due has been due; 0 unless queued."""

    kind: str
    state: TaskState
    tasks: int
    lag: timedelta


_OWNER = "(SELECT name FROM organizations AS o WHERE o.organization_id = tasks.organization_id)"
_READ = {
    "organization": f"{_OWNER} AS organization",
    "payload": "payload::text",
    "result": "result::text",
}
_COLUMNS = ", ".join(_READ.get(name, name) for name in TaskRecord.__dataclass_fields__)
_ENQUEUE = statements.load("enqueue_tasks")
_BACKLOG = """
    SELECT kind, state, count(*), coalesce(greatest(now() - min(run_at) FILTER (WHERE state = 'queued'), '0'), '0')
    FROM tasks WHERE state IN ('queued', 'running', 'dead') GROUP BY kind, state ORDER BY kind, state
"""


async def enqueue(driver: Driver, tasks: Sequence[NewTask]) -> list[int]:
    """Queues tasks and returns their ids, without those that exist already: as the same run of a schedule, or as a task
    that has the same dedupe key and has not ended.
    """
    columns = {name: [getattr(task, name) for task in tasks] for name in NewTask.__dataclass_fields__}
    # A task belongs to the trace of what has queued it.
    carried = tracing.carried()
    columns["payload"] = [json.dumps({**task.payload, **carried}) for task in tasks]
    rows = await driver.fetch(_ENQUEUE.text, *_ENQUEUE.arguments(**columns))
    return [row[0] for row in rows]


async def queued(driver: Driver, kind: str, organization_id: int, most: int) -> int:
    """Returns how many tasks of a kind an organization has in the queue, counted up to a number."""
    found: int = await driver.fetchval(
        "SELECT count(*) FROM (SELECT FROM tasks WHERE kind = $1 AND organization_id = $2 AND state = 'queued'"
        " LIMIT $3) AS counted",
        kind,
        organization_id,
        most,
    )
    return found


async def by_dedupe_key(driver: Driver, kind: str, organization_id: int, dedupe_key: str) -> int | None:
    """Returns the task of a dedupe key that has not ended; None where there is none."""
    found: int | None = await driver.fetchval(
        "SELECT task_id FROM tasks WHERE kind = $1 AND organization_id = $2 AND dedupe_key = $3"
        " AND state IN ('queued', 'running')",
        kind,
        organization_id,
        dedupe_key,
    )
    return found


async def by_id(driver: Driver, task_id: int) -> TaskRecord | None:
    """Returns a task; None where there is none of that id (any more)."""
    row = await driver.fetchrow(f"SELECT {_COLUMNS} FROM tasks WHERE task_id = $1", task_id)  # noqa: S608 - our columns
    return _record(row) if row else None


async def listed(
    driver: Driver,
    *,
    kind: str | None,
    state: TaskState | None,
    organization_id: int | None,
    limit: int,
    before: int | None = None,
) -> list[TaskRecord]:
    """Returns the newest tasks, by id, or the newest of those before one. None: whatever it is."""
    rows = await driver.fetch(
        f"SELECT {_COLUMNS} FROM tasks WHERE ($1::text IS NULL OR kind = $1) AND ($2::text IS NULL OR state = $2)"  # noqa: S608
        " AND ($3::integer IS NULL OR organization_id = $3) AND ($5::bigint IS NULL OR task_id < $5)"
        " ORDER BY task_id DESC LIMIT $4",
        kind,
        state,
        organization_id,
        limit,
        before,
    )
    return [_record(row) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedTask:
    """A task that has failed for good. epoch tells a failure from those of tries that somebody asks for later."""

    task_id: int
    epoch: int
    kind: str
    organization_id: int
    attempts: int
    error: str


async def backlog(driver: Driver) -> list[TaskBacklog]:
    """Returns how many tasks of each kind are queued, running and dead."""
    rows = await driver.fetch(_BACKLOG)
    return [TaskBacklog(kind=row[0], state=TaskState(row[1]), tasks=row[2], lag=row[3]) for row in rows]


async def cancel(driver: Driver, task_id: int) -> TaskState | None:
    """Cancels a task that is queued, and asks the worker of one that is running to end it. Returns what the task is
    then; None where there is none of that id. One that has ended stays what it is.
    """
    state: str | None = await driver.fetchval(
        "UPDATE tasks SET cancel_requested = state = 'running',"
        " ended_at = CASE WHEN state = 'queued' THEN now() ELSE ended_at END,"
        " state = CASE WHEN state = 'queued' THEN 'cancelled' ELSE state END"
        " WHERE task_id = $1 RETURNING state",
        task_id,
    )
    return None if state is None else TaskState(state)


async def retry(driver: Driver, task_id: int) -> bool:
    """Queues a task again that is dead or cancelled, with all its tries; False where it is neither, or where a task of
    its dedupe key has taken its place.
    """
    done = await driver.execute(
        "UPDATE tasks AS t SET state = 'queued', run_at = now(), attempts = 0, cancel_requested = false,"
        " ended_at = NULL WHERE task_id = $1 AND state IN ('dead', 'cancelled') AND NOT EXISTS (SELECT FROM tasks o"
        " WHERE o.kind = t.kind AND o.organization_id = t.organization_id AND o.dedupe_key = t.dedupe_key"
        " AND o.state IN ('queued', 'running'))",
        task_id,
    )
    return _count(done) > 0


async def clear(driver: Driver, state: TaskState, kind: str | None) -> int:
    """Removes every task that has ended like this, and returns how many there were."""
    done = await driver.execute(
        "DELETE FROM tasks WHERE state = $1 AND ended_at IS NOT NULL AND ($2::text IS NULL OR kind = $2)", state, kind
    )
    return _count(done)


async def remove_ended(driver: Driver, state: TaskState, kept: timedelta, limit: int) -> int:
    """Removes up to that many tasks that ended like this longer ago than they are kept, and returns how many."""
    done = await driver.execute(
        "DELETE FROM tasks WHERE task_id = ANY(ARRAY(SELECT task_id FROM tasks WHERE state = $1"
        " AND ended_at < now() - $2::interval ORDER BY ended_at LIMIT $3))",
        state,
        kept,
        limit,
    )
    return _count(done)


def _count(done: str) -> int:
    """Returns the number of rows in what PostgreSQL says of a statement, such as UPDATE 3."""
    return int(done.rpartition(" ")[2])


def _record(row: asyncpg.Record) -> TaskRecord:
    values = dict(row)
    values["state"] = TaskState(values["state"])
    values["payload"], values["result"] = loads(values["payload"]), loads(values["result"])
    return TaskRecord(**values)


def loads(value: str | None) -> Mapping[str, object]:
    """Returns an object of JSON from its text; {} for NULL."""
    found: dict[str, object] = json.loads(value) if value is not None else {}
    return found
