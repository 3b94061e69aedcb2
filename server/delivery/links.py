"""Links in what is sent: to files of a message, and to the page where a recipient says that it wants no more mail.

A link is a sealed token: nobody else makes or reads one. One to a file names the message and the file, never a place in
the object store, and opens it until it expires, the message is removed, or what it is about is deleted.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from server import timerange
from server.tenancy.keyed_hashes import KeyedHashes

_DOWNLOAD, _MAIL = b"download:", b"recipient:"
_LONGEST: Final = 1024
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLink:
    """What a link opens: a file of a message, by its place in it, until then."""

    organization_id: int
    message_id: str
    place: int
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MailLink:
    """Whose mail a link is about."""

    organization_id: int
    address: str


class Links:
    """Makes and reads links. origin is the address of the pages; kept is for how long a link to a file opens it."""

    def __init__(self, hashes: KeyedHashes, origin: str, kept: timedelta) -> None:
        self._hashes = hashes
        self._origin = origin
        self._kept = kept

    def to_file(self, organization_id: int, message_id: str, place: int, now: datetime) -> tuple[str, datetime]:
        """Returns the URL of a file, and when it expires: at a midnight of UTC, so that tries of a day are equal."""
        expires_at = (now + self._kept + _DAY).replace(hour=0, minute=0, second=0, microsecond=0)
        token = self._token(_DOWNLOAD, [organization_id, message_id, place, int(expires_at.timestamp())])
        return f"{self._origin}/download/{token}", expires_at

    def to_page(self, path: str) -> str:
        """Returns the URL of a page, which asks whoever has not signed in to do so."""
        return f"{self._origin}{path}"

    def to_refusal(self, organization_id: int, address: str) -> str:
        """Returns the URL of the page where a recipient says whether it wants mail."""
        return f"{self._origin}/mail/{self._token(_MAIL, [organization_id, address])}"

    def file(self, token: str) -> FileLink | None:
        """Returns what a link opens, whether or not it has expired; None where it is none of ours."""
        values = self._values(_DOWNLOAD, token)
        if values is None:
            return None
        organization_id, message_id, place, expires_at = values
        return FileLink(
            organization_id=organization_id,
            message_id=message_id,
            place=place,
            expires_at=timerange.of_microseconds(expires_at * 1_000_000),
        )

    def mail(self, token: str) -> MailLink | None:
        """Returns whose mail a link is about; None where it is none of ours."""
        values = self._values(_MAIL, token)
        return None if values is None else MailLink(organization_id=values[0], address=values[1])

    def _token(self, context: bytes, values: list[object]) -> str:
        content = json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._hashes.sealed(context, content)).decode().rstrip("=")

    def _values(self, context: bytes, token: str) -> list[Any] | None:
        if len(token) > _LONGEST or not token.isascii():
            return None
        try:
            sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        content = self._hashes.opened(context, sealed)
        if content is None:
            return None
        values: list[Any] = json.loads(content)
        return values
