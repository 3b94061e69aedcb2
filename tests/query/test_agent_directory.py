"""ListAgents and GetAgent: lists in every order and by every filter, page by page, and each agent's status now."""

import asyncio
import itertools
from datetime import timedelta
from typing import Any

import pytest

from server import timerange
from server.app import Running
from server.query import agent_directory
from server.store import agent_directory as stored
from tallywire import AsyncClient, Client
from tallywire.v1 import agent_pb2, directory_service_pb2_grpc, event_pb2, metrics_service_pb2
from tests.support import commands, serving
from tests.support.serving import Accounts, Caller, refused

HOUR = timedelta(hours=1)
NOW = serving.now()
AI, HUMAN = event_pb2.AGENT_KIND_AI, event_pb2.AGENT_KIND_HUMAN
AVAILABLE, BUSY, OFFLINE = (
    event_pb2.AGENT_STATUS_AVAILABLE,
    event_pb2.AGENT_STATUS_BUSY,
    event_pb2.AGENT_STATUS_OFFLINE,
)
DESCENDING = metrics_service_pb2.SORT_DIRECTION_DESCENDING


def about(agent_id: str, what: str, hours_ago: float, team_id: str = "", **detail: Any) -> event_pb2.Event:
    return serving.event(
        f"agent.{what}",
        at=NOW - hours_ago * HOUR,
        agent_id=agent_id,
        team_id=team_id,
        agent=event_pb2.AgentDetail(**detail),
    )


def heard(agent_id: str, *hours_ago: float) -> list[event_pb2.Event]:
    return [serving.event("message.sent", at=NOW - one * HOUR, agent_id=agent_id) for one in hours_ago]


WORLD = [
    about("ada", "created", 90, "north", name="Ada Lovelace", kind=HUMAN),
    about("ada", "status_changed", 3, status=BUSY),
    about("bob", "created", 80, "south", name="Bob", kind=HUMAN),
    about("bob", "status_changed", 30, status=AVAILABLE),  # and nothing after that
    # One whose status was told long ago, and who was heard every few hours since.
    about("bot-1", "created", 70, "north", name="Äda the bot", kind=AI, version="7"),
    about("bot-1", "status_changed", 60, status=AVAILABLE),
    *heard("bot-1", 50, 40, 30, 20, 10, 1),
    # One that was silent for too long in between, and was heard again.
    about("bot-2", "status_changed", 60, status=BUSY),
    *heard("bot-2", 50, 30, 20, 10, 1),
    about("bot-3", "deleted", 6),
    about("bot-4", "deleted", 6),
    about("bot-4", "created", 5, kind=AI),
    serving.event("message.sent", at=NOW, agent_id="_bot%"),
]


@pytest.fixture(scope="module")
async def business(accounts: Accounts) -> Caller:
    """An organization with the world, which no test changes."""
    made = await accounts.caller()
    await made.track_all(WORLD)
    return made


async def ask(caller: Caller, **fields: Any) -> agent_pb2.ListAgentsResponse:
    stub = directory_service_pb2_grpc.DirectoryServiceStub(caller.channel)
    answer: agent_pb2.ListAgentsResponse = await stub.ListAgents(
        agent_pb2.ListAgentsRequest(**fields), metadata=caller.metadata, timeout=20
    )
    return answer


async def one(caller: Caller, agent_id: str) -> agent_pb2.GetAgentResponse:
    stub = directory_service_pb2_grpc.DirectoryServiceStub(caller.channel)
    answer: agent_pb2.GetAgentResponse = await stub.GetAgent(
        agent_pb2.GetAgentRequest(agent_id=agent_id), metadata=caller.metadata, timeout=20
    )
    return answer


def ids(answer: agent_pb2.ListAgentsResponse) -> list[str]:
    return [one.agent_id for one in answer.agents]


async def pages(caller: Caller, **fields: Any) -> list[agent_pb2.ListAgentsResponse]:
    """All pages of a list."""
    found = [await ask(caller, **fields)]
    while token := found[-1].next_page_token:
        found.append(await ask(caller, page_token=token, **fields))
    return found


EVERYBODY = ["_bot%", "ada", "bob", "bot-1", "bot-2", "bot-3", "bot-4"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, EVERYBODY),
        ({"direction": DESCENDING}, EVERYBODY[::-1]),
        ({"order_by": agent_pb2.AGENT_ORDER_NAME}, ["ada", "bob", "bot-1", "_bot%", "bot-2", "bot-3", "bot-4"]),
        (
            {"order_by": agent_pb2.AGENT_ORDER_NAME, "direction": DESCENDING},
            ["bot-1", "bob", "ada", "_bot%", "bot-2", "bot-3", "bot-4"],
        ),
        (
            {"order_by": agent_pb2.AGENT_ORDER_LAST_SEEN},
            ["bob", "bot-3", "bot-4", "ada", "bot-1", "bot-2", "_bot%"],
        ),
        ({"kind": HUMAN}, ["ada", "bob"]),
        ({"kind": AI, "team_id": "north"}, ["bot-1"]),
        ({"team_id": "north"}, ["ada", "bot-1"]),
        ({"deleted": True}, ["bot-3"]),
        ({"deleted": False}, [one for one in EVERYBODY if one != "bot-3"]),
        ({"status": BUSY}, ["ada"]),
        ({"status": AVAILABLE}, ["bot-1"]),
        ({"status": OFFLINE}, ["bob", "bot-2"]),
        ({"status": OFFLINE, "order_by": agent_pb2.AGENT_ORDER_LAST_SEEN}, ["bob", "bot-2"]),
        ({"prefix": "bo"}, ["bob", "bot-1", "bot-2", "bot-3", "bot-4"]),
        ({"prefix": "BO"}, ["bob"]),  # its name; ids have upper and lower case
        ({"prefix": "\u00e4DA"}, ["bot-1"]),
        ({"prefix": "_"}, ["_bot%"]),
        ({"prefix": "%"}, []),
        ({"prefix": "nobody"}, []),
        (
            {"prefix": "bo", "order_by": agent_pb2.AGENT_ORDER_NAME, "deleted": False},
            ["bob", "bot-1", "bot-2", "bot-4"],
        ),
    ],
)
async def test_lists_are_in_order_and_the_same_on_pages_of_any_size(
    business: Caller, fields: dict[str, Any], expected: list[str]
) -> None:
    assert ids(await ask(business, **fields)) == expected
    for size in (1, 2, 3):
        assert list(itertools.chain(*map(ids, await pages(business, page_size=size, **fields)))) == expected


async def test_what_is_known_of_an_agent_and_its_status_now(business: Caller) -> None:
    answer = await ask(business)
    found = {one.agent_id: one for one in answer.agents}
    assert answer.context.as_of_revision > 0
    bot = found["bot-1"]
    assert (bot.name, bot.kind, bot.version, bot.team_id) == ("\u00c4da the bot", AI, "7", "north")
    assert (bot.first_seen_at, bot.last_seen_at) == (serving.stamp(NOW - 70 * HOUR), serving.stamp(NOW - HOUR))
    assert bot.created_at == serving.stamp(NOW - 70 * HOUR)
    assert (bot.status, bot.status_since) == (AVAILABLE, serving.stamp(NOW - 60 * HOUR))
    assert (found["ada"].status, found["ada"].status_since) == (BUSY, serving.stamp(NOW - 3 * HOUR))
    assert (found["bob"].status, found["bob"].status_since) == (OFFLINE, serving.stamp(NOW - 18 * HOUR))
    heard_last = timerange.instant(timerange.floor_bucket(NOW - 50 * HOUR))
    assert (found["bot-2"].status, found["bot-2"].status_since) == (OFFLINE, serving.stamp(heard_last + 12 * HOUR))
    assert found["bot-3"].HasField("deleted_at")
    assert not found["bot-4"].HasField("deleted_at")
    assert not found["bot-4"].HasField("status_since")
    for agent_id, expected in found.items():
        alone = await one(business, agent_id)
        assert alone.agent == expected
        assert alone.context.as_of_revision == answer.context.as_of_revision


async def test_pages_that_look_at_few_agents_go_on_until_the_end(
    business: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "MOST", 2)
    monkeypatch.setattr(agent_directory, "_LOOKED_AT", 2)
    found = await pages(business, status=OFFLINE)
    assert list(map(ids, found)) == [[], ["bob"], ["bot-2"], []]
    assert list(itertools.chain(*map(ids, await pages(business, kind=AI, direction=DESCENDING)))) == ["bot-4", "bot-1"]
    for fields in ({"prefix": "bo"}, {"order_by": agent_pb2.AGENT_ORDER_NAME}):
        error = await refused(ask(business, **fields))
        assert serving.refusal(error) == ("FAILED_PRECONDITION", "TOO_MANY_VALUES", "order_by", False)
        assert serving.info(error)["limit"] == "2"


async def test_agents_that_come_in_between_pages_move_no_others(caller: Caller) -> None:
    await caller.track_all([serving.event(agent_id=f"a{number}") for number in range(0, 10, 2)])
    first = await ask(caller, page_size=2)
    await caller.track_all([serving.event(agent_id=f"a{number}") for number in range(1, 10, 2)])
    rest = await ask(caller, page_token=first.next_page_token)
    assert ids(first) == ["a0", "a2"]
    assert ids(rest) == ["a3", "a4", "a5", "a6", "a7", "a8", "a9"]


async def test_nothing_of_another_organization_is_there(business: Caller, other: Caller) -> None:
    await other.track(serving.event(agent_id="mine"))
    assert ids(await ask(other)) == ["mine"]
    for agent_id in ("ada", "nobody", "_other", "%"):
        error = await refused(one(other, agent_id))
        assert serving.refusal(error) == ("NOT_FOUND", "AGENT_NOT_FOUND", "agent_id", False)
    token = (await ask(business, page_size=1)).next_page_token
    error = await refused(ask(other, page_size=1, page_token=token))
    assert serving.refusal(error) == ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID", "page_token", False)
    error = await refused(ask(business, page_token=token, kind=AI))
    assert serving.refusal(error) == ("INVALID_ARGUMENT", "PAGE_TOKEN_MISMATCH", "page_token", False)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"order_by": 99}, ("INVALID_ARGUMENT", "INVALID_ENUM", "order_by")),
        ({"direction": 99}, ("INVALID_ARGUMENT", "INVALID_ENUM", "direction")),
        ({"kind": 99}, ("INVALID_ARGUMENT", "INVALID_ENUM", "kind")),
        ({"status": 99}, ("INVALID_ARGUMENT", "INVALID_ENUM", "status")),
        ({"page_size": -1}, ("OUT_OF_RANGE", "VALUE_OUT_OF_RANGE", "page_size")),
        ({"page_token": "x"}, ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID", "page_token")),
        ({"prefix": "x" * 257}, ("INVALID_ARGUMENT", "FIELD_TOO_LONG", "prefix")),
        ({"prefix": "\0"}, ("INVALID_ARGUMENT", "NUL_CHARACTER", "prefix")),
        ({"team_id": "x" * 257}, ("INVALID_ARGUMENT", "FIELD_TOO_LONG", "team_id")),
    ],
)
async def test_what_makes_no_sense_is_refused(
    business: Caller, fields: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    assert serving.refusal(await refused(ask(business, **fields)))[:3] == expected


async def test_an_agent_must_be_named(business: Caller) -> None:
    error = await refused(one(business, ""))
    assert serving.refusal(error) == ("INVALID_ARGUMENT", "REQUIRED_FIELD", "agent_id", False)


async def test_clients_and_commands_show_agents(business: Caller, server: Running) -> None:
    async with AsyncClient(server.address, api_key=business.key.secret) as client:
        assert [one.agent_id async for one in client.list_agents(page_size=2)] == EVERYBODY
        assert (await client.get_agent("ada")).name == "Ada Lovelace"

    def in_blocking_code() -> tuple[list[str], str]:
        with Client(server.address, api_key=business.key.secret) as blocking:
            listed = blocking.list_agents(page_size=2, kind="human", order_by="name", descending=True)
            return [one.agent_id for one in listed], blocking.get_agent("bot-1").version

    assert await asyncio.to_thread(in_blocking_code) == (["bob", "ada"], "7")
    document = await commands.document(server.address, business, "agents", "bo", "--not-deleted", "--limit", "2")
    assert [one["agent_id"] for one in document["agents"]] == ["bob", "bot-1"]
    rows = await commands.csv(server.address, business, "agents", "--status", "available", "--zone", "Asia/Tokyo")
    assert [(one["agent_id"], one["kind"], one["status"]) for one in rows] == [("bot-1", "ai", "available")]
    assert rows[0]["last_seen_at"].endswith("+09:00")
    text = await commands.shown(server.address, business, "agents", "--order", "last_seen", "--descending")
    assert text.index("bot-1") < text.index("Ada Lovelace") < text.index("Bob")
    assert "busy" in await commands.shown(server.address, business, "agent", "ada", "--now")
    assert (await commands.document(server.address, business, "agent", "ada", "--now"))["kind"] == "AGENT_KIND_HUMAN"
    assert "`tallywire values agent PREFIX`" in await commands.refused(server.address, business, "agent", "x", "--now")
