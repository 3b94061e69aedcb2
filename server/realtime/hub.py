"""A hub follows the revisions of one organization, for all subscribers of this server that watch it.

It reads revisions from PostgreSQL, in order, whenever it is woken. Subscribers pull: each takes the newest state, or
the updates after its own revision, whenever it is ready, so that a slow reader costs no memory here. A state is
computed when somebody asks for it, once for all who do.
"""

import contextlib
from collections.abc import Collection, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime

from server.broadcast import Broadcast
from server.errors import Reason, Refused
from server.events.event import Event
from server.realtime import resume_tokens, update_cache, views
from server.realtime.builds import Builds
from server.realtime.follower import Follower
from server.realtime.lookup_slots import Lookups
from server.realtime.notifications import Notifications
from server.realtime.resume_tokens import Position
from server.realtime.update_cache import Batch, Recent, ShownEvents
from server.realtime.view import ViewFilter
from server.realtime.views import Published, Views
from server.rollups import overflow
from server.store import deployment, rollups, updates
from server.store.database import Driver
from server.store.updates import Update

_PAUSE, _LONGEST_PAUSE = 8.0, 0.1  # after reading, in multiples of its duration, and in seconds
_PAGE_REVISIONS, _PAGE_EVENTS, _PAGE_COUNTERS = 2000, 2500, 50_000  # read at once
_CATCH_UP_PAGES = 4  # beyond these, subscribers read by themselves
_FORGET_PULSES = 5  # longer than a page takes to read
_READER_EVENTS, _READER_COUNTERS = 1000, 10_000  # that a reader gets at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """The functions that encode states and updates into the bytes that every subscriber gets."""

    state: views.Encode
    update: update_cache.Encode


class Hub:
    """The follower of one organization. lookups and builds are shared by all hubs of this server."""

    def __init__(
        self,
        lookups: Lookups,
        builds: Builds,
        notifications: Notifications,
        codec: Codec,
        *,
        organization_id: int,
        time_zone: str,
    ) -> None:
        self._lookups = lookups
        self._notifications = notifications
        self._organization_id = organization_id
        self._news = Broadcast()  # notified whenever there may be something new
        self._views = Views(
            lookups,
            builds,
            notifications,
            codec.state,
            self._news.notify_all,
            organization_id=organization_id,
            time_zone=time_zone,
        )
        self._recent = Recent(codec.update)
        self._follower = Follower(self._look, organization_id, pause=_PAUSE, longest_pause=_LONGEST_PAUSE)
        self.epoch = ""  # of its revisions; a hub ends with its epoch
        self._next_epoch: str | None = None
        self._pages = 0  # in a row that did not reach the newest revision
        self._readers, self._event_readers = 0, 0
        self._erasures = self._forget = 0
        self.revision = 0  # the newest one that readers of updates can have

    @property
    def at(self) -> datetime:
        """Returns the database's time, as last set."""
        return self._views.at

    async def start(self) -> None:
        """Reads the organization's revision, and follows it from there."""
        self._notifications.listen(self._organization_id, self.look)
        async with self._lookups.snapshot(self._organization_id) as driver:
            as_of = await rollups.as_of(driver, self._organization_id)
        self.epoch, self.revision = as_of.epoch, as_of.revision
        self._views.start(as_of)
        self._follower.start()

    async def stop(self) -> None:
        """Stops following."""
        self._notifications.forget(self._organization_id, self.look)
        await self._follower.stop()
        await self._views.stop()

    def look(self) -> None:
        """Wakes the hub to read new revisions."""
        self._follower.wake()

    @property
    def is_over(self) -> bool:
        """Returns whether the hub's epoch has ended: new subscribers then get another hub."""
        return self._next_epoch is not None

    def set_epoch(self, epoch: str) -> None:
        """Sets the epoch. If it differs from the hub's, subscriptions end."""
        if self.epoch and epoch != self.epoch:
            self._end(epoch)

    def check(self) -> None:
        """Raises a refusal once the hub's epoch has ended."""
        if self._next_epoch is not None:
            raise resume_tokens.restored(self._next_epoch)

    def _end(self, next_epoch: str) -> None:
        self._next_epoch = next_epoch
        self.wake()

    def advance(self, revision: int, at: datetime) -> None:
        """Sets the newest revision and the time: the hub reads new revisions, and its windows slide."""
        if revision != self.revision:
            self.look()
        self._views.advance(revision, at)

    def obey(self, erasures: int) -> None:
        """Forgets the updates that are cached where what is known of erased users has changed: they may have their
        events. What was being read meanwhile may come into the cache a moment later, so it does so for some time.
        """
        if erasures != self._erasures:
            self._erasures, self._forget = erasures, _FORGET_PULSES
        if self._forget:
            self._forget -= 1
            self._recent.forget()

    def wake(self) -> None:
        """Wakes every subscriber that waits for news."""
        self._news.notify_all()

    def watching(self, part: ViewFilter) -> AbstractAsyncContextManager[None]:
        """Keeps the view of a filter up to date for the length of the block."""
        return self._views.watching(part)

    async def undecided(self, part: ViewFilter, values: Collection[str]) -> set[str]:
        """Returns the filter's values that no event has carried yet; refuses a value that is counted under OTHER."""
        async with self._lookups.snapshot(self._organization_id) as driver:
            return await overflow.undecided(driver, self._organization_id, part.dimension, values)

    def published(self, part: ViewFilter) -> Published:
        """Returns the newest state of a watched filter."""
        return self._views.published(part)

    @contextlib.contextmanager
    def reading(self, *, include_events: bool) -> Iterator[None]:
        """Caches recent updates for the length of the block, for a subscriber that reads all of them."""
        self._readers += 1
        self._event_readers += include_events
        try:
            yield
        finally:
            self._readers -= 1
            self._event_readers -= include_events

    def news(self, seconds: float) -> Coroutine[None, None, None]:
        """Waits until there may be something new, or for so many seconds."""
        return self._news.wait(seconds)

    async def position(self, resumed: Position | None) -> int:
        """Returns the revision after which a reader begins: that of its token, or the newest one."""
        async with self._lookups.snapshot(self._organization_id) as driver:
            as_of = await rollups.as_of(driver, self._organization_id)
        self.set_epoch(as_of.epoch)
        self.check()
        if resumed is None:
            return as_of.revision
        if resumed.epoch != as_of.epoch:
            raise resume_tokens.restored(as_of.epoch)
        if resumed.revision > as_of.revision:
            raise Refused(
                Reason.FUTURE_REVISION,
                f"resume_after refers to revision {resumed.revision}, but the newest is {as_of.revision}"
                " (was the database restored from a backup?)",
                field="resume_after",
                metadata={"revision": str(as_of.revision)},
            )
        return resumed.revision

    async def updates_after(
        self, revision: int, portions: int, limit: int, part: ViewFilter, shown: ShownEvents
    ) -> Sequence[Batch]:
        """Returns the updates after a revision and so many portions of the next one, in order and without a gap;
        refuses a revision whose updates are no longer kept.
        """
        if revision >= self.revision:
            return ()
        if not portions and (found := self._recent.after(revision, limit, shown)):
            return found
        async with self._lookups.catching_up(self._organization_id):
            missed = await self._missed(revision, portions, limit, include_events=bool(shown))
            return await self._prepared(missed, part, shown)

    async def _missed(self, revision: int, portions: int, limit: int, *, include_events: bool) -> Sequence[Batch]:
        """Returns the next portions of updates, read from the database."""
        async with self._lookups.snapshot(self._organization_id) as driver:
            self.set_epoch(await deployment.epoch(driver))
            self.check()
            read = await updates.after(
                driver,
                self._organization_id,
                revision,
                portions,
                limit=limit,
                events=_READER_EVENTS,
                counters=_READER_COUNTERS,
            )
            following = without_gap(read, revision, portions)
            if not following:
                oldest = read[0].revision if read else (await updates.window(driver, self._organization_id)).oldest
                raise Refused(
                    Reason.COMPACTED,
                    "the updates after this token are not kept any more; read the figures anew",
                    field="resume_after",
                    metadata={"oldest_revision": str(oldest)},
                )
            return await self._batches(driver, following, events=include_events)

    async def _prepared(self, batches: Sequence[Batch], part: ViewFilter, shown: ShownEvents) -> Sequence[Batch]:
        """Returns updates with their messages encoded, a little work at a time."""
        steps, made = self._recent.prepared(batches, part, shown), list[Batch]()
        while True:
            async with self._lookups.piece(self._organization_id) as is_over:
                for one in steps:
                    if one is not None:
                        made.append(one)
                    if is_over():
                        break
                else:
                    return made

    async def encoded(self, batch: Batch, part: ViewFilter, shown: ShownEvents) -> Sequence[bytes]:
        """Returns the messages of an update for a filter; the last one still lacks the resume token."""
        return await self._recent.encoded(batch, part, shown)

    async def _batches(self, driver: Driver, found: Sequence[Update], *, events: bool) -> list[Batch]:
        """Returns updates with their events, which come with the last portion."""
        read: Mapping[int, Sequence[Event]] = {}
        last = [one for one in found if not one.more]
        if events and last:
            read = await updates.events_of(driver, self._organization_id, last[0], last[-1])
        return [Batch(update=one, events=() if one.more else read.get(one.revision, ()), whole=events) for one in found]

    async def _look(self) -> None:
        """Reads what is new, and caches updates in the order of revisions if a subscriber reads them."""
        async with self._lookups.snapshot(self._organization_id) as driver:
            as_of = await rollups.as_of(driver, self._organization_id)
            # Within an epoch revisions only grow. If they do not, the database was restored without `restored`.
            if as_of.epoch != self.epoch or as_of.revision < self.revision:
                self._end(as_of.epoch)
                return
            fresh = await self._read(driver, as_of.revision)
        if fresh is None:
            self._recent.forget()  # what is kept has no gap
        else:
            self._recent.keep(fresh)
        self.revision = fresh[-1].update.revision if fresh else as_of.revision
        self._views.advance(as_of.revision, as_of.at)
        self._news.notify_all()

    async def _read(self, driver: Driver, newest: int) -> list[Batch] | None:
        """Returns the next page of updates; None if no subscriber reads them one by one, or there are too many, or the
        next one is larger than a page.
        """
        behind = newest - self.revision
        if not self._readers or behind > _PAGE_REVISIONS:
            return None
        if not behind:
            return []
        portions = await updates.after(
            driver,
            self._organization_id,
            self.revision,
            limit=_PAGE_REVISIONS,
            events=_PAGE_EVENTS,
            counters=_PAGE_COUNTERS,
        )
        found = updates.joined(without_gap(portions, self.revision))
        self._pages = self._pages + 1 if found and found[-1].revision < newest else 0
        if not found or self._pages > _CATCH_UP_PAGES:
            self._pages = 0
            return None
        if self._pages:
            self.look()
        return await self._batches(driver, found, events=self._event_readers > 0)


def without_gap(found: Sequence[Update], revision: int, portions: int = 0) -> list[Update]:
    """Returns what follows a revision and so many portions of the next one, portion by portion up to the first gap."""
    following: list[Update] = []
    expected = (revision + 1, portions)
    for one in found:
        if (one.revision, one.portion) != expected:
            break
        following.append(one)
        expected = (one.revision, one.portion + 1) if one.more else (one.revision + 1, 0)
    return following
