"""The dashboard of `watch` as lines for a terminal of 80 × 24 or any other size. It does no I/O."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from google.protobuf.message import Message
from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tallywire.cli import formatting
from tallywire.v1 import realtime_service_pb2

_LABEL: Final = 20  # columns left of a chart
_BARS: Final = "▁▂▃▄▅▆▇█"
_ARROWS: Final = {1: "▲", 0: "=", -1: "▼"}
_HEADER, _FOOTER, _CARDS, _AXIS, _HEADINGS = 1, 1, 6, 1, 1  # lines
_LEAST_FEED, _WHOLE_FEED = 4, 20  # lines
_CHARTS: Final = (3, 2, 2)  # lines of each
_TALLER: Final = 4
_CUT: Final = 4  # medians
_MARKS: Final = 15  # minutes between two times below the charts

_Form = Callable[[float], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """The contents of the dashboard. Ages are in seconds; `problem` is empty while there is a connection."""

    title: str
    state: realtime_service_pb2.RealtimeState | None = None
    revision: int = 0
    age: float = 0.0
    trends: Mapping[str, int | None] = field(default_factory=dict)
    problem: str = ""
    problem_age: float = 0.0
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Card:
    name: str
    label: str
    form: _Form
    better: int = 1  # -1 where lower is better, 0 where there is no better and no trend


def _amount(value: float) -> str:
    """Returns a count in at most nine characters."""
    return formatting.count(value) if abs(value) < 10_000_000 else formatting.short(value)


CARDS: Final[tuple[tuple[_Card, ...], ...]] = (
    (
        _Card(name="active_conversations", label="Active now", form=_amount),
        _Card(name="messages_last_minute", label="Msgs 1min", form=_amount),
        _Card(name="messages_last_hour", label="Msgs 1h", form=_amount),
        _Card(name="success_rate", label="Success 1h", form=formatting.fraction),
        _Card(name="avg_response_time_ms", label="Resp. mean", form=formatting.milliseconds, better=-1),
    ),
    (
        _Card(name="messages_today", label="Msgs today", form=_amount, better=0),
        _Card(name="conversations_today", label="Conv today", form=_amount, better=0),
        _Card(name="tokens_today", label="Tok. today", form=_amount, better=0),
        _Card(name="p50_response_time_ms", label="Resp. p50", form=formatting.milliseconds, better=-1),
        _Card(name="p95_response_time_ms", label="Resp. p95", form=formatting.milliseconds, better=-1),
    ),
)
"""The figures in their places; response times are those of the last five minutes."""

_STATUSES: Final[Mapping[int, tuple[str, str]]] = {
    realtime_service_pb2.CONVERSATION_STATUS_ACTIVE: ("active", "green"),
    realtime_service_pb2.CONVERSATION_STATUS_RESOLVED: ("resolved", "cyan"),
    realtime_service_pb2.CONVERSATION_STATUS_ESCALATED: ("escalated", "yellow"),
    realtime_service_pb2.CONVERSATION_STATUS_ABANDONED: ("abandoned", "red"),
    realtime_service_pb2.CONVERSATION_STATUS_ENDED: ("ended", "dim"),
}


def render(view: Dashboard, width: int, height: int) -> RenderableType:
    """Returns the dashboard, exactly `height` lines of at most `width` columns where there is room for it at all."""
    state = view.state or realtime_service_pb2.RealtimeState()
    where = formatting.zone(state.time_zone)
    charts = _chart_lines(height)
    room = height - _HEADER - _FOOTER
    parts: list[RenderableType] = [_header(view, where)]
    if room >= _CARDS + _LEAST_FEED:
        parts.extend(_cards(row, state.metrics, view.trends) for row in CARDS)
        room -= _CARDS
    if charts:
        parts.extend(_charts(state, where, width, charts))
        room -= sum(charts) + _AXIS
    if room > _HEADINGS:
        shown = state.conversations[: room - _HEADINGS]
        parts.append(_feed(shown, state.as_of_time.ToDatetime(tzinfo=UTC) + timedelta(seconds=view.age)))
        room -= len(shown) + _HEADINGS
    parts.extend(Text() for _ in range(room))
    return Group(*parts, _footer(view))


def _chart_lines(height: int) -> tuple[int, ...]:
    """Returns how many lines each chart gets: none where the feed would have too few, more where there is plenty."""
    room = height - _HEADER - _FOOTER - _CARDS - _AXIS - sum(_CHARTS)
    if room < _LEAST_FEED:
        return ()
    spare = max(0, room - _HEADINGS - _WHOLE_FEED) // len(_CHARTS)
    return tuple(lines + min(spare, _TALLER) for lines in _CHARTS)


def _header(view: Dashboard, where: tzinfo) -> Table:
    """Returns what is watched, and as of when."""
    left = Text("tallywire watch", style="bold", no_wrap=True, overflow="ellipsis")
    left.append(f" · {formatting.plain(view.title)}", style="not bold dim")
    right = Text(no_wrap=True)
    if view.state is not None:
        right.append(formatting.instant(view.state.as_of_time, where, "%H:%M:%S"), style="bold")
        right.append(f" {formatting.plain(view.state.time_zone)}", style="dim")
    return _sides(left, right)


def _footer(view: Dashboard) -> Table:
    """Returns the state of the connection and the revision."""
    left = Text(no_wrap=True, overflow="ellipsis")
    if view.problem:
        left.append(f"○ reconnecting… for {view.problem_age:.0f} s", style="bold yellow")
        left.append(f" · figures of {_ago(view.age)}" if view.state else "", style="yellow")
        left.append(f" · {formatting.plain(view.problem)}", style="dim")
    elif view.state is None:
        left.append("○ connecting…", style="yellow")
    else:
        left.append("● live", style="bold green")
        left.append(f" · revision {view.revision:,}")
    return _sides(left, Text(view.hint, style="dim", no_wrap=True))


def _sides(left: Text, right: Text) -> Table:
    """Returns a line with a text on either side."""
    line = Table.grid(expand=True, padding=(0, 1, 0, 0), pad_edge=False)
    line.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    line.add_column(justify="right", no_wrap=True)
    line.add_row(left, right)
    return line


def _cards(
    cards: Sequence[_Card], metrics: realtime_service_pb2.RealtimeMetrics, trends: Mapping[str, int | None]
) -> Table:
    """Returns a row of cards."""
    row = Table.grid(expand=True)
    for _ in cards:
        row.add_column(ratio=1)
    row.add_row(
        *(
            Panel(
                _figure(card, metrics, trends.get(card.name)),
                title=Text(card.label, style="not bold"),
                title_align="left",
                box=box.ROUNDED,
                border_style="dim",
                padding=(0, 1),
                height=3,
            )
            for card in cards
        )
    )
    return row


def _figure(card: _Card, metrics: Message, trend: int | None) -> Text:
    """Returns a figure with its arrow: green where it gets better, red where it gets worse."""
    text = Text(formatting.field(metrics, card.name, card.form), style="bold", no_wrap=True, overflow="ellipsis")
    if card.better and trend is not None and metrics.HasField(card.name):
        style = {1: "green", 0: "dim", -1: "red"}[trend * card.better]
        text.append(f" {_ARROWS[trend]}", style=style)
    return text


def _charts(
    state: realtime_service_pb2.RealtimeState, where: tzinfo, width: int, lines: Sequence[int]
) -> Iterable[RenderableType]:
    """Yields the charts of the last hour, minute by minute, above their times."""
    columns = max(1, width - _LABEL)
    minutes = state.minutes[-columns:]
    each = max(1, columns // max(1, len(minutes)))
    messages: list[float | None] = [minute.messages for minute in minutes]
    yield from _chart("Messages per minute", messages, formatting.count, "cyan", lines[0], each)
    for (label, name, style), height in zip(
        (("Response p50", "p50_response_time_ms", "green"), ("Response p95", "p95_response_time_ms", "magenta")),
        lines[1:],
        strict=True,
    ):
        values = [_optional(minute, name) for minute in minutes]
        yield from _chart(label, values, formatting.milliseconds, style, height, each, cut=True)
    yield _axis(minutes, where, each)


def _optional(message: Message, name: str) -> float | None:
    """Returns an optional field of a message, or None when it is absent."""
    return getattr(message, name) if message.HasField(name) else None


def _chart(
    label: str, values: Sequence[float | None], form: _Form, style: str, height: int, each: int, *, cut: bool = False
) -> Iterable[Text]:
    """Yields the lines of a chart, its name and its peak beside it; the minute that is running is dim.

    With `cut`, bars of many times the median are cut off, which would leave nothing to see of the others.
    """
    known = [value for value in values if value is not None]
    peak = max(known, default=0.0)
    top = min(peak, _CUT * statistics.median(known)) if cut and known else peak
    notes = [label, f"peak {form(peak)}{' (cut)' if top < peak else ''}" if known else ""]
    for index, bars in enumerate(bar_lines(values, height, top)):
        line = Text(f"{notes[index] if index < len(notes) else '':<{_LABEL}}", no_wrap=True)
        line.stylize("bold" if index == 0 else "dim")
        line.append("".join(bar * each for bar in bars[:-1]), style=style)
        line.append(bars[-1:] * each, style=f"{style} dim")
        yield line


def bar_lines(values: Sequence[float | None], height: int, top: float) -> list[str]:
    """Returns bars from 0 to `top`, the top line first: ▁ for 0, at least ▂ for more, a dot where it is absent."""
    columns = []
    for value in values:
        if value is None:
            columns.append(" " * (height - 1) + "·")
            continue
        eighths = max(2, round(min(1.0, value / top) * 8 * height)) if value > 0 < top else 1
        full, rest = divmod(eighths, 8)
        column = "█" * full + (_BARS[rest - 1] if rest else "")
        columns.append(column[:height].ljust(height)[::-1])
    return ["".join(column[line] for column in columns) for line in range(height)]


def _axis(minutes: Sequence[realtime_service_pb2.RealtimeMinute], where: tzinfo, each: int) -> Text:
    """Returns the times of some minutes, below them."""
    marks = "".join(
        formatting.instant(minutes[index].start, where, "%H:%M").ljust(_MARKS * each)
        for index in range(0, len(minutes), _MARKS)
    )
    end = "now" if minutes else ""
    line = marks[: len(minutes) * each - len(end)].ljust(len(minutes) * each - len(end)) + end
    return Text(" " * _LABEL + line, style="dim", no_wrap=True, overflow="crop")


def _feed(conversations: Sequence[realtime_service_pb2.ConversationState], now: datetime) -> Table:
    """Returns the conversations with the latest activity."""
    table = Table(box=None, expand=True, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("Status", width=9, no_wrap=True)
    for heading, ratio in (("Conversation", 4), ("Agent", 3), ("User", 3)):
        table.add_column(heading, ratio=ratio, no_wrap=True, overflow="ellipsis")
    table.add_column("Channel", width=8, no_wrap=True, overflow="ellipsis")
    table.add_column("Msgs", width=5, no_wrap=True, justify="right")
    table.add_column("Last", width=10, no_wrap=True, justify="right")
    for one in conversations:
        word, style = _STATUSES.get(one.status, ("?", "dim"))
        age = (now - one.last_activity_at.ToDatetime(tzinfo=UTC)).total_seconds()
        who = (Text(formatting.plain(text)) for text in (one.conversation_id, one.agent_id, one.user_id, one.channel))
        table.add_row(Text(word, style=style), *who, formatting.short(one.message_count), _ago(age))
    return table


def _ago(seconds: float) -> str:
    """Returns how long ago something was."""
    for limit, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        if seconds >= limit:
            return f"{seconds // limit:.0f} {unit} ago"
    return "now"
