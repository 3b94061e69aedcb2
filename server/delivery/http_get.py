"""One GET request to an address of the operator's choice: nothing is followed, unpacked, reused or remembered.

Unlike those of webhooks these addresses are no tenant's: they may be private.
"""

import asyncio
import contextlib
import ssl
from typing import Final

import h11

from server import errors
from server.delivery.http_post import InvalidUrl, Target, target

_SECONDS: Final = 10.0  # for all of it
_MOST_HEADERS: Final = 64 * 1024  # bytes
_PORTION: Final = 16 * 1024


class NoDocument(errors.ForOperators):
    """There is nothing to be had at an address of the operator's choice; says why."""


async def get(url: str, *, most: int) -> bytes:
    """Returns the body at a URL, of at most so many bytes. Raises NoDocument where there is none, or another
    status than 200.
    """
    try:
        where = target(url)
        async with asyncio.timeout(_SECONDS):
            return await _get(where, most)
    except InvalidUrl as error:
        raise NoDocument(f"the address {error}") from None
    except TimeoutError:
        raise NoDocument(f"no answer within {_SECONDS:g} s") from None
    except ssl.SSLError as error:
        raise NoDocument(f"no TLS connection: {error.reason or type(error).__name__}") from None
    except (OSError, UnicodeError) as error:
        raise NoDocument(f"no connection: {getattr(error, 'strerror', None) or type(error).__name__}") from None
    except h11.ProtocolError as error:
        raise NoDocument(f"no HTTP: {error}") from None


async def _get(where: Target, most: int) -> bytes:
    tls = ssl.create_default_context() if where.is_tls else None
    name = where.host if tls else None
    reader, writer = await asyncio.open_connection(where.host, where.port, ssl=tls, server_hostname=name)
    try:
        http = h11.Connection(our_role=h11.CLIENT, max_incomplete_event_size=_MOST_HEADERS)
        headers = [("Host", where.authority), ("Accept", "application/json"), ("Connection", "close")]
        writer.write(http.send(h11.Request(method="GET", target=where.path, headers=headers)) or b"")
        writer.write(http.send(h11.EndOfMessage()) or b"")
        await writer.drain()
        return await _body(http, reader, most)
    finally:
        writer.close()
        with contextlib.suppress(Exception):
            writer.transport.abort()


async def _body(http: h11.Connection, reader: asyncio.StreamReader, most: int) -> bytes:
    body = bytearray()
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(await reader.read(_PORTION))
        elif isinstance(event, h11.Response):
            if event.status_code != 200:
                raise NoDocument(f"the status is {event.status_code}, not 200")
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > most:
                raise NoDocument(f"the answer is longer than {most:,} bytes")
        elif isinstance(event, h11.EndOfMessage):
            return bytes(body)
        elif event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
            raise NoDocument("the connection ended without an answer")
