"""The hubs of a server: one for each organization that somebody watches, from the first subscriber to the last.

One statement a second reads the newest revisions for all of them.
"""

import asyncio
from collections.abc import Collection
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import structlog

from server import errors, telemetry
from server.admission import memory
from server.projections.projector import Projector
from server.realtime import lookup_slots
from server.realtime.builds import Builds
from server.realtime.hub import Codec, Hub
from server.realtime.lookup_slots import Lookups
from server.realtime.notifications import Notifications
from server.realtime.states import States
from server.realtime.subscription_limits import SubscriptionLimits
from server.realtime.view import ViewFilter
from server.store import updates
from server.store.database import Database
from server.tally import Tally

PULSE_SECONDS = 1.0
_BUILDING = 3  # one of so many connections is for building views, the others are for reading what is new
_log = structlog.get_logger(__name__)


_Key = tuple[int, str]  # an organization and its time zone, which may change: who comes after that gets another hub


@dataclass(slots=True, kw_only=True)
class _Entry:
    key: _Key
    hub: Hub
    started: asyncio.Task[None]
    users: int = 0


class Hubs:
    """The hubs of a server, and the realtime states of callers that do not subscribe.

    connections is the number of database connections for realtime, two or more.
    """

    def __init__(
        self,
        database: Database,
        projector: Projector,
        notifications: Notifications,
        codec: Codec,
        *,
        connections: int,
        limit: int,
        limit_each: int,
    ) -> None:
        builds = max(1, connections // _BUILDING)
        self.builds = Builds(database, projector, builds)
        self.lookups = Lookups(database, projector, connections - builds)
        self._notifications = notifications
        self._codec = codec
        self._limits = SubscriptionLimits(total=limit, each=limit_each)
        self._entries: dict[_Key, _Entry] = {}
        self.subscriptions = Tally()  # by organization
        self._pulse: asyncio.Task[None] | None = None
        self._departures = memory.Departures()
        self.states = States(notifications, codec.state, self.builds)

    def subscribed(self, organization_id: int, time_zone: str) -> AbstractAsyncContextManager[Hub]:
        """Gives the organization's hub for as long as one subscription lasts; refuses subscriptions over the limits."""
        return _Subscribed(self, organization_id, time_zone)

    async def join(self, organization_id: int, time_zone: str) -> "_Entry":
        """Counts a subscription and returns the entry of its hub. Each subscription that has joined leaves once."""
        self._limits.check(self.subscriptions, organization_id)
        self.subscriptions.add(organization_id)  # before anything is waited for
        entry = self._entry(organization_id, time_zone)
        entry.users += 1
        telemetry.SUBSCRIPTIONS.inc()
        try:
            await asyncio.shield(entry.started)
        except BaseException:
            await self.leave(organization_id, entry)
            raise
        return entry

    async def leave(self, organization_id: int, entry: "_Entry") -> None:
        """Counts a subscription as ended, and stops the hub with the last one."""
        telemetry.SUBSCRIPTIONS.dec()
        self._departures.note()
        self.subscriptions.add(organization_id, -1)
        entry.users -= 1
        failed = entry.started.done() and (entry.started.cancelled() or entry.started.exception() is not None)
        if (failed or not entry.users) and self._entries.get(entry.key) is entry:
            del self._entries[entry.key]
        if not self._entries and self._pulse is not None:
            self._pulse.cancel()
            self._pulse = None
        if not entry.users:
            entry.started.cancel()
            await entry.hub.stop()

    def _entry(self, organization_id: int, time_zone: str) -> _Entry:
        key = (organization_id, time_zone)
        entry = self._entries.get(key)
        if entry is None or entry.hub.is_over:
            hub = Hub(
                self.lookups,
                self.builds,
                self._notifications,
                self._codec,
                organization_id=organization_id,
                time_zone=time_zone,
            )
            entry = self._entries[key] = _Entry(key=key, hub=hub, started=asyncio.create_task(hub.start()))
            entry.started.add_done_callback(_seen)
            if self._pulse is None:
                self._pulse = asyncio.create_task(self._beat())
        return entry

    def wake(self) -> None:
        """Wakes every subscription."""
        for entry in self._entries.values():
            entry.hub.wake()

    async def _beat(self) -> None:
        """Gives every hub, once a second, its organization's newest revision and the time.

        They are read in one statement for all organizations of a node, and a node that is silent is of no concern to
        others. While the database is away no hub gets either: windows do not move on without the events that belong in
        them.
        """
        looking: dict[int, asyncio.Task[None]] = {}
        away: set[int] = set()
        try:
            while True:
                await asyncio.sleep(PULSE_SECONDS)
                for node, some in (await self._by_node()).items():
                    if node not in looking or looking[node].done():
                        looking[node] = asyncio.create_task(self._advance(node, some, away))
                if len(looking) == 1:
                    await asyncio.wait(looking.values())
        finally:
            for task in looking.values():
                task.cancel()
            await asyncio.gather(*looking.values(), return_exceptions=True)

    async def _by_node(self) -> dict[int, set[int]]:
        """The organizations that somebody watches, by the node that has their rows; none where that cannot be asked."""
        try:
            return await self.lookups.by_node({organization_id for organization_id, _ in self._entries})
        except Exception as error:  # noqa: BLE001 - the pulse outlives whatever happens
            _log.warning("nodes cannot be read; subscriptions wait", error=_description(error))
            return {}

    async def _advance(self, node: int, some: Collection[int], away: set[int]) -> None:
        """Gives hubs of some organizations the newest revision and the time; notes where their node is away."""
        try:
            async with self.lookups.snapshot(lookup_slots.EVERYBODY) as driver:
                epoch, at, revisions = await updates.newest(driver, some)
        except Exception as error:  # noqa: BLE001 - the pulse outlives whatever happens
            if node not in away:
                _log.warning("revisions cannot be read; subscriptions wait", error=_description(error))
            away.add(node)
            return
        away.discard(node)
        for (organization_id, _), entry in list(self._entries.items()):
            if organization_id in some and entry.started.done():
                entry.hub.set_epoch(epoch)
                newest = revisions.get(organization_id, updates.Newest(0, 0))
                entry.hub.advance(newest.revision, at)
                entry.hub.obey(newest.erasures)

    def set_epoch(self, epoch: str) -> None:
        """Ends subscriptions of other epochs than this one, and forgets their states."""
        for entry in self._entries.values():
            entry.hub.set_epoch(epoch)
        self.states.forget()

    async def state(self, organization_id: int, time_zone: str, part: ViewFilter) -> bytes:
        """Returns the encoded state for a filter, as Codec makes it. Refuses an organization with too many builds in
        progress.
        """
        return await self.states.get(organization_id, time_zone, part)


class _Subscribed(AbstractAsyncContextManager[Hub]):
    """A subscription's hold on its hub. Thousands last as long as their subscriptions, which generators would make
    larger.
    """

    __slots__ = ("_entry", "_hubs", "_organization_id", "_time_zone")

    def __init__(self, hubs: Hubs, organization_id: int, time_zone: str) -> None:
        self._hubs = hubs
        self._organization_id = organization_id
        self._time_zone = time_zone
        self._entry: _Entry | None = None

    async def __aenter__(self) -> Hub:
        self._entry = await self._hubs.join(self._organization_id, self._time_zone)
        return self._entry.hub

    async def __aexit__(self, *_: object) -> None:
        if self._entry is not None:
            await self._hubs.leave(self._organization_id, self._entry)


def _seen(task: asyncio.Task[Any]) -> None:
    """Retrieves the exception of a task that nobody may be waiting for any more."""
    if not task.cancelled():
        task.exception()


def _description(error: Exception) -> str:
    return str(error) if isinstance(error, errors.StorageUnavailable) else type(error).__name__
