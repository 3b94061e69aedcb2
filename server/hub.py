"""A hub follows the revisions of one organization that somebody on this server watches, for all who do.

It reads them in PostgreSQL, in order, whenever it is told that there is something new. Subscribers pull: each takes the
newest state, or the updates after the revision where it stands, whenever it is ready, so that a reader that is slow
costs no memory here. A state is worked out when somebody asks for it, once for all who do.
"""

import asyncio
import contextlib
from collections.abc import Collection, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime

from server import errors, overflow, recent, recurring, resume, views
from server.bell import Bell
from server.builds import Builds
from server.errors import Reason, Refused
from server.events import Event
from server.lookups import Lookups
from server.realtime import Part
from server.recent import Batch, Recent
from server.resume import Position
from server.signals import Signals
from server.store import deployment, rollups, updates
from server.store.database import Connection
from server.store.updates import Update
from server.views import Published, Views

_SHORTEST_REST, _LONGEST_REST = 0.02, 0.1  # seconds between two looks
_REST = 8  # a look is followed by a rest of so many times its duration
_PAGE_REVISIONS, _PAGE_EVENTS = 2000, 2500  # at a look
_CATCH_UP_PAGES = 4  # further behind, a new snapshot is cheaper
_READER_EVENTS = 1000  # that a reader gets at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """How states and updates become the bytes that every subscriber gets."""

    state: views.Encode
    update: recent.Encode


class Hub:
    """Follows one organization. lookups and builds are those of all hubs of this server."""

    def __init__(
        self,
        lookups: Lookups,
        builds: Builds,
        signals: Signals,
        codec: Codec,
        *,
        organization_id: int,
        time_zone: str,
    ) -> None:
        self._lookups = lookups
        self._signals = signals
        self._organization_id = organization_id
        self._views = Views(lookups, builds, signals, codec.state, organization_id=organization_id, time_zone=time_zone)
        self._recent = Recent(codec.update)
        self._news = Bell()  # rings whenever there may be something new
        self._follower: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        self._is_due, self._has_slid = False, False
        self.epoch = ""  # in which it began; a hub does not outlive it
        self._next_epoch: str | None = None
        self._pages = 0  # in a row that did not reach the newest revision
        self._readers, self._event_readers = 0, 0

    @property
    def revision(self) -> int:
        """The newest revision that subscribers can have."""
        return self._views.revision

    @property
    def at(self) -> datetime:
        """The database's time, as it was last told."""
        return self._views.at

    async def start(self) -> None:
        """Finds out where the organization stands, and follows it from there."""
        self._signals.listen(self._organization_id, self.look)
        async with self._lookups.snapshot(self._organization_id) as connection:
            as_of = await rollups.as_of(connection, self._organization_id)
        self.epoch = as_of.epoch
        self._views.revision, self._views.at = as_of.revision, as_of.at
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

    @property
    def is_over(self) -> bool:
        """Whether the hub's epoch is: whoever subscribes gets another hub."""
        return self._next_epoch is not None

    def tell_epoch(self, epoch: str) -> None:
        """Tells the hub which epoch it is. Another one than the hub's ends its subscriptions."""
        if self.epoch and epoch != self.epoch:
            self._end(epoch)

    def check(self) -> None:
        """Refuses once the hub's epoch is over."""
        if self._next_epoch is not None:
            raise resume.restored(self._next_epoch)

    def _end(self, next_epoch: str) -> None:
        self._next_epoch = next_epoch
        self.wake()

    def tell(self, revision: int, at: datetime) -> None:
        """Tells the hub what the newest revision is, and the time: it looks, or lets its windows slide."""
        if revision != self.revision:
            self.look()
            return
        self._views.at = max(self._views.at, at)
        self._has_slid = True
        self._woken.set()

    def wake(self) -> None:
        """Makes everybody who waits for news look up."""
        self._woken.set()

    def watching(self, part: Part) -> AbstractAsyncContextManager[None]:
        """Keeps the view of a part up to date for the length of the block."""
        return self._views.watching(part)

    async def undecided(self, part: Part, values: Collection[str]) -> set[str]:
        """Those of the part's values that no event has carried yet; refuses one whose changes go to OTHER."""
        async with self._lookups.snapshot(self._organization_id) as connection:
            return await overflow.undecided(connection, self._organization_id, part.dimension, values)

    def published(self, part: Part) -> Published:
        """The newest state of a part that is being watched."""
        return self._views.published(part)

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

    def news(self, seconds: float) -> Coroutine[None, None, None]:
        """Waits until there may be something new, or for that time."""
        return self._news.wait(seconds)

    async def position(self, resumed: Position | None) -> int:
        """Where a reader begins: after the revision that its token names, or after the newest one."""
        async with self._lookups.snapshot(self._organization_id) as connection:
            as_of = await rollups.as_of(connection, self._organization_id)
        self.tell_epoch(as_of.epoch)
        self.check()
        if resumed is None:
            return as_of.revision
        if resumed.epoch != as_of.epoch:
            raise resume.restored(as_of.epoch)
        if resumed.revision > as_of.revision:
            raise Refused(
                Reason.FUTURE_REVISION,
                "resume_after is of a revision that has not been yet",
                field="resume_after",
                metadata={"revision": str(as_of.revision)},
            )
        return resumed.revision

    async def updates_after(self, revision: int, limit: int, part: Part, *, include_events: bool) -> Sequence[Batch]:
        """The updates after a revision, in order and without a gap; Refused where some are not kept any more."""
        if revision >= self.revision:
            return ()
        if found := self._recent.after(revision, limit, include_events=include_events):
            return found
        async with self._lookups.catching_up(self._organization_id):
            missed = await self._missed(revision, limit, include_events=include_events)
            return await self._prepared(missed, part, include_events=include_events)

    async def _missed(self, revision: int, limit: int, *, include_events: bool) -> Sequence[Batch]:
        """The next updates after a revision, from the database."""
        async with self._lookups.snapshot(self._organization_id) as connection:
            self.tell_epoch(await deployment.epoch(connection))
            self.check()
            read = await updates.after(connection, self._organization_id, revision, limit=limit, events=_READER_EVENTS)
            following = views.without_gap(read, revision)
            if not following:
                oldest = read[0].revision if read else (await updates.window(connection, self._organization_id)).oldest
                raise Refused(
                    Reason.COMPACTED,
                    "the updates after this token are not kept any more; read the figures anew",
                    field="resume_after",
                    metadata={"oldest_revision": str(oldest)},
                )
            return await self._batches(connection, following, events=include_events, whole=include_events)

    async def _prepared(self, batches: Sequence[Batch], part: Part, *, include_events: bool) -> Sequence[Batch]:
        """Makes the messages of many updates, a little at a time."""
        steps, made = self._recent.prepared(batches, part, include_events=include_events), list[Batch]()
        while True:
            async with self._lookups.piece(self._organization_id) as is_over:
                for one in steps:
                    if one is not None:
                        made.append(one)
                    if is_over():
                        break
                else:
                    return made

    async def encoded(self, batch: Batch, part: Part, *, include_events: bool) -> Sequence[bytes]:
        """The messages of an update for a part; the last one still lacks the resume token."""
        return await self._recent.encoded(batch, part, include_events=include_events)

    async def _batches(
        self, connection: Connection, found: Sequence[Update], *, events: bool, whole: bool
    ) -> list[Batch]:
        read: Mapping[int, Sequence[Event]] = {}
        if events and found:
            read = await updates.events_of(connection, self._organization_id, found[0], found[-1], lean=not whole)
        return [Batch(update=one, events=read.get(one.revision, ()), whole=whole) for one in found]

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._woken.wait()
            self._woken.clear()
            due, self._is_due = self._is_due, False
            slid, self._has_slid = self._has_slid, False
            begun = loop.time()
            try:
                async with self._views.changing:
                    if due:
                        await self._look()
                    elif slid:
                        await self._views.show()
            except errors.StorageUnavailable as error:
                recurring.write("warning", "storage unavailable; subscriptions wait", str(error), reason=str(error))
            except Exception as error:  # noqa: BLE001 - whoever watches is not left without a hub
                recurring.write(
                    "error",
                    "following an organization failed; it goes on",
                    error=error,
                    organization_id=self._organization_id,
                )
            self._news.ring()
            if due:
                # Gathers what arrives, so that a burst of commits costs a few looks and nobody waits for long.
                await asyncio.sleep(min(max(_REST * (loop.time() - begun), _SHORTEST_REST), _LONGEST_REST))

    async def _look(self) -> None:
        """Takes what is new, in the order of revisions."""
        async with self._lookups.snapshot(self._organization_id) as connection:
            as_of = await rollups.as_of(connection, self._organization_id)
            # Within an epoch revisions only grow. Where they do not, the database was restored and nobody has said so.
            if as_of.epoch != self.epoch or as_of.revision < self.revision:
                self._end(as_of.epoch)
                return
            fresh = await self._read(connection, as_of.revision)
            happened = [event for batch in fresh or () for event in batch.events] if self._views else ()
            standings = await self._views.standings(connection, happened)
        self._views.at = max(self._views.at, as_of.at)
        if fresh is None:
            self._recent.forget()  # what is kept has no gap
            await self._views.begin_anew()
        else:
            await self._views.take(fresh, standings)
            if self._readers:
                self._recent.keep(fresh)
            else:
                self._recent.forget()
        self._views.revision = fresh[-1].update.revision if fresh else as_of.revision
        await self._views.show()

    async def _read(self, connection: Connection, newest: int) -> list[Batch] | None:
        """The next page of updates; None where they cannot be taken one by one any more."""
        behind = newest - self.revision
        if behind and not (self._views or self._readers):
            return None
        if behind > _PAGE_REVISIONS:
            return None
        if not behind:
            return []
        found = await updates.after(connection, self._organization_id, self.revision, limit=behind, events=_PAGE_EVENTS)
        found = views.without_gap(found, self.revision)
        self._pages = self._pages + 1 if found and found[-1].revision < newest else 0
        if not found or self._pages > _CATCH_UP_PAGES:
            self._pages = 0
            return None
        if self._pages:
            self.look()
        whole = self._event_readers > 0
        return await self._batches(connection, found, events=whole or bool(self._views), whole=whole)
