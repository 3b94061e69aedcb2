"""GetConversationMetrics: a small world with every case, worked out by hand, and real data counted independently."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import conversation_reference
import pytest
import uci

import tallywire
from server.app import Running
from server.query import conversation_metrics
from server.rollups import audit, fold
from server.store.database import Database
from tallywire import AsyncClient
from tallywire.v1 import answer_pb2, conversation_pb2, event_pb2, time_pb2
from tallywire.v1 import conversation_metrics_pb2 as messages
from tests.support import commands, effort, serving
from tests.support.serving import Caller, refused
from tests.support.tiny_worlds import DAY, NOON, THE_DAY, by_field, e

MINUTE, DAYS = 60_000, 24 * 60  # milliseconds, minutes
STARTED = messages.CONVERSATION_COHORT_STARTED


def c(conversation: str, user: str = "", topic: str = "", channel: str = "web", **told: float) -> list[event_pb2.Event]:
    """The events of a conversation, each a kind and a minute; underscores tell kinds apart that come again."""
    detail = event_pb2.ConversationDetail(topic=topic) if topic else None
    return [
        e(
            f"conversation.{kind.strip('_')}",
            minute,
            conversation_id=conversation,
            user_id=user,
            channel=channel,
            conversation=detail,
        )
        for kind, minute in told.items()
    ]


def sent(conversation: str, minute: float, **detail: Any) -> event_pb2.Event:
    return e("message.sent", minute, conversation_id=conversation, message=event_pb2.MessageDetail(**detail))


WORLD = [
    e("agent.created", -3 * DAYS),
    *c("before", started=-DAYS, ended=-DAYS + 1),
    # Resolved, and followed on the same topic, on another one, too late, and by nobody who is known.
    *c("c1", "u1", "returns", started=0, resolved=10),
    e("message.received", 0, conversation_id="c1", user_id="u1"),
    sent("c1", 1, prompt_tokens=10, completion_tokens=5, cost_micros=100),
    *c("f1", "u1", "returns", started=2 * DAYS),
    *c("c2", "u2", "returns", started=0, resolved=20),
    *c("f2", "u2", "delivery", started=3 * DAYS),
    *c("c3", "u3", started=0, resolved=30),
    *c("f3", "u3", "delivery", started=8 * DAYS),
    # Handed over, and resolved by a human.
    *c("c4", started=0, resolved=12),
    e(
        "conversation.escalated",
        5,
        conversation_id="c4",
        conversation=event_pb2.ConversationDetail(handoff_reason="asked"),
    ),
    sent("c4", 8, by_human=True),
    *c("c6", "u6", "delivery", "phone", started=0, abandoned=15),
    *c("c7", started=0, ended=40),
    # Resolutions that were taken back, soon and late; the second one was resolved again.
    *c("c8", "u8", started=0, resolved=5, reopened=50),
    *c("c9", "u9", started=0, resolved=5, reopened=12 * DAYS, resolved_=13 * DAYS),
    *c("c10", "u10", started=0),
]
HOUR = {"started": 9, "closed": 6, "escalated": 1}


async def ask(caller: Caller, period: time_pb2.TimeRange = THE_DAY, **fields: Any) -> Any:
    request = messages.GetConversationMetricsRequest(time_range=period, **fields)
    return await caller.ask("GetConversationMetrics", request)


def counts(figures: messages.ConversationFigures) -> tuple[int, ...]:
    """Began, closed, and the four outcomes."""
    one = figures
    outcomes = one.conversations_resolved, one.conversations_escalated, one.conversations_abandoned
    return one.total_conversations, one.conversations_closed, *outcomes, one.conversations_ended


def distribution(one: messages.ConversationDistribution) -> tuple[int, int]:
    return one.count, one.sum


def bins(some: Any) -> list[tuple[int, int | None, int]]:
    return [(one.lower, one.upper if one.HasField("upper") else None, one.count) for one in some]


def rows(breakdown: messages.ConversationBreakdown) -> dict[str, tuple[int, ...]]:
    return {one.value: counts(one.figures) for one in breakdown.rows}


def hours(answer: Any) -> dict[tuple[int, int], dict[str, int]]:
    """The hours of the week in which anything happened."""
    assert [(one.weekday, one.hour) for one in answer.hours_of_week] == [
        (weekday, hour) for weekday in range(1, 8) for hour in range(24)
    ]
    found = {
        (one.weekday, one.hour): {"started": one.started, "closed": one.closed, "escalated": one.escalated}
        for one in answer.hours_of_week
    }
    return {place: figures for place, figures in found.items() if any(figures.values())}


async def test_a_world_with_every_case(server: Running, caller: Caller, database: Database) -> None:
    """Before and after folding, whatever order the events arrive in."""
    for one in reversed(WORLD):
        await caller.track(one)
    before = await _closed(caller)
    await _started(caller)
    await _parts(caller)
    await _exact(caller)
    await _too_many(caller)
    await _shown(server.address, caller)
    await _days(caller)
    assert await fold.fold_all(database, caller.organization_id) > 0
    after = await ask(caller)
    for answer in (before, after):
        answer.context.Clear()
    assert after == before
    assert (await audit.check(database, caller.organization_id)).mismatches == 0


async def test_what_has_no_row_is_left_in_the_rest(caller: Caller) -> None:
    """A topic whose only conversation was closed the day before, and is resolved by a human on this one."""
    before = c("c1", topic="returns", started=-DAYS, escalated=1 - DAYS, resolved=0)
    await caller.track_all([*before, *c("c2", topic="delivery", started=0)])
    answer = await ask(caller)
    by_topic = answer.by_topic
    assert rows(by_topic) == {"delivery": (1, 0, 0, 0, 0, 0)}
    assert distribution(answer.figures.final_resolution_ms) == (1, DAYS * MINUTE)
    assert distribution(by_topic.rest.final_resolution_ms) == (1, DAYS * MINUTE)


async def _closed(caller: Caller) -> messages.GetConversationMetricsResponse:
    answer = await ask(caller, top=1, granularity=time_pb2.GRANULARITY_HOUR)
    figures = answer.figures
    assert counts(figures) == (9, 6, 3, 1, 1, 1)
    rates = figures.resolution_rate, figures.escalation_rate, figures.abandonment_rate, figures.ended_rate
    assert rates == (1 / 2, 1 / 6, 1 / 6, 1 / 6)
    assert (figures.escalated_conversations_resolved, figures.human_resolution_rate) == (1, 1)
    assert (figures.conversations_reopened, figures.reopened_rate) == (0, 0)
    assert distribution(figures.duration_ms) == (6, 120 * MINUTE)
    assert (figures.duration_ms.mean, figures.duration_ms.p50) == (20 * MINUTE, pytest.approx(17.5 * MINUTE))
    assert distribution(figures.messages) == (6, 3)
    assert distribution(figures.first_response_ms) == (2, 9 * MINUTE)
    assert distribution(figures.first_human_response_ms) == (1, 8 * MINUTE)
    assert distribution(figures.human_wait_ms) == (1, 3 * MINUTE)
    assert distribution(figures.final_resolution_ms) == (1, 12 * MINUTE)
    assert distribution(figures.cost_micros) == (6, 100)
    assert distribution(figures.tokens) == (6, 15)
    assert figures.cost_per_resolved_conversation_micros == pytest.approx(100 / 3)
    assert answer.open_conversations == 5  # c8, c10 and those that follow
    assert answer.changes.total_conversations.percent == 800
    assert answer.changes.conversations_ended.percent == 0
    assert answer.changes.conversations_resolved.absence_reason == answer_pb2.ABSENCE_REASON_NO_BASELINE
    minutes = [(5, 7, 1), (7, 10, 0), (10, 15, 1), (15, 20, 1), (20, 30, 1), (30, 45, 2)]
    assert bins(answer.duration_bins) == [(low * MINUTE, high * MINUTE, count) for low, high, count in minutes]
    assert bins(answer.message_bins) == [(0, 1, 4), (1, 2, 1), (2, 3, 1)]
    assert hours(answer) == {(3, 12): HOUR}
    assert [counts(one.figures) for one in answer.series] == [(0,) * 6] * 12 + [counts(figures)] + [(0,) * 6] * 11
    assert answer.series[12].start.ToDatetime() == DAY.replace(tzinfo=None) + timedelta(hours=12)
    assert rows(answer.by_channel) == {"web": (8, 5, 3, 1, 0, 1)}
    assert counts(answer.by_channel.rest) == (1, 1, 0, 0, 1, 0)
    assert answer.by_channel.rest.duration_ms.mean == 15 * MINUTE
    assert rows(answer.by_topic) == {"returns": (2, 2, 2, 0, 0, 0)}
    assert counts(answer.by_topic.rest) == (7, 4, 1, 1, 1, 1)
    assert counts(answer.by_topic.other) == (0,) * 6
    assert rows(answer.by_handoff_reason) == {"asked": (1, 1, 0, 1, 0, 0)}
    await _agrees(caller, figures)
    return await ask(caller)


async def _agrees(caller: Caller, figures: messages.ConversationFigures) -> None:
    """What GetOverview answers, too, is the same."""
    overview = by_field((await caller.overview(THE_DAY)).overview)
    both = {name: figure for name, figure in by_field(figures).items() if name in overview}
    assert both == {name: overview[name] for name in both}
    assert len(both) >= 7
    assert overview["avg_conversation_duration_ms"] == figures.duration_ms.mean
    assert overview["avg_first_response_time_ms"] == figures.first_response_ms.mean
    assert overview["avg_human_wait_time_ms"] == figures.human_wait_ms.mean


async def _started(caller: Caller) -> None:
    """What has become of the conversations that began on the day."""
    answer = await ask(caller, cohort=STARTED)
    assert counts(answer.figures) == (9, 7, 4, 1, 1, 1)
    assert (answer.figures.conversations_reopened, answer.figures.duration_ms.count) == (1, 7)
    assert rows(answer.by_channel) == {"web": (8, 6, 4, 1, 0, 1), "phone": (1, 1, 0, 0, 1, 0)}
    assert hours(answer) == {(3, 12): HOUR}
    held = answer.durable_resolution
    assert (held.mature, held.reopened, held.followed, held.durable) == (6, 1, 1, 4)  # c9 was resolved twice
    assert (answer.repeat_contacts.mature, answer.repeat_contacts.followed) == (7, 2)


async def _parts(caller: Caller) -> None:
    """Narrowed to a part, and compared with the day before."""

    def by(dimension: str, value: str) -> answer_pb2.Filter:
        return answer_pb2.Filter(dimensions=[answer_pb2.DimensionFilter(dimension=dimension, value=value)])

    answer = await ask(caller, filter=by("topic", "returns"))
    assert counts(answer.figures) == (2, 2, 2, 0, 0, 0)
    assert (answer.open_conversations, answer.HasField("by_channel")) == (1, False)
    assert (answer.durable_resolution.durable, answer.repeat_contacts.followed) == (1, 2)
    answer = await ask(caller, filter=by("agent", "bot"))
    assert (answer.durable_resolution.mature, answer.durable_resolution.reopened) == (5, 1)
    answer = await ask(caller, filter=by("handoff_reason", "asked"))
    assert (answer.figures.human_wait_ms.mean, answer.durable_resolution.mature) == (3 * MINUTE, 0)
    answer = await ask(caller, filter=by("model", "small"))
    assert all(figure is None for figure in by_field(answer.figures).values())
    assert not any(map(answer.HasField, ("open_conversations", "durable_resolution", "repeat_contacts")))
    assert not answer.hours_of_week
    assert answer.follow_ups_absence_reason == answer_pb2.ABSENCE_REASON_NOT_KEPT
    previous = time_pb2.Comparison(mode=time_pb2.COMPARISON_MODE_PREVIOUS_PERIOD)
    answer = await ask(caller, comparison=previous)
    assert (counts(answer.earlier), answer.earlier.duration_ms.p99) == ((1, 1, 0, 0, 0, 1), MINUTE)
    assert answer.compared.end.ToDatetime() == DAY.replace(tzinfo=None)


async def _exact(caller: Caller) -> None:
    """With bounds within quarter hours: what began and was closed between them, by every road."""
    period = serving.period(NOON + timedelta(minutes=3), NOON + timedelta(minutes=21))
    answer = await ask(caller, period, granularity=time_pb2.GRANULARITY_HOUR)
    assert counts(answer.figures) == (0, 4, 2, 1, 1, 0)
    assert answer.context.start == period.start
    overview = by_field((await caller.overview(period)).overview)
    found = {name: figure for name, figure in by_field(answer.figures).items() if name in overview}
    assert found == {name: overview[name] for name in found}
    assert hours(answer) == {(3, 12): {"started": 0, "closed": 4, "escalated": 1}}
    assert [counts(one.figures) for one in answer.series] == [counts(answer.figures)]
    assert rows(answer.by_topic) == {"returns": (0, 2, 2, 0, 0, 0), "delivery": (0, 1, 0, 0, 1, 0)}
    assert (answer.durable_resolution.mature, answer.repeat_contacts.mature) == (4, 4)
    within = await ask(caller, serving.period(NOON + timedelta(minutes=6), NOON + timedelta(minutes=14)))
    assert (counts(within.figures), hours(within)[3, 12]["closed"]) == ((0, 1, 1, 0, 0, 0), 1)


async def _too_many(caller: Caller) -> None:
    """Of too many conversations nobody looks for what came after each; all else is there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conversation_metrics, "MAX_FOLLOWED", 5)
        answer = await ask(caller)
        assert counts(answer.figures) == (9, 6, 3, 1, 1, 1)
        assert answer.follow_ups_absence_reason == answer_pb2.ABSENCE_REASON_TOO_MANY
        assert not any(map(answer.HasField, ("durable_resolution", "repeat_contacts")))
        phone = await ask(caller, filter=answer_pb2.Filter(channel="phone"))
        assert (phone.repeat_contacts.mature, phone.follow_ups_absence_reason) == (1, 0)


async def _shown(address: str, caller: Caller) -> None:
    """By the command line and the client."""
    asked = ("conversations", "--from", "2024-05-15", "--to", "2024-05-16", "--granularity", "day", "--top", "1")
    text = await commands.shown(address, caller, *asked, "--compare", "previous", "--durable-days", "10")
    for line in (
        r"· resolved by the agent +3 +50\.0 % +0 +0\.0 % +–",
        r"Began in the period +9 +1 +\+800\.0 %",
        r"Open now +5",
        r"Duration +6 +20\.0 min",
        r"Resolutions that held for 10 days: 40\.0 % of 5",
        r"web +5 +60\.0 % +20\.0 %",
        r"30\.0 min to below 45\.0 min +2 +█",
        r"Wed  ·{12}█·{11}       9  ·{12}█·{11}       1",
        r"2024-05-15 +9 +6 +3 +1 +1 +1",
    ):
        assert re.search(line, text), f"{line} is not in\n{text}"
    sheet = await commands.csv(address, caller, *asked)
    by_kind = {(row["kind"], row["value"]): row for row in sheet}
    assert by_kind["period", ""]["duration_ms_mean"] == "1200000.0"
    assert by_kind["by_topic", "returns"]["conversations_resolved"] == "2"
    assert by_kind["by_topic_rest", ""]["conversations_closed"] == "4"
    assert by_kind["hour_of_week", "3 12:00"]["total_conversations"] == "9"
    document = await commands.document(address, caller, *asked, "--cohort", "started")
    assert (document["figures"]["conversations_closed"], document["series"][0]["state"]) == (7, "whole")
    async with tallywire.AsyncClient(address, api_key=caller.key.secret) as client:
        found = await client.conversation_metrics(DAY, DAY + timedelta(days=1), cohort="started", channel="phone")
        with pytest.raises(ValueError, match="cohort is one of closed, started"):
            await client.conversation_metrics(DAY, DAY, cohort="all")  # type: ignore[arg-type]
    assert counts(found.figures) == (1, 1, 0, 0, 1, 0)


async def _days(caller: Caller) -> None:
    """Within how many days a resolution must hold, and a user come back."""
    expected: Mapping[int, tuple[int, ...]] = {
        7: (5, 1, 1, 3, 6, 2, 2),
        10: (5, 1, 2, 2, 6, 3, 3),
        14: (5, 2, 2, 1, 6, 3, 3),
        1: (5, 1, 0, 4, 6, 0, 0),
    }
    for days, numbers in expected.items():
        answer = await ask(caller, durable_days=days, repeat_days=days)
        held, repeated = answer.durable_resolution, answer.repeat_contacts
        found = held.mature, held.reopened, held.followed, held.durable
        assert (*found, repeated.mature, repeated.followed, repeated.users) == numbers, days
        assert held.durable_resolution_rate == held.durable / held.mature
        assert repeated.repeat_contact_rate == repeated.followed / repeated.mature
    await caller.track(serving.event("conversation.resolved", conversation_id="new", user_id="u1"))
    answer = await ask(caller, serving.today())
    held, repeated = answer.durable_resolution, answer.repeat_contacts
    assert (held.mature, held.not_yet_known, repeated.mature, repeated.not_yet_known) == (0, 1, 0, 1)
    assert not held.HasField("durable_resolution_rate")
    assert not repeated.HasField("repeat_contact_rate")


@pytest.mark.skipif(
    not uci.DATA.exists(), reason="the log of tickets is not part of this repository and does not lie beside it"
)
async def test_tickets_of_years(client: AsyncClient, database: Database, organization: int) -> None:
    """Real ones, with reopenings, hand-overs, topics and users who come back."""
    count = effort.chosen(1_000, thorough=25_000)
    events = list(uci.events(count))
    start, end = conversation_reference.whole_days(events)
    for first in range(0, len(events), 1_000):
        await client.track_batch(events[first : first + 1_000])
    answer = await conversation_reference.check(client, events, start, end, "Europe/Berlin", 7)
    assert min(answer.durable_resolution.reopened, answer.durable_resolution.followed, answer.repeat_contacts.users) > 0
    await fold.fold_all(database, organization)
    await conversation_reference.check(client, events, start, end, "America/St_Johns", 30)
    courses = {rows[0]["number"]: uci.course(rows) for rows in uci.tickets(count)}
    outcomes = {name: conversation_pb2.ConversationOutcome.Value(name) for name in OUTCOMES_OF_TICKETS.values()}
    async for one in client.list_conversations(start, end, time="began", page_size=1_000):
        course = courses.pop(one.conversation_id)
        found = (one.outcome, one.reopenings, one.duration_ms // 60_000 if one.outcome else -1)
        outcome = outcomes[OUTCOMES_OF_TICKETS[course.outcome]] if course.outcome else 0
        assert found == (outcome, course.reopenings, course.minutes), one.conversation_id
    assert not courses


OUTCOMES_OF_TICKETS = {
    "handed over": "CONVERSATION_OUTCOME_ESCALATED",
    "Resolved": "CONVERSATION_OUTCOME_RESOLVED",
    "Closed": "CONVERSATION_OUTCOME_ENDED",
}


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"top": 101}, "VALUE_OUT_OF_RANGE", "top"),
        ({"durable_days": 91}, "VALUE_OUT_OF_RANGE", "durable_days"),
        ({"repeat_days": -1}, "VALUE_OUT_OF_RANGE", "repeat_days"),
        ({"cohort": 7}, "INVALID_ENUM", "cohort"),
        ({"granularity": 99}, "INVALID_ENUM", "granularity"),
    ],
)
async def test_questions_that_are_refused(caller: Caller, fields: dict[str, Any], reason: str, field: str) -> None:
    error = await refused(ask(caller, **fields))
    assert serving.refusal(error)[1:3] == (reason, field)
