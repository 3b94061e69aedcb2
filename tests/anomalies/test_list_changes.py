"""ListChanges: contributions that add up to the change, by several dimensions at once, of sums and of ratios."""

import random
from datetime import timedelta
from typing import Any

import pytest

from server.anomalies import changes
from tallywire.v1 import anomaly_service_pb2, anomaly_service_pb2_grpc, answer_pb2, event_pb2, time_pb2
from tests.support import refusals, serving
from tests.support.serving import Accounts, Caller, refused
from tests.support.tiny_worlds import DAY, NOON, THE_DAY

CUSTOM = time_pb2.COMPARISON_MODE_CUSTOM


def sent(agent_id: str, channel: str, *, before: bool, failed: bool = False) -> event_pb2.Event:
    message = event_pb2.MessageDetail(failed=failed, response_time_ms=100)
    at = NOON - timedelta(days=1) if before else NOON
    return serving.event("message.sent", at=at, agent_id=agent_id, channel=channel, message=message)


def several(count: int, *parts: str, **fields: Any) -> list[event_pb2.Event]:
    return [sent(*parts, **fields) for _ in range(count)]


async def ask(caller: Caller, **fields: Any) -> anomaly_service_pb2.ListChangesResponse:
    asked = {"time_range": THE_DAY, "metrics": ["messages_sent"], "group_by": ["agent"], **fields}
    stub = anomaly_service_pb2_grpc.AnomalyServiceStub(caller.channel)
    request = anomaly_service_pb2.ListChangesRequest(**asked)
    return await stub.ListChanges(request, metadata=caller.metadata, timeout=20)


def value(figure: Any) -> float | None:
    name = figure.WhichOneof("value")
    return None if name is None else getattr(figure, name)


def added(account: anomaly_service_pb2.ChangeAccount) -> float:
    parts = [*account.rows, account.rest, *([account.other] if account.HasField("other") else [])]
    return sum(value(one.change) or 0 for one in parts)


async def early(caller: Caller) -> None:
    """An event long ago, so that there is something to compare with."""
    await caller.track_all([serving.event("message.sent", at=DAY - timedelta(days=60))])


async def test_contributions_add_up_by_every_dimension(caller: Caller, accounts: Accounts) -> None:
    await early(caller)
    await caller.track_all(
        [
            *several(10, "a", "web", before=True),
            *several(4, "a", "web", before=False),
            *several(2, "b", "phone", before=True),
            *several(9, "b", "phone", before=False),
            *several(3, "gone", "web", before=True),
            *several(1, "", "", before=True),
            *several(2, "", "", before=False),
        ]
    )
    answer = await ask(caller, group_by=["agent", "channel"])
    (change,) = answer.metrics
    assert (value(change.now), value(change.before), value(change.change)) == (15, 16, -1)
    by_agent, by_channel = change.accounts
    assert [(one.value, value(one.before), value(one.now), value(one.change)) for one in by_agent.rows] == [
        ("b", 2, 9, 7),
        ("a", 10, 4, -6),
        ("gone", 3, 0, -3),
    ]
    assert (value(by_agent.rest.change), by_agent.complete) == (1, True)
    assert [(one.value, value(one.change)) for one in by_channel.rows] == [("web", -9), ("phone", 7)]
    for account in change.accounts:
        assert added(account) == -1
    (first,) = (await ask(caller, limit=1)).metrics[0].accounts
    assert ([one.value for one in first.rows], value(first.rest.change)) == (["b"], -8)
    # The figures are those of tables, of the same revision.
    table = await caller.table(THE_DAY, "messages_sent", by=["agent"])
    figures = {row.values[0]: row.figures[0].integer for row in table.rows}
    assert figures == {one.value: value(one.now) for one in by_agent.rows if value(one.now)}
    assert answer.context.as_of_revision == table.context.as_of_revision
    # Within one channel, by a pair that is kept, and what is not.
    (of_web,) = (await ask(caller, filter=answer_pb2.Filter(channel="web"))).metrics
    assert value(of_web.change) == -9
    assert added(of_web.accounts[0]) == -9
    stranger = await accounts.caller()
    nothing = await ask(stranger)
    assert nothing.compared.absence_reason == answer_pb2.ABSENCE_REASON_BEFORE_FIRST_EVENT
    assert value(nothing.metrics[0].now) == 0
    assert not nothing.metrics[0].accounts


async def test_ratios_are_split_into_mix_and_rate(caller: Caller) -> None:
    await early(caller)
    await caller.track_all(
        [
            # a stays at 10 %, b at 50 %, and b grows from a fifth to a half of all: mix alone.
            *several(72, "a", "web", before=True),
            *several(8, "a", "web", before=True, failed=True),
            *several(10, "b", "phone", before=True),
            *several(10, "b", "phone", before=True, failed=True),
            *several(45, "a", "web", before=False),
            *several(5, "a", "web", before=False, failed=True),
            *several(25, "b", "phone", before=False),
            *several(25, "b", "phone", before=False, failed=True),
        ]
    )
    (change,) = (await ask(caller, metrics=["error_rate"])).metrics
    assert value(change.before) == pytest.approx(0.18)
    assert value(change.now) == pytest.approx(0.3)
    (account,) = change.accounts
    assert [(one.value, round(one.mix, 6), round(one.rate, 6)) for one in account.rows] == [
        ("b", 0.078, 0.0),
        ("a", 0.042, 0.0),
    ]
    assert account.rows[0].weight_before == pytest.approx(0.2)
    assert account.rows[0].weight_now == pytest.approx(0.5)
    assert added(account) == pytest.approx(0.12)


async def test_random_worlds_add_up(caller: Caller) -> None:
    await early(caller)
    made = random.Random(4)
    agents = [*(f"agent-{number}" for number in range(12)), ""]
    await caller.track_all(
        [
            sent(
                made.choice(agents),
                made.choice(("web", "phone", "")),
                before=made.random() < 0.6,
                failed=made.random() < 0.2,
            )
            for _ in range(600)
        ]
    )
    names = ["messages_sent", "error_rate", "avg_response_time_ms", "response_time_sum_ms"]
    answer = await ask(caller, metrics=names, group_by=["agent", "channel", "team"], limit=3)
    assert [one.metric.metric for one in answer.metrics] == names
    for change in answer.metrics:
        assert [one.dimension for one in change.accounts] == ["agent", "channel", "team"]
        for account in change.accounts:
            assert added(account) == pytest.approx(value(change.change), abs=1e-9)
            sizes = [abs(value(one.change) or 0) for one in account.rows]
            assert sizes == sorted(sizes, reverse=True)


async def test_a_running_period_is_compared_with_equally_much(caller: Caller) -> None:
    """Today so far beside yesterday until the same time."""
    now = serving.now()
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    await caller.track_all([serving.event("message.sent", at=now - timedelta(days=3))])
    answer = await ask(caller, time_range=serving.period(day, day + timedelta(days=1)))
    until = answer.compared.compared_until.ToDatetime(now.tzinfo)
    if answer.compared.absence_reason == answer_pb2.ABSENCE_REASON_TOO_EARLY:  # just after midnight
        return
    assert until <= serving.now()
    assert answer.context.end.ToDatetime(now.tzinfo) == until
    assert answer.compared.end.ToDatetime(now.tzinfo) == until - timedelta(days=1)


async def test_more_values_than_can_be_looked_at_are_refused(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    await early(caller)
    await caller.track_all([*several(1, "a", "web", before=True), *several(1, "b", "web", before=False)])
    monkeypatch.setattr(changes, "_MOST_FIGURES", 4)
    assert (await ask(caller)).metrics[0].accounts[0].complete
    monkeypatch.setattr(changes, "_MOST_FIGURES", 3)
    error = await refused(ask(caller))
    said = serving.refusal(error)
    assert (said.code, said.reason, said.field) == ("FAILED_PRECONDITION", "TOO_MANY_VALUES", "metrics")
    assert serving.info(error)["limit"] == "3"


async def test_refusals(caller: Caller) -> None:
    for fields, expected in (
        ({"metrics": []}, "REQUIRED_FIELD metrics"),
        ({"metrics": ["unique_users"]}, "METRIC_NOT_ADDITIVE metrics"),
        ({"metrics": ["p95_response_time_ms"]}, "METRIC_NOT_ADDITIVE metrics"),
        ({"group_by": []}, "REQUIRED_FIELD group_by"),
        ({"group_by": ["user"]}, "UNKNOWN_DIMENSION group_by"),
        ({"group_by": ["agent", "agent"]}, "INVALID_VALUE group_by"),
        ({"group_by": ["agent", "channel", "team", "topic", "model", "campaign"]}, "TOO_MANY_FILTERS group_by"),
        ({"group_by": ["topic"], "filter": answer_pb2.Filter(team_id="a")}, "PAIR_NOT_KEPT group_by"),
        ({"limit": 51}, "VALUE_OUT_OF_RANGE limit"),
        ({"comparison": time_pb2.Comparison(mode=CUSTOM)}, "REQUIRED_FIELD comparison.start"),
    ):
        assert await refusals.reason(ask(caller, **fields)) == expected, fields
