"""GetCosts on a small world, and price lists: what is recorded, and what is estimated apart from that."""

import json
import pathlib
from datetime import UTC, date, datetime, timedelta
from typing import Any

import grpc
import pytest

import tallywire
from server.app import Running
from server.organizations.errors import InvalidPrice
from server.organizations.model_price import ModelPrice
from server.organizations.settings import OrganizationSettings
from server.rollups import fold
from server.settings import Settings
from server.store.database import Database
from server.tenancy import price_lists
from tallywire.v1 import event_pb2, metrics_service_pb2, time_pb2
from tests.support import commands, processes, serving
from tests.support.serving import Accounts, Caller, refused

# Two days of UTC. A day of Berlin begins two hours earlier, in which one price takes the place of another.
START, END = datetime(2024, 5, 14, tzinfo=UTC), datetime(2024, 5, 16, tzinfo=UTC)
PERIOD = serving.period(START, END, "UTC")
CHANGE = datetime(2024, 5, 14, 22, tzinfo=UTC)
SETTINGS = OrganizationSettings(
    time_zone="Europe/Berlin", storage_rate_micros=3_000_000, bandwidth_rate_micros=7_000_000
)
NAMES = ("cost_micros", "prompt_tokens", "cached_tokens", "completion_tokens", "token_usage")
GIB = 2**30


def sent(at: datetime, **fields: Any) -> event_pb2.Event:
    parts = {name: fields.pop(name) for name in ("agent_id", "channel", "team_id", "user_id") if name in fields}
    return serving.event("message.sent", at=at, message=event_pb2.MessageDetail(**fields), **parts)


WORLD = [
    serving.event("agent.created", at=START - timedelta(days=9), agent_id="a", agent=event_pb2.AgentDetail(name="Ada")),
    sent(START - timedelta(hours=1), model="m1", cost_micros=100, user_id="u9"),
    # With a cost: 1,000 in all.
    sent(
        START,
        model="m1",
        prompt_tokens=100,
        cached_tokens=40,
        completion_tokens=10,
        cost_micros=500,
        agent_id="a",
        channel="web",
        user_id="u1",
    ),
    sent(CHANGE, model="m2", prompt_tokens=50, cost_micros=300, agent_id="a", channel="phone", user_id="u2"),
    sent(CHANGE + timedelta(hours=3), cost_micros=200, agent_id="b", channel="web", team_id="blue"),
    # Without one: just before a price changes, just then, without a price, and without a model.
    sent(CHANGE - timedelta(microseconds=1), model="m1", prompt_tokens=1000, cached_tokens=400, completion_tokens=100),
    sent(CHANGE, model="m1", prompt_tokens=10, completion_tokens=1),
    sent(CHANGE, model="m3", prompt_tokens=7, completion_tokens=3),
    sent(CHANGE, prompt_tokens=5),
    serving.event("conversation.started", at=START, conversation_id="c1"),
    serving.event("conversation.started", at=START, conversation_id="c2"),
    serving.event("conversation.resolved", at=CHANGE, conversation_id="c1"),
    serving.event("storage.changed", at=START, storage=event_pb2.StorageDetail(bytes_delta=30 * GIB)),
    serving.event("api.called", at=START, api=event_pb2.ApiDetail(request_bytes=GIB)),
]


async def ask(caller: Caller, **fields: Any) -> metrics_service_pb2.GetCostsResponse:
    return await caller.ask("GetCosts", metrics_service_pb2.GetCostsRequest(time_range=PERIOD, **fields))


def figures(message: metrics_service_pb2.CostFigures | metrics_service_pb2.Costs) -> tuple[int, ...]:
    return tuple(getattr(message, name) for name in NAMES)


def added(*all_of: metrics_service_pb2.CostFigures) -> tuple[int, ...]:
    return tuple(map(sum, zip(*map(figures, all_of), strict=True)))


async def check_recorded(caller: Caller) -> None:
    answer = await ask(
        caller,
        comparison=time_pb2.Comparison(mode=time_pb2.COMPARISON_MODE_PREVIOUS_PERIOD),
        series={"granularity": time_pb2.GRANULARITY_DAY},
    )
    total = answer.total
    assert figures(total) == (1000, 1172, 440, 114, 1286)
    assert (total.total_conversations, total.conversations_resolved, total.unique_users) == (2, 1, 2)
    assert (total.cost_per_conversation_micros, total.cost_per_user_micros) == (500, 500)
    assert total.cost_per_resolved_conversation_micros == 0  # no message was in a conversation
    by_name = {one.dimension: one for one in answer.breakdowns}
    assert list(by_name) == ["model", "agent", "channel", "team", "user"]
    assert {one.ordered_by for one in answer.breakdowns} == {"cost_micros"}
    assert {
        name: [(row.value, row.display_name, row.figures.cost_micros) for row in one.rows]
        for name, one in by_name.items()
    } == {
        "model": [("m1", "", 500), ("m2", "", 300), ("m3", "", 0)],
        "agent": [("a", "Ada", 800), ("b", "", 200)],
        "channel": [("web", "", 700), ("phone", "", 300)],
        "team": [("blue", "", 200)],
        "user": [("u1", "", 500), ("u2", "", 300)],
    }
    assert figures(by_name["model"].rows[0].figures) == (500, 1110, 440, 111, 1221)
    for one in by_name.values():
        assert added(*(row.figures for row in one.rows), one.rest) == figures(total)
        assert not one.HasField("other")
    assert answer.earlier.cost_micros == 100
    assert [point.figures.cost_micros for point in answer.points] == [800, 200]
    assert added(*(point.figures for point in answer.points)) == figures(total)
    estimated = {metrics_service_pb2.CostResource.Name(one.resource): one.cost_micros for one in answer.estimated_costs}
    assert estimated == {"COST_RESOURCE_STORAGE": 6_000_000, "COST_RESOURCE_BANDWIDTH": 7_000_000}

    few = await ask(caller, rows=1)
    model = few.breakdowns[0]
    assert [row.value for row in model.rows] == ["m1"]
    assert (model.distinct_values, model.rest.cost_micros) == (3, 500)


async def test_costs_of_a_small_world(
    accounts: Accounts, database: Database, server: Running, settings: Settings, tmp_path: pathlib.Path
) -> None:
    caller = await accounts.caller(settings=SETTINGS)
    await caller.track_all(WORLD)
    await check_recorded(caller)
    await fold.fold_all(database, caller.organization_id)
    await check_recorded(caller)
    estimate = (await ask(caller)).token_estimate
    assert (estimate.estimated_cost_micros, estimate.priced_tokens, estimate.unpriced_tokens) == (0, 0, 1121)

    environment = processes.environment(tmp_path, DATABASE_URL=str(settings.required("database_url")))

    def prices(*arguments: str) -> str:
        done = processes.invoke("prices", *arguments, environment=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    first = ("--from", "2020-01-01", "--prompt-micros", "2000000", "--completion-micros", "10000000")
    assert "m1" in prices("set", caller.name, "m1", *first, "--cached-micros", "1000000")
    prices("set", caller.name, "m1", "--from", "2024-05-15", "--prompt-micros", "1", "--completion-micros", "2")
    then = ("--from", "2024-05-15", "--prompt-micros", "4000000", "--completion-micros", "20000000")
    prices("set", caller.name, "m1", *then)  # in place of the one before
    prices("set", caller.name, "m1", "--from", "2024-05-17", "--prompt-micros", "9", "--completion-micros", "9")
    assert [
        (one["effective_from"], one["cached_micros"]) for one in json.loads(prices("list", caller.name, "--json"))
    ] == [
        ("2020-01-01", 1_000_000),
        ("2024-05-15", 4_000_000),
        ("2024-05-17", 9),
    ]
    assert prices("list", caller.name).splitlines()[1].split() == [
        "m1",
        "2020-01-01",
        "2,000,000",
        "1,000,000",
        "10,000,000",
    ]
    estimate = (await ask(caller)).token_estimate
    # 600 × 2 + 400 × 1 + 100 × 10, and 10 × 4 + 1 × 20.
    assert [(one.model, one.estimated_cost_micros, one.unpriced_tokens) for one in estimate.models] == [
        ("m1", 2660, 0),
        ("m3", 0, 10),
    ]
    assert (estimate.models[0].prompt_tokens, estimate.models[0].cached_tokens) == (1010, 400)
    assert (estimate.estimated_cost_micros, estimate.priced_tokens, estimate.unpriced_tokens) == (2660, 1111, 10)
    assert (await ask(caller)).total.cost_micros == 1000  # nothing of the estimate is in it

    prices("remove", caller.name, "m1", "--from", "2020-01-01")
    estimate = (await ask(caller)).token_estimate
    assert (estimate.estimated_cost_micros, estimate.priced_tokens, estimate.unpriced_tokens) == (60, 11, 1110)
    done = processes.invoke("prices", "remove", caller.name, "m1", "--from", "2020-01-01", environment=environment)
    assert "the price list has no entry of 'm1' from 2020-01-01 on" in processes.error(done)
    await check_clients(server, caller)


async def check_clients(server: Running, caller: Caller) -> None:
    dates = ("--from", "2024-05-14", "--to", "2024-05-16", "--zone", "UTC")
    text = await commands.shown(
        server.address, caller, "costs", *dates, "--compare", "previous", "--granularity", "day"
    )
    for line in ("Recorded cost", "Ada ", "phone ", "2024-05-15", "11 tokens without a recorded cost", "1,110 tokens"):
        assert line in text
    sheet = await commands.csv(server.address, caller, "costs", *dates, "--granularity", "week")
    assert [row["state"] for row in sheet if row["row"] in ("total", "point")] == ["", "cut"]
    assert [(row["row"], row["value"], row["cost_micros"]) for row in sheet if row["dimension"] == "team"] == [
        ("value", "blue", "200"),
        ("rest", "", "800"),
    ]
    async with tallywire.AsyncClient(server.address, api_key=caller.key.secret) as client:
        answer = await client.costs(START, END, rows=2, compare="previous", granularity="day")
    assert [len(one.rows) for one in answer.breakdowns] == [2, 2, 2, 1, 2]
    assert len(answer.token_estimate.models) == 2
    document = await commands.document(server.address, caller, "costs", *dates)
    assert document["total"]["cost_micros"] == answer.total.cost_micros == 1000


async def test_rows_are_ordered_by_tokens_where_no_cost_is_recorded(caller: Caller) -> None:
    await caller.track_all([sent(START, model=name, prompt_tokens=tokens) for name, tokens in (("x", 1), ("y", 2))])
    model = (await ask(caller)).breakdowns[0]
    assert (model.ordered_by, [row.value for row in model.rows]) == ("token_usage", ["y", "x"])
    error = await refused(ask(caller, rows=101))
    assert serving.refusal(error) == ("OUT_OF_RANGE", "VALUE_OUT_OF_RANGE", "rows", False)


async def test_models_over_the_limit_are_apart(settings: Settings, accounts: Accounts, database: Database) -> None:
    async with (
        serving.running(settings, max_distinct={"model": 1}) as server,
        grpc.aio.insecure_channel(server.address) as channel,
    ):
        caller = serving.through(await accounts.caller(), channel)
        for model in ("one", "two", "three"):
            await caller.track(sent(START, model=model, prompt_tokens=10))
            await caller.track(sent(START, model=model, prompt_tokens=1, cost_micros=7))
        price = ModelPrice(
            model="one", effective_from=date(2024, 5, 14), prompt_micros=5_000_000, cached_micros=0, completion_micros=0
        )
        await price_lists.set_price(database, caller.name, price)
        answer = await ask(caller)
    model = answer.breakdowns[0]
    assert [(row.value, row.figures.cost_micros) for row in model.rows] == [("one", 7)]
    assert figures(model.other) == (14, 22, 0, 0, 22)
    assert added(model.rows[0].figures, model.rest, model.other) == figures(answer.total)
    assert [(one.model, one.estimated_cost_micros, one.unpriced_tokens) for one in answer.token_estimate.models] == [
        ("one", 50, 0),
        ("_other", 0, 20),
    ]


@pytest.mark.parametrize(
    "price",
    [
        ModelPrice(model="", effective_from=START.date(), prompt_micros=0, cached_micros=0, completion_micros=0),
        ModelPrice(model="a\nb", effective_from=START.date(), prompt_micros=0, cached_micros=0, completion_micros=0),
        ModelPrice(model="m", effective_from=START.date(), prompt_micros=-1, cached_micros=0, completion_micros=0),
    ],
)
async def test_what_cannot_be_a_price_is_refused(database: Database, caller: Caller, price: ModelPrice) -> None:
    with pytest.raises(InvalidPrice):
        await price_lists.set_price(database, caller.name, price)
    assert await price_lists.prices(database, caller.name) == []
