"""How callers name a person: by the user_id of events."""

from server.errors import Reason, Refused
from server.events import rules
from server.tenancy.keyed_hashes import KeyedHashes

_MAX_REQUEST_ID = 128


def stored_id(hashes: KeyedHashes, organization_id: int, user_id: str) -> str:
    """Returns the id under which events of a user are stored; refuses what can be none."""
    if not user_id:
        raise rules.required("user_id")
    rules.identifier("user_id", user_id)
    if rules.is_placeholder(user_id):
        raise rules.placeholder("user_id", user_id, "events with it are of no user")
    return hashes.stored_user(organization_id, user_id)


def check_request_id(request_id: str, *user_ids: str) -> None:
    """Refuses a request_id that cannot stay when the person is erased."""
    rules.identifier("request_id", request_id, _MAX_REQUEST_ID)
    if not request_id.isascii() or not request_id.isprintable() or " " in request_id:
        raise Refused(Reason.INVALID_CHARACTER, "only visible ASCII characters are allowed", field="request_id")
    if any(one.casefold() in request_id.casefold() for one in user_ids):
        raise Refused(
            Reason.INVALID_VALUE,
            "holds the user_id, and is kept when the person is erased: choose another name",
            field="request_id",
        )
