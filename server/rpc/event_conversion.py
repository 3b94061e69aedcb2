"""Events between their messages and their values: one road for single events, batches and streams."""

import functools
import operator
import os
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from google.protobuf import timestamp_pb2
from google.protobuf.descriptor import FieldDescriptor

from server.errors import Reason, Refused
from server.events import fingerprint, redaction, rules
from server.events.event import ID_FIELDS, Event, Warning, key_of, uuid7_keys
from server.events.fingerprint import Fingerprints
from server.events.rules import Horizon
from server.rpc import event_properties
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import Principal, Scope
from tallywire.v1 import event_pb2

CLOCK_TOLERANCE = int(rules.CLOCK_TOLERANCE.total_seconds() * 1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderFacts:
    """What has to be known of a call to read its events. Times are microseconds since 1970."""

    principal: Principal
    secrets: KeyedHashes
    fingerprints: Fingerprints
    horizon: Horizon
    sent_at: int | None
    clock_skew: int  # how far its clock seems to be ahead; 0 where it is within the tolerance
    correction: int  # added to its times

    @classmethod
    def of(
        cls,
        principal: Principal,
        secrets: KeyedHashes,
        now: datetime,
        *,
        sent_at: timestamp_pb2.Timestamp | None = None,
        correct_clock: bool = False,
        any_age: bool = False,
    ) -> "SenderFacts":
        """The sender of a call that is being received now, whose events may be of any age, if the scope allows it or
        any_age is true.
        """
        if correct_clock and sent_at is None:
            raise rules.required("sent_at")
        horizon = rules.horizon(
            now,
            backfill=any_age or principal.may(Scope.BACKFILL),
            key_retention_days=principal.settings.key_retention_days,
        )
        sent = None if sent_at is None else rules.timestamp("sent_at", sent_at.seconds, sent_at.nanos)
        ahead = 0 if sent is None else sent - horizon.now
        skew = ahead if abs(ahead) > CLOCK_TOLERANCE else 0
        return cls(
            principal=principal,
            secrets=secrets,
            fingerprints=_fingerprints(secrets.content_key(principal.organization_id)),
            horizon=horizon,
            sent_at=sent,
            clock_skew=skew,
            correction=-skew if correct_clock else 0,
        )

    @property
    def warnings(self) -> tuple[Warning, ...]:
        """The warnings of every event that tells when it occurred."""
        if self.correction:
            return (Warning.CLOCK_CORRECTED,)
        return (Warning.CLOCK_SKEW,) if self.clock_skew else ()

    @property
    def window(self) -> tuple[int, int]:
        """The first and the last time that its events may tell, by its own clock, those aside about which there is
        more to be said.
        """
        latest = min(self.horizon.latest - self.correction, rules.LAST_INSTANT)
        if self.sent_at is not None:
            latest = min(latest, self.sent_at + CLOCK_TOLERANCE)
        return max(self.horizon.earliest - self.correction, 1), latest  # a time of 0 may be one that is not set


_fingerprints = functools.lru_cache(maxsize=1024)(Fingerprints)  # 1.5 µs a call, of which the key takes most


def event(message: event_pb2.Event, sender: SenderFacts) -> Event:
    """The event of a message, checked; Refused says what is wrong with it."""
    (one,) = read((message,), sender)
    if isinstance(one, Refused):
        raise one
    return one


_Head: TypeAlias = tuple[str, str, timestamp_pb2.Timestamp]
_head_of: Callable[[event_pb2.Event], _Head] = operator.attrgetter("event_id", "event_type", "occurred_at")


def read(messages: Iterable[event_pb2.Event], sender: SenderFacts) -> list[Event | Refused]:
    """The event of each message, checked, or why there is none.

    What can be looked at for all of them at once is, and ids that come together are checked once: events of a batch
    take half the time of single ones. This is the hottest loop of the service, hence its length.
    """
    messages = list(messages)
    heads = list(map(_head_of, messages))
    keys: Sequence[bytes | None] = uuid7_keys([one for one, _, _ in heads]) or [None] * len(heads)
    found: list[Event | Refused] = []
    checked: dict[Ids, tuple[Ids, str, tuple[Warning, ...]]] = {}
    correction, usual = sender.correction, sender.warnings
    earliest, latest = sender.window
    said_of, fingerprint_of, families, make = fingerprint.content, sender.fingerprints.of, rules.FAMILIES, tuple.__new__
    for message, (event_id, event_type, stamp), key in zip(messages, heads, keys, strict=True):
        try:
            if key is None:
                event_id, key = _identity(event_id)  # noqa: PLW2901
            family = families.get(event_type)
            if family is None:
                rules.event_type(event_type)
            nanos, warnings = stamp.nanos, usual
            said_at = stamp.seconds * 1_000_000 + nanos // 1000
            if earliest <= said_at <= latest and 0 <= nanos < 1_000_000_000:
                occurred_at = said_at + correction
            else:
                said_at, occurred_at, warnings = _odd_time(message, event_id, sender)
            given = _ids_of(message)
            identified = checked.get(given)
            if identified is None:
                identified = checked[given] = _identified(given, sender)
            ids, said_ids, more = identified
            if more:
                warnings += more
            if event_type in _NEEDY:
                _check_needs(event_type, ids, given)
            detail, said_detail, later = _detail(message, event_type, family, sender)
            said_properties = properties = ""
            if message.HasField("properties"):
                said_properties, properties, more = _properties(message, sender)
                warnings += more
            said = said_of(event_type, said_at, said_ids, said_detail, said_properties)
            one = fingerprint_of(said, later)
            # Without Event's own constructor, whose arguments are taken one by one.
            values = (event_id, key, one, event_type, occurred_at) + ids + (detail, properties, warnings)  # noqa: RUF005
            found.append(make(Event, values))
        except Refused as refusal:
            # Another one, without frames: they hold whatever has been made of the events.
            found.append((rules.event_too_large() if _is_large(message) else refusal).again())
    return found


Ids: TypeAlias = tuple[str, str, str, str, str, str, str, str]  # of an event, in the order of ID_FIELDS
_ids_of: Callable[[event_pb2.Event], Ids] = operator.attrgetter(*ID_FIELDS)


def _identity(event_id: str) -> tuple[str, bytes]:
    """An event's id, which the server makes where there is none, and its key."""
    event_id = rules.event_id(event_id) if event_id else _new_id()
    return event_id, key_of(event_id)


def _odd_time(message: event_pb2.Event, event_id: str, sender: SenderFacts) -> tuple[int, int, tuple[Warning, ...]]:
    """The time of occurrence of an event that gives none, or one that is not within the window: as given, as it is
    stored, and what there is to say about it.
    """
    if not message.HasField("occurred_at"):
        at = rules.default_time(event_id, sender.horizon)
        return fingerprint.NO_TIME, at, (Warning.TIME_DEFAULTED,)
    given = message.occurred_at
    at = rules.timestamp("occurred_at", given.seconds, given.nanos)
    if sender.sent_at is not None and at > sender.sent_at + CLOCK_TOLERANCE:
        raise Refused(Reason.INVALID_TIMESTAMP, "occurred_at is later than sent_at", field="occurred_at")
    return at, rules.occurred_at(at + sender.correction, sender.horizon), sender.warnings


def _identified(given: Ids, sender: SenderFacts) -> tuple[Ids, str, tuple[Warning, ...]]:
    """The ids of an event as they are stored, as they were sent, for its fingerprint, and what there is to say of them;
    refused where one is not what an id may be.
    """
    rules.identifiers(ID_FIELDS, given)
    said = fingerprint.joined(given)
    ids = given
    warnings: tuple[Warning, ...] = ()
    if rules.holds_placeholder(given, said):
        ids, warnings = _without_placeholders(*given), (Warning.PLACEHOLDER_ID,)
    user_id = sender.secrets.stored_user(sender.principal.organization_id, ids[1])
    if user_id != ids[1]:
        ids = (ids[0], user_id, *ids[2:])
    return ids, said, warnings


def _without_placeholders(*given: str) -> Ids:
    values = ("" if rules.is_placeholder(value) else value for value in given)
    agent_id, user_id, conversation_id, channel, team_id, campaign_id, resource_type, resource_id = values
    return agent_id, user_id, conversation_id, channel, team_id, campaign_id, resource_type, resource_id


_Detail: TypeAlias = tuple[dict[str, int | str], str, tuple[tuple[int, str], ...]]
_NO_DETAIL: _Detail = ({}, "", ())  # its fields are never changed


def _detail(message: event_pb2.Event, event_type: str, expected: str | None, sender: SenderFacts) -> _Detail:
    """The fields of an event's typed detail that are set, each within its limits; and as they were sent, for the
    fingerprint: those of the first release, and those of later ones. expected is the family of known event types.
    """
    family = message.WhichOneof("detail")
    if family is None:
        if event_type in rules.REQUIRED_DETAILS:
            rules.required_detail(event_type, {})
        return _NO_DETAIL
    if family != expected:
        rules.detail_family(family, event_type)
    fields: dict[str, int | str] = {}
    said = ""
    later: tuple[tuple[int, str], ...] = ()
    for descriptor, value in getattr(message, family).ListFields():
        name, low, high, head, added_in = _DETAIL_FIELDS[descriptor]
        # Nearly all are numbers within their limits.
        usual = value.__class__ is int and low <= value <= high
        fields[name] = checked = value if usual else rules.detail_value(family, name, value)
        if added_in:
            later += ((added_in, f"{head}{checked}\0"),)
        else:
            said = f"{said}{head}{checked}\0"
    if event_type in rules.REQUIRED_DETAILS:
        rules.required_detail(event_type, fields)
    return {} if family == "user" and not sender.principal.settings.keep_user_details else fields, said, later


def _properties(message: event_pb2.Event, sender: SenderFacts) -> event_properties.Properties:
    # All else has its own limit; only properties can be larger on the wire than what is made of them.
    if _is_large(message):
        raise rules.event_too_large()
    secret_keys = redaction.secret_keys(sender.principal.settings.secret_keys)
    return event_properties.read(message.properties, secret_keys)


def _is_large(message: event_pb2.Event) -> bool:
    return message.ByteSize() > rules.MAX_EVENT_BYTES


def _check_needs(event_type: str, ids: Ids, given: Ids) -> None:
    """Refuses an event without an id that its type needs, also where something else stands in its place."""
    agent_id, _, conversation_id, *_ = ids
    if not conversation_id and event_type in _NEED_CONVERSATION:
        raise _missing("conversation_id", given[2])
    if not agent_id and event_type in _NEED_AGENT:
        raise _missing("agent_id", given[0])


def _missing(field: str, given: str) -> Refused:
    return rules.placeholder(field, given, "send the right one") if given else rules.required(field)


_NEED_CONVERSATION = frozenset(name for name, family in rules.FAMILIES.items() if family == "conversation")
_NEED_AGENT = frozenset(("agent.status_changed",))
_NEEDY = _NEED_CONVERSATION | _NEED_AGENT


def _new_id() -> str:
    """A UUIDv7 of the server's own."""
    milliseconds = time.time_ns() // 1_000_000
    value = bytearray(milliseconds.to_bytes(6, "big") + os.urandom(10))
    value[6], value[8] = 0x70 | value[6] & 0x0F, 0x80 | value[8] & 0x3F
    return str(uuid.UUID(bytes=bytes(value)))


# What has to be known of a field of a detail: its name, its least and its greatest number, what stands before its value
# in the content of an event, and the later release that added it (0: the first one). A plain tuple and not a named one,
# which takes 0.1 µs longer to unpack.
_DetailField: TypeAlias = tuple[str, int, int, str, int]


def _detail_fields() -> Mapping[FieldDescriptor, _DetailField]:
    return {
        field: (
            field.name,
            *rules.detail_limits(family.name, field.name),
            f"{family.number}.{field.number}=",
            fingerprint.added_in(family.number, field.number),
        )
        for family in event_pb2.Event.DESCRIPTOR.oneofs_by_name["detail"].fields
        if family.message_type is not None
        for field in family.message_type.fields
    }


_DETAIL_FIELDS = _detail_fields()
