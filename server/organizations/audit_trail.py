"""The audit trail's values: who did what to what, when, and the hashes that chain the entries of an organization.

An entry's hash is over a canonical form of it and of the hash of the entry before: to change, insert or remove one, all
later ones would have to be made anew.
"""

import enum
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from server import timerange

FIRST_HASH: Final = bytes(32)  # stands before the first entry
MOST_BYTES: Final = 16 * 1024  # of what was before, and of what is after
_LONGEST_TEXT: Final = 256  # bytes, of each text
_ACTION = re.compile(r"[a-z_]+\.[a-z_]+")
_FORM = 1  # of what is hashed


class ActorKind(enum.StrEnum):
    """Who can have done something."""

    API_KEY = "api_key"  # an organization's own, over gRPC
    CERTIFICATE = "certificate"  # a program by its client certificate
    IDENTITY = "identity"  # somebody with a token of the organization's identity provider
    OPERATOR = "operator"  # somebody at the command line of the deployment
    SERVICE = "service"  # the service by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who did something: an API key by its id, somebody with an identity token as SUBJECT|ISSUER, a program by what its
    certificate says, an operator by name, or a part of the service. peer is the address of the caller, if it is known.
    """

    kind: ActorKind
    id: str
    peer: str = ""


UNNAMED_OPERATOR: Final = Actor(kind=ActorKind.OPERATOR, id="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is to be recorded. action is of the form noun.verb in the past; subject is what it was done to, as the id of
    a key. before and after hold what has changed, without secrets and without anything about
    users.
    """

    actor: Actor
    action: str
    subject: str
    before: Mapping[str, object] | None = None
    after: Mapping[str, object] | None = None

    def __post_init__(self) -> None:
        """Refuses an action that does not have the form of one."""
        if _ACTION.fullmatch(self.action) is None:
            raise ValueError(f"{self.action!r} is not of the form noun.verb")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptEntry:
    """An entry as it is stored. before and after are JSON as it was hashed; empty where there was nothing."""

    organization_id: int
    number: int
    at: datetime
    actor: Actor
    action: str
    subject: str
    before: str
    after: str
    previous_hash: bytes
    hash: bytes

    @classmethod
    def of(cls, entry: Entry, organization_id: int, number: int, at: datetime, previous_hash: bytes) -> "KeptEntry":
        """Returns an entry as it is stored behind another one."""
        actor = entry.actor
        return _hashed(
            cls(
                organization_id=organization_id,
                number=number,
                at=at,
                actor=Actor(kind=actor.kind, id=_text(actor.id), peer=_text(actor.peer)),
                action=_text(entry.action),
                subject=_text(entry.subject),
                before=_json(entry.before),
                after=_json(entry.after),
                previous_hash=previous_hash,
                hash=b"",
            )
        )

    def is_intact(self) -> bool:
        """Returns whether the hash is that of what the entry says."""
        return self.hash == _hash(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which entries are wanted; what is None does not matter. actions are those that begin like that; digest is what
    the subject may be told as instead.
    """

    actor_kind: str | None = None
    actor_id: str | None = None
    actions: str | None = None
    subject: str | None = None
    digest: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def _hashed(entry: KeptEntry) -> KeptEntry:
    values = {name: getattr(entry, name) for name in entry.__dataclass_fields__}
    return KeptEntry(**{**values, "hash": _hash(entry)})


def hashed_form(entry: KeptEntry) -> str:
    """Returns the text whose SHA-256 is an entry's hash."""
    form = [
        _FORM,
        entry.organization_id,
        entry.number,
        (entry.at - timerange.EPOCH) // timedelta(microseconds=1),
        entry.actor.kind.value,
        entry.actor.id,
        entry.actor.peer,
        entry.action,
        entry.subject,
        entry.before,
        entry.after,
        entry.previous_hash.hex(),
    ]
    return json.dumps(form, separators=(",", ":"))


def _hash(entry: KeptEntry) -> bytes:
    return hashlib.sha256(hashed_form(entry).encode()).digest()


def _text(value: str) -> str:
    """Returns a text as it can be stored, cut to the most bytes that one has."""
    plain = value.replace("\0", "").encode("utf-8", errors="replace")
    return plain[:_LONGEST_TEXT].decode("utf-8", errors="ignore")


def _json(value: Mapping[str, object] | None) -> str:
    """Returns what has changed as JSON; what is too long for an entry is told by its digest."""
    if value is None:
        return ""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    if len(text) > MOST_BYTES:
        digest = hashlib.sha256(text.encode()).hexdigest()
        return json.dumps({"omitted_bytes": len(text), "sha256": digest}, separators=(",", ":"))
    return text
