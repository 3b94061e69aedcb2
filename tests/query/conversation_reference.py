"""What conversations come to, added up in plain Python and held against an answer, without a line of the service."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from tallywire import AsyncClient
from tallywire.v1 import conversation_metrics_pb2 as messages
from tallywire.v1 import event_pb2

_RANK = {"conversation.escalated": 4, "conversation.resolved": 3, "conversation.abandoned": 2, "conversation.ended": 1}
_OUTCOMES = ("conversations_ended", "conversations_abandoned", "conversations_resolved", "conversations_escalated")
_MESSAGES = ("message.received", "message.sent")
_DAY = 86_400 * 10**6


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """How a conversation was closed, in microseconds since 1970, and when that was taken back."""

    at: int
    outcome: str
    channel: str
    reason: str
    reopened_at: int | None


@dataclass(slots=True, kw_only=True)
class Known:
    """A conversation: what its events say together."""

    began: int
    began_channel: str
    topic: str
    user: str
    messages: int
    first_sent: int | None
    is_reopened: bool
    parts: Sequence[Closed] = field(default_factory=list)  # between its reopenings, the last one as it stands

    @property
    def closed(self) -> Closed | None:
        """How it stands."""
        return next((one for one in self.parts if one.reopened_at is None), None)


def _known(events: Sequence[event_pb2.Event]) -> Known:
    started = [one for one in events if one.event_type == "conversation.started"]
    first = min(started or events, key=_at)
    told = [one for one in events if one.event_type.startswith(("conversation.", "message."))]
    sent = [_at(one) for one in events if one.event_type == "message.sent"]
    return Known(
        began=_at(first),
        began_channel=first.channel,
        topic=max(((_at(one), one.conversation.topic) for one in told if one.conversation.topic), default=(0, ""))[1],
        user=max(((_at(one), one.user_id) for one in told if one.user_id), default=(0, ""))[1],
        messages=sum(one.event_type in _MESSAGES for one in events),
        first_sent=min(sent, default=None),
        is_reopened=any(one.event_type == "conversation.reopened" for one in events),
        parts=list(_parts(events)),
    )


def _parts(events: Sequence[event_pb2.Event]) -> Iterable[Closed]:
    """The closings between two reopenings; those at the time of a reopening belong to what it ends."""
    reopenings = sorted(_at(one) for one in events if one.event_type == "conversation.reopened")
    for after, until in zip([-1, *reopenings], [*reopenings, None], strict=True):
        some = [
            one
            for one in events
            if one.event_type in _RANK and after < _at(one) and (until is None or _at(one) <= until)
        ]
        if some:
            highest = max(_RANK[one.event_type] for one in some)
            decisive = min((one for one in some if _RANK[one.event_type] == highest), key=_at)
            reason = decisive.conversation.handoff_reason if highest == 4 else ""
            yield Closed(
                at=min(map(_at, some)),
                outcome=_OUTCOMES[highest - 1],
                channel=decisive.channel,
                reason=reason,
                reopened_at=until,
            )


def _at(event: event_pb2.Event) -> int:
    return event.occurred_at.ToMicroseconds()


def _waited(one: Known, until: int) -> int:
    """Milliseconds from its beginning."""
    return max(0, until - one.began) // 1000


def _local(at: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(at // 10**6, zone)


async def check(
    client: AsyncClient, events: Sequence[event_pb2.Event], start: datetime, end: datetime, zone: str, days: int
) -> messages.GetConversationMetricsResponse:
    """Fails on the first figure of the answer that differs from what events of long ago come to; returns the answer."""
    by_id: dict[str, list[event_pb2.Event]] = defaultdict(list)
    for event in events:
        by_id[event.conversation_id].append(event)
    everything = [_known(some) for name, some in by_id.items() if name]
    first, last = (int(one.timestamp()) * 10**6 for one in (start, end))
    closed = [one for one in everything if one.closed and first <= one.closed.at < last]
    began = [one for one in everything if first <= one.began < last]
    options = {"time_zone": zone, "granularity": "day", "top": 100, "durable_days": days, "repeat_days": days}
    answer = await client.conversation_metrics(start, end, **options)  # type: ignore[arg-type]
    _check_figures(answer.figures, closed, began)
    for breakdown, value in (
        (answer.by_channel, lambda one: one.closed.channel),
        (answer.by_topic, lambda one: one.topic),
        (answer.by_handoff_reason, lambda one: one.closed.reason),
    ):
        _check_breakdown(breakdown, closed, value)
    _check_times(answer, closed, began, ZoneInfo(zone))
    _check_followed(answer, everything, closed, first, last, days * _DAY)
    assert answer.open_conversations == sum(map(_is_open, (some for name, some in by_id.items() if name)))
    return answer


def _is_open(events: Sequence[event_pb2.Event]) -> bool:
    """Whether the last of the events that close and reopen is none of those that end a conversation."""
    deciding = [one for one in events if one.event_type in (*_RANK, "conversation.reopened")]
    last = max(deciding, key=_at, default=None)
    return last is None or last.event_type in ("conversation.escalated", "conversation.reopened")


def _check_figures(figures: messages.ConversationFigures, closed: Sequence[Known], began: Sequence[Known]) -> None:
    outcomes = Counter(one.closed.outcome for one in closed if one.closed)
    assert {name: getattr(figures, name) for name in _OUTCOMES} == {name: outcomes[name] for name in _OUTCOMES}
    assert (figures.conversations_closed, figures.total_conversations) == (len(closed), len(began))
    if closed:
        assert figures.resolution_rate == outcomes["conversations_resolved"] / len(closed)
    assert figures.conversations_reopened == sum(one.is_reopened for one in closed)
    _check_distribution(figures.duration_ms, [_waited(one, one.closed.at) for one in closed if one.closed])
    _check_distribution(figures.messages, [one.messages for one in closed])
    waits = [_waited(one, one.first_sent) for one in began if one.first_sent is not None]
    _check_distribution(figures.first_response_ms, waits)


def _check_distribution(found: messages.ConversationDistribution, values: Iterable[int]) -> None:
    ordered = sorted(values)
    assert (found.count, found.sum) == (len(ordered), sum(ordered))
    for percent in (50, 90, 95, 99):
        assert found.HasField("p50") == bool(ordered)
        if ordered:
            exact = _percentile(ordered, percent)
            assert abs(getattr(found, f"p{percent}") - exact) <= 0.01 * exact


def _percentile(ordered: Sequence[int], percent: int) -> float:
    place = (len(ordered) - 1) * percent / 100
    below, above = ordered[math.floor(place)], ordered[math.ceil(place)]
    return below + (above - below) * (place - math.floor(place))


def _check_breakdown(
    found: messages.ConversationBreakdown, closed: Sequence[Known], value: Callable[[Known], str]
) -> None:
    expected = Counter(map(value, closed))
    rows = {one.value: one.figures.conversations_closed for one in found.rows if one.figures.conversations_closed}
    assert rows == {name: count for name, count in expected.items() if name}
    assert found.rest.conversations_closed == expected[""]
    for row in found.rows:
        durations = [_waited(one, one.closed.at) for one in closed if one.closed and value(one) == row.value]
        assert row.figures.duration_ms.sum == sum(durations), row.value


def _check_times(
    answer: messages.GetConversationMetricsResponse, closed: Sequence[Known], began: Sequence[Known], zone: ZoneInfo
) -> None:
    """By hour of the week and by day, on the clock of the zone."""
    starts = [_local(one.began, zone) for one in began]
    ends = [_local(one.closed.at, zone) for one in closed if one.closed]
    by_hour = [Counter((at.isoweekday(), at.hour) for at in times) for times in (starts, ends)]
    for hour in answer.hours_of_week:
        place = hour.weekday, hour.hour
        assert (hour.started, hour.closed) == (by_hour[0][place], by_hour[1][place]), place
    by_day = [Counter(at.date() for at in times) for times in (starts, ends)]
    for point in answer.series:
        day = point.start.ToDatetime(UTC).astimezone(zone).date()
        found = point.figures.total_conversations, point.figures.conversations_closed
        assert found == (by_day[0][day], by_day[1][day]), day
    assert sum(one.figures.conversations_closed for one in answer.series) == len(closed)


def _check_followed(
    answer: messages.GetConversationMetricsResponse,
    everything: Sequence[Known],
    closed: Sequence[Known],
    first: int,
    last: int,
    span: int,
) -> None:
    """All is so long ago that everything is known."""
    by_user: dict[str, list[Known]] = defaultdict(list)
    for one in everything:
        by_user[one.user].append(one)

    def is_followed(one: Known, at: int, *, topic: str = "") -> bool:
        others = (other for other in by_user[one.user] if one.user and other is not one)
        return any(at <= other.began < at + span and topic in ("", other.topic) for other in others)

    repeated = [one for one in closed if one.closed and is_followed(one, one.closed.at)]
    back = answer.repeat_contacts
    assert (back.mature, back.followed, back.users) == (len(closed), len(repeated), len({one.user for one in repeated}))
    resolutions = [
        (one, part)
        for one in everything
        for part in one.parts
        if part.outcome == "conversations_resolved" and first <= part.at < last
    ]
    reopened = [
        (one, part) for one, part in resolutions if part.reopened_at is not None and part.reopened_at < part.at + span
    ]
    followed = [
        one for one, part in resolutions if (one, part) not in reopened and is_followed(one, part.at, topic=one.topic)
    ]
    held = answer.durable_resolution
    assert (held.mature, held.reopened, held.followed) == (len(resolutions), len(reopened), len(followed))
    assert (held.not_yet_known, back.not_yet_known) == (0, 0)


def whole_days(events: Iterable[event_pb2.Event]) -> tuple[datetime, datetime]:
    """Midnights around events."""
    times = [_at(one) for one in events]
    start = _local(min(times), UTC).replace(hour=0, minute=0, second=0)
    return start, _local(max(times), UTC).replace(hour=0, minute=0, second=0) + timedelta(days=1)
