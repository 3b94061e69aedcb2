"""Tables of answers that are no plain lists of messages: series of any metrics, tables of any dimensions, and what an
answer has several of for each of its rows.
"""

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC
from typing import Any, TypeAlias

from server.catalog import metrics
from server.catalog.catalogue import BUILT_IN
from server.exports.tables import DataColumn, DataTable, Row, Value, ValueKind
from server.rpc.exports.breakdown_tables import breakdown
from server.rpc.exports.fields import Fields, enum_names, number_column, words
from server.rpc.exports.making import NESTED, ROW, Making
from tallywire.v1 import campaign_service_pb2, metrics_service_pb2

# Returns the names of the fields of a response that its tables have shown, and these.
_Special: TypeAlias = Callable[[Making, Any], tuple[Collection[str], list[DataTable]]]
_VALUE = DataColumn(name="value", title="Value", kind=ValueKind.TEXT)
_NAME = DataColumn(name="display_name", title="Name", kind=ValueKind.TEXT)
_BUCKET = (
    DataColumn(name="start", title="Start", kind=ValueKind.INSTANT),
    DataColumn(name="end", title="End", kind=ValueKind.INSTANT),
    DataColumn(name="partial", title="Partial", kind=ValueKind.TEXT),
)
_PARTIAL = enum_names(metrics_service_pb2.PartialBucket.DESCRIPTOR)


def _is_whole(name: str, values: Sequence[Any]) -> bool:
    """Returns whether the figures of a metric are integers: by the catalogue, or of custom metrics by what there is."""
    known = BUILT_IN.metrics.get(name)
    if known is not None:
        return metrics.is_integer(known)
    kinds = {one.WhichOneof("value") for one in values} - {None}
    return kinds == {"integer"}


def _figure(value: Any) -> Value:
    which = value.WhichOneof("value")
    return None if which is None else getattr(value, which)


def _bucket(one: Any) -> list[Value]:
    return [one.start.ToDatetime(tzinfo=UTC), one.end.ToDatetime(tzinfo=UTC), _PARTIAL.get(one.partial)]


def _earlier(column: DataColumn) -> DataColumn:
    return dataclasses.replace(
        column, name=f"earlier_{column.name}", title=f"Earlier {column.title[:1].lower()}{column.title[1:]}"
    )


def _trends(
    making: Making, response: metrics_service_pb2.GetUsageTrendsResponse
) -> tuple[Collection[str], list[DataTable]]:
    """Returns the series side by side: a row for each bucket, a column for each metric."""
    currency = making.context.currency
    columns = [
        number_column(one.metric, one.title, one.unit, currency, whole=_is_whole(one.metric, one.values))
        for one in response.series
    ]
    head = [*_BUCKET, *columns]
    has_earlier = bool(response.earlier_series)
    if has_earlier:
        head += [_earlier(one) for one in (*_BUCKET[:2], *columns)]
    rows: list[Row] = []
    for place, bucket in enumerate(response.buckets):
        row = [*_bucket(bucket), *(_figure(one.values[place]) for one in response.series)]
        if has_earlier:
            before = response.earlier_buckets[place]
            row += _bucket(before)[:2] if before.start != before.end else [None, None]
            row += [_figure(one.values[place]) for one in response.earlier_series]
        rows.append(row)
    handled = ("buckets", "series", "earlier_buckets", "earlier_series")
    return handled, [making.table("series", head, rows)]


def _table(
    making: Making, response: metrics_service_pb2.QueryMetricsResponse
) -> tuple[Collection[str], list[DataTable]]:
    """Returns the rows, what they leave of the total, and the series of all of them."""
    columns = metric_columns(making, response)
    groups = [DataColumn(name=name, title=words(name), kind=ValueKind.TEXT) for name in response.group_by]
    about = [*groups, *([_NAME] if groups else [])]
    compared = response.HasField("compared") and not response.compared.absence_reason
    head = [*columns, *(map(_earlier, columns) if compared else ())]

    def figures(one: metrics_service_pb2.MetricRow) -> list[Value]:
        earlier = [_figure(value) for value in one.earlier_figures] or [None] * len(columns)
        return [*map(_figure, one.figures), *(earlier if compared else ())]

    def whose(one: metrics_service_pb2.MetricRow) -> list[Value]:
        return [*one.values, one.display_name or None] if groups else []

    rows = [[*whose(one), *figures(one)] for one in response.rows]
    totals: list[Row] = [
        [name, *figures(getattr(response, name))] for name in ("total", "rest", "other") if response.HasField(name)
    ]
    found = [making.table("totals", [ROW, *head], totals)]
    if groups:
        found.insert(0, making.table("rows", [*about, *head], rows))
    if response.buckets:
        found.append(making.table("series", [ROW, *about, *_BUCKET, *columns], list(_points(response, about, whose))))
    return [one.name for one in response.DESCRIPTOR.fields], found


def metric_columns(making: Making, response: metrics_service_pb2.QueryMetricsResponse) -> list[DataColumn]:
    """Returns the columns of the metrics of a table."""
    figures = [response.total.figures, *(one.figures for one in response.rows)]
    return [
        number_column(
            one.metric,
            one.title,
            one.unit,
            making.context.currency,
            whole=_is_whole(one.metric, [some[place] for some in figures]),
        )
        for place, one in enumerate(response.metrics)
    ]


def _points(
    response: metrics_service_pb2.QueryMetricsResponse,
    about: Sequence[DataColumn],
    whose: Callable[[metrics_service_pb2.MetricRow], list[Value]],
) -> Iterator[Row]:
    absent: list[Value] = [None] * len(about)
    owners = [("value", whose(one), one) for one in response.rows]
    owners.append(("total", absent, response.total))
    for name, values, one in owners:
        for place, bucket in enumerate(response.buckets):
            if one.series:
                yield [name, *values, *_bucket(bucket), *(_figure(each.values[place]) for each in one.series)]


def _costs(making: Making, response: metrics_service_pb2.GetCostsResponse) -> tuple[Collection[str], list[DataTable]]:
    """Returns the breakdowns, each a table, and what tokens without a cost are estimated to have cost."""
    found = [breakdown(making, f"by_{one.dimension}", one) for one in response.breakdowns]
    models = response.token_estimate
    kind: Any = models.DESCRIPTOR.fields_by_name["models"].message_type
    found.append(making.listed("token_estimate_by_model", kind, models.models))
    return ("breakdowns",), found


def _quality(making: Making, response: Any) -> tuple[Collection[str], list[DataTable]]:
    """Returns each table of rubrics once, with the rubric's version in front: versions are never added up."""
    version = DataColumn(name="rubric_version", title="Rubric version", kind=ValueKind.TEXT)
    parts: dict[str, list[tuple[str, DataTable]]] = {}
    for rubric in response.rubrics:
        kind = rubric.figures.DESCRIPTOR
        own = [making.listed("rubrics", kind, [rubric.figures])]
        if rubric.HasField("earlier"):
            own.append(making.listed("earlier_rubrics", kind, [rubric.earlier]))
        own += [breakdown(making, name, getattr(rubric, name)) for name in ("by_agent", "by_topic", "by_scorer")]
        own.append(making.listed("series", rubric.DESCRIPTOR.fields_by_name["series"].message_type, rubric.series))
        for table in own:
            parts.setdefault(table.name, []).append((rubric.rubric_version, table))
    found = [
        making.table(
            name,
            [version, *some[0][1].columns],
            [[rubric, *row] for rubric, table in some for row in table.rows],
            [note for _, table in some for note in table.notes],
        )
        for name, some in parts.items()
    ]
    return ("rubrics",), found


def _funnel(making: Making, response: Any) -> tuple[Collection[str], list[DataTable]]:
    """Returns the stages of all values in one table."""
    kind = response.total.DESCRIPTOR.fields_by_name["stages"].message_type
    fields = Fields(kind, currency=making.context.currency)
    number = DataColumn(name="stage", title="Stage", kind=ValueKind.INTEGER, whole=True)
    owners: list[tuple[str, str | None, Any]] = [("total", None, response.total)]
    owners += [("value", one.value, one.figures) for one in response.rows]
    owners += [(name, None, getattr(response, name)) for name in ("other", "without_value") if response.HasField(name)]
    rows: list[Row] = [
        [row, value, place, *fields.values(stage)]
        for row, value, figures in owners
        for place, stage in enumerate(figures.stages, start=1)
    ]
    notes = []
    if response.value_count > len(response.rows):
        notes.append(f"{len(response.rows)} of {response.value_count} values have rows of their own.")
    stages = making.table("stages", [ROW, _VALUE, number, *fields.columns], rows, notes)
    return [one.name for one in response.DESCRIPTOR.fields], [stages]


def _campaigns(making: Making, response: Any) -> tuple[Collection[str], list[DataTable]]:
    """Returns campaigns, what they leave of the total, and the amounts of each in each currency."""
    kind = response.DESCRIPTOR.fields_by_name["campaigns"].message_type
    owners = [("campaign", one.campaign_id, one.figures) for one in response.campaigns]
    parts = [name for name in ("total", "without_campaign", "other", "earlier_total") if response.HasField(name)]
    owners += [(name, None, getattr(response, name)) for name in parts]
    figures = Fields(kind.fields_by_name["figures"].message_type, currency="", without=NESTED)
    totals: list[Row] = [[name, *figures.values(getattr(response, name))] for name in parts]
    found = [
        making.listed("campaigns", kind, response.campaigns),
        making.table("totals", [ROW, *figures.columns], totals),
        _amounts(making, owners),
    ]
    return [one.name for one in response.DESCRIPTOR.fields], found


def _amounts(making: Making, owners: Sequence[tuple[str, str | None, Any]]) -> DataTable:
    """Returns amounts, a row for each currency of each owner: currencies are never added up."""
    fields = Fields(_AMOUNTS, currency="")
    campaign = DataColumn(name="campaign_id", title="Campaign ID", kind=ValueKind.TEXT)
    rows: list[Row] = [[row, whose, *fields.values(one)] for row, whose, figures in owners for one in figures.amounts]
    return making.table("amounts", [ROW, campaign, *fields.columns], rows)


def _campaign(making: Making, response: Any) -> tuple[Collection[str], list[DataTable]]:
    one = response.campaign
    owners = [("campaign", one.campaign_id, one.figures)]
    if one.HasField("earlier_figures"):
        owners.append(("earlier", one.campaign_id, one.earlier_figures))
    found = [making.listed("campaign", one.DESCRIPTOR, [one]), _amounts(making, owners)]
    fields = Fields(_AMOUNTS, currency="")
    rows: list[Row] = [
        [*_bucket(point.bucket), *fields.values(each)] for point in response.points for each in point.figures.amounts
    ]
    found.append(making.table("series_amounts", [*_BUCKET, *fields.columns], rows))
    return ("campaign",), found


def _retention(making: Making, response: Any) -> tuple[Collection[str], list[DataTable]]:
    """Returns a row for each later period of each cohort."""
    kind = response.DESCRIPTOR.fields_by_name["cohorts"].message_type
    cohort = Fields(kind, currency="", without=("retained",))
    retained = Fields(kind.fields_by_name["retained"].message_type, currency="")
    columns = [
        *cohort.columns,
        *(
            dataclasses.replace(one, name=f"retained_{one.name}", title=f"Retained, {one.title.lower()}")
            for one in retained.columns
        ),
    ]
    rows: list[Row] = [
        [*cohort.values(one), *retained.values(each)] for one in response.cohorts for each in one.retained
    ]
    return ("cohorts",), [making.table("cohorts", columns, rows)]


_AMOUNTS = campaign_service_pb2.CampaignAmounts.DESCRIPTOR
OF: Mapping[str, _Special] = {
    "GetUsageTrendsResponse": _trends,
    "QueryMetricsResponse": _table,
    "GetCostsResponse": _costs,
    "GetQualityResponse": _quality,
    "QueryFunnelResponse": _funnel,
    "ListCampaignsResponse": _campaigns,
    "GetCampaignResponse": _campaign,
    "GetUserRetentionResponse": _retention,
}
