"""Figures from cells: how each kind of metric is computed."""

from collections.abc import Iterable, Mapping, Sequence

from server import histogram
from server.catalog import cells, dimensions
from server.catalog.catalogue import BUILT_IN, Catalogue
from server.catalog.cells import Cell
from server.catalog.custom_metrics import PROJECTION
from server.catalog.dimensions import Dimension
from server.catalog.metrics import Measure, Metric, Quantile, Ratio
from server.catalog.selections import Ranking, Wanted

Figure = int | float | None
Figures = Mapping[str, Figure]


def figure(metric: Metric, cell: Cell, catalogue: Catalogue = BUILT_IN) -> Figure:
    """Returns a metric's value in a cell; None if it cannot be computed. What is stored in parts of a unit is in parts:
    see metrics.shown().
    """
    match metric:
        case Measure():
            return _term(cell, metric.name, catalogue)
        case Quantile():
            first_bin = cells.first_bin_key(catalogue.measure(metric.measure).number)
            found = histogram.quantile(cell.bins, metric.q, first_bin)
            return None if found is None else found / metric.parts
        case Ratio():
            return _ratio(metric, cell, catalogue)


def figures(
    names: Iterable[str], cell: Cell, by: Dimension = dimensions.TOTAL, catalogue: Catalogue = BUILT_IN
) -> dict[str, Figure]:
    """Returns the values of several metrics in a cell of a dimension, by name; None if they are not kept by it."""
    return {
        name: figure(catalogue.metrics[name], cell, catalogue) if is_kept(name, by, catalogue) else None
        for name in names
    }


def is_kept(name: str, by: Dimension, catalogue: Catalogue = BUILT_IN) -> bool:
    """Returns whether a metric is kept by a dimension. Some dimensions keep a few measures alone; what a projection
    counts is kept by some dimensions alone, and so are measures whose values must not be added up under others.
    """
    if by.only_terms:
        terms = catalogue.terms_of(name)
        if not terms or not set(terms).issubset(by.only_terms):
            return False
    return all(_is_measure_kept(measure, by) for measure in catalogue.measures_of(name))


def _is_measure_kept(measure: Measure, by: Dimension) -> bool:
    if by.only_measures and measure.name not in by.only_measures:
        return False
    if measure.projection == PROJECTION:  # custom metrics: by whatever is no pair
        return by.sides is None and by.number >= 0
    if measure.projection and not by.keeps(measure.projection):
        return False
    return not measure.only_by or not by.names.isdisjoint(measure.only_by)


def only_by(name: str, catalogue: Catalogue = BUILT_IN) -> Sequence[str]:
    """Returns the names of the dimensions by which alone a metric is kept; empty: by any."""
    return sorted({name for measure in catalogue.measures_of(name) for name in measure.only_by})


def wanted(
    names: Iterable[str], *more: str, projections: Iterable[str] = (), catalogue: Catalogue = BUILT_IN
) -> Wanted:
    """Returns what to read for metrics and further measures. "name.count" asks how many events carried a measure.

    projections are those of which an answer needs more than figures.
    """
    metrics = [catalogue.metrics[name] for name in names]
    terms = {term for metric in metrics if not isinstance(metric, Quantile) for term in _terms(metric)}.union(more)
    distributed = {metric.measure for metric in metrics if isinstance(metric, Quantile)}
    measures = {catalogue.measure(term) for term in terms.union(distributed)}
    places = list(map(catalogue.place, terms))
    return Wanted(
        counters=sorted({place.key for place in places if not place.in_set}),
        histograms=sorted(catalogue.measure(name).number for name in distributed),
        sets=sorted(place.key for place in places if place.in_set),
        projections=sorted({one.projection for one in measures if one.projection}.union(projections)),
    )


def adds_up(metric: Metric, catalogue: Catalogue = BUILT_IN) -> bool:
    """Returns whether the figures of parts add up to that of the whole: counts, sums and totals of them."""
    return (
        isinstance(metric, Measure | Ratio)
        and _divisor(metric) == ()
        and not any(catalogue.place(term).in_set for term in _terms(metric))
    )


def needs_sets(metric: Metric, catalogue: Catalogue = BUILT_IN) -> bool:
    """Returns whether a metric is taken from sets: of distinct ids, which parts do not add up to."""
    return not isinstance(metric, Quantile) and any(catalogue.place(term).in_set for term in _terms(metric))


def ranking(metric: Metric, *, descending: bool, catalogue: Catalogue = BUILT_IN) -> Ranking | None:
    """Returns how values are ranked by a metric; None where it takes more than counters to tell."""
    if isinstance(metric, Quantile) or any(catalogue.place(term).in_set for term in _terms(metric)):
        return None
    added = _terms(metric) if isinstance(metric, Measure) else metric.numerators
    taken = () if isinstance(metric, Measure) else metric.subtrahends
    return Ranking(
        above=[catalogue.place(term).key for term in (*added, *taken)],
        signs=[1] * len(added) + [-1] * len(taken),
        below=[catalogue.place(term).key for term in _divisor(metric)],
        descending=descending,
    )


def added_up(cell: Cell, plus: Sequence[str], minus: Sequence[str], catalogue: Catalogue = BUILT_IN) -> int:
    """Returns what some terms of a cell, less others, add up to."""
    return _sum(cell, plus, catalogue) - _sum(cell, minus, catalogue)


def _divisor(metric: Measure | Ratio) -> tuple[str, ...]:
    return () if isinstance(metric, Measure) else metric.denominators


def change(now: Figure, before: Figure) -> float | None:
    """Returns the change in percent; None without a baseline."""
    return (now - before) / before * 100 if now is not None and before else None


def _ratio(ratio: Ratio, cell: Cell, catalogue: Catalogue) -> Figure:
    above = added_up(cell, ratio.numerators, ratio.subtrahends, catalogue)
    if not ratio.denominators:
        return above
    below = _sum(cell, ratio.denominators, catalogue)
    return above / (below * ratio.parts) if below else None


def _sum(cell: Cell, terms: Sequence[str], catalogue: Catalogue) -> int:
    return sum(_term(cell, term, catalogue) for term in terms)


def _terms(metric: Measure | Ratio) -> tuple[str, ...]:
    return (metric.name,) if isinstance(metric, Measure) else metric.inputs


def _term(cell: Cell, name: str, catalogue: Catalogue) -> int:
    in_set, key = catalogue.place(name)
    return len(cell.sets.get(key, ())) if in_set else cell.counters.get(key, 0)
