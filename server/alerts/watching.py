"""How the rules of organizations stand, for those who watch: read once for all watchers of an organization who may see
the same of it.

One statement a second asks for what changes with the states and incidents of all organizations that somebody watches;
an organization is read again where that has changed, and every 15 seconds.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final

import structlog

from server import errors, telemetry
from server.broadcast import Broadcast
from server.organizations.alerts import AlertsOverview
from server.organizations.restriction import Restriction
from server.realtime import lookup_slots
from server.realtime.lookup_slots import Lookups
from server.realtime.subscription_limits import SubscriptionLimits
from server.store import incidents as stored
from server.tally import Tally

PULSE_SECONDS: Final = 1.0
SHOWN_INCIDENTS: Final = 100
_READ_AGAIN_SECONDS: Final = 15.0
_log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True, eq=False)
class WatchedAlerts:
    """An organization that somebody watches, or a part of it. encoded is how it stood when it was last read; version
    grows with each reading that shows something new, from 1 for the first one.
    """

    organization_id: int
    restriction: Restriction | None
    news: Broadcast = field(default_factory=Broadcast)
    first: asyncio.Lock = field(default_factory=asyncio.Lock)  # is held while it is read for the first time
    version: int = 0
    encoded: bytes = b""
    users: int = 0
    mark: tuple[object, ...] | None = None
    shown: tuple[object, ...] | None = None
    read_at: float = 0.0

    @property
    def is_old(self) -> bool:
        """Returns whether it is to be read again, whatever has changed."""
        return time.monotonic() - self.read_at >= _READ_AGAIN_SECONDS


class AlertWatch:
    """The watched organizations of a server. encode makes the message of what is read, once for all who get it."""

    def __init__(
        self, lookups: Lookups, encode: Callable[[AlertsOverview], bytes], *, limit: int, limit_each: int
    ) -> None:
        self._lookups = lookups
        self._encode = encode
        self._limits = SubscriptionLimits(total=limit, each=limit_each)
        self._watched: dict[tuple[int, Restriction | None], WatchedAlerts] = {}
        self._pulse: asyncio.Task[None] | None = None
        self.subscriptions = Tally()  # by organization

    @contextlib.asynccontextmanager
    async def watching(self, organization_id: int, restriction: Restriction | None) -> AsyncIterator[WatchedAlerts]:
        """Gives an organization that has been read, or the part of it that somebody may see, while the block lasts;
        refuses watchers over the limits.
        """
        self._limits.check(self.subscriptions, organization_id)
        self.subscriptions.add(organization_id)  # before anything is waited for
        telemetry.SUBSCRIPTIONS.inc()
        part = None if restriction is None else restriction.canonical()
        key = organization_id, part
        one = self._watched.setdefault(key, WatchedAlerts(organization_id=organization_id, restriction=part))
        one.users += 1
        try:
            async with one.first:
                if not one.version:
                    await self._read(one)
            if self._pulse is None:
                self._pulse = asyncio.create_task(self._beat())
            yield one
        finally:
            telemetry.SUBSCRIPTIONS.dec()
            self.subscriptions.add(organization_id, -1)
            one.users -= 1
            if not one.users:
                del self._watched[key]
            if not self._watched and self._pulse is not None:
                self._pulse.cancel()
                self._pulse = None

    def wake(self) -> None:
        """Wakes every watcher."""
        for one in self._watched.values():
            one.news.notify_all()

    async def _read(self, one: WatchedAlerts) -> None:
        """Reads how an organization stands, and wakes those who watch it if that is news."""
        async with self._lookups.snapshot(one.organization_id) as driver:
            mark = (await stored.marks(driver, [one.organization_id])).get(one.organization_id)
            found = await stored.overview(driver, one.organization_id, SHOWN_INCIDENTS, seen_by=one.restriction)
        one.mark, one.read_at, one.encoded = mark, time.monotonic(), self._encode(found)
        shown = (dict(found.states), list(found.incidents), found.open_incidents)
        if shown != one.shown:
            one.shown = shown
            one.version += 1
            one.news.notify_all()

    async def _beat(self) -> None:
        """Looks once a second at what has changed. While the database is away there is no news."""
        away = False
        while True:
            await asyncio.sleep(PULSE_SECONDS)
            try:
                await self._look()
                away = False
            except Exception as error:  # noqa: BLE001 - the pulse outlives whatever happens
                if not away:
                    _log.warning("alerts cannot be read; those who watch them wait", error=errors.describe(error))
                away = True

    async def _look(self) -> None:
        async with self._lookups.snapshot(lookup_slots.EVERYBODY) as driver:
            marks = await stored.marks(driver, {organization_id for organization_id, _ in self._watched})
        for one in list(self._watched.values()):
            if one.version and (one.is_old or marks.get(one.organization_id) != one.mark):
                await self._read(one)
