"""What events add to the figures of custom metrics.

That takes two steps. taken() finds in events what each metric takes from them. Once the distinct values among that have
numbers, added() makes cells of it: of the total, of each single dimension that all measures are kept by, and of the
metric's own dimension. Pairs of dimensions have none.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

from pyroaring import BitMap

from server import histogram
from server.catalog import cells, dimensions
from server.catalog.cells import OTHER, Cell, CellKey, Cells
from server.catalog.counting import Overflow
from server.catalog.custom_metrics import (
    MAX_VALUE_BYTES,
    CustomMetric,
    KeptMetric,
    Path,
    ValueFilter,
    dimension_of,
)
from server.catalog.metrics import Aggregation
from server.events.event import Event

MAX_SUMMED = 10**15  # of one value, in the parts that are stored
_BOUNDS = {Aggregation.SUM: (-MAX_SUMMED, MAX_SUMMED), Aggregation.HISTOGRAM: (0, histogram.MAXIMUM)}
_BEYOND = 10**16  # so that what is multiplied fits into the digits of a Decimal
_DIGEST_BYTES = 16
_NOBODY = 2**32 - 1  # stands for a distinct value that has no number
_Labels = tuple[tuple[int, str], ...]  # the cells that an event counts in, as dimensions and values


class ValueKey(NamedTuple):
    """A distinct value of a metric: of its own dimension, or, as a digest, one of those that are told apart."""

    metric: int
    is_dimension: bool
    value: str

    @property
    def dimension_number(self) -> int:
        """Returns the number of the metric's own dimension."""
        return dimension_of(self.metric)


class TakenValue(NamedTuple):
    """What a metric takes from an event: a whole number of parts, or a digest of a value that is told apart. own is the
    value of its own dimension, "" where there is none.
    """

    metric: KeptMetric
    place: int  # of the event
    value: int | str
    own: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AllTaken:
    """What metrics take from events. not_numbers is how many values each of them could not take, by their numbers."""

    events: Sequence[Event]
    each: list[TakenValue] = field(default_factory=list)
    not_numbers: dict[int, int] = field(default_factory=dict)

    def members(self) -> set[tuple[int, str]]:
        """Returns the values of dimensions that the events carry, with their kinds of members."""
        places = {one.place for one in self.each}
        return {
            (dimension.member_kind, value)
            for place in places
            for dimension in dimensions.TABLE.filters
            if (value := dimension.value_of(self.events[place]))
        }

    def values(self) -> set[ValueKey]:
        """Returns the distinct values that need numbers."""
        found = {ValueKey(one.metric.number, False, one.value) for one in self.each if isinstance(one.value, str)}
        return found | {ValueKey(one.metric.number, True, one.own) for one in self.each if one.own not in ("", OTHER)}


def taken(metrics: Sequence[KeptMetric], events: Sequence[Event]) -> AllTaken:
    """Returns what metrics take from events."""
    by_type: dict[str, list[KeptMetric]] = {}
    for metric in metrics:
        for event_type in metric.definition.event_types:
            by_type.setdefault(event_type, []).append(metric)
    found = AllTaken(events=events)
    for place, event in enumerate(events):
        if event.event_type in by_type:
            properties = json.loads(event.properties, parse_float=Decimal) if event.properties else {}
            for metric in by_type[event.event_type]:
                _take(found, metric, place, event.detail, properties)
    return found


def _take(found: AllTaken, metric: KeptMetric, place: int, detail: object, properties: object) -> None:
    own = metric.definition
    if own.filter is not None and not _holds(own.filter, at(own.filter.path, detail, properties)):
        return
    told = 0 if own.value is None else at(own.value, detail, properties)
    if told is None:
        return
    value = _value(own, told)
    if value is None:
        found.not_numbers[metric.number] = found.not_numbers.get(metric.number, 0) + 1
        return
    label = "" if own.dimension is None else label_of(at(own.dimension, detail, properties))
    found.each.append(TakenValue(metric, place, value, label))


def at(path: Path, detail: object, properties: object) -> object:
    """Returns the value at a path; None where there is none."""
    found = detail if path.is_detail else properties
    for key in path.keys:
        if not isinstance(found, Mapping):
            return None
        found = found.get(key)
    return found


def _holds(filter: ValueFilter, told: object) -> bool:  # noqa: A002 - the word of the contract
    wanted = filter.equals
    if isinstance(wanted, str):
        return told == wanted
    if isinstance(wanted, bool):  # fields of details are stored as 0 and 1
        return told == wanted if filter.path.is_detail else told is wanted
    return not isinstance(told, bool) and isinstance(told, int | Decimal) and Decimal(repr(wanted)) == told


def _value(own: CustomMetric, told: object) -> int | str | None:
    """Returns what a metric takes of a value; None where it cannot take it."""
    if own.aggregation is Aggregation.COUNT:
        return 0
    if own.aggregation is Aggregation.UNIQUE:
        text = text_of(told)
        return None if text is None else digest_of(text)
    if isinstance(told, bool) or not isinstance(told, int | Decimal) or not -_BEYOND < told < _BEYOND:
        return None
    number = int(Decimal(told).scaleb(own.decimals).to_integral_value(ROUND_HALF_EVEN))
    least, most = _BOUNDS[own.aggregation]
    return number if least <= number <= most else None


def digest_of(text: str) -> str:
    """Returns the digest by which a value is told apart from others."""
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()


def counts(own: CustomMetric, detail: object, properties: object) -> bool:
    """Returns whether a metric counts an event of one of its types."""
    if own.filter is not None and not _holds(own.filter, at(own.filter.path, detail, properties)):
        return False
    told = 0 if own.value is None else at(own.value, detail, properties)
    return told is not None and _value(own, told) is not None


def text_of(told: object) -> str | None:
    """Returns a text, a number, true or false as text; None for anything else."""
    match told:
        case str():
            return told
        case bool():
            return "true" if told else "false"
        case int() | Decimal():
            return str(told)
        case _:
            return None


def label_of(told: object) -> str:
    """Returns the value of a metric's own dimension under which something counts; empty: none."""
    text = text_of(told) or ""
    has_controls = any(character < " " or "\x7f" <= character <= "\x9f" for character in text)
    return OTHER if has_controls or len(text.encode()) > MAX_VALUE_BYTES else text


def added(found: AllTaken, numbers: Mapping[ValueKey, int], overflow: Overflow) -> Cells:
    """Returns what all of it adds to cells. Values of own dimensions without a number count under OTHER."""
    labels: dict[int, _Labels] = {}
    groups: dict[tuple[int, _Labels], dict[KeptMetric, list[int]]] = {}
    for metric, place, value, own in found.each:
        event = found.events[place]
        if place not in labels:
            labels[place] = _labels(event, overflow)
        number = numbers.get(ValueKey(metric.number, False, value), _NOBODY) if isinstance(value, str) else value
        groups.setdefault((event.bucket, labels[place]), {}).setdefault(metric, []).append(number)
        if own:
            label = own if ValueKey(metric.number, True, own) in numbers else OTHER
            mine = ((metric.dimension_number, label),)
            groups.setdefault((event.bucket, mine), {}).setdefault(metric, []).append(number)
    result: Cells = {}
    for (bucket, some), by_metric in groups.items():
        part = _cell(by_metric)
        for dimension, label in some:
            cells.cell(result, CellKey(dimension, label, bucket)).add(part)
    return result


def _labels(event: Event, overflow: Overflow) -> _Labels:
    return (
        (dimensions.TOTAL.number, ""),
        *(
            (dimension.number, overflow.label(dimension, value))
            for dimension in dimensions.TABLE.filters
            if (value := dimension.value_of(event))
        ),
    )


def _cell(by_metric: Mapping[KeptMetric, Sequence[int]]) -> Cell:
    """Returns what values add up to. How often a value was taken is counted for every aggregation."""
    cell = Cell()
    for metric, values in by_metric.items():
        number = metric.number
        cell.counters[cells.count_key(number)] = len(values)
        match metric.definition.aggregation:
            case Aggregation.UNIQUE:
                cell.sets[number] = BitMap(values)
            case Aggregation.SUM:
                cell.counters[cells.sum_key(number)] = sum(values)
            case Aggregation.HISTOGRAM:
                cell.counters[cells.sum_key(number)] = sum(values)
                histogram.count(values, cell.bins, cells.first_bin_key(number))
            case Aggregation.COUNT:
                pass
    return cell
