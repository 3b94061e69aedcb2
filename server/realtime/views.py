"""The views of one organization that are watched on a server: made once for each part, kept for all who watch it.

A view is made from aggregates in a snapshot, and made anew when there is a newer revision: as often as that is cheap,
so that it takes a bounded share of the database. No view knows an event, and none depends on the one before it.
"""

import asyncio
import contextlib
import dataclasses
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime

from server import timerange
from server.catalog.selections import AsOf
from server.errors import Reason, Refused
from server.realtime import rebuild, resume_tokens
from server.realtime.builds import Builds
from server.realtime.follower import Follower
from server.realtime.lookup_slots import Lookups
from server.realtime.notifications import Notifications
from server.realtime.view import View, ViewFilter, ViewState
from server.store.database import Driver

MAX_PARTS = 32  # of an organization that are watched at once on this server
_SHARE_SECONDS = 0.9  # between two states of a part that are shared with other servers
# Views are made anew after a rest of so many times as long as that took, in seconds.
_REST, _LONGEST_REST = 5.0, 30.0

# The bytes of a state, as of a revision and an instant, in a time zone: what GetRealtimeMetrics answers.
Encode = Callable[[ViewState, int, datetime, str], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A state as it goes out. version goes up whenever there is something new to see."""

    version: int
    revision: int
    at: datetime
    state: ViewState
    encoded: bytes


@dataclass(slots=True, kw_only=True)
class _Watched:
    view: View
    published: Published
    shared_at: float = 0.0  # when its state was last shared with other servers, by the loop's clock


class Views:
    """Keeps the views of the parts that are watched, and calls back whenever there may be something new to see."""

    def __init__(
        self,
        lookups: Lookups,
        builds: Builds,
        notifications: Notifications,
        encode: Encode,
        changed: Callable[[], None],
        *,
        organization_id: int,
        time_zone: str,
    ) -> None:
        self._lookups = lookups
        self._notifications = notifications
        self._encode = encode
        self._builds = builds
        self._changed = changed
        self._organization_id = organization_id
        self._time_zone = time_zone
        self._wanted: Counter[ViewFilter] = Counter()  # by how many
        self._watched: dict[ViewFilter, _Watched] = {}
        self._making: dict[ViewFilter, asyncio.Task[None]] = {}
        self._follower = Follower(self._follow, organization_id, rest=_REST, longest_rest=_LONGEST_REST)
        self._epoch = ""
        self._revision = 0  # the newest one, as last set
        self.at = timerange.EPOCH  # the database's time, as last set

    def start(self, as_of: AsOf) -> None:
        """Begins to follow revisions from there."""
        self._epoch, self._revision, self.at = as_of.epoch, as_of.revision, as_of.at
        self._follower.start()

    async def stop(self) -> None:
        """Ends following."""
        await self._follower.stop()

    def advance(self, revision: int, at: datetime) -> None:
        """Sets the newest revision and the time: views are made anew, or their windows slide."""
        self._revision, self.at = revision, max(self.at, at)
        self._follower.wake()

    def watching(self, part: ViewFilter) -> AbstractAsyncContextManager[None]:
        """Keeps the view of a part up to date for the length of the block."""
        return _Watching(self, part)

    async def join(self, part: ViewFilter) -> None:
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

    def leave(self, part: ViewFilter) -> None:
        """One less watches a part; its view goes with the last one."""
        self._wanted[part] -= 1
        if not self._wanted[part]:
            del self._wanted[part]
            self._watched.pop(part, None)
            if part in self._making:
                self._making.pop(part).cancel()

    def _make_soon(self, part: ViewFilter) -> asyncio.Task[None]:
        task = self._making[part] = self._builds.begin(self._organization_id, lambda: self._make(part))

        def done(task: asyncio.Task[None]) -> None:
            if self._making.get(part) is task:
                del self._making[part]

        task.add_done_callback(done)
        return task

    async def _make(self, part: ViewFilter) -> None:
        async with self._builds.snapshot(self._organization_id) as driver:
            view = await self._view(driver, part)
        state = view.state(self.at)
        encoded = self._encode(state, view.revision, self.at, self._time_zone)
        published = Published(version=1, revision=view.revision, at=self.at, state=state, encoded=encoded)
        self._watched[part] = _Watched(view=view, published=published)
        self._follower.wake()  # it may have missed something meanwhile

    async def _view(self, driver: Driver, part: ViewFilter) -> View:
        """A new view; Refused where it is of another epoch than those who watch, in which revisions only grow."""
        view, as_of = await rebuild.view(driver, self._organization_id, self._time_zone, part)
        if as_of.epoch != self._epoch:
            raise resume_tokens.restored(as_of.epoch)
        self.at = max(self.at, as_of.at)
        return view

    async def _follow(self) -> None:
        """Makes those views anew that are not of the newest revision or day, and shares states with other servers now
        and then. Where one view cannot be made the others are, before the error is raised.
        """
        failure: Exception | None = None
        for watched in list(self._watched.values()):
            try:
                await self._refresh(watched)
            except Exception as error:  # noqa: BLE001 - raised below
                failure = failure or error
        self._share_states()
        self._changed()
        if failure is not None:
            raise failure

    async def _refresh(self, watched: _Watched) -> None:
        part, old = watched.view.part, watched.view
        if old.revision >= self._revision and not old.is_over(self.at):
            return
        async with self._lookups.snapshot(self._organization_id) as driver:
            if self._watched.get(part) is watched:  # somebody still watches it
                with contextlib.suppress(Refused):  # the hub ends with its epoch
                    watched.view = await self._view(driver, part)

    def _share_states(self) -> None:
        now = asyncio.get_running_loop().time()
        for watched in self._watched.values():
            if now >= watched.shared_at + _SHARE_SECONDS:
                published = self._publish(watched)
                if published.at != self.at:  # as it was, which is said as of now
                    self._share(watched, self._encode(published.state, published.revision, self.at, self._time_zone))

    def published(self, part: ViewFilter) -> Published:
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
            self._share(watched, watched.published.encoded)
        elif state is not old.state:
            watched.published = dataclasses.replace(old, state=state)  # equal, and next time found so at once
        return watched.published

    def _share(self, watched: _Watched, encoded: bytes) -> None:
        watched.shared_at = asyncio.get_running_loop().time()
        revision = watched.published.revision
        self._notifications.share_state(self._organization_id, watched.view.part, revision, self.at, encoded)


class _Watching(AbstractAsyncContextManager[None]):
    """Joins and leaves. There are thousands, for as long as they are subscribed: hence no generator."""

    __slots__ = ("_part", "_views")

    def __init__(self, views: Views, part: ViewFilter) -> None:
        self._views = views
        self._part = part

    async def __aenter__(self) -> None:
        await self._views.join(self._part)

    async def __aexit__(self, *_: object) -> None:
        self._views.leave(self._part)
