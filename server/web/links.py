"""What links in mails and webhooks open: files, and the page where a recipient says that it wants no more mail.

The link is the credential; no session is asked for, and none is read. Looking at the page changes nothing, since
programs that scan mails open every link: only its button does, or that of a mail program (RFC 8058), which sends the
same POST.
"""

import asyncio
import html
import urllib.parse
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

import grpc

from server import telemetry
from server.web.headers import PublicSite
from server.web.upstream import Upstream
from tallywire.v1 import delivery_service_pb2 as pb

Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_DOWNLOAD, _MAIL = "/download/", "/mail/"
_READ: Final = "/tallywire.v1.DeliveryService/ReadDownload"
_SUBSCRIBE: Final = "/tallywire.v1.DeliveryService/ChangeMailSubscription"
_SECONDS: Final = 30.0  # of a call
_SEND_SECONDS: Final = 60.0  # until a reader has taken a part; then it is gone
_CODES: Final = {
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.INVALID_ARGUMENT: 404,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}
_NOTHING: Final = "This link opens nothing"


def takes(path: str) -> bool:
    """Returns whether a path is that of a link."""
    return path.startswith((_DOWNLOAD, _MAIL))


class LinkPages:
    """Answers requests for links."""

    def __init__(self, upstream: Upstream, site: PublicSite) -> None:
        self._upstream = upstream
        self._site = site

    async def answer(self, method: str, path: str, receive: Receive, send: Send) -> None:
        """Answers a request."""
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            if path.startswith(_DOWNLOAD) and method in ("GET", "HEAD"):
                await self._download(method, path.removeprefix(_DOWNLOAD), gone, send)
            elif path.startswith(_MAIL) and method in ("GET", "HEAD", "POST"):
                await self._mail(method, path.removeprefix(_MAIL), send)
            else:
                await self._page(send, 405, "That is no way to open a link", "")
        except grpc.aio.AioRpcError as failure:
            status = _CODES.get(failure.code(), 500)
            why = str(failure.details() or "") if status == 404 else "Try again in a minute."
            await self._page(send, status, _NOTHING if status == 404 else "The service does not answer", why)
        finally:
            gone.cancel()

    async def _download(self, method: str, token: str, gone: "asyncio.Future[None]", send: Send) -> None:
        """Sends a file part by part, as fast as it is read; ends where the reader has gone."""
        part = await self._read(token, 0)
        file = part.file
        name = urllib.parse.quote(file.name, safe="")
        headers = [
            (b"content-type", file.media_type.encode("ascii", errors="replace")),
            (b"content-length", str(file.size).encode()),
            (b"content-disposition", f"attachment; filename*=UTF-8''{name}".encode()),
            (b"cache-control", b"private, no-store"),
        ]
        await self._start(send, 200, headers)
        sent = 0
        while method == "GET" and part.content and not gone.done():
            sent += len(part.content)
            async with asyncio.timeout(_SEND_SECONDS):
                await send({"type": "http.response.body", "body": part.content, "more_body": sent < file.size})
            telemetry.WEB_SENT_BYTES.inc(len(part.content))
            if sent >= file.size:
                return
            part = await self._read(token, sent)
        await send({"type": "http.response.body", "body": b""})

    async def _read(self, token: str, offset: int) -> pb.ReadDownloadResponse:
        request = pb.ReadDownloadRequest(token=token, offset=offset)
        answer = await self._upstream.ask(_READ, request.SerializeToString(), None, _SECONDS)
        return pb.ReadDownloadResponse.FromString(answer)

    async def _mail(self, method: str, token: str, send: Send) -> None:
        again = token.endswith("/again")
        if method != "POST":
            button = '<form method="post"><button>No more mails</button></form>'
            await self._page(send, 200, "Mails to you", "Do you want to get no more mails from here?", button)
            return
        request = pb.ChangeMailSubscriptionRequest(token=token.removesuffix("/again"), subscribed=again)
        answer = await self._upstream.ask(_SUBSCRIBE, request.SerializeToString(), None, _SECONDS)
        address = pb.ChangeMailSubscriptionResponse.FromString(answer).address
        if again:
            await self._page(send, 200, "You get mails again", f"They go to {address}.")
            return
        action = f"{_MAIL}{urllib.parse.quote(token, safe='')}/again"
        button = f'<form method="post" action="{html.escape(action)}"><button>Get them again</button></form>'
        await self._page(send, 200, "No more mails", f"Nothing is sent to {address} from here any more.", button)

    async def _page(self, send: Send, status: int, title: str, text: str, form: str = "") -> None:
        body = (
            '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title>{html.escape(title)}</title><h1>{html.escape(title)}</h1><p>{html.escape(text)}</p>{form}</html>\n"
        ).encode()
        headers = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        await self._start(send, status, headers)
        await send({"type": "http.response.body", "body": body})

    async def _start(self, send: Send, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        own = self._site.headers()
        await send({"type": "http.response.start", "status": status, "headers": [*headers, *own]})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
