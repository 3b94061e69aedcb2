"""Erasing what is kept about a person, and exporting it, for ordinary, blocking code."""

import abc
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

import grpc

from tallywire import connection, errors, retries
from tallywire.v1 import privacy_service_pb2, privacy_service_pb2_grpc

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")
Erasure = privacy_service_pb2.Erasure
EXPORT_TIMEOUT = 300.0  # seconds of an export, unless the call is given its own
_DONE = privacy_service_pb2.ERASURE_STATE_DONE


def is_done(erasure: Erasure) -> bool:
    """Returns whether an erasure is done, and so has its receipt."""
    return erasure.state == _DONE


class LineCheck:
    """Makes sure that an export is whole: its last line has the number of lines of each kind."""

    def __init__(self) -> None:
        self._counted: dict[str, int] = {}
        self._told: Mapping[str, int] | None = None

    def take(self, lines: Iterable[str]) -> None:
        """Takes lines in."""
        for line in lines:
            found = json.loads(line)
            kind = found.pop("kind")
            if kind == "counts":
                self._told = found
            else:
                self._counted[kind] = self._counted.get(kind, 0) + 1

    def end(self) -> None:
        """Raises Internal if lines are missing."""
        told = {kind: count for kind, count in (self._told or {}).items() if count}
        if self._told is None or told != self._counted:
            raise errors.Internal("the export is not whole: ask for it again", grpc.StatusCode.INTERNAL)


class PrivacyCalls(abc.ABC):
    """A client's calls about people. They need a key with the scope admin."""

    _privacy: privacy_service_pb2_grpc.PrivacyServiceStub
    _connection: connection.Connection

    @abc.abstractmethod
    def _call(
        self,
        method: "grpc.UnaryUnaryMultiCallable[_Request, _Response]",
        build: Callable[[], _Request],
        policy: retries.Policy,
        timeout: float | None,
    ) -> _Response:
        """Returns the answer of a method, tried again as long as that helps and time is left."""

    def erase_user(self, user_id: str, *, request_id: str = "", timeout: float | None = None) -> Erasure:
        """Begins to erase a person and returns how far that is; get_erasure() tells when it is done.

        Once it returns, nothing is stored any more under the id. Calling it again returns the same erasure.
        `request_id` is your own name for the request, such as the number of a ticket: it must not hold the id.
        """
        request = privacy_service_pb2.EraseUserRequest(user_id=user_id, request_id=request_id)
        return self._call(self._privacy.EraseUser, lambda: request, retries.CHANGE, timeout).erasure

    def get_erasure(self, erasure_id: str, *, timeout: float | None = None) -> Erasure:
        """Returns how far an erasure is and, once it is done, its receipt. Raises NotFound if there is none."""
        request = privacy_service_pb2.GetErasureRequest(erasure_id=erasure_id)
        return self._call(self._privacy.GetErasure, lambda: request, retries.QUERY, timeout).erasure

    def export_user(self, user_id: str, *, timeout: float | None = None) -> Iterator[str]:
        """Yields all that is kept about a person, as lines of JSON; the last one has their numbers.

        Raises Internal at the end if lines are missing. An export that fails is not whole: begin anew.
        """
        request = privacy_service_pb2.ExportUserRequest(user_id=user_id)
        seconds = EXPORT_TIMEOUT if timeout is None else timeout
        call = self._privacy.ExportUser(request, timeout=seconds, metadata=self._connection.metadata)
        check = LineCheck()
        try:
            for response in call:
                check.take(response.lines)
                yield from response.lines
        except grpc.RpcError as failure:
            raise errors.from_rpc(failure) from failure
        finally:
            call.cancel()
        check.end()
