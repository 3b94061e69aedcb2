"""What an event may be: each check takes plain values and refuses with a reason, a field and words for the sender."""

import json
import re
import unicodedata
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from server import histogram, timerange
from server.errors import Reason, Refused

MAX_ID_BYTES = 256
MAX_EVENT_ID = 128
MAX_EVENT_TYPE = 64
MAX_EVENT_BYTES = 64 * 1024
MAX_BATCH_EVENTS = 1000
MAX_PROPERTIES = 100
MAX_PROPERTIES_BYTES = 16 * 1024
MAX_PROPERTY_KEY_BYTES = 256
MAX_PROPERTY_TEXT_BYTES = 32 * 1024
MAX_PROPERTIES_DEPTH = 8
MAX_AGE = timedelta(days=35)
_MAX_DURATION_SECONDS = 315_576_000_000  # what google.protobuf.Duration allows: 10,000 years
CLOCK_TOLERANCE = timedelta(minutes=5)
FIRST_INEXACT = 2**53  # from here on, a number of properties may be another whole number that was rounded
LAST_INSTANT = 253_402_300_799_999_999  # of the year 9999, in microseconds since 1970

_EVENT_TYPE = re.compile(r"[a-z0-9_]+(?:\.[a-z0-9_]+)*")
# What clients send where they have no id, in small letters.
PLACEHOLDERS = frozenset(
    (
        *("0", "-1", "null", "nullptr", "undefined", "nan", "none", "nil", "false", "true", "n/a", "#n/a"),
        *("(null)", "<null>", "(none)", "<none>", "(not set)", "(undefined)", "[object object]", "[object undefined]"),
        *("{}", "[]", "()", str(uuid.UUID(int=0)), uuid.UUID(int=0).hex),
    )
)
_QUOTES = "\"'`"
_CURRENCY = re.compile(r"[A-Z]{3}")

# The family of each known event type; its name is that of the member of Event.detail.
FAMILIES: Mapping[str, str] = {
    event_type: family
    for family, prefix, names in (
        ("conversation", "conversation.", "started ended resolved escalated abandoned reopened"),
        ("message", "", "message.received message.sent model.called"),
        ("feedback", "feedback.", "submitted"),
        ("quality", "quality.", "scored"),
        ("content_gap", "content_gap.", "found"),
        ("knowledge", "", "document.uploaded document.deleted search.performed knowledge.retrieved citation.clicked"),
        ("agent", "agent.", "created updated deleted deployed status_changed"),
        ("call", "call.", "started answered ended abandoned"),
        ("lead", "lead.", "created contacted stage_entered converted lost"),
        ("campaign", "campaign.", "started ended cost_recorded"),
        ("task", "", "task.created task.completed badge.earned points.awarded"),
        ("workflow", "workflow.", "created executed failed"),
        ("user", "user.", "registered invited logged_in logged_out"),
        ("billing", "", "subscription.created payment.succeeded payment.failed"),
        ("api", "api.", "called"),
        ("storage", "storage.", "changed"),
    )
    for event_type in (prefix + name for name in names.split())
}

# Limits of the numbers of details. Sums of them stay within 64 bits for hundreds of millions of the largest events.
_DEFAULT_RANGE = (0, histogram.MAXIMUM)
_RANGES: Mapping[str, tuple[int, int]] = {
    "feedback.rating": (1, 5),
    "feedback.comment_length": (0, 10**9),
    **dict.fromkeys(
        (
            "message.response_time_ms",
            "message.time_to_first_token_ms",
            "message.cost_micros",
            "call.wait_ms",
            "call.talk_ms",
            "call.hold_ms",
            "call.wrap_up_ms",
            "api.request_bytes",
            "api.response_bytes",
        ),
        (0, 10**10),
    ),
    **{f"message.{name}_tokens": (0, 10**9) for name in ("prompt", "cached", "completion")},
    **{f"quality.{name}": (0, 10_000) for name in ("overall", "helpfulness", "accuracy", "politeness")},
    "content_gap.confidence": (0, 10_000),
    "api.status_code": (0, 999),
    "lead.value_micros": (0, 10**15),
    "campaign.cost_micros": (0, 10**15),
    "billing.amount_micros": (0, 10**15),
    "storage.bytes_delta": (-(10**12), 10**12),
}
_FREE_TEXT_BYTES: Mapping[str, int] = {"content_gap.question": 1024, "user.user_agent": 1024}
_ENUM_SIZES: Mapping[str, int] = {
    "agent.status": 5,
    "agent.kind": 3,
    "call.direction": 3,
    "knowledge.kind": 4,
    "storage.kind": 4,
}
_LIMITS: dict[str, dict[str, tuple[int, int]]] = {}  # of the numbers and enums of each family, by field
for _path, _limits in {**_RANGES, **{path: (0, size - 1) for path, size in _ENUM_SIZES.items()}}.items():
    _family, _, _field = _path.partition(".")
    _LIMITS.setdefault(_family, {})[_field] = _limits
# The field without which an event of a type means nothing.
REQUIRED_DETAILS: Mapping[str, str] = {"agent.status_changed": "status", "storage.changed": "bytes_delta"}


def event_id(value: str) -> str:
    """A client's event id: 1 to 128 visible ASCII characters that do not stand for "no id"."""
    if len(value) > MAX_EVENT_ID:
        raise _too_long("event_id", MAX_EVENT_ID)
    if "\0" in value:
        raise _nul("event_id")
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise Refused(Reason.INVALID_CHARACTER, "only visible ASCII characters are allowed", field="event_id")
    if is_placeholder(value):
        raise placeholder("event_id", value, "generate a unique event_id for every event")
    return value


def is_placeholder(value: str) -> bool:
    """True for a placeholder in place of an id, such as "undefined", and for nothing but blanks and quotes."""
    if not value.isascii():
        value = "".join(one for one in unicodedata.normalize("NFKC", value) if unicodedata.category(one) != "Cf")
    bare = value.strip().strip(_QUOTES).strip()
    return not bare or bare.casefold() in PLACEHOLDERS


def holds_placeholder(values: Sequence[str], joined: str) -> bool:
    """True where one of several ids is a placeholder; joined has them with U+0000 between. Unset ones do not count."""
    hidden = " " in joined or '"' in joined or "'" in joined or "`" in joined
    if joined.isascii() and not hidden:
        return not PLACEHOLDERS.isdisjoint(values if joined.islower() else joined.casefold().split("\0"))
    return any(value and is_placeholder(value) for value in values)


def placeholder(field: str, value: str, right: str) -> Refused:
    """The refusal of a placeholder in place of an id."""
    return Refused(Reason.PLACEHOLDER_ID, f"placeholder value {value[:50]!r}; {right}", field=field)


def event_type(value: str) -> str:
    """An event type: dot-separated parts of small letters, digits and underscores."""
    if value in FAMILIES:
        return value
    if not value:
        raise required("event_type")
    if len(value) > MAX_EVENT_TYPE:
        raise _too_long("event_type", MAX_EVENT_TYPE)
    if not _EVENT_TYPE.fullmatch(value):
        raise Refused(
            Reason.INVALID_EVENT_TYPE,
            "must be dot-separated parts of [a-z0-9_], such as message.sent",
            field="event_type",
        )
    return value


def identifier(field: str, value: str, limit: int = MAX_ID_BYTES) -> str:
    """An id or name of at most 256 bytes without control characters."""
    if len(value) <= limit and value.isascii() and value.isprintable():
        return value
    if len(value.encode()) > limit:
        raise _too_long(field, limit)
    if "\0" in value:
        raise _nul(field)
    if any(character < " " or "\x7f" <= character <= "\x9f" for character in value):
        raise Refused(Reason.INVALID_CHARACTER, "control characters are not allowed", field=field)
    return value


def identifiers(fields: Sequence[str], values: Sequence[str]) -> None:
    """Refuses the first of several ids and names that is not what identifier() takes; empty ones are left out."""
    joined = "".join(values)
    if len(joined) <= MAX_ID_BYTES and joined.isascii() and joined.isprintable():
        return  # what is true of all of them together is true of each, and nearly always is
    for field, value in zip(fields, values, strict=True):
        if value:
            identifier(field, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """Which times of occurrence a sender may use, in microseconds since 1970."""

    now: int
    earliest: int
    latest: int
    finite_keys: bool  # event ids are forgotten some day, so that an event must tell its time


def horizon(now: datetime, *, backfill: bool, key_retention_days: int | None) -> Horizon:
    """The times that an event may have occurred at, for a sender with or without the scope backfill."""
    at = microseconds(now)
    earliest = _FLOOR if backfill else at - _MAX_AGE
    if key_retention_days is not None:
        earliest = max(earliest, at - key_retention_days * _DAY)
    return Horizon(now=at, earliest=earliest, latest=at + _MAX_AHEAD, finite_keys=key_retention_days is not None)


def microseconds(at: datetime) -> int:
    """An instant in microseconds since 1970."""
    return (at - timerange.EPOCH) // _MICROSECOND


_MICROSECOND = timedelta(microseconds=1)
_FLOOR = microseconds(timerange.FLOOR)
_MAX_AGE, _MAX_AHEAD, _DAY = MAX_AGE // _MICROSECOND, timerange.MAX_AHEAD // _MICROSECOND, 86_400_000_000


def timestamp(field: str, seconds: int, nanos: int) -> int:
    """A protobuf Timestamp's instant in microseconds since 1970, between the years 1 and 9999."""
    if not (-62_135_596_800 <= seconds <= 253_402_300_799 and 0 <= nanos <= 999_999_999):
        raise Refused(Reason.INVALID_TIMESTAMP, "not an instant of the years 1 to 9999", field=field)
    return seconds * 1_000_000 + nanos // 1000


def duration(field: str, seconds: int, nanos: int) -> float:
    """A protobuf Duration in seconds."""
    if abs(seconds) > _MAX_DURATION_SECONDS or abs(nanos) > 999_999_999 or seconds * nanos < 0:
        raise Refused(
            Reason.INVALID_DURATION,
            "seconds and nanos have one sign, seconds are at most 10,000 years and nanos less than 10^9",
            field=field,
        )
    return seconds + nanos / 1e9


def occurred_at(at: int, limits: Horizon) -> int:
    """A time of occurrence within the limits."""
    if at < limits.earliest:
        raise Refused(
            Reason.EVENT_TOO_OLD,
            "occurred_at is too long ago",
            field="occurred_at",
            metadata={"earliest": _rfc3339(limits.earliest)},
        )
    if at > limits.latest:
        raise Refused(
            Reason.EVENT_IN_FUTURE,
            "occurred_at is more than an hour ahead",
            field="occurred_at",
            metadata={"latest": _rfc3339(limits.latest)},
        )
    return at


def default_time(event_id: str, limits: Horizon) -> int:
    """The time of receipt, for an event that does not tell when it occurred.

    Where event ids are forgotten some day, the id has to tell when it was made (UUIDv7): else the event could be
    counted again once its id is forgotten.
    """
    if limits.finite_keys:
        made = _uuid7_time(event_id)
        if made is None:
            raise required("occurred_at")
        occurred_at(made, limits)
    return limits.now


def _uuid7_time(value: str) -> int | None:
    try:
        parsed = uuid.UUID(value)
    except ValueError:
        return None
    return (parsed.int >> 80) * 1000 if parsed.version == 7 else None


def detail_limits(family: str, name: str) -> tuple[int, int]:
    """The least and the greatest number that a field of a detail may hold; of an enum, its least and greatest value."""
    return _LIMITS.get(family, {}).get(name, _DEFAULT_RANGE)


def detail_family(family: str, event_type: str) -> None:
    """Refuses a detail that is not of the event type's family. Event types that are not known may carry any."""
    expected = FAMILIES.get(event_type)
    if expected is not None and family != expected:
        raise Refused(Reason.DETAIL_MISMATCH, f"an event of this type carries the detail {expected!r}", field=family)


def detail_value(family: str, name: str, value: int | str) -> int | str:
    """The value of a detail's field within its limits; booleans become 1 and 0."""
    if isinstance(value, bool):
        return int(value)
    path = f"{family}.{name}"
    if isinstance(value, str):
        _detail_text(path, value)
        return value
    low, high = detail_limits(family, name)
    if low <= value <= high:
        return value
    if path in _ENUM_SIZES:
        raise Refused(Reason.INVALID_ENUM, "not a known value", field=path)
    raise Refused(
        Reason.VALUE_OUT_OF_RANGE,
        f"must be from {low} to {high}",
        field=path,
        metadata={"minimum": str(low), "maximum": str(high)},
    )


def _detail_text(path: str, value: str) -> None:
    limit = _FREE_TEXT_BYTES.get(path)
    if limit is None:
        identifier(path, value, 32 if path == "api.method" else MAX_ID_BYTES)
        if path.endswith(".currency"):
            currency(path, value)
        if path == "lead.lead_id" and value and is_placeholder(value):
            raise placeholder(path, value, "send the right one, or leave it unset")
    elif len(value.encode()) > limit:
        raise _too_long(path, limit)
    elif "\0" in value:
        raise _nul(path)


def currency(field: str, value: str) -> str:
    """Returns the code of a currency; refuses what has not the form of one."""
    if not _CURRENCY.fullmatch(value):
        raise Refused(Reason.INVALID_VALUE, "must be an ISO 4217 code such as EUR", field=field)
    return value


def required_detail(event_type: str, fields: Mapping[str, object]) -> None:
    """Refuses an event whose type has no meaning without a certain number."""
    name = REQUIRED_DETAILS.get(event_type)
    if name is not None and not (name in fields if name == "bytes_delta" else fields.get(name)):
        raise required(f"{FAMILIES[event_type]}.{name}")


def property_key(key: str) -> str:
    """A property's key of at most 256 bytes, and not of blanks alone."""
    if not key or key.isspace():
        raise Refused(
            Reason.INVALID_VALUE, f"a key is {'blank' if key else 'empty'}; give it a name", field="properties"
        )
    if len(key.encode()) > MAX_PROPERTY_KEY_BYTES:
        raise _too_long("properties", MAX_PROPERTY_KEY_BYTES)
    if "\0" in key:
        raise _nul("properties")
    return key


def property_text(value: str) -> str:
    """A property's text of at most 32 KiB."""
    if len(value) > MAX_PROPERTY_TEXT_BYTES or len(value.encode()) > MAX_PROPERTY_TEXT_BYTES:
        raise _too_long("properties", MAX_PROPERTY_TEXT_BYTES)
    if "\0" in value:
        raise _nul("properties")
    return value


def property_number(value: float) -> int | float:
    """A property's number: finite; whole numbers lose their point, and −0 its sign."""
    if value != value or value in (float("inf"), float("-inf")):
        raise Refused(Reason.NOT_A_NUMBER, "NaN and infinity are not numbers", field="properties")
    return int(value) if value.is_integer() and abs(value) < FIRST_INEXACT else value


def properties(values: Mapping[str, object]) -> str:
    """Properties as a JSON object of at most 16 KiB."""
    text = json_text(values)
    if len(text.encode()) > MAX_PROPERTIES_BYTES:
        raise Refused(
            Reason.PROPERTIES_TOO_LARGE,
            "properties are larger than 16 KiB as JSON",
            field="properties",
            metadata={"limit": str(MAX_PROPERTIES_BYTES)},
        )
    return text


def json_text(value: object) -> str:
    """A value as JSON, without blanks."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def event_too_large() -> Refused:
    """The refusal of an event of more than 64 KiB."""
    return Refused(Reason.EVENT_TOO_LARGE, "larger than 64 KiB", metadata={"limit": str(MAX_EVENT_BYTES)})


def required(field: str) -> Refused:
    """The refusal of something that must be set and is not."""
    return Refused(Reason.REQUIRED_FIELD, "must be set", field=field)


def _too_long(field: str, limit: int) -> Refused:
    return Refused(Reason.FIELD_TOO_LONG, f"longer than {limit} bytes", field=field, metadata={"limit": str(limit)})


def _nul(field: str) -> Refused:
    return Refused(Reason.NUL_CHARACTER, "U+0000 is not allowed", field=field)


def _rfc3339(at: int) -> str:
    return datetime.fromtimestamp(at / 1_000_000, UTC).isoformat().replace("+00:00", "Z")
