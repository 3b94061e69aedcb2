"""The command that shows what a metric is expected to be."""

from collections.abc import Iterator, Sequence
from datetime import date, tzinfo
from typing import Annotated, Final, cast

import typer
from rich.console import Console

from tallywire import forecasts
from tallywire.cli import csv_output, formatting, json_output, layout, lists, options, problems, tables
from tallywire.cli.csv_output import Cell, Sheet
from tallywire.cli.tables import Column
from tallywire.v1 import forecast_service_pb2 as messages
from tallywire.v1 import metrics_service_pb2, time_pb2

_ENDS: Final = ("point", "low_80", "high_80", "low_95", "high_95")
_FORMS: Final = {"fraction": formatting.fraction, "ms": formatting.milliseconds, "By": formatting.size}
_PERIODS: Final = {time_pb2.GRANULARITY_MONTH: "month", time_pb2.GRANULARITY_QUARTER: "quarter"}


@problems.reported
@options.grouped
def forecast(
    metric: Annotated[str, typer.Argument(metavar="METRIC", help="The metric's name, as `tallywire metrics` has it.")],
    *,
    granularity: Annotated[str, typer.Option(help=f"The width of points: {', '.join(forecasts.WIDTHS)}.")] = "day",
    horizon: Annotated[int | None, typer.Option(min=1, help="How many points. Default: 14 days, 24 hours.")] = None,
    limit: Annotated[float | None, typer.Option(help="Say when this value is reached.")] = None,
    holiday: Annotated[
        list[str] | None, typer.Option(help="A day unlike others: NAME=YYYY-MM-DD,…; past ones too. Repeatable.")
    ] = None,
    of: options.PeriodOptions,
    only: options.FilterOptions,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Forecast a metric, with the error of forecasts.

    With a period that is its history; without, as much as helps.
    """
    width = cast("forecasts.WidthName", lists.one_of(granularity, "--granularity", forecasts.WIDTHS))
    days: dict[str, list[date]] = {}
    for name, dates in map(_holiday, holiday or ()):
        days.setdefault(name, []).extend(dates)
    question = of.question() if of.is_given else None
    with to.connect() as server:
        asked = options.asked(question, server) if question else None
        found = server.forecasts.forecast(
            metric,
            granularity=width,
            horizon=horizon,
            start=asked.start if asked else None,
            end=asked.end if asked else None,
            time_zone=asked.time_zone if asked else of.zone,
            holidays=days,
            limit=limit,
            **only.arguments(),
        )
    output.emit(
        document=lambda: json_output.of(found),
        sheet=lambda: sheet(found),
        terminal=lambda console: render(console, found),
    )


def _holiday(text: str) -> tuple[str, list[date]]:
    """Returns a name and its dates. Raises WrongUsage."""
    name, _, dates = text.partition("=")
    try:
        return name, [date.fromisoformat(one) for one in dates.split(",")]
    except ValueError:
        raise problems.WrongUsage(f"--holiday is as Christmas=2025-12-25,2026-12-25, not {text!r}") from None


def sheet(found: messages.GetForecastResponse) -> Sheet:
    """Returns a row for each point."""
    header = ("start", "end", *_ENDS, "so_far", "holiday")
    return Sheet(header=header, rows=_rows(found, formatting.zone(found.context.time_zone)))


def _rows(found: messages.GetForecastResponse, where: tzinfo) -> Iterator[Sequence[Cell]]:
    for one in found.points:
        yield [
            csv_output.instant(one.bucket.start, where),
            csv_output.instant(one.bucket.end, where),
            *(csv_output.field(one.expected, name) for name in _ENDS),
            csv_output.field(one, "so_far"),
            one.holiday,
        ]


def render(console: Console, found: messages.GetForecastResponse) -> None:
    """Prints a row for each point, and below what is to be known of all of them."""
    where = formatting.zone(found.context.time_zone)
    form = _FORMS.get(found.unit, formatting.short)
    console.print(layout.heading(f"{found.title or found.metric}: forecast", found.context, [_model(found)]))
    columns = [
        Column(heading="Begins", is_text=True),
        Column(heading="Expected"),
        *(Column(heading=heading) for heading in ("80 %", "95 %")),
    ]
    rows = [
        [
            formatting.bucket(one.bucket.start, where, found.granularity)
            + (f" ({formatting.plain(one.holiday)})" if one.holiday else ""),
            form(one.expected.point),
            f"{form(one.expected.low_80)} – {form(one.expected.high_80)}",
            f"{form(one.expected.low_95)} – {form(one.expected.high_95)}",
        ]
        for one in found.points
    ]
    tables.show(console, columns, rows)
    for line in (*_errors(found), *_growth(found, where)):
        console.print(line, soft_wrap=False)


def _model(found: messages.GetForecastResponse) -> str:
    name = messages.ForecastModel.Name(found.model).removeprefix("FORECAST_MODEL_").lower().replace("_", " ")
    return f"by {name}, from {formatting.count(found.history.points)} points"


def _errors(found: messages.GetForecastResponse) -> Iterator[str]:
    """Yields how wrong forecasts of the past were."""
    error = found.error
    yield f"Tested from {error.origins} instants of the past:"
    if error.HasField("mase"):
        yield f"  error (MASE) {error.mase:.2f}, of the seasonal naive {error.naive_mase:.2f}"
    if error.HasField("coverage_80"):
        yield f"  80 % held {error.coverage_80:.0%}, 95 % held {error.coverage_95:.0%}"


def _growth(found: messages.GetForecastResponse, where: tzinfo) -> Iterator[str]:
    """Yields what the month and the quarter come to, and when the limit is reached."""
    form = _FORMS.get(found.unit, formatting.short)
    for one in found.projections:
        end = one.at_end
        yield (
            f"This {_PERIODS.get(one.granularity, 'period')}: {form(one.so_far)} so far, {form(end.point)} expected"
            f" ({form(end.low_80)} – {form(end.high_80)})"
        )
    if found.HasField("limit"):
        yield f"{form(found.limit.limit)}: {_limit(found.limit, where)}"


def _limit(limit: messages.LimitForecast, where: tzinfo) -> str:
    def at(bucket: metrics_service_pb2.Bucket) -> str:
        return formatting.instant(bucket.start, where)

    if limit.outcome == messages.LIMIT_OUTCOME_REACHED:
        return "already reached"
    until = formatting.instant(limit.looked_until, where)
    if limit.outcome == messages.LIMIT_OUTCOME_NOT_EXPECTED:
        return f"not expected until {until}"
    if limit.outcome == messages.LIMIT_OUTCOME_POSSIBLE:
        return f"not expected until {until}, at the earliest {at(limit.earliest)}"
    latest = f"at the latest {at(limit.latest)}" if limit.HasField("latest") else f"maybe not until {until}"
    return f"expected {at(limit.expected)}, at the earliest {at(limit.earliest)}, {latest}"
