"""Figures by the values of a dimension: what an answer has beside those of the whole."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message
from rich.console import Console

from tallywire import client
from tallywire.cli import csv_output, formatting, points, tables
from tallywire.cli.csv_output import Cell
from tallywire.cli.figure_tables import Figure
from tallywire.cli.tables import Column
from tallywire.v1 import api_usage_pb2, call_metrics_pb2, metrics_service_pb2, quality_pb2

Breakdown = api_usage_pb2.ApiBreakdown | call_metrics_pb2.CallBreakdown | quality_pb2.QualityBreakdown
_NOTHING: Final = ("0", "0.00", formatting.ABSENT)
_COMMAND: Final = "python -m server organizations set NAME"
_WIDTH: Final = 76  # of a line of that command


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakdownRow:
    """Figures of a breakdown: of a value, of values without figures of their own ("_other"), or of all others."""

    kind: str  # "", "_other" or "_rest", behind the dimension's name
    value: str | None
    label: str
    figures: Message


def parts(found: Breakdown) -> Iterator[BreakdownRow]:
    """Yields the rows of a breakdown, then what stands apart from them."""
    for row in found.rows:
        # An endpoint and a status class have no other name than their value.
        name = "" if isinstance(row, api_usage_pb2.ApiRow) else row.display_name
        yield BreakdownRow(kind="", value=row.value, label=name or row.value, figures=row.figures)
    if found.HasField("other"):
        yield BreakdownRow(kind="_other", value=None, label="_other", figures=found.other)
    if found.HasField("rest"):
        yield BreakdownRow(kind="_rest", value=None, label="rest", figures=found.rest)


def show(console: Console, heading: str, found: Breakdown, figures: Sequence[Figure]) -> None:
    """Prints the values with their figures, and below a line what stands apart; nothing without any value."""
    if not found.rows:
        return
    rows, apart = [], []
    for one in parts(found):
        cells = [figure.written(one.figures) for figure in figures]
        if not one.kind:
            rows.append([one.label, *cells])
        else:
            apart.append([one.label, *cells])
    console.print()
    columns = [Column(heading=heading, is_text=True), *(Column(heading=figure.label) for figure in figures)]
    tables.show(console, columns, rows, apart=counted(apart))


def counted(rows: Iterable[Sequence[str]]) -> list[Sequence[str]]:
    """Returns the rows of which any figure, behind the name, is neither 0 nor absent."""
    return [row for row in rows if not all(cell in _NOTHING for cell in row[1:])]


def sheet_rows(
    name: str, found: Breakdown, period: Sequence[Cell], cells: Callable[[Any], Iterable[Cell]]
) -> Iterator[Sequence[Cell]]:
    """Yields rows of kind, value, the bounds of the period, and the cells of figures; for figures that are not kept a
    row with the pair that would have to be declared.
    """
    if missing := _missing_pair(found):
        yield f"{name}_missing_pair", missing, *period, *(None for _ in cells(found.rest))
        return
    for one in parts(found):
        yield name + one.kind, one.value, *period, *cells(one.figures)


def by_name(answer: Any, names: Iterable[str]) -> dict[str, Breakdown]:
    """Returns the breakdowns that an answer has, by their names in it."""
    return {name: getattr(answer, name) for name in names if answer.HasField(name)}


def declaration(server: client.Client, found: Iterable[Breakdown]) -> str:
    """Returns what to say of breakdowns that are not kept together with a filter; nothing where all are kept."""
    missing = list(dict.fromkeys(name for one in found if (name := _missing_pair(one))))
    return explained(missing, server.metrics().pairs) if missing else ""


def explained(missing: Sequence[str], pairs: Iterable[metrics_service_pb2.DimensionPair]) -> str:
    """Returns why pairs have no figures: they are still counted, are kept from a later time on, or nobody has declared
    them. For those it has the operator's command, which names all pairs, since it replaces those of before.
    """
    kept = {one.name: one for one in pairs}
    lines, undeclared = [], []
    for name in map(formatting.plain, missing):
        pair = kept.get(name)
        if pair is None:
            undeclared.append(name)
        elif pair.HasField("complete_from"):
            start = pair.complete_from.ToJsonString()
            lines.append(f"Figures by {name} are kept since {start}: --from {start}")
        else:
            lines.append(f"Figures by {name} are still being counted: ask again later.")
    if undeclared:
        lines.append(f"Not kept: figures by {' and by '.join(undeclared)}.")
        lines.append(f"The operator declares {'it' if len(undeclared) == 1 else 'them'} by")
        lines += _command([*(formatting.plain(one.name) for one in kept.values() if not one.standing), *undeclared])
    return "\n".join(lines)


def _command(names: Iterable[str]) -> list[str]:
    """Returns the lines of the operator's command that declares pairs."""
    lines = [f"  {_COMMAND}"]
    for name in names:
        option = f" --pair {name}"
        if len(lines[-1] + option) > _WIDTH:
            lines[-1] += " \\"
            lines.append("   ")
        lines[-1] += option
    return lines


def note(console: Console, text: str) -> None:
    """Prints what declaration() has returned, if anything."""
    if text:
        console.print(f"\n{text}", highlight=False)


def bounds(span: Any, zone: str, state: points.PointState | None = None) -> tuple[Cell, Cell, Cell]:
    """Returns the start and the end of a period or point as cells of a zone, and the state of a point."""
    where = formatting.zone(zone)
    return csv_output.instant(span.start, where), csv_output.instant(span.end, where), state.value if state else None


def _missing_pair(found: Breakdown) -> str:
    return "" if isinstance(found, quality_pb2.QualityBreakdown) else found.missing_pair
