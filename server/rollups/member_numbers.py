"""What is known of users and of the values of dimensions, remembered between batches."""

import collections
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from server import errors
from server.catalog import cells, counting, dimensions, pairs
from server.catalog.counting import Overflow
from server.catalog.dimensions import Dimension
from server.events import rules
from server.events.event import Event
from server.rollups.erased_users import Digest, ErasedUsers, ErasuresChanged
from server.settings import Settings
from server.store import members
from server.store.database import Driver
from server.store.members import Candidate, Member

_CAPACITY = 300_000  # about 60 MB when all of it is used
Learned = Mapping[members.Key, Member]


@dataclass(frozen=True, slots=True)
class Limits:
    """How many distinct values of an organization have cells of their own; the others share that of cells.OTHER.

    Whether a value does is decided when it is seen for the first time, and stays so whatever the limits become. Event
    types that the service knows always do and are not counted here.
    """

    by_name: Mapping[str, int] = field(default_factory=dict)  # of dimensions; the others have those of the table

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Returns the limits that the operator has set; SetupError where a dimension has no limit, or not that one."""
        limits = settings.max_distinct or {}
        allowed = {one.name: one.highest_limit for one in dimensions.TABLE.limited}
        for name, limit in limits.items():
            if not 0 <= limit <= allowed.get(name, -1):
                known = ", ".join(f"{one} (0 to {highest})" for one, highest in allowed.items())
                raise errors.SetupError(f"TALLYWIRE_MAX_DISTINCT: {name}={limit} is none of the limits {known}")
        return cls(limits)

    def candidate(self, kind: int, external_id: str) -> Candidate:
        """The id and the limit that it falls under."""
        return Candidate(kind, external_id, self._limit(kind, external_id))

    def _limit(self, kind: int, external_id: str) -> int | None:
        dimension = dimensions.TABLE.by_member_kind.get(kind)
        if dimension is None or (dimension is dimensions.EVENT_TYPE and external_id in rules.FAMILIES):
            return None
        if external_id == cells.OTHER:
            return 0
        return self.by_name.get(dimension.name, dimension.limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The numbers that a batch needs, and what was just learned of them."""

    numbers: counting.Numbers
    organization_id: int
    learned: Learned
    erasures: int  # how often what was known of erased users had changed


@dataclass(slots=True)
class _Shelf:
    """The ids of one kind of an organization: their numbers, and those that are over the limit."""

    numbers: dict[str, int] = field(default_factory=dict)
    overflow: set[str] = field(default_factory=set)

    def put(self, external_id: str, member: Member) -> None:
        self.numbers[external_id] = member.number
        if member.overflow:
            self.overflow.add(external_id)


_Generation = dict[tuple[int, int], _Shelf]  # by organization and kind
_EMPTY = _Shelf()
_type_of, _detail_of = map(dimensions.field, ("event_type", "detail"))
_Ids = dict[int, set[str]]  # by kind


def ids_of(events: Sequence[Event]) -> _Ids:
    """The ids that have to be known to count events, by kind; kinds without any are left out."""
    table = dimensions.TABLE
    found = {dimensions.USER_KIND: set(map(dimensions.field("user_id"), events))}
    for dimension in (*table.of_fields, dimensions.EVENT_TYPE):
        found[dimension.member_kind] = set(map(dimensions.field(dimension.field), events))
    for event_type, some in _with_details(events).items():
        for dimension in table.of_details[event_type]:
            found.setdefault(dimension.member_kind, set()).update(dimension.carried_by(some))
    return _without_empty(found)


def ids_of_pairs(events: Sequence[Event], counted: tuple[Dimension, ...], overflow: Overflow) -> _Ids:
    """The values of pairs that have to be known besides, by kind: not those with a side that is counted under
    cells.OTHER, and so are they.
    """
    of_fields, of_details = pairs.split(counted)
    found: _Ids = {}
    for pair, *_ in of_fields:
        first, second = (map(dimensions.field(one.field), events) for one in pair.sides or ())
        found[pair.member_kind] = {dimensions.joined(*both) for both in set(zip(first, second, strict=True))}
    for event_type, some in _with_details(events).items() if of_details else ():
        for pair in of_details.get(event_type, ()):
            found.setdefault(pair.member_kind, set()).update(pair.carried_by(some))
    found = _without_empty(found)
    if not overflow:
        return found
    by_kind = dimensions.TABLE.by_member_kind
    return {
        kind: {value for value in values if overflow.label(by_kind[kind], value) != cells.OTHER}
        for kind, values in found.items()
    }


def _with_details(events: Sequence[Event]) -> dict[str, list[Event]]:
    """Returns the events with details in which dimensions have values, by their type."""
    found: dict[str, list[Event]] = collections.defaultdict(list)
    for event, event_type, detail in zip(events, map(_type_of, events), map(_detail_of, events), strict=True):
        if detail:
            found[event_type].append(event)
    of_details = dimensions.TABLE.of_details
    return {event_type: some for event_type, some in found.items() if event_type in of_details}


def _without_empty(found: _Ids) -> _Ids:
    for ids in found.values():
        ids.discard("")
    return {kind: ids for kind, ids in found.items() if ids}


def of_members(known: Iterable[tuple[members.Key, Member]], counted: tuple[Dimension, ...] = ()) -> counting.Numbers:
    """What is known of ids, in the form in which events are counted by it, and for pairs of dimensions."""
    shelves: dict[int, _Shelf] = {}
    for (kind, external_id), member in known:
        shelves.setdefault(kind, _Shelf()).put(external_id, member)
    return _numbers(shelves, counted)


def _numbers(shelves: Mapping[int, _Shelf], counted: tuple[Dimension, ...]) -> counting.Numbers:
    return counting.Numbers(
        users=shelves.get(dimensions.USER_KIND, _EMPTY).numbers,
        agents=shelves.get(dimensions.AGENT.member_kind, _EMPTY).numbers,
        overflow=_overflow(shelves),
        pairs=counted,
    )


def _overflow(shelves: Mapping[int, _Shelf]) -> Overflow:
    return Overflow.of((kind, value) for kind, shelf in shelves.items() for value in shelf.overflow)


class NumberCache:
    """Remembers what is durable. It never changes, so nothing can make an entry wrong, but the erasure of a user: with
    that all users of the organization are forgotten, so that one that is remembered is never an erased one.

    There are two generations. What is learned goes into the younger one, and so does what is found in the older one;
    when the younger one is full it becomes the older one, and what nobody has asked for meanwhile is forgotten at once.
    """

    def __init__(
        self, limits: Limits | None = None, *, capacity: int = _CAPACITY, digest: Digest | None = None
    ) -> None:
        self._limits = limits or Limits()
        self._erased = ErasedUsers(digest)
        self._capacity = capacity // 2  # of each generation
        self._young: _Generation = {}
        self._old: _Generation = {}
        self._size = 0  # of the younger one
        self._pairs: dict[int, Sequence[int]] = {}  # of organizations that have declared others than most

    @property
    def remembered(self) -> int:
        """Returns how many members are remembered."""
        return sum(len(shelf.numbers) for generation in (self._young, self._old) for shelf in generation.values())

    def erasures(self, organization_id: int) -> int:
        """Returns how often what is known here of an organization's erased users had changed."""
        return self._erased.of(organization_id).count

    def aliases(self, organization_id: int, user_ids: set[str]) -> dict[str, str]:
        """Returns the aliases of those of the users that were erased, as far as that is known here."""
        if not self.erasures(organization_id):
            return {}
        for generation in (self._young, self._old):
            if (shelf := generation.get((organization_id, dimensions.USER_KIND))) is not None:
                user_ids = user_ids - shelf.numbers.keys()
        return self._erased.aliases(organization_id, user_ids)

    async def learn_erasures(self, driver: Driver, organization_id: int) -> None:
        """Reads what is new of an organization's erased users, and forgets its users."""
        await self._erased.learn(driver, organization_id)
        forgotten = self._young.pop((organization_id, dimensions.USER_KIND), _EMPTY)
        self._size -= len(forgotten.numbers)
        self._old.pop((organization_id, dimensions.USER_KIND), None)

    async def of_all(
        self, driver: Driver, events: Mapping[int, Sequence[Event]], erasures: Mapping[int, int] | None = None
    ) -> dict[int, Known]:
        """What is known of every id of the events, by organization; those that are new are enrolled, in a transaction
        of its own and at most two round trips for all organizations, as long as no other server enrols ids of theirs.
        ErasuresChanged where more is known of erased users than here.

        An enrolment without events costs nothing, so it does not matter whether the events are stored afterwards. They
        have to be stored on the same connection: a crash of the database may take what is learned, and then takes both.
        erasures is with which knowledge of erased users the events were prepared, unless with the present one.
        """
        counted = {organization_id: self._pairs_of(organization_id) for organization_id in events}
        if erasures is None:
            erasures = {organization_id: self.erasures(organization_id) for organization_id in events}
        shelves: dict[int, dict[int, _Shelf]] = {organization_id: {} for organization_id in events}
        learned: dict[int, dict[members.Key, Member]] = {organization_id: {} for organization_id in events}
        await self._look_up(driver, {one: ids_of(some) for one, some in events.items()}, shelves, learned, erasures)
        of_pairs = {
            organization_id: ids_of_pairs(some, counted[organization_id], _overflow(shelves[organization_id]))
            for organization_id, some in events.items()
        }
        await self._look_up(driver, of_pairs, shelves, learned, erasures)
        return {
            organization_id: Known(
                numbers=_numbers(found, counted[organization_id]),
                organization_id=organization_id,
                learned=learned[organization_id],
                erasures=erasures[organization_id],
            )
            for organization_id, found in shelves.items()
        }

    async def _look_up(
        self,
        driver: Driver,
        wanted: Mapping[int, _Ids],
        shelves: Mapping[int, dict[int, _Shelf]],
        learned: Mapping[int, dict[members.Key, Member]],
        erasures: Mapping[int, int],
    ) -> None:
        """Adds what is known of ids, by organization, and enrols those that are new."""
        missing: dict[int, list[Candidate]] = {}
        for organization_id, ids in wanted.items():
            found = {kind: self._remembered(organization_id, kind, some) for kind, some in ids.items()}
            shelves[organization_id].update(found)
            if unknown := [(kind, one) for kind, some in ids.items() for one in some - found[kind].numbers.keys()]:
                missing[organization_id] = [self._limits.candidate(*key) for key in unknown]
        if not missing:
            return
        enrolled = await members.enrol(driver, missing, erasures)
        if left_out := [one for one, some in missing.items() if len(enrolled[one]) < len(some)]:
            raise ErasuresChanged(left_out)
        for organization_id, some_learned in enrolled.items():
            learned[organization_id].update(some_learned)
            for (kind, external_id), member in some_learned.items():
                shelves[organization_id][kind].put(external_id, member)

    def _pairs_of(self, organization_id: int) -> tuple[Dimension, ...]:
        return pairs.counted(self._pairs.get(organization_id, pairs.DEFAULT_NUMBERS))

    def learn_pairs(self, organization_id: int, declared: Sequence[int]) -> None:
        """Remembers the pairs that an organization has declared, by number, as a transaction has found them."""
        if list(declared) == pairs.DEFAULT_NUMBERS:
            self._pairs.pop(organization_id, None)
        else:
            self._pairs[organization_id] = declared

    def forget(self) -> None:
        """Forgets everything: after a restore to an earlier point, which takes back what was durable."""
        self._young, self._old, self._size = {}, {}, 0
        self._erased.forget()

    def keep(self, known: "Known") -> None:
        """Remembers what was learned. To be called once a later transaction is durable, and so what it says is too."""
        is_current = known.erasures == self.erasures(known.organization_id)
        for (kind, external_id), member in known.learned.items():
            if is_current or kind != dimensions.USER_KIND:  # else it may be of a user who was erased since
                self._put(known.organization_id, kind, external_id, member)

    def _put(self, organization_id: int, kind: int, external_id: str, member: Member) -> None:
        if self._size >= self._capacity:
            self._old, self._young, self._size = self._young, {}, 0
        shelf = self._young.setdefault((organization_id, kind), _Shelf())
        self._size += external_id not in shelf.numbers
        shelf.put(external_id, member)

    def _remembered(self, organization_id: int, kind: int, ids: set[str]) -> _Shelf:
        """Those of the ids that are remembered."""
        found = _Shelf()
        for generation in (self._young, self._old):
            shelf = generation.get((organization_id, kind))
            if shelf is None:
                continue
            there = ids & shelf.numbers.keys()
            ids = ids - there
            numbers = shelf.numbers
            found.numbers.update({one: numbers[one] for one in there})
            over = there & shelf.overflow if shelf.overflow else set()
            found.overflow |= over
            if generation is self._old:
                for one in there:
                    self._put(organization_id, kind, one, Member(numbers[one], one in over))
        return found
