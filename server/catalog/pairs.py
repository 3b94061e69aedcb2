"""Pairs of dimensions: what carries a value of both is counted for each two values.

Standing pairs are counted for every organization, others for those that have declared them. An organization names a
pair as in "agent,channel". Which pairs there can be, and which of them stand, follows from the table of dimensions.
"""

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from server.catalog import dimensions
from server.catalog.dimensions import Dimension, Dimensions

DEFAULT_NAMES = ("agent,channel",)  # of an organization that has not chosen any
MOST = 5  # of an organization


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPair:
    """A pair that every new revision of an organization counts. complete_from: the quarter hour from which on figures
    by it are complete, 0 for all time, as standing pairs are; None until what came before its declaration has been
    counted.
    """

    dimension: Dimension
    complete_from: int | None


class FieldPair(NamedTuple):
    """A pair of dimensions that are fields, with their places among those."""

    dimension: Dimension
    first: int
    second: int


class ChosenPairs(NamedTuple):
    """Pairs of which both values are fields of events; and the others, by the event types that can carry both."""

    of_fields: Sequence[FieldPair]
    of_details: Mapping[str, Sequence[Dimension]]


def named(name: str) -> Dimension | None:
    """Returns the pair that is named, in whatever order; None where it is none."""
    sides = [dimensions.TABLE.by_name.get(one.strip()) for one in name.split(",")]
    chosen = [one for one in sides if one is not None and one in dimensions.TABLE.filters]
    if len(sides) != 2 or len(chosen) != 2:
        return None
    return dimensions.TABLE.pair(*chosen)


def numbered(some: Iterable[int]) -> Sequence[Dimension]:
    """Returns the pairs of these numbers, in order. One that only a newer release knows is left out."""
    known = dimensions.TABLE.by_number
    return [known[number] for number in sorted(some) if number in known]


def standing() -> Sequence[KeptPair]:
    """Returns the pairs that are kept for every organization."""
    return [KeptPair(dimension=one, complete_from=0) for one in dimensions.TABLE.standing]


def counted(declared: Iterable[int]) -> tuple[Dimension, ...]:
    """Returns the pairs that are counted for an organization that has declared those, by number, in order: the standing
    ones, too. A pair that only a newer release knows is left out.
    """
    return _counted(dimensions.TABLE, tuple(declared))


@functools.lru_cache(maxsize=1024)
def _counted(table: Dimensions, declared: tuple[int, ...]) -> tuple[Dimension, ...]:
    numbers = {*declared, *(one.number for one in table.standing)}
    return tuple(table.by_number[number] for number in sorted(numbers) if number in table.by_number)


def split(pairs: tuple[Dimension, ...]) -> ChosenPairs:
    """Returns pairs by where their values are."""
    return _split(dimensions.TABLE, pairs)


@functools.lru_cache(maxsize=1024)
def _split(table: Dimensions, pairs: tuple[Dimension, ...]) -> ChosenPairs:
    of_fields: list[FieldPair] = []
    of_details: dict[str, list[Dimension]] = {}
    for one in pairs:
        sides = one.sides or ()
        if all(side.field for side in sides):
            of_fields.append(FieldPair(one, *map(table.of_fields.index, sides)))
            continue
        for event_type, mine in table.of_details.items():
            if all(side.field or side in mine for side in sides):
                of_details.setdefault(event_type, []).append(one)
    return ChosenPairs(of_fields, of_details)


def numbers(names: Iterable[str]) -> Sequence[int]:
    """Returns the numbers of pairs by their names, in order."""
    return sorted(pair.number for name in names if (pair := named(name)) is not None)


DEFAULT_NUMBERS = numbers(DEFAULT_NAMES)
