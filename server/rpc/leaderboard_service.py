"""LeaderboardService: rankings of agents and teams."""

from typing import Any, TypeAlias

import grpc

from server.query import leaderboard
from server.query.queries import Queries
from server.rpc import gate
from server.rpc.questions import leaderboard as leaderboard_messages
from tallywire.v1 import leaderboard_service_pb2, leaderboard_service_pb2_grpc

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class LeaderboardService(leaderboard_service_pb2_grpc.LeaderboardServiceServicer):
    """The service that ranks agents and teams of the caller's organization."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    async def GetLeaderboard(  # noqa: N802 - the name in the contract
        self, request: leaderboard_service_pb2.GetLeaderboardRequest, context: _Context
    ) -> leaderboard_service_pb2.GetLeaderboardResponse:
        """Returns a ranking."""
        question = leaderboard_messages.question(request)
        return leaderboard_messages.response(await leaderboard.answer(self._queries, gate.caller().principal, question))
