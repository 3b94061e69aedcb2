"""Signatures of webhooks by the Standard Webhooks scheme, and the secrets that they are made with."""

import base64
import secrets
from datetime import datetime
from typing import Final

from standardwebhooks import Webhook

from server.organizations.delivery import KeptDestination
from server.tenancy.keyed_hashes import KeyedHashes

_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32


def new_secret() -> bytes:
    """Returns a new secret."""
    return secrets.token_bytes(_SECRET_BYTES)


def shown(secret: bytes) -> str:
    """Returns a secret as receivers are given it."""
    return _PREFIX + base64.b64encode(secret).decode()


def kept(hashes: KeyedHashes, organization_id: int, destination_id: str, secret: bytes) -> bytes:
    """Returns a secret as it is stored."""
    return hashes.kept(_context(organization_id, destination_id), secret)


def secrets_of(
    hashes: KeyedHashes, organization_id: int, destination: KeptDestination, now: datetime
) -> list[bytes] | None:
    """Returns the secrets that sign now, the newest first: two while one takes the other's place. None where they
    cannot be read, since the key that sealed them is another one.
    """
    sealed = [destination.secret]
    if destination.old_secret_until is not None and destination.old_secret_until > now:
        sealed.append(destination.old_secret)
    context = _context(organization_id, destination.destination_id)
    found = [hashes.read_kept(context, one) for one in sealed]
    return [one for one in found if one is not None] if None not in found else None


def headers(receipt_id: str, at: datetime, body: str, known: list[bytes]) -> dict[str, str]:
    """Returns the headers that prove a body, with a signature by each secret."""
    return {
        "webhook-id": receipt_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(one).sign(receipt_id, at, body) for one in known),
    }


def _context(organization_id: int, destination_id: str) -> bytes:
    return b"destination:%d:%s:" % (organization_id, destination_id.encode())
