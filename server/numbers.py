"""Dense numbers of users, agents and event types, remembered between batches."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from server import measures
from server.events import Event
from server.store import members
from server.store.database import Database, Driver
from server.store.members import Kind

_CAPACITY = 500_000
_Key = tuple[int, Kind, str]


class NumberCache:
    """Remembers numbers that are committed. They never change, so nothing can make an entry wrong."""

    def __init__(self, database: Database, capacity: int = _CAPACITY) -> None:
        self._database = database
        self._capacity = capacity
        self._numbers: dict[_Key, int] = {}

    async def of(self, organization_id: int, events: Sequence[Event]) -> measures.Numbers:
        """The numbers of every user and agent of the events; those that have none get one, in a transaction of its own.

        A number without events costs nothing, so it does not matter whether the events are stored afterwards.
        """
        wanted = {
            Kind.USER: {event.user_id for event in events if event.user_id},
            Kind.AGENT: {event.agent_id for event in events if event.agent_id},
            Kind.EVENT_TYPE: {event.event_type for event in events},
        }
        missing = {kind: self._missing(organization_id, kind, ids) for kind, ids in wanted.items()}
        if any(missing.values()):
            await self._fetch(organization_id, missing)
        numbers = self._numbers
        result = measures.Numbers(
            users={one: numbers[organization_id, Kind.USER, one] for one in wanted[Kind.USER]},
            agents={one: numbers[organization_id, Kind.AGENT, one] for one in wanted[Kind.AGENT]},
        )
        self._shrink()
        return result

    def _missing(self, organization_id: int, kind: Kind, ids: Iterable[str]) -> set[str]:
        return {one for one in ids if (organization_id, kind, one) not in self._numbers}

    async def _fetch(self, organization_id: int, missing: dict[Kind, set[str]]) -> None:
        async with self._database.ingest() as driver:
            found = await self._known(driver, organization_id, missing)
            unknown = {
                kind: [one for one in ids if (organization_id, kind, one) not in found] for kind, ids in missing.items()
            }
            if any(unknown.values()):
                await members.enrol(driver, organization_id, unknown)
                found |= await self._known(driver, organization_id, unknown)
        self._numbers |= found  # after the commit: a number that was rolled back may be given to somebody else

    async def _known(
        self, driver: Driver, organization_id: int, ids: Mapping[Kind, Collection[str]]
    ) -> dict[_Key, int]:
        return {
            (organization_id, kind, external_id): number
            for kind, some in ids.items()
            if some
            for external_id, number in (await members.known(driver, organization_id, kind, some)).items()
        }

    def _shrink(self) -> None:
        """Forgets the half that was learnt first once there are too many."""
        if len(self._numbers) > self._capacity:
            self._numbers = dict(list(self._numbers.items())[self._capacity // 2 :])
