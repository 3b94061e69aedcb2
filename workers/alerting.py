"""Alerts in a worker: rules that are due are looked at, every second, with connections of their own."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import structlog

from server import errors
from server.admission.query_slots import QuerySlots
from server.alerts import evaluating
from server.alerts.evaluating import Evaluating
from server.clock import Clock
from server.projections.projector import Projector
from server.query.queries import Queries
from server.settings import Settings
from server.store.database import Database
from server.tenancy.limits import DefaultLimits

_LOOK_SECONDS: Final = 1.0
_TIDY_EVERY: Final = timedelta(hours=1)
_WAITING = 1_000
_log = structlog.get_logger(__name__)


class Alerting:
    """Looks at rules of alerts for as long as the process lives."""

    def __init__(self, evaluations: Evaluating, clock: Clock) -> None:
        self._evaluations = evaluations
        self._clock = clock

    async def run(self) -> None:
        """Looks every second, at once again while there is more than a look takes; goes on until it is cancelled."""
        tidied = None
        while True:
            looked = await self._look()
            if looked == evaluating.CLAIMED:
                continue
            now = self._clock.now()
            if tidied is None or now - tidied >= _TIDY_EVERY:
                await self._tidy()
                tidied = now
            await asyncio.sleep(_LOOK_SECONDS)

    async def _look(self) -> int:
        try:
            return await self._evaluations.look()
        except errors.StorageUnavailable as error:
            _log.warning("rules of alerts wait for the database", reason=str(error))
            return 0

    async def _tidy(self) -> None:
        try:
            await self._evaluations.tidy(self._clock.now())
        except errors.StorageUnavailable as error:
            _log.warning("old states of alerts stay until the database is back", reason=str(error))


def alerting(settings: Settings, database: Database, projector: Projector, on_queued: Callable[[], None]) -> Alerting:
    """Returns what looks at rules."""
    clock = Clock()
    at_once = evaluating.ORGANIZATIONS_AT_ONCE
    queries = Queries(database, clock, QuerySlots(at_once, limit=_WAITING, limit_each=_WAITING), projector)
    limits = DefaultLimits.from_settings(settings)
    return Alerting(Evaluating(database, queries, clock, limits, on_queued), clock)
