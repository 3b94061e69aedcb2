"""Resume tokens: where a subscriber stands, signed, so that it can go on at any server."""

import base64
import binascii
import json
from dataclasses import dataclass

from server.accounts import Secrets
from server.errors import Reason, Refused
from server.realtime import Part

_MAX_LENGTH = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What a subscriber asked for; the same on every resumption."""

    organization_id: int
    part: Part
    include_events: bool


class Tokens:
    """Makes and reads the tokens of one subscription."""

    __slots__ = ("_described", "_secrets")

    def __init__(self, secrets: Secrets, subscription: Subscription) -> None:
        part = subscription.part
        described = [subscription.organization_id, sorted(part.agent_ids), part.channel, subscription.include_events]
        self._described = json.dumps(described).encode()
        self._secrets = secrets

    def after(self, revision: int) -> str:
        """The token that resumes after a revision."""
        content = revision.to_bytes(8, "big")
        proof = self._secrets.token_hash(content + self._described)
        return base64.urlsafe_b64encode(content + proof).decode().rstrip("=")

    def revision(self, text: str) -> int:
        """The revision that a token resumes after; refuses every token that is not one of this subscription's own."""
        if len(text) > _MAX_LENGTH or not text.isascii():
            raise _invalid()
        try:
            data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise _invalid() from None
        content, mac = data[:8], data[8:]
        if len(content) != 8 or not self._secrets.proves(mac, content + self._described):
            raise _invalid()
        return int.from_bytes(content, "big")


def _invalid() -> Refused:
    return Refused(
        Reason.RESUME_TOKEN_INVALID,
        "resume_after is damaged, or belongs to another organization or filter",
        field="resume_after",
    )
