"""What a dimension is, how its values are taken from events, and pairs of two dimensions."""

import functools
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from server.events import rules
from server.events.event import Event

USER_KIND = 1  # of members, as member_kind of a dimension: users have numbers, and no cells
FIRST_CUSTOM = 10_000  # the number of the first dimension that an organization has defined: see custom_metrics.py
_PAIRS = 100  # the number of a pair is that of its first dimension × this + that of its second one
_PAIR_LIMIT = 20_000
NO_NUMBER = -1  # of what no cells are kept by
_BETWEEN = "\x1f"  # stands between the two values of a pair; no value holds it


@functools.cache
def field(name: str) -> Callable[[Event], str]:
    """Returns a function that takes a field from an event by its place, which takes half the time of its name."""
    return operator.itemgetter(Event._fields.index(name))


_detail_of: Callable[[Event], Mapping[str, int | str]] = field("detail")  # type: ignore[assignment]  # is no text


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dimension:
    """Something to group by, and how its value is taken from an event: from a field, or from details of families.

    Several details make one value, with spaces between; without the last one there is none. Where there is none and one
    of the details in `if_told` is told, the value is `otherwise`. `classes` gives the value that stands for a
    number. The numbers of dimensions are stored: they are never changed, nor used for another dimension.
    """

    number: int
    name: str
    description: str
    field: str = ""
    families: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    classes: Sequence[str] = ()  # by number, of a detail that is one
    otherwise: str = ""
    if_told: tuple[str, ...] = ()
    member_kind: int = 0  # of its values in the table of members; 0: they are not limited
    limit: int = 1_000  # of distinct values with cells of their own, unless the operator sets another one
    highest_limit: int = 1_000_000  # that the operator may set
    only_measures: tuple[str, ...] = ()  # those that are kept by it; none: all, so that questions can be narrowed by it
    only_terms: tuple[str, ...] = ()  # those of its measures that are kept, without histograms; none: all of them
    projections: tuple[str, ...] = ()  # what these count is kept by it, too
    has_slots: bool = False  # so that realtime can be narrowed to some of its values
    sides: "tuple[Dimension, Dimension] | None" = None  # of a pair

    @property
    def has_all_measures(self) -> bool:
        """Returns whether all measures of events are kept by it, so that questions can be narrowed by it."""
        return not self.only_measures

    def keeps(self, projection: str) -> bool:
        """Returns whether what a projection counts is kept by it. For the organization as a whole all of it is."""
        return not self.number or projection in self.projections

    @property
    def names(self) -> frozenset[str]:
        """Returns its name, or those of the dimensions that it stands for together."""
        return frozenset(self.name.split(","))

    @property
    def max_bytes(self) -> int:
        """Returns the length of the longest value."""
        if self.sides is not None:
            return sum(one.max_bytes + 1 for one in self.sides) - 1
        parts = max(1, len(self.details))
        return parts * (rules.MAX_ID_BYTES + 1) - 1

    def value_of(self, event: Event) -> str:
        """Returns the value that an event carries; empty: none."""
        if self.sides is not None:
            return joined(*(one.value_of(event) for one in self.sides))
        if self.field:
            return str(getattr(event, self.field))
        if self.details and rules.FAMILIES.get(event.event_type) in self.families:
            (value,) = self.values_in([event.detail])
            return value
        return ""

    def carried_by(self, events: Sequence[Event]) -> Sequence[str]:
        """Returns the value that each of several events carries; empty: none. Where the value is in details, they are
        events of its families.
        """
        if self.sides is not None:
            return all_joined(*(one.carried_by(events) for one in self.sides))
        if self.field:
            return list(map(field(self.field), events))
        return self.values_in(list(map(_detail_of, events)))

    def values_in(self, details: Sequence[Mapping[str, int | str]]) -> list[str]:
        """Returns the values that details of its families hold; empty: none. All at once takes a third of the time."""
        name = self.details[-1]
        if self.classes:
            return [self.classes[cast(int, one[name])] if name in one else "" for one in details]
        if len(self.details) > 1:
            told = [list(filter(None, map(one.get, self.details))) if one.get(name) else () for one in details]
            return list(map(" ".join, cast(list[list[str]], told)))
        values = cast(list[str], [one.get(name, "") for one in details])
        if not self.otherwise or "" not in values:
            return values
        is_told = [any(other in one for other in self.if_told) for one in details]
        return [value or (self.otherwise if told else "") for value, told in zip(values, is_told, strict=True)]


def joined(first: str, second: str) -> str:
    """Returns the value of a pair; empty where one of the two is."""
    return f"{first}{_BETWEEN}{second}" if first and second else ""


def all_joined(first: Iterable[str], second: Iterable[str]) -> list[str]:
    """Returns the values of a pair, of the values of its sides in the same order."""
    return [f"{one}{_BETWEEN}{other}" if one and other else "" for one, other in zip(first, second, strict=True)]


def combined(values: Sequence[str]) -> str:
    """Returns the value of a combination; empty where one of them is."""
    return _BETWEEN.join(values) if all(values) else ""


def beginning(first: str) -> str:
    """Returns what the values of a pair with this first value begin with."""
    return first + _BETWEEN


def ending(second: str) -> str:
    """Returns what the values of a pair with this second value end with."""
    return _BETWEEN + second


@functools.cache
def combination(*some: Dimension) -> Dimension:
    """Returns what stands for dimensions together of which no figures are kept, so that they have to be counted from
    events. The same ones have the same, so that what is remembered by dimension does not grow with questions.
    """
    names = ",".join(one.name for one in some)
    return Dimension(number=NO_NUMBER, name=names, description=f"What carries all of {names}.")


def parted(value: str) -> Sequence[str]:
    """Returns the two values that the value of a pair consists of."""
    return value.split(_BETWEEN)


def is_pair(number: int) -> bool:
    """Returns whether the number of a dimension is that of a pair."""
    return _PAIRS <= number < FIRST_CUSTOM


def is_custom(number: int) -> bool:
    """Returns whether the number of a dimension is that of a custom metric's own one."""
    return number >= FIRST_CUSTOM


def pair_of(first: Dimension, second: Dimension, projections: Mapping[str, tuple[str, ...]]) -> Dimension:
    """Returns the pair of two dimensions, the one with the lower number first. projections has what is kept by which
    pair of what projections count, by its name.
    """
    number, name = first.number * _PAIRS + second.number, f"{first.name},{second.name}"
    return Dimension(
        number=number,
        name=name,
        description=f"What carries both: {first.name} and {second.name}.",
        member_kind=number,
        limit=_PAIR_LIMIT,
        projections=projections.get(name, ()),
        sides=(first, second),
    )


def exclude(first: Dimension, second: Dimension) -> bool:
    """Returns whether no event tells values of both dimensions: details of two families, or what no event tells."""
    is_told = all(one.field or one.details for one in (first, second))
    return not is_told or (bool(first.details and second.details) and not set(first.families) & set(second.families))
