"""Tables and times as commands print them."""

from collections.abc import Sequence
from datetime import UTC, datetime

import typer


def print_table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints rows below a heading, in columns as wide as they need to be."""
    widths = [max(len(row[column]) for row in (heading, *rows)) for column in range(len(heading))]
    for row in (heading, *rows):
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def instant(at: datetime) -> str:
    """Returns an instant for people, in UTC, to the minute."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def iso(at: datetime | None) -> str | None:
    """Returns an instant for programs, in UTC, to the second."""
    return at.astimezone(UTC).isoformat(timespec="seconds") if at else None
