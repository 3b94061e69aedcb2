"""The watched views of one organization on a server: one for each filter, shared by all who watch it.

A view is built from aggregates in a snapshot, and rebuilt when there is a newer revision, with pauses that bound its
share of the database. A view holds no event and does not depend on the view before it.
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
# The pause after rebuilding views, in multiples of its duration, and the longest one in seconds.
_PAUSE, _LONGEST_PAUSE = 5.0, 30.0

# The bytes of a state, as of a revision and an instant, in a time zone: what GetRealtimeMetrics answers.
Encode = Callable[[ViewState, int, datetime, str], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A state as subscribers get it. version grows whenever the state has changed."""

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
    """The views of the filters that are watched; it calls back whenever there may be a new state."""

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
        self._wanted: Counter[ViewFilter] = Counter()  # how many watch each filter
        self._watched: dict[ViewFilter, _Watched] = {}
        self._making: dict[ViewFilter, asyncio.Task[None]] = {}
        self._follower = Follower(self._follow, organization_id, pause=_PAUSE, longest_pause=_LONGEST_PAUSE)
        self._epoch = ""
        self._revision = 0  # the newest one, as last set
        self.at = timerange.EPOCH  # the database's time, as last set

    def start(self, as_of: AsOf) -> None:
        """Starts to follow revisions from there."""
        self._epoch, self._revision, self.at = as_of.epoch, as_of.revision, as_of.at
        self._follower.start()

    async def stop(self) -> None:
        """Stops following."""
        await self._follower.stop()

    def advance(self, revision: int, at: datetime) -> None:
        """Sets the newest revision and the time: views are rebuilt, or their windows slide."""
        self._revision, self.at = revision, max(self.at, at)
        self._follower.wake()

    def watching(self, part: ViewFilter) -> AbstractAsyncContextManager[None]:
        """Keeps the view of a filter up to date for the length of the block."""
        return _Watching(self, part)

    async def join(self, part: ViewFilter) -> None:
        """Counts one more watcher of a filter, and waits until its view exists. Each watcher that has joined leaves
        once.
        """
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
        """Counts one watcher less of a filter, and drops its view with the last one."""
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
        self._follower.wake()  # there may be newer revisions

    async def _view(self, driver: Driver, part: ViewFilter) -> View:
        """Builds a view; refuses one of another epoch, since revisions only grow within an epoch."""
        view, as_of = await rebuild.view(driver, self._organization_id, self._time_zone, part)
        if as_of.epoch != self._epoch:
            raise resume_tokens.restored(as_of.epoch)
        self.at = max(self.at, as_of.at)
        return view

    async def _follow(self) -> None:
        """Rebuilds the views that are not of the newest revision or day, and shares states with other servers now and
        then.

        If a view cannot be rebuilt, the others are, before its error is raised.
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
        if old.revision >= self._revision and old.is_complete and not old.is_over(self.at):
            return
        async with self._lookups.projected_snapshot(self._organization_id) as driver:
            if self._watched.get(part) is watched:  # somebody still watches it
                with contextlib.suppress(Refused):  # the hub ends with its epoch
                    watched.view = await self._view(driver, part)

    def _share_states(self) -> None:
        now = asyncio.get_running_loop().time()
        for watched in self._watched.values():
            if now >= watched.shared_at + _SHARE_SECONDS:
                published = self._publish(watched)
                if published.at != self.at:  # unchanged, but published with the current time
                    self._share(watched, self._encode(published.state, published.revision, self.at, self._time_zone))

    def published(self, part: ViewFilter) -> Published:
        """Returns the newest state of a watched filter."""
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
            watched.published = dataclasses.replace(old, state=state)  # equal; identical at the next comparison
        return watched.published

    def _share(self, watched: _Watched, encoded: bytes) -> None:
        watched.shared_at = asyncio.get_running_loop().time()
        revision = watched.published.revision
        zone = self._time_zone
        self._notifications.share_state(self._organization_id, zone, watched.view.part, revision, self.at, encoded)


class _Watching(AbstractAsyncContextManager[None]):
    """A watcher's hold on a view. Thousands last as long as their subscriptions, which generators would make larger."""

    __slots__ = ("_part", "_views")

    def __init__(self, views: Views, part: ViewFilter) -> None:
        self._views = views
        self._part = part

    async def __aenter__(self) -> None:
        await self._views.join(self._part)

    async def __aexit__(self, *_: object) -> None:
        self._views.leave(self._part)
