"""The rows behind a figure: of which kind they are, and what each of them adds to it."""

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from server.catalog import cells, counting, figures
from server.catalog.catalogue import BUILT_IN, Catalogue
from server.catalog.cells import Cell
from server.catalog.custom_metrics import PROJECTION as CUSTOM
from server.catalog.dimensions import Dimension
from server.catalog.families.conversations import PROJECTION as CONVERSATIONS
from server.catalog.families.generated_leads import PROJECTION as LEADS
from server.catalog.metrics import Aggregation, Measure, Metric, Quantile
from server.events.event import Event


class RowsKind(enum.Enum):
    """What the rows behind a figure are."""

    EVENTS = enum.auto()
    CONVERSATIONS = enum.auto()
    LEADS = enum.auto()
    USERS = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSum:
    """What the amounts of rows add up to: some terms, less others. A term is as in a catalogue."""

    kind: RowsKind
    plus: Sequence[str]
    minus: Sequence[str] = ()

    @property
    def terms(self) -> Sequence[str]:
        """Returns all terms."""
        return (*self.plus, *self.minus)

    def of(self, cell: Cell, catalogue: Catalogue = BUILT_IN) -> int:
        """Returns what the rows of a cell add up to."""
        return figures.added_up(cell, self.plus, self.minus, catalogue)

    def amounts(self, events: Sequence[Event], by: Dimension) -> list[int | None]:
        """Returns what each event adds in a cell of a dimension; None for one that is not counted there."""
        measures = [BUILT_IN.measure(term) for term in self.terms]
        counted = [cells.count_key(one.number) for one in measures]
        keys = [BUILT_IN.place(term).key for term in self.terms]
        signs = [1] * len(self.plus) + [-1] * len(self.minus)
        return [
            sum(sign * added.get(key, 0) for sign, key in zip(signs, keys, strict=True))
            if any(added.get(key) for key in counted)
            else None
            for added in counting.of_each(events, {*keys, *counted}, by)
        ]


_KINDS = {"": RowsKind.EVENTS, CONVERSATIONS: RowsKind.CONVERSATIONS, LEADS: RowsKind.LEADS}


def behind(metric: Metric, catalogue: Catalogue = BUILT_IN) -> RowSum | None:
    """Returns the rows behind a metric; None where no list has them.

    Of a ratio these are the rows that it is a share or a mean of, its denominator, and of a percentile those that have
    a value. No list has rows of custom metrics, nor the agents behind a number of agents.
    """
    match metric:
        case Measure():
            plus: tuple[str, ...] = (metric.name,)
        case Quantile():
            plus = (f"{metric.measure}.count",)
        case _:
            plus = metric.denominators or metric.numerators
    minus = () if isinstance(metric, Measure | Quantile) or metric.denominators else metric.subtrahends
    kinds = {_kind(catalogue.measure(term)) for term in (*plus, *minus)}
    kind = kinds.pop()
    if kind is None or kinds or (kind is RowsKind.USERS and (len(plus), minus) != (1, ())):
        return None
    return RowSum(kind=kind, plus=plus, minus=minus)


def terms_behind(names: Iterable[str], catalogue: Catalogue = BUILT_IN) -> set[str]:
    """Returns the terms that say how many rows are behind metrics, beside those that the metrics are computed from."""
    found = (rows for name in names if (rows := behind(catalogue.metrics[name], catalogue)) is not None)
    return {term for one in found for term in one.terms}


def _kind(measure: Measure) -> RowsKind | None:
    if measure.projection == CUSTOM:
        return None
    if measure.aggregation is Aggregation.UNIQUE:
        return RowsKind.USERS if measure.name == "unique_users" else None
    return _KINDS[measure.projection]
