"""Mail that `up` and `demo` have caught: read from its folder, and shown to whoever may see its delivery."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Final

from server.web.upstream import Upstream
from tallywire.v1 import delivery_service_pb2 as pb

PATH: Final = "/caught-mail/"
SUFFIX: Final = ".eml"
_HTML: Final = "/html"
_DELIVERY: Final = "/tallywire.v1.DeliveryService/GetDelivery"
_SECONDS: Final = 10.0
# The HTML of a mail has its styles within it, and nothing else that it could do.
HTML_HEADERS: Final = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaughtMail:
    """A mail that was caught. number tells it from others of the folder: the newest has the greatest."""

    number: int
    message: EmailMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class MailAnswer:
    """What a page gets: JSON about a mail, or its HTML."""

    body: bytes
    is_html: bool


def files(folder: Path) -> list[Path]:
    """Returns the files of mails in a folder, in no order."""
    return [path for path in folder.glob(f"*{SUFFIX}") if path.stem.isdecimal()]


def caught(folder: Path) -> Sequence[CaughtMail]:
    """Returns the mails in a folder, the newest first."""
    return [CaughtMail(number=int(path.stem), message=_read(path)) for path in sorted(files(folder), reverse=True)]


async def answer(folder: Path | None, upstream: Upstream, path: str, credential: str | None) -> MailAnswer:
    """Returns the mail of a delivery, null where none was caught. The service decides who may see the delivery: raises
    AioRpcError where it refuses that.
    """
    wanted = path.removeprefix(PATH)
    is_html = wanted.endswith(_HTML)
    request = pb.GetDeliveryRequest(delivery_id=wanted.removesuffix(_HTML))
    told = await upstream.ask(_DELIVERY, request.SerializeToString(), credential, _SECONDS)
    receipt_id = pb.GetDeliveryResponse.FromString(told).delivery.receipt_id
    found = None if folder is None else await asyncio.to_thread(_of_receipt, folder, receipt_id)
    if is_html:
        return MailAnswer(body=_html(found).encode(), is_html=True)
    return MailAnswer(body=json.dumps({"mail": None if found is None else _told(found)}).encode(), is_html=False)


def _of_receipt(folder: Path, receipt_id: str) -> EmailMessage | None:
    """Returns the newest mail with a receipt's Message-ID."""
    wanted = f"<{receipt_id}@"
    sought = wanted.encode()
    for path in sorted(files(folder), reverse=True):
        content = path.read_bytes()
        if sought in content and str(_parsed(content)["Message-ID"] or "").startswith(wanted):
            return _parsed(content)
    return None


def _told(message: EmailMessage) -> dict[str, object]:
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    return {
        "headers": [[name, str(message[name] or "")] for name in ("From", "To", "Date", "Subject", "Message-ID")],
        "text": "" if text is None else text.get_content(),
        "has_html": html is not None,
        "files": [
            {"name": part.get_filename() or "", "bytes": len(part.get_payload(decode=True) or b"")}
            for part in message.iter_attachments()
        ],
    }


def _html(message: EmailMessage | None) -> str:
    body = None if message is None else message.get_body(("html",))
    return "" if body is None else str(body.get_content())


def _read(path: Path) -> EmailMessage:
    return _parsed(path.read_bytes())


def _parsed(content: bytes) -> EmailMessage:
    found = message_from_bytes(content, policy=policy.default)
    assert isinstance(found, EmailMessage)  # noqa: S101 - that is what the policy makes
    return found
