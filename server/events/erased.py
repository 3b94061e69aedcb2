"""What stays of people who were erased: an alias in place of the id, and their events without what is personal.

An alias begins with a control character, which no id of a sender can hold: nobody can make one up.
"""

import base64
import secrets
from collections.abc import Mapping

from server.events.event import Event

SHOWN = "_erased"  # in answers, in place of any alias
ALIAS = f"\x1e{SHOWN}:"
_BITS = 128
# By the names of their fields, since events of custom types may carry any detail. The names of agents and campaigns are
# not those of the user that such an event carries.
_PERSONAL = frozenset(("ip", "user_agent", "question"))
_NAME = "name"
_NAMED = ("agent", "campaign")  # the first part of the types whose name is another one


def new_alias() -> str:
    """Returns an alias that nobody has."""
    return ALIAS + base64.b32encode(secrets.token_bytes(_BITS // 8)).decode().rstrip("=")


def is_alias(user_id: str) -> bool:
    """Returns whether a stored user id is an alias."""
    return user_id.startswith(ALIAS)


def shown(user_id: str) -> str:
    """Returns how answers name a stored user: SHOWN in place of any alias."""
    return SHOWN if user_id.startswith(ALIAS) else user_id


def is_personal(event_type: str, field: str) -> bool:
    """Returns whether a field of a detail is about the user in person."""
    return field in _PERSONAL or (field == _NAME and event_type.partition(".")[0] not in _NAMED)


def impersonal_detail(event_type: str, detail: Mapping[str, int | str]) -> dict[str, int | str]:
    """Returns a detail without what is personal."""
    return {field: value for field, value in detail.items() if not is_personal(event_type, field)}


def under_alias(event: Event, alias: str) -> Event:
    """Returns a later event of somebody who was erased, as it is stored: without the person. Its key stays, so that it
    is recognized when it comes again.
    """
    detail = impersonal_detail(event.event_type, event.detail)
    return event._replace(event_id="", user_id=alias, detail=detail, properties="")
