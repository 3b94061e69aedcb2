"""Resume tokens: a subscriber's position, signed, so that the subscription can go on at any server."""

import base64
import binascii
import json
import uuid
from dataclasses import dataclass

from server.errors import Reason, Refused
from server.realtime.view import ViewFilter
from server.tenancy.keyed_hashes import KeyedHashes

_MAX_LENGTH = 512
_EPOCH_BYTES, _POSITION_BYTES = 16, 24


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionScope:
    """What a subscriber asked for, which must be the same each time it resumes."""

    organization_id: int
    part: ViewFilter
    include_events: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A subscriber's position: after a revision of an epoch."""

    epoch: str
    revision: int


class Tokens:
    """The tokens of one subscription. epoch is the epoch of its position."""

    __slots__ = ("_described", "_secrets", "epoch")

    def __init__(self, secrets: KeyedHashes, subscription: SubscriptionScope) -> None:
        described = [subscription.organization_id, *subscription.part.key, subscription.include_events]
        self._described = json.dumps(described).encode()
        self._secrets = secrets
        self.epoch = ""

    def after(self, revision: int) -> str:
        """Returns the token that resumes after a revision."""
        content = uuid.UUID(self.epoch).bytes + revision.to_bytes(8, "big")
        proof = self._secrets.token_hash(content + self._described)
        return base64.urlsafe_b64encode(content + proof).decode().rstrip("=")

    def position(self, text: str) -> Position:
        """Returns the position in a token; refuses every token that this subscription did not get."""
        if len(text) > _MAX_LENGTH or not text.isascii():
            raise _invalid()
        try:
            data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise _invalid() from None
        content, mac = data[:_POSITION_BYTES], data[_POSITION_BYTES:]
        if len(content) != _POSITION_BYTES or not self._secrets.proves(mac, content + self._described):
            raise _invalid()
        epoch, revision = content[:_EPOCH_BYTES], content[_EPOCH_BYTES:]
        return Position(epoch=str(uuid.UUID(bytes=epoch)), revision=int.from_bytes(revision, "big"))


def restored(epoch: str) -> Refused:
    """Returns the refusal of a subscriber whose position belongs to an epoch that has ended."""
    return Refused(
        Reason.RESTORED,
        "the database was restored to an earlier point: read the figures anew, and subscribe without resume_after",
        metadata={"epoch": epoch},
    )


def _invalid() -> Refused:
    return Refused(
        Reason.RESUME_TOKEN_INVALID,
        "resume_after is damaged, or belongs to another organization or filter",
        field="resume_after",
    )
