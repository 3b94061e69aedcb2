"""What is happening now: sliding windows, the conversations that are going on, and the totals of today.

A view is made from a snapshot at a revision and then takes every later event once, in the order of revisions. Windows
are by second of occurrence and end now, so they move when nothing happens; late events fall outside of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from server import histogram, timerange, validation
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

    def holds(self, event: Event) -> bool:
        """True where the event belongs to the view."""
        if self.agent_ids:
            return event.agent_id in self.agent_ids
        return not self.channel or event.channel == self.channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """The totals of the organization's current day up to a revision."""

    span: Span
    messages: int
    conversations: int
    tokens: int


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
class _Responses:
    """Response times of a second or a minute."""

    count: int = 0
    total: int = 0
    bins: dict[int, int] = field(default_factory=dict)

    def take(self, value: int) -> None:
        self.count += 1
        self.total += value
        number = histogram.bin_of(value)
        self.bins[number] = self.bins.get(number, 0) + 1

    def add(self, other: "_Responses") -> None:
        self.count += other.count
        self.total += other.total
        for number, count in other.bins.items():
            self.bins[number] = self.bins.get(number, 0) + count


@dataclass(slots=True)
class _Second:
    messages: int = 0
    sent: int = 0
    failed: int = 0
    responses: _Responses | None = None


class View:
    """The state of one part of an organization; not changed but by the hub that owns it."""

    def __init__(self, part: Part, today: Today, revision: int) -> None:
        self.part = part
        self.revision = revision
        self._today = today
        self._totals = [today.messages, today.conversations, today.tokens]
        self._seconds: dict[int, _Second] = {}
        self._active: dict[bytes, int] = {}  # by conversation: when it was last started or spoken in
        self._closed: set[bytes] = set()
        self._feed: dict[str, Talk] = {}

    @property
    def today(self) -> Span:
        """The day whose totals are kept."""
        return self._today.span

    def remember(self, events: Iterable[Event], standings: Mapping[bytes, Standing], now: datetime) -> None:
        """Takes the events of a snapshot, which its totals of today count already."""
        for event in events:
            if self.part.holds(event):
                self._take(event, validation.microseconds(now))
        self.stand(standings)

    def apply(self, revision: int, events: Iterable[Event], now: datetime) -> None:
        """Takes the events of the next revision; those of one that it has taken already are passed over."""
        if revision <= self.revision:
            return
        for event in events:
            if self.part.holds(event):
                self._take(event, validation.microseconds(now))
                self._count_today(event)
        self.revision = revision

    def _count_today(self, event: Event) -> None:
        if not self._today.span.start <= event.bucket < self._today.span.end:
            return
        if event.event_type in _MESSAGES:
            self._totals[0] += 1
            self._totals[2] += _number(event, "prompt_tokens") + _number(event, "completion_tokens")
        elif event.event_type == "conversation.started":
            self._totals[1] += 1

    def _take(self, event: Event, now: int) -> None:
        if event.event_type in _MESSAGES:
            self._take_message(event, now)
        if not event.conversation_id:
            return
        if event.event_type in _MESSAGES or event.event_type == "conversation.started":
            key = conversation_key_of(event.conversation_id)
            self._active[key] = max(self._active.get(key, 0), event.occurred_at)
        self._show(event)

    def _take_message(self, event: Event, now: int) -> None:
        if event.occurred_at < now - (HOUR + MINUTE) * _MILLION:
            return
        second = self._seconds.setdefault(event.occurred_at // _MILLION, _Second())
        second.messages += 1
        if event.event_type != "message.sent":
            return
        second.sent += 1
        second.failed += bool(event.detail.get("failed"))
        response_time = event.detail.get("response_time_ms")
        if isinstance(response_time, int):
            if second.responses is None:
                second.responses = _Responses()
            second.responses.take(response_time)

    def _show(self, event: Event) -> None:
        """Puts the event's conversation into the feed, with what it says of who and where."""
        old = self._feed.get(event.conversation_id)
        newer = old is None or event.occurred_at >= old.last_activity
        self._feed[event.conversation_id] = Talk(
            conversation_id=event.conversation_id,
            agent_id=_latest(event.agent_id, old.agent_id if old else "", newer),
            user_id=_latest(event.user_id, old.user_id if old else "", newer),
            channel=_latest(event.channel, old.channel if old else "", newer),
            last_activity=event.occurred_at if newer or old is None else old.last_activity,
            messages=old.messages if old else 0,
            outcome=old.outcome if old else None,
        )
        if len(self._feed) > 2 * _FEED_KEPT:
            kept = sorted(self._feed.values(), key=_recency)[:_FEED_KEPT]
            self._feed = {talk.conversation_id: talk for talk in kept}

    def stand(self, standings: Mapping[bytes, Standing]) -> None:
        """Takes over how conversations stand."""
        for key in standings.keys() & self._active.keys():
            (self._closed.discard if standings[key].outcome is None else self._closed.add)(key)
        for talk in list(self._feed.values()):
            found = standings.get(conversation_key_of(talk.conversation_id))
            if found is not None:
                self._feed[talk.conversation_id] = replace(talk, messages=found.messages, outcome=found.outcome)

    def state(self, now: datetime) -> State:
        """What the view shows at an instant."""
        at = validation.microseconds(now) // _MILLION
        self._forget(at)
        windows = {width: self._window(at, width) for width in (HOUR, FIVE_MINUTES, MINUTE)}
        hour, five_minutes = windows[HOUR], windows[FIVE_MINUTES].responses or _Responses()
        count = five_minutes.count
        return State(
            figures={
                "active_conversations": self._count_active(at),
                "messages_last_minute": windows[MINUTE].messages,
                "messages_last_hour": hour.messages,
                "avg_response_time_ms": five_minutes.total / count if count else None,
                "p50_response_time_ms": histogram.quantile(five_minutes.bins, 0.5),
                "p95_response_time_ms": histogram.quantile(five_minutes.bins, 0.95),
                "success_rate": (hour.sent - hour.failed) / hour.sent if hour.sent else None,
                "messages_today": self._totals[0],
                "conversations_today": self._totals[1],
                "tokens_today": self._totals[2],
            },
            minutes=self._minutes(at),
            conversations=sorted(self._feed.values(), key=_recency)[:FEED_LENGTH],
        )

    def _forget(self, at: int) -> None:
        """Drops what no window can show any more."""
        for second in [second for second in self._seconds if second <= at - HOUR - MINUTE]:
            del self._seconds[second]
        for key in [key for key, last in self._active.items() if last // _MILLION <= at - HOUR]:
            del self._active[key]
            self._closed.discard(key)

    def _window(self, at: int, width: int) -> _Second:
        """The seconds (at − width, at] added up."""
        total = _Second(responses=_Responses())
        for second, one in self._seconds.items():
            if at - width < second <= at:
                total.messages += one.messages
                total.sent += one.sent
                total.failed += one.failed
                if one.responses is not None and total.responses is not None:
                    total.responses.add(one.responses)
        return total

    def _count_active(self, at: int) -> int:
        since = (at - HOUR) * _MILLION
        return sum(1 for key, last in self._active.items() if last > since and key not in self._closed)

    def _minutes(self, at: int) -> list[Minute]:
        last = at // MINUTE
        responses: dict[int, _Responses] = {}
        messages: dict[int, int] = {}
        for second, one in self._seconds.items():
            if second <= at:
                minute = second // MINUTE
                messages[minute] = messages.get(minute, 0) + one.messages
                if one.responses is not None:
                    responses.setdefault(minute, _Responses()).add(one.responses)
        empty = _Responses()
        return [
            Minute(
                start=minute * MINUTE,
                messages=messages.get(minute, 0),
                p50_response_time_ms=histogram.quantile(responses.get(minute, empty).bins, 0.5),
                p95_response_time_ms=histogram.quantile(responses.get(minute, empty).bins, 0.95),
            )
            for minute in range(last - 59, last + 1)
        ]


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
    today = now.astimezone(zone).date()
    start, end = (timerange.midnight(day, zone) for day in (today, today + timedelta(days=1)))
    return Span(start=timerange.floor_bucket(start), end=timerange.floor_bucket(end))
