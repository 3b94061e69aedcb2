"""Tables of figures: those of a period beside an earlier one, and those of the points of a series."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message
from rich.console import Console

from tallywire.cli import csv_output, formatting, points, tables
from tallywire.cli.tables import Column
from tallywire.v1 import answer_pb2, time_pb2

_Form = Callable[[float], str]
# A change of these in percent would be taken for a change in percentage points.
_WITHOUT_CHANGE: Final = (formatting.fraction,)
_START, _STATE = 16, 9  # characters of the start of a point, and of the word for what is not whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure of a message: what it is called, how it is taken from there (None: absent), and how it is written."""

    label: str
    value: Callable[[Any], float | None]
    form: _Form = formatting.count

    def written(self, message: Any) -> str:
        """Returns the figure of a message as a text."""
        value = self.value(message)
        return formatting.ABSENT if value is None else self.form(value)


def figure(name: str, label: str, form: _Form = formatting.count) -> Figure:
    """Returns the figure that is a field of messages."""

    def value(message: Message) -> float | None:
        found = csv_output.field(message, name)
        return found if isinstance(found, int | float) else None

    return Figure(label=label, value=value, form=form)


def show_period(
    console: Console, heading: str, figures: Sequence[Figure], message: Message, earlier: Message | None
) -> None:
    """Prints a line for each figure, beside that of an earlier period, if there is one, with the change."""
    headings = ["Value", *(["Earlier", "Change"] if earlier is not None else [])]
    rows = []
    for one in figures:
        row = [one.label, one.written(message)]
        if earlier is not None:
            change = formatting.compared(one.value(message), one.value(earlier))
            row += [one.written(earlier), "" if one.form in _WITHOUT_CHANGE else change]
        rows.append(row)
    tables.show(console, [_text(heading, 24), *(Column(heading=one) for one in headings)], rows)


def show_series(
    console: Console,
    context: answer_pb2.AnswerContext,
    granularity: time_pb2.Granularity.ValueType,
    series: Sequence[Any],
    figures: Sequence[Figure],
) -> None:
    """Prints a line for each point, with a word behind one that is not whole.

    The bounds of a point are those of its `bucket`, and its figures those of its `figures`, where it has such fields.
    """
    where = formatting.zone(context.time_zone)
    spans: list[points.PointSpan] = [getattr(point, "bucket", point) for point in series]
    states = points.states(spans, granularity, context)
    rows = []
    for point, span, state in zip(series, spans, states, strict=True):
        message = getattr(point, "figures", point)
        begun = state is not points.PointState.NOT_BEGUN
        cells = [one.written(message) if begun else formatting.ABSENT for one in figures]
        rows.append([formatting.bucket(span.start, where, granularity), *cells, state.word])
    columns = [_text("Start", _START), *(Column(heading=one.label) for one in figures), _text("", _STATE)]
    console.print()
    tables.show(console, columns, rows)


def _text(heading: str, least: int = 12) -> Column:
    return Column(heading=heading, is_text=True, least=least)
