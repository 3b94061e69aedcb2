"""Catalogues: the metrics and dimensions that a question may name, built in or the organization's own."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from server.catalog import cells, registry
from server.catalog.custom_metrics import KeptMetric
from server.catalog.dimensions import Dimension
from server.catalog.metrics import Aggregation, Measure, Metric, Quantile


class TermPlace(NamedTuple):
    """The place of a term in a cell: the key of a counter, or the number of a set."""

    in_set: bool
    key: int


class Catalogue:
    """What a question may name. own are custom metrics of the organization that asks.

    A term is the name of a measure, or "name.count": how many events carried it.
    """

    def __init__(self, own: Sequence[KeptMetric] = ()) -> None:
        self.own = own
        self.metrics: Mapping[str, Metric] = registry.METRICS
        self.measures: Mapping[str, Measure] = registry.MEASURES
        if own:
            mine = {metric.name: metric for one in own for metric in one.metrics()}
            self.metrics = {**registry.METRICS, **mine}
            measures = {name: one for name, one in mine.items() if isinstance(one, Measure)}
            self.measures = {**registry.MEASURES, **measures}
        self.dimensions: Mapping[str, Dimension] = {
            dimension.name: dimension for one in own if (dimension := one.dimension()) is not None
        }
        self._places: dict[str, TermPlace] = {}
        self._measures_of: dict[str, Sequence[Measure]] = {}

    def measure(self, term: str) -> Measure:
        """Returns the measure of a term."""
        return self.measures[term.removesuffix(".count")]

    def place(self, term: str) -> TermPlace:
        """Returns where a cell has a term."""
        found = self._places.get(term)
        if found is None:
            found = self._places[term] = _place(self.measure(term), term)
        return found

    def terms_of(self, name: str) -> Sequence[str]:
        """Returns the terms that a metric is computed from; none for a percentile, which takes a histogram."""
        metric = self.metrics[name]
        return () if isinstance(metric, Quantile) else _terms(metric)

    def measures_of(self, name: str) -> Sequence[Measure]:
        """Returns the measures that a metric is computed from."""
        found = self._measures_of.get(name)
        if found is None:
            found = self._measures_of[name] = [self.measure(term) for term in _terms(self.metrics[name])]
        return found


def _terms(metric: Metric) -> tuple[str, ...]:
    match metric:
        case Measure():
            return (metric.name,)
        case Quantile():
            return (metric.measure,)
        case _:
            return metric.inputs


def _place(measure: Measure, term: str) -> TermPlace:
    if measure.aggregation is Aggregation.UNIQUE:
        return TermPlace(in_set=True, key=measure.number)
    counted = term.endswith(".count") or measure.aggregation is Aggregation.COUNT
    key = cells.count_key(measure.number) if counted else cells.sum_key(measure.number)
    return TermPlace(in_set=False, key=key)


BUILT_IN = Catalogue()
