"""Tables: what an answer of the service is before it becomes a file. A table knows no format and no message."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeAlias
from zoneinfo import ZoneInfo

# A cell: of the type of its column's kind. None is absent, which is not 0.
Value: TypeAlias = str | int | float | bool | datetime | date | None
Row: TypeAlias = Sequence[Value]


class ValueKind(enum.Enum):
    """What the values of a column are."""

    TEXT = "text"  # str
    INTEGER = "integer"  # int
    DECIMAL = "decimal"  # float, or int where the column is whole
    FRACTION = "fraction"  # float, 1 is all
    DURATION_MS = "duration_ms"  # milliseconds: int where the column is whole, else float
    MONEY_MICROS = "money_micros"  # millionths of a currency: int where the column is whole, else float
    BYTES = "bytes"  # int where the column is whole, else float
    INSTANT = "instant"  # datetime with a zone
    DATE = "date"  # date
    BOOLEAN = "boolean"  # bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DataColumn:
    """A column of a table. name is that of the contract ("cost_micros"), title is for people ("Cost").

    unit is that of the values as in ListMetrics, empty where there is none to tell. currency is the code of the money,
    empty where the rows name theirs. whole says that numbers are integers, and so exact.
    """

    name: str
    title: str
    kind: ValueKind
    unit: str = ""
    currency: str = ""
    whole: bool = False

    @property
    def is_number(self) -> bool:
        """Returns whether the values are numbers."""
        return self.kind not in (ValueKind.TEXT, ValueKind.INSTANT, ValueKind.DATE, ValueKind.BOOLEAN)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataContext:
    """What a table is about, as the context of the answer says. Instants are shown in zone.

    start and end are the first instant that was counted and the first that was not; None where it is about no period.
    approximate names the columns that are not exact, by at most max_relative_error; lagging has the projections that
    have stopped before the revision, each with the revision of its figures. restriction has the values of the dimension
    that whoever asked is restricted to.
    """

    zone: ZoneInfo
    revision: int = 0
    epoch: str = ""
    as_of: datetime | None = None
    start: datetime | None = None
    end: datetime | None = None
    still_running: bool = False
    currency: str = ""
    approximate: Sequence[str] = ()
    max_relative_error: float = 0.0
    lagging: Mapping[str, int] = field(default_factory=dict)
    restriction: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A table without its rows. name is for programs ("by_channel"), title for people. estimated_rows is None where
    nobody knows before the end. notes say what a reader must know of what is not in it.
    """

    name: str
    title: str
    columns: Sequence[DataColumn]
    context: DataContext
    estimated_rows: int | None = None
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DataTable(Heading):
    """A whole table. Each row has a value for each column."""

    rows: Sequence[Row]

    def column(self, name: str) -> Sequence[Value]:
        """Returns the values of a column; raises KeyError where there is none of the name."""
        for place, column in enumerate(self.columns):
            if column.name == name:
                return [row[place] for row in self.rows]
        raise KeyError(name)
