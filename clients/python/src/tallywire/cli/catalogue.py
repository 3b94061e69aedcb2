"""The commands that say what there is to ask about: `metrics`, and `values` of a dimension."""

import textwrap
from collections.abc import Sequence
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.text import Text

from tallywire.cli import (
    completion,
    formatting,
    json_output,
    layout,
    options,
    problems,
    suggestions,
    table_options,
    tables,
)
from tallywire.cli.csv_output import Sheet
from tallywire.v1 import metrics_service_pb2

Catalogue = metrics_service_pb2.ListMetricsResponse
Metric = metrics_service_pb2.MetricDescriptor
Values = metrics_service_pb2.ListDimensionValuesResponse

_IN_FULL: Final = 5  # metrics that are shown with all that is known of them
_UNITS: Final = {"1": "count", "By": "bytes", "micros": "money", "10*-4": "1/10000", "%": "percent"}
_KINDS: Final = {
    metrics_service_pb2.METRIC_KIND_MEASURE: "stored",
    metrics_service_pb2.METRIC_KIND_RATIO: "computed",
}
_BETTER: Final = {
    metrics_service_pb2.METRIC_DIRECTION_HIGHER: "more is better",
    metrics_service_pb2.METRIC_DIRECTION_LOWER: "less is better",
}


@problems.reported
@options.grouped
def metrics(
    *,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[WORDS]", help="Those with all these words. Default: all.")
    ] = None,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Search the metrics that there are.

    Words are looked for in names, titles, descriptions and groups. Few metrics are shown with all that is known.
    """
    with to.connect() as server:
        catalogue = server.metrics()
    found = search(catalogue.metrics, words or [])
    if words and not found:
        near = suggestions.nearest("_".join(words), (one.name for one in catalogue.metrics))
        problems.note(f"no metric has all these words{'; nearest: ' if near else ''}{', '.join(near)}")
    chosen = Catalogue(metrics=found, dimensions=catalogue.dimensions, pairs=catalogue.pairs)
    output.emit(
        document=lambda: json_output.of(chosen),
        sheet=lambda: _sheet(found),
        terminal=lambda console: _show(console, chosen),
    )


@problems.reported
@options.grouped
def values(
    *,
    dimension: table_options.Dimension,
    prefix: Annotated[
        str,
        typer.Argument(metavar="[PREFIX]", autocompletion=completion.values, help="How they, or their names, begin."),
    ] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000, help="Values to show.")] = 20,
    of: options.PeriodOptions,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """List the values of a dimension, the most used first.

    That is, those with the most events of the period; without one, of the last 28 days.
    """
    question = of.question()
    with to.connect() as server:
        asked = options.asked(question, server) if of.is_given else None
        found = server.dimension_values(
            dimension,
            prefix,
            start=asked.start if asked else None,
            end=asked.end if asked else None,
            page_size=limit,
        )
    output.emit(
        document=lambda: json_output.of(found),
        sheet=lambda: Sheet(
            header=("value", "display_name", "events"),
            rows=((one.value, one.display_name or None, one.events) for one in found.values),
        ),
        terminal=lambda console: _show_values(console, dimension, found),
    )


def search(among: Sequence[Metric], words: Sequence[str]) -> list[Metric]:
    """Returns the metrics with all words; those that have them in their names first, else in the order given."""
    wanted = [word.casefold() for word in words]

    def has_all(text: str) -> bool:
        return all(word in text.casefold() for word in wanted)

    found = [one for one in among if has_all(f"{one.name} {one.title} {one.description} {one.group}")]
    return sorted(found, key=lambda one: not has_all(f"{one.name} {one.title}"))


def _sheet(found: Sequence[Metric]) -> Sheet:
    header = ("name", "title", "group", "unit", "kind", "has_series", "only_by", "description")
    return Sheet(
        header=header,
        rows=(
            (one.name, one.title, one.group, one.unit, _KINDS.get(one.kind, ""), one.has_series, only, one.description)
            for one in found
            for only in [",".join(one.only_by)]
        ),
    )


def _show(console: Console, catalogue: Catalogue) -> None:
    """Prints metrics, and below them what they can be asked by."""
    found = catalogue.metrics
    if len(found) <= _IN_FULL:
        for one in found:
            _show_in_full(console, one)
    else:
        tables.show(
            console,
            [
                tables.Column(heading="Metric", is_text=True, least=40),
                tables.Column(heading="Unit", is_text=True, least=8),
                tables.Column(heading="Kind", is_text=True, least=8),
                tables.Column(heading="What it is", is_text=True, least=8),
            ],
            [[one.name, _UNITS.get(one.unit, one.unit), _KINDS.get(one.kind, ""), one.title] for one in found],
        )
    console.print()
    dimensions = catalogue.dimensions
    _paragraph(console, "Dimensions", ", ".join(one.name for one in dimensions))
    whole = ", ".join(one.name for one in dimensions if one.has_conversations)
    _paragraph(console, "Dimensions of what is counted from whole conversations", whole)
    pairs = [one.name + ("" if one.complete else " (being counted)") for one in catalogue.pairs]
    _paragraph(console, "Pairs", " · ".join(pairs) or "none")


def _show_in_full(console: Console, one: Metric) -> None:
    """Prints what is known of a metric."""
    console.print()
    console.print(Text(formatting.plain(f"{one.name} · {one.title}"), style="bold"), no_wrap=True, overflow="ellipsis")
    _paragraph(console, "", one.description)
    made = f"{_KINDS.get(one.kind, '')}{' from ' if one.inputs else ''}{', '.join(one.inputs)}"
    notes = [_UNITS.get(one.unit, one.unit), made, _BETTER.get(one.better, "")]
    if one.max_relative_error:
        notes.append(f"within {one.max_relative_error * 100:g} %")
    if not one.has_series:
        notes.append("no series, and not in tables")
    _paragraph(console, "", " · ".join(filter(None, notes)))
    if one.event_types:
        _paragraph(console, "events", ", ".join(one.event_types))
    if one.only_by:
        _paragraph(console, "only by", ", ".join(one.only_by))


def _paragraph(console: Console, name: str, text: str) -> None:
    """Prints a text in lines that fit, below each other."""
    begin = f"  {name}: " if name else "  "
    wrapped = textwrap.wrap(
        formatting.plain(text), console.width, initial_indent=begin, subsequent_indent="  ", break_on_hyphens=False
    )
    for line in wrapped:
        console.print(Text(line))


def _show_values(console: Console, dimension: str, found: Values) -> None:
    """Prints values with their events as bars."""
    notes = ["more: give a prefix, or --limit"] if found.has_more else []
    console.print(layout.heading(formatting.plain(f"Values of {dimension}"), found.context, notes))
    has_names = any(one.display_name for one in found.values)
    texts = ["value", *(["name"] if has_names else [])]
    top = max((one.events for one in found.values), default=0)
    tables.show(
        console,
        [*(tables.Column(heading=text, is_text=True) for text in texts), tables.Column(heading="events")],
        [[one.value, *([one.display_name] if has_names else []), formatting.count(one.events)] for one in found.values],
        charts=lambda width: [formatting.bar(one.events, top, width) for one in found.values],
    )
