"""LeaderboardService: rankings of agents and teams."""

from typing import Any, TypeAlias

import grpc

from server.rpc import gate
from server.rpc.asking import Asking
from tallywire.v1 import leaderboard_service_pb2, leaderboard_service_pb2_grpc

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class LeaderboardService(leaderboard_service_pb2_grpc.LeaderboardServiceServicer):
    """The service that ranks agents and teams of the caller's organization."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def GetLeaderboard(  # noqa: N802 - the name in the contract
        self, request: leaderboard_service_pb2.GetLeaderboardRequest, context: _Context
    ) -> leaderboard_service_pb2.GetLeaderboardResponse:
        """Returns a ranking."""
        return await self._asking.leaderboard(gate.caller().principal, request)
