"""What events of one type add to figures: a plan for each type, and the columns that events of that type make.

Several events of a type are looked at once, whatever number of cells they count in: a column holds what each of them, a
row, adds to one counter. A cell then adds up its own rows.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from server import histogram
from server.catalog import cells, registry
from server.catalog.cells import Cell
from server.catalog.metrics import Aggregation, Measure, Where

Detail = Mapping[str, int | str]
_AGENTS = registry.MEASURES["active_agents"]


class _Counted(NamedTuple):
    """A counter of those events that a condition leaves."""

    where: Where
    key: int


class _Added(NamedTuple):
    """The counters, and the first bin, 0: none, of the values that some fields make, of those events that a condition
    leaves and that do not tell the field `without`.
    """

    fields: Sequence[str]
    where: Where | None
    without: str
    count_key: int
    sum_key: int
    first_bin: int


class ColumnPlan(NamedTuple):
    """The measures that one event type feeds: the counters of all its events, and the others by how they are taken."""

    each: Sequence[int]
    counted: Sequence[_Counted]
    added: Sequence[_Added]
    has_agent_set: bool


def plan(event_type: str, kept: AbstractSet[str]) -> ColumnPlan:
    """Returns the plan of an event type, "" for one that is not known, in cells whose dimensions have these names."""
    mine = [one for one in registry.MEASURES.values() if _is_fed(one, event_type) and _is_kept(one, kept)]
    counts = [one for one in mine if one.aggregation is Aggregation.COUNT]
    return ColumnPlan(
        each=[cells.count_key(one.number) for one in counts if _condition(one) is None],
        counted=[
            _Counted(condition, cells.count_key(one.number))
            for one in counts
            if (condition := _condition(one)) is not None
        ],
        added=[_added(one) for one in mine if one.aggregation in (Aggregation.SUM, Aggregation.HISTOGRAM)],
        has_agent_set=_AGENTS in mine,
    )


def _is_fed(measure: Measure, event_type: str) -> bool:
    if measure.projection:
        return False
    if measure.of_unknown_types:
        return not event_type
    return not measure.event_types or event_type in measure.event_types


def _is_kept(measure: Measure, kept: AbstractSet[str]) -> bool:
    return not measure.only_by or not kept.isdisjoint(measure.only_by)


def _condition(measure: Measure) -> Where | None:
    return Where(field=measure.field, least=1) if measure.field else measure.where


def _added(measure: Measure) -> _Added:
    is_distributed = measure.aggregation is Aggregation.HISTOGRAM
    return _Added(
        fields=measure.fields,
        where=measure.where,
        without=measure.without,
        count_key=cells.count_key(measure.number),
        sum_key=cells.sum_key(measure.number),
        first_bin=cells.first_bin_key(measure.number) if is_distributed else 0,
    )


_Amounts = Callable[[int], int]  # what a row adds
_Bins = Callable[[int], Sequence[tuple[int, int]]]  # the bins to which a row adds, and how much


class Columns(NamedTuple):
    """What rows add: counters to which every row adds 1, other counters with what each row adds, and bins."""

    each: Sequence[int]
    amounts: Sequence[tuple[int, _Amounts]]
    bins: _Bins | None

    def add(self, rows: Sequence[int], cell: Cell) -> None:
        """Adds some rows to a cell."""
        counters, count = cell.counters, len(rows)
        get = counters.get
        for key in self.each:
            counters[key] = get(key, 0) + count
        for key, amount_of in self.amounts:
            counters[key] = get(key, 0) + sum(map(amount_of, rows))
        if self.bins is not None:
            bins = cell.bins
            get = bins.get
            for key, amount in itertools.chain.from_iterable(map(self.bins, rows)):
                bins[key] = get(key, 0) + amount


def columns(chosen: ColumnPlan, details: Sequence[Detail]) -> Columns:
    """Returns the columns of events of one type, by their details."""
    told = set().union(*details) if chosen.counted or chosen.added else set()
    each = [*chosen.each]
    amounts: list[tuple[int, _Amounts]] = []
    bins: list[list[tuple[int, int]]] | None = None
    for where, key in chosen.counted:
        if where.field in told:
            amounts.append((key, _holds(where, details).__getitem__))
        elif where.least <= 0:
            each.append(key)
    for one in chosen.added:
        values = _values(one, details, told)
        if not values:
            continue
        if None in values:
            amounts.append((one.count_key, [value is not None for value in values].__getitem__))
        else:
            each.append(one.count_key)
        amounts.append((one.sum_key, [value or 0 for value in values].__getitem__))
        if one.first_bin:
            bins = bins or [[] for _ in details]
            histogram.place(values, bins, one.first_bin)
    return Columns(each, amounts, None if bins is None else bins.__getitem__)


def _holds(where: Where, details: Sequence[Detail]) -> list[bool]:
    """Returns of which events a condition holds."""
    field, least, most = where.field, where.least, where.most
    return [least <= detail.get(field, 0) <= most for detail in details]  # type: ignore[operator]  # no text


def _values(one: _Added, details: Sequence[Detail], told: set[str]) -> list[int | None]:
    """Returns the value of each event, None for one without; nothing where none can have one."""
    fields = [field for field in one.fields if field in told]
    if not fields or (one.where is not None and one.where.least > 0 and one.where.field not in told):
        return []
    values: list[int | None]
    if len(fields) == 1:
        (field,) = fields
        values = [detail.get(field) for detail in details]  # type: ignore[misc]  # fields of measures hold numbers
    else:
        values = [_sum(detail, fields) for detail in details]
    if one.where is not None and one.where.field in told:
        values = [value if holds else None for value, holds in zip(values, _holds(one.where, details), strict=True)]
    if one.without not in told:
        return values
    values = [None if one.without in detail else value for value, detail in zip(values, details, strict=True)]
    return [] if all(value is None for value in values) else values


def _sum(detail: Detail, fields: Sequence[str]) -> int | None:
    """Returns the sum of those fields that an event tells; None where it tells none."""
    told = [detail[field] for field in fields if field in detail]
    return sum(told) if told else None  # type: ignore[arg-type]  # fields of measures hold numbers
