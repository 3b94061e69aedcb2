"""Tables of any metrics for a terminal."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console

from tallywire import answer_columns
from tallywire.cli import formatting, layout, points, tables
from tallywire.v1 import metrics_service_pb2

Table = metrics_service_pb2.QueryMetricsResponse
Row = metrics_service_pb2.MetricRow
CURRENCY: Final = "currency"  # the dimension whose values are what amounts are in
_MONEY: Final = "micros"


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How a table is shown: by which metric its rows are ordered, whether with shares of the total of that metric, and
    in which currency money is, if a filter says so.
    """

    order: str
    shares: bool = False
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """A column of figures: its heading, and how the cell of a row is written."""

    heading: str
    cell: Callable[[Row], str]


def show(console: Console, answer: Table, style: Style) -> None:
    """Prints a table; its total, metric by metric, where it has no rows to show."""
    states = points.states(answer.buckets, answer.granularity, answer.context)
    notes = [*points.summary(states), *layout.comparison(answer.compared, formatting.zone(answer.context.time_zone))]
    if not answer.group_by:
        console.print(layout.heading("Figures", answer.context, notes))
        _show_total(console, answer, style, states)
        return
    if len(answer.rows) < answer.distinct_values:
        notes.insert(0, f"{len(answer.rows):,} of {answer.distinct_values:,} rows")
    order = answer.metrics[_place(answer, style)]
    title = f"By {' and '.join(answer.group_by)}, in the order of {order.title or order.metric}"
    console.print(layout.heading(formatting.plain(title), answer.context, notes))
    if not answer.rows:
        console.print("No rows: nothing that carries a value was counted.\n")
    has_names = any(row.display_name for row in answer.rows)
    texts = [*answer.group_by, *(["name"] if has_names else [])]
    figures = list(_columns(answer, style))

    def cells(values: Sequence[str], row: Row) -> list[str]:
        return [*values, *([row.display_name] if has_names else []), *(column.cell(row) for column in figures)]

    blank = [""] * (len(answer.group_by) - 1)
    tables.show(
        console,
        [
            *(tables.Column(heading=text, is_text=True) for text in texts),
            *(tables.Column(heading=column.heading) for column in figures),
        ],
        [cells(row.values, row) for row in answer.rows],
        apart=[cells([name, *blank], row) for name, row in _apart(answer)],
        charts=lambda width: _charts(answer, _place(answer, style), states, width),
    )


def _show_total(console: Console, answer: Table, style: Style, states: Sequence[points.PointState]) -> None:
    """Prints the total with a line for each metric."""
    row = answer.total
    compared = bool(row.earlier_figures)
    lines = []
    for place in range(len(answer.metrics)):
        form = _form(answer, place)
        now = [_heading(answer, place, style), form(row.figures[place])]
        lines.append([*now, form(row.earlier_figures[place]), _change(place)(row)] if compared else now)
    headings = ["Value", *(["Earlier", "Change"] if compared else [])]
    tables.show(
        console,
        [tables.Column(heading="Metric", is_text=True, least=24), *(tables.Column(heading=one) for one in headings)],
        lines,
        charts=(lambda width: [_line(one, states, width) for one in row.series]) if row.series else None,
    )


def _columns(answer: Table, style: Style) -> Iterator[_Column]:
    """Yields the columns of figures, with their changes after a comparison and shares where they are asked for."""
    for place, metric in enumerate(answer.metrics):
        yield _Column(heading=_heading(answer, place, style), cell=_cell(place, _form(answer, place)))
        adds_up = answer_columns.figure(answer.rest.figures[place]) is not None
        if style.shares and metric.metric == style.order and adds_up:
            yield _Column(heading="share", cell=_share(place, answer.total))
        if answer.total.earlier_figures:
            yield _Column(heading="change", cell=_change(place))


def _cell(place: int, form: Callable[[metrics_service_pb2.SeriesValue], str]) -> Callable[[Row], str]:
    return lambda row: form(row.figures[place])


def _form(answer: Table, place: int) -> Callable[[metrics_service_pb2.SeriesValue], str]:
    """Returns how figures of a column are written."""
    written = formatting.BY_UNIT.get(answer.metrics[place].unit, formatting.count)

    def form(value: metrics_service_pb2.SeriesValue) -> str:
        figure = answer_columns.figure(value)
        return formatting.ABSENT if figure is None else written(figure)

    return form


def _heading(answer: Table, place: int, style: Style) -> str:
    """Returns what a metric is called, with the currency if it is money in one."""
    metric = answer.metrics[place]
    title = metric.title or metric.metric
    if metric.unit != _MONEY or CURRENCY in answer.group_by:
        return title
    return f"{title} ({style.currency or answer.context.currency})"


def _share(place: int, total: Row) -> Callable[[Row], str]:
    """Returns how much of the total of a metric a row is, as a function."""
    whole = answer_columns.figure(total.figures[place])

    def share(row: Row) -> str:
        part = answer_columns.figure(row.figures[place])
        return formatting.fraction(part / whole) if part is not None and whole else formatting.ABSENT

    return share


def _change(place: int) -> Callable[[Row], str]:
    """Returns by how much a metric of a row has changed, as a function."""

    def change(row: Row) -> str:
        if not row.earlier_figures:
            return formatting.ABSENT
        earlier = answer_columns.figure(row.earlier_figures[place])
        return formatting.compared(answer_columns.figure(row.figures[place]), earlier)

    return change


def _apart(answer: Table) -> Iterator[tuple[str, Row]]:
    """Yields the rows below the table with their names; a rest only if there is any."""
    if answer.HasField("other"):
        yield "_other", answer.other
    if any(answer_columns.figure(value) for value in answer.rest.figures):
        yield "rest", answer.rest
    yield "total", answer.total


def _place(answer: Table, style: Style) -> int:
    return [column.metric for column in answer.metrics].index(style.order)


def _charts(answer: Table, place: int, states: Sequence[points.PointState], width: int) -> list[str]:
    """Returns a chart for each row: the series of a metric if there are any, else its figures as bars."""
    if answer.buckets:
        return [_line(row.series[place], states, width) for row in answer.rows]
    figures = [answer_columns.figure(row.figures[place]) for row in answer.rows]
    top = max((one for one in figures if one is not None), default=0)
    return [formatting.bar(one, top, width) for one in figures]


def _line(series: metrics_service_pb2.MetricPoints, states: Sequence[points.PointState], width: int) -> str:
    """Returns a series as a line of bars, of the points that have begun."""
    known = [
        answer_columns.figure(value)
        for value, state in zip(series.values, states, strict=True)
        if state is not points.PointState.NOT_BEGUN
    ]
    return formatting.sparkline(known, width)
