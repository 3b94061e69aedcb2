"""Erasing what is kept about a person, and exporting it, for asyncio code."""

import abc
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

import grpc
import grpc.aio

from tallywire import aio_stubs, connection, errors, privacy, retries
from tallywire.privacy import Erasure
from tallywire.v1 import privacy_service_pb2

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")


class AsyncPrivacyCalls(abc.ABC):
    """A client's calls about people. They need a key with the scope admin."""

    _connection: connection.Connection

    @abc.abstractmethod
    def _bound(self) -> aio_stubs.Stubs:
        """Returns the connection and the stubs of the running loop."""

    @abc.abstractmethod
    async def _call(
        self,
        method: "grpc.aio.UnaryUnaryMultiCallable[_Request, _Response]",
        build: Callable[[], _Request],
        policy: retries.Policy,
        timeout: float | None,
    ) -> _Response:
        """Returns the answer of a method, tried again as long as that helps and time is left."""

    async def erase_user(self, user_id: str, *, request_id: str = "", timeout: float | None = None) -> Erasure:
        """Begins to erase a person and returns how far that is, as Client.erase_user() does."""
        request = privacy_service_pb2.EraseUserRequest(user_id=user_id, request_id=request_id)
        response = await self._call(self._bound().privacy.EraseUser, lambda: request, retries.CHANGE, timeout)
        return response.erasure

    async def get_erasure(self, erasure_id: str, *, timeout: float | None = None) -> Erasure:
        """Returns how far an erasure is, as Client.get_erasure() does."""
        request = privacy_service_pb2.GetErasureRequest(erasure_id=erasure_id)
        response = await self._call(self._bound().privacy.GetErasure, lambda: request, retries.QUERY, timeout)
        return response.erasure

    async def export_user(self, user_id: str, *, timeout: float | None = None) -> AsyncGenerator[str, None]:
        """Yields all that is kept about a person, as Client.export_user() does."""
        request = privacy_service_pb2.ExportUserRequest(user_id=user_id)
        seconds = privacy.EXPORT_TIMEOUT if timeout is None else timeout
        call = self._bound().privacy.ExportUser(request, timeout=seconds, metadata=self._connection.metadata)
        check = privacy.LineCheck()
        try:
            async for response in call:
                check.take(response.lines)
                for line in response.lines:
                    yield line
        except grpc.aio.AioRpcError as failure:
            raise errors.from_rpc(failure) from failure
        finally:
            call.cancel()
        check.end()
