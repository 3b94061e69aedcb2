"""Metrics as SQL that computes them from rows: the same figures as server/catalog/figures.py computes from cells."""

from server import histogram
from server.catalog import cells
from server.catalog.catalogue import BUILT_IN
from server.catalog.metrics import Measure, Metric, Quantile, Ratio
from server.store import statements

_LARGEST = 2**63 - 1  # as in reading: a sum beyond it stays there


def functions() -> str:
    """Returns SQL that makes the functions that the expressions below use."""
    constants = {
        "'LOWEST'": "'{" + ",".join(map(str, histogram.LOWEST)) + "}'",
        "BIN_COUNT": str(histogram.BIN_COUNT),
        "KEY_SPAN": str(cells.KEY_SPAN),
        "FIRST_BIN_PART": str(cells.FIRST_BIN_PART),
    }
    made = statements.text("bi_functions")
    for name, value in constants.items():
        made = made.replace(name, value)
    return made


def expression(metric: Metric) -> str:
    """Returns SQL that computes a metric from the rows r of a group."""
    match metric:
        case Measure():
            return _term(metric.name)
        case Quantile():
            number = BUILT_IN.measure(metric.measure).number
            return f"({percentiles(str(number), f'ARRAY[{metric.q}::double precision]')})[1]{_parts(metric)}"
        case Ratio():
            above = " + ".join(map(_term, metric.numerators)) + "".join(
                f" - {_term(one)}" for one in metric.subtrahends
            )
            if not metric.denominators:
                return above
            below = " + ".join(map(_term, metric.denominators))
            divisor = f"({below}) * {metric.parts}" if metric.parts > 1 else below
            return f"({above})::double precision / nullif({divisor}, 0)"


def _parts(metric: Quantile) -> str:
    return f" / {metric.parts}" if metric.parts > 1 else ""


def type_of(metric: Metric) -> str:
    """Returns the type of a metric's column."""
    return (
        "double precision"
        if isinstance(metric, Quantile) or (isinstance(metric, Ratio) and metric.denominators)
        else "bigint"
    )


def _term(name: str) -> str:
    place = BUILT_IN.place(name)
    if place.in_set:
        return distinct(str(place.key))
    amount = f"coalesce(sum(r.counter_amounts[array_position(r.counter_keys, {place.key})]), 0)"
    return f"greatest(least({amount}, {_LARGEST}), -{_LARGEST})::bigint"


def distinct(key: str) -> str:
    """Returns SQL that counts the distinct ids of the sets of a key."""
    return f"bi.distinct_count(array_agg(r.sets[array_position(r.set_keys, {key})]))"


def percentiles(measure: str, wanted: str) -> str:
    """Returns SQL that computes percentiles of the measure with a number, as an array."""
    packed = (
        f"CASE WHEN r.bin_keys IS NULL THEN r.histograms[array_position(r.histogram_keys, {measure})]"
        " ELSE bi.bins_of_delta(r.bin_keys, r.bin_counts) END"
    )
    return f"bi.percentiles(array_agg({packed}), {measure}, {wanted})"
