"""What events add to which cells: the only place where an event becomes numbers."""

import collections
import functools
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple, Self, cast

from pyroaring import BitMap

from server.catalog import cells, columns, dimensions, pairs, registry, slots
from server.catalog.cells import Cell, CellKey, Cells
from server.catalog.columns import ColumnPlan, Columns
from server.catalog.dimensions import Dimension
from server.catalog.pairs import FieldPair
from server.catalog.slots import Recency
from server.events.event import Event

STORAGE_KINDS = ("unspecified", "document", "upload", "backup")


@dataclass(frozen=True, slots=True)
class Overflow:
    """The values that have no cells of their own, by the numbers of their dimensions: they are counted under
    cells.OTHER, in totals as any other. A dimension without such values is left out.
    """

    values: Mapping[int, AbstractSet[str]]

    @classmethod
    def of(cls, members: Iterable[tuple[int, str]]) -> Self:
        """Returns the overflow of values that are given with the kinds of members that they are."""
        found: dict[int, set[str]] = {}
        for kind, value in members:
            found.setdefault(dimensions.TABLE.by_member_kind[kind].number, set()).add(value)
        return cls(found)

    def __bool__(self) -> bool:
        """Returns whether there is any such value."""
        return bool(self.values)

    def label(self, dimension: Dimension, value: str) -> str:
        """Returns the value under which something with a value of a dimension is counted."""
        if value in self.values.get(dimension.number, ()):
            return cells.OTHER
        if dimension.sides is not None and self._holds_side(dimension.sides, value):
            return cells.OTHER
        return value

    def _holds_side(self, sides: Sequence[Dimension], value: str) -> bool:
        """Returns whether one of the values of a pair has no cells of its own."""
        parts = dimensions.parted(value)
        return any(part in self.values.get(one.number, ()) for one, part in zip(sides, parts, strict=True))

    def holds(self, event: Event) -> bool:
        """Returns whether any value of the event is counted under cells.OTHER."""
        by_number = dimensions.TABLE.by_number
        return any(by_number[number].value_of(event) in over for number, over in self.values.items())


NO_OVERFLOW = Overflow({})


class Numbers(NamedTuple):
    """The dense numbers that stand for an organization's external ids, those without cells of their own, and the pairs
    of dimensions that are counted for it.
    """

    users: Mapping[str, int]
    agents: Mapping[str, int]
    overflow: Overflow = NO_OVERFLOW
    pairs: tuple[Dimension, ...] = ()


_EVENTS_KEY = cells.count_key(registry.MEASURES["events"].number)
_USERS = registry.MEASURES["unique_users"].number
_AGENTS = registry.MEASURES["active_agents"].number
_STORAGE = registry.MEASURES["storage_change_bytes"].number
_STORAGE_CHANGED = "storage.changed"
_UNKNOWN = ""  # stands for the types that the service does not know
_TYPES = {name for one in registry.MEASURES.values() for name in one.event_types}
# The dimensions by which alone some measures are kept.
_KEEPERS = frozenset(name for one in registry.MEASURES.values() for name in one.only_by)


@functools.cache
def _kept(dimension: Dimension) -> frozenset[str]:
    """Returns those names of a dimension, or of what it stands for together, by which alone some measures are kept."""
    return dimension.names & _KEEPERS


@functools.cache
def _plan(event_type: str, kept: frozenset[str]) -> ColumnPlan:
    return columns.plan(event_type, kept)


_Rows = list[int]  # events of one type, by their places among those
_ByType = dict[str, _Rows]
_Group = tuple[int, tuple[str, ...]]  # a place in time, and the values of the dimensions that are fields of events
# A CellKey before it is one: a plain tuple is made in a fifth of the time, and most of these are there already.
_PlainKey = tuple[int, str, int, int]
_detail_of: Callable[[Event], Mapping[str, int | str]] = operator.itemgetter(Event._fields.index("detail"))
_type_of, _user_of, _agent_of = map(dimensions.field, ("event_type", "user_id", "agent_id"))
# Every event has one value of it, or none; so the cells of its values add up to the total, in fewer steps than the
# events do.
_ADDS_UP = dimensions.CHANNEL


def of_events(events: Sequence[Event], numbers: Numbers, recency: Recency = slots.QUARTERS_ALONE) -> Cells:
    """Returns the cells that events add up to, of which several may be one object, so that they must not be changed.
    What has occurred lately is distinguished by slots as well, where that matters for figures of now.
    """
    groups: dict[_Group, _ByType] = {}
    tables: dict[str, list[int]] = {}  # the events of each type, by their places among all
    values_of, types_of = map(dimensions.TABLE.fields_of, events), map(_type_of, events)
    places = recency.places(events)
    for number, (place, values, event_type) in enumerate(zip(places, values_of, types_of, strict=True)):
        table = tables.get(event_type)
        if table is None:
            table = tables[event_type] = []
        types = groups.get((place, values))
        if types is None:
            groups[place, values] = {event_type: [len(table)]}
        elif event_type in types:
            types[event_type].append(len(table))
        else:
            types[event_type] = [len(table)]
        table.append(number)
    split = pairs.split(numbers.pairs)
    found = _by_cell(groups, split.of_fields, numbers.overflow)
    batch = _Batch(events, places, tables, numbers)
    _add_by_details(found, batch, split.of_details)
    by_number = dimensions.TABLE.by_number
    result: Cells = {CellKey(*plain): batch.cell(types, _kept(by_number[plain[0]])) for plain, types in found.items()}
    _count_types(result, groups, numbers.overflow)
    if _STORAGE_CHANGED in tables:
        _count_storage(result, batch)
    for key in [key for key in result if key.dimension == _ADDS_UP.number]:
        cells.cell(result, CellKey(dimensions.TOTAL.number, "", key.bucket, key.slot)).add(result[key])
        if not key.value:
            del result[key]
    return result


def of_group(events: Sequence[Event], numbers: Numbers, by: Dimension) -> Cell:
    """Returns what events add up to in one cell of a dimension, whatever bucket that is of."""
    return of_groups(events, [0] * len(events), numbers, by).get(0, Cell())


def of_groups(events: Sequence[Event], groups: Sequence[int], numbers: Numbers, by: Dimension) -> dict[int, Cell]:
    """Returns what events add up to in cells of a dimension, by the group that each event is in. Cells may be one
    object, so that they must not be changed.
    """
    tables: dict[str, list[int]] = {}
    found: dict[int, _ByType] = {}
    for number, (group, event_type) in enumerate(zip(groups, map(_type_of, events), strict=True)):
        table = tables.setdefault(event_type, [])
        found.setdefault(group, {}).setdefault(event_type, []).append(len(table))
        table.append(number)
    batch = _Batch(events, (), tables, numbers)
    return {group: batch.cell(types, _kept(by)) for group, types in found.items()}


def of_each(events: Sequence[Event], keys: AbstractSet[int], by: Dimension) -> list[dict[int, int]]:
    """Returns what each event adds to some counters of a cell of a dimension."""
    tables: dict[str, list[int]] = {}
    for number, event_type in enumerate(map(_type_of, events)):
        tables.setdefault(event_type, []).append(number)
    found: list[dict[int, int]] = [{} for _ in events]
    for event_type, rows in tables.items():
        plan = _plan(event_type if event_type in _TYPES else _UNKNOWN, _kept(by))
        made = columns.columns(plan, [_detail_of(events[row]) for row in rows])
        each = {key: 1 for key in made.each if key in keys}
        amounts = [(key, amount_of) for key, amount_of in made.amounts if key in keys]
        for place, row in enumerate(rows):
            found[row] = {**each, **{key: int(amount_of(place)) for key, amount_of in amounts}}
    return found


class _Batch:
    """Events that are counted together: their types' columns are made once, when they are asked for."""

    def __init__(
        self, events: Sequence[Event], places: Sequence[int], tables: Mapping[str, Sequence[int]], numbers: Numbers
    ) -> None:
        self._places = places
        self._tables = tables
        self._numbers = numbers
        self._columns: dict[tuple[str, frozenset[str]], _Columns] = {}
        self._events = events
        self._of_one: dict[tuple[str, int, frozenset[str]], Cell] = {}
        self.overflow = numbers.overflow

    def types(self) -> Iterable[str]:
        """Returns the types of the events."""
        return self._tables

    def events(self, event_type: str) -> Sequence[Event]:
        """Returns the events of a type, in the order of its rows."""
        return [self._events[number] for number in self._tables[event_type]]

    def places(self, event_type: str) -> Sequence[int]:
        """Returns the places in time of a type's events, in the order of its rows."""
        return [self._places[number] for number in self._tables[event_type]]

    def cell(self, types: Mapping[str, _Rows], kept: frozenset[str]) -> Cell:
        """Returns what events add up to, by their types, in a cell of these keepers.

        Of a single event that is made once: it counts in several cells, alone in many of them.
        """
        if len(types) == 1:
            ((event_type, rows),) = types.items()
            if len(rows) == 1:
                alone = event_type, rows[0], kept
                return self._of_one.get(alone) or self._of_one.setdefault(alone, self._added_up(types, kept))
        return self._added_up(types, kept)

    def _added_up(self, types: Mapping[str, _Rows], kept: frozenset[str]) -> Cell:
        cell = Cell()
        users: set[int | None] = set()
        agents: set[int | None] = set()
        for event_type, rows in types.items():
            mine = self._columns.get((event_type, kept)) or self._made(event_type, kept)
            mine.figures.add(rows, cell)
            users.update(map(mine.user_of, rows))
            if mine.agent_of is not None:
                agents.update(map(mine.agent_of, rows))
        users.discard(None)
        agents.discard(None)
        if users:
            cell.sets[_USERS] = BitMap(cast(set[int], users))
        if agents:
            cell.sets[_AGENTS] = BitMap(cast(set[int], agents))
        return cell

    def _made(self, event_type: str, kept: frozenset[str]) -> "_Columns":
        """Returns the columns of a type, which stay there."""
        some = self.events(event_type)
        plan = _plan(event_type if event_type in _TYPES else _UNKNOWN, kept)
        users, agents = self._numbers.users, self._numbers.agents
        agent_of = (
            [agents[one] if one else None for one in map(_agent_of, some)].__getitem__ if plan.has_agent_set else None
        )
        made = self._columns[event_type, kept] = _Columns(
            figures=columns.columns(plan, list(map(_detail_of, some))),
            user_of=[users[one] if one else None for one in map(_user_of, some)].__getitem__,
            agent_of=agent_of,
        )
        return made


class _Columns(NamedTuple):
    """What rows of a type add to figures, and the dense numbers of their users and agents; None: of none."""

    figures: Columns
    user_of: Callable[[int], int | None]
    agent_of: Callable[[int], int | None] | None


def _by_cell(
    groups: Mapping[_Group, _ByType], pairs: Sequence[FieldPair], overflow: Overflow
) -> dict[_PlainKey, _ByType]:
    """Returns the events of each type that count for a value of a dimension, or for no value of the one that adds up to
    the total.
    """
    found: dict[_PlainKey, _ByType] = {}
    for (place, values), types in groups.items():
        cells_of = [found.setdefault(key, {}) for key in _keys(place, values, pairs, overflow)]
        for event_type, rows in types.items():
            for cell in cells_of:
                _add_rows(cell, event_type, rows)
    return found


def _add_rows(cell: _ByType, event_type: str, rows: Sequence[int]) -> None:
    mine = cell.get(event_type)
    if mine is None:
        cell[event_type] = [*rows]
    else:
        mine += rows


def _keys(place: int, values: Sequence[str], pairs: Sequence[FieldPair], overflow: Overflow) -> list[_PlainKey]:
    """Returns the cells of values that are fields of events, and of pairs of them."""
    bucket, slot = slots.split(place)
    keys = [
        (one.dimension.number, value, bucket, slots.WHOLE)
        for one in pairs
        if (value := dimensions.joined(values[one.first], values[one.second]))
    ]
    keys += [
        (dimension.number, value, bucket, slot if dimension.has_slots else slots.WHOLE)
        for dimension, value in zip(dimensions.TABLE.of_fields, values, strict=True)
        if value or dimension is _ADDS_UP
    ]
    if not overflow.values:
        return keys
    by_number = dimensions.TABLE.by_number
    return [(number, overflow.label(by_number[number], value), at, part) for number, value, at, part in keys]


def _add_by_details(found: dict[_PlainKey, _ByType], batch: _Batch, pairs: Mapping[str, Sequence[Dimension]]) -> None:
    """Adds events to the cells of dimensions whose values are in details, and of pairs with one of them."""
    for event_type in batch.types():
        mine = dimensions.TABLE.of_details.get(event_type)
        if not mine:
            continue
        some = batch.events(event_type)
        if not any(map(_detail_of, some)):
            continue
        places = list(map(slots.split, batch.places(event_type)))
        buckets = [(bucket, slots.WHOLE) for bucket, _ in places]
        carried = {dimension: dimension.carried_by(some) for dimension in mine}
        for pair in pairs.get(event_type, ()):
            first, second = (carried.get(side) or side.carried_by(some) for side in pair.sides or ())
            carried[pair] = dimensions.all_joined(first, second)
        for dimension, values in carried.items():
            for (bucket, slot), of_values in _rows(values, places if dimension.has_slots else buckets).items():
                for value, rows in of_values.items():
                    key = dimension.number, batch.overflow.label(dimension, value), bucket, slot
                    _add_rows(found.setdefault(key, {}), event_type, rows)


def _rows(values: Sequence[str], places: Sequence[tuple[int, int]]) -> dict[tuple[int, int], dict[str, _Rows]]:
    """Returns the rows of each value, by places in time; those without a value are left out."""
    found: dict[tuple[int, int], dict[str, _Rows]] = {}
    if len(set(places)) == 1:  # as most often
        of_values: dict[str, _Rows] = collections.defaultdict(list)
        found[places[0]] = of_values
        for row, value in enumerate(values):
            of_values[value].append(row)
    else:
        for row, (place, value) in enumerate(zip(places, values, strict=True)):
            found.setdefault(place, {}).setdefault(value, []).append(row)
    for mine in found.values():
        mine.pop("", None)
    return found


def _count_types(result: Cells, groups: Mapping[_Group, _ByType], overflow: Overflow) -> None:
    """Adds the events of each type."""
    found: dict[tuple[str, int], int] = {}
    for (place, _), types in groups.items():
        for event_type, rows in types.items():
            found[event_type, place] = found.get((event_type, place), 0) + len(rows)
    for (event_type, place), count in found.items():
        bucket, _ = slots.split(place)
        label = overflow.label(dimensions.EVENT_TYPE, event_type)
        counters = cells.cell(result, CellKey(dimensions.EVENT_TYPE.number, label, bucket)).counters
        counters[_EVENTS_KEY] = counters.get(_EVENTS_KEY, 0) + count


def _count_storage(result: Cells, batch: _Batch) -> None:
    """Adds changes of storage by its kind."""
    for event, place in zip(batch.events(_STORAGE_CHANGED), batch.places(_STORAGE_CHANGED), strict=True):
        bucket, _ = slots.split(place)
        change, kind = event.detail.get("bytes_delta", 0), event.detail.get("kind", 0)
        if isinstance(change, int) and isinstance(kind, int):
            target = cells.cell(result, CellKey(dimensions.STORAGE_KIND.number, STORAGE_KINDS[kind], bucket))
            cells.add_into(target.counters, ((cells.count_key(_STORAGE), 1), (cells.sum_key(_STORAGE), change)))
