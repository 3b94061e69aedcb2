"""Webhooks: how a receiver makes sure that a message is from tallywire, is new, and was not changed on its way.

Signatures are those of Standard Webhooks (https://www.standardwebhooks.com). This module needs nothing but the standard
library.
"""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

TOLERANCE: Final = 300.0  # seconds that a message may be old, or ahead of this machine's clock
_PREFIX: Final = "whsec_"
_VERSION: Final = "v1"


class InvalidSignature(Exception):
    """A message is not from whom it should be, was changed, or is too old; says which."""


def verify(
    secret: str | Iterable[str],
    headers: Mapping[str, str],
    body: bytes | str,
    *,
    tolerance: float = TOLERANCE,
    clock: Callable[[], float] = time.time,
) -> Any:
    """Returns the content of a message that a webhook got, and raises InvalidSignature unless it can be believed.

    secret is what CreateDestination or RotateSecret has shown, or several of them. headers may be spelled in any case.
    body is what came, byte by byte: a parsed and printed copy has another signature. tolerance is in seconds.

    Keep the ids (header webhook-id) of the last two days and drop a message whose id you have: after the death of a
    worker a message can come twice.
    """
    known = {name.lower(): value for name, value in headers.items()}
    try:
        message_id, timestamp = known["webhook-id"], known["webhook-timestamp"]
        signatures = known["webhook-signature"].split()
    except KeyError as missing:
        raise InvalidSignature(f"the header {missing.args[0]} is missing") from None
    _check_time(timestamp, tolerance, clock())
    content = body.encode() if isinstance(body, str) else bytes(body)
    signed = b".".join((message_id.encode(), timestamp.encode(), content))
    secrets = [secret] if isinstance(secret, str) else list(secret)
    if not _is_signed(signed, signatures, [_key(one) for one in secrets]):
        raise InvalidSignature("no signature is by the secret: the body was changed, or the secret is another one")
    try:
        return json.loads(content)
    except ValueError:
        raise InvalidSignature("the body is signed and no JSON") from None


def _check_time(timestamp: str, tolerance: float, now: float) -> None:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 15):
        raise InvalidSignature("webhook-timestamp is no number of seconds")
    if abs(now - int(timestamp)) > tolerance:
        raise InvalidSignature(f"the message is more than {tolerance:g} s old, or the clocks differ by that")


def _is_signed(signed: bytes, signatures: Iterable[str], keys: Iterable[bytes]) -> bool:
    """Returns whether one of the signatures is by one of the keys; each is compared in the same time."""
    expected = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys]
    found = [value for version, _, value in (one.partition(",") for one in signatures) if version == _VERSION]
    return any(hmac.compare_digest(one.encode(), other.encode()) for one in expected for other in found)


def _key(secret: str) -> bytes:
    text = secret.strip().removeprefix(_PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise ValueError("the secret is none: it begins with whsec_, and goes on in base64")
    return key
