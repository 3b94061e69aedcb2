"""The commands that show what is unusual, and what a change is made of."""

from collections.abc import Iterator, Sequence
from datetime import tzinfo
from typing import Annotated, Final, get_args

import typer
from rich.console import Console

from tallywire import anomalies as requests
from tallywire import answer_columns
from tallywire.cli import csv_output, formatting, json_output, layout, options, problems, table_options, tables
from tallywire.cli.csv_output import Cell, Sheet
from tallywire.cli.tables import Column
from tallywire.v1 import anomaly_service_pb2 as messages
from tallywire.v1 import metrics_service_pb2

_SENSITIVITIES: Final[tuple[requests.SensitivityName, ...]] = get_args(requests.SensitivityName)
_DIRECTIONS: Final[tuple[requests.DirectionName, ...]] = get_args(requests.DirectionName)
_UNUSUAL: Final = ("metric", "value", "start", "end", "buckets", "peak", "figure", "expected", "low", "high", "score")
_CONTRIBUTED: Final = ("now", "before", "change", "mix", "rate", "weight_now", "weight_before")

Granularity = Annotated[
    str | None,
    typer.Option("--granularity", metavar="WIDTH", help="Width of buckets: quarter_hour to month."),
]


@problems.reported
@options.grouped
def anomalies(
    *,
    metric: table_options.Metrics = None,
    by: Annotated[str | None, typer.Option("--by", metavar="DIMENSION", help="Judge each value of it, too.")] = None,
    granularity: Granularity = None,
    sensitivity: Annotated[
        str, typer.Option(help=f"{', '.join(_SENSITIVITIES)}, or a number of standard deviations.")
    ] = "medium",
    effect: Annotated[
        float, typer.Option("--minimum-effect", min=0, help="Leave out what is less away, as a share: 0.1.")
    ] = 0.0,
    direction: Annotated[str | None, typer.Option(help=f"{' or '.join(_DIRECTIONS)}. Default: both.")] = None,
    strongest: Annotated[bool, typer.Option("--strongest", help="The most unusual first, and not the newest.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most anomalies to show.")] = 20,
    of: options.PeriodOptions,
    only: options.FilterOptions,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Show what is unusual in metrics, and beside what.

    Each bucket is compared with the same hour of the week, or with less history with the same hour or day. Without
    --metric, events are judged.
    """
    question, level, side = of.question(), _level(sensitivity), _side(direction)
    with to.connect() as server:
        asked = options.asked(question, server)
        response = server.anomalies.list(
            asked.start,
            asked.end,
            table_options.names(metric) or ["events"],
            group_by=by,
            granularity=options.granularity(granularity),
            sensitivity=level,
            minimum_effect=effect,
            direction=side,
            order="strongest" if strongest else "newest",
            limit=limit,
            time_zone=asked.time_zone,
            **only.arguments(),
        )
    output.emit(
        document=lambda: json_output.of(response),
        sheet=lambda: _unusual_sheet(response),
        terminal=lambda console: show_anomalies(console, response, by),
    )


@problems.reported
@options.grouped
def changes(
    *,
    metric: table_options.Metrics = None,
    by: table_options.By = None,
    limit: Annotated[int, typer.Option(min=1, max=50, help="Rows of each account.")] = 5,
    of: options.PeriodOptions,
    only: options.FilterOptions,
    compare: options.Compare = None,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Show what has changed most, and who did it.

    Contributions add up to the change. Of rates they are split into mix (how much of the whole a value is) and rate
    (its own rate). Without --metric, of events; without --by, by agent and by channel.
    """
    question = of.question()
    with to.connect() as server:
        asked = options.asked(question, server)
        response = server.anomalies.changes(
            asked.start,
            asked.end,
            table_options.names(metric) or ["events"],
            table_options.names(by) or ["agent", "channel"],
            compare=options.compare(compare),
            limit=limit,
            time_zone=asked.time_zone,
            **only.arguments(),
        )
    output.emit(
        document=lambda: json_output.of(response),
        sheet=lambda: _change_sheet(response),
        terminal=lambda console: show_changes(console, response),
    )


def _level(text: str) -> requests.SensitivityName | float:
    """Returns the sensitivity of that name or number. Raises WrongUsage."""
    for choice in _SENSITIVITIES:
        if choice == text:
            return choice
    try:
        return float(text)
    except ValueError:
        known = ", ".join(_SENSITIVITIES)
        raise problems.WrongUsage(f"--sensitivity is one of {known} or a number, not {text!r}") from None


def _side(text: str | None) -> requests.DirectionName | None:
    """Returns the direction of that name. Raises WrongUsage."""
    for choice in _DIRECTIONS:
        if choice == text:
            return choice
    if text is None:
        return None
    raise problems.WrongUsage(f"--direction is one of {', '.join(_DIRECTIONS)}, not {text!r}")


def show_anomalies(console: Console, response: messages.ListAnomaliesResponse, by: str | None) -> None:
    """Prints a row for each anomaly, with a column of values where these are judged by a dimension."""
    where = formatting.zone(response.context.time_zone)
    notes = [f"{response.series:,} series from {formatting.instant(response.history_start, where)} on"]
    if response.unjudged_series:
        notes.append(f"{response.unjudged_series:,} with too little history")
    if len(response.anomalies) < response.total:
        notes.insert(0, f"{len(response.anomalies):,} of {response.total:,} anomalies")
    console.print(layout.heading("Anomalies", response.context, notes))
    if not response.anomalies:
        console.print("Nothing is unusual in this period.")
        return
    columns = [
        Column(heading="From", is_text=True, least=16),
        Column(heading="Buckets"),
        Column(heading="Metric", is_text=True),
        *([Column(heading=by, is_text=True)] if by else []),
        Column(heading="Figure"),
        Column(heading="Why", is_text=True, least=30),
    ]
    tables.show(console, columns, [_anomaly(one, where, has_value=bool(by)) for one in response.anomalies])


def _anomaly(one: messages.Anomaly, where: tzinfo, *, has_value: bool) -> list[str]:
    return [
        formatting.instant(one.start, where),
        formatting.count(one.buckets),
        one.metric.title or one.metric.metric,
        *([one.display_name or one.value or "all"] if has_value else []),
        _written(one.metric, one.figure),
        one.explanation,
    ]


def show_changes(console: Console, response: messages.ListChangesResponse) -> None:
    """Prints by how much each metric has changed, and a table of each account."""
    notes = layout.comparison(response.compared, formatting.zone(response.context.time_zone))
    console.print(layout.heading("What changed", response.context, notes))
    for metric in response.metrics:
        title = metric.metric.title or metric.metric.metric
        now, before = (_written(metric.metric, one) for one in (metric.now, metric.before))
        if not metric.HasField("change"):
            console.print(formatting.plain(f"{title}: {now}; nothing to compare it with.\n"))
            continue
        change = _signed(metric.metric, metric.change)
        console.print(formatting.plain(f"{title}: {change}, from {before} to {now}"))
        for account in metric.accounts:
            _show_account(console, metric.metric, account)


def _show_account(console: Console, metric: metrics_service_pb2.MetricColumn, account: messages.ChangeAccount) -> None:
    if account.absence_reason:
        console.print(f"  {account.dimension}: the metric is not kept by it.\n")
        return
    is_ratio = account.rest.HasField("mix")
    columns = [
        Column(heading=account.dimension, is_text=True),
        *(Column(heading=heading) for heading in ("Before", "Now", "Change")),
        *(Column(heading=heading) for heading in (("by mix", "by rate") if is_ratio else ())),
    ]

    def cells(name: str, one: messages.Contribution) -> list[str]:
        effects = [_signed(metric, metrics_service_pb2.SeriesValue(number=part)) for part in (one.mix, one.rate)]
        figures = [_written(metric, one.before), _written(metric, one.now), _signed(metric, one.change)]
        return [name, *figures, *(effects if is_ratio else [])]

    rows = [cells(one.display_name or one.value, one) for one in account.rows]
    apart = [cells("rest", account.rest), *([cells("_other", account.other)] if account.HasField("other") else [])]
    sizes = [abs(answer_columns.figure(one.change) or 0.0) for one in account.rows]
    top = max(sizes, default=0.0)
    charts = None if not top else lambda width: [formatting.bar(size, top, width) for size in sizes]
    tables.show(console, columns, rows, apart=apart, charts=charts)
    console.print()


def _written(metric: metrics_service_pb2.MetricColumn, value: metrics_service_pb2.SeriesValue) -> str:
    figure = answer_columns.figure(value)
    form = formatting.BY_UNIT.get(metric.unit, formatting.count)
    return formatting.ABSENT if figure is None else form(figure)


def _signed(metric: metrics_service_pb2.MetricColumn, value: metrics_service_pb2.SeriesValue) -> str:
    figure = answer_columns.figure(value)
    form = formatting.BY_UNIT.get(metric.unit, formatting.count)
    if figure is None:
        return formatting.ABSENT
    return f"{'+' if figure > 0 else '-' if figure < 0 else ''}{form(abs(figure))}"


def _unusual_sheet(response: messages.ListAnomaliesResponse) -> Sheet:
    where = formatting.zone(response.context.time_zone)
    return Sheet(header=(*_UNUSUAL, "explanation"), rows=(_unusual_row(one, where) for one in response.anomalies))


def _unusual_row(one: messages.Anomaly, where: tzinfo) -> Sequence[Cell]:
    instants = [csv_output.instant(at, where) for at in (one.start, one.end)]
    peak, figure = csv_output.instant(one.peak.start, where), answer_columns.figure(one.figure)
    bounds = (one.expected, one.low, one.high, one.score)
    return [one.metric.metric, one.value, *instants, one.buckets, peak, figure, *bounds, one.explanation]


def _change_sheet(response: messages.ListChangesResponse) -> Sheet:
    header = ("metric", "dimension", "part", "value", *_CONTRIBUTED)
    return Sheet(header=header, rows=_change_rows(response))


def _change_rows(response: messages.ListChangesResponse) -> Iterator[Sequence[Cell]]:
    for metric in response.metrics:
        for account in metric.accounts:
            parts = [("row", one) for one in account.rows]
            parts += [(name, getattr(account, name)) for name in ("rest", "other") if account.HasField(name)]
            for part, one in parts:
                yield [metric.metric.metric, account.dimension, part, one.value, *_contributed(one)]


def _contributed(one: messages.Contribution) -> Iterator[Cell]:
    for name in _CONTRIBUTED:
        if name in ("now", "before", "change"):
            yield answer_columns.figure(getattr(one, name))
        else:
            yield getattr(one, name) if one.HasField(name) else None
