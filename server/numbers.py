"""Dense numbers of users, agents and event types, remembered between batches."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from server import measures
from server.events import Event
from server.store import members
from server.store.database import Driver
from server.store.members import Kind

_CAPACITY = 500_000
_Key = tuple[int, Kind, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The numbers that a batch needs, and those of them that were just learned."""

    numbers: measures.Numbers
    learned: Mapping[_Key, int]


class NumberCache:
    """Remembers numbers that are durable. They never change, so nothing can make an entry wrong."""

    def __init__(self, capacity: int = _CAPACITY) -> None:
        self._capacity = capacity
        self._numbers: dict[_Key, int] = {}

    async def of(self, driver: Driver, organization_id: int, events: Sequence[Event]) -> "Known":
        """The numbers of every user and agent of the events; those that have none get one, in a transaction of its own.

        A number without events costs nothing, so it does not matter whether the events are stored afterwards. They have
        to be stored on the same connection: what is learned may be lost in a crash of the database, and so is that.
        """
        wanted = {
            Kind.USER: {event.user_id for event in events if event.user_id},
            Kind.AGENT: {event.agent_id for event in events if event.agent_id},
            Kind.EVENT_TYPE: {event.event_type for event in events},
        }
        missing = {kind: self._missing(organization_id, kind, ids) for kind, ids in wanted.items()}
        learned = await self._fetch(driver, organization_id, missing) if any(missing.values()) else {}

        def numbers(kind: Kind) -> dict[str, int]:
            keys = ((organization_id, kind, one) for one in wanted[kind])
            return {key[2]: learned[key] if key in learned else self._numbers[key] for key in keys}

        return Known(numbers=measures.Numbers(users=numbers(Kind.USER), agents=numbers(Kind.AGENT)), learned=learned)

    def keep(self, known: "Known") -> None:
        """Remembers what was learned. To be called once a later transaction is durable, and so the numbers are too."""
        self._numbers |= known.learned
        if len(self._numbers) > self._capacity:  # forget the half that was learned first
            self._numbers = dict(list(self._numbers.items())[self._capacity // 2 :])

    def _missing(self, organization_id: int, kind: Kind, ids: Iterable[str]) -> set[str]:
        return {one for one in ids if (organization_id, kind, one) not in self._numbers}

    async def _fetch(self, driver: Driver, organization_id: int, missing: dict[Kind, set[str]]) -> dict[_Key, int]:
        async with driver.transaction():
            found = await self._known(driver, organization_id, missing)
            unknown = {
                kind: [one for one in ids if (organization_id, kind, one) not in found] for kind, ids in missing.items()
            }
            if any(unknown.values()):
                await members.enrol(driver, organization_id, unknown)
                found |= await self._known(driver, organization_id, unknown)
        return found

    async def _known(
        self, driver: Driver, organization_id: int, ids: Mapping[Kind, Collection[str]]
    ) -> dict[_Key, int]:
        return {
            (organization_id, kind, external_id): number
            for kind, some in ids.items()
            if some
            for external_id, number in (await members.known(driver, organization_id, kind, some)).items()
        }
