"""The commands `tallywire custom-metrics …`: metrics over the organization's own events."""

import json
from collections.abc import Sequence
from datetime import UTC
from typing import Annotated, Final, TypeVar, get_args

import typer
from rich.console import Console
from rich.text import Text

from tallywire import custom_metrics
from tallywire.cli import csv_output, formatting, json_output, key_values, layout, options, problems, tables
from tallywire.cli.csv_output import Sheet
from tallywire.custom_metrics import AggregationName, BetterName, CustomMetric, Definition

_Choice = TypeVar("_Choice", bound=str)
_AGGREGATIONS: Final[tuple[AggregationName, ...]] = get_args(AggregationName)
_BETTER: Final[tuple[BetterName, ...]] = get_args(BetterName)

app = typer.Typer(
    help="Define, list and delete metrics over your own events.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Its name; in questions it is custom.NAME.")]


@app.command()
@problems.reported
@options.grouped
def create(
    *,
    name: Name,
    event: Annotated[list[str], typer.Option("--event", help="A type of events to count; may be repeated.")],
    aggregation: Annotated[str, typer.Option("--aggregation", help=f"How: {', '.join(_AGGREGATIONS)}.")] = "count",
    value: Annotated[
        str, typer.Option("--value", help="Path of the value: properties.order.total, detail.response_time_ms.")
    ] = "",
    decimals: Annotated[int, typer.Option("--decimals", min=0, max=6, help="Decimal places to keep.")] = 0,
    where: Annotated[
        str | None, typer.Option("--where", metavar="PATH=VALUE", help="Only events with this value: JSON, or text.")
    ] = None,
    dimension: Annotated[str, typer.Option("--dimension", help="Path by whose values it is kept, too.")] = "",
    unit: Annotated[str, typer.Option("--unit", help="Unit of the figures, such as EUR. Default: 1.")] = "",
    title: Annotated[str, typer.Option("--title", help="What people call it. Default: the name.")] = "",
    description: Annotated[str, typer.Option("--description", help="What it means.")] = "",
    better: Annotated[str, typer.Option("--better", help=f"Which is good news: {', '.join(_BETTER)}.")] = "neither",
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Define a metric. What came before is counted from the raw events that are kept.

    Needs a key with the scope admin.
    """
    more: Definition = {
        "value": value,
        "decimals": decimals,
        "where": None if where is None else _filter(where),
        "dimension": dimension,
        "unit": unit,
        "title": title,
        "description": description,
        "better": _chosen(better, _BETTER, "--better"),
    }
    chosen = _chosen(aggregation, _AGGREGATIONS, "--aggregation")
    with to.connect() as server:
        made = server.custom_metrics.create(name, event, chosen, **more)
    _emit(output, made)


@app.command(name="list")
@problems.reported
@options.grouped
def list_metrics(*, to: options.ServerOptions, output: options.OutputOptions) -> None:
    """List the custom metrics, and how far each is counted."""
    with to.connect() as server:
        found = server.custom_metrics.list()
    output.emit(
        document=lambda: [json_output.of(one) for one in found],
        sheet=lambda: sheet(found),
        terminal=lambda console: _show_all(console, found),
    )


@app.command()
@problems.reported
@options.grouped
def show(*, name: Name, to: options.ServerOptions, output: options.OutputOptions) -> None:
    """Show a custom metric: its definition and progress."""
    with to.connect() as server:
        found = server.custom_metrics.get(name)
    _emit(output, found)


@app.command()
@problems.reported
@options.grouped
def delete(*, name: Name, to: options.ServerOptions) -> None:
    """Delete a custom metric and what was counted for it.

    Needs a key with the scope admin.
    """
    with to.connect() as server:
        server.custom_metrics.delete(name)
    typer.echo(f"deleted {formatting.plain(name)}")


def _chosen(text: str, among: Sequence[_Choice], option: str) -> _Choice:
    for one in among:
        if one == text:
            return one
    raise problems.WrongUsage(f"{option} is one of {', '.join(among)}, not {text!r}")


def _filter(text: str) -> tuple[str, str | float | bool]:
    """Returns the path and the value of --where. Raises WrongUsage."""
    ((path, value),) = key_values.values([text], "--where")
    if not isinstance(value, str | int | float | bool):
        raise problems.WrongUsage(f"--where {text}: the value is a text, a number, true or false")
    return path, value


def _emit(output: options.OutputOptions, one: CustomMetric) -> None:
    output.emit(
        document=lambda: json_output.of(one), sheet=lambda: sheet([one]), terminal=lambda console: _show(console, one)
    )


def sheet(found: Sequence[CustomMetric]) -> Sheet:
    """Returns metrics as rows."""
    header = (
        *("name", "title", "unit", "aggregation", "value", "decimals", "event_types", "where", "dimension"),
        *("progress", "complete_from", "not_numbers", "description"),
    )
    return Sheet(
        header=header,
        rows=(
            (
                *(one.name, one.title, one.unit, custom_metrics.aggregation_name(one), one.value or None),
                *(one.decimals, ",".join(one.event_types), _where(one) or None, one.dimension or None, one.progress),
                csv_output.instant(one.complete_from, UTC) if one.HasField("complete_from") else None,
                *(one.not_numbers, one.description or None),
            )
            for one in found
        ),
    )


def _where(one: CustomMetric) -> str:
    kind = one.filter.WhichOneof("equals")
    return f"{one.filter.path}={json.dumps(getattr(one.filter, kind), ensure_ascii=False)}" if kind else ""


def _state(one: CustomMetric) -> str:
    """Returns how far a metric is counted."""
    if one.progress < 1:
        return f"{formatting.fraction(one.progress)} counted"
    if one.HasField("complete_from"):
        return f"from {formatting.instant(one.complete_from, UTC)} on"
    return "complete"


def _show_all(console: Console, found: Sequence[CustomMetric]) -> None:
    """Prints metrics as a table."""
    if not found:
        console.print(Text("no custom metrics; `tallywire custom-metrics create` defines one", style="dim"))
        return
    columns = [
        tables.Column(heading="Metric", is_text=True, least=16),
        tables.Column(heading="Aggregation", is_text=True, least=5),
        tables.Column(heading="Value", is_text=True, least=10),
        tables.Column(heading="State", is_text=True, least=8),
        tables.Column(heading="No numbers"),
    ]
    rows = [
        (
            f"custom.{one.name}",
            custom_metrics.aggregation_name(one),
            one.value or formatting.ABSENT,
            _state(one),
            formatting.count(one.not_numbers),
        )
        for one in found
    ]
    tables.show(console, columns, rows)


def _show(console: Console, one: CustomMetric) -> None:
    """Prints all of a metric."""
    console.print(Text(f"\ncustom.{formatting.plain(one.name)} · {formatting.plain(one.title)}", style="bold"))
    if one.description:
        console.print(Text(formatting.plain(one.description), style="dim"))
    table = layout.table(("", "left"), ("", "left"))
    for label, value in (
        ("Events", ", ".join(one.event_types)),
        ("Only where", _where(one)),
        ("Aggregation", custom_metrics.aggregation_name(one)),
        ("Value", one.value),
        ("Decimals", str(one.decimals) if one.decimals else ""),
        ("Unit", one.unit),
        ("Kept by", one.dimension),
        ("Defined (UTC)", formatting.instant(one.created_at, UTC)),
        ("State", _state(one)),
        ("Values that are no numbers", formatting.count(one.not_numbers)),
    ):
        if value:
            table.add_row(label, Text(formatting.plain(value)))
    console.print(table)
