"""`tallywire events` and both clients' iterators over raw events, on a server."""

import json
from datetime import timedelta
from typing import Any

import tallywire
from server.app import Running
from server.tenancy.principal import Scope
from tallywire.v1 import event_pb2, metrics_service_pb2
from tests.support import commands
from tests.support.serving import Accounts, Caller
from tests.support.tiny_worlds import DAY, THE_DAY, e

PERIOD = ("--from", "2024-05-15", "--to", "2024-05-16", "--zone", "UTC")
SCOPES = (Scope.READ, Scope.INGEST, Scope.BACKFILL, Scope.EVENTS)


def sent(minute: float, agent_id: str, **fields: Any) -> event_pb2.Event:
    return e("message.sent", minute, agent_id=agent_id, message=event_pb2.MessageDetail(**fields))


async def told(accounts: Accounts) -> tuple[Caller, list[event_pb2.Event]]:
    caller = await accounts.caller(scopes=SCOPES)
    made = [
        sent(0, "ada", prompt_tokens=5, model="m"),
        sent(1, "ada", prompt_tokens=7),
        sent(2, "bot", prompt_tokens=2),
    ]
    made[1].properties.update({"order": {"status": "paid"}})
    await caller.track_all(made)
    return caller, made


async def test_events_in_a_terminal_as_json_and_as_csv(accounts: Accounts, server: Running) -> None:
    caller, made = await told(accounts)

    async def listed(*arguments: str) -> list[str]:
        found = await commands.document(server.address, caller, "events", *arguments)
        return [one["event"]["event_id"] for one in found["events"]]

    first, second, third = (one.event_id for one in made)
    assert await listed(*PERIOD) == [third, second, first]
    assert await listed(*PERIOD, "--oldest-first", "--limit", "2") == [first, second]
    assert await listed(*PERIOD, "--agent", "ada", "--type", "message.sent", "--limit", "0") == [second, first]
    assert await listed(*PERIOD, "--where", "model=m") == [first]
    assert await listed(*PERIOD, "--property", "properties.order.status=paid") == [second]
    table = await caller.table(THE_DAY, "prompt_tokens", by=["agent"], include_rows_tokens=True)
    token = table.rows[0].rows_tokens["prompt_tokens"].token
    rows = await commands.csv(server.address, caller, "events", "--rows-token", token)
    assert [(row["event_id"], row["amount"]) for row in rows] == [(second, "7"), (first, "5")]
    assert json.loads(rows[0]["properties"]) == {"order": {"status": "paid"}}
    assert json.loads(rows[1]["detail"]) == {"prompt_tokens": 5, "model": "m"}
    text = await commands.shown(server.address, caller, "events", *PERIOD)
    assert text.count("message.sent") == 3


async def test_clients_iterate_over_all_pages(accounts: Accounts, server: Running) -> None:
    caller, made = await told(accounts)
    start, end = DAY, DAY + timedelta(days=1)
    newest_first = [one.event_id for one in reversed(made)]
    async with tallywire.AsyncClient(server.address, api_key=caller.key.secret) as client:
        found = [row async for row in client.list_events(start, end, page_size=1)]
        assert [row.event.event_id for row in found] == newest_first
        answer = await caller.ask(
            "GetOverview", metrics_service_pb2.GetOverviewRequest(time_range=THE_DAY, include_rows_tokens=True)
        )
        token = answer.rows_tokens["prompt_tokens"]
        behind = [row.amount async for row in client.events_behind(token.token, oldest_first=True, page_size=2)]
    assert behind == [5, 7, 2]
    assert sum(behind) == token.figure == answer.overview.prompt_tokens
