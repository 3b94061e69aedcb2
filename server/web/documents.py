"""One request to an identity provider: GET, or POST of a form. Nothing is followed, unpacked, reused or remembered.

Its addresses are those of the operator's file and of the provider's own document, so they may be private.
"""

import asyncio
import contextlib
import ssl
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Final

import h11

from server import errors, identity_file

_SECONDS: Final = 10.0  # for all of it
_MOST_BYTES: Final = 256 * 1024  # of an answer
_MOST_HEADERS: Final = 64 * 1024  # bytes
_PORTION: Final = 16 * 1024


class ProviderAway(errors.ForOperators):
    """A provider has not answered; says why, and nothing of what was asked."""


async def ask(
    url: str, *, form: Mapping[str, str] | None = None, headers: Sequence[tuple[str, str]] = ()
) -> tuple[int, bytes]:
    """Returns status and body of an answer. Raises ProviderAway."""
    if not identity_file.is_safe(url):
        raise ProviderAway("the address is no https:// address")
    try:
        async with asyncio.timeout(_SECONDS):
            return await _ask(urllib.parse.urlsplit(url), form, headers)
    except TimeoutError:
        raise ProviderAway(f"no answer within {_SECONDS:g} s") from None
    except ssl.SSLError as error:
        raise ProviderAway(f"no TLS connection: {error.reason or type(error).__name__}") from None
    except (OSError, UnicodeError) as error:
        raise ProviderAway(f"no connection: {getattr(error, 'strerror', None) or type(error).__name__}") from None
    except h11.ProtocolError:
        raise ProviderAway("no HTTP") from None


async def _ask(
    where: urllib.parse.SplitResult, form: Mapping[str, str] | None, headers: Sequence[tuple[str, str]]
) -> tuple[int, bytes]:
    tls = ssl.create_default_context() if where.scheme == "https" else None
    host, port = where.hostname or "", where.port or (443 if tls else 80)
    reader, writer = await asyncio.open_connection(host, port, ssl=tls, server_hostname=host if tls else None)
    try:
        http = h11.Connection(our_role=h11.CLIENT, max_incomplete_event_size=_MOST_HEADERS)
        body = b"" if form is None else urllib.parse.urlencode(form).encode()
        sent = [("Host", where.netloc), ("Accept", "application/json"), ("Connection", "close"), *headers]
        if form is not None:
            sent += [("Content-Type", "application/x-www-form-urlencoded"), ("Content-Length", str(len(body)))]
        path = (where.path or "/") + (f"?{where.query}" if where.query else "")
        method = "GET" if form is None else "POST"
        writer.write(http.send(h11.Request(method=method, target=path, headers=sent)) or b"")
        if body:
            writer.write(http.send(h11.Data(data=body)) or b"")
        writer.write(http.send(h11.EndOfMessage()) or b"")
        await writer.drain()
        return await _answer(http, reader)
    finally:
        writer.close()
        with contextlib.suppress(Exception):
            writer.transport.abort()


async def _answer(http: h11.Connection, reader: asyncio.StreamReader) -> tuple[int, bytes]:
    status, body = 0, bytearray()
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(await reader.read(_PORTION))
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > _MOST_BYTES:
                raise ProviderAway(f"the answer is longer than {_MOST_BYTES:,} bytes")
        elif isinstance(event, h11.EndOfMessage):
            return status, bytes(body)
        elif event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
            raise ProviderAway("the connection ended without an answer")
