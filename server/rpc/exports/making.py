"""What the tables of an answer are made with."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from server.exports.tables import DataColumn, DataContext, DataTable, Row, Value, ValueKind
from server.rpc.exports.fields import Fields, words

# Fields that hold several messages for each row: they are tables, or columns, of their own.
NESTED = ("service_levels", "amounts", "models", "storage_by_kind", "events_by_type")
ROW = DataColumn(
    name="row", title="Row", kind=ValueKind.TEXT
)  # what a row is: a value, or what values leave of the whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """The columns of service levels: how many calls were answered within so many seconds, and their share."""

    seconds: Sequence[int]
    columns: Sequence[DataColumn]

    def values(self, figures: Any) -> list[Value]:
        """Returns the values of figures, absent where there are none."""
        of = {} if figures is None or not self.seconds else {one.seconds: one for one in figures.service_levels}
        found: list[Value] = []
        for seconds in self.seconds:
            one = of.get(seconds)
            found += [None, None] if one is None else [one.calls, one.share if one.HasField("share") else None]
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """Makes tables of a context."""

    context: DataContext

    def table(
        self, name: str, columns: Sequence[DataColumn], rows: Sequence[Row], notes: Sequence[str] = ()
    ) -> DataTable:
        """Returns a table."""
        return DataTable(
            name=name,
            title=words(name),
            columns=columns,
            context=self.context,
            estimated_rows=len(rows),
            notes=tuple(notes),
            rows=rows,
        )

    def listed(self, name: str, kind: Any, messages: Sequence[Message]) -> DataTable:
        """Returns messages of a kind as a table, a row each."""
        fields = Fields(kind, currency=self.context.currency, without=NESTED)
        more = self.levels([figures for one in messages if (figures := getattr(one, "figures", None)) is not None])
        rows: list[Row] = [[*fields.values(one), *more.values(getattr(one, "figures", None))] for one in messages]
        return self.table(name, [*fields.columns, *more.columns], rows)

    @staticmethod
    def levels(figures: Iterable[Any]) -> Levels:
        """Returns the columns of the service levels in figures; none where these have no such thing."""
        found: dict[int, None] = {}
        for one in figures:
            if "service_levels" in one.DESCRIPTOR.fields_by_name:
                found.update(dict.fromkeys(level.seconds for level in one.service_levels))
        columns: list[DataColumn] = []
        for seconds in found:
            title = f"Answered within {seconds} s"
            columns += [
                DataColumn(name=f"calls_within_{seconds}s", title=title, kind=ValueKind.INTEGER, whole=True),
                DataColumn(
                    name=f"service_level_{seconds}s", title=f"Service level {seconds} s", kind=ValueKind.FRACTION
                ),
            ]
        return Levels(seconds=list(found), columns=columns)
