"""QueryMetrics: rows of dimensions and pairs in any order, what they leave of the total, their pages and series."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import grpc
import pytest

from server import errors, timerange
from server.catalog import dimensions, figures, registry
from server.catalog.filters import Filter
from server.query import grouping, raw_rows, table_rows
from server.rollups import fold
from server.settings import Settings
from server.store.database import Database
from tallywire.v1 import answer_pb2, event_pb2, metrics_service_pb2, time_pb2
from tests.support import refusals, serving, worlds
from tests.support.serving import Accounts, Caller, refused
from tests.support.tiny_worlds import DAY, NOON, THE_DAY, Figure, e, stored_bytes

ASCENDING = metrics_service_pb2.SORT_DIRECTION_ASCENDING
METRICS = (
    "messages_sent",
    "avg_response_time_ms",
    "p95_response_time_ms",
    "unique_users",
    "error_rate",
    "total_conversations",
)
_NO_VALUE = {"agent_id": "", "channel": "", "team_id": ""}


def sent(minute: float, agent_id: str, channel: str, **fields: Any) -> event_pb2.Event:
    user_id = fields.pop("user_id", "")
    message = event_pb2.MessageDetail(**fields)
    part = {**_NO_VALUE, "agent_id": agent_id, "channel": channel, "user_id": user_id}
    return e("message.sent", minute, conversation_id=f"{agent_id} {channel}", message=message, **part)


# a: four messages, two users; b: two; c: one without a response time; and one of nobody.
WORLD = [
    sent(0, "a", "web", response_time_ms=100, user_id="u1"),
    sent(70, "a", "web", response_time_ms=100, user_id="u2"),
    sent(200, "a", "phone", response_time_ms=100, user_id="u2", failed=True),
    sent(201, "a", "phone", response_time_ms=100),
    sent(1, "b", "web", response_time_ms=900, user_id="u3"),
    sent(2, "b", "web", response_time_ms=700, user_id="u4"),
    sent(300, "b", "web", response_time_ms=800, user_id="u5"),
    sent(3, "c", "phone"),
    sent(4, "", ""),
]


def value(figure: metrics_service_pb2.SeriesValue) -> Figure:
    name = figure.WhichOneof("value")
    return None if name is None else getattr(figure, name)


def of(table: metrics_service_pb2.QueryMetricsResponse, row: metrics_service_pb2.MetricRow) -> dict[str, Figure]:
    """The figures of a row by the names of their columns."""
    return {column.metric: value(one) for column, one in zip(table.metrics, row.figures, strict=True)}


def names(table: metrics_service_pb2.QueryMetricsResponse) -> list[str]:
    return [" ".join(row.values) for row in table.rows]


def by(**values: str) -> answer_pb2.Filter:
    return answer_pb2.Filter(
        dimensions=[answer_pb2.DimensionFilter(dimension=name, value=one) for name, one in values.items()]
    )


async def check_world(caller: Caller) -> None:
    """Asks for everything about the world."""
    table = await caller.table(THE_DAY, *METRICS, by=["agent"])
    assert names(table) == ["a", "b", "c"]
    assert table.distinct_values == 3
    assert not table.next_page_token
    a, b, c = (of(table, row) for row in table.rows)
    assert a == dict(zip(METRICS, (4, 100, 100, 2, 0.25, 2), strict=True))
    assert (b["messages_sent"], b["avg_response_time_ms"], b["unique_users"]) == (3, 800, 3)
    assert (c["messages_sent"], c["avg_response_time_ms"], c["p95_response_time_ms"]) == (1, None, None)
    total, rest = of(table, table.total), of(table, table.rest)
    assert (total["messages_sent"], total["unique_users"], total["total_conversations"]) == (9, 5, 4)
    assert rest == {**dict.fromkeys(METRICS), "messages_sent": 1, "total_conversations": 0}
    assert not table.HasField("other")

    for metric, direction, expected in (
        ("avg_response_time_ms", 0, "b a c"),
        ("avg_response_time_ms", ASCENDING, "a b c"),  # the absent figure comes last either way
        ("p95_response_time_ms", 0, "b a c"),
        ("p95_response_time_ms", ASCENDING, "a b c"),
        ("unique_users", 0, "b a c"),
        ("unique_users", ASCENDING, "c a b"),
        ("error_rate", ASCENDING, "b c a"),  # equal figures by value
        ("messages_sent", ASCENDING, "c b a"),
    ):
        table = await caller.table(THE_DAY, *METRICS, by=["agent"], order_by=metric, direction=direction)
        assert " ".join(names(table)) == expected, (metric, direction)

    pairs = await caller.table(THE_DAY, "messages_sent", "total_conversations", by=["channel", "agent"])
    assert (pairs.group_by, table.group_by) == (["channel", "agent"], ["agent"])
    assert [(*row.values, of(pairs, row)["messages_sent"]) for row in pairs.rows] == [
        ("web", "b", 3),
        ("phone", "a", 2),
        ("web", "a", 2),
        ("phone", "c", 1),
    ]
    assert of(pairs, pairs.rows[0])["total_conversations"] is None  # counted by single dimensions
    assert of(pairs, pairs.rest) == {"messages_sent": 1, "total_conversations": None}
    for part, group, expected_rows in (
        (by(agent="a"), "channel", [("phone", 2), ("web", 2)]),
        (by(channel="web"), "agent", [("b", 3), ("a", 2)]),
        (by(agent="a"), "agent", [("a", 4)]),
        (by(agent="a", channel="phone"), "agent", [("a", 2)]),
        (by(agent="nobody"), "channel", []),
    ):
        table = await caller.table(THE_DAY, "messages_sent", by=[group], part=part)
        assert [(*row.values, of(table, row)["messages_sent"]) for row in table.rows] == expected_rows, part
        assert of(table, table.total)["messages_sent"] == sum(count for *_, count in expected_rows)
        assert of(table, table.rest)["messages_sent"] == 0
    types = await caller.table(THE_DAY, "events", "messages_sent", by=["event_type"])
    assert [(*row.values, *of(types, row).values()) for row in types.rows] == [("message.sent", 9, None)]
    alone = await caller.table(THE_DAY, "events")
    assert (alone.group_by, alone.rows, alone.distinct_values, alone.HasField("rest")) == ([], [], 0, False)


async def test_tables_of_a_small_world(caller: Caller, database: Database) -> None:
    await worlds.keep_every_width(database, caller.organization_id)
    await caller.track_all(WORLD)
    await check_world(caller)  # from deltas
    await fold.fold_all(database, caller.organization_id)
    await check_world(caller)


async def test_dimensions_that_are_not_kept_together_are_counted_from_raw_events(
    caller: Caller, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await caller.track_all(
        [
            *WORLD,
            *(e("api.called", one, agent_id="a", channel="web", team_id="t", user_id=f"u{one}") for one in range(3)),
            e("api.called", 200, agent_id="b", channel="web", team_id="t", user_id="u1"),
        ]
    )
    hours = metrics_service_pb2.SeriesRequest(granularity=time_pb2.GRANULARITY_HOUR)
    for part, group, expected in (
        (None, ["team", "agent"], {("t", "a"): (3, 3), ("t", "b"): (1, 1)}),
        (by(team="t"), ["agent"], {("a",): (3, 3), ("b",): (1, 1)}),
        (by(agent="a", channel="web"), ["team"], {("t",): (3, 3)}),
        (None, ["channel", "agent", "team"], None),
    ):
        if expected is None:
            error = await refused(caller.table(THE_DAY, "events", by=group))
            assert serving.refusal(error)[1] == "TOO_MANY_FILTERS"
            continue
        table = await caller.table(THE_DAY, "events", "unique_users", by=group, part=part, series=hours)
        found = {tuple(row.values): tuple(of(table, row).values()) for row in table.rows}
        assert found == expected
        total = of(table, table.total)["events"]
        assert total == {"team": 13, "agent": 4}.get(group[0]) or total == 5
        assert of(table, table.rest)["events"] == int(total or 0) - sum(count for count, _ in expected.values())
        for row in (*table.rows, table.total):
            assert sum(value(one) or 0 for one in row.series[0].values) == value(row.figures[0])
    types = await caller.table(THE_DAY, "events", "messages_sent", by=["event_type"], part=by(agent="a"))
    assert [(*row.values, *of(types, row).values()) for row in types.rows] == [
        ("message.sent", 4, 4),
        ("api.called", 3, 0),
    ]
    monkeypatch.setattr(raw_rows, "MAX_EVENTS", 3)
    error = await refused(caller.table(THE_DAY, "events", by=["team", "agent"]))
    assert serving.refusal(error)[:3] == ("FAILED_PRECONDITION", "PAIR_NOT_KEPT", "group_by")
    assert "13 events" in (error.details() or "")
    await worlds.execute(
        database,
        "UPDATE organizations SET raw_from_bucket = $2 WHERE organization_id = $1",
        caller.organization_id,
        timerange.floor_bucket(NOON),
    )
    error = await refused(caller.table(THE_DAY, "events", by=["team", "agent"]))
    assert "kept from 2024-05" in (error.details() or "")


async def test_raw_rows_beside_those_of_a_page(
    caller: Caller, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody drops raw events while they are counted, and other pages' rows get no points."""
    await caller.track_all(WORLD)
    hours = metrics_service_pb2.SeriesRequest(granularity=time_pb2.GRANULARITY_HOUR)
    await caller.table(THE_DAY, "messages_sent", by=["user", "agent"])  # so that projections have seen everything
    check, cut, parts = raw_rows._check, raw_rows._cut, []

    async def watched(*arguments: Any) -> None:
        with pytest.raises(errors.StorageUnavailable):
            await worlds.execute(database, "LOCK TABLE ONLY events IN ACCESS EXCLUSIVE MODE NOWAIT")
        await check(*arguments)

    def counted(*arguments: Any) -> Any:
        parts.append(arguments)
        return cut(*arguments)

    monkeypatch.setattr(raw_rows, "_check", watched)
    monkeypatch.setattr(raw_rows, "_cut", counted)
    table = await caller.table(THE_DAY, "messages_sent", by=["user", "agent"], page_size=1, series=hours)
    assert (table.distinct_values, len(parts)) == (5, 1)
    monkeypatch.setattr(table_rows, "MAX_POINTS", 40)
    error = await refused(caller.table(THE_DAY, "messages_sent", by=["user", "agent"], page_size=1, series=hours))
    assert (serving.refusal(error)[1], len(parts)) == ("TOO_MANY_POINTS", 1)


async def test_series_of_rows(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    await caller.track_all(WORLD)
    hours = metrics_service_pb2.SeriesRequest(granularity=time_pb2.GRANULARITY_HOUR)
    table = await caller.table(THE_DAY, "messages_sent", "unique_users", by=["agent"], page_size=1, series=hours)
    trend = await caller.trends(THE_DAY, "messages_sent", "unique_users", granularity=time_pb2.GRANULARITY_HOUR)
    narrowed = await caller.trends(
        THE_DAY, "messages_sent", "unique_users", granularity=time_pb2.GRANULARITY_HOUR, agent_id="a"
    )
    assert list(table.buckets) == list(trend.buckets)
    assert [list(one.values) for one in table.total.series] == [list(one.values) for one in trend.series]
    assert [list(one.values) for one in table.rows[0].series] == [list(one.values) for one in narrowed.series]
    assert table.granularity == time_pb2.GRANULARITY_HOUR
    assert not table.rest.series
    monkeypatch.setattr(table_rows, "MAX_POINTS", 95)
    error = await refused(caller.table(THE_DAY, "events", by=["agent"], series=hours))
    assert serving.refusal(error)[1] == "TOO_MANY_POINTS"
    await caller.table(THE_DAY, "events", by=["agent"], page_size=2, series=hours)


async def test_rows_of_users(caller: Caller, database: Database) -> None:
    """In a zone whose days begin within a day of UTC: what is kept by day, and raw events at the edges."""
    hours = (-40, -30, -20, -10, 0, 5, 9, 20, 30, 40)
    messages = [
        sent(hour * 60, "a", "web", user_id=f"u{number % 3}", cost_micros=number, prompt_tokens=10)
        for number, hour in enumerate(hours)
    ]
    rated = e("feedback.submitted", 60, **{**_NO_VALUE, "user_id": "u9"}, feedback=event_pb2.FeedbackDetail(rating=4))
    begun = e("conversation.started", 0, **{**_NO_VALUE, "user_id": "u9"}, conversation_id="c")
    await caller.track_all([*messages, rated, begun])
    shown = ("events", "messages_sent", "total_conversations", "token_usage", "cost_micros", "satisfaction_score")
    zone = "America/Denver"
    for start, end in ((-18, 6), (-35, 31), (-12, 12), (3, 4), (-41, 41)):
        period = serving.period(NOON + timedelta(hours=start), NOON + timedelta(hours=end), zone)
        table = await caller.table(period, *shown, "unique_users", by=["user"], order_by="cost_micros")
        expected: dict[str, list[Figure]] = {}
        for number, hour in enumerate(hours):
            if start <= hour < end:
                row = expected.setdefault(f"u{number % 3}", [0, 0, 0, 0, 0, None, None])
                added = (1, 1, 0, 10, number)
                row[:5] = [int(one or 0) + more for one, more in zip(row, added, strict=False)]
        if start <= 0 < end:
            expected["u9"] = [2, 0, 1, 0, 0, 4, None]
        ordered = sorted(expected.items(), key=lambda one: (-int(one[1][4] or 0), one[0]))
        found = [(row.values[0], list(of(table, row).values())) for row in table.rows]
        of_first = {name: row[2] for name, row in found}  # a conversation begins once, with its first user
        assert [(name, [*row[:2], of_first[name], *row[3:]]) for name, row in ordered] == found, (start, end)
        assert sum(int(one or 0) for one in of_first.values()) <= int(
            of(table, table.total)["total_conversations"] or 0
        )
        assert table.distinct_values == len(expected) == of(table, table.total)["unique_users"]
    page = await caller.table(THE_DAY, *shown, by=["user"], order_by="satisfaction_score", page_size=1)
    assert names(page) == ["u9"]
    page = await caller.table(
        THE_DAY, *shown, by=["user"], page_token=page.next_page_token, page_size=9, order_by="satisfaction_score"
    )
    assert names(page) == ["u0", "u1", "u2"]
    beyond = ("avg_prompt_tokens_per_message", "p95_prompt_tokens")  # of which more would have to be kept of each user
    page = await caller.table(THE_DAY, *beyond, by=["user"], order_by=beyond[0], page_size=1)
    assert list(of(page, page.rows[0]).values()) == [None, None]
    hourly = metrics_service_pb2.SeriesRequest(granularity=time_pb2.GRANULARITY_HOUR)
    series = await caller.table(THE_DAY, "messages_sent", by=["user"], series=hourly)  # counted from raw events
    assert [sum(value(one) or 0 for one in row.series[0].values) for row in series.rows] == [
        value(row.figures[0]) for row in series.rows
    ]
    await worlds.execute(
        database,
        "UPDATE organizations SET raw_from_bucket = $2 WHERE organization_id = $1",
        caller.organization_id,
        timerange.floor_bucket(NOON),
    )
    error = await refused(caller.table(serving.period(DAY + timedelta(hours=1), NOON), "events", by=["user"]))
    assert serving.refusal(error)[:3] == ("FAILED_PRECONDITION", "RAW_EVENTS_GONE", "time_range")
    assert names(await caller.table(THE_DAY, "events", by=["user"], page_size=1)) == ["u0"]


async def test_rows_are_compared_with_an_earlier_period(caller: Caller) -> None:
    day_before = [sent(one - 1440, agent, "web", user_id="u1") for one, agent in ((0, "a"), (1, "a"), (2, "d"))]
    first = e("agent.created", -40 * 60, **{**_NO_VALUE, "agent_id": "a"})
    await caller.track_all([*WORLD, *day_before, first])
    previous = time_pb2.Comparison(mode=time_pb2.COMPARISON_MODE_PREVIOUS_PERIOD)
    for group, expected in (
        (["agent"], {"a": (4, 2), "b": (3, 0), "c": (1, 0)}),
        (["channel", "agent"], {"web b": (3, 0), "phone a": (2, 0), "web a": (2, 2), "phone c": (1, 0)}),
        (["agent", "model"], {}),  # counted from raw events, of which none carries a model
        (["user"], {"u2": (2, 0), "u1": (1, 3), "u3": (1, 0), "u4": (1, 0), "u5": (1, 0)}),
    ):
        table = await caller.table(THE_DAY, "messages_sent", "unique_users", by=group, comparison=previous)
        found = {
            name: (value(row.figures[0]), value(row.earlier_figures[0]))
            for name, row in zip(names(table), table.rows, strict=True)
        }
        assert found == expected
        assert [value(one) for one in table.total.earlier_figures] == [3, 1]
        assert table.compared.start.seconds == table.context.start.seconds - 24 * 3600
        assert not table.rest.earlier_figures
    year = time_pb2.Comparison(mode=time_pb2.COMPARISON_MODE_PREVIOUS_YEAR)
    table = await caller.table(THE_DAY, "messages_sent", by=["agent"], comparison=year)
    assert table.compared.absence_reason == answer_pb2.ABSENCE_REASON_BEFORE_FIRST_EVENT
    assert not any(row.earlier_figures for row in (*table.rows, table.total))


async def test_pages_are_of_one_revision(accounts: Accounts) -> None:
    caller, other = await accounts.caller(), await accounts.caller()
    await caller.track_all([sent(one, f"agent {one:02}", "web") for one in range(5)] + WORLD)
    seen: list[str] = []
    token, question = "", {"by": ["agent"], "page_size": 3}
    for _ in range(3):
        table = await caller.table(THE_DAY, "messages_sent", "unique_users", page_token=token, **question)
        seen += names(table)
        shown = sum((4, 3, 1, 1, 1, 1, 1, 1)[: len(seen)])
        assert of(table, table.rest) == {"messages_sent": 14 - shown, "unique_users": None}
        assert table.distinct_values == 8
        before, token = token, table.next_page_token
    assert seen == ["a", "b", "agent 00", "agent 01", "agent 02", "agent 03", "agent 04", "c"]
    assert not token
    again = await caller.table(THE_DAY, "messages_sent", "unique_users", page_token=before, by=["agent"], page_size=1)
    assert names(again) == ["agent 04"]  # page_size may change

    async def reason(who: Caller, metric: str, page_token: str) -> tuple[str, str]:
        call = who.table(THE_DAY, metric, "unique_users", page_token=page_token, **question)
        return serving.refusal(await refused(call))[0:2]

    assert await reason(caller, "events", before) == ("INVALID_ARGUMENT", "PAGE_TOKEN_MISMATCH")
    assert await reason(other, "messages_sent", before) == ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID")
    for damaged in ("x", "é", before[:-2], before[1:], "A" * 3000):
        assert await reason(caller, "messages_sent", damaged) == ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID")
    await caller.track_all([sent(0, "a", "web")])
    assert await reason(caller, "messages_sent", before) == ("FAILED_PRECONDITION", "PAGE_TOKEN_EXPIRED")


async def test_questions_that_have_no_answer(caller: Caller) -> None:
    for expected, metrics, fields in (
        ("REQUIRED_FIELD metrics", [], {}),
        ("UNKNOWN_METRIC metrics", ["no_such_metric"], {}),
        ("UNKNOWN_METRIC metrics", ["messages_change"], {}),  # has no series
        ("DIMENSION_REQUIRED metrics", ["avg_quality_overall"], {"by": ["agent"]}),
        ("DIMENSION_REQUIRED metrics", ["payment_amount_micros"], {}),
        ("UNKNOWN_METRIC order_by", ["events"], {"order_by": "messages_sent"}),
        ("TOO_MANY_METRICS metrics", list(registry.METRICS)[:21], {}),
        ("UNKNOWN_DIMENSION group_by", ["events"], {"by": ["planet"]}),
        ("UNKNOWN_DIMENSION group_by", ["events"], {"by": ["total"]}),
        ("INVALID_VALUE group_by", ["events"], {"by": ["agent", "agent"]}),
        ("TOO_MANY_FILTERS group_by", ["events"], {"by": ["agent", "team", "channel"]}),
        ("PAIR_NOT_KEPT group_by", ["events"], {"by": ["storage_kind"], "part": by(agent="a")}),
        ("PAIR_NOT_KEPT group_by", ["events"], {"by": ["model", "queue"]}),
        ("INVALID_ENUM direction", ["events"], {"direction": 7}),
        ("VALUE_OUT_OF_RANGE page_size", ["events"], {"page_size": -1}),
        ("INVALID_ENUM series.granularity", ["events"], {"series": metrics_service_pb2.SeriesRequest(granularity=99)}),
    ):
        assert await refusals.reason(caller.table(THE_DAY, *metrics, **fields)) == expected
    table = await caller.table(THE_DAY, "events", "events", by=["agent"], page_size=2**31 - 1)
    assert (len(table.metrics), len(table.rows), table.distinct_values) == (1, 0, 0)


async def test_values_to_choose_from(caller: Caller) -> None:
    named = event_pb2.AgentDetail(name="Mia 100%")
    await caller.track_all([*WORLD, e("agent.created", **{**_NO_VALUE, "agent_id": "x_1"}, agent=named)])

    async def listed(dimension: str, **fields: Any) -> list[tuple[str, str, int]]:
        request = metrics_service_pb2.ListDimensionValuesRequest(dimension=dimension, **fields)
        answer = await caller.ask("ListDimensionValues", request)
        return [(one.value, one.display_name, one.events) for one in answer.values]

    day = {"time_range": THE_DAY}
    assert await listed("agent", **day) == [("a", "", 4), ("b", "", 3), ("c", "", 1), ("x_1", "Mia 100%", 1)]
    assert await listed("agent", prefix="MIA 1", **day) == [("x_1", "Mia 100%", 1)]
    assert await listed("agent", prefix="X_", **day) == [("x_1", "Mia 100%", 1)]
    assert await listed("agent", prefix="%", **day) == []
    assert await listed("channel", page_size=1, **day) == [("web", "", 5)]
    assert await listed("channel") == [("phone", "", 0), ("web", "", 0)]  # long ago
    assert (await listed("event_type", **day))[0] == ("message.sent", "", 9)
    request = metrics_service_pb2.ListDimensionValuesRequest(dimension="storage_kind")
    assert serving.refusal(await refused(caller.ask("ListDimensionValues", request)))[1] == "UNKNOWN_DIMENSION"
    table = await caller.table(THE_DAY, "events", by=["channel", "agent"], page_size=1)
    assert table.rows[0].display_name == ""
    table = await caller.table(THE_DAY, "events", by=["agent"], part=by(agent="x_1"))
    assert [row.display_name for row in table.rows] == ["Mia 100%"]
    called = event_pb2.AgentDetail(name="İnci")
    await caller.track(e("agent.created", **{**_NO_VALUE, "agent_id": "Élan"}, agent=called))
    for prefix in ("Él", "İn"):  # which letters have another case is the database's to say, and Python says otherwise
        assert await listed("agent", prefix=prefix, **day) == [("Élan", "İnci", 1)]


async def test_values_over_the_limit_are_apart(settings: Settings, database: Database, accounts: Accounts) -> None:
    async with (
        serving.running(settings, max_distinct={"channel": 2}) as server,
        grpc.aio.insecure_channel(server.address) as channel,
    ):
        caller = serving.through(await accounts.caller(), channel)
        for name in ("one", "one", "two", "three", "four"):
            await caller.track(sent(0, "a", name))
        table = await caller.table(THE_DAY, "messages_sent", "unique_users", by=["channel"])
        assert [(*row.values, of(table, row)["messages_sent"]) for row in table.rows] == [("one", 2), ("two", 1)]
        assert of(table, table.other)["messages_sent"] == 2
        assert of(table, table.rest)["messages_sent"] == 0
        error = await refused(caller.table(THE_DAY, "events", by=["agent"], part=by(channel="three")))
        assert serving.refusal(error)[1] == "CARDINALITY_OVERFLOW"


ADDITIVE = [name for name, one in registry.METRICS.items() if figures.adds_up(one) and not figures.only_by(name)]


async def test_rows_rest_and_other_add_up_to_the_total_while_events_come_in(
    settings: Settings, database: Database, accounts: Accounts
) -> None:
    """For every metric that adds up and every dimension, while events come in and are folded."""
    caller = await accounts.caller()
    dice = random.Random(7)
    events = [_random_event(dice, number) for number in range(400)]

    async def send() -> None:
        for start in range(0, len(events), 40):
            await caller.track_all(events[start : start + 40])
            await fold.fold_all(database, caller.organization_id)

    sending = asyncio.create_task(send())
    asked = 0
    while not sending.done() or asked < 2:
        asked += 1
        for group in (*([one.name] for one in dimensions.TABLE.groups), ["agent", "channel"]):
            metrics = dice.sample(ADDITIVE, 20)
            table = await caller.table(THE_DAY, *metrics, by=group, page_size=dice.choice((1, 2, 50)))
            parts = [of(table, one) for one in (*table.rows, table.rest)]
            if table.HasField("other"):
                parts.append(of(table, table.other))
            for name, whole in of(table, table.total).items():
                # Amounts have no total over currencies.
                if parts[0][name] is not None and whole is not None:
                    assert sum(int(part[name] or 0) for part in parts) == whole, (group, name)
    await sending
    overview = await caller.overview(THE_DAY)
    table = await caller.table(THE_DAY, "messages_sent", "unique_users", "p95_response_time_ms", by=["agent"])
    total: Mapping[str, Figure] = of(table, table.total)
    assert all(total[name] == getattr(overview.overview, name) for name in total)


def _random_event(dice: random.Random, number: int) -> event_pb2.Event:
    values: Sequence[str] = ("", "x", "y", "z")
    part = {name: dice.choice(values) for name in _NO_VALUE}
    fields: dict[str, Any] = {**part, "user_id": dice.choice(values), "campaign_id": dice.choice(values)}
    minute, conversation = dice.uniform(-700, 700), {"conversation_id": f"c{dice.randrange(60)}"}
    match number % 6:
        case 0:
            return e("conversation.started", minute, **fields, **conversation)
        case 1:
            return e("conversation.resolved", minute, **fields, **conversation)
        case 2:
            return stored_bytes(dice.randrange(-9, 99), at=DAY + timedelta(minutes=dice.randrange(1440)))
        case 3:
            api = event_pb2.ApiDetail(endpoint=f"/{dice.choice(values)}", method="GET", response_bytes=7)
            return e("api.called", minute, **fields, api=api)
        case _:
            detail = event_pb2.MessageDetail(
                response_time_ms=dice.randrange(5000), model=dice.choice(values), cost_micros=5
            )
            return e("message.sent", minute, **fields, **conversation, message=detail)


def test_questions_for_the_same_dimensions_share_one() -> None:
    """Else what is remembered by dimension would grow with every question."""
    asked = [dimensions.AGENT, dimensions.USER]
    found = {one.dimension for _ in range(2) if (one := grouping.grouping(asked, Filter())) is not None}
    assert len(found) == 1
