"""The event as it is stored and counted, after everything about it has been checked."""

import enum
import hashlib
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import NamedTuple

# The ids and names of an event, in the order in which they stand everywhere.
ID_FIELDS = (
    "agent_id",
    "user_id",
    "conversation_id",
    "channel",
    "team_id",
    "campaign_id",
    "resource_type",
    "resource_id",
)


class Warning(enum.Enum):  # noqa: A001 - the word of the contract; nothing here means the builtin
    """Tells a sender what was changed on the way in, or is counted in another way than it might think."""

    TIME_DEFAULTED = enum.auto()
    REDACTED = enum.auto()
    CLOCK_CORRECTED = enum.auto()
    CARDINALITY_OVERFLOW = enum.auto()
    CLOCK_SKEW = enum.auto()
    PLACEHOLDER_ID = enum.auto()
    PRECISION = enum.auto()


class Event(NamedTuple):
    """Something that happened, checked and ready to be stored. Unset texts are empty.

    A tuple and not a dataclass: one is made per event on the hot path, and a frozen dataclass of this size takes four
    times as long to make.
    """

    event_id: str
    event_key: bytes  # 16 bytes, see key_of
    fingerprint: int  # of what the sender said, 64 bits, see server/events/fingerprint.py
    event_type: str
    occurred_at: int  # microseconds since 1970, UTC
    agent_id: str
    user_id: str
    conversation_id: str
    channel: str
    team_id: str
    campaign_id: str
    resource_type: str
    resource_id: str
    detail: Mapping[str, int | str]
    properties: str  # a JSON object, or empty
    warnings: tuple[Warning, ...]

    @property
    def bucket(self) -> int:
        """The quarter hour in which it occurred."""
        return self.occurred_at // 900_000_000


_UUID_LENGTH, _DASHES = 36, (8, 13, 18, 23)
_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


def key_of(event_id: str) -> bytes:
    """The 16 bytes that stand for an event_id within its organization.

    A UUIDv7 in its usual form is its own key: neighbours in time are neighbours in the index, and the id can be read
    back from the key. Any other id is hashed and marked as UUID version 8, so that the two kinds never meet.
    """
    return uuid7_key(event_id) or hashed_key(event_id)


def hashed_key(event_id: str) -> bytes:
    """The key of an id that is no UUIDv7 in its usual form."""
    digest = bytearray(hashlib.blake2b(event_id.encode(), digest_size=16).digest())
    digest[6] = 0x80 | digest[6] & 0x0F
    return bytes(digest)


def uuid7_key(event_id: str) -> bytes | None:
    """The key of an id that is a UUIDv7 in its usual form; None for any other."""
    return bytes.fromhex(event_id.replace("-", "")) if _UUID7.fullmatch(event_id) else None


def uuid7_keys(event_ids: Sequence[str]) -> list[bytes] | None:
    """The keys of ids that are all UUIDv7 in their usual form; None where one is not. Looks at all of them at once,
    which takes a third of the time of one after the other.
    """
    count = len(event_ids)
    if count == 1:  # by itself it takes a third of the time
        key = uuid7_key(event_ids[0])
        return [key] if key else None
    if not set(map(len, event_ids)) <= {_UUID_LENGTH}:
        return None
    joined = "".join(event_ids)
    digits = joined.replace("-", "")
    dashes = "-" * count
    if any(joined[place::_UUID_LENGTH] != dashes for place in _DASHES) or joined[14::_UUID_LENGTH] != "7" * count:
        return None
    try:
        keys = bytes.fromhex(digits)
    except ValueError:
        return None
    if keys.hex() != digits:  # capitals, or spaces, which fromhex() skips
        return None
    return [keys[start : start + 16] for start in range(0, len(keys), 16)]


def id_of(event_key: bytes) -> str | None:
    """The event_id that a key was made of, where it can be read back."""
    return str(uuid.UUID(bytes=event_key)) if event_key[6] >> 4 == 7 else None


# The namespace of UUIDv5 in which the service makes ids.
_MADE = uuid.UUID("6f1f8c52-6f0f-4d0b-9a5e-0c6a7d7f3b11")


def made_key(*follows_from: str) -> bytes:
    """The key of an event that the service makes: a UUIDv5 of what the event follows from, so that whoever makes it
    again makes the same event. The key of an id that a client sends is never one.
    """
    return uuid.uuid5(_MADE, "\0".join(follows_from)).bytes


def is_made(event_key: bytes) -> bool:
    """True for the key of an event that the service has made."""
    return event_key[6] >> 4 == 5


def conversation_key_of(conversation_id: str) -> bytes:
    """The 16 bytes that stand for a conversation within its organization."""
    return hashlib.blake2b(conversation_id.encode(), digest_size=16).digest()
