"""From cells to figures: how each kind of metric is read."""

from collections.abc import Iterable, Mapping

from server import catalog, cells, histogram
from server.catalog import Aggregation, Measure, Metric, Quantile, Ratio
from server.cells import Cell

Figure = int | float | None
Figures = Mapping[str, Figure]


def figure(metric: Metric, cell: Cell) -> Figure:
    """A metric's value in a cell; None where it cannot be computed."""
    match metric:
        case Measure():
            return _term(cell, metric.name)
        case Quantile():
            return histogram.quantile(cell.histogram(catalog.MEASURE[metric.measure].number), metric.q)
        case Ratio():
            return _ratio(metric, cell)


def figures(names: Iterable[str], cell: Cell) -> dict[str, Figure]:
    """The values of several metrics in a cell, by name."""
    return {name: figure(catalog.METRICS[name], cell) for name in names}


def measure_numbers(names: Iterable[str]) -> set[int]:
    """The numbers of the measures that metrics are made of."""
    return {one.number for name in names for one in catalog.measures_of(catalog.METRICS[name])}


def needs_bins(names: Iterable[str]) -> bool:
    """True where one of the metrics is read from a histogram."""
    return any(isinstance(catalog.METRICS[name], Quantile) for name in names)


def change(now: Figure, before: Figure) -> float | None:
    """The change in percent; None without a baseline."""
    return (now - before) / before * 100 if now is not None and before else None


def _ratio(ratio: Ratio, cell: Cell) -> Figure:
    above = sum(_term(cell, name) for name in ratio.numerators) - sum(_term(cell, name) for name in ratio.subtrahends)
    if not ratio.denominators:
        return above
    below = sum(_term(cell, name) for name in ratio.denominators)
    return above / below if below else None


def _term(cell: Cell, name: str) -> int:
    measure = catalog.MEASURE[name.removesuffix(".count")]
    if measure.aggregation is Aggregation.UNIQUE:
        return len(cell.sets.get(measure.number, ()))
    counted = name.endswith(".count") or measure.aggregation in (Aggregation.COUNT, Aggregation.OUTCOME)
    key = cells.count_key(measure.number) if counted else cells.sum_key(measure.number)
    return cell.counters.get(key, 0)
