"""ListAnomalies: a spike in three weeks of hours, in the whole and by agent, and what is not judged."""

from datetime import UTC, datetime
from typing import Any

import pytest

from server.admission.query_slots import QuerySlots
from server.app import Running
from tallywire.v1 import anomaly_service_pb2, anomaly_service_pb2_grpc, answer_pb2, time_pb2
from tests.anomalies import spike
from tests.anomalies.spike import END, HOUR, SPIKE, START
from tests.support import refusals, serving
from tests.support.serving import Accounts, Caller, refused

TUESDAY = serving.period(SPIKE - 12 * HOUR, END, "Europe/Berlin")
MANY = [
    "messages_sent",
    "messages_received",
    "events",
    "error_rate",
    "success_rate",
    "unique_users",
    "prompt_tokens",
    "completion_tokens",
    "token_usage",
    "cost_micros",
    "api_calls",
]
HOURLY = time_pb2.GRANULARITY_HOUR


async def ask(caller: Caller, **fields: Any) -> anomaly_service_pb2.ListAnomaliesResponse:
    request = anomaly_service_pb2.ListAnomaliesRequest(
        **{"time_range": TUESDAY, "metrics": ["messages_sent"], **fields}
    )
    stub = anomaly_service_pb2_grpc.AnomalyServiceStub(caller.channel)
    return await stub.ListAnomalies(request, metadata=caller.metadata, timeout=60)


async def test_a_spike_is_explained(caller: Caller, accounts: Accounts) -> None:
    await spike.fill(caller)
    answer = await ask(caller, granularity=HOURLY)
    (one,) = answer.anomalies
    assert (answer.total, answer.series, answer.unjudged_series) == (1, 1, 0)
    assert one.metric.metric == "messages_sent"
    assert (one.start.ToDatetime(UTC), one.end.ToDatetime(UTC), one.buckets) == (SPIKE, SPIKE + HOUR, 1)
    assert one.direction == anomaly_service_pb2.ANOMALY_DIRECTION_ABOVE
    assert one.low <= one.expected <= one.high < one.figure.integer
    assert 3 <= one.expected <= 5
    assert one.score > 4
    basis = one.basis
    assert (basis.season, basis.weekday, basis.hour) == (
        anomaly_service_pb2.ANOMALY_SEASON_HOUR_OF_WEEK,
        time_pb2.WEEKDAY_TUESDAY,
        14,
    )
    assert one.explanation == f"{one.score:.1f} σ above the usual {one.low:.0f}–{one.high:.0f} for Tuesdays 14:00"
    table = await caller.table(serving.period(SPIKE, SPIKE + HOUR), "messages_sent")
    assert table.total.figures[0].integer == one.figure.integer
    assert answer.context.as_of_revision == table.context.as_of_revision
    assert answer.context.start.ToDatetime(UTC) == SPIKE - 12 * HOUR
    # Of the organization beside it nothing is there.
    stranger = await accounts.caller()
    empty = await ask(stranger, granularity=HOURLY, group_by="agent")
    assert (empty.total, empty.series, empty.unjudged_series) == (0, 1, 1)


async def test_what_is_judged_is_what_was_asked_for(caller: Caller) -> None:
    await spike.fill(caller)
    by_agent = await ask(caller, granularity=HOURLY, group_by="agent", order=2)
    assert sorted(one.value for one in by_agent.anomalies) == ["", "a"]
    assert by_agent.series == 3
    scores = [abs(one.score) for one in by_agent.anomalies]
    assert scores == sorted(scores, reverse=True)
    alone = await ask(caller, granularity=HOURLY, filter=answer_pb2.Filter(agent_id="b"))
    assert alone.total == 0

    below = await ask(caller, granularity=HOURLY, direction=anomaly_service_pb2.ANOMALY_DIRECTION_BELOW)
    assert below.total == 0
    small = await ask(caller, granularity=HOURLY, minimum_effect=20)
    assert small.total == 0
    cut = await ask(caller, granularity=HOURLY, group_by="agent", limit=1)
    assert (len(cut.anomalies), cut.total) == (1, 2)
    # Days, and ratios, percentiles and distinct counts, are judged as well: nothing is unusual about these here.
    names = ["error_rate", "p95_response_time_ms", "unique_users"]
    others = await ask(caller, granularity=HOURLY, metrics=names)
    assert (others.total, others.series) == (0, 3)
    week = serving.period(SPIKE - 7 * 24 * HOUR, END, "Europe/Berlin")
    days = await ask(caller, granularity=time_pb2.GRANULARITY_DAY, time_range=week, sigmas=2)
    assert [one.peak.start.ToDatetime(UTC) for one in days.anomalies] == [datetime(2024, 4, 29, 22, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"metrics": []}, "REQUIRED_FIELD metrics"),
        ({"metrics": ["nothing"]}, "UNKNOWN_METRIC metrics"),
        ({"granularity": time_pb2.GRANULARITY_YEAR}, "INVALID_VALUE granularity"),
        ({"sensitivity": 9}, "INVALID_ENUM sensitivity"),
        ({"sigmas": 1.0}, "VALUE_OUT_OF_RANGE sigmas"),
        ({"sigmas": float("nan")}, "VALUE_OUT_OF_RANGE sigmas"),
        ({"sigmas": 3.0, "sensitivity": 1}, "INVALID_VALUE sigmas"),
        ({"minimum_effect": -1}, "VALUE_OUT_OF_RANGE minimum_effect"),
        ({"direction": 9}, "INVALID_ENUM direction"),
        ({"order": 9}, "INVALID_ENUM order"),
        ({"limit": 1001}, "VALUE_OUT_OF_RANGE limit"),
        ({"values": 21}, "VALUE_OUT_OF_RANGE values"),
        ({"group_by": "user"}, "UNKNOWN_DIMENSION group_by"),
        ({"time_range": serving.period(START - 90 * 24 * HOUR, END)}, "TOO_MANY_POINTS granularity"),
        ({"group_by": "topic", "filter": answer_pb2.Filter(agent_id="a", channel="web")}, "PAIR_NOT_KEPT group_by"),
    ],
)
async def test_bad_input_is_refused(caller: Caller, fields: dict[str, Any], expected: str) -> None:
    asked = {"granularity": HOURLY, **fields}
    assert await refusals.reason(ask(caller, **asked)) == expected


async def test_more_buckets_than_are_judged_at_once_are_refused(caller: Caller) -> None:
    """Hours with their history, of the whole and of two agents, by eleven metrics."""
    await caller.track_all([spike.sent(SPIKE, "a"), spike.sent(SPIKE, "b")])
    asked = ask(caller, granularity=HOURLY, group_by="agent", metrics=MANY)
    assert await refusals.reason(asked) == "TOO_MANY_POINTS granularity"


async def test_judging_takes_a_turn(caller: Caller, server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.services.anomalies, "_turns", QuerySlots(1, limit=0, limit_each=0))
    said = serving.refusal(await refused(ask(caller, granularity=HOURLY)))
    assert (said.code, said.reason) == ("RESOURCE_EXHAUSTED", "QUERY_CONCURRENCY")


async def test_what_is_still_running_is_not_judged(caller: Caller) -> None:
    """The spike of the hour that runs is no anomaly until the hour is over."""
    while True:
        now = serving.now()
        hour = now.replace(minute=0, second=0, microsecond=0)
        made = [spike.sent(hour - (number // 4 + 1) * HOUR, "a") for number in range(4 * 40)]
        await caller.track_all(made + [spike.sent(now, "a") for _ in range(60)])
        answer = await ask(caller, time_range=serving.period(hour - 30 * HOUR, hour + HOUR), granularity=HOURLY)
        if serving.now() < hour + HOUR:
            break
    assert answer.unjudged_series == 0
    assert answer.total == 0
