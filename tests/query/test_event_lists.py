"""ListEvents: every page of it, and that the rows behind a figure add up to the figure."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server import timerange
from server.catalog import dimensions, figures, registry, rows
from server.catalog.counting import STORAGE_KINDS
from server.catalog.rows import RowsKind
from server.events import rules
from server.events.event import Event, key_of
from server.query import event_list
from server.rollups import fold
from server.rollups.member_numbers import Limits, NumberCache
from server.store import event_lists, organizations
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy.principal import Scope
from tallywire.v1 import (
    answer_pb2,
    api_usage_pb2,
    call_metrics_pb2,
    event_service_pb2,
    event_service_pb2_grpc,
    list_events_pb2,
    metrics_service_pb2,
    rows_pb2,
)
from tests.support import serving, worlds
from tests.support.serving import Accounts, Caller, refused
from tests.support.tiny_worlds import THE_DAY, e

SCOPES = (Scope.READ, Scope.INGEST, Scope.BACKFILL, Scope.EVENTS, Scope.CORRECT)
START = datetime(2026, 3, 10, 9, tzinfo=UTC)
PERIOD = serving.period(START, START + timedelta(hours=3))
ASCENDING = metrics_service_pb2.SORT_DIRECTION_ASCENDING
# Every metric whose rows are events, but for those by which alone a currency can be added up.
METRICS = [
    name for name, one in registry.METRICS.items() if (behind := rows.behind(one)) and behind.kind is RowsKind.EVENTS
]
GROUPS: Sequence[Sequence[str]] = (
    *((one.name,) for one in dimensions.TABLE.groups),
    ("agent", "channel"),
    ("campaign", "currency"),
    ("rubric", "scorer"),
    ("agent", "model", "channel")[:2],
)


async def page(caller: Caller, **request: Any) -> list_events_pb2.ListEventsResponse:
    stub = event_service_pb2_grpc.EventServiceStub(caller.channel)
    asked = list_events_pb2.ListEventsRequest(**request)
    call: Any = stub.ListEvents(asked, metadata=caller.metadata, timeout=20)
    answer: list_events_pb2.ListEventsResponse = await call
    return answer


async def pages(caller: Caller, **request: Any) -> list[list_events_pb2.ListEventsResponse]:
    found = [await page(caller, **request)]
    while found[-1].next_page_token:
        found.append(await page(caller, page_token=found[-1].next_page_token, **request))
    return found


def ids(found: Sequence[list_events_pb2.ListEventsResponse]) -> list[str]:
    return [row.event.event_id for one in found for row in one.rows]


# Of each type of events the numbers that measures take from them, and the texts that dimensions take.
NUMBERS: dict[str, set[str]] = {}
TEXTS: dict[str, dict[str, Sequence[int | str]]] = {}
for measure in registry.MEASURES.values():
    for event_type in () if measure.projection else measure.event_types:
        conditions = (measure.where.field,) if measure.where else ()
        NUMBERS.setdefault(event_type, set()).update((*measure.fields, *conditions, measure.without))
for dimension in dimensions.TABLE.entries:
    for event_type in [name for name, family in rules.FAMILIES.items() if family in dimension.families]:
        for name in dimension.details:
            some = (200, 404, 503) if dimension.classes else ("", f"{name} 1", f"{name} 2", f"{name} 3")
            TEXTS.setdefault(event_type, {})[name] = some
TYPES = ("order.placed", *rules.FAMILIES)


def made_up(dice: random.Random, event_id: str) -> Event:
    """An event of any type, that tells some of what counts."""
    event_type = dice.choice(TYPES)
    detail: dict[str, int | str] = {}
    for name in sorted(NUMBERS.get(event_type, set()) - {""}):
        if dice.random() < 0.6:
            detail[name] = dice.choice((0, 1, 1, 2, 3))
    if event_type == "storage.changed":
        detail["kind"] = dice.randrange(len(STORAGE_KINDS))
    for name, values in TEXTS.get(event_type, {}).items():
        if dice.random() < 0.8 and (value := dice.choice(values)) != "":
            detail[name] = value
    if event_type in rules.REQUIRED_DETAILS:
        detail.setdefault(rules.REQUIRED_DETAILS[event_type], 1)
    (event,) = worlds.events(dice.randrange(10**9), 1)
    return event._replace(
        event_id=event_id,
        event_key=key_of(event_id),
        event_type=event_type,
        occurred_at=rules.microseconds(START) + dice.randrange(3 * 3600) * 1_000_000,
        agent_id=dice.choice(("", "a", "b", "c", "d")),
        conversation_id=f"conversation-{dice.randrange(9)}",
        campaign_id=dice.choice(("", "spring", "autumn")),
        detail=detail,
    )


def world(dice: random.Random, name: str, count: int) -> list[Event]:
    return [made_up(dice, f"{name}-{number}") for number in range(count)]


async def tokens_of(
    caller: Caller, groups: Sequence[str], metrics: Sequence[str]
) -> list[tuple[str, rows_pb2.RowsToken]]:
    """The tokens of all figures of a table, with their metrics; each agrees with its figure."""
    found = []
    shown = [name for name in metrics if not figures.only_by(name) or set(figures.only_by(name)) & set(groups)]
    for first in range(0, len(shown), 20):
        names = shown[first : first + 20]
        table = await caller.table(PERIOD, *names, by=groups, include_rows_tokens=True, order_by=names[0])
        for row in (table.total, table.other, *table.rows):
            for name, figure in zip(names, row.figures, strict=False):
                assert name in row.rows_tokens or not figure.WhichOneof("value"), name
                if name in row.rows_tokens:
                    token = row.rows_tokens[name]
                    found.append((name, token))
                    if name in registry.MEASURES:
                        assert token.figure == figure.integer
    return found


async def retract(caller: Caller, event_ids: Sequence[str]) -> None:
    stub = event_service_pb2_grpc.EventServiceStub(caller.channel)
    request = event_service_pb2.RetractEventsRequest(event_ids=event_ids, reason="sent by mistake")
    call: Any = stub.RetractEvents(request, metadata=caller.metadata, timeout=20)
    answer: event_service_pb2.RetractEventsResponse = await call
    assert {one.status for one in answer.results} == {event_service_pb2.CORRECTION_STATUS_RETRACTED}


async def test_the_rows_behind_a_figure_add_up_to_it(database: Database, accounts: Accounts) -> None:
    dice, caller = random.Random(datetime.now(UTC).toordinal()), await accounts.caller(scopes=SCOPES)
    organization_id = caller.organization_id
    limits = Limits({"agent": 2, "model": 1, "topic": 1, "campaign": 1, "event_type": 1, "error_code": 1})
    numbers = NumberCache(limits)
    await worlds.keep_every_width(database, organization_id)
    before = world(dice, "before", 500)
    await worlds.store(database, organization_id, before[:300], numbers=numbers)
    await fold.fold_all(database, organization_id)
    await worlds.store(database, organization_id, before[300:], numbers=numbers)
    of_total = await tokens_of(caller, (), METRICS)
    others = [
        one for groups in GROUPS for one in await tokens_of(caller, groups, dice.sample(METRICS, 20)) if one[1].figure
    ]
    assert len(others) > 200
    assert len({name for name, token in of_total if token.figure}) > 0.8 * len(of_total)
    # What comes in later, and what is done with the figures, changes nothing behind those that were answered.
    await worlds.store(database, organization_id, world(dice, "after", 100), numbers=numbers)
    await retract(caller, [one.event_id for one in before if not one.event_type.startswith("agent.")][:40])
    await fold.fold_all(database, organization_id)
    for name, token in (*dice.sample(of_total, 60), *dice.sample(others, 60)):
        assert token.kind == rows_pb2.ROWS_KIND_EVENTS, name
        found = await pages(caller, rows_token=token.token, page_size=dice.choice((7, 100, 1000)))
        listed = [row for one in found for row in one.rows]
        assert sum(row.amount for row in listed) == token.figure == found[0].figure.figure, name
        last = found[-1].figure
        assert (last.listed_rows, last.listed_figure, last.missing_figure) == (len(listed), token.figure, 0), name
        assert len({row.event.event_id for row in listed}) == len(listed)
        assert all(row.event.event_id.startswith("before") for row in listed)
    now = await pages(caller, time_range=PERIOD, page_size=1000)
    assert len(ids(now)) == 500 + 100 - 40


def in_order(events: Sequence[Event], *, oldest_first: bool = False) -> list[str]:
    ordered = sorted(events, key=lambda one: (one.occurred_at, one.event_key), reverse=not oldest_first)
    return [one.event_id for one in ordered]


async def test_pages_neither_skip_nor_repeat_while_events_come_in(
    database: Database, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice, caller = random.Random(3), await accounts.caller(scopes=SCOPES)
    # Many occur at the same time, and a page looks at few.
    made = [one._replace(occurred_at=one.occurred_at // 600_000_000 * 600_000_000) for one in world(dice, "first", 200)]
    await worlds.store(database, caller.organization_id, made)
    monkeypatch.setattr(event_lists, "LOOKED_AT", 30)
    for oldest_first in (False, True):
        token, found, late_ones = "", list[list_events_pb2.ListEventsResponse](), list[Event]()
        while token or not found:
            direction = ASCENDING if oldest_first else metrics_service_pb2.SORT_DIRECTION_UNSPECIFIED
            size = dice.choice((1, 17, 90))
            found.append(await page(caller, time_range=PERIOD, page_size=size, page_token=token, direction=direction))
            token = found[-1].next_page_token
            if len(found) < 5:
                late = world(dice, f"late {oldest_first} {len(found)}", 9)
                await worlds.store(database, caller.organization_id, late)
                late_ones += late
        assert max(len(one.rows) for one in found) <= 30
        assert ids(found) == in_order(made, oldest_first=oldest_first)
        assert len({one.context.as_of_revision for one in found}) == 1
        made += late_ones


def values(**given: str) -> dict[str, Any]:
    return {"dimensions": [answer_pb2.DimensionFilter(dimension=name, value=one) for name, one in given.items()]}


# Filters, and which events they keep.
FILTERS: Sequence[tuple[dict[str, Any], Any]] = (
    ({"event_types": ["message.sent", "api.called"]}, lambda one: one.event_type in ("message.sent", "api.called")),
    ({"agent_id": "a"}, lambda one: one.agent_id == "a"),
    ({"user_id": "user-7"}, lambda one: one.user_id == "user-7"),
    ({"conversation_id": "conversation-3"}, lambda one: one.conversation_id == "conversation-3"),
    ({"channel": "web", "team_id": "north"}, lambda one: (one.channel, one.team_id) == ("web", "north")),
    ({"campaign_id": "spring"}, lambda one: one.campaign_id == "spring"),
    (
        {"properties": [list_events_pb2.PropertyFilter(path="properties.plan", value="gold")]},
        lambda one: "gold" in one.properties,
    ),
)


async def test_filters_keep_what_carries_all_they_name(
    database: Database, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = await accounts.caller(scopes=SCOPES)
    made = world(random.Random(4), "event", 600)
    await worlds.store(database, caller.organization_id, made, batch=600)
    for looked_at in (event_lists.LOOKED_AT, 70):
        monkeypatch.setattr(event_lists, "LOOKED_AT", looked_at)
        by_dimension = []
        for dimension in dimensions.TABLE.filters:
            value = next(carried for one in made if (carried := dimension.value_of(one)))
            by_dimension.append(
                (values(**{dimension.name: value}), lambda one, by=dimension, v=value: by.value_of(one) == v)
            )
        for given, keeps in (*FILTERS, *by_dimension):
            found = await pages(caller, time_range=PERIOD, filter=list_events_pb2.EventFilter(**given), page_size=50)
            assert ids(found) == in_order([one for one in made if keeps(one)]) != [], given
    # To the microsecond: what occurred at the start is there, and what occurred at the end is not.
    first, last = sorted(made, key=lambda one: one.occurred_at)[50::400]
    start, end = (timerange.of_microseconds(one.occurred_at) for one in (first, last))
    within = [one for one in made if first.occurred_at <= one.occurred_at < last.occurred_at]
    found = await pages(caller, time_range=serving.period(start, end))
    assert ids(found) == in_order(within)
    assert (found[0].context.start, found[0].context.end) == (serving.stamp(start), serving.stamp(end))
    await worlds.store(database, caller.organization_id, world(random.Random(5), "late", 20))
    newest = await page(caller, time_range=PERIOD, page_size=1000)
    since = max(row.received_at.ToDatetime(UTC) for row in newest.rows)
    late = await pages(
        caller, time_range=PERIOD, filter=list_events_pb2.EventFilter(received_since=serving.stamp(since))
    )
    assert {one[: one.index("-")] for one in ids(late)} == {"late"}
    assert len(ids(late)) == 20


async def test_an_event_comes_back_with_all_that_it_carries(accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=SCOPES)
    sent = e("message.sent", 0, user_id="Ann@example.org", conversation_id="one")
    sent.message.response_time_ms = 120
    sent.properties.update({"order": {"status": "paid", "total": 5}})
    result = await caller.track(sent)
    (row,) = (
        await page(caller, time_range=THE_DAY, filter=list_events_pb2.EventFilter(user_id="ann@EXAMPLE.org"))
    ).rows
    assert row.event.user_id.startswith("email-")
    row.event.user_id = sent.user_id
    assert (row.event, row.revision) == (sent, result.revision)
    assert not row.HasField("amount")
    paid = list_events_pb2.PropertyFilter(path="properties.order.total", value="5")
    assert (await page(caller, time_range=THE_DAY, filter=list_events_pb2.EventFilter(properties=[paid]))).rows


async def test_large_events_make_short_pages(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    caller = await accounts.caller(scopes=SCOPES)
    made = [e("message.sent", minute) for minute in range(6)]
    for one in made:
        one.properties.update({"text": "x" * 400})
    await caller.track_all(made)
    monkeypatch.setattr(event_list, "MAX_CHARACTERS", 900)
    found = await pages(caller, time_range=THE_DAY)
    assert [len(one.rows) for one in found] == [2, 2, 2]
    assert ids(found) == [one.event_id for one in reversed(made)]


async def test_rows_that_retention_has_removed_are_missing(database: Database, accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=SCOPES)
    await worlds.store(database, caller.organization_id, world(random.Random(6), "event", 100))
    table = await caller.table(PERIOD, "events", include_rows_tokens=True)
    token = table.total.rows_tokens["events"].token
    half = START + timedelta(minutes=90)
    removed = await worlds.execute(
        database, "DELETE FROM events WHERE organization_id = $1 AND occurred_at < $2", caller.organization_id, half
    )
    async with database.transaction(of=EVERY) as driver:
        await organizations.raise_raw_from(driver, caller.organization_id, timerange.floor_bucket(half))
    gone = int(removed.split()[-1])
    found = await pages(caller, rows_token=token, page_size=30)
    last = found[-1].figure
    assert (last.figure, last.listed_rows, last.missing_figure) == (100, 100 - gone, gone)
    assert 0 < gone < 100
    assert last.kept_from == serving.stamp(half)
    assert not found[0].figure.HasField("missing_figure")


async def test_tokens_and_lists_are_the_organizations_own(accounts: Accounts) -> None:
    caller, other = await accounts.caller(scopes=SCOPES), await accounts.caller(scopes=SCOPES)
    await caller.track_all([e("message.sent", minute) for minute in range(3)])
    table = await caller.table(THE_DAY, "messages_sent", "total_conversations", include_rows_tokens=True)
    opened = table.total.rows_tokens
    first = await page(caller, time_range=THE_DAY, page_size=1)
    assert not (await page(other, time_range=THE_DAY)).rows
    readers = await accounts.caller(scopes=[Scope.READ, Scope.INGEST])
    wrong: Sequence[tuple[Caller, dict[str, Any], str]] = (
        (other, {"rows_token": opened["messages_sent"].token}, "ROWS_TOKEN_INVALID"),
        (caller, {"rows_token": opened["total_conversations"].token}, "ROWS_TOKEN_INVALID"),
        (caller, {"rows_token": "AAAA"}, "ROWS_TOKEN_INVALID"),
        (caller, {"rows_token": opened["messages_sent"].token, "time_range": THE_DAY}, "INVALID_VALUE"),
        (other, {"time_range": THE_DAY, "page_size": 1, "page_token": first.next_page_token}, "PAGE_TOKEN_INVALID"),
        (caller, {"time_range": PERIOD, "page_token": first.next_page_token}, "PAGE_TOKEN_MISMATCH"),
        (caller, {}, "REQUIRED_FIELD"),
        (readers, {"time_range": THE_DAY}, "SCOPE_MISSING"),
        (
            caller,
            {"time_range": THE_DAY, "filter": {"properties": [{"path": "detail.x", "value": "1"}]}},
            "INVALID_PATH",
        ),
        (caller, {"time_range": THE_DAY, "filter": {"event_types": ["a.b"] * 21}}, "VALUE_OUT_OF_RANGE"),
        (caller, {"time_range": THE_DAY, "filter": values(mood="good")}, "UNKNOWN_DIMENSION"),
        (caller, {"time_range": THE_DAY, "page_size": -1}, "VALUE_OUT_OF_RANGE"),
        (caller, {"time_range": THE_DAY, "direction": 9}, "INVALID_ENUM"),
    )
    for who, request, reason in wrong:
        assert serving.refusal(await refused(page(who, **request))).reason == reason, request


@pytest.mark.parametrize("answer", ["GetOverview", "GetAgentMetrics", "GetCallMetrics", "GetApiUsage"])
async def test_answers_open_the_rows_behind_their_figures(accounts: Accounts, answer: str) -> None:
    caller = await accounts.caller(scopes=SCOPES)
    made = [
        e("message.sent", 1, agent_id="ada"),
        e("call.ended", 2, agent_id="ada"),
        e("api.called", 3, agent_id="ada"),
    ]
    made[1].call.talk_ms = 5
    made[2].api.latency_ms = 7
    await caller.track_all(made)
    request = getattr(metrics_service_pb2, f"{answer}Request", None) or getattr(
        {"GetCallMetrics": call_metrics_pb2, "GetApiUsage": api_usage_pb2}[answer], f"{answer}Request"
    )
    of_agent = {"agent_id": "ada"} if answer == "GetAgentMetrics" else {}
    plain = await caller.ask(answer, request(time_range=THE_DAY, **of_agent))
    assert not plain.rows_tokens
    found = await caller.ask(answer, request(time_range=THE_DAY, include_rows_tokens=True, **of_agent))
    for name, token in found.rows_tokens.items():
        if token.kind == rows_pb2.ROWS_KIND_EVENTS:
            listed = await page(caller, rows_token=token.token)
            assert sum(row.amount for row in listed.rows) == token.figure, name
    counted = {name for name, token in found.rows_tokens.items() if token.figure}
    assert counted >= {
        "GetOverview": {"events", "messages_sent", "api_calls", "unique_users"},
        "GetAgentMetrics": {"messages_sent", "api_calls"},
        "GetCallMetrics": {"calls_handled"},
        "GetApiUsage": {"api_calls", "p95_api_latency_ms"},
    }[answer] - (set() if found.rows_tokens["unique_users"].figure else {"unique_users"})
