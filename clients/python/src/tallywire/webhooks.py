"""Webhooks: how a receiver makes sure that a message is from tallywire, is new, and was not changed on its way.

Signatures are those of Standard Webhooks (https://www.standardwebhooks.com). This module needs nothing but the standard
library.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

TOLERANCE: Final = 300.0  # seconds that a message may be old, or ahead of this machine's clock
_PREFIX: Final = "whsec_"
_VERSION: Final = "v1"
_INSTANT: Final = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


class InvalidWebhook(Exception):
    """A message is not from whom it should be, was changed, or is too old: the subclass says which. Answer 400."""


class MissingHeader(InvalidWebhook):
    """One of the headers webhook-id, webhook-timestamp and webhook-signature is missing or empty."""


class BadTimestamp(InvalidWebhook):
    """webhook-timestamp is no number of seconds."""


class TooOld(InvalidWebhook):
    """The message was sent longer ago than the tolerance: somebody may be sending it again."""


class TooNew(InvalidWebhook):
    """The message was sent later than now, by more than the tolerance: one of the two clocks is wrong."""


class NoMatchingSignature(InvalidWebhook):
    """No signature was made with one of the secrets: the body was changed, or the secret is another one."""


class BadBody(InvalidWebhook):
    """The signature is right and the body is no message of tallywire: the secret signs for somebody else, too."""


class BadSecret(ValueError):
    """A secret is none: it begins with whsec_ and goes on in base64. A fault of the receiver's settings: answer 500."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEvent:
    """What a webhook was told. message_id is the header webhook-id: drop a message whose id you have had. type is like
    "report.finished", timestamp when the message was made, and data its content, which depends on the type.
    """

    message_id: str
    type: str
    timestamp: datetime
    data: Mapping[str, Any]


def verify(
    secret: str | Iterable[str],
    headers: Mapping[str, str],
    body: bytes | str,
    *,
    tolerance: float = TOLERANCE,
    clock: Callable[[], float] = time.time,
) -> WebhookEvent:
    """Returns what a webhook was told, and raises a subclass of InvalidWebhook unless it can be believed.

    secret is what CreateDestination or RotateSecret has shown, or several of them; BadSecret is raised where one is
    none. headers may be spelled in any case. body is what came, byte by byte: a parsed and printed copy has another
    signature. tolerance is in seconds.

    Keep message_id for two days and drop a message whose id you have: after the death of a worker a message can come
    twice.
    """
    keys = _keys(secret)
    known = {name.lower(): value for name, value in headers.items()}
    message_id, timestamp, signatures = (
        _present(known, name) for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
    )
    _check_time(timestamp, tolerance, clock())
    content = body.encode() if isinstance(body, str) else bytes(body)
    signed = b".".join((message_id.encode(), timestamp.encode(), content))
    if not _is_signed(signed, signatures.split(), keys):
        raise NoMatchingSignature("no signature is by the secret: the body was changed, or the secret is another one")
    return _event(message_id, content)


def _present(headers: Mapping[str, str], name: str) -> str:
    if not (value := headers.get(name, "")):
        raise MissingHeader(f"the header {name} is missing")
    return value


def _check_time(timestamp: str, tolerance: float, now: float) -> None:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 15):
        raise BadTimestamp("webhook-timestamp is no number of seconds")
    if now - int(timestamp) > tolerance:
        raise TooOld(f"the message was sent more than {tolerance:g} s ago")
    if int(timestamp) - now > tolerance:
        raise TooNew(f"the message is dated more than {tolerance:g} s ahead: one of the two clocks is wrong")


def _is_signed(signed: bytes, signatures: Iterable[str], keys: Iterable[bytes]) -> bool:
    """Returns whether one of the signatures is by one of the keys; each is compared in the same time."""
    expected = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys]
    found = [value for version, _, value in (one.partition(",") for one in signatures) if version == _VERSION]
    return any(hmac.compare_digest(one.encode(), other.encode()) for one in expected for other in found)


def _event(message_id: str, content: bytes) -> WebhookEvent:
    try:
        told = json.loads(content.decode())
    except ValueError:
        raise BadBody("the body is signed and no JSON") from None
    fields = told if isinstance(told, dict) else {}
    kind, at, data = fields.get("type"), fields.get("timestamp"), fields.get("data")
    if not (isinstance(kind, str) and isinstance(at, str) and _INSTANT.fullmatch(at) and isinstance(data, dict)):
        raise BadBody("the body is signed and has no type, timestamp and data")
    try:
        return WebhookEvent(message_id=message_id, type=kind, timestamp=datetime.fromisoformat(at.upper()), data=data)
    except ValueError:
        raise BadBody(f"the body is signed and its timestamp is none: {at}") from None


def _keys(secret: str | Iterable[str]) -> Sequence[bytes]:
    keys = [_key(one) for one in ([secret] if isinstance(secret, str) else secret)]
    if not keys:
        raise BadSecret("no secret is given, so nothing can be believed")
    return keys


def _key(secret: str) -> bytes:
    text = secret.strip().removeprefix(_PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise BadSecret("the secret is none: it begins with whsec_, and goes on in base64")
    return key
