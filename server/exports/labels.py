"""The names that columns have in files: for people with their units, for programs by what the file holds."""

from collections.abc import Sequence
from decimal import Decimal

from server.exports.tables import DataColumn, Heading, ValueKind

_MICROS = "_micros"
_PLAIN = ("", "1")  # units that tell a reader nothing


def unit(column: DataColumn) -> str:
    """Returns the unit of a column's values in files that hold money in its currency."""
    match column.kind:
        case ValueKind.MONEY_MICROS:
            return column.currency or "in the currency of the row"
        case ValueKind.BYTES:
            return "bytes"
        case ValueKind.DURATION_MS:
            return "ms"
        case ValueKind.FRACTION:
            return "fraction"
    return "" if column.unit in _PLAIN or not column.is_number else column.unit


def titled(columns: Sequence[DataColumn]) -> list[str]:
    """Returns the titles of columns with units, each once: "Cost (EUR)"."""
    labels = []
    for column in columns:
        about = unit(column)
        labels.append(f"{column.title} ({about})" if about else column.title)
    return [
        label if labels.count(label) == 1 else f"{label} [{column.name}]"
        for label, column in zip(labels, columns, strict=True)
    ]


def typed_names(columns: Sequence[DataColumn]) -> list[str]:
    """Returns the names of columns in files that hold money in its currency: "cost" in place of "cost_micros"."""
    names = [one.name.removesuffix(_MICROS) if one.kind is ValueKind.MONEY_MICROS else one.name for one in columns]
    return [name if names.count(name) == 1 else column.name for name, column in zip(names, columns, strict=True)]


def money(micros: int | float) -> Decimal:
    """Returns money in its currency, exactly: no digit of the millionths is lost."""
    return (Decimal(micros) if isinstance(micros, int) else Decimal(repr(micros))).scaleb(-6)


def digits(column: DataColumn, value: int) -> str:
    """Returns an integer with all of its digits, for formats whose numbers have fewer; money is in its currency."""
    return f"{money(value):f}" if column.kind is ValueKind.MONEY_MICROS else str(value)


def file_name(heading: Heading, suffix: str) -> str:
    """Returns a name for a file of a table: what, which days, which zone, which revision."""
    context = heading.context
    parts = [heading.name]
    if context.start is not None and context.end is not None:
        first, last = (at.astimezone(context.zone) for at in (context.start, context.end))
        parts += [f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}"]
    parts.append(context.zone.key.replace("/", "-"))
    if context.revision:
        parts.append(f"r{context.revision}")
    return "_".join(parts) + suffix
