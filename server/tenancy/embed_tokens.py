"""Embed tokens: what a panel within somebody else's page may ask, signed. No row is kept of them."""

import base64
import binascii
import json
import secrets
from datetime import datetime
from typing import Any, Final

from server import timerange
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import EmbedGrant

PREFIX: Final = "twe_"
_CONTEXT = b"embed:"
_LONGEST = 6_000  # of a token; metadata beyond 8 KiB may be refused on the way


class EmbedTokens:
    """Makes and reads embed tokens."""

    def __init__(self, hashes: KeyedHashes) -> None:
        self._hashes = hashes

    def token(self, grant: EmbedGrant) -> str | None:
        """Returns the token of a grant; None where what it grants is too long to be sent with each call."""
        values = (
            grant.token_id,
            grant.organization_id,
            grant.maker_id,
            grant.conditions,
            grant.rpcs,
            grant.origins,
            int(grant.expires_at.timestamp()),
        )
        content = json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()
        text = PREFIX + base64.urlsafe_b64encode(self._hashes.sealed(_CONTEXT, content)).decode().rstrip("=")
        return text if len(text) <= _LONGEST else None

    def opened(self, text: str) -> EmbedGrant | None:
        """Returns what a token grants, whether or not it has ended; None where it was not made here."""
        if len(text) > _LONGEST or not text.startswith(PREFIX) or not text.isascii():
            return None
        data = text.removeprefix(PREFIX)
        try:
            sealed = base64.b64decode(data + "=" * (-len(data) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        content = self._hashes.opened(_CONTEXT, sealed)
        return None if content is None else _grant(json.loads(content))


def token_id() -> str:
    """Returns a new public id of a token."""
    return secrets.token_hex(8)


def _grant(values: list[Any]) -> EmbedGrant:
    token_id, organization_id, maker_id, conditions, rpcs, origins, expires_at = values
    return EmbedGrant(
        token_id=token_id,
        organization_id=organization_id,
        maker_id=maker_id,
        conditions=tuple((dimension, value) for dimension, value in conditions),
        rpcs=tuple(rpcs),
        origins=tuple(origins),
        expires_at=_at(expires_at),
    )


def _at(seconds: int) -> datetime:
    return timerange.of_microseconds(seconds * 1_000_000)
