"""Rows of the table of bad inputs about tables: what they group and order by, and their pages."""

from collections.abc import Sequence
from typing import Any

from tallywire.v1 import metrics_service_pb2, time_pb2
from tests.support import serving
from tests.support.bad_inputs import World, outcome, row
from tests.support.serving import Caller

_NOT_A_COLUMN = "groups and orders are names of the catalogue: an unknown one is an unknown dimension or metric"


async def table(
    caller: Caller, *metrics: str, when: time_pb2.TimeRange | None = None, **fields: Any
) -> metrics_service_pb2.QueryMetricsResponse:
    return await caller.table(when or serving.today(), *(metrics or ("events",)), **fields)


async def agents(caller: Caller, names: Sequence[str]) -> None:
    await caller.track_all([serving.event(agent_id=name) for name in names])


def rows_of(answer: metrics_service_pb2.QueryMetricsResponse) -> list[str]:
    return [one.values[0] for one in answer.rows]


@row("Q-061", "INVALID_ARGUMENT UNKNOWN_DIMENSION group_by", because=_NOT_A_COLUMN)
async def _(world: World) -> str:
    return await outcome(table(world.caller, by=["planet"]))


@row("Q-062", "OK", because="rows can be about users, which the projection of users keeps", keeps=2)
async def _(world: World) -> str:
    await world.caller.track_all([serving.event(user_id="u1"), serving.event(user_id="u2")])
    assert rows_of(await table(world.caller, by=["user"])) == ["u1", "u2"]
    return "OK"


@row("Q-064", "INVALID_ARGUMENT UNKNOWN_DIMENSION group_by", because=_NOT_A_COLUMN)
async def _(world: World) -> str:
    return await outcome(table(world.caller, by=["1; DROP TABLE"]))


@row("Q-066", "INVALID_ARGUMENT UNKNOWN_METRIC order_by", because=_NOT_A_COLUMN)
async def _(world: World) -> str:
    return await outcome(table(world.caller, by=["agent"], order_by="name desc, (select pg_sleep(10))"))


@row("Q-074", "OK", because="a page has 50 rows unless another size is asked for", keeps=51)
async def _(world: World) -> str:
    await agents(world.caller, [f"a{number:02}" for number in range(51)])
    assert len((await table(world.caller, by=["agent"], page_size=0)).rows) == 50
    return "OK"


@row("Q-076", "OK", because="the most rows are those of a page, whose size is clipped to 1,000")
async def _(world: World) -> str:
    return await outcome(table(world.caller, by=["agent"], page_size=1_000_000))


@row("Q-078", "OK")
async def _(world: World) -> str:
    return await outcome(table(world.caller, by=["agent"], page_size=2**31 - 1))


@row("Q-080", "INVALID_ARGUMENT PAGE_TOKEN_MISMATCH page_token", keeps=2)
async def _(world: World) -> str:
    await agents(world.caller, ["a", "b"])
    token = (await table(world.caller, by=["agent"], page_size=1)).next_page_token
    return await outcome(table(world.caller, "api_calls", by=["agent"], page_token=token))


@row("Q-081", "FAILED_PRECONDITION PAGE_TOKEN_EXPIRED page_token", keeps=3)
async def _(world: World) -> str:
    when = serving.today()
    await agents(world.caller, ["a", "b"])
    token = (await table(world.caller, when=when, by=["agent"], page_size=1)).next_page_token
    await agents(world.caller, ["c"])
    return await outcome(table(world.caller, when=when, by=["agent"], page_size=1, page_token=token))


@row(
    "Q-082",
    "FAILED_PRECONDITION PAGE_TOKEN_EXPIRED page_token",
    because="pages of a table are of one revision, so that no row is repeated or skipped",
    keeps=3,
)
async def _(world: World) -> str:
    when = serving.today()
    await agents(world.caller, ["b", "c"])
    first = await table(world.caller, when=when, by=["agent"], page_size=1)
    assert rows_of(first) == ["b"]
    await agents(world.caller, ["a"])
    return await outcome(table(world.caller, when=when, by=["agent"], page_size=1, page_token=first.next_page_token))


@row("Q-083", "OK", keeps=3)
async def _(world: World) -> str:
    await agents(world.caller, ["c", "a", "b"])
    for direction in (metrics_service_pb2.SORT_DIRECTION_DESCENDING, metrics_service_pb2.SORT_DIRECTION_ASCENDING):
        assert rows_of(await table(world.caller, by=["agent"], direction=direction)) == ["a", "b", "c"]
    return "OK"


@row("I-086", "INVALID_ARGUMENT PAGE_TOKEN_INVALID page_token", keeps=2)
async def _(world: World) -> str:
    await agents(world.caller, ["a", "b"])
    token = (await table(world.caller, by=["agent"], page_size=1)).next_page_token
    return await outcome(table(world.other, by=["agent"], page_size=1, page_token=token))
