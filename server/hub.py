"""Hubs: one per organization that somebody on this server watches, shared by all who do.

A hub follows the organization's revisions in PostgreSQL, in order. Signals only tell it to look; without them it looks
every second. Subscribers pull: each takes the newest state, or the updates after the revision where it stands, whenever
it is ready, so that a reader that is slow costs no memory here.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from server import errors, snapshots
from server.errors import Reason, Refused
from server.events import Event
from server.realtime import Part, State, View, day_of
from server.signals import Signals
from server.store import rollups, updates
from server.store.database import Connection, Database
from server.store.updates import Standing, Update

LOOK_SECONDS = 1.0
_SHORTEST_REST, _LONGEST_REST = 0.05, 0.2  # seconds between two looks
_CATCH_UP_REVISIONS = 2000  # further behind, a new snapshot is cheaper
_KEPT_UPDATES, _KEPT_EVENTS = 512, 20_000
_log = structlog.get_logger(__name__)

Encode = Callable[[State, int, datetime, str], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A state as it goes out. version goes up whenever there is something new to see."""

    version: int
    revision: int
    state: State
    encoded: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """An update with its raw events, as far as they are still kept."""

    update: Update
    events: Sequence[Event]


@dataclass(slots=True, kw_only=True)
class _Watched:
    view: View
    published: Published
    intervals: list[float]  # of those who watch, in seconds


class Hub:
    """Follows one organization."""

    def __init__(
        self, database: Database, signals: Signals, encode: Encode, *, organization_id: int, time_zone: str
    ) -> None:
        self._database = database
        self._signals = signals
        self._encode = encode
        self._organization_id = organization_id
        self._time_zone = time_zone
        self._views: dict[Part, _Watched] = {}
        self._recent: deque[Batch] = deque()
        self._kept_events = 0
        self._looking = asyncio.Lock()
        self._news = asyncio.Condition()
        self._follower: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        self._readers = 0
        self.revision = 0

    async def start(self) -> None:
        """Finds out where the organization stands, and follows it from there."""
        async with self._database.snapshot() as connection:
            self.revision = (await rollups.as_of(connection, self._organization_id)).revision
        self._woken = self._signals.listen(self._organization_id)
        self._follower = asyncio.create_task(self._follow())

    def wake(self) -> None:
        """Makes everybody who waits for news look up."""
        self._woken.set()

    async def stop(self) -> None:
        """Ends following."""
        self._signals.forget(self._organization_id)
        if self._follower is not None:
            self._follower.cancel()
            await asyncio.gather(self._follower, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def watching(self, part: Part, interval: float) -> AsyncIterator[None]:
        """Keeps the state of a part up to date, for somebody who looks every so many seconds."""
        async with self._looking:
            if part not in self._views:
                self._views[part] = await self._build(part)
            watched = self._views[part]
            watched.intervals.append(interval)
        try:
            yield
        finally:
            watched.intervals.remove(interval)
            if not watched.intervals:
                self._views.pop(part, None)

    def published(self, part: Part) -> Published:
        """The newest state of a part that is being watched."""
        return self._views[part].published

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Keeps recent updates at hand, for somebody who reads them all."""
        self._readers += 1
        try:
            yield
        finally:
            self._readers -= 1

    async def news(self, seconds: float) -> None:
        """Returns when there may be something new, or after that time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._news:
                await self._news.wait()

    async def position(self, resumed: int | None) -> int:
        """Where a reader begins: after the revision that its token names, or after the newest one."""
        async with self._database.snapshot() as connection:
            newest = (await rollups.as_of(connection, self._organization_id)).revision
        if resumed is None:
            return newest
        if resumed > newest:
            raise Refused(
                Reason.FUTURE_REVISION,
                "resume_after is of a revision that has not been yet",
                field="resume_after",
                metadata={"revision": str(newest)},
            )
        return resumed

    async def updates_after(self, revision: int, limit: int) -> Sequence[Batch]:
        """The updates after a revision, in order and without a gap; Refused where some are not kept any more."""
        if revision >= self.revision:
            return ()
        if self._recent and self._recent[0].update.revision <= revision + 1:
            return [one for one in self._recent if one.update.revision > revision][:limit]
        async with self._database.snapshot() as connection:
            found = await updates.after(connection, self._organization_id, revision, limit)
            if not found or found[0].revision != revision + 1:
                window = await updates.window(connection, self._organization_id)
                raise Refused(
                    Reason.COMPACTED,
                    "the updates after this token are not kept any more; read the figures anew",
                    field="resume_after",
                    metadata={"oldest_revision": str(window.oldest)},
                )
            return await self._with_events(connection, found)

    async def _with_events(self, connection: Connection, found: Sequence[Update]) -> list[Batch]:
        if not found:
            return []
        first, last = found[0].revision, found[-1].revision
        events = await updates.events_between(connection, self._organization_id, first, last)
        return [Batch(update=one, events=events.get(one.revision, ())) for one in found]

    async def _follow(self) -> None:
        away = False
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), LOOK_SECONDS)
            self._woken.clear()
            try:
                async with self._looking:
                    await self._look()
                away = False
            except errors.StorageUnavailable as error:
                if not away:
                    _log.warning("storage unavailable; subscriptions wait", error=str(error))
                away = True
            except Exception:  # noqa: BLE001 - whoever watches is not left without a hub
                _log.exception("following an organization failed; it goes on", organization_id=self._organization_id)
            async with self._news:
                self._news.notify_all()
            await asyncio.sleep(self._rest())

    def _rest(self) -> float:
        """How long to gather what arrives, so that a burst of commits costs a few looks and nobody waits for long."""
        shortest = min((one for watched in self._views.values() for one in watched.intervals), default=_LONGEST_REST)
        return min(max(shortest / 4, _SHORTEST_REST), _LONGEST_REST)

    async def _look(self) -> None:
        """Takes what is new, in the order of revisions, and publishes what there is to see now."""
        async with self._database.snapshot() as connection:
            as_of = await rollups.as_of(connection, self._organization_id)
            fresh = await self._read(connection, as_of.revision - self.revision)
            standings = await self._standings(connection, fresh or ())
        today = day_of(as_of.at, self._time_zone)
        if not fresh and as_of.revision != self.revision:
            self._forget()  # what is kept has no gap
        if fresh is None or any(watched.view.today != today for watched in self._views.values()):
            for watched in self._views.values():
                await self._rebuild(watched)
        else:
            for watched in self._views.values():
                for batch in fresh:
                    watched.view.apply(batch.update.revision, batch.events, as_of.at)
                watched.view.stand(standings)
                self._publish(watched, as_of.at)
        self._keep(fresh or ())
        self.revision = as_of.revision
        for watched in self._views.values():
            one = watched.published
            self._signals.leave_state(self._organization_id, watched.view.part, one.revision, one.encoded)

    async def _read(self, connection: Connection, behind: int) -> list[Batch] | None:
        """The updates since the last look; None where they cannot be taken one by one any more."""
        if not 0 <= behind <= _CATCH_UP_REVISIONS:
            return None
        if not behind or not (self._views or self._readers):
            return []
        found = await updates.after(connection, self._organization_id, self.revision, behind)
        return await self._with_events(connection, found) if len(found) == behind else None

    async def _standings(self, connection: Connection, fresh: Sequence[Batch]) -> Mapping[bytes, Standing]:
        keys = snapshots.conversations(event for batch in fresh for event in batch.events) if self._views else set()
        return await updates.standings(connection, self._organization_id, keys) if keys else {}

    def _keep(self, fresh: Sequence[Batch]) -> None:
        if not self._readers:
            self._forget()
            return
        for batch in fresh:
            self._recent.append(batch)
            self._kept_events += len(batch.events)
        while len(self._recent) > _KEPT_UPDATES or self._kept_events > _KEPT_EVENTS:
            self._kept_events -= len(self._recent.popleft().events)

    def _forget(self) -> None:
        self._recent.clear()
        self._kept_events = 0

    async def _build(self, part: Part) -> _Watched:
        async with self._database.snapshot() as connection:
            view, as_of = await snapshots.view(connection, self._organization_id, self._time_zone, part)
        state = view.state(as_of.at)
        encoded = self._encode(state, view.revision, as_of.at, self._time_zone)
        published = Published(version=1, revision=view.revision, state=state, encoded=encoded)
        return _Watched(view=view, published=published, intervals=[])

    async def _rebuild(self, watched: _Watched) -> None:
        """Begins anew from a snapshot: after a long absence, and at the organization's midnight."""
        async with self._database.snapshot() as connection:
            view, as_of = await snapshots.view(connection, self._organization_id, self._time_zone, watched.view.part)
        watched.view = view
        self._publish(watched, as_of.at)

    def _publish(self, watched: _Watched, at: datetime) -> None:
        state, old = watched.view.state(at), watched.published
        if state == old.state and watched.view.revision == old.revision:
            return
        watched.published = Published(
            version=old.version + (state != old.state),
            revision=watched.view.revision,
            state=state,
            encoded=self._encode(state, watched.view.revision, at, self._time_zone),
        )


class Hubs:
    """The hubs of this server: made with the first subscriber of an organization, gone with the last."""

    def __init__(self, database: Database, signals: Signals, encode: Encode, *, limit: int, limit_each: int) -> None:
        self._database = database
        self._signals = signals
        self._encode = encode
        self._limit = limit
        self._limit_each = limit_each
        self._hubs: dict[int, tuple[Hub, int]] = {}
        self._starting = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def subscribed(self, organization_id: int, time_zone: str) -> AsyncIterator[Hub]:
        """The organization's hub, for as long as one subscription lasts; refuses more than the limits."""
        self._check(organization_id)
        async with self._starting:
            if organization_id not in self._hubs:
                hub = Hub(
                    self._database, self._signals, self._encode, organization_id=organization_id, time_zone=time_zone
                )
                await hub.start()
                self._hubs[organization_id] = (hub, 0)
            hub, users = self._hubs[organization_id]
            self._hubs[organization_id] = (hub, users + 1)
        try:
            yield hub
        finally:
            hub, users = self._hubs[organization_id]
            self._hubs[organization_id] = (hub, users - 1)
            if users == 1:
                del self._hubs[organization_id]
                await hub.stop()

    def wake(self) -> None:
        """Makes every subscription look up."""
        for hub, _ in self._hubs.values():
            hub.wake()

    def _check(self, organization_id: int) -> None:
        each = self._hubs[organization_id][1] if organization_id in self._hubs else 0
        total = sum(users for _, users in self._hubs.values())
        for count, limit, whose in ((each, self._limit_each, "organization"), (total, self._limit, "server")):
            if count >= limit:
                raise Refused(
                    Reason.SUBSCRIPTION_LIMIT,
                    f"too many subscriptions of this {whose}",
                    metadata={"limit": str(limit)},
                    retry_after=5.0,
                )

    async def state(self, organization_id: int, time_zone: str, part: Part) -> bytes:
        """The encoded state of a part: from Redis, else from a snapshot that is then left there."""
        found = await self._signals.load_state(organization_id, part)
        if found is not None:
            return found
        async with self._database.snapshot() as connection:
            view, as_of = await snapshots.view(connection, organization_id, time_zone, part)
        encoded = self._encode(view.state(as_of.at), view.revision, as_of.at, time_zone)
        self._signals.leave_state(organization_id, part, view.revision, encoded)
        return encoded
