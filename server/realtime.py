"""What is happening now: sliding windows, the conversations that are going on, and the totals of today.

A view is made from a snapshot at a revision and then takes every later event once, in the order of revisions. Windows
are by second of occurrence and end now, so they move when nothing happens; late events fall outside of them. Their sums
are kept while they move: what a state costs depends on what has changed, not on what the windows hold.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from server import histogram, timerange, validation
from server.cells import Dimension
from server.events import Event, conversation_key_of
from server.figures import Figure
from server.store.updates import Standing
from server.timerange import Span

HOUR, FIVE_MINUTES, MINUTE = 3600, 300, 60
FEED_LENGTH = 20
_FEED_KEPT = 200  # what has to be known to show the latest of those that later events move back and forth
_MILLION = 1_000_000
_MESSAGES = ("message.received", "message.sent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The events that a view is about: of some agents, of a channel, or all."""

    agent_ids: frozenset[str] = frozenset()
    channel: str = ""

    @property
    def dimension(self) -> Dimension:
        """What it is narrowed by."""
        return Dimension.AGENT if self.agent_ids else Dimension.CHANNEL if self.channel else Dimension.TOTAL

    @property
    def values(self) -> list[str]:
        """The values of that dimension, in order."""
        return sorted(self.agent_ids) or [self.channel]

    def holds(self, event: Event) -> bool:
        """True where the event belongs to the view."""
        if self.agent_ids:
            return event.agent_id in self.agent_ids
        return not self.channel or event.channel == self.channel


class Totals(NamedTuple):
    """What happened on a day."""

    messages: int
    conversations: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """The totals of the organization's current day up to a revision; None where the part has no cells of its own."""

    span: Span
    totals: Totals | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """One minute of the last hour; start in seconds since 1970."""

    start: int
    messages: int
    p50_response_time_ms: Figure
    p95_response_time_ms: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """How a conversation of the feed stands; the time in microseconds since 1970, outcome None while it is open."""

    conversation_id: str
    agent_id: str
    user_id: str
    channel: str
    last_activity: int
    messages: int
    outcome: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What a view shows at an instant."""

    figures: Mapping[str, Figure]
    minutes: Sequence[Minute]
    conversations: Sequence[Talk]


@dataclass(slots=True)
class _Counts:
    """What happened in a second, a minute or a window. bins are those of response times."""

    messages: int = 0
    sent: int = 0
    failed: int = 0
    responses: int = 0
    response_time: int = 0
    bins: dict[int, int] = field(default_factory=dict)

    def add(self, other: "_Counts", sign: int = 1) -> None:
        self.messages += sign * other.messages
        self.sent += sign * other.sent
        self.failed += sign * other.failed
        self.responses += sign * other.responses
        self.response_time += sign * other.response_time
        for number, count in other.bins.items():
            left = self.bins.get(number, 0) + sign * count
            if left:
                self.bins[number] = left
            else:
                del self.bins[number]


def _counts(event: Event) -> _Counts:
    """What one message counts."""
    if event.event_type != "message.sent":
        return _Counts(messages=1)
    counts = _Counts(messages=1, sent=1, failed=int(bool(event.detail.get("failed"))))
    response_time = event.detail.get("response_time_ms")
    if isinstance(response_time, int):
        counts.responses, counts.response_time = 1, response_time
        histogram.count((response_time,), counts.bins)
    return counts


class _Windows:
    """Messages by second, with the sums of the windows that end at a second and of the minutes up to it."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.sums = {width: _Counts() for width in (HOUR, FIVE_MINUTES, MINUTE)}
        self._seconds: dict[int, _Counts] = {}
        self._minutes: dict[int, _Counts] = {}
        self._shown: dict[int, Minute] = {}  # those that have not changed since they were shown

    def take(self, second: int, counts: _Counts) -> None:
        """Takes what happened in a second; what is ahead of now waits, and what no window shows is passed over."""
        if second <= self.at - HOUR - MINUTE:
            return
        self._seconds.setdefault(second, _Counts()).add(counts)
        if second <= self.at:
            self._enter(second, counts)

    def move(self, at: int) -> None:
        """Lets the windows end at a later second."""
        for second in range(self.at + 1, at + 1):
            self.at = second
            for width, total in self.sums.items():
                if (left := self._seconds.get(second - width)) is not None:
                    total.add(left, -1)
            self._seconds.pop(second - HOUR - MINUTE, None)
            self._minutes.pop(second // MINUTE - 60, None)
            if (entered := self._seconds.get(second)) is not None:
                self._enter(second, entered)

    def _enter(self, second: int, counts: _Counts) -> None:
        for width, total in self.sums.items():
            if second > self.at - width:
                total.add(counts)
        minute = second // MINUTE
        if minute > self.at // MINUTE - 60:
            self._minutes.setdefault(minute, _Counts()).add(counts)
            self._shown.pop(minute, None)

    def minutes(self) -> list[Minute]:
        """The last 60 minutes."""
        last = self.at // MINUTE
        self._shown = {
            minute: self._shown.get(minute) or _minute(minute, self._minutes.get(minute))
            for minute in range(last - 59, last + 1)
        }
        return list(self._shown.values())


def _minute(minute: int, counts: _Counts | None) -> Minute:
    return Minute(
        start=minute * MINUTE,
        messages=counts.messages if counts else 0,
        p50_response_time_ms=histogram.quantile(counts.bins, 0.5) if counts else None,
        p95_response_time_ms=histogram.quantile(counts.bins, 0.95) if counts else None,
    )


class _Active:
    """The conversations that were started or spoken in within the last hour, and which of them are closed."""

    def __init__(self) -> None:
        self.last: dict[bytes, int] = {}  # when they were last started or spoken in
        self._closed: set[bytes] = set()
        self._ends: list[tuple[int, bytes]] = []  # a heap; one for each conversation, at or before its real end

    def take(self, key: bytes, occurred_at: int) -> None:
        old = self.last.get(key)
        if old is None:
            heapq.heappush(self._ends, (occurred_at, key))
        self.last[key] = occurred_at if old is None else max(old, occurred_at)

    def stand(self, key: bytes, outcome: int | None) -> None:
        if key in self.last:
            (self._closed.discard if outcome is None else self._closed.add)(key)

    def count(self, at: int) -> int:
        """How many are active at a second; forgets those that are so no longer."""
        while self._ends and self._ends[0][0] // _MILLION <= at - HOUR:
            _, key = heapq.heappop(self._ends)
            if self.last[key] // _MILLION > at - HOUR:
                heapq.heappush(self._ends, (self.last[key], key))
            else:
                del self.last[key]
                self._closed.discard(key)
        return len(self.last) - len(self._closed)


class _Feed:
    """The conversations with the latest activity."""

    def __init__(self) -> None:
        self._talks: dict[bytes, Talk] = {}

    def take(self, key: bytes, event: Event) -> None:
        """Takes over what an event says of who and where."""
        old = self._talks.get(key)
        newer = old is None or event.occurred_at >= old.last_activity
        self._talks[key] = Talk(
            conversation_id=event.conversation_id,
            agent_id=_latest(event.agent_id, old.agent_id if old else "", newer),
            user_id=_latest(event.user_id, old.user_id if old else "", newer),
            channel=_latest(event.channel, old.channel if old else "", newer),
            last_activity=event.occurred_at if newer or old is None else old.last_activity,
            messages=old.messages if old else 0,
            outcome=old.outcome if old else None,
        )
        if len(self._talks) > 2 * _FEED_KEPT:
            self._talks = dict(heapq.nsmallest(_FEED_KEPT, self._talks.items(), key=lambda one: _recency(one[1])))

    def stand(self, key: bytes, standing: Standing) -> None:
        if (talk := self._talks.get(key)) is not None:
            self._talks[key] = replace(talk, messages=standing.messages, outcome=standing.outcome)

    def keys(self) -> Iterable[bytes]:
        return self._talks.keys()

    def latest(self) -> list[Talk]:
        return heapq.nsmallest(FEED_LENGTH, self._talks.values(), key=_recency)


class View:
    """The state of one part of an organization; not changed but by the hub that owns it."""

    def __init__(self, part: Part, today: Today, revision: int, now: datetime) -> None:
        self.part = part
        self.revision = revision
        self._today = today
        self._totals = None if today.totals is None else list(today.totals)
        self._windows = _Windows(validation.microseconds(now) // _MILLION)
        self._active = _Active()
        self._feed = _Feed()
        self._state: State | None = None  # None: something has changed since it was made

    def is_over(self, now: datetime) -> bool:
        """True where the day whose totals are kept is not the current one any more."""
        return not self._today.span.start <= timerange.floor_bucket(now) < self._today.span.end

    def remember(self, events: Iterable[Event]) -> None:
        """Takes events of the snapshot, which its totals of today count already."""
        for event in events:
            if self.part.holds(event):
                self._take(event)

    def recall(self, events: Iterable[Event]) -> None:
        """Takes events of the snapshot for the feed of conversations alone, also those that it has remembered."""
        for event in events:
            if self.part.holds(event) and event.conversation_id:
                self._feed.take(conversation_key_of(event.conversation_id), event)

    def apply(self, revision: int, events: Iterable[Event]) -> None:
        """Takes the events of the next revision; those of one that it has taken already are passed over."""
        if revision <= self.revision:
            return
        for event in events:
            if self.part.holds(event):
                self._take(event)
                self._count_today(event)
        self.revision = revision

    def conversations(self) -> set[bytes]:
        """The keys of the conversations whose standing it has to know."""
        return {*self._active.last, *self._feed.keys()}

    def _count_today(self, event: Event) -> None:
        if self._totals is None or not self._today.span.start <= event.bucket < self._today.span.end:
            return
        if event.event_type in _MESSAGES:
            self._totals[0] += 1
            self._totals[2] += _number(event, "prompt_tokens") + _number(event, "completion_tokens")
        elif event.event_type == "conversation.started":
            self._totals[1] += 1

    def _take(self, event: Event) -> None:
        self._state = None
        if event.event_type in _MESSAGES:
            self._windows.take(event.occurred_at // _MILLION, _counts(event))
        if not event.conversation_id:
            return
        key = conversation_key_of(event.conversation_id)
        if event.event_type in _MESSAGES or event.event_type == "conversation.started":
            self._active.take(key, event.occurred_at)
        self._feed.take(key, event)

    def stand(self, standings: Mapping[bytes, Standing]) -> None:
        """Takes over how conversations stand."""
        for key, standing in standings.items():
            self._state = None
            self._active.stand(key, standing.outcome)
            self._feed.stand(key, standing)

    def state(self, now: datetime) -> State:
        """What the view shows at an instant; not before one that it was asked for earlier."""
        at = max(validation.microseconds(now) // _MILLION, self._windows.at)
        if self._state is None or at > self._windows.at:
            self._windows.move(at)
            self._state = self._made(at)
        return self._state

    def _made(self, at: int) -> State:
        hour, five_minutes, minute = (self._windows.sums[width] for width in (HOUR, FIVE_MINUTES, MINUTE))
        count = five_minutes.responses
        today = self._totals or (None, None, None)
        return State(
            figures={
                "active_conversations": self._active.count(at),
                "messages_last_minute": minute.messages,
                "messages_last_hour": hour.messages,
                "avg_response_time_ms": five_minutes.response_time / count if count else None,
                "p50_response_time_ms": histogram.quantile(five_minutes.bins, 0.5),
                "p95_response_time_ms": histogram.quantile(five_minutes.bins, 0.95),
                "success_rate": (hour.sent - hour.failed) / hour.sent if hour.sent else None,
                "messages_today": today[0],
                "conversations_today": today[1],
                "tokens_today": today[2],
            },
            minutes=self._windows.minutes(),
            conversations=self._feed.latest(),
        )


def _number(event: Event, name: str) -> int:
    value = event.detail.get(name, 0)
    return value if isinstance(value, int) else 0


def _latest(new: str, old: str, newer: bool) -> str:
    """The value of the latest event that has one."""
    return (new or old) if newer else (old or new)


def _recency(talk: Talk) -> tuple[int, str]:
    return -talk.last_activity, talk.conversation_id


def day_of(now: datetime, zone_name: str) -> Span:
    """The current day of a zone."""
    zone = timerange.zone(zone_name)
    today = timerange.day_at(now, zone)
    start, end = (timerange.midnight(day, zone) for day in (today, today + timedelta(days=1)))
    return Span(start=timerange.floor_bucket(start), end=timerange.floor_bucket(end))
