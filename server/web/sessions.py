"""Sessions of browsers: who a credential is, signing in and out, and how often somebody may guess."""

import asyncio
import contextlib
import ipaddress
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import grpc
from google.protobuf.message import DecodeError

from server import telemetry
from server.web import connect, methods
from server.web.connect import CallError
from server.web.upstream import Upstream
from tallywire.v1 import account_service_pb2

FRESH_SECONDS: Final = 10.0  # a credential that reads a stream is looked at this often
COOKIE_SECONDS: Final = 7 * 24 * 3600  # the service ends a session earlier than that, if at all later than a cookie
_LOOK_SECONDS = 5.0
_MOST_KNOWN = 10_000
_WRONG_PER_MINUTE, _WINDOW_SECONDS, _MOST_ADDRESSES = 10, 60.0, 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveReader:
    """Who a credential is: what is equal for all readers who may share what they read."""

    shares: bytes


class Readers:
    """Looks at credentials, each at most every 10 seconds, however many streams it reads."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._known: OrderedDict[str, tuple[float, LiveReader]] = OrderedDict()
        self._looking: dict[str, asyncio.Task[LiveReader]] = {}

    async def reader(self, credential: str) -> LiveReader:
        """Returns who a credential is. Raises AioRpcError where the service refuses it or cannot be asked."""
        known = self._known.get(credential)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        task = self._looking.get(credential)
        if task is None:
            task = self._looking[credential] = asyncio.create_task(self._look(credential))
            task.add_done_callback(lambda _: self._looking.pop(credential, None))
        return await asyncio.shield(task)

    async def _look(self, credential: str) -> LiveReader:
        try:
            answer = await self._upstream.ask(methods.GET_SESSION, b"", credential, _LOOK_SECONDS)
        except grpc.aio.AioRpcError:
            self._known.pop(credential, None)
            raise
        found = LiveReader(shares=_shared(account_service_pb2.GetSessionResponse.FromString(answer).session))
        self._known[credential] = (time.monotonic() + FRESH_SECONDS, found)
        self._known.move_to_end(credential)
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
        return found


def _shared(session: account_service_pb2.Session) -> bytes:
    """Returns what decides on what a session reads: its organization, its scopes, the part that it is restricted to,
    and what a token is tied to.
    """
    of = account_service_pb2.Session(scopes=session.scopes)
    of.organization.organization_handle = session.organization.organization_handle
    if session.HasField("restriction"):
        of.restriction.CopyFrom(session.restriction)
    if session.HasField("embed"):
        of.embed.CopyFrom(session.embed)
        del of.embed.origins[:]
    return of.SerializeToString(deterministic=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession:
    """A new session: its credential for the cookie, and the answer to the page without it."""

    credential: str
    answer: bytes


def signed_in(answer: bytes) -> NewSession | None:
    """Takes the credential out of the service's answer; None where the answer is none."""
    with contextlib.suppress(DecodeError):
        message = account_service_pb2.SignInResponse.FromString(answer)
        credential = message.credential
        message.ClearField("credential")
        if credential:
            return NewSession(credential=credential, answer=message.SerializeToString())
    return None


class Guesses:
    """Counts wrong sign-ins by address: after ten in a minute the address has to wait."""

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def refusal(self, address: str) -> CallError | None:
        """Returns the refusal of a sign-in from an address that has guessed too often; None where it may try."""
        ends, wrong = self._wrong.get(_network(address), (0.0, 0))
        left = ends - time.monotonic()
        if wrong < _WRONG_PER_MINUTE or left <= 0:
            return None
        telemetry.WEB_SIGN_INS_REFUSED.labels("throttled").inc()
        return connect.own_error(
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            f"more than {_WRONG_PER_MINUTE} wrong sign-ins in a minute from this address: try again later",
            "AUTH_RATE_LIMIT",
            retry_after=left,
        )

    def note(self, address: str) -> None:
        """Counts a wrong sign-in."""
        telemetry.WEB_SIGN_INS_REFUSED.labels("wrong").inc()
        network, now = _network(address), time.monotonic()
        ends, wrong = self._wrong.get(network, (0.0, 0))
        if ends <= now:
            ends, wrong = now + _WINDOW_SECONDS, 0
            self._wrong.pop(network, None)  # so that the oldest windows are in front
        self._wrong[network] = (ends, wrong + 1)
        if len(self._wrong) > _MOST_ADDRESSES:
            self._wrong.popitem(last=False)


def _network(address: str) -> str:
    """Returns what one guesser has: an address, or in IPv6 the 64 bits that come with every connection."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return address
