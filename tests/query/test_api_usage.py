"""GetApiUsage: a small world worked out by hand, whole, narrowed, and beside an earlier period."""

from typing import Any

import pytest

from server.rollups import fold
from server.store.database import Database
from tallywire.v1 import answer_pb2, api_usage_pb2, event_pb2, time_pb2
from tests.support import serving, worlds
from tests.support.serving import Caller, refused
from tests.support.tiny_worlds import THE_DAY, e

_NO_VALUE = {"agent_id": "", "channel": "", "team_id": ""}


def called(minute: float, method: str, endpoint: str, status: int, latency: int | None = None, **fields: Any) -> Any:
    api = event_pb2.ApiDetail(method=method, endpoint=endpoint, status_code=status, response_bytes=10)
    if latency is not None:
        api.latency_ms = latency
    return e("api.called", minute, **{**_NO_VALUE, **fields}, api=api)


WORLD = [
    *(called(minute, "GET", "/orders", 200, 100, user_id=f"u{minute}") for minute in range(3)),
    called(70, "GET", "/orders", 503, 900, user_id="u0"),
    called(5, "POST", "/orders", 404, 40),
    called(6, "POST", "/slow", 200, 5000, agent_id="bot"),
    called(7, "POST", "/silent", 500),
    called(8, "", "", 204, 10),
    e("message.received", 9, user_id="someone else"),
]


async def ask(caller: Caller, **fields: Any) -> api_usage_pb2.GetApiUsageResponse:
    request = api_usage_pb2.GetApiUsageRequest(time_range=THE_DAY, **fields)
    return await caller.ask("GetApiUsage", request)


def calls(breakdown: api_usage_pb2.ApiBreakdown) -> dict[str, int]:
    return {row.value: row.figures.api_calls for row in breakdown.rows}


async def test_a_small_world(caller: Caller, database: Database) -> None:
    await worlds.keep_every_width(database, caller.organization_id)
    await caller.track_all(WORLD)
    for _ in range(2):  # from deltas, then folded
        answer = await ask(caller)
        total = answer.figures
        assert (total.api_calls, total.api_errors, total.api_client_errors) == (8, 2, 1)
        assert (total.api_error_rate, total.api_client_error_rate) == (0.25, 0.125)
        assert total.avg_api_latency_ms == pytest.approx(6250 / 7)
        assert total.p50_api_latency_ms == 100
        assert (total.api_response_bytes, total.unique_users) == (80, 4)
        by = answer.by_endpoint
        assert calls(by) == {"GET /orders": 4, "POST /orders": 1, "POST /silent": 1, "POST /slow": 1}
        first, rest = by.rows[0].figures, by.rest
        assert (first.api_error_rate, first.unique_users, first.p99_api_latency_ms) == (0.25, 3, pytest.approx(876))
        assert (rest.api_calls, rest.avg_api_latency_ms, rest.p95_api_latency_ms) == (1, 10, 10)
        assert not rest.HasField("unique_users")
        assert (by.distinct_values, by.HasField("other"), by.missing_pair) == (4, False, "")
        assert calls(answer.by_method) == {"GET": 4, "POST": 3}
        assert calls(answer.by_status_class) == {"2xx": 5, "5xx": 2, "4xx": 1}
        assert list(calls(answer.slowest_endpoints)) == ["POST /slow", "GET /orders", "POST /orders"]
        assert list(calls(answer.failing_endpoints)) == ["GET /orders", "POST /silent"]
        assert answer.granularity == time_pb2.GRANULARITY_HOUR
        points = {point.start.seconds % 86400 // 3600: point.figures.api_calls for point in answer.series}
        assert (points[12], points[13], sum(points.values()), len(points)) == (7, 1, 8, 24)
        await fold.fold_all(database, caller.organization_id)


async def test_a_part_of_it(caller: Caller) -> None:
    await caller.track_all(WORLD)
    answer = await ask(caller, top=1)
    assert calls(answer.by_endpoint) == {"GET /orders": 4}
    assert (answer.by_endpoint.rest.api_calls, answer.by_endpoint.rest.api_errors) == (4, 1)
    method = answer_pb2.DimensionFilter(dimension="method", value="POST")
    answer = await ask(caller, filter=answer_pb2.Filter(dimensions=[method]))
    assert answer.figures.api_calls == 3
    assert answer.by_endpoint.missing_pair == "endpoint,method"
    assert calls(answer.by_method) == {"POST": 3}
    endpoint = answer_pb2.DimensionFilter(dimension="endpoint", value="GET /orders")
    answer = await ask(caller, filter=answer_pb2.Filter(dimensions=[endpoint]))
    assert calls(answer.by_status_class) == {"2xx": 3, "5xx": 1}  # a standing pair
    answer = await ask(caller, filter=answer_pb2.Filter(agent_id="bot"))
    assert (answer.figures.api_calls, answer.by_endpoint.missing_pair) == (1, "agent,endpoint")


async def test_beside_an_earlier_period(caller: Caller) -> None:
    await caller.track_all([*WORLD, called(-1440, "GET", "/orders", 200, 7), called(-40 * 60, "GET", "/x", 200, 7)])
    previous = time_pb2.Comparison(mode=time_pb2.COMPARISON_MODE_PREVIOUS_PERIOD)
    answer = await ask(caller, comparison=previous)
    assert (answer.earlier.api_calls, answer.earlier.p50_api_latency_ms) == (1, 7)
    assert answer.compared.end.seconds == answer.context.start.seconds
    assert not (await ask(caller)).HasField("earlier")
    for fields, field in (({"top": 101}, "top"), ({"top": -1}, "top"), ({"granularity": 99}, "granularity")):
        assert serving.refusal(await refused(ask(caller, **fields)))[2] == field
