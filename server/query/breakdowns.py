"""Breakdowns: the figures of conversations by the values of a dimension, the values with the most of them first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from server.catalog import cells, dimensions
from server.catalog.cells import Cell
from server.catalog.dimensions import Dimension
from server.catalog.filters import Filter
from server.catalog.selections import Selection
from server.query import conversation_figures, grouping, parts, ranking
from server.query.conversation_figures import Cohort, ConversationFigures
from server.query.reader import Reader
from server.timerange import Interval

DIMENSIONS = (dimensions.CHANNEL, dimensions.TOPIC, dimensions.HANDOFF_REASON)
# Which figure the order of rows goes by; reasons are about conversations that were handed over.
_ORDER = {Cohort.CLOSED: "conversations_closed", Cohort.STARTED: "total_conversations"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A row of a breakdown."""

    value: str
    figures: ConversationFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakdown:
    """The rows of a dimension, what values without figures of their own come to, and what is left of the total."""

    rows: Sequence[Group]
    rest: ConversationFigures
    other: ConversationFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakdownPlan:
    """What to read of a dimension: the rows in order, and what is counted under cells.OTHER."""

    rows: Sequence[Selection]
    other: Selection

    def selections(self) -> Iterator[Selection]:
        """Returns all of the plan's selections."""
        yield from self.rows
        yield self.other


async def plans(reader: Reader, bounds: Interval, cohort: Cohort, top: int) -> dict[Dimension, BreakdownPlan]:
    """Returns what to read for the breakdown by each of the dimensions, with so many rows at most."""
    found = {}
    for dimension in DIMENSIONS:
        name = "conversations_escalated" if dimension is dimensions.HANDOFF_REASON else _ORDER[cohort]
        order = ranking.Order(metric=conversation_figures.metric(name, cohort), descending=True)
        group = grouping.grouping([dimension], Filter())
        assert group is not None  # noqa: S101 - it has a dimension
        values, _ = await ranking.ranked(reader, group, bounds, order, skip=0, most=top)
        found[dimension] = BreakdownPlan(
            rows=[Selection.within(Filter(dimension=dimension, value=value), bounds) for value in values],
            other=Selection.within(Filter(dimension=dimension, value=cells.OTHER), bounds),
        )
    return found


def answered(plan: BreakdownPlan, found: Mapping[Selection, Cell], total: Cell, cohort: Cohort) -> Breakdown:
    """Returns a breakdown of what the total has."""
    other = found[plan.other]
    each = {one: _figures(found[one], cohort) for one in plan.rows}
    shown = [one for one, figures in each.items() if _has_any(figures)]
    return Breakdown(
        rows=[Group(value=one.value, figures=each[one]) for one in shown],
        rest=_figures(parts.left(total, (other, *(found[one] for one in shown))), cohort),
        other=_figures(other, cohort),
    )


def _figures(cell: Cell, cohort: Cohort) -> ConversationFigures:
    return conversation_figures.of(cell, cohort, dimensions.TOTAL)


def _has_any(one: ConversationFigures) -> bool:
    """Whether any conversation of the cohort began, was closed or was handed over: events have values, too."""
    return bool(one.figures["total_conversations"] or one.figures["conversations_closed"])
