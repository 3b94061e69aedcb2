"""Conversion of sessions between messages and values, for those whose they are and for admins."""

from typing import Final

from server.admin.pages import AdminPage
from server.admin.sessions import Shown
from server.events import rules
from server.rpc import admin_conversion
from server.tenancy.principal import CallerKind, Principal
from tallywire.v1 import account_service_pb2, admin_service_pb2, answer_pb2

_MAX_ID: Final = 64  # bytes
_MAX_SUBJECT: Final = 2_048  # of identities, which name their issuer and subject


def session_id(value: str) -> str:
    """Returns the id of a session."""
    if not value:
        raise rules.required("session_id")
    return rules.identifier("session_id", value, _MAX_ID)


def filters(request: admin_service_pb2.ListSessionsRequest) -> tuple[str, str]:
    """Returns the subject and the key whose sessions a request asks for; empty: of all."""
    subject = rules.identifier("subject", request.subject, _MAX_SUBJECT)
    return subject, rules.identifier("key_id", request.key_id, _MAX_ID)


def session(one: Shown, principal: Principal) -> account_service_pb2.SignedInSession:
    """Returns the message of a session, as a caller sees it."""
    key = one.key
    restriction = None
    if key.restriction is not None:
        restriction = answer_pb2.Restriction(dimension=key.restriction.dimension, values=key.restriction.values)
    return account_service_pb2.SignedInSession(
        session_id=key.key_id,
        subject=key.owner,
        key_id=key.parent_key_id or "",
        key_name=one.key_name,
        identity_issuer=key.identity.issuer if key.identity else "",
        scopes=key.scopes,
        role=key.role,
        restriction=restriction,
        created_at=admin_conversion.instant(key.created_at),
        last_used_at=admin_conversion.instant(key.last_used_at),
        expires_at=admin_conversion.instant(key.expires_at),
        idle_until=admin_conversion.instant(key.idle_until),
        revoked_at=admin_conversion.instant(key.revoked_at),
        is_current=principal.kind is CallerKind.SESSION and principal.key_id == key.key_id,
    )


def own_page(page: AdminPage[Shown], principal: Principal) -> account_service_pb2.ListOwnSessionsResponse:
    """Returns the message of a page of the caller's own sessions."""
    rows = [session(one, principal) for one in page.rows]
    return account_service_pb2.ListOwnSessionsResponse(sessions=rows, next_page_token=page.next_page_token)


def page(found: AdminPage[Shown], principal: Principal) -> admin_service_pb2.ListSessionsResponse:
    """Returns the message of a page of an organization's sessions."""
    rows = [session(one, principal) for one in found.rows]
    return admin_service_pb2.ListSessionsResponse(sessions=rows, next_page_token=found.next_page_token)
