"""Conversion of keys, roles and members between messages and values."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from server import timerange
from server.admin.keys import ShownKey, Wanted
from server.admin.members import MemberDraft
from server.admin.roles import RoleDraft
from server.admission import request_limits
from server.errors import Reason, Refused
from server.events import rules
from server.organizations.api_key import ApiKey
from server.organizations.memberships import LONGEST_NAME, LONGEST_SUBJECT, ROLE_NAME, CustomRole, Membership
from server.organizations.restriction import Restriction
from server.rpc import account_conversion, admin_conversion
from server.tenancy import roles as built_in
from server.tenancy.principal import Scope
from tallywire.v1 import admin_service_pb2 as pb
from tallywire.v1 import answer_pb2

_DAY, _LONGEST_OVERLAP = timedelta(days=1), timedelta(days=90)
_MAX_ID: Final = 64


def wanted(message: pb.ApiKey) -> Wanted:
    """Returns what a key is to be; refuses both a role and scopes, and neither."""
    if message.role and message.scopes:
        raise Refused(Reason.INVALID_VALUE, "a key with a role has its scopes: leave them out", field="key.scopes")
    if not message.role and not message.scopes:
        raise rules.required("key.scopes")
    request_limits.NETWORKS.check(len(message.networks))
    ends = message.expires_at
    expires_at = None
    if message.HasField("expires_at"):
        expires_at = timerange.of_microseconds(rules.timestamp("key.expires_at", ends.seconds, ends.nanos))
    return Wanted(
        name=text("key.name", message.name, LONGEST_NAME),
        scopes=scopes("key.scopes", message.scopes),
        expires_at=expires_at,
        role=role_name("key.role", message.role) if message.role else "",
        restriction=restriction(message.restriction) if message.HasField("restriction") else None,
        networks=tuple(message.networks),
    )


def key_id(value: str) -> str:
    """Returns the id of a key."""
    if not value:
        raise rules.required("key_id")
    return rules.identifier("key_id", value, _MAX_ID)


def overlap(request: pb.RotateKeyRequest) -> timedelta:
    """Returns for how long the old key stays good."""
    if not request.HasField("overlap"):
        return _DAY
    asked = request.overlap
    seconds = rules.duration("overlap", asked.seconds, asked.nanos)
    if not 0 <= seconds <= _LONGEST_OVERLAP.total_seconds():
        raise Refused(Reason.INVALID_DURATION, "must be from 0 seconds to 90 days", field="overlap")
    return timedelta(seconds=seconds)


def scopes(field: str, names: Sequence[str]) -> tuple[Scope, ...]:
    """Returns scopes, each once; refuses unknown ones."""
    try:
        return tuple(sorted(account_conversion.scopes(names)))
    except Refused as why:
        raise Refused(why.reason, why.message, field=field, metadata=why.metadata) from None


def restriction(message: answer_pb2.Restriction) -> Restriction:
    """Returns a restriction, which the domain checks."""
    request_limits.RESTRICTED_VALUES.check(len(message.values))
    return Restriction(dimension=message.dimension, values=tuple(dict.fromkeys(message.values)))


def text(field: str, value: str, most: int) -> str:
    """Returns a text for people of at most so many characters."""
    if len(value) > most:
        raise Refused(
            Reason.FIELD_TOO_LONG, f"longer than {most} characters", field=field, metadata={"limit": str(most)}
        )
    return rules.identifier(field, value, 4 * most)


def role_name(field: str, value: str) -> str:
    """Returns the name of a role; refuses what cannot be one."""
    if not value:
        raise rules.required(field)
    if ROLE_NAME.fullmatch(value) is None:
        raise Refused(
            Reason.INVALID_VALUE,
            f"{value[:64]!r} is no name of a role: a small letter, and up to 62 small letters, digits, _ and -",
            field=field,
        )
    return value


def subject(field: str, value: str) -> str:
    """Returns the subject of a member."""
    if not value.strip():
        raise rules.required(field)
    return text(field, value, LONGEST_SUBJECT)


def role_draft(message: pb.Role) -> RoleDraft:
    """Returns a role as somebody wants it."""
    if not message.scopes:
        raise rules.required("role.scopes")
    return RoleDraft(
        name=role_name("role.name", message.name),
        description=text("role.description", message.description, LONGEST_NAME),
        scopes=scopes("role.scopes", message.scopes),
        etag=message.etag,
    )


def member_draft(message: pb.Member) -> MemberDraft:
    """Returns a member as somebody wants it."""
    return MemberDraft(
        subject=subject("member.subject", message.subject),
        name=text("member.name", message.name, LONGEST_NAME),
        role=role_name("member.role", message.role),
        restriction=restriction(message.restriction) if message.HasField("restriction") else None,
        etag=message.etag,
    )


def key(one: ApiKey, *, is_good: bool) -> pb.ApiKey:
    """Returns the message of a key."""
    ended = pb.API_KEY_STATE_EXPIRED if one.revoked_at is None else pb.API_KEY_STATE_REVOKED
    return pb.ApiKey(
        key_id=one.key_id,
        name=one.name,
        scopes=one.scopes,
        role=one.role,
        restriction=_restriction(one.restriction),
        networks=one.networks,
        expires_at=admin_conversion.instant(one.expires_at),
        state=pb.API_KEY_STATE_ACTIVE if is_good else ended,
        created_at=admin_conversion.instant(one.created_at),
        revoked_at=admin_conversion.instant(one.revoked_at),
        last_used_at=admin_conversion.instant(one.last_used_at),
    )


def created(made: ShownKey) -> pb.CreateKeyResponse:
    """Returns the message of a key that was just made."""
    return pb.CreateKeyResponse(key=key(made.key, is_good=True), secret=made.secret)


def rotated(made: ShownKey) -> pb.RotateKeyResponse:
    """Returns the message of a key that was just made in place of another one."""
    return pb.RotateKeyResponse(
        key=key(made.key, is_good=True),
        secret=made.secret,
        old_key_ends_at=admin_conversion.instant(made.old_ends_at),
    )


def roles(own: Sequence[CustomRole]) -> list[pb.Role]:
    """Returns the messages of all roles of an organization."""
    common = [
        pb.Role(name=name, description=built_in.DESCRIPTIONS[name], scopes=sorted(given), built_in=True)
        for name, given in built_in.BUILT_IN.items()
    ]
    return [*common, *map(role, own)]


def role(one: CustomRole) -> pb.Role:
    """Returns the message of a role that an organization has made."""
    return pb.Role(
        name=one.name,
        description=one.description,
        scopes=one.scopes,
        created_at=admin_conversion.instant(one.created_at),
        updated_at=admin_conversion.instant(one.updated_at),
        etag=one.etag,
    )


def member(one: Membership) -> pb.Member:
    """Returns the message of a member."""
    return pb.Member(
        subject=one.subject,
        name=one.name,
        role=one.role,
        restriction=_restriction(one.restriction),
        created_at=admin_conversion.instant(one.created_at),
        updated_at=admin_conversion.instant(one.updated_at),
        etag=one.etag,
    )


def _restriction(one: Restriction | None) -> answer_pb2.Restriction | None:
    return None if one is None else answer_pb2.Restriction(dimension=one.dimension, values=one.values)
