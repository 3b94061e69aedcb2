"""Conversion of organizations and what they use between messages and values."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from google.protobuf import timestamp_pb2

from server import timerange
from server.admin.pages import AskedPage
from server.admin.usage import Usage
from server.admission import request_limits
from server.errors import Reason, Refused
from server.events import rules
from server.organizations.organization import Organization, OrganizationState
from server.organizations.setting import Value
from server.organizations.settings import PSEUDONYMOUS, REFUSE, SETTINGS, OrganizationSettings
from server.rpc.questions import shared
from tallywire.v1 import admin_service_pb2 as pb

MAX_REQUEST_ID: Final = 128
_DEFAULT_PAGE, _MOST_PAGE = 100, 1_000
_MOST_NAME = 400  # bytes of the name of an organization: 100 characters
_PREFIX = "settings."
_STATES = {pb.OrganizationState.Value(f"ORGANIZATION_STATE_{one.name}"): one for one in OrganizationState}
_STATE_NUMBERS = {one: number for number, one in _STATES.items()}
_ERASED_USER_EVENTS = {
    pb.ERASED_USER_EVENTS_UNSPECIFIED: PSEUDONYMOUS,
    pb.ERASED_USER_EVENTS_PSEUDONYMOUS: PSEUDONYMOUS,
    pb.ERASED_USER_EVENTS_REFUSE: REFUSE,
}
_ERASED_USER_EVENT_NUMBERS = {name: number for number, name in _ERASED_USER_EVENTS.items()}
_WEEKDAYS = {shared.weekday(place): name for place, name in enumerate(timerange.WEEKDAYS)}
_WEEKDAY_NUMBERS = {name: number for number, name in _WEEKDAYS.items()}


def request_id(text: str) -> str:
    """Returns the id that a caller gives a request; empty where it gives none."""
    rules.identifier("request_id", text, MAX_REQUEST_ID)
    if not text.isascii() or not text.isprintable() or " " in text:
        raise Refused(Reason.INVALID_CHARACTER, "only visible ASCII characters are allowed", field="request_id")
    return text


def page(request: Any) -> AskedPage:
    """Returns which page of a list a request asks for."""
    size = shared.page_size(request.page_size, _DEFAULT_PAGE, _MOST_PAGE)
    return AskedPage(size=size, token=request.page_token)


def name(text: str, field: str = "organization") -> str:
    """Returns the name of an organization, which may be empty; refuses what cannot be one."""
    return rules.identifier(field, text, _MOST_NAME)


def required_name(text: str, field: str = "organization") -> str:
    """Returns the name of an organization, which must be there."""
    if not text:
        raise rules.required(field)
    return name(text, field)


def new_organization(message: pb.Organization) -> tuple[str, OrganizationSettings]:
    """Returns the name and the settings of an organization that is to be made."""
    chosen = {one: value for one in SETTINGS if (value := _chosen(message.settings, one)) is not None}
    if not message.settings.pairs:
        del chosen["pairs"]  # those that the service keeps by default
    settings: dict[str, Any] = dict(chosen)
    return required_name(message.name, "organization.name"), OrganizationSettings(**settings)


def changes(request: pb.UpdateOrganizationRequest) -> Mapping[str, Value]:
    """Returns the settings that a request changes, by name; refuses what cannot be changed."""
    paths = list(request.update_mask.paths)
    if not paths:
        raise rules.required("update_mask")
    request_limits.UPDATE_MASK.check(len(paths))
    found: dict[str, Value] = {}
    for path in paths:
        setting = SETTINGS.get(path.removeprefix(_PREFIX)) if path.startswith(_PREFIX) else None
        if setting is None or not setting.changeable:
            known = ", ".join(f"{_PREFIX}{one.name}" for one in SETTINGS.values() if one.changeable)
            raise Refused(
                Reason.INVALID_VALUE, f"{path[:64]!r} cannot be changed; these can: {known}", field="update_mask"
            )
        value = _chosen(request.organization.settings, setting.name)
        found[setting.name] = setting.default if value is None else value
    return found


def _chosen(message: pb.OrganizationSettings, name: str) -> Value:
    """Returns the value of a setting; None where it is unset, which no list is."""
    if name == "week_start":
        if message.week_start and message.week_start not in _WEEKDAYS:
            raise Refused(Reason.INVALID_ENUM, "not a known day of the week", field="organization.settings.week_start")
        return _WEEKDAYS.get(message.week_start)
    if name == "erased_user_events":
        if message.erased_user_events not in _ERASED_USER_EVENTS:
            raise Refused(Reason.INVALID_ENUM, "not a known way", field="organization.settings.erased_user_events")
        return _ERASED_USER_EVENTS[message.erased_user_events]
    field = message.DESCRIPTOR.fields_by_name[name]
    if not field.has_presence:
        request_limits.REPEATED[field.full_name].check(len(getattr(message, name)))
        return tuple(getattr(message, name))
    chosen: Any = message
    value: Value = getattr(chosen, name) if chosen.HasField(name) else None
    return value


def state(number: pb.OrganizationState.ValueType) -> OrganizationState | None:
    """Returns the state that a question names; None for whatever it is."""
    if number and number not in _STATES:
        raise Refused(Reason.INVALID_ENUM, "not a known state", field="state")
    return _STATES.get(number)


def organization(one: Organization, *, for_operator: bool) -> pb.Organization:
    """Returns the message of an organization."""
    return pb.Organization(
        name=one.name,
        state=_STATE_NUMBERS[one.state],
        settings=_settings(one.settings),
        created_at=shared.instant(one.created_at),
        etag=one.etag,
        organization_id=one.organization_id if for_operator else None,
        delete_after=instant(one.delete_after),
    )


def _settings(chosen: OrganizationSettings) -> pb.OrganizationSettings:
    values: dict[str, Any] = {one: getattr(chosen, one) for one in SETTINGS}
    values["week_start"] = _WEEKDAY_NUMBERS[chosen.week_start]
    values["erased_user_events"] = _ERASED_USER_EVENT_NUMBERS[chosen.erased_user_events]
    return pb.OrganizationSettings(**values)


def usage(one: Usage) -> pb.OrganizationUsage:
    """Returns the message of what an organization uses."""
    return pb.OrganizationUsage(
        organization=one.organization.name,
        state=_STATE_NUMBERS[one.organization.state],
        events=one.events,
        limit=one.limit,
        remaining=one.remaining,
        share=one.share,
        resets_at=shared.instant(one.resets_at),
        storage=shared.storage(one.storage),
    )


def instant(at: datetime | None) -> timestamp_pb2.Timestamp | None:
    """Returns the message of an instant; None where there is none."""
    return None if at is None else shared.instant(at)
