"""What the values of a metric are, as far as judging them goes."""

from server.anomalies.samples import SeriesKind
from server.catalog import figures
from server.catalog.catalogue import Catalogue
from server.catalog.cells import Cell
from server.catalog.metrics import Aggregation, Measure, Metric, Quantile, Ratio, Unit

_COUNTED = (Aggregation.COUNT, Aggregation.UNIQUE)


def kind(metric: Metric, catalogue: Catalogue) -> SeriesKind:
    """Returns COUNT for numbers of events and of distinct ids, FRACTION for shares, and VALUE for all else."""
    if isinstance(metric, Measure):
        return SeriesKind.COUNT if metric.aggregation in _COUNTED else SeriesKind.VALUE
    if isinstance(metric, Quantile):
        return SeriesKind.VALUE
    if metric.denominators:
        return SeriesKind.FRACTION if metric.unit == Unit.FRACTION else SeriesKind.VALUE
    is_counted = all(_is_count(term, catalogue) for term in metric.inputs)
    return SeriesKind.COUNT if is_counted and not metric.subtrahends else SeriesKind.VALUE


def _is_count(term: str, catalogue: Catalogue) -> bool:
    return term.endswith(".count") or catalogue.measure(term).aggregation in _COUNTED


def trials(metric: Metric, cell: Cell, catalogue: Catalogue) -> int | None:
    """Returns the denominator of a ratio in a cell; None for other metrics."""
    if not isinstance(metric, Ratio) or not metric.denominators:
        return None
    return figures.added_up(cell, metric.denominators, (), catalogue)
