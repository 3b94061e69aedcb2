"""Conversion of sessions, codes, embed tokens and preferences between messages and values."""

import re
import urllib.parse
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from google.protobuf import timestamp_pb2

from server import timerange
from server.admission import request_limits
from server.errors import Reason, Refused
from server.events import rules
from server.organizations.organization import OrganizationFacts
from server.organizations.workspace import Preferences
from server.rpc import embedding
from server.rpc.questions import shared
from server.tenancy import identities, identity_tokens, sign_ins
from server.tenancy.limits import OrganizationLimits
from server.tenancy.principal import CallerKind, EmbedGrant, Principal, Scope
from tallywire.v1 import account_service_pb2, answer_pb2

_MAX_SUBJECT = 200  # characters
_NOT_NAMES = identities.SUBJECT.removeprefix(sign_ins.NAMED)
_MAX_CREDENTIAL = 512
_MAX_ORIGIN = 255
_LEAST_LIFETIME, _MOST_LIFETIME = 60, 3_600  # seconds
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_MAX_LANGUAGE = 35
_DASHBOARD_ID = re.compile(r"[A-Za-z0-9_-]{0,64}")
_KINDS = {
    CallerKind.API_KEY: account_service_pb2.CREDENTIAL_KIND_API_KEY,
    CallerKind.SESSION: account_service_pb2.CREDENTIAL_KIND_SESSION,
    CallerKind.EMBEDDED: account_service_pb2.CREDENTIAL_KIND_EMBED_TOKEN,
    CallerKind.IDENTITY_TOKEN: account_service_pb2.CREDENTIAL_KIND_IDENTITY_TOKEN,
    CallerKind.CERTIFICATE: account_service_pb2.CREDENTIAL_KIND_CERTIFICATE,
}
_SIGN_INS = {
    "api_key": CallerKind.API_KEY,
    "code": CallerKind.CODE,
    "identity_token": CallerKind.IDENTITY_TOKEN,
}
_THEMES = {
    account_service_pb2.THEME_UNSPECIFIED: "",
    account_service_pb2.THEME_LIGHT: "light",
    account_service_pb2.THEME_DARK: "dark",
}
_THEME_NUMBERS = {name: number for number, name in _THEMES.items()}
_PREFERENCES = tuple(field.name for field in account_service_pb2.Preferences.DESCRIPTOR.fields)


def credential(request: account_service_pb2.SignInRequest) -> tuple[CallerKind, str]:
    """Returns what somebody signs in with; refuses a request without it."""
    which = request.WhichOneof("credential")
    text: str = getattr(request, which) if which else ""
    if not which or not text:
        raise rules.required(which or "api_key")
    kind = _SIGN_INS[which]
    if len(text) > (identity_tokens.LONGEST if kind is CallerKind.IDENTITY_TOKEN else _MAX_CREDENTIAL):
        raise Refused(Reason.FIELD_TOO_LONG, "this is no credential: it is too long", field=which)
    return kind, text.strip()


def scopes(names: Sequence[str]) -> frozenset[Scope]:
    """Returns the scopes of a request; refuses unknown ones."""
    request_limits.SCOPES.check(len(names))
    known = {scope.value: scope for scope in Scope}
    for name in names:
        if name not in known:
            raise Refused(
                Reason.INVALID_VALUE, f"{name[:64]!r} is no scope; these are: {', '.join(known)}", field="scopes"
            )
    return frozenset(known[name] for name in names)


def subject(text: str) -> str:
    """Returns the name of a person; refuses what cannot be one."""
    if len(text) > _MAX_SUBJECT:
        raise Refused(
            Reason.FIELD_TOO_LONG,
            f"longer than {_MAX_SUBJECT} characters",
            field="subject",
            metadata={"limit": str(_MAX_SUBJECT)},
        )
    if text.startswith(_NOT_NAMES):
        raise Refused(Reason.INVALID_VALUE, f"begins with {_NOT_NAMES}: that is for identity tokens", field="subject")
    return rules.identifier("subject", text, 4 * _MAX_SUBJECT)


def session(
    principal: Principal, facts: OrganizationFacts, handle: str, limits: OrganizationLimits
) -> account_service_pb2.Session:
    """Returns the message of a caller, with what is to be known of its organization."""
    message = account_service_pb2.Session(
        session_id=principal.embed.token_id if principal.embed else principal.key_id,
        kind=_KINDS[principal.kind],
        subject=principal.subject,
        scopes=sorted(principal.scopes),
        expires_at=_instant(principal.expires_at),
        idle_until=_instant(principal.idle_until),
    )
    message.role = principal.role
    if principal.restriction is not None:
        message.restriction.dimension = principal.restriction.dimension
        message.restriction.values.extend(principal.restriction.values)
    if principal.embed is not None:
        message.embed.CopyFrom(_embed(principal.embed))
    message.organization.organization_handle = handle
    _set_organization(message.organization, principal, facts, limits)
    return message


def _instant(at: Any) -> timestamp_pb2.Timestamp | None:
    return None if at is None else shared.instant(at)


def _embed(grant: EmbedGrant) -> account_service_pb2.EmbedScope:
    message = account_service_pb2.EmbedScope(rpcs=grant.rpcs, origins=grant.origins)
    if grant.conditions:
        embedding.set_conditions(message.filter, grant.conditions)
    return message


def _set_organization(
    message: account_service_pb2.SessionOrganization,
    principal: Principal,
    facts: OrganizationFacts,
    limits: OrganizationLimits,
) -> None:
    settings = principal.settings
    message.time_zone, message.currency = settings.time_zone, settings.currency
    message.week_start = shared.weekday(timerange.WEEKDAYS.index(settings.week_start))
    message.now.CopyFrom(shared.instant(facts.now))
    if facts.first_bucket is not None:
        message.first_event_at.CopyFrom(shared.timestamp(facts.first_bucket))
    if principal.embed is not None:
        return
    message.name, message.month_events = facts.name, facts.month_events
    if limits.monthly_events:
        message.monthly_events = limits.monthly_events
    if limits.events_per_second:
        message.events_per_second = limits.events_per_second
    if settings.event_retention_days is not None:
        message.raw_retention_days = settings.event_retention_days


def conditions(message: answer_pb2.Filter) -> tuple[tuple[str, str], ...]:
    """Returns the dimensions and values of an embed token's filter; refuses a filter that no question could have."""
    shared.part(message)
    return tuple(sorted(embedding.conditions(message)))


def rpcs(names: Sequence[str]) -> tuple[str, ...]:
    """Returns the RPCs of an embed token: all where none is named; refuses others than panels may use."""
    request_limits.RPCS.check(len(names))
    for name in names:
        if name not in embedding.METHODS:
            raise Refused(
                Reason.INVALID_VALUE,
                f"{name[:64]!r} is no RPC that an embed token can allow; these are: {', '.join(embedding.METHODS)}",
                field="rpcs",
            )
    return tuple(sorted(set(names) or embedding.METHODS))


def origins(texts: Sequence[str]) -> tuple[str, ...]:
    """Returns the origins of an embed token; refuses what is none."""
    if not texts:
        raise rules.required("origins")
    request_limits.ORIGINS.check(len(texts))
    return tuple(dict.fromkeys(map(_origin, texts)))


def _origin(text: str) -> str:
    try:
        parts = urllib.parse.urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urllib.parse.SplitResult("", "", "", "", ""), None
    if parts.scheme not in ("http", "https") or not host or len(text) > _MAX_ORIGIN or not text.isascii():
        is_origin = False
    else:
        is_origin = text.lower() == f"{parts.scheme}://{parts.netloc}".lower() and "@" not in parts.netloc
    if not is_origin:
        raise Refused(
            Reason.INVALID_VALUE,
            f"{text[:64]!r} is no origin: that is a scheme and a host, such as https://app.example.com",
            field="origins",
        )
    return text.lower()


def lifetime(seconds: int) -> int:
    """Returns for how long an embed token is good, in seconds; refuses what is out of range."""
    if seconds and not _LEAST_LIFETIME <= seconds <= _MOST_LIFETIME:
        raise Refused(
            Reason.VALUE_OUT_OF_RANGE,
            f"must be {_LEAST_LIFETIME} to {_MOST_LIFETIME:,} seconds",
            field="lifetime_seconds",
            metadata={"minimum": str(_LEAST_LIFETIME), "maximum": str(_MOST_LIFETIME)},
        )
    return seconds or _MOST_LIFETIME


def preferences(value: Preferences) -> account_service_pb2.Preferences:
    """Returns the message of preferences."""
    return account_service_pb2.Preferences(
        time_zone=value.time_zone,
        language=value.language,
        theme=_THEME_NUMBERS[value.theme],
        shortcuts_off=value.shortcuts_off,
        home_dashboard_id=value.home_dashboard_id,
    )


def preference_changes(request: account_service_pb2.UpdatePreferencesRequest) -> Mapping[str, Any]:
    """Returns the preferences that a request changes, by name; refuses values that cannot be."""
    message = request.preferences
    changes = {name: getattr(message, name) for name in _named(request.update_mask.paths)}
    if zone := changes.get("time_zone"):
        changes["time_zone"] = checked_zone("preferences.time_zone", zone)
    language = changes.get("language")
    if language and (len(language) > _MAX_LANGUAGE or not _LANGUAGE.fullmatch(language)):
        raise Refused(
            Reason.INVALID_VALUE,
            f"{language[:64]!r} is no language tag, such as en or pt-BR",
            field="preferences.language",
        )
    if "theme" in changes:
        if message.theme not in _THEMES:
            raise Refused(Reason.INVALID_ENUM, "not a known theme", field="preferences.theme")
        changes["theme"] = _THEMES[message.theme]
    if not _DASHBOARD_ID.fullmatch(changes.get("home_dashboard_id", "")):
        raise Refused(Reason.INVALID_VALUE, "no id of a dashboard", field="preferences.home_dashboard_id")
    return changes


def _named(paths: Iterable[str]) -> Sequence[str]:
    chosen = list(paths)
    request_limits.UPDATE_MASK.check(len(chosen))
    for path in chosen:
        if path not in _PREFERENCES:
            raise Refused(
                Reason.INVALID_VALUE,
                f"{path[:64]!r} is no preference; these are: {', '.join(_PREFERENCES)}",
                field="update_mask",
            )
    return chosen or _PREFERENCES


def checked_zone(field: str, name: str) -> str:
    """Returns the canonical name of a time zone; refuses what is none."""
    try:
        return timerange.zone(name).key
    except Refused as why:
        raise Refused(why.reason, f"{name[:64]!r} is no IANA time zone, such as Europe/Berlin", field=field) from None
