"""What the audit trail is told of calls: who has read rows about people, and who was refused what.

No id of a person and no text that somebody searched for is told in clear, but as keyed digests: whoever knows an id can
find who has read about it, and nobody else learns it from the trail.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import grpc
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from server.errors import Refused, Status
from server.organizations.audit_trail import Actor
from server.tenancy.access_notes import AccessNotes
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import Principal

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_EVENTS, _DIRECTORY = "/tallywire.v1.EventService/", "/tallywire.v1.DirectoryService/"
_ROWS: Final = "rows.read"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRows:
    """How a read is told: as an action, on what a field of the request names, or on a list. rows is the field of the
    response with the rows; only_with is a field without which a request shows no rows.
    """

    action: str = _ROWS
    names: str = ""
    rows: str = ""
    only_with: str = ""


# Every RPC that shows rows about people. Exports are told by themselves.
READS: Final[Mapping[str, ReadRows]] = {
    _EVENTS + "ListEvents": ReadRows(rows="rows"),
    _EVENTS + "GetEvent": ReadRows(action="event.read", names="event_id"),
    _DIRECTORY + "ListConversations": ReadRows(rows="conversations"),
    _DIRECTORY + "GetConversation": ReadRows(action="conversation.read", names="conversation_id", rows="timeline"),
    _DIRECTORY + "ListLeads": ReadRows(rows="leads"),
    _DIRECTORY + "GetLead": ReadRows(action="lead.read", names="lead_id"),
    _DIRECTORY + "ListUsers": ReadRows(rows="users"),
    _DIRECTORY + "GetUser": ReadRows(action="user.read", names="user_id"),
    _DIRECTORY + "ListUserActivities": ReadRows(action="user.read", names="user_id", rows="activities"),
    "/tallywire.v1.ForecastService/ListUsersAtRisk": ReadRows(rows="users"),
    "/tallywire.v1.RealtimeService/WatchUpdates": ReadRows(only_with="include_events"),
}
_NOT_TOLD: Final = frozenset({"page_size", "page_token", "resume_after", "resume_token"})
# Ids of people and of what may be named after them, texts that may hold a name or the beginning of one, and values of
# properties and of dimensions.
_TEXTS: Final = frozenset(
    {
        *("user_id", "conversation_id", "conversation_id_prefix", "lead_id", "event_id"),
        *("prefix", "search", "value", "values", "rows_token"),
    }
)
_shown: ContextVar[int] = ContextVar("shown")


def show(rows: int) -> None:
    """Says how many rows the answer of the current call shows, where its message does not: it is encoded already."""
    _shown.set(rows)


def actor_peer(address: str) -> str:
    """Returns the address of a caller as the audit trail tells it."""
    return address.partition(":")[2] or address


class Noting:
    """Notes calls for the audit trail; never waits."""

    def __init__(self, notes: AccessNotes, secrets: KeyedHashes) -> None:
        self._notes = notes
        self._secrets = secrets

    def read(self, method: str, principal: Principal, actor: Actor, request: Any, response: Any) -> None:
        """Notes that a call was answered, if it shows rows about people and the organization wants that noted."""
        one = READS.get(method)
        if one is None or not principal.settings.audit_reads:
            return
        if one.only_with and not getattr(request, one.only_with):
            return
        name, owner = method.rpartition("/")[2], principal.organization_id
        subject, about = name, dict[str, object]()
        if one.names:
            subject, about["rpc"] = self._secrets.told_id(owner, getattr(request, one.names)), name
        elif told := question(request, self._secrets, owner):
            about["filter"] = told
        self._notes.note(owner, actor, one.action, subject, about=about, rows=_rows(response, one.rows))

    def refused(self, method: str, principal: Principal, actor: Actor, why: Refused) -> None:
        """Notes that a caller may not do what it has tried."""
        if why.reason.status is not Status.PERMISSION_DENIED:
            return
        about: dict[str, object] = {"reason": why.reason.name}
        if "scope" in why.metadata:
            about["scope"] = str(why.metadata["scope"])
        service, _, name = method.rpartition(".")[2].partition("/")
        self._notes.note(principal.organization_id, actor, "access.denied", f"{service}.{name}", about=about)


def _rows(response: Any, field: str) -> int | None:
    if isinstance(response, Message):
        return len(getattr(response, field)) if field else None
    return _shown.get(None) if field else None


def question(request: Message, secrets: KeyedHashes, organization_id: int) -> dict[str, object]:
    """Returns what a request asks for as the audit trail tells it: ids of people and texts as digests, no pages."""
    told: dict[str, object] = {}
    for field, value in request.ListFields():
        if field.name not in _NOT_TOLD:
            told[field.name] = _told(field, value, secrets, organization_id)
    return told


def _told(field: FieldDescriptor, value: Any, secrets: KeyedHashes, organization_id: int) -> object:
    if field.is_repeated:
        return [_one(field, each, secrets, organization_id) for each in value]
    return _one(field, value, secrets, organization_id)


def _one(field: FieldDescriptor, value: Any, secrets: KeyedHashes, organization_id: int) -> object:
    if isinstance(value, Message):
        if value.DESCRIPTOR.full_name == "google.protobuf.Timestamp":
            return value.ToJsonString()  # type: ignore[attr-defined]  # a well-known type
        return question(value, secrets, organization_id)
    if field.name in _TEXTS:
        return f"digest:{secrets.told_id(organization_id, value)}"
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return value if known is None else known.name
    return value
