"""How the conversations of a cohort went: the figures of an answer, and how they are taken from a cell."""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from server import histogram
from server.catalog import cells, figures, registry
from server.catalog.cells import Cell
from server.catalog.dimensions import Dimension
from server.catalog.families.conversations import PROJECTION
from server.catalog.figures import Figures
from server.catalog.selections import Wanted

PERCENTS = (50, 90, 95, 99)


class Cohort(enum.Enum):
    """Which conversations outcomes are of: those that were closed in a period, or those that began in it."""

    CLOSED = enum.auto()
    STARTED = enum.auto()


# The figures of answers by their names, and the metric that each is: of either cohort, or of one and the other.
_FIGURES: Mapping[str, Mapping[Cohort, str]] = {
    name: {Cohort.CLOSED: closed, Cohort.STARTED: started}
    for name, closed, started in (
        ("total_conversations", "total_conversations", "total_conversations"),
        *(
            (name, name, f"started_{name}")
            for name in (
                "conversations_closed",
                "conversations_resolved",
                "conversations_escalated",
                "conversations_abandoned",
                "conversations_ended",
                "resolution_rate",
                "escalation_rate",
                "abandonment_rate",
                "ended_rate",
                "escalated_conversations_resolved",
                "human_resolution_rate",
                "conversations_reopened",
                "reopened_rate",
            )
        ),
        (
            "cost_per_resolved_conversation_micros",
            "cost_per_resolved_conversation_micros",
            "cost_per_started_resolved_conversation_micros",
        ),
    )
}
# As above, of measures with a histogram.
_DISTRIBUTIONS: Mapping[str, Mapping[Cohort, str]] = {
    name: {Cohort.CLOSED: closed, Cohort.STARTED: started}
    for name, closed, started in (
        ("duration_ms", "conversation_duration_ms", "started_conversation_duration_ms"),
        ("messages", "closed_conversation_messages", "started_conversation_messages"),
        ("first_response_ms", "first_response_time_ms", "first_response_time_ms"),
        ("first_human_response_ms", "first_human_response_time_ms", "first_human_response_time_ms"),
        ("human_wait_ms", "human_wait_time_ms", "started_human_wait_time_ms"),
        ("final_resolution_ms", "final_resolution_time_ms", "final_resolution_time_ms"),
        ("cost_micros", "closed_conversation_cost_micros", "started_conversation_cost_micros"),
        ("tokens", "closed_conversation_tokens", "started_conversation_tokens"),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationDistribution:
    """How a number is distributed over conversations. mean and percentiles are None where none has it."""

    count: int
    sum: int
    mean: float | None
    percentiles: Mapping[int, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationFigures:
    """The figures of conversations by name. Points of series have no distributions, nor has what is not kept."""

    figures: Figures
    distributions: Mapping[str, ConversationDistribution]


def metric(name: str, cohort: Cohort) -> str:
    """Returns the metric of the catalogue that a figure or distribution is."""
    return (_FIGURES.get(name) or _DISTRIBUTIONS[name])[cohort]


def metrics(cohort: Cohort) -> dict[str, str]:
    """Returns the metric of the catalogue that each figure and distribution is, by their names in answers."""
    return {name: one[cohort] for each in (_FIGURES, _DISTRIBUTIONS) for name, one in each.items()}


def wanted(cohort: Cohort, *more: str) -> Wanted:
    """Returns what to read for all figures, and for more metrics."""
    measures = [one[cohort] for one in _DISTRIBUTIONS.values()]
    names = (*(one[cohort] for one in _FIGURES.values()), *percentiles(cohort), *more)
    return figures.wanted(names, *measures, *(f"{name}.count" for name in measures))


def percentiles(cohort: Cohort) -> Iterable[str]:
    """Returns the metrics of the catalogue that are not exact."""
    return [f"p{percent}_{one[cohort]}" for one in _DISTRIBUTIONS.values() for percent in PERCENTS]


def of(cell: Cell, cohort: Cohort, by: Dimension) -> ConversationFigures:
    """Returns all figures of a cell of a dimension."""
    kept = by.keeps(PROJECTION)
    distributions = {name: _distribution(cell, one[cohort]) for name, one in _DISTRIBUTIONS.items()} if kept else {}
    return ConversationFigures(figures=of_point(cell, cohort, by).figures, distributions=distributions)


def of_point(cell: Cell, cohort: Cohort, by: Dimension) -> ConversationFigures:
    """Returns the figures of a cell of a dimension that take no histogram."""
    kept = by.keeps(PROJECTION)
    chosen = {name: registry.METRICS[one[cohort]] for name, one in _FIGURES.items()}
    found = {name: figures.figure(one, cell) if kept else None for name, one in chosen.items()}
    return ConversationFigures(figures=found, distributions={})


def _distribution(cell: Cell, name: str) -> ConversationDistribution:
    number = registry.MEASURES[name].number
    count, total = (cell.counters.get(key(number), 0) for key in (cells.count_key, cells.sum_key))
    first = cells.first_bin_key(number)
    return ConversationDistribution(
        count=count,
        sum=total,
        mean=total / count if count else None,
        percentiles={percent: histogram.quantile(cell.bins, percent / 100, first) for percent in PERCENTS},
    )
