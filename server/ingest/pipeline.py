"""Ingest: concurrent calls share transactions, and every event gets its own result.

No call waits for others to come: one that finds nothing under way is written at once, and whatever arrives while
transactions are under way makes the next ones. So they grow with the load and an idle service adds no wait.
"""

import asyncio
import contextlib
import functools
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from server import errors, log_throttle, telemetry, tracing
from server.admission.event_loop import Arrivals
from server.admission.quotas import Quotas
from server.broadcast import Broadcast
from server.catalog import slots
from server.catalog.slots import Recency
from server.clock import Clock
from server.errors import Reason, Refused
from server.events import rules
from server.events.event import Event
from server.ingest import results, write
from server.ingest.results import Submission, WriteOutcome
from server.ingest.scheduler import OrganizationQueue, Scheduler, TakenCalls, WaitingCall, WriteBatch
from server.ingest.write import Committed, OrganizationEvents, Step
from server.rollups import member_numbers
from server.rollups.erased_users import Digest
from server.rollups.member_numbers import NumberCache
from server.store.database import Database
from server.tenancy.limits import OrganizationLimits

_LONG_BATCH = 50  # events, from which on preparing and sending them keeps the event loop busy for long
_BACKOFF_TIMES = 3  # times the length of its transaction, for which a backlogged organization backs off
_LONGEST_BACKOFF = 0.3  # seconds, of each part of a backoff: a backlogged organization gets its turn, too
_STEP_BACKOFF = 0.02  # seconds at most before each step of a backlogged organization's transaction
_GIVE_UP_AFTER = 10.0  # seconds of retrying, after which the caller is asked to retry
_DISTRIBUTED_SLOTS = 1000  # transactions under way or waiting for a connection, where tables are distributed
_NO_LIMITS = OrganizationLimits()


class Ingest:
    """Stores events for all organizations of this process. digest tells which users were erased."""

    def __init__(
        self,
        database: Database,
        arrivals: Arrivals,
        clock: Clock,
        *,
        on_commit: Callable[[int], None],
        concurrency: int,
        distinct: member_numbers.Limits | None = None,
        digest: Digest | None = None,
    ) -> None:
        self._database = database
        self._arrivals = arrivals
        self._clock = clock
        self._numbers = NumberCache(distinct, digest=digest)
        self._on_commit = on_commit
        self.quotas = Quotas(database)
        self._scheduler = Scheduler(concurrency, self._may_join)
        self._short_queues_done = Broadcast()  # notified when only backlogged organizations have work under way
        self._dispatching = False
        self._looking: asyncio.TimerHandle | None = None
        self._running: set[asyncio.Task[None]] = set()
        self.weak = False  # true while the database could lose what is acknowledged
        self._is_distributed = False

    def distribute(self) -> None:
        """Keeps the organizations of one node from waiting for those of another: each has transactions of its own, as
        many at a time as the connections to its node are, and no place that others wait for.
        """
        self._is_distributed = True
        self._scheduler.widen(_DISTRIBUTED_SLOTS)

    def forget(self) -> None:
        """Forgets everything known of the database: after a restore to an earlier point."""
        self._numbers.forget()

    async def submit(
        self, organization_id: int, events: Sequence[Event], limits: OrganizationLimits = _NO_LIMITS
    ) -> Submission:
        """Stores events and returns when they are durable. Cancelling the caller does not cancel the transaction.

        Refused, and nothing stored, where they do not fit into the organization's events of the month.
        """
        if not events:
            return Submission(results=(), revision=0)
        if self.weak:
            raise Refused(Reason.DURABILITY_WEAK, "the database is not set up to be durable", retry_after=5.0)
        call = WaitingCall(
            events=events,
            since=time.monotonic(),
            done=asyncio.get_running_loop().create_future(),
            span=tracing.current(),
        )
        self._scheduler.add(organization_id, limits, call)
        telemetry.PENDING_EVENTS.inc(len(events))
        self._dispatch_soon()
        return await call.done

    def expected_wait(self, organization_id: int) -> float:
        """Returns for how many seconds one more call of the organization would wait for its transaction to begin."""
        queue = self._scheduler.get(organization_id)
        if queue is None or not queue.waiting:
            return 0.0
        return max(
            time.monotonic() - queue.waiting[0].since,
            queue.pace * (1 + queue.events / self._scheduler.batch_limit(queue)),
        )

    async def back_off(self, organization_id: int) -> None:
        """Waits for up to 20 ms if this organization is backlogged, another one has work in flight, and a transaction
        slot is free.
        """
        if self._must_back_off(organization_id):
            await self._short_queues_done.wait(_STEP_BACKOFF)

    def _must_back_off(self, organization_id: int) -> bool:
        """True where an organization is backlogged, another one has work in flight, and a transaction slot is free."""
        return (
            self._scheduler.has_room
            and self._scheduler.has_short_queues
            and self._scheduler.is_backlogged(organization_id)
        )

    @contextlib.asynccontextmanager
    async def _step(self, organization_id: int, waits: "_Stopwatch") -> AsyncIterator[None]:
        """Backs off and yields to the event loop before a step of long work; adds the seconds of that to `waits`."""
        with waits:
            await self.back_off(organization_id)
            await self._arrivals.yield_to_calls()
        with self._arrivals.busy():
            yield

    async def _back_off(self, queue: OrganizationQueue, seconds: float) -> None:
        """Pauses after a transaction of a backlogged organization while others have work in flight.

        The pause is three times as long as the transaction, so that the others have most of the processors' time; it
        then lasts until they are done.
        """
        if not self._must_back_off(queue.organization_id):
            return
        self._scheduler.back_off(queue)  # organizations that back off do not wait for each other
        try:
            self._notify_if_done()
            await asyncio.sleep(min(_BACKOFF_TIMES * seconds, _LONGEST_BACKOFF))
            if self._scheduler.has_room and self._scheduler.has_short_queues:
                await self._short_queues_done.wait(_LONGEST_BACKOFF)
        finally:
            self._scheduler.resume(queue)

    def _notify_if_done(self) -> None:
        if not self._scheduler.has_short_queues:
            self._short_queues_done.notify_all()

    async def drain(self) -> None:
        """Returns once no call waits or is being written."""
        self._dispatch()
        while self._running:
            await asyncio.wait(self._running)

    def _may_join(self, queue: OrganizationQueue) -> bool:
        """True where the events of an organization probably fit into its month, and its transaction may be that of
        others: over several nodes it would have two phases, and a node that is away would be in everybody's way.
        """
        return (
            not self._is_distributed and self.quotas.refusal(queue.organization_id, queue.limits.monthly_events) is None
        )

    def _dispatch_soon(self) -> None:
        """Begins transactions once all the calls that have just come in are queued."""
        if not self._dispatching:
            self._dispatching = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def _dispatch(self) -> None:
        self._dispatching = False
        while (batch := self._scheduler.next()) is not None:
            task = asyncio.create_task(self._store_group(batch) if batch.is_group else self._store_one(batch))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        patience = self._scheduler.seconds_to_next_group()
        if patience is not None and self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(patience, self._look_again)

    def _look_again(self) -> None:
        self._looking = None
        self._dispatch()

    @contextlib.asynccontextmanager
    async def _transaction(self, batch: WriteBatch) -> AsyncIterator[None]:
        """Stores a batch in the block; then its slot is free, and the next transactions begin."""
        try:
            yield
        finally:
            gather = self._scheduler.done(batch)
            self._notify_if_done()
            self._dispatch()
        if gather:
            try:
                await self._arrivals.let_calls_in()
            finally:
                self._scheduler.gathered()
                self._dispatch()

    async def _store_group(self, batch: WriteBatch) -> None:
        """Stores the events of a group and answers the calls. Calls that are not stored are queued again, to be
        stored by themselves.
        """
        async with self._transaction(batch):
            begun = time.monotonic()
            traced = tracing.on_behalf_of("ingest", (call.span for one in batch.taken for call in one.calls))
            parts = [_part(taken, taken.events) for taken in batch.taken]
            stored: Mapping[int, Committed] = {}
            try:
                with telemetry.COMMIT_SECONDS.time(), traced:
                    stored = await write.store(self._database, self._numbers, parts, self._recency())
                telemetry.BATCH_EVENTS.observe(sum(len(one.events) for one in parts))
            except (errors.StorageUnavailable, errors.StorageRejected, errors.QuotaExceeded) as error:
                telemetry.COMMIT_RETRIES.inc()
                log_throttle.write("info", "a group is stored one by one", str(error), reason=str(error))
            except Exception as error:  # noqa: BLE001 - every caller gets an answer, whatever happened
                log_throttle.write("error", "a group could not be stored", error=error)
            finally:
                for part in parts:
                    self._on_commit(part.organization_id)  # also if the answer to a commit was lost
            for taken, part in zip(batch.taken, parts, strict=True):
                if (committed := stored.get(part.organization_id)) is None:
                    self._scheduler.put_back(taken, begun)
                else:
                    self._answer(taken.calls, _outcome(committed, part.events))
                    telemetry.PENDING_EVENTS.dec(taken.size)

    async def _store_one(self, batch: WriteBatch) -> None:
        """Stores the calls of one organization and answers each; nothing that happens escapes to the runner."""
        (taken,) = batch.taken
        queue, calls = taken.queue, taken.calls
        is_long, waits = taken.size >= _LONG_BATCH, _Stopwatch()
        step = functools.partial(self._step, queue.organization_id, waits) if is_long else write.at_once
        async with self._transaction(batch):
            begun = time.monotonic()
            try:
                while calls := await self._fitting(queue, calls):
                    try:
                        with tracing.on_behalf_of("ingest", (call.span for call in calls)):
                            outcome = await self._write(taken, calls, step)
                    except errors.QuotaExceeded as exceeded:
                        # Nothing of the batch is stored. Each call by itself may fit.
                        self.quotas.note(queue.organization_id, exceeded)
                    else:
                        async with step():
                            self._answer(calls, outcome)
                        break
            except Refused as refusal:
                _fail(calls, refusal)
            except Exception as error:  # noqa: BLE001 - every caller gets an answer, whatever happened
                log_throttle.write("error", "ingest failed", error=error, organization_id=queue.organization_id)
                _fail(calls, None)
            finally:
                telemetry.PENDING_EVENTS.dec(taken.size)
            if is_long:
                await self._back_off(queue, time.monotonic() - begun - waits.seconds)

    async def _write(self, taken: TakenCalls, calls: Sequence[WaitingCall], step: Step) -> WriteOutcome:
        """Writes the events of calls; what the database refuses is halved to find the culprit.

        Tries again and again while the database is away, for a limited time.
        """
        async with step():
            whole = _part(taken, [event for call in calls for event in call.events])
        organization_id, outcome, waiting = whole.organization_id, WriteOutcome(), [whole]
        try:
            while waiting:
                part = waiting.pop()
                try:
                    committed = await self._commit(taken, part, step)
                except errors.QuotaExceeded:
                    if part is whole:
                        raise
                    # Other parts may be stored.
                    outcome.refused.update((event.event_key, results.OVER_QUOTA) for event in part.events)
                except errors.StorageRejected as error:
                    if len(part.events) > 1:
                        waiting += reversed(part.halves())
                        continue
                    who = organization_id
                    log_throttle.write("error", "the database refused an event", who, error=error, organization_id=who)
                    outcome.refused[part.events[0].event_key] = results.REFUSED
                else:
                    async with step():
                        outcome.add(committed, part.events)
        finally:
            self._on_commit(organization_id)  # also if the answer to a commit was lost
        return outcome

    async def _fitting(self, queue: OrganizationQueue, calls: Sequence[WaitingCall]) -> list[WaitingCall]:
        """The calls that fit into the events of the month as far as they are known; answers the others."""
        organization_id, limit = queue.organization_id, queue.limits.monthly_events
        refusal = self.quotas.refusal(organization_id, limit)
        if refusal is None:
            return list(calls)
        try:
            fits = await self.quotas.fitting(organization_id, limit, [call.events for call in calls])
        except errors.StorageUnavailable as error:
            raise _unavailable() from error
        _fail([call for call, fit in zip(calls, fits, strict=True) if not fit], refusal)
        return [call for call, fit in zip(calls, fits, strict=True) if fit]

    def _answer(self, calls: Sequence[WaitingCall], outcome: WriteOutcome) -> None:
        found = outcome.results([event for call in calls for event in call.events])
        position = 0
        for call in calls:
            mine = found[position : position + len(call.events)]
            position += len(call.events)
            if not call.done.done():
                call.done.set_result(Submission(results=mine, revision=outcome.revision_of(mine)))
        results.count(found)

    async def _commit(self, taken: TakenCalls, part: OrganizationEvents, step: Step) -> Committed:
        """Stores a part, again and again while the database is away, for a limited time."""
        give_up_at, pause = (taken.tried_since or time.monotonic()) + _GIVE_UP_AFTER, 0.02
        while True:
            try:
                with telemetry.COMMIT_SECONDS.time():
                    stored = await write.store(self._database, self._numbers, [part], self._recency(), step=step)
            except errors.StorageUnavailable as error:
                telemetry.COMMIT_RETRIES.inc()
                if time.monotonic() + pause > give_up_at:
                    log_throttle.write("warning", "storage unavailable", str(error), reason=str(error))
                    raise _unavailable() from error
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
                pause = min(pause * 2, 1.0)
            else:
                telemetry.BATCH_EVENTS.observe(len(part.events))
                return stored[part.organization_id]

    def _recency(self) -> Recency:
        return slots.recency(rules.microseconds(self._clock.now()))


class _Stopwatch:
    """Adds up the seconds of its blocks, which do not overlap."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._begun = 0.0

    def __enter__(self) -> "_Stopwatch":
        self._begun = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds += time.monotonic() - self._begun


def _part(taken: TakenCalls, events: Sequence[Event]) -> OrganizationEvents:
    """Returns events of calls as they are written: each once, sorted by key."""
    return OrganizationEvents(
        organization_id=taken.queue.organization_id,
        events=list(results.distinct(events).values()),
        quota=taken.queue.limits.monthly_events,
        refuses_erased=taken.queue.limits.refuses_erased_users,
    )


def _outcome(committed: Committed, events: Sequence[Event]) -> WriteOutcome:
    outcome = WriteOutcome()
    outcome.add(committed, events)
    return outcome


def _unavailable() -> Refused:
    return Refused(
        Reason.STORAGE_UNAVAILABLE, "the database cannot be reached; send the same events again", retry_after=1.0
    )


def _fail(calls: Sequence[WaitingCall], refusal: Refused | None) -> None:
    """Answers calls with a refusal, or with a fault of the server where there is none."""
    for call in calls:
        if not call.done.done():
            call.done.set_exception(refusal.again() if refusal else RuntimeError("the events could not be stored"))
