"""Answers as sheets, for CSV. Columns have the names of fields and metrics, and do not depend on the figures."""

import itertools
from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo

from google.protobuf.message import Message

from tallywire import answer_columns
from tallywire.answer_columns import AnswerColumn, ColumnKind
from tallywire.cli import csv_output, formatting, points
from tallywire.cli.csv_output import Cell, Sheet
from tallywire.v1 import answer_pb2, metrics_service_pb2, time_pb2


def overview(response: metrics_service_pb2.GetOverviewResponse) -> Sheet:
    """Returns a row for each figure; with "of", for the event type or the kind of storage that it is about."""
    return Sheet(header=("start", "end", "figure", "of", "value"), rows=_overview(response))


def agent(
    response: metrics_service_pb2.GetAgentMetricsResponse, width: time_pb2.Granularity.ValueType, team_id: str = ""
) -> Sheet:
    """Returns a row for each figure of the period, of the earlier one if there is any, and of each point of the trend,
    which has that width; of the team that is named, or else of the agent.
    """
    name, value = ("team_id", team_id) if team_id else ("agent_id", response.agent.agent_id)
    return Sheet(header=(name, "start", "end", "figure", "value"), rows=_agent(response, width, value))


def usage(response: metrics_service_pb2.GetUsageTrendsResponse) -> Sheet:
    """Returns a row for each bucket, with a column for each metric; after a comparison those of the earlier period."""
    return _sheet(answer_columns.of_usage(response), response)


def query(response: metrics_service_pb2.QueryMetricsResponse, *, totals: bool) -> Sheet:
    """Returns the rows of a table, with series a row for each bucket; with totals also total, rest and other."""
    columns = answer_columns.of_table(response, totals=totals, series=bool(response.buckets))
    return _sheet(columns, response)


def _sheet(
    columns: list[AnswerColumn],
    response: metrics_service_pb2.GetUsageTrendsResponse | metrics_service_pb2.QueryMetricsResponse,
) -> Sheet:
    """Returns the sheet of columns, whose times show the clock of the answer's zone, with the states of buckets."""
    where = formatting.zone(response.context.time_zone)
    for column in columns:
        if column.kind is ColumnKind.TIME:
            column.cells[:] = [one.astimezone(where) if isinstance(one, datetime) else None for one in column.cells]
    names = [column.name for column in columns]
    if answer_columns.END in names:
        end = names.index(answer_columns.END)
        states = points.states(response.buckets, response.granularity, response.context)
        # Buckets come in the same order again for each row of a table.
        cells: list[Cell] = [state.value for _, state in zip(columns[end].cells, itertools.cycle(states), strict=False)]
        columns.insert(end + 1, AnswerColumn(name="state", kind=ColumnKind.TEXT, cells=cells))
    rows = zip(*(column.cells for column in columns), strict=True)
    return Sheet(header=[column.name for column in columns], rows=rows)


def _overview(response: metrics_service_pb2.GetOverviewResponse) -> Iterator[Sequence[Cell]]:
    answer, now = response.overview, _period(response.context)
    for name, value in _figures(answer):
        yield *now, name, None, value
    for stored in answer.storage_by_kind:
        yield *now, "storage_used_bytes", _word(metrics_service_pb2.StorageUsage, "kind", stored.kind), stored.bytes
    for counted in answer.events_by_type:
        yield *now, "events", counted.event_type, counted.events
    if response.HasField("earlier"):
        before = _earlier(response.compared, response.context)
        for name, value in _figures(response.earlier):
            if not name.endswith("_change"):
                yield *before, name, None, value


def _agent(
    response: metrics_service_pb2.GetAgentMetricsResponse, width: time_pb2.Granularity.ValueType, who: str
) -> Iterator[Sequence[Cell]]:
    where = formatting.zone(response.context.time_zone)
    periods: list[tuple[Sequence[Cell], Message]] = [(_period(response.context), response.agent)]
    if response.HasField("earlier"):
        periods.append((_earlier(response.compared, response.context), response.earlier))
    states = points.states(response.trend, width, response.context)
    for point, state in zip(response.trend, states, strict=True):
        if state is not points.PointState.NOT_BEGUN:
            periods.append((_bounds(point, where), point))
    for bounds, message in periods:
        for name, value in _figures(message):
            yield who, *bounds, name, value


def _figures(message: Message) -> Iterator[tuple[str, int | float | None]]:
    """Yields the name and value of each figure in a message, None where it is absent; a change is a percentage."""
    for field in message.DESCRIPTOR.fields:
        if not field.has_presence:
            continue
        value = getattr(message, field.name)
        if isinstance(value, answer_pb2.Change):
            yield field.name, value.percent if value.HasField("percent") else None
        elif not isinstance(value, Message):
            yield field.name, value if message.HasField(field.name) else None


def _word(message: type[Message], field: str, number: int) -> str:
    """Returns the name of an enum's value without the prefix, in lower case."""
    enum = message.DESCRIPTOR.fields_by_name[field].enum_type
    if enum is None or number not in enum.values_by_number:
        return str(number)
    first = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    return str(enum.values_by_number[number].name).removeprefix(first).lower()


def _bounds(span: points.PointSpan, where: tzinfo) -> tuple[Cell, Cell]:
    return csv_output.instant(span.start, where), csv_output.instant(span.end, where)


def _period(context: answer_pb2.AnswerContext) -> tuple[Cell, Cell]:
    return _bounds(context, formatting.zone(context.time_zone))


def _earlier(compared: answer_pb2.ComparedPeriod, context: answer_pb2.AnswerContext) -> tuple[Cell, Cell]:
    return _bounds(compared, formatting.zone(context.time_zone))
