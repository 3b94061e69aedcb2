"""Which part of an organization's events a question is about."""

from dataclasses import dataclass

from server.catalog import dimensions
from server.catalog.dimensions import Dimension


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """The part of the events that a question is about: a value of a dimension, or all of them."""

    dimension: Dimension = dimensions.TOTAL
    value: str = ""

    @property
    def is_whole(self) -> bool:
        """True for the whole organization."""
        return self.dimension is dimensions.TOTAL
