"""Ingest: concurrent calls of one organization share transactions, and every event gets its own result.

There is no timer: a call that finds its organization idle is written at once, and whatever arrives while a transaction
is under way makes the next batch. So batches grow with the load and an idle service adds no wait.
"""

import asyncio
import enum
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog

from server import errors, numbers, telemetry
from server.commit import Committed, commit
from server.errors import Reason, Refused, Rejection
from server.events import Event, Warning
from server.fairness import FairSlots
from server.limits import Limits
from server.numbers import NumberCache
from server.quotas import Quotas
from server.store.database import Database

MAX_BATCH_EVENTS = 1000
# Events that have to wait for a second batch of an organization to be prepared and sent while the first one commits:
# its revision waits for that commit, so that fewer had better come with the next batch.
_WORTH_PREPARING = 100
_WARY_BATCHES = 20  # a wrong guess costs about what a right one saves on two batches
_GIVE_UP_AFTER = 10.0  # seconds of trying again before the caller is told to
_NO_LIMITS = Limits()
_log = structlog.get_logger(__name__)


class Status(enum.Enum):
    """What became of an event."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"


class Result(NamedTuple):
    """What became of one event, for its sender."""

    event_id: str
    status: Status
    rejection: Rejection | None
    warnings: tuple[Warning, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """The results of a call's events in their order, and the highest revision that holds one of them (0: none)."""

    results: Sequence[Result]
    revision: int


@dataclass(slots=True, kw_only=True)
class _Waiter:
    events: Sequence[Event]
    since: float
    done: "asyncio.Future[Submission]"


@dataclass(slots=True, kw_only=True)
class _Lane:
    """The calls of one organization that wait for a transaction."""

    organization_id: int
    limits: Limits
    waiting: deque[_Waiter] = field(default_factory=deque)
    events: int = 0  # that are waiting
    runners: int = 0
    pace: float = 0.0  # seconds that the last batch took, with waiting for its turn


class Ingest:
    """Stores events for all organizations of this process."""

    def __init__(
        self,
        database: Database,
        *,
        on_commit: Callable[[int], None],
        concurrency: int,
        distinct: numbers.Limits | None = None,
    ) -> None:
        self._database = database
        self._numbers = NumberCache(distinct)
        self._on_commit = on_commit
        self.quotas = Quotas(database)
        self._slots = FairSlots(concurrency)
        self._lanes: dict[int, _Lane] = {}
        self._runners: set[asyncio.Task[None]] = set()
        self._repeating: dict[int, int] = {}  # for how many batches duplicates are expected of an organization
        self.weak = False  # true while the database could lose what is acknowledged

    async def submit(self, organization_id: int, events: Sequence[Event], limits: Limits = _NO_LIMITS) -> Submission:
        """Stores events and returns when they are durable. Cancelling the caller does not cancel the transaction.

        Refused, and nothing stored, where they do not fit into the organization's events of the month.
        """
        if not events:
            return Submission(results=(), revision=0)
        if self.weak:
            raise Refused(Reason.DURABILITY_WEAK, "the database is not set up to be durable", retry_after=5.0)
        lane = self._lanes.setdefault(organization_id, _Lane(organization_id=organization_id, limits=limits))
        lane.limits = limits
        done: asyncio.Future[Submission] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(events=events, since=time.monotonic(), done=done)
        lane.waiting.append(waiter)
        lane.events += len(events)
        telemetry.PENDING_EVENTS.inc(len(events))
        if not lane.runners or (lane.runners == 1 and lane.events >= _WORTH_PREPARING):
            lane.runners += 1
            runner = asyncio.create_task(self._run(lane))
            self._runners.add(runner)
            runner.add_done_callback(self._runners.discard)
        return await waiter.done

    def expected_wait(self, organization_id: int) -> float:
        """For how many seconds one more call of the organization would wait for its transaction to begin."""
        lane = self._lanes.get(organization_id)
        if lane is None or not lane.waiting:
            return 0.0
        return max(time.monotonic() - lane.waiting[0].since, lane.pace * (1 + lane.events / MAX_BATCH_EVENTS))

    async def drain(self) -> None:
        """Returns when nothing is waiting or being written any more."""
        while self._runners:
            await asyncio.wait(self._runners)

    async def _run(self, lane: _Lane) -> None:
        try:
            while lane.waiting:
                begun, cost = time.monotonic(), min(MAX_BATCH_EVENTS, lane.events)
                async with self._slots.slot(lane.organization_id, cost=cost, weight=lane.limits.weight):
                    await self._settle(lane, _take(lane))
                lane.pace = time.monotonic() - begun
        finally:
            lane.runners -= 1
            if not lane.runners and not lane.waiting:
                self._lanes.pop(lane.organization_id, None)

    async def _settle(self, lane: _Lane, waiters: Sequence[_Waiter]) -> None:
        """Writes the events of the calls and answers each; nothing that happens escapes to the runner."""
        count = sum(len(waiter.events) for waiter in waiters)
        try:
            while waiters := await self._fitting(lane, waiters):
                try:
                    self._answer(waiters, await self._write(lane, [one for waiter in waiters for one in waiter.events]))
                    break
                except errors.QuotaExceeded as exceeded:
                    # Nothing of the batch is stored. Each call by itself may fit.
                    self.quotas.note(lane.organization_id, exceeded)
        except Refused as refusal:
            _fail(waiters, refusal)
        except Exception:  # noqa: BLE001 - every caller gets an answer, whatever happened
            _log.exception("ingest failed", organization_id=lane.organization_id, events=count)
            _fail(waiters, None)
        finally:
            telemetry.PENDING_EVENTS.dec(count)

    async def _fitting(self, lane: _Lane, waiters: Sequence[_Waiter]) -> list[_Waiter]:
        """The calls that fit into the events of the month as far as they are known; answers the others."""
        organization_id, limit = lane.organization_id, lane.limits.monthly_events
        refusal = self.quotas.refusal(organization_id, limit)
        if refusal is None:
            return list(waiters)
        try:
            fits = await self.quotas.fitting(organization_id, limit, [waiter.events for waiter in waiters])
        except errors.StorageUnavailable as error:
            raise _unavailable() from error
        _fail([waiter for waiter, fit in zip(waiters, fits, strict=True) if not fit], refusal)
        return [waiter for waiter, fit in zip(waiters, fits, strict=True) if fit]

    def _answer(self, waiters: Sequence[_Waiter], outcome: "_Outcome") -> None:
        results = _results([event for waiter in waiters for event in waiter.events], outcome)
        position = 0
        for waiter in waiters:
            mine = results[position : position + len(waiter.events)]
            position += len(waiter.events)
            if not waiter.done.done():
                waiter.done.set_result(Submission(results=mine, revision=outcome.revision_of(mine)))
        count(results)

    async def _write(self, lane: _Lane, events: Sequence[Event]) -> "_Outcome":
        first: dict[bytes, Event] = {}
        for event in events:
            first.setdefault(event.event_key, event)
        outcome = _Outcome(revision=0, fingerprints={}, new=set(), refused={}, overflowed=set())
        try:
            await self._write_distinct(lane, [first[key] for key in sorted(first)], outcome)
        finally:
            self._on_commit(lane.organization_id)  # also where the answer to a commit was lost
        for key in outcome.new:
            outcome.fingerprints[key] = first[key].fingerprint
        return outcome

    async def _write_distinct(
        self, lane: _Lane, events: Sequence[Event], outcome: "_Outcome", *, part: bool = False
    ) -> None:
        """Writes distinct events sorted by key; a batch that the database refuses is split to find the culprit."""
        try:
            outcome.add(await self._commit(lane, events), events)
        except errors.QuotaExceeded:
            if not part:
                raise
            outcome.refused.update((event.event_key, _OVER_QUOTA) for event in events)  # other parts may be stored
        except errors.StorageRejected:
            if len(events) == 1:
                _log.exception("the database refused an event", organization_id=lane.organization_id)
                outcome.refused[events[0].event_key] = _REFUSED
                return
            half = len(events) // 2
            await self._write_distinct(lane, events[:half], outcome, part=True)
            await self._write_distinct(lane, events[half:], outcome, part=True)

    async def _commit(self, lane: _Lane, events: Sequence[Event]) -> Committed:
        """Commits, again and again while the database is away, for a limited time."""
        organization_id, quota = lane.organization_id, lane.limits.monthly_events
        hopeful = self._is_hopeful(organization_id)
        loop = asyncio.get_running_loop()
        give_up_at, pause = loop.time() + _GIVE_UP_AFTER, 0.02
        while True:
            try:
                with telemetry.COMMIT_SECONDS.time():
                    committed = await commit(
                        self._database, self._numbers, organization_id, events, hopeful=hopeful, quota=quota
                    )
            except errors.StorageUnavailable as error:
                telemetry.COMMIT_RETRIES.inc()
                hopeful = False  # the attempt may have succeeded all the same
                if loop.time() + pause > give_up_at:
                    _log.warning("storage unavailable", error=str(error), organization_id=organization_id)
                    raise _unavailable() from error
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
                pause = min(pause * 2, 1.0)
            else:
                telemetry.BATCH_EVENTS.observe(len(events))
                if committed.stored:
                    self._repeating[organization_id] = _WARY_BATCHES
                return committed

    def _is_hopeful(self, organization_id: int) -> bool:
        """True where all events are likely to be new: not for some batches after one that held duplicates."""
        wary = self._repeating.pop(organization_id, 0)
        if wary > 1:
            self._repeating[organization_id] = wary - 1
        return not wary


@dataclass(slots=True, kw_only=True)
class _Outcome:
    """What writing a batch did, in one transaction or several."""

    revision: int
    fingerprints: dict[bytes, int]  # of every event that is stored now
    new: set[bytes]
    refused: dict[bytes, Rejection]
    overflowed: set[bytes]  # those of which a value is counted under cells.OTHER

    def add(self, committed: Committed, events: Sequence[Event]) -> None:
        self.revision = max(self.revision, committed.revision)
        self.fingerprints |= committed.stored
        self.new |= committed.new
        if any(committed.overflow):
            overflowed = {event.event_key for event in events if committed.overflow.holds(event)}
            self.overflowed |= overflowed
            telemetry.OVERFLOWED_EVENTS.inc(len(overflowed & committed.new))

    def revision_of(self, results: Sequence[Result]) -> int:
        return self.revision if any(result.status is Status.ACCEPTED for result in results) else 0


def _unavailable() -> Refused:
    return Refused(
        Reason.STORAGE_UNAVAILABLE, "the database cannot be reached; send the same events again", retry_after=1.0
    )


def _take(lane: _Lane) -> list[_Waiter]:
    """The next calls that fit into one batch; at least one if any waits."""
    taken: list[_Waiter] = []
    events = 0
    while lane.waiting and (not taken or events + len(lane.waiting[0].events) <= MAX_BATCH_EVENTS):
        taken.append(lane.waiting.popleft())
        events += len(taken[-1].events)
    lane.events -= events
    return taken


def _fail(waiters: Sequence[_Waiter], refusal: Refused | None) -> None:
    """Answers calls with a refusal, or with a fault of the server where there is none."""
    for waiter in waiters:
        if not waiter.done.done():
            waiter.done.set_exception(refusal.again() if refusal else RuntimeError("the events could not be stored"))


def count(results: Sequence[Result]) -> None:
    """Counts what became of events, for operators."""
    statuses = [result.status for result in results]
    for status in Status:
        found = statuses.count(status)
        if found:
            telemetry.EVENTS.labels(status.value).inc(found)


_CONFLICT = Rejection(
    reason=Reason.EVENT_ID_CONFLICT,
    message="an event with this event_id and other content is stored; the first one stands",
    field="event_id",
)
_REFUSED = Rejection(reason=Reason.INVALID_VALUE, message="the event holds a value that cannot be stored")
_OVER_QUOTA = Rejection(reason=Reason.EVENT_QUOTA, message="the events of this month are used up")


def _results(events: Sequence[Event], outcome: _Outcome) -> list[Result]:
    results = []
    unclaimed = set(outcome.new)  # the first of several events with a new key is the accepted one
    for event in events:
        key, warnings = event.event_key, event.warnings
        if key in outcome.overflowed:
            warnings = (*warnings, Warning.CARDINALITY_OVERFLOW)
        if (refused := outcome.refused.get(key)) is not None:
            results.append(Result(event.event_id, Status.REJECTED, refused, ()))
        elif outcome.fingerprints[key] != event.fingerprint:
            results.append(Result(event.event_id, Status.REJECTED, _CONFLICT, ()))
        elif key in unclaimed:
            unclaimed.discard(key)
            results.append(Result(event.event_id, Status.ACCEPTED, None, warnings))
        else:
            results.append(Result(event.event_id, Status.DUPLICATE, None, warnings))
    return results
