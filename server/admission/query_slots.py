"""Whose question is next: a bounded number waits, and organizations take turns."""

import contextlib
from collections.abc import AsyncIterator

from server import errors
from server.admission.fair_queue import FairSlots, WaitedTooLong
from server.errors import Reason, Refused
from server.tally import Tally
from server.tenancy.principal import Principal

PATIENCE = 1.0  # seconds for which a question waits for a database connection


class QuerySlots:
    """Lets so many questions be answered at once, and so many more wait; of one organization only a part of those."""

    def __init__(self, at_once: int, *, limit: int, limit_each: int) -> None:
        self._slots = FairSlots(at_once)
        self._limit = limit
        self._limit_each = limit_each
        self._asked = Tally()

    @contextlib.asynccontextmanager
    async def turn(self, principal: Principal) -> AsyncIterator[None]:
        """Holds a turn for the length of the block. Refuses what is too much; StorageBusy for what waits too long."""
        organization_id = principal.organization_id
        if self._asked.total >= self._limit or self._asked[organization_id] >= self._limit_each:
            raise Refused(Reason.QUERY_CONCURRENCY, "too many questions at once", retry_after=1.0)
        self._asked.add(organization_id)
        try:
            async with self._slots.slot(organization_id, weight=principal.settings.weight, patience=PATIENCE):
                yield
        except WaitedTooLong:
            raise errors.StorageBusy("too many questions before this one") from None
        finally:
            self._asked.add(organization_id, -1)
