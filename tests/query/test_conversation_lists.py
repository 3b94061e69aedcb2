"""ListConversations and GetConversation: orders, filters and pages of a random world; the rows behind every figure."""

import asyncio
import dataclasses
import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from server import timerange
from server.app import Running
from server.catalog import dimensions, registry, rows
from server.catalog.catalogue import BUILT_IN
from server.catalog.families.conversations import PROJECTION
from server.catalog.filters import Filter
from server.catalog.metrics import Aggregation, Measure
from server.catalog.selections import Selection, Wanted
from server.projections import earlier_conversations
from server.query.rows_tokens import CountedRows, RowsTokens
from server.rollups import audit, fold
from server.settings import Settings
from server.store import conversation_lists as stored
from server.store import members, organizations, reading
from server.store.database import Database
from server.store.isolation import EVERY
from server.store.members import Candidate
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import Scope
from server.timerange import Interval
from tallywire import AsyncClient, Client
from tallywire.v1 import answer_pb2, conversation_pb2, directory_service_pb2_grpc, event_pb2, metrics_service_pb2
from tallywire.v1 import conversation_metrics_pb2 as messages
from tests.support import commands, effort, serving, worlds
from tests.support.serving import Accounts, Caller, refused
from tests.support.tiny_worlds import DAY

ASCENDING, DESCENDING = metrics_service_pb2.SORT_DIRECTION_ASCENDING, metrics_service_pb2.SORT_DIRECTION_DESCENDING
SCOPES = (Scope.INGEST, Scope.READ, Scope.BACKFILL, Scope.EVENTS)
MINUTE = timedelta(minutes=1)
KINDS = ("started", "started", "escalated", "resolved", "abandoned", "ended", "reopened")
WHOLE = serving.period(DAY, DAY + timedelta(days=1))
AGENTS, OVER = ("", "ada", "bot", "over"), "over"


def events(seed: int, count: int) -> list[event_pb2.Event]:
    """Events of a few conversations at few times of a day."""
    dice = random.Random(seed)
    return [_event(dice) for _ in range(count)]


def _event(dice: random.Random) -> event_pb2.Event:
    fields: dict[str, Any] = {
        "at": DAY + dice.randrange(288) * 5 * MINUTE + timedelta(microseconds=dice.choice((0, 0, 1, 999_999))),
        "conversation_id": f"{dice.choice(('c', 'd'))}{dice.randrange(25)}",
        "agent_id": dice.choice(AGENTS),
        "channel": dice.choice(("", "web", "phone")),
        "team_id": dice.choice(("", "north")),
        "user_id": dice.choice(("", "u1", "u2")),
    }
    topic = dice.choice(("", "returns", "delivery"))
    kind = dice.choice(KINDS)
    match dice.randrange(7):
        case 0 | 1:
            reason = dice.choice(("", "asked", "angry")) if kind == "escalated" else ""
            detail = event_pb2.ConversationDetail(topic=topic or None, handoff_reason=reason or None)
            return serving.event(f"conversation.{kind}", conversation=detail, **fields)
        case 2:
            return serving.event("feedback.submitted", feedback={"rating": dice.randrange(1, 6)}, **fields)
        case 3:
            scored = {"overall": dice.choice((0, 5000, 9000)), "rubric_version": dice.choice(("", "v2"))}
            return serving.event("quality.scored", quality=scored, **fields)
        case 4 if dice.random() < 0.3:
            return serving.event("content_gap.found", content_gap={"topic": "tax"}, **fields)
        case _:
            told = {
                "prompt_tokens": dice.randrange(9),
                "cost_micros": dice.randrange(50),
                "by_human": dice.random() < 0.3,
            }
            return serving.event(dice.choice(("message.sent", "message.received")), message=told, **fields)


@pytest.fixture(scope="module")
async def business(accounts: Accounts, database: Database) -> Caller:
    """An organization with a world, which no test changes; one of its agents is counted under _other."""
    return await _made(accounts, database, 1)


async def _made(accounts: Accounts, database: Database, seed: int, count: int = 400) -> Caller:
    made = await accounts.caller(scopes=SCOPES)
    async with database.ingest(of=EVERY) as driver:
        await members.enrol(driver, {made.organization_id: [Candidate(dimensions.AGENT.member_kind, OVER, 0)]})
    await made.track_all(events(seed, count))
    return made


async def ask(caller: Caller, **fields: Any) -> conversation_pb2.ListConversationsResponse:
    stub = directory_service_pb2_grpc.DirectoryServiceStub(caller.channel)
    answer: conversation_pb2.ListConversationsResponse = await stub.ListConversations(
        conversation_pb2.ListConversationsRequest(**fields), metadata=caller.metadata, timeout=30
    )
    return answer


async def pages(caller: Caller, **fields: Any) -> list[conversation_pb2.ListConversationsResponse]:
    """All pages of a list."""
    found = [await ask(caller, **fields)]
    while token := found[-1].next_page_token:
        found.append(await ask(caller, page_token=token, **fields))
    return found


async def listed(caller: Caller, **fields: Any) -> list[conversation_pb2.Conversation]:
    return [one for page in await pages(caller, **fields) for one in page.conversations]


def value(one: conversation_pb2.Conversation, name: str) -> Any:
    """What orders a conversation; None where it does not have it."""
    field = FIELDS.get(name, name)
    found = getattr(one, field)
    if one.DESCRIPTOR.fields_by_name[field].message_type is not None:
        return (found.seconds, found.nanos) if one.HasField(field) else None
    if one.DESCRIPTOR.fields_by_name[field].has_presence:
        return found if one.HasField(field) else None
    return OUTCOMES.index(found) or None if name == "outcome" else None if found == "" else found


FIELDS = {
    "user": "user_id",
    **{name: f"{name}_ms" for name in ("duration", "first_response", "first_human_response", "human_wait")},
    "cost": "cost_micros",
}
OUTCOMES = [
    conversation_pb2.CONVERSATION_OUTCOME_UNSPECIFIED,
    conversation_pb2.CONVERSATION_OUTCOME_ENDED,
    conversation_pb2.CONVERSATION_OUTCOME_ABANDONED,
    conversation_pb2.CONVERSATION_OUTCOME_RESOLVED,
    conversation_pb2.CONVERSATION_OUTCOME_ESCALATED,
]
TIMES = {
    conversation_pb2.CONVERSATION_TIME_CLOSED: "closed_at",
    conversation_pb2.CONVERSATION_TIME_BEGAN: "began_at",
    conversation_pb2.CONVERSATION_TIME_ACTIVE: "last_activity_at",
    conversation_pb2.CONVERSATION_TIME_HUMAN_RESOLVED: "human_resolved_at",
}
PLAIN = [
    name.removeprefix("CONVERSATION_ORDER_").lower()
    for name, number in conversation_pb2.ConversationOrder.items()
    if number and name.removeprefix("CONVERSATION_ORDER_") not in ("AGENT", "CHANNEL", "TEAM")
]


def ordered(found: Sequence[conversation_pb2.Conversation], name: str, *, descending: bool) -> bool:
    """Whether conversations are in order, those without what orders them last."""
    values = [value(one, name) for one in found]
    there = [one for one in values if one is not None]
    return values[: len(there)] == sorted(there, reverse=descending)


def order(name: str) -> int:
    return conversation_pb2.ConversationOrder.Value(f"CONVERSATION_ORDER_{name.upper()}")


def ids(some: Sequence[conversation_pb2.Conversation]) -> list[str]:
    return [one.conversation_id for one in some]


@pytest.fixture(scope="module")
async def everything(business: Caller) -> list[conversation_pb2.Conversation]:
    """All conversations of the world: every one began in the day."""
    return await listed(business, time_range=WHOLE, time=conversation_pb2.CONVERSATION_TIME_BEGAN)


@pytest.mark.parametrize("name", PLAIN)
async def test_conversations_come_in_every_order_on_pages_of_any_size(
    business: Caller, everything: list[conversation_pb2.Conversation], name: str
) -> None:
    asked = {"time_range": WHOLE, "time": conversation_pb2.CONVERSATION_TIME_BEGAN, "order_by": order(name)}
    for direction in (ASCENDING, DESCENDING):
        found = await listed(business, direction=direction, page_size=17, **asked)
        assert sorted(ids(found)) == sorted(ids(everything))
        assert ordered(found, name, descending=direction == DESCENDING)
    assert ids(await listed(business, direction=direction, **asked)) == ids(found)


@pytest.mark.parametrize("time", TIMES)
async def test_a_period_holds_what_has_its_time_in_it(
    business: Caller, everything: list[conversation_pb2.Conversation], time: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "LOOKED_AT", 5)
    start, end = DAY + timedelta(hours=6, microseconds=1), DAY + timedelta(hours=20, minutes=3)
    first, last = ((one.seconds, one.nanos) for one in (serving.stamp(start), serving.stamp(end)))
    expected = [one for one in everything if (at := value(one, TIMES[time])) is not None and first <= at < last]
    assert expected
    for direction in (ASCENDING, DESCENDING):
        fields = {"time_range": serving.period(start, end), "time": time, "direction": direction}
        found = await listed(business, page_size=3, **fields)
        assert sorted(ids(found)) == sorted(ids(expected))
        assert ordered(found, TIMES[time], descending=direction == DESCENDING)
        narrow = await listed(business, page_size=3, user_id="u1", **fields)
        assert ids(narrow) == [one.conversation_id for one in found if one.user_id == "u1"]
    context = (await ask(business, **fields)).context
    assert (context.start, context.end) == (serving.stamp(start), serving.stamp(end))


Predicate = Callable[[conversation_pb2.Conversation], bool]
FILTERS: list[tuple[dict[str, Any], Predicate]] = [
    ({"outcome": OUTCOMES[3]}, lambda one: one.outcome == OUTCOMES[3]),
    ({"phase": conversation_pb2.CONVERSATION_PHASE_WITH_HUMAN}, lambda one: one.phase == 2),
    ({"phase": conversation_pb2.CONVERSATION_PHASE_OPEN}, lambda one: not one.outcome),
    ({"agent_id": "ada"}, lambda one: one.began_for.agent_id == "ada"),
    ({"agent_id": "_other"}, lambda one: one.began_for.agent_id == "_other"),
    (
        {"channel": "web", "team_id": "north"},
        lambda one: one.began_for.channel == "web" and one.began_for.team_id != "",
    ),
    ({"topic": "returns"}, lambda one: one.topic == "returns"),
    ({"user_id": "u2"}, lambda one: one.user_id == "u2"),
    ({"handoff_reason": "angry"}, lambda one: one.handoff_reason == "angry"),
    ({"has_content_gap": True}, lambda one: one.content_gaps > 0),
    (
        {"has_content_gap": False, "outcome": OUTCOMES[4]},
        lambda one: not one.content_gaps and one.outcome == OUTCOMES[4],
    ),
    ({"conversation_id_prefix": "c1"}, lambda one: one.conversation_id.startswith("c1")),
    *(
        (
            {name: {"min": least, "max": most}},
            lambda one, name=name, least=least, most=most: (
                (one.HasField(name) if one.DESCRIPTOR.fields_by_name[name].has_presence else True)
                and least <= getattr(one, name) <= most
            ),
        )
        for name, least, most in (
            ("messages", 2, 5),
            ("duration_ms", 0, 20_000_000),
            ("first_response_ms", 1, 10_000_000),
            ("first_human_response_ms", 0, 30_000_000),
            ("human_wait_ms", 0, 20_000_000),
            ("rating", 2, 3),
            ("quality", 0, 5000),
            ("cost_micros", 10, 99),
            ("tokens", 0, 20),
        )
    ),
]


@pytest.mark.parametrize(("fields", "holds"), FILTERS, ids=[" ".join(fields) for fields, _ in FILTERS])
async def test_filters_keep_what_holds(
    business: Caller, everything: list[conversation_pb2.Conversation], fields: dict[str, Any], holds: Predicate
) -> None:
    expected = sorted(ids(list(filter(holds, everything))))
    assert expected
    began = conversation_pb2.CONVERSATION_TIME_BEGAN
    assert sorted(ids(await listed(business, time_range=WHOLE, time=began, page_size=4, **fields))) == expected


async def test_ids_are_found_by_their_beginning(
    business: Caller, everything: list[conversation_pb2.Conversation], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "LOOKED_AT", 3)
    expected = sorted(one for one in ids(everything) if one.startswith("d"))
    assert ids(await listed(business, conversation_id_prefix="d", page_size=2)) == expected
    backwards = await listed(business, conversation_id_prefix="d", page_size=2, direction=DESCENDING)
    assert ids(backwards) == expected[::-1]
    by_messages = await listed(business, conversation_id_prefix="d", order_by=order("messages"))
    assert sorted(ids(by_messages)) == expected
    assert ordered(by_messages, "messages", descending=True)
    assert await listed(business, conversation_id_prefix="%") == []


async def test_more_than_can_be_put_in_order_is_refused(business: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "MOST", 5)
    began = {"time_range": WHOLE, "time": conversation_pb2.CONVERSATION_TIME_BEGAN}
    error = await refused(ask(business, order_by=order("messages"), **began))
    assert serving.refusal(error) == ("FAILED_PRECONDITION", "TOO_MANY_VALUES", "order_by", False)
    assert (await ask(business, **began)).conversations


# The rows behind figures.

MEASURES = {name: one for name, one in registry.MEASURES.items() if one.projection == PROJECTION}
METRICS = [
    *MEASURES,
    *(f"avg_{name}" for name in ("first_response_time_ms", "human_wait_time_ms")),
    *("conversations_closed", "resolution_rate", "human_resolution_rate", "p90_first_response_time_ms"),
]
PARTS = [
    Filter(),
    *(Filter(dimension=dimensions.AGENT, value=one) for one in ("ada", "bot", "_other")),
    Filter(dimension=dimensions.CHANNEL, value="web"),
    Filter(dimension=dimensions.TEAM, value="north"),
    Filter(dimension=dimensions.TOPIC, value="returns"),
    Filter(dimension=dimensions.HANDOFF_REASON, value="asked"),
]


async def counted(database: Database, caller: Caller, bounds: Interval, dice: random.Random) -> list[CountedRows]:
    """Figures of conversations as they are kept: of the whole all, of its parts some."""
    chosen = [(part, name) for part in PARTS for name in (METRICS if part.is_whole else dice.sample(METRICS, 4))]
    sums = {name: rows.behind(registry.ALL[name]) for name in METRICS}
    keys = {BUILT_IN.place(term).key for one in sums.values() if one for term in one.terms}
    await worlds.project(database, caller.organization_id)
    selections = {part: Selection.of(part, bounds.span) for part in PARTS}
    async with database.snapshot(of=EVERY) as driver:
        wanted = Wanted(counters=sorted(keys))
        found = await reading.read(driver, caller.organization_id, list(selections.values()), wanted)
    return [
        CountedRows(
            metric=name,
            part=part,
            bounds=bounds,
            epoch=found.as_of.epoch,
            revision=found.as_of.revision,
            figure=behind.of(found.cells[selections[part]]),
        )
        for part, name in chosen
        if (behind := sums[name]) is not None
    ]


async def opened(caller: Caller, tokens: RowsTokens, one: CountedRows, **fields: Any) -> set[str]:
    """The conversations behind a figure, which they must add up to; of a number of them, each is one."""
    token = tokens.token(caller.organization_id, one)
    found = await pages(caller, rows_token=token, page_size=20, **fields)
    behind = [each for page in found for each in page.conversations]
    assert sum(each.amount for each in behind) == one.figure, one
    metric = registry.ALL[one.metric]
    if isinstance(metric, Measure) and metric.aggregation is Aggregation.COUNT:
        assert len(behind) == one.figure
    assert len({each.conversation_id for each in behind}) == len(behind)
    last = found[-1].figure
    assert (last.metric, last.figure, last.missing_figure) == (one.metric, one.figure, 0)
    assert (last.listed_rows, last.listed_figure) == (len(behind), one.figure)
    return set(ids(behind))


@pytest.mark.parametrize("seed", range(effort.chosen(2, thorough=6)))
async def test_the_rows_behind_every_figure_are_its_conversations_then_and_later(
    accounts: Accounts, database: Database, settings: Settings, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(seed)
    caller, tokens = (
        await _made(accounts, database, seed + 10),
        RowsTokens(KeyedHashes(settings.required("key_pepper"))),
    )
    bounds = Interval(start=DAY + timedelta(hours=dice.randrange(8)), end=DAY + timedelta(hours=dice.randrange(16, 24)))
    figures = await counted(database, caller, bounds, dice)
    assert sum(one.figure > 0 for one in figures) > 25
    then = {one: await opened(caller, tokens, one) for one in figures}
    # Later events change what those conversations come to, and what a rebuild or a fold makes of them changes nothing.
    await caller.track_all(events(seed + 20, 150))
    await worlds.project(database, caller.organization_id)
    await fold.fold_all(database, caller.organization_id)
    monkeypatch.setattr(stored, "LOOKED_AT", 4)
    for one in figures:
        name = dice.choice(("unspecified", *PLAIN))
        assert await opened(caller, tokens, one, order_by=order(name)) == then[one]
    again = await counted(database, caller, bounds, dice)
    assert {one.figure for one in again} != {one.figure for one in figures}
    for one in dice.sample(again, 10):
        await opened(caller, tokens, one)
    monkeypatch.setattr(earlier_conversations, "MOST_LATER", 10)
    error = await refused(ask(caller, rows_token=tokens.token(caller.organization_id, figures[0])))
    assert serving.refusal(error) == ("FAILED_PRECONDITION", "ROWS_TOKEN_EXPIRED", "rows_token", False)
    assert (await audit.check(database, caller.organization_id)).mismatches == 0


async def test_the_tokens_in_answers_open_the_conversations_behind_their_figures(
    business: Caller, server: Running
) -> None:
    part = answer_pb2.Filter(channel="web")
    request = messages.GetConversationMetricsRequest(time_range=WHOLE, filter=part, include_rows_tokens=True)
    answer = await business.ask("GetConversationMetrics", request)
    names = ("total_conversations", "conversations_closed", "conversations_escalated")
    for name in names:
        figure = getattr(answer.figures, name)
        found = await listed(business, rows_token=answer.rows_tokens[name].token)
        assert len(found) == answer.rows_tokens[name].figure == figure > 0
        assert sum(one.amount for one in found) == figure
    token = answer.rows_tokens[names[0]].token
    rows_of = ("conversations", "--rows-token", token, "--order", "messages", "--limit", "1000")
    sheet = await commands.csv(server.address, business, *rows_of)
    assert sum(int(row["amount"]) for row in sheet) == len(sheet) == answer.figures.total_conversations
    messages_sent = [int(row["messages"]) for row in sheet]
    assert messages_sent == sorted(messages_sent, reverse=True)
    wrong = await commands.run(server.address, business, *rows_of, "--topic", "returns")
    assert (wrong.exit_code, "--rows-token goes without" in wrong.stderr) == (2, True)


async def test_rows_of_another_organization_or_kind_are_refused(
    business: Caller, other: Caller, accounts: Accounts, database: Database, settings: Settings
) -> None:
    tokens = RowsTokens(KeyedHashes(settings.required("key_pepper")))
    stranger = await accounts.another(other, scopes=SCOPES)
    (one, *_) = await counted(database, business, Interval(start=DAY, end=DAY + timedelta(days=1)), random.Random(1))
    token = tokens.token(business.organization_id, one)
    assert (await ask(business, rows_token=token)).conversations
    for caller, bad in (
        (stranger, token),
        (business, "x"),
        (business, tokens.token(business.organization_id, dataclasses.replace(one, metric="messages_sent"))),
    ):
        error = await refused(ask(caller, rows_token=bad))
        assert serving.refusal(error) == ("INVALID_ARGUMENT", "ROWS_TOKEN_INVALID", "rows_token", False)
    error = await refused(ask(business, rows_token=token, user_id="u1"))
    assert serving.refusal(error) == ("INVALID_ARGUMENT", "INVALID_VALUE", "user_id", False)
    page = (await ask(business, rows_token=token, page_size=1)).next_page_token
    error = await refused(ask(stranger, rows_token=token, page_token=page))
    assert serving.refusal(error)[1] in ("PAGE_TOKEN_INVALID", "ROWS_TOKEN_INVALID")


# One conversation.


async def timeline(caller: Caller, conversation_id: str, **fields: Any) -> conversation_pb2.GetConversationResponse:
    stub = directory_service_pb2_grpc.DirectoryServiceStub(caller.channel)
    answer: conversation_pb2.GetConversationResponse = await stub.GetConversation(
        conversation_pb2.GetConversationRequest(conversation_id=conversation_id, **fields),
        metadata=caller.metadata,
        timeout=30,
    )
    return answer


async def test_a_conversation_has_all_of_its_events_in_order(
    business: Caller, everything: list[conversation_pb2.Conversation]
) -> None:
    sent = list(events(1, 400))
    for expected in everything[:8]:
        whole = await timeline(business, expected.conversation_id, page_size=1000)
        assert whole.conversation == expected
        assert whole.dropped_events == 0
        mine = [one for one in sent if one.conversation_id == expected.conversation_id]
        assert len(whole.timeline) == len(mine) == expected.events
        at = [(one.event.occurred_at.seconds, one.event.occurred_at.nanos) for one in whole.timeline]
        assert at == sorted((one.occurred_at.seconds, one.occurred_at.nanos) for one in mine)
        found, token = [], ""
        while token or not found:
            page = await timeline(business, expected.conversation_id, page_size=3, page_token=token)
            found += list(page.timeline)
            token = page.next_page_token
            if not token:
                break
        assert found == list(whole.timeline)


async def test_a_conversation_that_goes_on_between_pages_has_the_events_of_the_first_one(accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=SCOPES)
    await caller.track_all([serving.event(at=DAY + one * MINUTE, conversation_id="c") for one in range(0, 8, 2)])
    first = await timeline(caller, "c", page_size=2)
    await caller.track_all([serving.event(at=DAY + one * MINUTE, conversation_id="c") for one in range(1, 8, 2)])
    second = await timeline(caller, "c", page_token=first.next_page_token)
    assert [one.event.occurred_at.seconds % 3600 // 60 for one in (*first.timeline, *second.timeline)] == [0, 2, 4, 6]
    assert second.conversation.events == 8
    assert len((await timeline(caller, "c")).timeline) == 8


async def test_events_that_retention_has_dropped_are_counted(accounts: Accounts, database: Database) -> None:
    caller = await accounts.caller(scopes=SCOPES)
    await caller.track_all([serving.event(at=DAY + one * MINUTE, conversation_id="c") for one in range(4)])
    assert (await timeline(caller, "c")).dropped_events == 0
    async with database.transaction(of=EVERY) as driver:
        await driver.execute(
            "DELETE FROM events WHERE organization_id = $1 AND occurred_at < $2", caller.organization_id, DAY + MINUTE
        )
        await organizations.raise_raw_from(driver, caller.organization_id, timerange.ceil_bucket(DAY + MINUTE))
    answer = await timeline(caller, "c")
    assert (answer.conversation.events, len(answer.timeline), answer.dropped_events) == (4, 3, 1)


async def test_nothing_of_another_organization_is_there(
    business: Caller, other: Caller, accounts: Accounts, everything: list[conversation_pb2.Conversation]
) -> None:
    stranger = await accounts.another(other, scopes=SCOPES)
    assert await listed(stranger, time_range=WHOLE, time=conversation_pb2.CONVERSATION_TIME_BEGAN) == []
    assert await listed(stranger, conversation_id_prefix="c") == []
    for conversation_id in (everything[0].conversation_id, "nobody", "%"):
        error = await refused(timeline(stranger, conversation_id))
        assert serving.refusal(error) == ("NOT_FOUND", "CONVERSATION_NOT_FOUND", "conversation_id", False)
    began = {"time_range": WHOLE, "time": conversation_pb2.CONVERSATION_TIME_BEGAN, "page_size": 1}
    token = (await ask(business, **began)).next_page_token
    error = await refused(ask(stranger, page_token=token, **began))
    assert serving.refusal(error) == ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID", "page_token", False)
    first = everything[0].conversation_id
    error = await refused(timeline(business, first, page_token=token))
    assert serving.refusal(error) == ("INVALID_ARGUMENT", "PAGE_TOKEN_MISMATCH", "page_token", False)
    reader = await accounts.another(business, scopes=[Scope.READ])
    assert serving.refusal(await refused(timeline(reader, first)))[1] == "SCOPE_MISSING"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("INVALID_ARGUMENT", "REQUIRED_FIELD", "time_range")),
        ({"time_range": serving.period(DAY, DAY)}, ("INVALID_ARGUMENT", "INVALID_TIME_RANGE", "time_range.end")),
        ({"time_range": WHOLE, "time": 99}, ("INVALID_ARGUMENT", "INVALID_ENUM", "time")),
        ({"time_range": WHOLE, "order_by": 99}, ("INVALID_ARGUMENT", "INVALID_ENUM", "order_by")),
        ({"time_range": WHOLE, "outcome": 99}, ("INVALID_ARGUMENT", "INVALID_ENUM", "outcome")),
        ({"time_range": WHOLE, "phase": 99}, ("INVALID_ARGUMENT", "INVALID_ENUM", "phase")),
        ({"time_range": WHOLE, "direction": 99}, ("INVALID_ARGUMENT", "INVALID_ENUM", "direction")),
        ({"time_range": WHOLE, "page_size": -1}, ("OUT_OF_RANGE", "VALUE_OUT_OF_RANGE", "page_size")),
        ({"time_range": WHOLE, "rating": {"min": 5, "max": 1}}, ("INVALID_ARGUMENT", "INVALID_VALUE", "rating.min")),
        ({"time_range": WHOLE, "user_id": "x" * 257}, ("INVALID_ARGUMENT", "FIELD_TOO_LONG", "user_id")),
        ({"conversation_id_prefix": "\0"}, ("INVALID_ARGUMENT", "NUL_CHARACTER", "conversation_id_prefix")),
        ({"time_range": WHOLE, "agent_id": OVER}, ("FAILED_PRECONDITION", "CARDINALITY_OVERFLOW", "agent_id")),
    ],
)
async def test_what_makes_no_sense_is_refused(
    business: Caller, fields: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    assert serving.refusal(await refused(ask(business, **fields)))[:3] == expected


async def test_clients_and_commands_show_conversations(
    business: Caller, server: Running, everything: list[conversation_pb2.Conversation]
) -> None:
    start, end = DAY, DAY + timedelta(days=1)
    first = everything[0].conversation_id
    resolved = sorted(one.conversation_id for one in everything if one.outcome == OUTCOMES[3])
    async with AsyncClient(server.address, api_key=business.key.secret) as client:
        found = client.list_conversations(start, end, time="began", outcome="resolved", page_size=3)
        assert sorted([one.conversation_id async for one in found]) == resolved
        assert (await client.get_conversation(first)).conversation == everything[0]

    def in_blocking_code() -> tuple[list[str], int]:
        with Client(server.address, api_key=business.key.secret) as blocking:
            few = blocking.list_conversations(
                prefix="d", numbers={"messages": (2, None)}, order_by="messages", page_size=2
            )
            return [one.conversation_id for one in few], len(blocking.get_conversation(first).timeline)

    expected = [one for one in everything if one.conversation_id.startswith("d") and one.messages >= 2]
    listed_ids, length = await asyncio.to_thread(in_blocking_code)
    assert (sorted(listed_ids), length) == (sorted(ids(expected)), everything[0].events)
    period = ("--from", "2024-05-15", "--to", "2024-05-16", "--zone", "UTC")
    listing = ("conversations", "--list", "--time", "began", *period)
    narrow = ("--outcome", "resolved", "--number", "messages=1..", "--order", "messages", "--ascending")
    document = await commands.document(server.address, business, *listing, *narrow)
    assert {one["conversation_id"] for one in document["conversations"]} <= set(resolved)
    rows = await commands.csv(server.address, business, *listing, "--limit", "1000")
    assert sorted(row["conversation_id"] for row in rows) == sorted(ids(everything))
    assert "Messages" in await commands.shown(server.address, business, *listing, "--limit", "3")
    text = await commands.shown(server.address, business, "conversation", first)
    assert first in text
    assert len(await commands.csv(server.address, business, "conversation", first)) == everything[0].events
    said = await commands.refused(server.address, business, "conversation", "nobody")
    assert "`tallywire conversations --list`" in said
