"""Pairs of dimensions that an organization has declared: what carries a value of both is counted for each two values.

An organization names a pair as in "agent,channel". Which pairs there can be follows from the table of dimensions.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from server.catalog import dimensions
from server.catalog.dimensions import Dimension

DEFAULT_NAMES = ("agent,channel",)  # of an organization that has not chosen any
MOST = 5  # of an organization


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPair:
    """A pair that every new revision of an organization counts. complete_from: the quarter hour from which on figures
    by it are complete, 0 for all time; None until what came before its declaration has been counted.
    """

    dimension: Dimension
    complete_from: int | None


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


def numbers(names: Iterable[str]) -> Sequence[int]:
    """Returns the numbers of pairs by their names, in order."""
    return sorted(pair.number for name in names if (pair := named(name)) is not None)


DEFAULT_NUMBERS = numbers(DEFAULT_NAMES)
