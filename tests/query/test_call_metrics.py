"""GetCallMetrics: a small call centre worked out by hand."""

from typing import Any

import pytest

from server.rollups import fold
from server.store.database import Database
from tallywire.v1 import answer_pb2, call_metrics_pb2, event_pb2, time_pb2
from tests.support import serving, worlds
from tests.support.serving import Caller, refused
from tests.support.tiny_worlds import THE_DAY, e

OUTBOUND = event_pb2.CALL_DIRECTION_OUTBOUND
_NO_VALUE = {"agent_id": "", "channel": "", "team_id": ""}


def call(kind: str, minute: float, queue: str = "", agent_id: str = "", direction: int = 0, **numbers: int) -> Any:
    detail = event_pb2.CallDetail(direction=direction, **numbers)
    if queue:
        detail.queue = queue
    return e(f"call.{kind}", minute, **{**_NO_VALUE, "agent_id": agent_id}, call=detail)


WORLD = [
    e("agent.created", -1, **{**_NO_VALUE, "agent_id": "ann"}, agent=event_pb2.AgentDetail(name="Ann Lee")),
    *(call("started", minute, "billing") for minute in range(4)),
    call("started", 61, "sales"),
    call("answered", 1, "billing", "ann", wait_ms=10_000),
    call("answered", 2, "billing", "ann", wait_ms=20_000),
    call("answered", 3, "billing", "bob", wait_ms=90_000),
    call("answered", 62, "sales", "bob"),
    call("abandoned", 4, "billing", wait_ms=60_000),
    call("ended", 5, "billing", "ann", talk_ms=100_000, hold_ms=20_000, wrap_up_ms=30_000),
    call("ended", 6, "billing", "ann", talk_ms=200_000),
    call("ended", 65, "sales", "bob", talk_ms=60_000, wrap_up_ms=40_000),
    call("started", 10, "", "bob", OUTBOUND),
    call("answered", 11, "", "bob", OUTBOUND, wait_ms=99_000),
    call("ended", 12, "", "bob", OUTBOUND, talk_ms=5_000),
    call("started", 20, "", "bob", OUTBOUND),
    call("abandoned", 21, "", "bob", OUTBOUND),
]


async def ask(caller: Caller, **fields: Any) -> call_metrics_pb2.GetCallMetricsResponse:
    request = call_metrics_pb2.GetCallMetricsRequest(time_range=THE_DAY, **fields)
    return await caller.ask("GetCallMetrics", request)


def levels(figures: call_metrics_pb2.CallFigures) -> dict[int, tuple[int, float]]:
    return {one.seconds: (one.calls, one.share) for one in figures.service_levels}


async def test_a_small_call_centre(caller: Caller, database: Database) -> None:
    await worlds.keep_every_width(database, caller.organization_id)
    await caller.track_all(WORLD)
    for _ in range(2):  # from deltas, then folded
        answer = await ask(caller, service_level_seconds=[60, 20, 60])
        total = answer.figures
        assert (total.calls_offered, total.calls_answered, total.calls_abandoned) == (5, 4, 1)
        assert total.call_abandonment_rate == 0.2
        assert levels(total) == {20: (2, 0.4), 60: (2, 0.4)}
        assert (total.avg_wait_ms, total.p50_wait_ms, total.longest_wait_ms) == (40_000, 20_000, 90_000)
        assert total.avg_abandoned_wait_ms == 60_000
        assert (total.calls_handled, total.avg_hold_time_ms, total.avg_wrap_up_time_ms) == (4, 20_000, 35_000)
        assert total.p50_handle_time_ms == pytest.approx(125_000, rel=0.01)
        assert (total.outbound_calls, total.outbound_calls_answered, total.outbound_calls_abandoned) == (2, 1, 1)
        assert (total.outbound_calls_ended, total.avg_outbound_talk_time_ms) == (1, 5_000)
        queues = {row.value: row.figures for row in answer.by_queue.rows}
        assert list(queues) == ["billing", "sales"]
        assert levels(queues["billing"])[20] == (2, 0.5)
        assert not queues["sales"].HasField("avg_wait_ms")
        assert answer.by_queue.rest.outbound_calls == 2
        ann, bob = answer.by_agent.rows
        assert (ann.value, ann.display_name, ann.figures.calls_handled) == ("ann", "Ann Lee", 2)
        assert (ann.figures.avg_handle_time_ms, ann.figures.calls_answered) == (175_000, 2)
        assert (bob.value, bob.display_name, bob.figures.calls_handled) == ("bob", "", 2)
        assert answer.by_agent.rest.calls_abandoned == 1
        assert (list(answer.by_team.rows), answer.by_team.rest.calls_offered) == ([], 5)
        hours = {(one.weekday, one.hour): one for one in answer.hours_of_week}
        assert len(hours) == 168
        assert (hours[3, 12].calls_offered, hours[3, 12].calls_abandoned, hours[3, 12].avg_wait_ms) == (4, 1, 40_000)
        assert (hours[3, 13].calls_offered, hours[2, 12].calls_offered) == (1, 0)
        assert [point.figures.calls_offered for point in answer.series][12:14] == [4, 1]
        await fold.fold_all(database, caller.organization_id)


async def test_a_part_of_it_and_an_earlier_day(caller: Caller) -> None:
    yesterday = [call("started", -1440, "billing"), call("answered", -1439, "billing", wait_ms=1_000)]
    await caller.track_all([*WORLD, *yesterday, call("started", -40 * 60)])
    previous = time_pb2.Comparison(mode=time_pb2.COMPARISON_MODE_PREVIOUS_PERIOD)
    answer = await ask(caller, comparison=previous)
    assert (answer.earlier.calls_offered, answer.earlier.avg_wait_ms) == (1, 1_000)
    assert levels(answer.earlier) == {20: (1, 1)}
    queue = answer_pb2.DimensionFilter(dimension="queue", value="billing")
    answer = await ask(caller, filter=answer_pb2.Filter(dimensions=[queue]))
    assert (answer.figures.calls_offered, answer.figures.outbound_calls) == (4, 0)
    assert answer.by_agent.missing_pair == "agent,queue"
    for fields, field in (
        ({"service_level_seconds": [0]}, "service_level_seconds"),
        ({"service_level_seconds": [86_401]}, "service_level_seconds"),
        ({"service_level_seconds": [1, 2, 3, 4, 5, 6]}, "service_level_seconds"),
        ({"top": 101}, "top"),
    ):
        assert serving.refusal(await refused(ask(caller, **fields)))[1:3] == ("VALUE_OUT_OF_RANGE", field)
