"""What the rows of a table are about: values of a dimension, or of several together, some of which a filter gives."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from server.catalog import cells, dimensions
from server.catalog.dimensions import Dimension
from server.catalog.filters import Filter
from server.errors import Reason, Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """The rows of a table: values of a dimension, which may be a pair or any other combination.

    asked has the dimensions that a row names, in the order of the question. part is what the table is about.
    """

    part: Filter
    asked: Sequence[Dimension]
    dimension: Dimension
    involved: Sequence[Dimension]  # that together make the dimension, in the order of its values
    given: Sequence[str]  # for each of those the value that the filter gives, or ""

    @property
    def is_combination(self) -> bool:
        """Returns whether the rows are about dimensions together of which nobody can declare figures to be kept."""
        return len(self.involved) > 1 and self.dimension.sides is None

    @property
    def may_need_raw(self) -> bool:
        """Returns whether raw events may be counted for the rows: those of users, and of dimensions together."""
        return len(self.involved) > 1 or self.dimension is dimensions.USER

    @property
    def only(self) -> str:
        """Returns the only value that there can be a row of; empty: there may be several."""
        return dimensions.combined(self.given)

    @property
    def prefix(self) -> str:
        """Returns what the values of rows begin with."""
        return dimensions.beginning(self.given[0]) if self.dimension.sides is not None and self.given[0] else ""

    @property
    def suffix(self) -> str:
        """Returns what the values of rows end with."""
        return dimensions.ending(self.given[-1]) if self.dimension.sides is not None and self.given[-1] else ""

    @property
    def other(self) -> Filter | None:
        """Returns what the values without figures of their own are counted under; None where that is not kept apart."""
        if any(self.given) or not self.dimension.member_kind:
            return None
        return Filter(dimension=self.dimension, value=cells.OTHER)

    def values(self, value: str) -> tuple[str, ...]:
        """Returns the values that a row names, in the order of the question."""
        each = dict(zip(self.involved, dimensions.parted(value), strict=True))
        return tuple(each[one] for one in self.asked)

    def not_kept(self) -> Refused:
        """Returns the refusal of rows of which no figures are kept."""
        return Refused(
            Reason.PAIR_NOT_KEPT,
            f"figures by {self.dimension.name} are not kept for what is asked",
            field="group_by",
            metadata={"pair": self.dimension.name},
        )


def grouping(asked: Sequence[Dimension], part: Filter) -> Grouping | None:
    """Returns what the rows are about; None without rows. Refuses dimensions that no event carries together."""
    if not asked:
        return None
    given = _given(part)
    involved = sorted({*asked, *given}, key=lambda one: one.number)
    for first, second in itertools.combinations(involved, 2):
        if dimensions.exclude(first, second):
            raise _refusal(first, second)
    dimension = _dimension(involved)
    return Grouping(
        part=part,
        asked=asked,
        dimension=dimension,
        involved=involved,
        given=[given.get(one, "") for one in involved],
    )


def _dimension(involved: Sequence[Dimension]) -> Dimension:
    if len(involved) == 1:
        return involved[0]
    pair = dimensions.TABLE.pair(*involved) if len(involved) == 2 else None
    return pair or dimensions.combination(*involved)


def _given(part: Filter) -> dict[Dimension, str]:
    """Returns the values that a filter gives, by their dimensions."""
    if part.is_whole:
        return {}
    if part.dimension.sides is None:
        return {part.dimension: part.value}
    if part.value == cells.OTHER:
        return dict.fromkeys(part.dimension.sides, cells.OTHER)
    return dict(zip(part.dimension.sides, dimensions.parted(part.value), strict=True))


def _refusal(first: Dimension, second: Dimension) -> Refused:
    names = f"{first.name},{second.name}"
    return Refused(
        Reason.PAIR_NOT_KEPT,
        f"{names}: no event carries both",
        field="group_by",
        metadata={"pair": names},
    )
