"""Custom metrics: what is counted of them, from when on, and how they are defined and deleted."""

import contextlib
import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest

from server import errors, timerange
from server.app import Running
from server.catalog import custom_metrics
from server.projections import custom_metrics as counting
from server.projections.rebuild import rebuild
from server.projections.registry import PROJECTIONS
from server.rollups import audit, fold
from server.store import custom_metrics as stored
from server.store import custom_values, organizations, projections
from server.store.database import Database
from server.store.isolation import EVERY
from server.tasks import custom_metric_history
from server.tasks.custom_metric_history import CustomMetricHistory
from server.tasks.kinds import Work
from server.tenancy.principal import Scope
from tallywire import AsyncClient, NotFound
from tallywire.v1 import (
    answer_pb2,
    custom_metric_service_pb2,
    custom_metric_service_pb2_grpc,
    event_pb2,
    metrics_service_pb2,
)
from tests.support import commands, refusals, serving, worlds
from tests.support.serving import Accounts, Caller, refused
from tests.support.tiny_worlds import NOON, THE_DAY, e

ADMIN = (Scope.ADMIN,)
COUNT, SUM, UNIQUE, HISTOGRAM = (
    custom_metric_service_pb2.CustomMetricAggregation.Value(f"CUSTOM_METRIC_AGGREGATION_{one}")
    for one in ("COUNT", "SUM", "UNIQUE", "HISTOGRAM")
)


async def ask(caller: Caller, rpc: str, **fields: Any) -> Any:
    """Calls an RPC of CustomMetricService."""
    stub = custom_metric_service_pb2_grpc.CustomMetricServiceStub(caller.channel)
    request = getattr(custom_metric_service_pb2, f"{rpc}Request")(**fields)
    return await getattr(stub, rpc)(request, metadata=caller.metadata, timeout=20)


def metric(name: str = "orders", **fields: Any) -> custom_metric_service_pb2.CustomMetric:
    """A definition, of a count of orders unless it is told otherwise."""
    return custom_metric_service_pb2.CustomMetric(
        **{"name": name, "event_types": ["order.placed"], "aggregation": COUNT, **fields}
    )


async def define(caller: Caller, name: str = "orders", **fields: Any) -> custom_metric_service_pb2.CustomMetric:
    """Defines a metric and returns it."""
    return (await ask(caller, "CreateCustomMetric", metric=metric(name, **fields))).metric


async def get(caller: Caller, name: str) -> custom_metric_service_pb2.CustomMetric:
    return (await ask(caller, "GetCustomMetric", name=name)).metric


async def settle(database: Database, organization_id: int) -> None:
    """Does what workers do of the history of an organization, until nothing is left."""
    history = CustomMetricHistory(lambda _: None)
    work = _work(database)
    while await history._count(work, organization_id):
        pass
    await custom_metric_history._remove(database, organization_id)


def _work(database: Database) -> Work:
    return Work(
        database=database, task_id=1, organization_id=0, payload={}, now=datetime.now(UTC), period=None, last={}
    )


def order(minute: float = 0, *, event_id: str = "", channel: str = "web", **properties: Any) -> event_pb2.Event:
    """An order with properties."""
    made = e("order.placed", minute, channel=channel, event_id=event_id or serving.uuid7())
    made.properties.update(properties)
    return made


def figures(row: metrics_service_pb2.MetricRow) -> list[float | None]:
    """The figures of a row, None where absent."""
    return [getattr(one, kind) if (kind := one.WhichOneof("value")) else None for one in row.figures]


async def total(caller: Caller, *names: str, **question: Any) -> list[float | None]:
    """The figures of the day."""
    return figures((await caller.table(THE_DAY, *names, **question)).total)


async def without_mismatch(database: Database, caller: Caller) -> None:
    report = await audit.check(database, caller.organization_id)
    assert report.mismatches == 0, report


async def test_a_small_world_through_every_aggregation(
    accounts: Accounts, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "_VALUES_AT_ONCE", 30)  # so that steps count in several portions
    caller = await accounts.caller(scopes=ADMIN)
    await worlds.keep_every_width(database, caller.organization_id)
    early = order(0, plan="gold", total=10.125, buyer="ann", country="NO")
    await caller.track_all(
        [
            early,
            order(40, plan="free", total="a lot", buyer="ann", country="SE", channel="phone"),
            e("message.sent", 1, message=event_pb2.MessageDetail(response_time_ms=100, model="m")),
        ]
    )
    made = await define(
        caller,
        filter=custom_metric_service_pb2.CustomMetricFilter(path="properties.plan", text="gold"),
        title="Orders",
        description="Of gold members.",
    )
    assert (made.progress, made.unit, made.title, made.not_numbers) == (0, "1", "Orders", 0)
    paid = {"aggregation": SUM, "value": "properties.total", "decimals": 2, "unit": "EUR"}
    await define(caller, "revenue", dimension="properties.country", **paid)
    await define(caller, "buyers", aggregation=UNIQUE, value="properties.buyer")
    waited = {"event_types": ["message.sent"], "aggregation": HISTOGRAM, "value": "detail.response_time_ms"}
    await define(caller, "waiting", unit="ms", **waited)

    error = await refused(total(caller, "custom.orders"))
    assert serving.refusal(error)[:2] == ("FAILED_PRECONDITION", "CUSTOM_METRIC_INCOMPLETE")
    assert serving.refusal(error).retry
    await settle(database, caller.organization_id)
    await caller.track_all(
        [
            early,  # again
            order(10, plan="gold", total=2, buyer="ben", country="NO", channel="phone"),
            order(-700, plan="gold", total=-0.5, country="FI"),  # late, and a refund
            order(20, total={"amount": 3}),
            order(30),
            e("message.sent", 1, message=event_pb2.MessageDetail(response_time_ms=300, model="m")),
        ]
    )
    names = ("custom.orders", "custom.revenue", "custom.revenue.count", "custom.revenue.avg", "custom.buyers")
    expected = [3, 11.62, 3, pytest.approx(11.62 / 3), 2]  # 10.125 is kept as 10.12
    for _ in range(2):  # from deltas, then folded
        assert await total(caller, *names) == expected
        await check_breakdowns(caller)
        await fold.fold_all(database, caller.organization_id)
    assert (await get(caller, "revenue")).not_numbers == 2
    await without_mismatch(database, caller)
    listed = await caller.ask("ListMetrics", metrics_service_pb2.ListMetricsRequest())
    own = {one.name: one for one in listed.metrics if one.custom_metric}
    assert len(own) == 1 + 3 + 1 + 7
    assert (own["custom.waiting.p95"].unit, own["custom.waiting.p95"].progress) == ("ms", 1)
    assert "custom.revenue" in [one.name for one in listed.dimensions]


async def check_breakdowns(caller: Caller) -> None:
    """Asks for the small world by each of its dimensions."""
    waits = ("custom.waiting", "custom.waiting.count", "custom.waiting.avg", "custom.waiting.p50", "custom.waiting.p99")
    assert await total(caller, *waits) == [400, 2, 200, pytest.approx(200), pytest.approx(300, rel=0.02)]
    by_model = await caller.table(THE_DAY, *waits[:2], by=["model"])
    assert [(list(row.values), figures(row)) for row in by_model.rows] == [(["m"], [400, 2])]
    by_channel = await caller.table(THE_DAY, "custom.revenue", "custom.buyers", "events", by=["channel"])
    rows = {row.values[0]: figures(row) for row in by_channel.rows}
    assert rows == {"web": [9.62, 1, 6], "phone": [2, 2, 2]}
    assert figures(by_channel.rest) == [0, None, 0]
    counted = ("custom.orders", "custom.revenue", "events")
    by_country = await caller.table(THE_DAY, *counted, by=["custom.revenue"], order_by="custom.revenue")
    assert [(row.values[0], figures(row)) for row in by_country.rows] == [
        ("NO", [None, 12.12, None]),
        ("FI", [None, -0.5, None]),
    ]
    used = metrics_service_pb2.ListDimensionValuesRequest(dimension="custom.revenue", prefix="n", time_range=THE_DAY)
    values = (await caller.ask("ListDimensionValues", used)).values
    assert [(one.value, one.events) for one in values] == [("NO", 2)]
    norway = answer_pb2.Filter(dimensions=[answer_pb2.DimensionFilter(dimension="custom.revenue", value="NO")])
    assert await total(caller, "custom.revenue.avg", "custom.buyers", part=norway) == [pytest.approx(6.06), None]
    trends = await caller.trends(THE_DAY, "custom.revenue", channel="web")
    assert trends.series[0].unit == "EUR"
    assert sum(one.number for one in trends.series[0].values) == pytest.approx(9.62)
    pair = answer_pb2.Filter(agent_id="bot", channel="web")
    assert await total(caller, "custom.revenue", "events", part=pair) == [None, 6]


Told = tuple[float, dict[str, Any], str]  # when an event occurred, its properties and its channel


def _expected(events: Sequence[Told]) -> list[float | None]:
    """The same figures by plain arithmetic: the sum, its count, distinct values, and the sum by channel web."""
    values = [(json.loads(json.dumps(one)), channel) for _, one, channel in events]
    sums = [
        (Decimal(repr(one["n"])).quantize(Decimal("0.1"), ROUND_HALF_EVEN), channel)
        for one, channel in values
        if isinstance(one.get("n"), int | float) and not isinstance(one.get("n"), bool)
    ]
    return [
        float(sum(value for value, _ in sums)),
        len(sums),
        len({str(one["who"]) for one, _ in values if "who" in one}),
        float(sum(value for value, channel in sums if channel == "web")),
    ]


@pytest.mark.parametrize("seed", [1, 2])
async def test_history_is_filled_while_events_come_in(
    seed: int, accounts: Accounts, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(seed)
    monkeypatch.setattr(custom_metric_history, "_WINDOW_EVENTS", 7)
    monkeypatch.setattr(custom_values, "MAX_DIMENSION_VALUES", 3)
    caller = await accounts.caller(scopes=ADMIN)
    sent: list[Told] = []

    async def send(count: int) -> None:
        some = [_told(dice) for _ in range(count)]
        sent.extend(some)
        await caller.track_all([order(minute, channel=channel, **told) for minute, told, channel in some])

    await send(40)
    tell = {"aggregation": SUM, "value": "properties.n", "decimals": 1, "dimension": "properties.of"}
    await define(caller, "amount", **tell)
    await send(5)
    await worlds.project(database, caller.organization_id)  # so that the history of the next one is longer
    await define(caller, "people", aggregation=UNIQUE, value="properties.who")
    move = projections.move

    async def failing(*arguments: Any, **options: Any) -> None:
        if dice.random() < 0.3:
            raise errors.StorageUnavailable("in the middle of a transaction")
        await move(*arguments, **options)

    more = True
    while more:
        with monkeypatch.context() as patch, contextlib.suppress(errors.StorageUnavailable):
            patch.setattr(projections, "move", failing)
            async with database.transaction(of=EVERY) as driver:
                more = await custom_metric_history._count_window(driver, caller.organization_id) is not None
        await send(3)
        if dice.random() < 0.5:
            await fold.fold_all(database, caller.organization_id)
        if dice.random() < 0.5:
            await worlds.project(database, caller.organization_id)
        await without_mismatch(database, caller)
    await check_sent(caller, sent)
    monkeypatch.setattr(custom_metrics, "MAX_DIMENSION_VALUES", 3)
    error = await refused(total(caller, "custom.amount", part=await _beyond(caller)))
    assert serving.refusal(error)[1] == "CARDINALITY_OVERFLOW"
    await without_mismatch(database, caller)


def _told(dice: random.Random) -> Told:
    number = dice.choice((dice.randrange(-50, 50), round(dice.uniform(-9, 9), 2), "none", True))
    told = {"n": number, "of": f"v{dice.randrange(6)}"}
    if dice.random() < 0.8:
        told["who"] = dice.choice(("ann", "ben", 7, "7", False))
    return dice.uniform(-600, 600), told, dice.choice(("web", "phone"))


async def check_sent(caller: Caller, sent: Sequence[Told]) -> None:
    """Asks for what was sent, and for the rows of a dimension of which three values have figures of their own."""
    wanted = _expected(sent)
    found = await total(caller, "custom.amount", "custom.amount.count", "custom.people")
    assert found == [pytest.approx(wanted[0]), wanted[1], wanted[2]]
    web = answer_pb2.Filter(channel="web")
    assert await total(caller, "custom.amount", part=web) == [pytest.approx(wanted[3])]
    assert (await get(caller, "amount")).not_numbers == len(sent) - int(wanted[1] or 0)
    table = await caller.table(THE_DAY, "custom.amount.count", by=["custom.amount"])
    assert table.distinct_values == 3
    assert table.other.figures[0].integer > 0
    counts = [row.figures[0].integer for row in (*table.rows, table.rest, table.other)]
    assert sum(counts) == wanted[1]


async def _beyond(caller: Caller) -> answer_pb2.Filter:
    """Returns a value that has no figures of its own."""
    table = await caller.table(THE_DAY, "custom.amount.count", by=["custom.amount"])
    kept = {row.values[0] for row in table.rows}
    value = next(one for one in ("v0", "v1", "v2", "v3", "v4", "v5") if one not in kept)
    return answer_pb2.Filter(dimensions=[answer_pb2.DimensionFilter(dimension="custom.amount", value=value)])


async def test_deleted_metrics_leave_no_trace_in_others(accounts: Accounts, database: Database) -> None:
    one, other = await accounts.caller(scopes=ADMIN), await accounts.caller(scopes=ADMIN)
    for caller, orders in ((one, 2), (other, 3)):
        await define(caller, dimension="properties.country")
        await caller.track_all([order(number, country="NO", event_id=f"o-{number}") for number in range(orders)])
    assert (await total(one, "custom.orders"), await total(other, "custom.orders")) == ([2], [3])
    await fold.fold_all(database, one.organization_id)
    await ask(one, "DeleteCustomMetric", name="orders")
    for call in (total(one, "custom.orders"), one.trends(THE_DAY, "custom.orders")):
        assert serving.refusal(await refused(call))[:3] == ("INVALID_ARGUMENT", "UNKNOWN_METRIC", "metrics")
    assert serving.refusal(await refused(get(one, "orders")))[:2] == ("NOT_FOUND", "CUSTOM_METRIC_NOT_FOUND")
    followed = "SELECT count(*) FROM projections WHERE organization_id = $1 AND name = 'custom_metrics'"
    assert await worlds.value(database, followed, one.organization_id) == 0
    await one.track(order(9, country="SE"))
    await worlds.project(database, one.organization_id)
    assert await worlds.value(database, followed, one.organization_id) == 0, "it costs nothing any more"
    await without_mismatch(database, one)
    await define(one, dimension="properties.country")
    await one.track(order(10, country="DK"))
    await settle(database, one.organization_id)
    rows = (await one.table(THE_DAY, "custom.orders", by=["custom.orders"])).rows
    assert sorted((row.values[0], row.figures[0].integer) for row in rows) == [("DK", 1), ("NO", 2), ("SE", 1)]
    values = "SELECT count(*) FROM custom_values WHERE organization_id = $1"
    assert await worlds.value(database, values, one.organization_id) == 3, "those of the deleted one are gone"
    await without_mismatch(database, one)
    assert await total(other, "custom.orders") == [3]
    with pytest.raises(ValueError, match="delete and define it again"):
        await rebuild(database, other.organization_id, "custom_metrics", lambda _: None)
    revision = (await other.trends(THE_DAY, "custom.orders")).context.as_of_revision
    await other.track(order(11))
    changed = await other.trends(THE_DAY, "custom.orders", since_revision=revision)
    assert [one.restated for one in changed.buckets].count(True) == 1
    await ask(other, "DeleteCustomMetric", name="orders")
    await ask(one, "DeleteCustomMetric", name="orders")


async def test_what_was_gone_at_the_definition_is_said(accounts: Accounts, database: Database) -> None:
    caller = await accounts.caller(scopes=ADMIN)
    await caller.track_all([order(-60), order(60)])
    async with database.transaction(of=EVERY) as driver:
        await organizations.raise_raw_from(driver, caller.organization_id, timerange.floor_bucket(NOON))
        assert await stored.in_history(driver, [caller.organization_id]) == set()
    await define(caller)
    async with database.transaction(of=EVERY) as driver:
        assert await stored.in_history(driver, [caller.organization_id]) == {caller.organization_id}
    await settle(database, caller.organization_id)
    assert (await get(caller, "orders")).complete_from == serving.stamp(NOON)
    error = await refused(total(caller, "custom.orders"))
    assert serving.refusal(error)[1:] == ("CUSTOM_METRIC_INCOMPLETE", "time_range.start", False)
    assert serving.info(error)["complete_from"] == "2024-05-15T12:00:00Z"
    afternoon = serving.period(NOON, NOON + timedelta(hours=6))
    assert figures((await caller.table(afternoon, "custom.orders")).total) == [1]
    listed = await caller.ask("ListMetrics", metrics_service_pb2.ListMetricsRequest())
    assert [one.complete_from for one in listed.metrics if one.custom_metric] == [serving.stamp(NOON)]


async def test_organizations_without_custom_metrics_are_not_followed(caller: Caller, database: Database) -> None:
    await caller.track(order())
    await worlds.project(database, caller.organization_id)
    async with database.snapshot(of=EVERY) as driver:
        found = await projections.standing(driver, caller.organization_id, "custom_metrics")
        assert found.revision == found.newest
        waiting = await projections.behind(driver, list(PROJECTIONS))
        assert [one for one in waiting if one.organization_id == caller.organization_id] == []
        assert await projections.seen_until(driver, list(PROJECTIONS), [caller.organization_id]) == {}


async def test_the_clients_and_the_command_line(server: Running, accounts: Accounts, database: Database) -> None:
    caller = await accounts.caller(scopes=ADMIN)
    await caller.track(order(total=2.5, state="paid"))
    address = server.address
    options = ("--aggregation", "sum", "--value", "properties.total", "--decimals", "1", "--better", "higher")
    where = ("--where", "properties.state=paid", "--unit", "EUR", "--dimension", "properties.country")
    made = await commands.document(
        address, caller, "custom-metrics", "create", "revenue", "--event", "order.placed", *options, *where
    )
    assert (made["name"], made["filter"]["text"], made["better"]) == ("revenue", "paid", "METRIC_DIRECTION_HIGHER")
    assert "0.0 % counted" in await commands.shown(address, caller, "custom-metrics", "list")
    failed = await commands.refused(address, caller, "query", "--metric", "custom.revenue")
    assert "still being counted" in failed
    await settle(database, caller.organization_id)
    shown = await commands.shown(address, caller, "custom-metrics", "show", "revenue")
    assert all(text in shown for text in ("custom.revenue", "properties.total", 'properties.state="paid"', "complete"))
    (row,) = await commands.csv(address, caller, "custom-metrics", "list")
    assert (row["aggregation"], row["progress"], row["where"]) == ("sum", "1.0", 'properties.state="paid"')
    async with AsyncClient(address, api_key=caller.key.secret) as client:
        truth = ("properties.paid", True)
        people = await client.custom_metrics.create(
            "people", ["order.placed"], "unique", value="properties.who", where=truth
        )
        assert (people.title, people.filter.truth) == ("people", True)
        assert await client.custom_metrics.get("people") == people
        assert [one.name for one in await client.custom_metrics.list()] == ["people", "revenue"]
        await client.custom_metrics.delete("people")
        with pytest.raises(NotFound):
            await client.custom_metrics.get("people")
    day = ("--from", "2024-05-15", "--to", "2024-05-16", "--metric", "custom.revenue")
    assert "2.5" in str(await commands.csv(address, caller, "query", *day, "--by", "channel"))
    assert "2.5" in await commands.shown(address, caller, "query", *day, "--by", "channel")
    assert "2.5" in await commands.shown(address, caller, "usage", *day)
    assert "custom.revenue.avg" in await commands.shown(address, caller, "metrics", "revenue")
    assert await commands.output(address, caller, "custom-metrics", "delete", "revenue") == "deleted revenue\n"
    assert "custom-metrics list" in await commands.refused(address, caller, "custom-metrics", "show", "revenue")


BAD: Sequence[tuple[str, dict[str, Any]]] = [
    ("REQUIRED_FIELD metric.name", {"name": ""}),
    ("INVALID_VALUE metric.name", {"name": "Orders"}),
    ("INVALID_VALUE metric.name", {"name": "o" * 49}),
    ("FIELD_TOO_LONG metric.title", {"title": "t" * 101}),
    ("FIELD_TOO_LONG metric.description", {"description": "d" * 1001}),
    ("FIELD_TOO_LONG metric.unit", {"unit": "u" * 17}),
    ("INVALID_CHARACTER metric.unit", {"unit": "k\n"}),
    ("INVALID_ENUM metric.better", {"better": 9}),
    ("REQUIRED_FIELD metric.event_types", {"event_types": []}),
    ("VALUE_OUT_OF_RANGE metric.event_types", {"event_types": [f"a.b{number}" for number in range(21)]}),
    ("INVALID_EVENT_TYPE metric.event_types", {"event_types": ["Order placed"]}),
    ("REQUIRED_FIELD metric.aggregation", {"aggregation": 0}),
    ("INVALID_ENUM metric.aggregation", {"aggregation": 9}),
    ("REQUIRED_FIELD metric.value", {"aggregation": SUM}),
    ("INVALID_PATH metric.value", {"aggregation": SUM, "value": "order.total"}),
    ("INVALID_PATH metric.value", {"aggregation": SUM, "value": "properties"}),
    ("INVALID_PATH metric.value", {"aggregation": SUM, "value": "properties..total"}),
    ("INVALID_PATH metric.value", {"aggregation": SUM, "value": "properties.a.b.c.d.e.f.g.h.i"}),
    ("INVALID_PATH metric.value", {"aggregation": SUM, "value": "detail.model", "event_types": ["message.sent"]}),
    ("INVALID_PATH metric.value", {"aggregation": UNIQUE, "value": "detail.rating", "event_types": ["api.called"]}),
    ("INVALID_VALUE metric.decimals", {"aggregation": UNIQUE, "value": "properties.a", "decimals": 1}),
    ("VALUE_OUT_OF_RANGE metric.decimals", {"aggregation": SUM, "value": "properties.a", "decimals": 7}),
    ("REQUIRED_FIELD metric.filter.path", {"filter": {"text": "gold"}}),
    ("REQUIRED_FIELD metric.filter.equals", {"filter": {"path": "properties.plan"}}),
    ("NOT_A_NUMBER metric.filter.number", {"filter": {"path": "properties.n", "number": float("nan")}}),
    ("INVALID_PATH metric.dimension", {"dimension": "detail.nothing"}),
    ("CUSTOM_METRIC_EXISTS metric.name", {}),
]


async def test_bad_definitions_are_refused_with_reason_and_field(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = await accounts.caller(scopes=ADMIN)
    await define(caller)
    for expected, fields in BAD:
        assert await refusals.reason(define(caller, **fields)) == expected
    monkeypatch.setattr("server.query.custom_definitions.MOST", 1)
    error = await refused(define(caller, "more"))
    assert serving.refusal(error)[:2] == ("RESOURCE_EXHAUSTED", "CUSTOM_METRIC_LIMIT")
    reader = await accounts.another(caller, scopes=[Scope.READ])
    assert [one.name for one in (await ask(reader, "ListCustomMetrics")).metrics] == ["orders"]
    for call in (define(reader, "more"), ask(reader, "DeleteCustomMetric", name="orders")):
        assert serving.refusal(await refused(call))[:2] == ("PERMISSION_DENIED", "SCOPE_MISSING")
