"""Tasks under way in this process: each runs its kind's function while its lease is renewed.

Its outcome is recorded under the epoch of its claim, and so once, even where a worker that was taken for dead comes
back.
"""

import asyncio
import enum
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

import structlog

from server import errors, failpoints, telemetry, tracing
from server.store import claims
from server.store.claims import Claim
from server.store.database import Database, Driver
from server.store.isolation import EVERY
from server.store.tasks import FailedTask, TaskState
from server.tasks.kinds import UNFINISHED, Kind, Kinds, Result, Work

LEASE = timedelta(seconds=30)  # as long as a dead worker's task waits
_BEATS = 6  # renewals in the time of a lease
_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(hours=1)
_RECORD_AGAIN_SECONDS = 1.0
_STOP_SECONDS = 3.0  # for tasks that are about to end
_T = TypeVar("_T")
_log = structlog.get_logger(__name__)


class _End(enum.Enum):
    """Why a task is ended before it is done."""

    CANCELLED = enum.auto()  # somebody asked for it
    LOST = enum.auto()  # its claim does not hold any more
    STOPPED = enum.auto()  # this process is going to stop


@dataclass(slots=True, kw_only=True, eq=False)
class Execution:
    """A task under way. result: what it returned, None where it has not or where that did not count."""

    claim: Claim
    kind: Kind
    work: Work
    renewed_at: float
    is_over: bool = False  # its function has ended, and what became of it is being recorded
    end: _End | None = None
    running: "asyncio.Task[None]" = field(init=False)
    result: Result | None = None


class Executions:
    """The tasks under way in this process. on_end is called whenever one has ended."""

    def __init__(self, database: Database, kinds: Kinds, on_end: Callable[[], None], lease: timedelta = LEASE) -> None:
        self._database = database
        self._kinds = kinds
        self._on_end = on_end
        self._lease = lease
        self._beat = lease.total_seconds() / _BEATS
        self._all: set[Execution] = set()

    def count(self, *, is_long: bool) -> int:
        """Returns how many tasks are under way, of long kinds or of short ones, without those that have own slots."""
        return sum(one.kind.is_long is is_long and not one.kind.own_slots for one in self._all)

    def count_of(self, kind: Kind) -> int:
        """Returns how many tasks of a kind are under way."""
        return sum(one.kind.name == kind.name for one in self._all)

    def start(self, claim: Claim) -> Execution:
        """Begins a task that was claimed."""
        work = Work(
            database=self._database,
            task_id=claim.task_id,
            organization_id=claim.organization_id,
            payload={name: value for name, value in claim.payload.items() if name != tracing.CARRIED},
            now=claim.at,
            period=claim.period,
            last=claim.last,
            is_last_try=claim.attempts >= claim.tries,
        )
        one = Execution(claim=claim, kind=self._kinds[claim.kind], work=work, renewed_at=time.monotonic())
        self._all.add(one)
        one.running = asyncio.create_task(self._run(one))
        one.running.add_done_callback(lambda _: self._forget(one))  # also where it is cancelled before it has begun
        return one

    async def keep_leases(self) -> None:
        """Renews the leases of the tasks under way, and ends those that were cancelled or lost. Has no end."""
        while True:
            await asyncio.sleep(self._beat)
            await self.renew()

    async def renew(self) -> None:
        """Renews the leases once, or leaves it to the next time where the database does not answer in time."""
        begun, underway = time.monotonic(), list(self._all)
        if not underway:
            return
        try:
            # On a link that is silent a statement has no end, and leases are over long before its connection is cut.
            async with asyncio.timeout(self._beat), self._database.transaction(of=EVERY) as driver:
                held = await claims.renew(driver, [(one.claim, one.work.progress) for one in underway], self._lease)
        except (errors.StorageUnavailable, TimeoutError):
            held = None
        # By epoch, too: this process may have taken over a task that it has under way from before.
        cancelled = {(one.task_id, one.epoch): one.cancel_requested for one in held or ()}
        for one in underway:
            claim = (one.claim.task_id, one.claim.epoch)
            if claim in cancelled:
                one.renewed_at = begun
                if cancelled[claim]:
                    _stop(one, _End.CANCELLED)
            elif held is not None or time.monotonic() - one.renewed_at > self._lease.total_seconds():
                _stop(one, _End.LOST)

    async def stop(self) -> None:
        """Leaves tasks a moment to end, and ends the others, of which nothing is recorded."""
        running = [one.running for one in self._all]
        if running:
            await asyncio.wait(running, timeout=_STOP_SECONDS)
        left = [one for one in self._all if not one.is_over]
        for one in left:
            _stop(one, _End.STOPPED)
        await asyncio.gather(*running, return_exceptions=True)

    async def _run(self, one: Execution) -> None:
        """Runs a task and records what becomes of it."""
        try:
            with tracing.work(f"task {one.kind.name}", one.claim.payload.get(tracing.CARRIED)):
                outcome = await self._outcome(one)
        except Exception as error:  # noqa: BLE001 - nobody else would see it
            outcome = "unrecorded"
            _log.error(
                "what became of a task could not be recorded; it is tried again once its lease is over",
                kind=one.kind.name,
                task_id=one.claim.task_id,
                error=errors.describe(error),
            )
        telemetry.TASK_RUNS.labels(one.kind.name, outcome).inc()
        if outcome == "lost":
            _log.warning("another worker has taken a task over", kind=one.kind.name, task_id=one.claim.task_id)

    def _forget(self, one: Execution) -> None:
        self._all.discard(one)
        self._on_end()

    async def _outcome(self, one: Execution) -> str:
        """Returns what has become of a task, once it is recorded."""
        limit = asyncio.timeout(one.kind.timeout.total_seconds())
        try:
            with telemetry.TASK_SECONDS.labels(one.kind.name).time():
                async with limit:
                    result = await one.kind.run(one.work)
        except asyncio.CancelledError:
            if one.end is _End.CANCELLED:
                one.is_over = True
                return "cancelled" if await self._record(lambda driver: claims.cancelled(driver, one.claim)) else "lost"
            if one.end is _End.LOST:
                return "lost"
            if one.end is _End.STOPPED:
                return "handed_back"
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is: recorded, logged without its text and tried again
            one.is_over = True
            seconds = one.kind.timeout.total_seconds()
            return await self._fail(
                one, f"took longer than {seconds:g} s" if limit.expired() else errors.describe(error)
            )
        one.is_over = True
        failpoints.reach("task_after_work")
        return await self._finish(one, result)

    async def _finish(self, one: Execution, result: Result) -> str:
        more = bool(result.get(UNFINISHED))
        try:
            held = await self._record(lambda driver: claims.finish(driver, one.claim, result, more=more))
        except (errors.StorageRejected, TypeError, ValueError, RecursionError):
            return await self._fail(one, "its result cannot be stored")
        if not held:
            return "lost"
        one.result = result
        _publish(one.kind, result)
        return "unfinished" if more else "done"

    async def _fail(self, one: Execution, error: str) -> str:
        pause = retry_in(one.claim.attempts)
        try:
            state = await self._record(lambda driver: self._failed(driver, one.claim, error, pause))
        except errors.StorageRejected:
            error = "its error cannot be stored"
            state = await self._record(lambda driver: self._failed(driver, one.claim, error, pause))
        if state is None:
            return "lost"
        about = {"kind": one.kind.name, "task_id": one.claim.task_id, "error": error, "attempts": one.claim.attempts}
        if state is TaskState.QUEUED:
            _log.warning("a task failed and is tried again", **about, again_in_seconds=round(pause.total_seconds()))
            return "failed"
        _log.error("a task failed for good", **about)
        return state.value

    async def _failed(self, driver: Driver, claim: Claim, error: str, pause: timedelta) -> TaskState | None:
        """Records a failure, and tells of it in the same transaction if it is for good."""
        state = await claims.fail(driver, claim, error, pause)
        if state is TaskState.DEAD:
            about = {name: getattr(claim, name) for name in ("task_id", "epoch", "kind", "organization_id", "attempts")}
            await self._kinds.on_failed(driver, [FailedTask(**about, error=error)])
        return state

    async def _record(self, record: Callable[[Driver], Awaitable[_T]]) -> _T | None:
        """Returns what the database says of an outcome; None where it stays away for as long as a lease."""
        deadline = time.monotonic() + self._lease.total_seconds()
        while True:
            try:
                async with self._database.transaction(of=EVERY) as driver:
                    return await record(driver)
            except errors.StorageUnavailable:
                if time.monotonic() > deadline:
                    return None
            await asyncio.sleep(_RECORD_AGAIN_SECONDS)


def _publish(kind: Kind, result: Result) -> None:
    """Shows Prometheus a result; the task is done whether or not that works."""
    try:
        if kind.publish is not None:
            kind.publish(result)
    except Exception as error:  # noqa: BLE001 - a function of a kind; the next run may do better
        _log.error("the result of a task could not be published", kind=kind.name, error=errors.describe(error))


def _stop(one: Execution, why: _End) -> None:
    """Ends a task's function, unless it has ended by itself."""
    if not one.is_over:
        one.end = one.end or why
        one.running.cancel()


def retry_in(attempts: int, dice: Callable[[], float] = random.random) -> timedelta:
    """Returns the pause after so many tries: it doubles with each, within bounds, and then half of it is chance."""
    doubled = min(_FIRST_PAUSE * int(2 ** min(attempts - 1, 20)), _LONGEST_PAUSE)
    return doubled * (0.5 + dice())
