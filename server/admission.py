"""Admission: which calls get in, decided by their bytes before anything is made of them.

The ladder of refusals, first match wins: the quota that is used up, the organization's rate, then memory, the event
loop's delay, bytes under way and queues. What is too large is refused by gRPC before, what waits too long for the
database behind.
"""

import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass

from server import telemetry
from server.accounts import Principal
from server.arrivals import Arrivals
from server.errors import Reason, Refused
from server.fairness import FairSlots
from server.ingest import Ingest
from server.limits import Defaults, Limits
from server.pressure import Pressure
from server.rates import Rates

SHARE = 4  # one organization may hold a quarter of what is under way


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Where a server begins to refuse."""

    inflight_bytes: int
    memory_bytes: int  # 0: none
    queue_seconds: float
    lag_seconds: float


class Admission:
    """Lets calls in or refuses them. Sending events and asking questions do not take room from each other."""

    def __init__(
        self,
        bounds: Bounds,
        defaults: Defaults,
        ingest: Ingest,
        rates: Rates,
        pressure: Pressure,
        arrivals: Arrivals,
    ) -> None:
        self._bounds = bounds
        self._defaults = defaults
        self._ingest = ingest
        self._rates = rates
        self._pressure = pressure
        self._inflight: Counter[int] = Counter()
        self._total = 0
        # Events are read in turns: however much one organization sends, the next turn is another one's who waits.
        self._reading = FairSlots(1)
        self.arrivals = arrivals

    async def check_events(self, principal: Principal, size: int) -> None:
        """Refuses a call that sends events, of that many bytes, where it cannot be let in now.

        What is let in must be charged, and held, before anything else runs.
        """
        limits = self._defaults.of(principal.settings)
        if self._rates.must_ask(principal.organization_id, limits):
            await self._rates.ask(principal.organization_id, limits)
        self._climb(principal.organization_id, limits, size)

    def refusal(self, principal: Principal) -> Refused | None:
        """Why a call that sends events cannot be let in now, of whatever size; None where that is not known at once."""
        limits = self._defaults.of(principal.settings)
        if self._rates.must_ask(principal.organization_id, limits):
            return None
        try:
            self._climb(principal.organization_id, limits, 0)
        except Refused as refusal:
            return refusal.with_traceback(None)  # its frames know it, so that neither would go before a collection
        return None

    def _climb(self, organization_id: int, limits: Limits, size: int) -> None:
        """The ladder, rung by rung."""
        refusal = self._rates.refusal(organization_id, limits)
        if refusal is not None:
            quotas = self._ingest.quotas
            raise quotas.refusal(organization_id, limits.monthly_events, only_if_used_up=True) or refusal
        self.check_pressure()
        self._check_room(organization_id, size)
        wait = self._reading.expected_wait(organization_id) + self._ingest.expected_wait(organization_id)
        if wait > self._bounds.queue_seconds:
            raise _overloaded("the organization's events would have to wait too long", self._bounds.queue_seconds / 2)

    def check_pressure(self) -> None:
        """Refuses any call while the process holds too much memory or is too slow."""
        if self._bounds.memory_bytes and self._pressure.resident_bytes > self._bounds.memory_bytes:
            raise _overloaded("the server is short of memory", 1.0)
        if self._pressure.lag > self._bounds.lag_seconds:
            raise _overloaded("the server cannot keep up", 1.0)

    def _check_room(self, organization_id: int, size: int) -> None:
        """Refuses what would be too much at once. Whoever has nothing under way may always send one call."""
        own = self._inflight[organization_id]
        if own and own + size > self._bounds.inflight_bytes // SHARE:
            raise _overloaded("the organization has too many bytes under way", 0.25)
        if self._total and self._total + size > self._bounds.inflight_bytes:
            raise _overloaded("the server has too many bytes under way", 0.5)

    def charge(self, principal: Principal, events: int) -> None:
        """Counts the events of a call that was let in against the organization's rate."""
        self._rates.charge(principal.organization_id, self._defaults.of(principal.settings), events)

    @contextlib.contextmanager
    def holding(self, organization_id: int, size: int) -> Iterator[None]:
        """Counts bytes as under way for the length of the block."""
        self._inflight[organization_id] += size
        self._total += size
        telemetry.INFLIGHT_BYTES.set(self._total)
        try:
            yield
        finally:
            self._total -= size
            telemetry.INFLIGHT_BYTES.set(self._total)
            self._inflight[organization_id] -= size
            if not self._inflight[organization_id]:
                del self._inflight[organization_id]

    @contextlib.asynccontextmanager
    async def reading(self, principal: Principal, events: int) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """The turn in which the events of a call are read. What takes long is to be done in parts, and what this gives
        awaited between them.
        """
        weight = principal.settings.weight
        await self._ingest.give_way(principal.organization_id)
        async with self._reading.slot(principal.organization_id, cost=events, weight=weight):
            await self.arrivals.lull()  # in line, so that whoever is let in next is told of this wait, too
            with self.arrivals.working() as breathe:
                yield breathe

    def limits(self, principal: Principal) -> Limits:
        """The limits of the caller's organization."""
        return self._defaults.of(principal.settings)


def _overloaded(message: str, seconds: float) -> Refused:
    """Told apart from each other, so that those that are refused together do not come back together."""
    return Refused(Reason.OVERLOADED, message, retry_after=seconds * random.uniform(1.0, 2.0))  # noqa: S311
