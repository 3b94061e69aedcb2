"""Tables that fit the terminal.

A table that is too wide first breaks its headings, then cuts its texts with an ellipsis, and at last becomes a list: a
block of lines for each row. Figures are never cut, nor are texts of columns that wrap.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from rich import box
from rich.align import VerticalAlignMethod
from rich.cells import cell_len
from rich.console import Console, OverflowMethod
from rich.table import Table
from rich.text import Text

from tallywire.cli import formatting

_GAP: Final = 2
_INDENT, _NARROWEST = 2, 8  # of a list: columns before the names of figures, and for them at least
_CHART, _CHART_LEAST = 24, 7  # columns of the terminal for a chart
_READABLE: Final = 24  # characters of a text

# Returns a chart for each row, of as many columns of the terminal as it is called with.
Charts = Callable[[int], Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: figures stand on the right, texts on the left, and a text may be cut down to `least` characters, or
    broken into lines of so many.
    """

    heading: str
    is_text: bool = False
    least: int = 12
    wraps: bool = False


def show(
    console: Console,
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    *,
    apart: Sequence[Sequence[str]] = (),
    charts: Charts | None = None,
) -> None:
    """Prints rows as a table, or as a list where it would be too wide; below a line the rows that stand apart.

    Texts may come from elsewhere. Charts stand behind the rows where there is room for them.
    """
    shown = [[formatting.plain(cell) for cell in row] for row in rows]
    below = [[formatting.plain(cell) for cell in row] for row in apart]
    everything, widths = [*shown, *below], None
    if charts is not None:
        # Long texts leave room for charts, as long as much of them can be read.
        widths = _widths(columns, everything, console.width - _GAP - _CHART_LEAST, _READABLE)
    widths = widths or _widths(columns, everything, console.width)
    if widths is None:
        _list(console, columns, everything)
        return
    room = console.width - sum(widths) - _GAP * len(widths)
    cells = charts(min(room, _CHART)) if charts is not None and room >= _CHART_LEAST else ()
    console.print(_table(columns, widths, shown, below, cells))


def _widths(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int, text_least: int = 0
) -> list[int] | None:
    """Returns the width of each column, or None where the table does not fit; texts keep `text_least` at least."""
    values = [max((cell_len(row[place]) for row in rows), default=0) for place in range(len(columns))]
    room = width - _GAP * (len(columns) - 1)
    natural = [max(value, cell_len(column.heading)) for column, value in zip(columns, values, strict=True)]
    if sum(natural) <= room:
        return natural
    narrow = [
        max(value, *map(cell_len, _pieces(column.heading))) for column, value in zip(columns, values, strict=True)
    ]
    least = [
        min(value, max(column.least, text_least)) if column.is_text else value
        for column, value in zip(columns, narrow, strict=True)
    ]
    over = sum(narrow) - room
    for place in sorted(range(len(columns)), key=lambda place: least[place] - narrow[place]):
        cut = max(0, min(over, narrow[place] - least[place]))
        narrow[place] -= cut
        over -= cut
    return None if over > 0 else narrow


def _pieces(text: str) -> list[str]:
    """Returns the parts between which a heading may be broken: words, and parts of names up to an underscore."""
    return re.findall(r"[^\s_]*_+|[^\s_]+", text) or [""]


def _broken(text: str, width: int) -> str:
    """Returns a heading in lines of at most a width."""
    if cell_len(text) <= width:
        return text
    lines: list[str] = []
    for piece in _pieces(text):
        between = " " if lines and not lines[-1].endswith("_") else ""
        if lines and cell_len(lines[-1] + between + piece) <= width:
            lines[-1] += between + piece
        else:
            lines.append(piece)
    return "\n".join(lines)


def _table(
    columns: Sequence[Column],
    widths: Sequence[int],
    rows: Sequence[Sequence[str]],
    below: Sequence[Sequence[str]],
    charts: Sequence[str],
) -> Table:
    """Returns the table, in the widths."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    side: VerticalAlignMethod = "top" if any(column.wraps for column in columns) else "bottom"
    for column, width in zip(columns, widths, strict=True):
        table.add_column(
            Text(_broken(column.heading, width)),
            justify="left" if column.is_text else "right",
            vertical=side,
            no_wrap=not column.wraps,
            overflow="fold" if column.wraps else "ellipsis",
            width=width,
        )
    if charts:
        table.add_column("", no_wrap=True)
    for place, row in enumerate(rows):
        table.add_row(*map(Text, row), *charts[place : place + 1])
    table.add_section()
    for row in below:
        table.add_row(*map(Text, row))
    return table


def _list(console: Console, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Prints a block of lines for each row: the texts that it begins with or that have no heading, and a line for each
    other cell that is not empty.
    """
    titles = next((place for place, column in enumerate(columns) if not column.is_text), len(columns))
    left = max((cell_len(column.heading) for column in columns[titles:]), default=0)
    figures = [place for place, column in enumerate(columns) if not column.is_text]
    right = max((cell_len(row[place]) for row in rows for place in figures), default=0)
    left = min(left, max(_NARROWEST, console.width - right - _GAP - _INDENT))
    for number, row in enumerate(rows):
        if number:
            console.print()
        named = [cell for column, cell in zip(columns, row, strict=True) if not column.heading]
        if title := " · ".join(filter(None, [*row[:titles], *named])):
            console.print(Text(title, style="bold"), no_wrap=True, overflow="ellipsis")
        for column, cell in zip(columns[titles:], row[titles:], strict=True):
            if not column.heading or not cell:
                continue
            line = Text(column.heading)
            line.truncate(left, overflow="ellipsis", pad=True)
            line.append(" " * _GAP)
            line.append(cell if column.is_text else " " * (right - cell_len(cell)) + cell)
            overflow: OverflowMethod = "fold" if column.wraps else "ellipsis"
            console.print(Text(" " * _INDENT).append_text(line), no_wrap=not column.wraps, overflow=overflow)
