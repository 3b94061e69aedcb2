"""One POST request, for webhooks: nothing is followed, unpacked, reused or remembered.

h11 knows the protocol. The socket is ours, so that its address is checked twice: before it is connected, and once it is
connected, before a byte is sent. A name that resolves to something else a moment later changes nothing.
"""

import asyncio
import contextlib
import email.utils
import functools
import socket
import ssl
import urllib.parse
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import h11

from server.delivery.reachable import AddressGuard
from server.organizations.delivery import KEPT_ANSWER

_SECONDS: Final = 10.0  # for all of it
_CONNECT_SECONDS: Final = 5.0  # for an address
_MOST_ADDRESSES: Final = 4  # that are tried of a name
_LOOKUPS: Final = 64  # names that are looked up at once, those included that nobody waits for any more
_MOST_READ: Final = 64 * 1024  # bytes, headers included
LONGEST_URL: Final = 2048


class InvalidUrl(ValueError):
    """A text is not the address of a webhook; says why."""


class NoAnswer(Exception):
    """The receiver cannot be reached, or does not answer as it should; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the receiver said: the beginning of the body, and for how long it wants to be left alone."""

    status: int
    text: str
    retry_after: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a request goes."""

    host: str
    port: int
    is_tls: bool
    path: str  # with the query

    @property
    def authority(self) -> str:
        """Returns the value of the header Host."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_tls else 80) else f"{host}:{self.port}"


def target(url: str) -> Target:
    """Returns where a URL leads; raises InvalidUrl."""
    if not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidUrl("holds a character that is not printable ASCII: write it encoded, as %C3%A9")
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidUrl(str(error)) from None
    if parts.scheme not in ("https", "http"):
        raise InvalidUrl(f"begins with {parts.scheme[:20] or 'no scheme'}, not with https://")
    if not parts.hostname:
        raise InvalidUrl("names no host")
    if port == 0:
        raise InvalidUrl("has port 0, which is none")
    if "@" in parts.netloc:
        raise InvalidUrl("holds a user name or a password: receivers know us by our signature")
    if parts.fragment:
        raise InvalidUrl("holds a fragment, which is never sent")
    is_tls = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(host=parts.hostname, port=port or (443 if is_tls else 80), is_tls=is_tls, path=path)


async def post(url: str, headers: Mapping[str, str], body: bytes, guard: AddressGuard) -> Answer:
    """Returns what the receiver says. Raises Unreachable for an address that may not be reached, NoAnswer where there
    is none, and InvalidUrl.
    """
    where = target(url)
    try:
        async with asyncio.timeout(_SECONDS):
            return await _post(where, headers, body, guard)
    except TimeoutError:
        raise NoAnswer(f"no answer within {_SECONDS:g} s") from None
    except ssl.SSLError as error:
        raise NoAnswer(f"no TLS connection: {error.reason or type(error).__name__}") from None
    except OSError as error:
        raise NoAnswer(f"no connection: {error.strerror or type(error).__name__}") from None
    except h11.ProtocolError as error:
        raise NoAnswer(f"no HTTP: {error}") from None


async def _post(where: Target, headers: Mapping[str, str], body: bytes, guard: AddressGuard) -> Answer:
    connected = await _connected(where, guard)
    tls = ssl.create_default_context() if where.is_tls else None
    try:
        reader, writer = await asyncio.open_connection(
            sock=connected, ssl=tls, server_hostname=where.host if tls else None
        )
    except BaseException:
        connected.close()
        raise
    try:
        http = h11.Connection(our_role=h11.CLIENT)
        sent = [("Host", where.authority), ("Content-Length", str(len(body))), ("Connection", "close")]
        request = h11.Request(method="POST", target=where.path, headers=[*sent, *headers.items()])
        for event in (request, h11.Data(data=body), h11.EndOfMessage()):
            writer.write(http.send(event) or b"")
        await writer.drain()
        return await _answer(http, reader)
    finally:
        writer.close()
        with contextlib.suppress(Exception):
            writer.transport.abort()


@functools.cache
def _lookups() -> ThreadPoolExecutor:
    """Returns the threads in which names are looked up. A lookup goes on for half a minute where the servers of a name
    do not answer, long after nobody waits for it; the threads of all else in this process must not wait for it.
    """
    return ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="lookup")


async def _connected(where: Target, guard: AddressGuard) -> socket.socket:
    """Returns a socket that is connected to an address that may be reached."""
    loop = asyncio.get_running_loop()
    try:
        lookup = functools.partial(socket.getaddrinfo, where.host, where.port, type=socket.SOCK_STREAM)
        found = await loop.run_in_executor(_lookups(), lookup)
    except (OSError, UnicodeError):
        raise NoAnswer(f"the name {where.host} is not known") from None
    # All of them: a name that also leads inside is up to something, or set up wrongly.
    for *_, address in found:
        guard.check_connection(str(address[0]), int(address[1]), is_tls=where.is_tls)
    last: Exception = NoAnswer(f"the name {where.host} has no address")
    for family, kind, protocol, _, address in found[:_MOST_ADDRESSES]:
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await loop.sock_connect(made, address)
            peer = made.getpeername()
            guard.check_connection(str(peer[0]), int(peer[1]), is_tls=where.is_tls)
        except OSError as error:  # a timeout is one, too
            made.close()
            last = error
        except BaseException:
            made.close()
            raise
        else:
            return made
    raise last


async def _answer(http: h11.Connection, reader: asyncio.StreamReader) -> Answer:
    """Reads an answer as far as it is kept."""
    response: h11.Response | None = None
    text, read = bytearray(), 0
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            data = await reader.read(4096)
            read += len(data)
            if read > _MOST_READ and response is None:
                raise NoAnswer(f"more than {_MOST_READ} bytes of headers")
            http.receive_data(data)
            continue
        if isinstance(event, h11.Response):
            response = event
        elif isinstance(event, h11.Data):
            text += event.data
        is_over = isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)) or event is h11.PAUSED
        if response is not None and (is_over or len(text) >= KEPT_ANSWER):
            return Answer(
                status=response.status_code,
                text=kept_text(bytes(text)),
                retry_after=_retry_after(dict(response.headers).get(b"retry-after", b"").decode("latin-1")),
            )
        if is_over:
            raise NoAnswer("the connection ended without an answer")


def kept_text(said: bytes) -> str:
    """Returns what is kept of what a receiver said: its beginning, without what no text may hold."""
    return said[:KEPT_ANSWER].decode("utf-8", errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def _retry_after(value: str) -> timedelta | None:
    """Returns the pause that a header asks for, in seconds or until a date; None where it is neither."""
    if value.isdecimal() and len(value) < 10:
        return timedelta(seconds=int(value))
    try:
        until = email.utils.parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return max(until - datetime.now(UTC), timedelta(0)) if until.tzinfo else None
