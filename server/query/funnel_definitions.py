"""How organizations save funnels, look at them and delete them."""

import contextlib
from collections.abc import AsyncIterator, Sequence

from server.admission.query_slots import QuerySlots
from server.catalog.funnels import MOST, FunnelDefinition, SavedFunnel
from server.errors import Reason, Refused
from server.query.queries import Queries
from server.store import funnels as stored
from server.store.database import Database, Driver
from server.tenancy.principal import Principal

_AT_ONCE = 2  # changes in this process
_MOST_WAITING, _MOST_WAITING_EACH = 40, 10


class FunnelDefinitions:
    """The saved funnels of organizations. Changes have slots of their own, and take no connections of others."""

    def __init__(self, database: Database, queries: Queries) -> None:
        self._database = database
        self._queries = queries
        self._slots = QuerySlots(_AT_ONCE, limit=_MOST_WAITING, limit_each=_MOST_WAITING_EACH)

    @contextlib.asynccontextmanager
    async def _changing(self, principal: Principal) -> AsyncIterator[Driver]:
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            yield driver

    async def save(self, principal: Principal, name: str, definition: FunnelDefinition, request_id: str) -> SavedFunnel:
        """Saves a funnel and returns it, also where the same request has saved it before; refuses a name that is taken,
        an id of another request, and more funnels than there may be.
        """
        organization_id = principal.organization_id
        async with self._changing(principal) as driver:
            await stored.lock(driver, organization_id)
            others = await stored.listed(driver, organization_id)
            for one in others:
                if request_id and one.request_id == request_id:
                    if (one.name, one.definition) == (name, definition):
                        return one
                    raise _exists(one.name, "request_id", "request_id was used to save another funnel: make a new id")
                if one.name == name:
                    raise _exists(name, "funnel.name", "choose another name, or delete that one")
            if len(others) >= MOST:
                raise Refused(
                    Reason.FUNNEL_LIMIT,
                    f"the organization has {MOST} saved funnels, which is the most: delete one that nobody needs",
                    metadata={"limit": str(MOST)},
                )
            await stored.add(driver, organization_id, name, definition, request_id)
            return await found(driver, organization_id, name)

    async def get(self, principal: Principal, name: str) -> SavedFunnel:
        """Returns a saved funnel; refuses one that is not there."""
        async with self._queries.looking(principal) as driver:
            return await found(driver, principal.organization_id, name)

    async def listed(self, principal: Principal) -> Sequence[SavedFunnel]:
        """Returns all saved funnels of the caller's organization, by name."""
        async with self._queries.looking(principal) as driver:
            return await stored.listed(driver, principal.organization_id)

    async def delete(self, principal: Principal, name: str) -> None:
        """Deletes a saved funnel; refuses one that is not there."""
        async with self._changing(principal) as driver:
            if not await stored.delete(driver, principal.organization_id, name):
                raise _not_found(name)


async def found(driver: Driver, organization_id: int, name: str) -> SavedFunnel:
    """Returns a saved funnel; refuses one that is not there."""
    one = await stored.named(driver, organization_id, name)
    if one is None:
        raise _not_found(name)
    return one


def _not_found(name: str) -> Refused:
    return Refused(
        Reason.FUNNEL_NOT_FOUND,
        f"the organization has no saved funnel {name[:100]!r}",
        field="name",
        metadata={"funnel": name[:100]},
    )


def _exists(name: str, field: str, advice: str) -> Refused:
    return Refused(
        Reason.FUNNEL_EXISTS,
        f"the organization has a saved funnel {name!r}: {advice}",
        field=field,
        metadata={"funnel": name},
    )
