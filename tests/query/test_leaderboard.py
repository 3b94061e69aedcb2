"""GetLeaderboard: dense ranks, ties, and who takes part."""

from typing import Any

from tallywire.v1 import event_pb2, leaderboard_service_pb2, leaderboard_service_pb2_grpc
from tests.support import refusals
from tests.support.serving import Caller
from tests.support.tiny_worlds import THE_DAY, e

_NO_VALUE = {"agent_id": "", "channel": "", "team_id": ""}


def points(agent_id: str, count: int, team_id: str = "") -> event_pb2.Event:
    task = event_pb2.TaskDetail(points=count)
    return e("points.awarded", **{**_NO_VALUE, "agent_id": agent_id, "team_id": team_id}, task=task)


def did(event_type: str, agent_id: str) -> event_pb2.Event:
    return e(event_type, **{**_NO_VALUE, "agent_id": agent_id})


async def ask(caller: Caller, **fields: Any) -> leaderboard_service_pb2.GetLeaderboardResponse:
    request = leaderboard_service_pb2.GetLeaderboardRequest(time_range=THE_DAY, **fields)
    stub = leaderboard_service_pb2_grpc.LeaderboardServiceStub(caller.channel)
    return await stub.GetLeaderboard(request, metadata=caller.metadata, timeout=20)


async def test_ranks_of_agents_and_teams(caller: Caller) -> None:
    named = event_pb2.AgentDetail(name="Bea")
    await caller.track_all(
        [
            e("agent.created", **{**_NO_VALUE, "agent_id": "b"}, agent=named),
            points("a", 10, "north"),
            points("a", 5, "south"),
            points("b", 20, "south"),
            points("c", 15),
            points("d", 1, "north"),
            did("badge.earned", "d"),
            did("task.completed", "a"),
            did("task.completed", "a"),
            did("call.ended", "c"),
            did("lead.converted", "e"),
        ]
    )
    board = await ask(caller)
    assert [(row.rank, row.id, row.display_name, row.points) for row in board.rows] == [
        (1, "b", "Bea", 20),
        (2, "a", "", 15),
        (2, "c", "", 15),
        (3, "d", "", 1),
    ]
    assert board.participants == 5
    assert (board.rows[1].tasks_completed, board.rows[2].calls_handled, board.rows[3].badges) == (2, 1, 1)
    assert [row.id for row in (await ask(caller, top=2)).rows] == ["b", "a"]
    orders = leaderboard_service_pb2.LeaderboardOrder
    for order, expected in (("BADGES", "d"), ("TASKS", "a"), ("CALLS", "c"), ("CONVERSIONS", "e")):
        (row,) = (await ask(caller, order=orders.Value(f"LEADERBOARD_ORDER_{order}"))).rows
        assert (row.rank, row.id) == (1, expected)
    teams = await ask(caller, subject=leaderboard_service_pb2.LEADERBOARD_SUBJECT_TEAM)
    assert [(row.rank, row.id, row.points) for row in teams.rows] == [(1, "south", 25), (2, "north", 11)]
    for fields, expected_refusal in (
        ({"subject": 9}, "INVALID_ENUM subject"),
        ({"order": 9}, "INVALID_ENUM order"),
        ({"top": 1001}, "VALUE_OUT_OF_RANGE top"),
        ({"team_id": "north"}, "PAIR_NOT_KEPT team_id"),
    ):
        assert await refusals.reason(ask(caller, **fields)) == expected_refusal
