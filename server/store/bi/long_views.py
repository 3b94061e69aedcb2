"""The long views: a row for each day or hour, dimension, value and metric. They go by two tables, the catalogue."""

from collections.abc import Sequence

from server.catalog import dimensions, figures, registry
from server.catalog.catalogue import BUILT_IN
from server.catalog.metrics import Better, Measure, Metric, Quantile, Ratio
from server.store.bi import figures as expressions
from server.store.bi import rows
from server.store.bi.views import BiColumn, BiView

_GROUPS = dimensions.TABLE.entries
_NAMES = ", ".join(f"({one.number}::smallint, '{one.name}')" for one in _GROUPS)
_DIMENSIONS = f"(VALUES {_NAMES}) AS n(number, name)"
_EACH = rows.of_each(_DIMENSIONS)
_COUNTED, _DISTINCT, _PERCENTILE = "counted", "distinct", "percentile"
TABLES = (
    """
    CREATE TABLE bi.known_metrics (
        metric text PRIMARY KEY, title text NOT NULL, description text NOT NULL, unit text NOT NULL,
        better text, family text NOT NULL, kind text NOT NULL, dimensions smallint[] NOT NULL,
        is_ratio boolean NOT NULL, parts integer NOT NULL, number integer, quantile double precision
    )
    """,
    # What is added up for a metric: with the sign 1 or -1 above the line, and with 0 below it.
    """
    CREATE TABLE bi.metric_terms (
        counter_key integer NOT NULL, metric text NOT NULL, sign smallint NOT NULL, is_divisor boolean NOT NULL
    )
    """,
    "CREATE INDEX metric_terms_by_metric ON bi.metric_terms (metric)",
    "CREATE INDEX metric_terms_by_key ON bi.metric_terms (counter_key)",
)


def catalogue() -> tuple[Sequence[tuple[object, ...]], Sequence[tuple[object, ...]]]:
    """Returns the rows of both tables. A metric that is made of distinct ids and of counts together is left out: it is
    a column of wide views.
    """
    known = {name: one for name, one in registry.METRICS.items() if _kind(one)}
    terms = [row for one in known.values() if _kind(one) == _COUNTED for row in _terms(one)]
    return [_known(one) for one in known.values()], terms


def _kind(metric: Metric) -> str | None:
    if isinstance(metric, Quantile):
        return _PERCENTILE
    if not figures.needs_sets(metric):
        return _COUNTED
    return _DISTINCT if isinstance(metric, Measure) else None


def _known(metric: Metric) -> tuple[object, ...]:
    kept = [one.number for one in _GROUPS if figures.is_kept(metric.name, one)]
    better = None if metric.better is Better.NEITHER else metric.better.name.lower()
    number = None if isinstance(metric, Ratio) else BUILT_IN.measures_of(metric.name)[0].number
    return (
        *(metric.name, metric.title, metric.description, str(metric.unit), better, registry.GROUPS[metric.name]),
        *(_kind(metric), kept, isinstance(metric, Ratio) and bool(metric.denominators), metric.parts, number),
        metric.q if isinstance(metric, Quantile) else None,
    )


def _terms(metric: Metric) -> list[tuple[object, ...]]:
    if isinstance(metric, Ratio):
        signs = [(metric.numerators, 1, False), (metric.subtrahends, -1, False), (metric.denominators, 1, True)]
    else:
        signs = [((metric.name,), 1, False)]
    return [
        (BUILT_IN.place(term).key, metric.name, sign, is_divisor) for some, sign, is_divisor in signs for term in some
    ]


_AMOUNT = "sum(u.amount * t.sign)"
_COUNTED_VALUE = f"""CASE WHEN m.is_ratio
    THEN coalesce({_AMOUNT} FILTER (WHERE NOT t.is_divisor), 0)::double precision
        / nullif({_AMOUNT} FILTER (WHERE t.is_divisor) * m.parts, 0)
    ELSE {_AMOUNT}::double precision END"""
_OF_METRIC = "r.dimension = ANY (m.dimensions)"


def _long(times: str, read: str) -> str:
    """Returns SQL that reads counts, sums, ratios and distinct ids from rows, by columns of their time."""
    selected = f"{times}, r.dimension_name AS dimension, r.value AS dimension_value, m.metric"
    return f"""(
        SELECT {selected}, {_COUNTED_VALUE} AS value
        FROM ({read}) AS r
        CROSS JOIN LATERAL unnest(r.counter_keys, r.counter_amounts) AS u(key, amount)
        JOIN bi.metric_terms AS t ON t.counter_key = u.key
        JOIN bi.known_metrics AS m ON m.metric = t.metric AND {_OF_METRIC}
        GROUP BY {times}, r.dimension_name, r.value, m.metric, m.is_ratio, m.parts
        UNION ALL
        SELECT {selected}, {expressions.distinct("m.number")}::double precision
        FROM ({read}) AS r JOIN bi.known_metrics AS m ON m.kind = '{_DISTINCT}' AND {_OF_METRIC}
            AND m.number = ANY (r.set_keys)
        GROUP BY {times}, r.dimension_name, r.value, m.metric, m.number
    ) AS r WHERE r.value IS NOT NULL"""  # noqa: S608 - constants of the code


def _percentiles(times: str, read: str) -> str:
    """Returns SQL that reads percentiles from rows, by columns of their time."""
    wanted = expressions.percentiles("m.number", "ARRAY[m.quantile]")
    return f"""(
        SELECT {times}, r.dimension_name AS dimension, r.value AS dimension_value, m.metric,
            ({wanted})[1] / m.parts AS value
        FROM ({read}) AS r
        JOIN bi.known_metrics AS m ON m.kind = '{_PERCENTILE}' AND {_OF_METRIC}
            AND (m.number = ANY (r.histogram_keys) OR r.bin_keys IS NOT NULL)
        GROUP BY {times}, r.dimension_name, r.value, m.metric, m.number, m.quantile, m.parts
    ) AS r WHERE r.value IS NOT NULL"""  # noqa: S608 - constants of the code


_HOURS = "r.day, r.hour_bucket, r.ahead"
_OF_ROW = (
    BiColumn(name="dimension", sql="r.dimension", comment="The dimension; total: the organization as a whole."),
    BiColumn(name="dimension_value", sql="r.dimension_value", comment="The value of the dimension; empty for total."),
    BiColumn(name="metric", sql="r.metric", comment="The metric, as in bi.metrics."),
    BiColumn(name="value", sql="r.value", comment="The figure. What is not counted has no row."),
)


def views(day: BiColumn, hour: Sequence[BiColumn]) -> Sequence[BiView]:
    """Returns the long views, by their columns of time, and that of the catalogue."""
    of = "by metric, dimension and value"
    exact = f"Counts, sums, ratios and distinct counts {of}: a row each."
    shares = f"Percentiles {of}, within 1 %: a row each."
    return (
        BiView(
            name="metrics_daily",
            comment=f"{exact} By day.",
            columns=[day, *_OF_ROW],
            source=_long("r.day", rows.daily(_EACH)),
        ),
        BiView(
            name="metrics_hourly",
            comment=f"{exact} By hour.",
            columns=[*hour, *_OF_ROW],
            source=_long(_HOURS, rows.hourly(_EACH)),
        ),
        BiView(
            name="percentiles_daily",
            comment=f"{shares} By day.",
            columns=[day, *_OF_ROW],
            source=_percentiles("r.day", rows.daily(_EACH)),
        ),
        BiView(
            name="percentiles_hourly",
            comment=f"{shares} By hour.",
            columns=[*hour, *_OF_ROW],
            source=_percentiles(_HOURS, rows.hourly(_EACH)),
        ),
        _catalogue(),
    )


def _catalogue() -> BiView:
    names = (
        f"(SELECT string_agg(n.name, ', ' ORDER BY n.number) FROM {_DIMENSIONS} WHERE n.number = ANY (m.dimensions))"  # noqa: S608
    )
    described = {
        "metric": ("m.metric", "The name of the metric, as in the long views."),
        "title": ("m.title", "What people call it."),
        "description": ("m.description", "What it counts."),
        "unit": ("m.unit", "Its unit, in UCUM where it has one."),
        "better": ("m.better", "Which change is good news: higher or lower. NULL: neither."),
        "family": ("m.family", "The family of metrics that it belongs to."),
        "kind": ("m.kind", f"{_COUNTED}: counts, sums and ratios. {_DISTINCT}. {_PERCENTILE}."),
        "dimensions": (names, "The dimensions that it is kept by."),
    }
    return BiView(
        name="metrics",
        comment="The metrics of the long views, what they mean and their units.",
        columns=[BiColumn(name=name, sql=sql, comment=text) for name, (sql, text) in described.items()],
        source="bi.known_metrics AS m",
    )
