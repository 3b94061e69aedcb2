"""What events add to which cells: the only place where an event becomes numbers."""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple, Self, cast

from pyroaring import BitMap

from server import histogram
from server.catalog import cells, dimensions, registry, slots
from server.catalog.cells import Cell, CellKey, Cells
from server.catalog.dimensions import Dimension, FieldPair
from server.catalog.metrics import Aggregation, Measure
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
    pairs: Sequence[Dimension] = ()


class _Plan(NamedTuple):
    """The measures that one event type feeds, sorted by how they are taken, as keys of counters."""

    counted: tuple[int, ...]
    flagged: tuple[tuple[str, int], ...]
    summed: tuple[tuple[str, int, int], ...]
    distributed: tuple[tuple[str, int, int, int], ...]
    has_agent_set: bool


_EVENTS_KEY = cells.count_key(registry.MEASURES["events"].number)
_USERS = registry.MEASURES["unique_users"].number
_AGENTS = registry.MEASURES["active_agents"].number
_STORAGE = registry.MEASURES["storage_change_bytes"].number


def _plan(event_type: str) -> _Plan:
    mine = [
        one
        for one in registry.MEASURES.values()
        if not one.projection and (not one.event_types or event_type in one.event_types)
    ]

    def taken(aggregation: Aggregation) -> list[Measure]:
        return [one for one in mine if one.aggregation is aggregation]

    return _Plan(
        counted=tuple(cells.count_key(one.number) for one in taken(Aggregation.COUNT) if not one.field),
        flagged=tuple((one.field, cells.count_key(one.number)) for one in taken(Aggregation.COUNT) if one.field),
        summed=tuple(
            (one.field, cells.count_key(one.number), cells.sum_key(one.number)) for one in taken(Aggregation.SUM)
        ),
        distributed=tuple(
            (one.field, cells.count_key(one.number), cells.sum_key(one.number), cells.first_bin_key(one.number))
            for one in taken(Aggregation.HISTOGRAM)
        ),
        has_agent_set=any(one.number == _AGENTS for one in taken(Aggregation.UNIQUE)),
    )


_CUSTOM = _plan("")
_PLANS = {
    event_type: _plan(event_type)
    for event_type in {name for one in registry.MEASURES.values() for name in one.event_types}
}

_ByType = dict[str, list[Event]]  # events by their type
_Group = tuple[int, tuple[str, ...]]  # a place in time, and the values of the dimensions that are fields of events
# A CellKey before it is one: a plain tuple is made in a fifth of the time, and most of these are there already.
_PlainKey = tuple[int, str, int, int]
_detail_of: Callable[[Event], Mapping[str, int | str]] = operator.itemgetter(Event._fields.index("detail"))
_type_of, _user_of, _agent_of = map(dimensions.field, ("event_type", "user_id", "agent_id"))
# Every event has one value of it, or none; so the cells of its values add up to the total, in fewer steps than the
# events do.
_ADDS_UP = dimensions.CHANNEL


def of_events(events: Sequence[Event], numbers: Numbers, recency: Recency = slots.QUARTERS_ALONE) -> Cells:
    """The cells that events add up to. What has occurred lately is distinguished by
    slots as well, where that matters for figures of now.
    """
    groups: dict[_Group, _ByType] = {}
    values_of, types_of = map(dimensions.TABLE.fields_of, events), map(_type_of, events)
    places = recency.places(events)
    for event, place, values, event_type in zip(events, places, values_of, types_of, strict=True):
        types = groups.get((place, values))
        if types is None:
            groups[place, values] = {event_type: [event]}
        elif event_type in types:
            types[event_type].append(event)
        else:
            types[event_type] = [event]
    of_fields, of_details = dimensions.TABLE.split_pairs(numbers.pairs)
    found = _by_cell(groups, of_fields, numbers.overflow)
    _add_by_details(found, events, places, numbers.overflow)
    _add_pairs(found, of_details, events, places, numbers.overflow)
    result: Cells = {}
    for plain, types in found.items():
        result[CellKey(*plain)] = _cell(types, numbers)
    _count_types(result, groups, numbers.overflow)
    for key in [key for key in result if key.dimension == _ADDS_UP.number]:
        cells.cell(result, CellKey(dimensions.TOTAL.number, "", key.bucket, key.slot)).add(result[key])
        if not key.value:
            del result[key]
    return result


def of_group(events: Iterable[Event], numbers: Numbers) -> Cell:
    """Returns what events add up to in one cell, whatever dimension or bucket that is of."""
    types: _ByType = {}
    for event in events:
        types.setdefault(event.event_type, []).append(event)
    return _cell(types, numbers)


def _by_cell(
    groups: Mapping[_Group, _ByType], pairs: Sequence[FieldPair], overflow: Overflow
) -> dict[_PlainKey, _ByType]:
    """Returns the events of each type that count for a value of a dimension, or for no value of the one that adds up to
    the total.
    """
    found: dict[_PlainKey, _ByType] = {}
    for (place, values), types in groups.items():
        cells_of = [found.setdefault(key, {}) for key in _keys(place, values, pairs, overflow)]
        for event_type, some in types.items():
            for cell in cells_of:
                if event_type in cell:
                    cell[event_type] += some
                else:
                    cell[event_type] = [*some]
    return found


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


def _add_by_details(
    found: dict[_PlainKey, _ByType], events: Sequence[Event], places: Sequence[int], overflow: Overflow
) -> None:
    """Adds events to the cells of dimensions whose values are in details."""
    of_details = dimensions.TABLE.of_details
    for event, place, event_type, detail in zip(
        events, places, map(_type_of, events), map(_detail_of, events), strict=True
    ):
        if detail and event_type in of_details:
            for dimension in of_details[event_type]:
                if value := dimension.value_in(detail):
                    bucket, slot = slots.split(place)
                    label = overflow.label(dimension, value)
                    key = dimension.number, label, bucket, slot if dimension.has_slots else slots.WHOLE
                    found.setdefault(key, {}).setdefault(event_type, []).append(event)


def _add_pairs(
    found: dict[_PlainKey, _ByType],
    pairs: Sequence[Dimension],
    events: Sequence[Event],
    places: Sequence[int],
    overflow: Overflow,
) -> None:
    """Adds events to the cells of pairs of which one value or both are in details."""
    for dimension in pairs:
        for event, place in zip(events, places, strict=True):
            if value := dimension.value_of(event):
                bucket, _ = slots.split(place)
                key = dimension.number, overflow.label(dimension, value), bucket, slots.WHOLE
                found.setdefault(key, {}).setdefault(event.event_type, []).append(event)


def _count_types(result: Cells, groups: Mapping[_Group, _ByType], overflow: Overflow) -> None:
    """Adds the events of each type, and of storage by its kind."""
    found: dict[tuple[str, int], int] = {}
    for (place, _), types in groups.items():
        for event_type, some in types.items():
            found[event_type, place] = found.get((event_type, place), 0) + len(some)
            if event_type == "storage.changed":
                bucket, _ = slots.split(place)
                for event in some:
                    _take_storage(result, event, bucket)
    for (event_type, place), count in found.items():
        bucket, _ = slots.split(place)
        label = overflow.label(dimensions.EVENT_TYPE, event_type)
        counters = cells.cell(result, CellKey(dimensions.EVENT_TYPE.number, label, bucket)).counters
        counters[_EVENTS_KEY] = counters.get(_EVENTS_KEY, 0) + count


def _cell(types: Mapping[str, Sequence[Event]], numbers: Numbers) -> Cell:
    """What events add up to, by their types."""
    cell = Cell()
    users: set[str] = set()
    agents: set[str] = set()
    for event_type, events in types.items():
        plan = _PLANS.get(event_type, _CUSTOM)
        _take(cell, plan, len(events), [detail for detail in map(_detail_of, events) if detail])
        users.update(map(_user_of, events))
        if plan.has_agent_set:
            agents.update(map(_agent_of, events))
    users.discard("")
    agents.discard("")
    if users:
        cell.sets[_USERS] = BitMap([numbers.users[user_id] for user_id in users])
    if agents:
        cell.sets[_AGENTS] = BitMap([numbers.agents[agent_id] for agent_id in agents])
    return cell


def _take(cell: Cell, plan: _Plan, events: int, details: Sequence[Mapping[str, int | str]]) -> None:
    """Adds so many events of one type, and the details of those that have one."""
    counters, bins = cell.counters, cell.bins
    get = counters.get
    for key in plan.counted:
        counters[key] = get(key, 0) + events
    if not details:
        return
    present = set().union(*details)
    for field, key in plan.flagged:
        if field in present:
            counters[key] = get(key, 0) + sum(1 for detail in details if detail.get(field))
    for field, count, total in plan.summed:
        if field in present:
            values = _values(details, field)
            counters[count] = get(count, 0) + len(values)
            counters[total] = get(total, 0) + sum(values)
    for field, count, total, first_bin in plan.distributed:
        if field in present:
            values = _values(details, field)
            counters[count] = get(count, 0) + len(values)
            counters[total] = get(total, 0) + sum(values)
            histogram.count(values, bins, first_bin)


def _values(details: Sequence[Mapping[str, int | str]], field: str) -> list[int]:
    """The numbers of a field; every field of a measure holds numbers."""
    return cast(list[int], [detail[field] for detail in details if field in detail])


def _take_storage(result: Cells, event: Event, bucket: int) -> None:
    change = event.detail.get("bytes_delta", 0)
    kind = event.detail.get("kind", 0)
    if isinstance(change, int) and isinstance(kind, int):
        target = cells.cell(result, CellKey(dimensions.STORAGE_KIND.number, STORAGE_KINDS[kind], bucket))
        cells.add_into(target.counters, ((cells.count_key(_STORAGE), 1), (cells.sum_key(_STORAGE), change)))
