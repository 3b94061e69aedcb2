"""Figures from cells: how each kind of metric is computed."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from server import histogram
from server.catalog import cells, dimensions, registry
from server.catalog.cells import Cell
from server.catalog.dimensions import Dimension
from server.catalog.metrics import Aggregation, Measure, Metric, Quantile, Ratio
from server.catalog.selections import Ranking, Wanted

Figure = int | float | None
Figures = Mapping[str, Figure]


def figure(metric: Metric, cell: Cell) -> Figure:
    """Returns a metric's value in a cell; None if it cannot be computed."""
    match metric:
        case Measure():
            return _term(cell, metric.name)
        case Quantile():
            first_bin = cells.first_bin_key(registry.MEASURES[metric.measure].number)
            found = histogram.quantile(cell.bins, metric.q, first_bin)
            return None if found is None else found / metric.parts
        case Ratio():
            return _ratio(metric, cell)


def figures(names: Iterable[str], cell: Cell, by: Dimension = dimensions.TOTAL) -> dict[str, Figure]:
    """Returns the values of several metrics in a cell of a dimension, by name; None if they are not kept by it."""
    return {name: figure(registry.METRICS[name], cell) if is_kept(name, by) else None for name in names}


def is_kept(name: str, by: Dimension) -> bool:
    """Returns whether a metric is kept by a dimension. Some dimensions keep a few measures alone; what a projection
    counts is kept by some dimensions alone, and so are measures whose values must not be added up under others.
    """
    return all(_is_measure_kept(measure, by) for measure in _measures(name))


def _is_measure_kept(measure: Measure, by: Dimension) -> bool:
    if by.only_measures and measure.name not in by.only_measures:
        return False
    if measure.projection and not by.keeps(measure.projection):
        return False
    return not measure.only_by or not by.names.isdisjoint(measure.only_by)


def only_by(name: str) -> Sequence[str]:
    """Returns the names of the dimensions by which alone a metric is kept; empty: by any."""
    return sorted({name for measure in _measures(name) for name in measure.only_by})


@functools.cache
def _measures(name: str) -> Sequence[Measure]:
    """Returns the measures that a metric is computed from."""
    metric = registry.METRICS[name]
    terms = (metric.measure,) if isinstance(metric, Quantile) else _terms(metric)
    return [_measure(term) for term in terms]


def wanted(names: Iterable[str], *more: str, projections: Iterable[str] = ()) -> Wanted:
    """Returns what to read for metrics and further measures. "name.count" asks how many events carried a measure.

    projections are those of which an answer needs more than figures.
    """
    metrics = [registry.METRICS[name] for name in names]
    terms = {term for metric in metrics if not isinstance(metric, Quantile) for term in _terms(metric)}.union(more)
    distributed = {metric.measure for metric in metrics if isinstance(metric, Quantile)}
    measures = {_measure(term) for term in terms} | {registry.MEASURES[name] for name in distributed}
    return Wanted(
        counters=sorted({place.key for place in map(_place, terms) if not place.in_set}),
        histograms=sorted(registry.MEASURES[name].number for name in distributed),
        sets=sorted(place.key for place in map(_place, terms) if place.in_set),
        projections=sorted({one.projection for one in measures if one.projection}.union(projections)),
    )


def adds_up(metric: Metric) -> bool:
    """Returns whether the figures of parts add up to that of the whole: counts, sums and totals of them."""
    return (
        isinstance(metric, Measure | Ratio)
        and _divisor(metric) == ()
        and not any(_place(term).in_set for term in _terms(metric))
    )


def needs_sets(metric: Metric) -> bool:
    """Returns whether a metric is taken from sets: of distinct ids, which parts do not add up to."""
    return not isinstance(metric, Quantile) and any(_place(term).in_set for term in _terms(metric))


def ranking(metric: Metric, *, descending: bool) -> Ranking | None:
    """Returns how values are ranked by a metric; None where it takes more than counters to tell."""
    if isinstance(metric, Quantile) or any(_place(term).in_set for term in _terms(metric)):
        return None
    added = _terms(metric) if isinstance(metric, Measure) else metric.numerators
    taken = () if isinstance(metric, Measure) else metric.subtrahends
    return Ranking(
        above=[_place(term).key for term in (*added, *taken)],
        signs=[1] * len(added) + [-1] * len(taken),
        below=[_place(term).key for term in _divisor(metric)],
        descending=descending,
    )


def _divisor(metric: Measure | Ratio) -> tuple[str, ...]:
    return () if isinstance(metric, Measure) else metric.denominators


def change(now: Figure, before: Figure) -> float | None:
    """Returns the change in percent; None without a baseline."""
    return (now - before) / before * 100 if now is not None and before else None


def _ratio(ratio: Ratio, cell: Cell) -> Figure:
    above = sum(_term(cell, name) for name in ratio.numerators) - sum(_term(cell, name) for name in ratio.subtrahends)
    if not ratio.denominators:
        return above
    below = sum(_term(cell, name) for name in ratio.denominators)
    return above / (below * ratio.parts) if below else None


def _terms(metric: Measure | Ratio) -> tuple[str, ...]:
    return (metric.name,) if isinstance(metric, Measure) else metric.inputs


class _Place(NamedTuple):
    """The place of a term in a cell: the key of a counter, or the number of a set."""

    in_set: bool
    key: int


def _measure(term: str) -> Measure:
    return registry.MEASURES[term.removesuffix(".count")]


@functools.cache
def _place(term: str) -> _Place:
    measure = _measure(term)
    if measure.aggregation is Aggregation.UNIQUE:
        return _Place(in_set=True, key=measure.number)
    counted = term.endswith(".count") or measure.aggregation is Aggregation.COUNT
    key = cells.count_key(measure.number) if counted else cells.sum_key(measure.number)
    return _Place(in_set=False, key=key)


def _term(cell: Cell, name: str) -> int:
    in_set, key = _place(name)
    return len(cell.sets.get(key, ())) if in_set else cell.counters.get(key, 0)
