"""The views of one organization that are watched on a server: made once for each part, kept for all who watch it.

A new view is made from a snapshot while the others go on; only what has happened meanwhile is read with them waiting.
"""

import asyncio
import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime

from server import snapshots, timerange
from server.builds import Builds
from server.errors import Reason, Refused
from server.events import Event
from server.lookups import Lookups
from server.realtime import Part, State, View
from server.recent import Batch
from server.signals import Signals
from server.store import updates
from server.store.database import Connection
from server.store.updates import Standing, Update

MAX_PARTS = 32  # of an organization that are watched at once on this server
_LEAVE_SECONDS = 0.9  # between two states of a part that are left for other servers
_PAGE_REVISIONS, _PAGE_EVENTS = 2000, 2500

# The bytes of a state, as of a revision and an instant, in a time zone: what GetRealtimeMetrics answers.
Encode = Callable[[State, int, datetime, str], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A state as it goes out. version goes up whenever there is something new to see."""

    version: int
    revision: int
    at: datetime
    state: State
    encoded: bytes


@dataclass(slots=True, kw_only=True)
class _Watched:
    view: View
    published: Published
    left_at: float = 0.0  # when its state was last left for other servers, by the loop's clock


class Views:
    """Keeps views. Whoever calls take, begin_anew or show holds `changing`."""

    def __init__(
        self,
        lookups: Lookups,
        builds: Builds,
        signals: Signals,
        encode: Encode,
        *,
        organization_id: int,
        time_zone: str,
    ) -> None:
        self._lookups = lookups
        self._signals = signals
        self._encode = encode
        self._builds = builds
        self._organization_id = organization_id
        self._time_zone = time_zone
        self._wanted: Counter[Part] = Counter()  # by how many
        self._watched: dict[Part, _Watched] = {}
        self._making: dict[Part, asyncio.Task[None]] = {}
        self.changing = asyncio.Lock()
        self.revision = 0  # that every view has taken
        self.at = timerange.EPOCH  # the database's time, as it was last told

    def __bool__(self) -> bool:
        return bool(self._wanted)

    def watching(self, part: Part) -> AbstractAsyncContextManager[None]:
        """Keeps the view of a part up to date for the length of the block."""
        return _Watching(self, part)

    async def join(self, part: Part) -> None:
        """One more watches a part, whose view is there from now on; each who joins leaves once."""
        if part not in self._wanted and len(self._wanted) >= MAX_PARTS:
            raise Refused(
                Reason.SUBSCRIPTION_LIMIT,
                "too many different filters are watched in this organization",
                field="filter",
                metadata={"limit": str(MAX_PARTS)},
                retry_after=5.0,
            )
        self._wanted[part] += 1
        try:
            while part not in self._watched:
                await asyncio.shield(self._making.get(part) or self._make_soon(part))
        except BaseException:
            self.leave(part)
            raise

    def leave(self, part: Part) -> None:
        """One less watches a part; its view goes with the last one."""
        self._wanted[part] -= 1
        if not self._wanted[part]:
            del self._wanted[part]
            self._watched.pop(part, None)
            if part in self._making:
                self._making.pop(part).cancel()

    def _make_soon(self, part: Part) -> asyncio.Task[None]:
        task = self._making[part] = self._builds.begin(self._organization_id, lambda: self._make(part))

        def done(task: asyncio.Task[None]) -> None:
            if self._making.get(part) is task:
                del self._making[part]

        task.add_done_callback(done)
        return task

    async def _make(self, part: Part) -> None:
        """Makes a view from a snapshot and lets it catch up with the others."""
        view = await self._from_snapshot(part)
        async with self.changing:
            while view.revision < self.revision:
                if not await self._catch_up(view):
                    view = await self._from_snapshot(part)
            state = view.state(self.at)
            encoded = self._encode(state, view.revision, self.at, self._time_zone)
            published = Published(version=1, revision=view.revision, at=self.at, state=state, encoded=encoded)
            self._watched[part] = _Watched(view=view, published=published)

    async def _from_snapshot(self, part: Part) -> View:
        async with self._builds.snapshot(self._organization_id) as connection:
            view, as_of = await snapshots.view(connection, self._organization_id, self._time_zone, part)
        self.at = max(self.at, as_of.at)
        return view

    async def _catch_up(self, view: View) -> bool:
        """Reads the next page of what the other views have taken already; False where it is not kept any more."""
        organization_id, behind = self._organization_id, min(self.revision - view.revision, _PAGE_REVISIONS)
        async with self._lookups.snapshot(organization_id) as connection:
            found = await updates.after(connection, organization_id, view.revision, limit=behind, events=_PAGE_EVENTS)
            found = without_gap(found, view.revision)
            if not found:
                return False
            events = await updates.events_of(connection, organization_id, found[0], found[-1], lean=True)
            standings = await self.standings(connection, [one for some in events.values() for one in some])
        for update in found:
            view.apply(update.revision, events.get(update.revision, ()))
        view.stand(standings)
        return True

    async def standings(self, connection: Connection, events: Sequence[Event]) -> Mapping[bytes, Standing]:
        """How the conversations of events stand."""
        keys = snapshots.conversations(events)
        return await updates.standings(connection, self._organization_id, keys) if keys else {}

    async def take(self, fresh: Sequence[Batch], standings: Mapping[bytes, Standing]) -> None:
        """Takes the next updates, in the order of revisions, and how their conversations stand."""
        for watched in list(self._watched.values()):
            if fresh and fresh[-1].update.revision > watched.view.revision:
                for batch in fresh:
                    watched.view.apply(batch.update.revision, batch.events)
                watched.view.stand(standings)
                await asyncio.sleep(0)

    async def begin_anew(self) -> None:
        """Makes every view from a snapshot: after a long absence."""
        for watched in list(self._watched.values()):
            watched.view = await self._from_snapshot(watched.view.part)

    async def show(self) -> None:
        """Begins a new day where one has begun, and leaves states for other servers now and then."""
        now = asyncio.get_running_loop().time()
        for watched in list(self._watched.values()):
            if watched.view.is_over(self.at):
                watched.view = await self._from_snapshot(watched.view.part)
            if now >= watched.left_at + _LEAVE_SECONDS:
                published = self._publish(watched)
                if published.at != self.at:  # as it was, which is said as of now
                    self._leave(watched, self._encode(published.state, published.revision, self.at, self._time_zone))
                await asyncio.sleep(0)

    def published(self, part: Part) -> Published:
        """The newest state of a part that is being watched."""
        return self._publish(self._watched[part])

    def _publish(self, watched: _Watched) -> Published:
        state, old = watched.view.state(self.at), watched.published
        changed = state is not old.state and state != old.state
        if changed or watched.view.revision != old.revision:
            watched.published = Published(
                version=old.version + changed,
                revision=watched.view.revision,
                at=self.at,
                state=state,
                encoded=self._encode(state, watched.view.revision, self.at, self._time_zone),
            )
            self._leave(watched, watched.published.encoded)
        elif state is not old.state:
            watched.published = dataclasses.replace(old, state=state)  # equal, and next time found so at once
        return watched.published

    def _leave(self, watched: _Watched, encoded: bytes) -> None:
        watched.left_at = asyncio.get_running_loop().time()
        revision = watched.published.revision
        self._signals.leave_state(self._organization_id, watched.view.part, revision, self.at, encoded)


class _Watching(AbstractAsyncContextManager[None]):
    """Joins and leaves. There are thousands, for as long as they are subscribed: hence no generator."""

    __slots__ = ("_part", "_views")

    def __init__(self, views: Views, part: Part) -> None:
        self._views = views
        self._part = part

    async def __aenter__(self) -> None:
        await self._views.join(self._part)

    async def __aexit__(self, *_: object) -> None:
        self._views.leave(self._part)


def without_gap(found: Sequence[Update], revision: int) -> list[Update]:
    """Those that follow a revision one by one."""
    return [one for number, one in enumerate(found, revision + 1) if one.revision == number]
