"""The first page of raw events of ninety days, with and without filters, beside the same rows by SQL."""

import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from server.store import partitions
from server.store.isolation import EVERY
from tallywire.v1 import list_events_pb2
from tests.harness.bench import sending
from tests.harness.bench.report import Figure, at_most, percentile
from tests.harness.bench.suite import Bench
from tests.harness.bench.world import World

_METHOD = "/tallywire.v1.EventService/ListEvents"
_REVISION = 1_000_000
_PAGE = 100
_CONVERSATION = 10  # events of one user
# One of ten events is another organization's. Users come back every few days.
_FILL = """
    INSERT INTO events (organization_id, revision, received_at, occurred_at, event_key, event_type, agent_id, user_id,
        conversation_id, channel, detail)
    SELECT CASE WHEN number % 10 = 0 THEN $5::integer ELSE $4::integer END, 1 + number / 500 % 100000,
        at + interval '1 second', at, decode(md5(number::text || $2::text), 'hex'),
        CASE WHEN draw < 0.45 THEN 'message.received' WHEN draw < 0.9 THEN 'message.sent'
            WHEN draw < 0.95 THEN 'conversation.started' WHEN draw < 0.98 THEN 'conversation.resolved'
            ELSE 'feedback.submitted' END,
        'agent-' || conversation % 24, 'user-' || ($2::text::bigint * 7919 + conversation) * 104729 % 36000,
        'conversation-' || $2::text || '-' || conversation, 'web',
        '{"response_time_ms": 1234, "prompt_tokens": 800, "completion_tokens": 120, "cost_micros": 3000}'
    FROM (
        SELECT number, random() AS draw, $1::timestamptz + number * (interval '1 day' / $3) AS at,
            (number + (random() * 200)::integer) / 10 AS conversation
        FROM generate_series(1, $3::integer) AS number
    ) AS made
"""


async def events(bench: Bench) -> Sequence[Figure]:
    """ListEvents: the newest hundred events of ninety days, of ten million."""
    days, each = bench.of(90, 3), bench.of(111_112, 2_000)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    async with bench.world("events") as world:
        organization_id, key = await world.tenant("many events")
        await fill(world, organization_id, today, days, each)
        async with world.server() as served:
            return [
                await _figure(bench, world, served.address, key, organization_id, today, days, each, what)
                for what in _FILTERS
            ]


async def fill(world: World, organization_id: int, today: datetime, days: int, each: int) -> None:
    """Stores so many events of each of so many days up to today: nine of ten are the organization's."""
    other, _ = await world.tenant("somebody else")
    async with world.database.transaction(of=EVERY) as driver:
        await partitions.ensure(driver, (today - timedelta(days=days)).date(), days)
    async with world.connected() as connection:
        for day in range(days):
            start = today - timedelta(days=days - day)
            await connection.execute(_FILL, start, str(day), each, organization_id, other)
        await connection.execute(
            "UPDATE revisions SET revision = $2 WHERE organization_id = $1", organization_id, _REVISION
        )
        await connection.execute("VACUUM (ANALYZE) events")
    await world.checkpoint()


def _conversation(number: int, days: int, each: int) -> str:
    return f"conversation-{number * 31 % days}-{number * 7919 % (each // _CONVERSATION)}"


# What a filter is called, its field, and its value for the question of a number.
_FILTERS: dict[str, tuple[str, Callable[[int, int, int], str]]] = {
    "all": ("", lambda number, days, each: ""),
    "of a type": ("event_type", lambda number, days, each: "feedback.submitted"),
    "of a user": ("user_id", lambda number, days, each: f"user-{number * 7919 % 36_000}"),
    "of a conversation": ("conversation_id", _conversation),
}


def _request(field: str, value: str, start: datetime, end: datetime) -> bytes:
    request = list_events_pb2.ListEventsRequest(page_size=_PAGE)
    request.time_range.start.FromDatetime(start)
    request.time_range.end.FromDatetime(end)
    if field == "event_type":
        request.filter.event_types.append(value)
    elif field:
        setattr(request.filter, field, value)
    return request.SerializeToString()


async def _figure(
    bench: Bench,
    world: World,
    address: str,
    key: str,
    organization_id: int,
    today: datetime,
    days: int,
    each: int,
    what: str,
) -> Figure:
    field, value_of = _FILTERS[what]
    calls, rounds = bench.of(40, 5), bench.of(3, 1)
    latencies: list[Sequence[float]] = []
    bare: list[float] = []
    for turn in range(rounds):
        numbers = range(turn * calls, (turn + 1) * calls)
        asked = [(value_of(number, days, each), today - timedelta(minutes=number)) for number in numbers]
        start = today - timedelta(days=days)
        requests = [_request(field, value, start, end) for value, end in asked]
        latencies.append(await bench.asker.run(sending.ask, address, _METHOD, key, requests))
        bare.append(statistics.median([await _sql(world, organization_id, field, *one) for one in asked[:2]]))
    every = [one for some in latencies for one in some]
    return Figure(
        name="events",
        what=f"ListEvents, the {_PAGE} newest {what}, of {days * each:,} events of {days} days, p50 in ms; judged is"
        " the p99",
        against="the same rows by SQL in PostgreSQL, without their number being bounded, ms",
        unit="ms",
        measured=[statistics.median(some) for some in latencies],
        yardstick=bare,
        result=percentile(every, 0.99),
        result_unit="ms",
        must=at_most(100),
        details={"p50 ms": statistics.median(every), "p99 ms": percentile(every, 0.99)},
    )


async def _sql(world: World, organization_id: int, field: str, value: str, end: datetime) -> float:
    condition = f" AND {field} = $3" if field else ""
    values: list[Any] = [organization_id, end, *([value] if field else [])]
    async with world.connected() as connection:
        started = time.perf_counter()
        await connection.fetch(
            f"SELECT * FROM events WHERE organization_id = $1 AND occurred_at < $2{condition}"
            f" ORDER BY occurred_at DESC, event_key DESC LIMIT {_PAGE}",
            *values,
        )
        return (time.perf_counter() - started) * 1000
