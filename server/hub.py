"""A hub follows the revisions of one organization that somebody on this server watches, for all who do.

It reads them in PostgreSQL, in order, whenever it is told that there is something new. Subscribers pull: each takes the
newest state, or the updates after the revision where it stands, whenever it is ready, so that a reader that is slow
costs no memory here. A state is worked out when somebody asks for it, once for all who do.
"""

import asyncio
import contextlib
import dataclasses
import itertools
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from server import errors, overflow, snapshots, timerange
from server.errors import Reason, Refused
from server.events import Event
from server.realtime import Part, State, View
from server.signals import Signals
from server.store import rollups, updates
from server.store.database import Connection, Database
from server.store.updates import Standing, Update

MAX_PARTS = 32  # of an organization that are watched at once on this server
_SHORTEST_REST, _LONGEST_REST = 0.05, 0.1  # seconds between two looks
_LEAVE_SECONDS = 0.9  # between two states of a part that are left for other servers
_PAGE_REVISIONS, _PAGE_EVENTS = 2000, 2500  # at a look
_CATCH_UP_PAGES = 4  # further behind, a new snapshot is cheaper
_READER_EVENTS = 1000  # that a reader gets at a time
_KEPT_UPDATES, _KEPT_WEIGHT = 512, 20_000  # weight: events and changed cells
_log = structlog.get_logger(__name__)

Encode = Callable[[State, int, datetime, str], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A state as it goes out. version goes up whenever there is something new to see."""

    version: int
    revision: int
    at: datetime
    state: State
    encoded: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """An update with its raw events, as far as they are still kept. whole: all of them were read, with all they say."""

    update: Update
    events: Sequence[Event]
    whole: bool

    @property
    def weight(self) -> int:
        """What it costs to keep."""
        return len(self.events) + len(self.update.changes)


@dataclass(slots=True, kw_only=True)
class _Watched:
    view: View
    published: Published
    intervals: list[float]  # of those who watch, in seconds
    left_at: float = 0.0  # when its state was last left for other servers, by the loop's clock


class Hub:
    """Follows one organization. builds limits how many views are made from snapshots at once on this server."""

    def __init__(
        self,
        database: Database,
        signals: Signals,
        encode: Encode,
        builds: asyncio.Semaphore,
        *,
        organization_id: int,
        time_zone: str,
    ) -> None:
        self._database = database
        self._signals = signals
        self._encode = encode
        self._builds = builds
        self._organization_id = organization_id
        self._time_zone = time_zone
        self._views: dict[Part, _Watched] = {}
        self._recent: deque[Batch] = deque()
        self._weight = 0
        self._looking = asyncio.Lock()
        self._news = asyncio.Event()  # set, and replaced by another, whenever there may be something new
        self._follower: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        self._is_due, self._has_slid = False, False
        self._pages = 0  # in a row that did not reach the newest revision
        self._readers, self._event_readers = 0, 0
        self._at = timerange.EPOCH  # the database's time, as it was last told
        self._away = False
        self.revision = 0

    async def start(self) -> None:
        """Finds out where the organization stands, and follows it from there."""
        self._signals.listen(self._organization_id, self.look)
        async with self._database.snapshot() as connection:
            as_of = await rollups.as_of(connection, self._organization_id)
        self.revision, self._at = as_of.revision, as_of.at
        self._follower = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Ends following."""
        self._signals.forget(self._organization_id, self.look)
        if self._follower is not None:
            self._follower.cancel()
            await asyncio.gather(self._follower, return_exceptions=True)

    def look(self) -> None:
        """Makes the hub look for new revisions."""
        self._is_due = True
        self._woken.set()

    def tell(self, revision: int, at: datetime) -> None:
        """Tells the hub what the newest revision is, and the time: it looks, or lets its windows slide."""
        if revision != self.revision:
            self.look()
            return
        self._at = max(self._at, at)
        self._has_slid = True
        self._woken.set()

    def wake(self) -> None:
        """Makes everybody who waits for news look up."""
        self._woken.set()

    @contextlib.asynccontextmanager
    async def watching(self, part: Part, interval: float) -> AsyncIterator[None]:
        """Keeps the view of a part up to date, for somebody who looks every so many seconds."""
        async with self._looking:
            if part not in self._views:
                if len(self._views) >= MAX_PARTS:
                    raise Refused(
                        Reason.SUBSCRIPTION_LIMIT,
                        "too many different filters are watched in this organization",
                        field="filter",
                        metadata={"limit": str(MAX_PARTS)},
                        retry_after=5.0,
                    )
                self._views[part] = await self._build(part)
            watched = self._views[part]
            watched.intervals.append(interval)
        try:
            yield
        finally:
            watched.intervals.remove(interval)
            if not watched.intervals:
                self._views.pop(part, None)

    async def undecided(self, part: Part, values: Collection[str]) -> set[str]:
        """Those of the part's values that no event has carried yet; refuses one whose changes go to OTHER."""
        async with self._database.snapshot() as connection:
            return await overflow.undecided(connection, self._organization_id, part.dimension, values)

    def published(self, part: Part) -> Published:
        """The newest state of a part that is being watched."""
        return self._publish(self._views[part])

    @contextlib.contextmanager
    def reading(self, *, include_events: bool) -> Iterator[None]:
        """Keeps recent updates at hand, for somebody who reads them all."""
        self._readers += 1
        self._event_readers += include_events
        try:
            yield
        finally:
            self._readers -= 1
            self._event_readers -= include_events

    async def news(self, seconds: float) -> None:
        """Returns when there may be something new, or after that time."""
        news = self._news
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await news.wait()

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

    async def updates_after(self, revision: int, limit: int, *, include_events: bool) -> Sequence[Batch]:
        """The updates after a revision, in order and without a gap; Refused where some are not kept any more."""
        if revision >= self.revision:
            return ()
        if self._recent and self._recent[0].update.revision <= revision + 1:
            first = revision + 1 - self._recent[0].update.revision
            recent = itertools.islice(self._recent, first, first + limit)
            found = list(itertools.takewhile(lambda one: one.whole or not include_events, recent))
            if found:
                return found
        async with self._database.snapshot() as connection:
            read = await updates.after(connection, self._organization_id, revision, limit=limit, events=_READER_EVENTS)
            following = _without_gap(read, revision)
            if not following:
                oldest = read[0].revision if read else (await updates.window(connection, self._organization_id)).oldest
                raise Refused(
                    Reason.COMPACTED,
                    "the updates after this token are not kept any more; read the figures anew",
                    field="resume_after",
                    metadata={"oldest_revision": str(oldest)},
                )
            return await self._batches(connection, following, events=include_events, whole=include_events)

    async def _batches(
        self, connection: Connection, found: Sequence[Update], *, events: bool, whole: bool
    ) -> list[Batch]:
        read: Mapping[int, Sequence[Event]] = {}
        if events and found:
            read = await updates.events_of(connection, self._organization_id, found[0], found[-1], lean=not whole)
        return [Batch(update=one, events=read.get(one.revision, ()), whole=whole) for one in found]

    async def _follow(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            due, self._is_due = self._is_due, False
            slid, self._has_slid = self._has_slid, False
            try:
                async with self._looking:
                    if due:
                        await self._look()
                    elif slid:
                        await self._show()
                self._away = False
            except errors.StorageUnavailable as error:
                if not self._away:
                    _log.warning("storage unavailable; subscriptions wait", error=str(error))
                self._away = True
            except Exception:  # noqa: BLE001 - whoever watches is not left without a hub
                _log.exception("following an organization failed; it goes on", organization_id=self._organization_id)
            news, self._news = self._news, asyncio.Event()
            news.set()
            if due:
                await asyncio.sleep(self._rest())

    def _rest(self) -> float:
        """How long to gather what arrives, so that a burst of commits costs a few looks and nobody waits for long."""
        shortest = min((one for watched in self._views.values() for one in watched.intervals), default=_LONGEST_REST)
        return min(max(shortest / 4, _SHORTEST_REST), _LONGEST_REST)

    async def _look(self) -> None:
        """Takes what is new, in the order of revisions."""
        async with self._database.snapshot() as connection:
            as_of = await rollups.as_of(connection, self._organization_id)
            fresh = await self._read(connection, as_of.revision)
            standings = await self._standings(connection, fresh or ())
        self._at = max(self._at, as_of.at)
        if fresh is None:
            self._forget()  # what is kept has no gap
            for watched in list(self._views.values()):
                await self._rebuild(watched)
        else:
            for watched in list(self._views.values()):
                for batch in fresh:
                    watched.view.apply(batch.update.revision, batch.events)
                watched.view.stand(standings)
                await asyncio.sleep(0)
            self._keep(fresh)
        self.revision = fresh[-1].update.revision if fresh else as_of.revision
        await self._show()

    async def _show(self) -> None:
        """Begins a new day where one has begun, and leaves states for other servers now and then."""
        now = asyncio.get_running_loop().time()
        for watched in list(self._views.values()):
            if watched.view.is_over(self._at):
                await self._rebuild(watched)
            if now >= watched.left_at + _LEAVE_SECONDS:
                published = self._publish(watched)
                if published.at != self._at:  # as it was, which is said as of now
                    self._leave(watched, self._encode(published.state, published.revision, self._at, self._time_zone))
                await asyncio.sleep(0)

    async def _read(self, connection: Connection, newest: int) -> list[Batch] | None:
        """The next page of updates; None where they cannot be taken one by one any more."""
        behind = newest - self.revision
        if behind and not (self._views or self._readers):
            return None
        if not 0 <= behind <= _PAGE_REVISIONS:
            return None
        if not behind:
            return []
        found = await updates.after(connection, self._organization_id, self.revision, limit=behind, events=_PAGE_EVENTS)
        found = _without_gap(found, self.revision)
        self._pages = self._pages + 1 if found and found[-1].revision < newest else 0
        if not found or self._pages > _CATCH_UP_PAGES:
            self._pages = 0
            return None
        if self._pages:
            self.look()
        whole = self._event_readers > 0
        return await self._batches(connection, found, events=whole or bool(self._views), whole=whole)

    async def _standings(self, connection: Connection, fresh: Sequence[Batch]) -> Mapping[bytes, Standing]:
        keys = snapshots.conversations(event for batch in fresh for event in batch.events) if self._views else set()
        return await updates.standings(connection, self._organization_id, keys) if keys else {}

    def _keep(self, fresh: Sequence[Batch]) -> None:
        if not self._readers:
            self._forget()
            return
        for batch in fresh:
            kept = batch if batch.whole else Batch(update=batch.update, events=(), whole=False)
            self._recent.append(kept)
            self._weight += kept.weight
        while len(self._recent) > _KEPT_UPDATES or (self._recent and self._weight > _KEPT_WEIGHT):
            self._weight -= self._recent.popleft().weight

    def _forget(self) -> None:
        self._recent.clear()
        self._weight = 0

    async def _build(self, part: Part) -> _Watched:
        async with self._builds, self._database.snapshot() as connection:
            view, as_of = await snapshots.view(connection, self._organization_id, self._time_zone, part)
        self._at = max(self._at, as_of.at)
        state = view.state(self._at)
        encoded = self._encode(state, view.revision, self._at, self._time_zone)
        published = Published(version=1, revision=view.revision, at=self._at, state=state, encoded=encoded)
        return _Watched(view=view, published=published, intervals=[])

    async def _rebuild(self, watched: _Watched) -> None:
        """Begins anew from a snapshot: after a long absence, and at the organization's midnight."""
        async with self._builds, self._database.snapshot() as connection:
            view, as_of = await snapshots.view(connection, self._organization_id, self._time_zone, watched.view.part)
        self._at = max(self._at, as_of.at)
        watched.view = view

    def _publish(self, watched: _Watched) -> Published:
        state, old = watched.view.state(self._at), watched.published
        changed = state is not old.state and state != old.state
        if changed or watched.view.revision != old.revision:
            watched.published = Published(
                version=old.version + changed,
                revision=watched.view.revision,
                at=self._at,
                state=state,
                encoded=self._encode(state, watched.view.revision, self._at, self._time_zone),
            )
            self._leave(watched, watched.published.encoded)
        elif state is not old.state:
            watched.published = dataclasses.replace(old, state=state)  # equal, and next time found so at once
        return watched.published

    def _leave(self, watched: _Watched, encoded: bytes) -> None:
        watched.left_at = asyncio.get_running_loop().time()
        revision = watched.published.revision
        self._signals.leave_state(self._organization_id, watched.view.part, revision, self._at, encoded)


def _without_gap(found: Sequence[Update], revision: int) -> list[Update]:
    """Those that follow a revision one by one."""
    return [one for number, one in enumerate(found, revision + 1) if one.revision == number]
