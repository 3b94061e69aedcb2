"""What events add to which cells: the only place where an event becomes numbers."""

import operator
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple, cast

from pyroaring import BitMap

from server import histogram
from server.catalog import cells, registry, slots
from server.catalog.cells import Cell, CellKey, Cells, Dimension
from server.catalog.metrics import Aggregation, Measure
from server.catalog.slots import Recency
from server.events.event import Event

STORAGE_KINDS = ("unspecified", "document", "upload", "backup")


class Overflow(NamedTuple):
    """The values that have no cells of their own: they are counted under cells.OTHER, in totals as any other."""

    agents: AbstractSet[str] = frozenset()
    channels: AbstractSet[str] = frozenset()
    teams: AbstractSet[str] = frozenset()
    event_types: AbstractSet[str] = frozenset()

    def labels(self, agent_id: str, channel: str, team_id: str) -> tuple[str, str, str]:
        """The values under which something is counted."""
        return (
            cells.OTHER if agent_id in self.agents else agent_id,
            cells.OTHER if channel in self.channels else channel,
            cells.OTHER if team_id in self.teams else team_id,
        )

    def holds(self, event: Event) -> bool:
        """True where any value of the event is counted under cells.OTHER."""
        return (
            event.agent_id in self.agents
            or event.channel in self.channels
            or event.team_id in self.teams
            or event.event_type in self.event_types
        )


NO_OVERFLOW = Overflow()


class Numbers(NamedTuple):
    """The dense numbers that stand for an organization's external ids, and those without cells of their own."""

    users: Mapping[str, int]
    agents: Mapping[str, int]
    overflow: Overflow = NO_OVERFLOW


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

_Values = tuple[str, str, str, str]  # agent, channel, team, event type
_Group = tuple[int, _Values]  # place in time, and values
# A CellKey before it is one: a plain tuple is made in a fifth of the time, and most of these are there already.
_PlainKey = tuple[Dimension, str, int, int]
_place_of = Event._fields.index
# By their places, which takes half the time that names take.
_values_of: Callable[[Event], _Values] = operator.itemgetter(
    *map(_place_of, ("agent_id", "channel", "team_id", "event_type"))
)
_detail_of: Callable[[Event], Mapping[str, int | str]] = operator.itemgetter(_place_of("detail"))
_user_of: Callable[[Event], str] = operator.itemgetter(_place_of("user_id"))
_agent_of: Callable[[Event], str] = operator.itemgetter(_place_of("agent_id"))


def of_events(events: Sequence[Event], numbers: Numbers, recency: Recency = slots.QUARTERS_ALONE) -> Cells:
    """The cells that events add up to. What has occurred lately is distinguished by
    slots as well, where that matters for figures of now.
    """
    groups: dict[_Group, list[Event]] = {}
    for event, place, values in zip(events, recency.places(events), map(_values_of, events), strict=True):
        group = groups.get((place, values))
        if group is None:
            groups[place, values] = [event]
        else:
            group.append(event)
    result: Cells = {}
    for plain, types in _by_cell(groups, numbers.overflow).items():
        result[CellKey(*plain)] = _cell(types, numbers)
    _count_types(result, groups, numbers.overflow)
    # Every event has one channel, or none; so they add up to the total, in fewer steps than the events do.
    for key in [key for key in result if key.dimension == Dimension.CHANNEL]:
        cells.cell(result, CellKey(Dimension.TOTAL, "", key.bucket, key.slot)).add(result[key])
        if not key.value:
            del result[key]
    return result


def _by_cell(groups: Mapping[_Group, list[Event]], overflow: Overflow) -> dict[_PlainKey, dict[str, list[Event]]]:
    """The events of each type that count for an agent, a team, a channel, or for no channel."""
    found: dict[_PlainKey, dict[str, list[Event]]] = {}
    leaves: dict[tuple[int, str, str, str], list[dict[str, list[Event]]]] = {}
    for (place, (agent_id, channel, team_id, event_type)), group in groups.items():
        leaf = leaves.get((place, agent_id, channel, team_id))
        if leaf is None:
            keys = _dimensions(*slots.split(place), *overflow.labels(agent_id, channel, team_id))
            leaf = [found.setdefault(key, {}) for key in keys]
            leaves[place, agent_id, channel, team_id] = leaf
        for types in leaf:
            if event_type in types:
                types[event_type] += group
            else:
                types[event_type] = [*group]
    return found


def _count_types(result: Cells, groups: Mapping[_Group, Sequence[Event]], overflow: Overflow) -> None:
    """Adds the events of each type, and of storage by its kind."""
    found: dict[tuple[str, int], int] = {}
    for (place, (_, _, _, event_type)), group in groups.items():
        found[event_type, place] = found.get((event_type, place), 0) + len(group)
        if event_type == "storage.changed":
            bucket, _ = slots.split(place)
            for event in group:
                _take_storage(result, event, bucket)
    for (event_type, place), count in found.items():
        bucket, _ = slots.split(place)
        label = cells.OTHER if event_type in overflow.event_types else event_type
        counters = cells.cell(result, CellKey(Dimension.EVENT_TYPE, label, bucket)).counters
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


def _dimensions(bucket: int, slot: int, agent_id: str, channel: str, team_id: str) -> list[_PlainKey]:
    keys = [(Dimension.CHANNEL, channel, bucket, slot)]
    if agent_id:
        keys.append((Dimension.AGENT, agent_id, bucket, slot))
    if team_id:
        keys.append((Dimension.TEAM, team_id, bucket, slots.WHOLE))
    return keys


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
        target = cells.cell(result, CellKey(Dimension.STORAGE_KIND, STORAGE_KINDS[kind], bucket))
        cells.add_into(target.counters, ((cells.count_key(_STORAGE), 1), (cells.sum_key(_STORAGE), change)))
