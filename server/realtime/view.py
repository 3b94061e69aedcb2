"""Realtime views: sliding windows, the conversations in progress, and the totals of today.

A view holds aggregates as of a revision and no event; its size is bounded by the slots of an hour. Windows consist of
slots by time of occurrence and end with the current slot, so they slide when nothing happens; late events fall outside
of them.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from server import histogram, timerange
from server.catalog import dimensions, figures, realtime_figures, registry, slots
from server.catalog.cells import CellKey
from server.catalog.dimensions import Dimension
from server.catalog.figures import Figure
from server.catalog.realtime_figures import Window
from server.catalog.slots import Counts, Slot
from server.events.conversation import ConversationSummary
from server.events.event import Event
from server.timerange import Span

MINUTES_SHOWN = 60  # with the current one
_MINUTE_SLOTS, _FIVE_MINUTES_SLOTS = slots.FINE_PER_MINUTE, 5 * slots.FINE_PER_MINUTE  # with the current one
FEED_LENGTH = 20

_NO_BINS: dict[int, int] = {}  # shared by all past minutes, and never changed
_OPEN = realtime_figures.of_window(Window.OPEN)
_BY_WINDOW = {window: realtime_figures.of_window(window) for window in Window}


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewFilter:
    """The events that a view or a subscription is about: those that carry one of some values of a dimension, or all."""

    dimension: Dimension = dimensions.TOTAL
    values: frozenset[str] = frozenset(("",))  # of the total there is one, which is empty

    @classmethod
    def of(cls, dimension: Dimension, *values: str) -> "ViewFilter":
        """Returns the filter that keeps the events with one of these values of a dimension."""
        return cls(dimension=dimension, values=frozenset(values))

    @property
    def key(self) -> tuple[int, Sequence[str]]:
        """Returns what other servers know the filter by: the dimension's number, and the values in order."""
        return self.dimension.number, sorted(self.values)

    def holds(self, event: Event) -> bool:
        """Returns whether the event passes the filter."""
        return self.dimension is dimensions.TOTAL or self.dimension.value_of(event) in self.values

    def concerns(self, key: CellKey) -> bool:
        """Returns whether a cell belongs to what the filter keeps: without a filter, every cell of any dimension."""
        if self.dimension is dimensions.TOTAL:
            return True
        return key.dimension == self.dimension.number and key.value in self.values


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """The figures of the organization's current day up to a revision; empty if the filter has no cells of its own."""

    span: Span
    figures: Mapping[str, Figure]


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """One minute of the last hour; start in seconds since 1970."""

    start: int
    messages: int
    p50_response_time_ms: Figure
    p95_response_time_ms: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewState:
    """What a view shows at an instant."""

    figures: Mapping[str, Figure]
    minutes: Sequence[Minute]
    conversations: Sequence[ConversationSummary]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The aggregates from which a view is made; messages is None if the filter has no cells of its own.

    open_by_minute is the number of open conversations by the minute, since 1970, of their latest activity; None if
    conversations do not carry the filter's dimension.
    """

    messages: Mapping[Slot, Counts] | None
    today: Today
    open_by_minute: Mapping[int, int] | None
    conversations: Sequence[ConversationSummary]


class _Past(NamedTuple):
    """A minute up to an instant: what is shown of it, and the counts for the figures of the hour."""

    shown: Minute
    counts: Counts  # without histograms


class View:
    """The state of a filter as of a revision, at that instant and later.

    One that is not complete shows conversations as of an earlier revision.
    """

    def __init__(
        self, part: ViewFilter, facts: Facts, revision: int, now: datetime, *, is_complete: bool = True
    ) -> None:
        self.part = part
        self.revision = revision
        self.is_complete = is_complete
        self._today = facts.today
        self._open_by_minute, self._conversations = facts.open_by_minute, facts.conversations
        self._has_figures = facts.messages is not None
        self._messages = dict(facts.messages or {})
        self._at = _fine_slot(now)
        self._settled: dict[int, _Past] = {}  # past minutes, without their histograms
        self._state: ViewState | None = None

    @property
    def size(self) -> int:
        """Returns how many rows the view keeps: slots, minutes and conversations."""
        return len(self._messages) + len(self._open_by_minute or ()) + len(self._conversations)

    def is_over(self, now: datetime) -> bool:
        """Returns whether the day of the totals has ended."""
        return not self._today.span.start <= timerange.floor_bucket(now) < self._today.span.end

    def state(self, now: datetime) -> ViewState:
        """Returns what the view shows at an instant, or at the latest one that it was asked for."""
        at = max(_fine_slot(now), self._at)
        if self._state is None or at > self._at:
            self._at = at
            self._state = self._made(at)
        return self._state

    def _made(self, at: int) -> ViewState:
        minute = at // slots.FINE_PER_MINUTE
        shown: dict[str, Figure] = {**dict.fromkeys(_OPEN, self._going_on(minute)), **self._today.figures}
        minutes: list[Minute] = []
        if self._has_figures:
            hour = [self._past(number, at) for number in range(minute - MINUTES_SHOWN + 1, minute + 1)]
            shown |= self._windows(at, hour)
            minutes = [minute.shown for minute in hour]
        return ViewState(figures=shown, minutes=minutes, conversations=self._conversations)

    def _going_on(self, minute: int) -> int | None:
        """Returns how many open conversations had any activity in the hour that ends with a minute."""
        if self._open_by_minute is None:
            return None
        return sum(count for latest, count in self._open_by_minute.items() if latest > minute - MINUTES_SHOWN)

    def _windows(self, at: int, hour: Sequence[_Past]) -> dict[str, Figure]:
        """Returns the figures of the windows that end with a slot."""
        windows = {
            Window.LAST_MINUTE: self._fine(at - _MINUTE_SLOTS + 1, at),
            Window.FIVE_MINUTES: self._fine(at - _FIVE_MINUTES_SLOTS + 1, at),
            Window.LAST_HOUR: [one.counts for one in hour],
        }
        found: dict[str, Figure] = {}
        for window, parts in windows.items():
            cell = slots.cell_of(_total(parts))
            for name, metric in _BY_WINDOW[window].items():
                found[name] = figures.figure(registry.METRICS[metric], cell)
        return found

    def _past(self, minute: int, at: int) -> _Past:
        """Returns what happened in a minute up to a slot."""
        settled = self._settled.get(minute)
        if settled is not None:
            return settled
        first, last = minute * slots.FINE_PER_MINUTE, (minute + 1) * slots.FINE_PER_MINUTE - 1
        parts, whole = self._fine(first, min(last, at)), self._messages.get(Slot(slots.MINUTE, minute))
        counts = _total(parts if whole is None else [whole, *parts])
        shown = Minute(
            start=minute * slots.MINUTE,
            messages=counts.messages,
            p50_response_time_ms=histogram.quantile(counts.bins, 0.5),
            p95_response_time_ms=histogram.quantile(counts.bins, 0.95),
        )
        past = _Past(shown=shown, counts=dataclasses.replace(counts, bins=_NO_BINS))
        if last <= at:
            self._settled[minute] = past
            self._settled.pop(minute - MINUTES_SHOWN, None)
            self._messages.pop(Slot(slots.MINUTE, minute), None)
        return past

    def _fine(self, first: int, last: int) -> list[Counts]:
        """Returns the counts of the slots of five seconds from the first to the last one."""
        keys = (Slot(slots.FINE, number) for number in range(first, last + 1))
        return [counts for key in keys if (counts := self._messages.get(key)) is not None]


def _total(parts: Sequence[Counts]) -> Counts:
    if len(parts) == 1:
        return parts[0]
    total = Counts()
    for one in parts:
        total.add(one)
    return total


def _fine_slot(at: datetime) -> int:
    """Returns the slot of five seconds that holds an instant, counted since 1970."""
    return (at - timerange.EPOCH) // timedelta(seconds=slots.FINE)


def day_of(now: datetime, zone_name: str) -> Span:
    """Returns the current day of a zone."""
    zone = timerange.zone(zone_name)
    today = timerange.day_at(now, zone)
    start, end = (timerange.midnight(day, zone) for day in (today, today + timedelta(days=1)))
    return Span(start=timerange.floor_bucket(start), end=timerange.floor_bucket(end))
