"""Admission: which calls get in, decided by their size before anything is parsed.

The checks run in this order and the first that fails refuses the call: the monthly quota that is used up, the
organization's rate, the event loop's delay, bytes in flight (fewer while memory is short), and queues. gRPC refuses a
message that is too large before these checks; a call that waits too long for the database is refused after them.
"""

import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, Self

from server import telemetry
from server.admission.event_loop import Arrivals
from server.admission.fair_queue import FairSlots
from server.admission.pressure import Pressure
from server.admission.quotas import Quotas
from server.admission.rates import Rates
from server.errors import Reason, Refused
from server.settings import Settings
from server.tally import Tally
from server.tenancy.limits import DefaultLimits, OrganizationLimits
from server.tenancy.principal import Principal

SHARE = 4  # one organization may hold a quarter of the bytes in flight
# While memory is short: this part of the room for bytes is left, and so many calls of an organization that ask.
SHORT_PART = 8
SHORT_CALLS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The limits beyond which a server refuses calls."""

    inflight_bytes: int
    queue_seconds: float
    lag_seconds: float

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Returns the bounds that the operator has set."""
        return cls(
            inflight_bytes=settings.max_inflight_mib * 2**20,
            queue_seconds=settings.max_queue_seconds,
            lag_seconds=settings.max_lag_seconds,
        )


class IngestQueues(Protocol):
    """The part of ingest's queues that admission asks about."""

    @property
    def quotas(self) -> Quotas:
        """Returns the quotas, which know whose events of the month are used up."""

    def expected_wait(self, organization_id: int) -> float:
        """Returns for how many seconds one more call would wait for its transaction to begin."""

    async def back_off(self, organization_id: int) -> None:
        """Waits a little where the organization is backlogged and others have work in flight."""


class Admission:
    """The decision which calls get in. Calls that send events and calls that ask questions have separate room."""

    def __init__(
        self,
        bounds: Bounds,
        defaults: DefaultLimits,
        backlog: IngestQueues,
        rates: Rates,
        pressure: Pressure,
        arrivals: Arrivals,
    ) -> None:
        self._bounds = bounds
        self._defaults = defaults
        self._backlog = backlog
        self._rates = rates
        self._pressure = pressure
        self._inflight, self._asking = Tally(), Tally()
        # However much one organization sends, the next slot for reading goes to another one that waits.
        self._reading = FairSlots(1)
        self.arrivals = arrivals

    async def check_events(self, principal: Principal, size: int) -> None:
        """Refuses a call that sends events, of that many bytes, if it cannot be let in now.

        The caller must charge an admitted call and count its bytes as held before it awaits anything.
        """
        limits = self._defaults.of(principal.settings)
        if self._rates.must_ask(principal.organization_id, limits):
            await self._rates.ask(principal.organization_id, limits)
        self._check(principal.organization_id, limits, size)

    def refusal(self, principal: Principal) -> Refused | None:
        """Returns why no call that sends events can be let in now; None if such a call may get in, or if only Redis
        knows.
        """
        limits = self._defaults.of(principal.settings)
        if self._rates.must_ask(principal.organization_id, limits):
            return None
        try:
            self._check(principal.organization_id, limits, 0)
        except Refused as refusal:
            return refusal.with_traceback(None)  # its frames refer to it: a cycle, which would live until a collection
        return None

    def _check(self, organization_id: int, limits: OrganizationLimits, size: int) -> None:
        """Makes the checks one after the other; the first that fails raises its refusal."""
        refusal = self._rates.refusal(organization_id, limits)
        if refusal is not None:
            quotas = self._backlog.quotas
            raise quotas.refusal(organization_id, limits.monthly_events, only_if_used_up=True) or refusal
        self._check_pressure()
        self._check_room(organization_id, size)
        wait = self._reading.expected_wait(organization_id) + self._backlog.expected_wait(organization_id)
        if wait > self._bounds.queue_seconds:
            raise _overloaded("the organization's events would have to wait too long", self._bounds.queue_seconds / 2)

    def _check_pressure(self) -> None:
        """Refuses any call while the process is too slow."""
        if self._pressure.lag > self._bounds.lag_seconds:
            raise _overloaded("the server cannot keep up", 1.0)

    def _check_room(self, organization_id: int, size: int) -> None:
        """Refuses a call whose bytes would be too many in flight. An organization with nothing in flight may always
        send one call.

        While memory is short there is less room, except for organizations with nothing in flight.
        """
        whole, short = self._bounds.inflight_bytes, self._pressure.shortage.is_on
        room = whole // SHORT_PART if short else whole
        own = self._inflight[organization_id]
        if own and own + size > room // SHARE:
            raise self._short() if short else _overloaded("the organization has too many bytes under way", 0.25)
        if self._inflight.total and self._inflight.total + size > (room if own else whole):
            raise self._short() if short else _overloaded("the server has too many bytes under way", 0.5)

    def _short(self) -> Refused:
        self._pressure.shortage.refused()
        return _overloaded("the server is short of memory, and the organization has much under way", 1.0)

    @contextlib.contextmanager
    def asking(self, organization_id: int) -> Iterator[None]:
        """Counts a question or a subscription as in flight for the length of the block, or refuses it."""
        self._check_pressure()
        if self._pressure.shortage.is_on and self._asking[organization_id] >= SHORT_CALLS:
            raise self._short()
        self._asking.add(organization_id)
        try:
            yield
        finally:
            self._asking.add(organization_id, -1)

    def charge(self, principal: Principal, events: int) -> None:
        """Counts the events of a call that was let in against the organization's rate."""
        self._rates.charge(principal.organization_id, self._defaults.of(principal.settings), events)

    @contextlib.contextmanager
    def holding(self, organization_id: int, size: int) -> Iterator[None]:
        """Counts bytes as in flight for the length of the block."""
        self._inflight.add(organization_id, size)
        telemetry.INFLIGHT_BYTES.set(self._inflight.total)
        try:
            yield
        finally:
            self._inflight.add(organization_id, -size)
            telemetry.INFLIGHT_BYTES.set(self._inflight.total)

    @contextlib.asynccontextmanager
    async def reading(self, principal: Principal, events: int) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """Holds the slot for reading the events of a call. Gives a function that long work awaits between its parts, so
        that other calls are let in.
        """
        weight = principal.settings.weight
        await self._backlog.back_off(principal.organization_id)
        async with self._reading.slot(principal.organization_id, cost=events, weight=weight):
            await self.arrivals.yield_to_calls()  # with the slot held, so that expected_wait() sees this wait
            with self.arrivals.working() as yield_point:
                yield yield_point

    def limits(self, principal: Principal) -> OrganizationLimits:
        """Returns the limits of the caller's organization."""
        return self._defaults.of(principal.settings)


def _overloaded(message: str, seconds: float) -> Refused:
    """Returns a refusal with a jittered delay, so that calls that are refused together do not come back together."""
    return Refused(Reason.OVERLOADED, message, retry_after=seconds * random.uniform(1.0, 2.0))  # noqa: S311
