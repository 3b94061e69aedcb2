"""The part of an organization that somebody may see."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

DIMENSIONS: Final = ("agent", "channel", "team")  # that there are restrictions by
MOST_VALUES: Final = 50
_LONGEST = 256  # bytes of a value


@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """What carries some values of one dimension."""

    dimension: str
    values: tuple[str, ...]

    @classmethod
    def stored(cls, dimension: str, values: Sequence[str]) -> Self | None:
        """Returns a restriction as it is stored; None for what is about the whole organization, whose dimension is
        empty.
        """
        return cls(dimension=dimension, values=tuple(values)) if dimension else None

    def canonical(self) -> "Restriction":
        """Returns the same restriction, always written in the same way."""
        return Restriction(dimension=self.dimension, values=tuple(sorted(set(self.values))))


def problem(dimension: str, values: Sequence[str]) -> str:
    """Returns why these are no restriction, for people; empty where they are one."""
    if dimension not in DIMENSIONS:
        return f"{dimension[:64]!r} is no dimension of restrictions; these are: {', '.join(DIMENSIONS)}"
    if not values or len(values) > MOST_VALUES:
        return f"a restriction names 1 to {MOST_VALUES} values"
    for value in values:
        if not value or not value.isprintable() or len(value.encode()) > _LONGEST:
            return f"{value[:64]!r} is no value of {dimension}: 1 to {_LONGEST} bytes without control characters"
    return ""
