"""Slots for questions: a bounded number is answered at once, a bounded number waits, shared fairly by organizations."""

import contextlib
from collections.abc import AsyncIterator

from server import errors
from server.admission.fair_queue import FairSlots, WaitedTooLong
from server.errors import Reason, Refused
from server.tally import Tally
from server.tenancy.principal import Principal

PATIENCE = 1.0  # seconds for which a question waits for a database connection
# What computes keeps a thread or the event loop busy for as long as a second, and organizations take turns.
FORECASTS_AT_ONCE, JUDGED_AT_ONCE = 2, 4
_COMPUTED_WAITING, _COMPUTED_EACH, _COMPUTED_PATIENCE = 100, 10, 10.0
# Of what people keep (preferences, dashboards) and of sign-ins: few ask at once, and they take no connections of
# questions.
_WORKSPACE_AT_ONCE, _WORKSPACE_WAITING, _WORKSPACE_EACH = 4, 200, 50


class QuerySlots:
    """A limited number of slots for questions and of places in the queue, and a smaller limit for each organization."""

    def __init__(self, at_once: int, *, limit: int, limit_each: int, patience: float = PATIENCE) -> None:
        """Has all slots free. patience is for how many seconds a question waits for one."""
        self._slots = FairSlots(at_once)
        self._limit = limit
        self._limit_each = limit_each
        self._patience = patience
        self._asked = Tally()

    @property
    def asked(self) -> int:
        """Returns how many questions are under way, waiting ones included."""
        return self._asked.total

    @contextlib.asynccontextmanager
    async def slot(self, principal: Principal) -> AsyncIterator[None]:
        """Holds a slot for the length of the block. Refuses a question over the limits.

        Raises StorageBusy for one that waits too long.
        """
        organization_id = principal.organization_id
        if self._asked.total >= self._limit or self._asked[organization_id] >= self._limit_each:
            raise Refused(Reason.QUERY_CONCURRENCY, "too many questions at once", retry_after=1.0)
        self._asked.add(organization_id)
        try:
            async with self._slots.slot(organization_id, weight=principal.settings.weight, patience=self._patience):
                yield
        except WaitedTooLong:
            raise errors.StorageBusy("too many questions before this one") from None
        finally:
            self._asked.add(organization_id, -1)


def computing(at_once: int) -> QuerySlots:
    """Returns turns for questions that compute."""
    return QuerySlots(at_once, limit=_COMPUTED_WAITING, limit_each=_COMPUTED_EACH, patience=_COMPUTED_PATIENCE)


def of_workspace() -> QuerySlots:
    """Returns turns for what people keep."""
    return QuerySlots(_WORKSPACE_AT_ONCE, limit=_WORKSPACE_WAITING, limit_each=_WORKSPACE_EACH)
