"""Claims: how workers take tasks, hold them, and say what became of them.

A claim holds a task under an epoch until its lease is over. Whoever takes the task next has a higher epoch, and what an
earlier holder still has to say changes nothing: an outcome is recorded once.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from server.store import statements
from server.store.database import Driver
from server.store.tasks import FailedTask, NewTask, TaskState, loads


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to run a task until it ends or the lease is over."""

    task_id: int
    epoch: int
    kind: str
    organization_id: int
    payload: Mapping[str, object]
    attempts: int  # this one included
    tries: int
    at: datetime  # the database's time at which it was taken
    period: datetime | None
    # What the task left when it was queued again with more to do, or else what the last run of its schedule left.
    last: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class KindLimits:
    """How much of a kind may be done, by all workers together. rate: starts per second."""

    kind: str
    concurrency: int
    per_organization: int  # of the tasks that belong to organizations
    rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskProgress:
    """How far a task is, as its worker last said. share: 0 to 1."""

    share: float
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A claim that still holds."""

    task_id: int
    epoch: int
    cancel_requested: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """A kind whose row is locked: how many may start now, and behind which organization the next turn is."""

    tokens: float
    served: int


ORGANIZATIONS = 200  # that a claim looks at in one walk
_WALKS = 2  # so that a claim that begins with the last organizations gets to the first ones, too
# A clock that was set back counts as time that has passed: else a kind without tokens would rest until it is that late
# again.
_LOCK_KIND = """
    SELECT least(greatest($2::float8, 1),
            tokens + $2 * abs(extract(epoch FROM clock_timestamp() - refilled_at)::float8)),
        served_organization_id
    FROM task_kinds WHERE kind = $1 FOR UPDATE
"""
_DUE = """
    SELECT k.kind FROM task_kinds AS k CROSS JOIN LATERAL (
        SELECT FROM tasks AS t WHERE t.kind = k.kind AND state = 'queued' AND run_at <= now()
        ORDER BY organization_id LIMIT 1) AS first
    WHERE k.kind = ANY($1::text[]) ORDER BY claimed_at
"""
_SPEND = """
    UPDATE task_kinds SET tokens = $2, refilled_at = clock_timestamp(), claimed_at = clock_timestamp(),
        served_organization_id = $3 WHERE kind = $1
"""
_BEGIN = """
    INSERT INTO tasks (kind, organization_id, payload, state, priority, run_at, attempts, tries, epoch, owner,
        lease_until, schedule, started_at)
    SELECT $1, $2, $3::text::jsonb, 'running', $4, now(), 1, $5, 1, $6, now() + $7::interval, $8, now()
    WHERE (SELECT count(*) FROM tasks WHERE kind = $1 AND state = 'running') < $9
    RETURNING task_id, now(),
        (SELECT result::text FROM schedules s WHERE s.name = $8 AND s.organization_id = $2) AS last
"""
_CLAIM = statements.load("claim_tasks", ORGANIZATIONS=ORGANIZATIONS)
_RENEW = statements.load("renew_claims")
_FINISH = statements.load("finish_task")
_FAIL = statements.load("fail_task")
_EXPIRE = statements.load("expire_claims")


async def know(driver: Driver, kinds: Mapping[str, float]) -> None:
    """Makes the rows of kinds, with the starts that they may have at once."""
    await driver.execute(
        "INSERT INTO task_kinds (kind, tokens) SELECT * FROM unnest($1::text[], $2::float8[]) ORDER BY 1"
        " ON CONFLICT DO NOTHING",
        list(kinds),
        list(kinds.values()),
    )


async def due(driver: Driver, kinds: Sequence[str]) -> list[str]:
    """Returns those of the kinds that have tasks which are due; the one that had none claimed for longest comes first.

    A kind without a row has none: see know().
    """
    return [row[0] for row in await driver.fetch(_DUE, list(kinds))]


async def claim(driver: Driver, limits: KindLimits, owner: str, lease: timedelta, room: int) -> list[Claim]:
    """Takes up to that many tasks of a kind that are due, as far as its limits allow.

    Between organizations they are taken in turn, from the one after the one that was served last. Where more of them
    have tasks than a claim looks at, the next claim goes on with the others, whether or not these had anything due.
    """
    turn = await _lock(driver, limits)
    claims: list[Claim] = []
    served = turn.served
    for _ in range(_WALKS):
        wanted = min(room, int(turn.tokens)) - len(claims)
        if wanted <= 0:
            break
        rows = await driver.fetch(
            _CLAIM.text,
            *_CLAIM.arguments(
                kind=limits.kind,
                after=served,
                wanted=wanted,
                concurrency=limits.concurrency,
                per_organization=limits.per_organization,
                owner=owner,
                lease=lease,
            ),
        )
        claims += (_claim(row) for row in rows if row["task_id"] is not None)
        behind: int | None = rows[0]["behind"]
        if behind is None:
            break
        served = behind
    if claims or served != turn.served:
        await driver.execute(_SPEND, limits.kind, turn.tokens - len(claims), served)
    return claims


async def begin(driver: Driver, limits: KindLimits, task: NewTask, owner: str, lease: timedelta) -> Claim | None:
    """Takes a new task that is running from the beginning; None where the kind's concurrency leaves no room."""
    await _lock(driver, limits)
    row = await driver.fetchrow(
        _BEGIN,
        task.kind,
        task.organization_id,
        json.dumps(task.payload),
        task.priority,
        task.tries,
        owner,
        lease,
        task.schedule,
        limits.concurrency,
    )
    if row is None:
        return None
    return Claim(
        task_id=row[0],
        epoch=1,
        kind=task.kind,
        organization_id=task.organization_id,
        payload=task.payload,
        attempts=1,
        tries=task.tries,
        at=row[1],
        period=None,
        last=loads(row[2]),
    )


async def _lock(driver: Driver, limits: KindLimits) -> _Turn:
    row = await driver.fetchrow(_LOCK_KIND, limits.kind, limits.rate)
    if row is None:
        raise LookupError(f"the kind {limits.kind} is not known to the database yet")
    return _Turn(tokens=row[0], served=row[1])


async def renew(driver: Driver, claims: Sequence[tuple[Claim, TaskProgress]], lease: timedelta) -> list[Held]:
    """Makes leases last that long from now, records progress, and returns the claims that still hold."""
    rows = await driver.fetch(
        _RENEW.text,
        *_RENEW.arguments(
            task_ids=[claim.task_id for claim, _ in claims],
            epochs=[claim.epoch for claim, _ in claims],
            shares=[progress.share for _, progress in claims],
            lines=[progress.line for _, progress in claims],
            lease=lease,
        ),
    )
    return [Held(task_id=row[0], epoch=row[1], cancel_requested=row[2]) for row in rows]


async def finish(driver: Driver, claim: Claim, result: Mapping[str, object], *, more: bool) -> bool:
    """Records a success, and what it leaves for the next run of its schedule; False where the claim does not hold any
    more. more: there is more to do, and the task is queued again at once.
    """
    return bool(
        await driver.fetchval(
            _FINISH.text,
            *_FINISH.arguments(task_id=claim.task_id, epoch=claim.epoch, result=json.dumps(result), more=more),
        )
    )


async def fail(driver: Driver, claim: Claim, error: str, pause: timedelta) -> TaskState | None:
    """Records a failure and returns what the task is then: queued again after a pause, or dead; None where the claim
    does not hold any more.
    """
    state: str | None = await driver.fetchval(
        _FAIL.text, *_FAIL.arguments(task_id=claim.task_id, epoch=claim.epoch, error=error, pause=pause)
    )
    return None if state is None else TaskState(state)


async def cancelled(driver: Driver, claim: Claim) -> bool:
    """Records that a task was ended because somebody cancelled it; False where the claim does not hold any more, and
    that is not recorded already.
    """
    done = await driver.execute(
        "UPDATE tasks SET state = 'cancelled', ended_at = coalesce(ended_at, now()), owner = NULL, lease_until = NULL"
        " WHERE task_id = $1 AND epoch = $2 AND state IN ('running', 'cancelled')",
        claim.task_id,
        claim.epoch,
    )
    return done.endswith(" 1")


async def hand_back(driver: Driver, owner: str) -> int:
    """Queues the tasks again that a worker has, as if they had not been begun, and returns how many.

    Those that somebody has asked to end are cancelled.
    """
    done = await driver.execute(
        "UPDATE tasks SET state = CASE WHEN cancel_requested THEN 'cancelled' ELSE 'queued' END,"
        " ended_at = CASE WHEN cancel_requested THEN now() END, attempts = attempts - 1, run_at = now(), owner = NULL,"
        " lease_until = NULL WHERE owner = $1 AND state = 'running'",
        owner,
    )
    return int(done.rpartition(" ")[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """How many tasks were taken from their workers, and those of them that had all their tries."""

    tasks: int
    failed: Sequence[FailedTask]


async def expire(driver: Driver) -> Expired:
    """Takes every task whose lease is over from its worker: it is queued again, dead if it had all its tries, or
    cancelled if somebody asked for that.
    """
    rows = await driver.fetch(_EXPIRE.text, *_EXPIRE.arguments(error="its worker was gone: the lease ran out"))
    dead = [dict(row) for row in rows if row["state"] == TaskState.DEAD]
    failed = [FailedTask(**{name: one[name] for name in FailedTask.__dataclass_fields__}) for one in dead]
    return Expired(tasks=len(rows), failed=failed)


def _claim(row: asyncpg.Record) -> Claim:
    values = dict(row)
    del values["behind"]
    values["payload"], values["last"] = loads(values["payload"]), loads(values["last"])
    return Claim(**values)
