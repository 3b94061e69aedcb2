"""GetRoi on a small world of two days: one with recorded cost, and one without."""

from datetime import timedelta
from typing import Any

import pytest

import tallywire
from server.app import Running
from server.organizations.settings import OrganizationSettings
from server.rollups import fold
from server.store.database import Database
from tallywire.v1 import answer_pb2, event_pb2, metrics_service_pb2, time_pb2
from tests.support import commands, serving
from tests.support.serving import Accounts, Caller, refused
from tests.support.tiny_worlds import DAY, THE_DAY, closing, e, sent

TWO_DAYS = serving.period(DAY - timedelta(days=1), DAY + timedelta(days=1))
RECORDED, ASSUMED = metrics_service_pb2.ROI_COST_SOURCE_RECORDED, metrics_service_pb2.ROI_COST_SOURCE_ASSUMED
REQUEST, ORGANIZATION, DEFAULT = (
    metrics_service_pb2.ROI_ASSUMPTION_SOURCE_REQUEST,
    metrics_service_pb2.ROI_ASSUMPTION_SOURCE_ORGANIZATION,
    metrics_service_pb2.ROI_ASSUMPTION_SOURCE_DEFAULT,
)
_A_DAY = 24 * 60


def before(conversation_id: str, *kinds: str) -> list[event_pb2.Event]:
    """As closing(), a day earlier."""
    return [
        e(f"conversation.{kind}", minute - _A_DAY, conversation_id=conversation_id) for minute, kind in enumerate(kinds)
    ]


# Four conversations are closed on the day, two of them resolved by the agent; 0.12 was spent on them. The day before
# has one that was resolved, without any cost.
WORLD = [
    e("message.received", -3 * _A_DAY),
    *closing("c1", "started", "resolved"),
    sent(0.5, "c1", cost_micros=30_000),
    *closing("c2", "started", "resolved"),
    *closing("c3", "started", "escalated", "resolved"),
    sent(0.5, "c3", cost_micros=90_000),
    *closing("c4", "started", "abandoned"),
    e("message.sent", 1, message=event_pb2.MessageDetail(cost_micros=7_000_000)),  # of no conversation
    *before("c5", "started", "resolved"),
]


async def ask(
    caller: Caller, period: time_pb2.TimeRange = THE_DAY, **fields: Any
) -> metrics_service_pb2.GetRoiResponse:
    return await caller.ask("GetRoi", metrics_service_pb2.GetRoiRequest(time_range=period, **fields))


def figures(estimate: metrics_service_pb2.RoiEstimate) -> tuple[float | None, ...]:
    return (
        estimate.human_cost_avoided_micros,
        estimate.ai_cost_micros,
        estimate.savings_micros,
        pytest.approx(estimate.roi) if estimate.HasField("roi") else None,
        estimate.break_even_conversations if estimate.HasField("break_even_conversations") else None,
    )


def used(answer: metrics_service_pb2.GetRoiResponse) -> list[tuple[int, int]]:
    said = answer.assumptions
    return [
        (one.value, one.source)
        for one in (said.hourly_cost_micros, said.handling_time_ms, said.conversation_cost_micros)
    ]


async def check_world(caller: Caller) -> None:
    answer = await ask(caller, comparison=time_pb2.Comparison(mode=time_pb2.COMPARISON_MODE_PREVIOUS_PERIOD))
    assert used(answer) == [(25_000_000, DEFAULT), (480_000, DEFAULT), (50_000, DEFAULT)]
    roi = answer.roi
    assert (roi.conversations_closed, roi.conversations_resolved, roi.recorded_cost_micros) == (4, 2, 120_000)
    assert roi.cost_source == RECORDED
    # 25 × 8 ÷ 60 is 3.333… for each of two conversations.
    assert figures(roi.low) == (5_000_000, 120_000, 4_880_000, 4_880 / 120, 1)
    assert figures(roi.base) == (6_666_667, 120_000, 6_546_667, 6_546_667 / 120_000, 1)
    assert figures(roi.high) == (8_333_333, 120_000, 8_213_333, 8_213_333 / 120_000, 1)
    earlier = answer.earlier
    assert (earlier.conversations_closed, earlier.recorded_cost_micros, earlier.cost_source) == (1, 0, ASSUMED)
    assert figures(earlier.low) == (2_500_000, 62_500, 2_437_500, 39, 1)
    assert figures(earlier.base) == (3_333_333, 50_000, 3_283_333, 3_283_333 / 50_000, 1)
    assert figures(earlier.high) == (4_166_667, 37_500, 4_129_167, 4_129_167 / 37_500, 1)

    series = await ask(caller, TWO_DAYS, series={"granularity": time_pb2.GRANULARITY_DAY})
    assert [point.roi.conversations_resolved for point in series.points] == [1, 2]
    # Cost is recorded in the period, so that the first day has cost nothing.
    assert [point.roi.base.ai_cost_micros for point in series.points] == [0, 120_000]
    assert {point.roi.cost_source for point in series.points} == {RECORDED}
    assert not series.points[0].roi.base.HasField("roi")
    assert series.roi.base.human_cost_avoided_micros == 10_000_000


async def test_the_return_of_a_small_world(caller: Caller, database: Database, server: Running) -> None:
    await caller.track_all(WORLD)
    await check_world(caller)
    await fold.fold_all(database, caller.organization_id)
    await check_world(caller)

    assert (await ask(caller, filter=answer_pb2.Filter(agent_id="bot"))).roi.conversations_resolved == 2
    nobody = (await ask(caller, filter=answer_pb2.Filter(agent_id="nobody"))).roi
    assert (nobody.conversations_closed, nobody.cost_source) == (0, ASSUMED)
    assert figures(nobody.base) == (0, 0, 0, None, 0)
    model = answer_pb2.Filter(dimensions=[answer_pb2.DimensionFilter(dimension="model", value="m")])
    assert not (await ask(caller, filter=model)).HasField("roi")

    dates = ("--from", "2024-05-14", "--to", "2024-05-16")
    text = await commands.shown(server.address, caller, "roi", *dates, "--granularity", "day", "--minutes", "4.8")
    rows = {line[:20].strip(): line[20:].split() for line in text.splitlines()}
    assert rows["Human cost avoided"] == ["4.50", "6.00", "7.50"]
    assert "5 conversations closed, 3 resolved by the agent; the cost of AI is recorded." in text
    assert "2024-05-15" in text
    cut = ("--from", "2024-05-14", "--to", "2024-05-15T18:00:00Z", "--granularity", "day")
    sheet = await commands.csv(server.address, caller, "roi", *cut)
    assert [(row["reading"], row["ai_cost_micros"]) for row in sheet[:3]] == [
        (reading, "120000") for reading in ("low", "base", "high")
    ]
    assert [row["state"] for row in sheet[::3]] == ["", "whole", "cut"]
    async with tallywire.AsyncClient(server.address, api_key=caller.key.secret) as client:
        period = DAY - timedelta(days=1), DAY + timedelta(days=1)
        found = await client.roi(*period, assumptions={"handling_time_ms": 288_000}, granularity="day", compare="week")
    assert found.roi.base.human_cost_avoided_micros == 6_000_000
    assert len(found.points) == 2
    document = await commands.document(server.address, caller, "roi", *dates, "--minutes", "4.8")
    assert document["roi"]["base"]["human_cost_avoided_micros"] == 6_000_000


async def test_assumptions_come_from_the_request_or_the_organization(accounts: Accounts) -> None:
    settings = OrganizationSettings(roi_hourly_cost_micros=36_000_000, roi_handling_seconds=100)
    caller = await accounts.caller(settings=settings)
    await caller.track_all(before("c5", "started", "resolved"))
    answer = await ask(caller, TWO_DAYS, assumptions={"conversation_cost_micros": 2_100_000})
    assert used(answer) == [(36_000_000, ORGANIZATION), (100_000, ORGANIZATION), (2_100_000, REQUEST)]
    assert figures(answer.roi.base) == (1_000_000, 2_100_000, -1_100_000, -11 / 21, 3)
    free = await ask(caller, TWO_DAYS, assumptions={"hourly_cost_micros": 0, "conversation_cost_micros": 0})
    assert used(free) == [(0, REQUEST), (100_000, ORGANIZATION), (0, REQUEST)]
    assert figures(free.roi.base) == (0, 0, 0, None, None)

    for name, value in (
        ("hourly_cost_micros", 10**12 + 1),
        ("handling_time_ms", 86_400_001),
        ("hourly_cost_micros", -1),
    ):
        error = await refused(ask(caller, assumptions={name: value}))
        expected = ("OUT_OF_RANGE", "VALUE_OUT_OF_RANGE", f"assumptions.{name}", False)
        assert serving.refusal(error) == expected
