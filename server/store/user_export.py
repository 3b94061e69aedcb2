"""All that is kept about a user, read in portions within one snapshot."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from server.events import lead
from server.events.event import ID_FIELDS, id_of
from server.store import projections, users
from server.store.database import Driver

PORTION = 500
Row = Mapping[str, Any]
_LEADS = ", ".join(map(repr, lead.EVENT_TYPES))


def _version(projection: str) -> str:
    return projections.VERSION.format(projection)


_PROFILE = f"""
    SELECT user_id, nullif(name, '') AS name, first_seen_at, last_seen_at FROM users
    WHERE organization_id = $1 AND version = {_version("users")} AND user_id = $2
"""  # noqa: S608 - constants of the code
_DAYS = f"""
    SELECT day, {users.DAY_COLUMNS} FROM user_days
    WHERE organization_id = $1 AND version = {_version("users")} AND user_id = $2 ORDER BY day
"""  # noqa: S608 - as above
_EVENTS = f"""
    SELECT event_key, event_id, event_type, occurred_at, received_at, {", ".join(ID_FIELDS)},
        detail::text, properties::text
    FROM events WHERE organization_id = $1 AND user_id = $2
"""  # noqa: S608 - as above
_REPLACED = f"""
    SELECT event_key, event_id, event_type, occurred_at, received_at, {", ".join(ID_FIELDS)},
        detail::text, properties::text, replaced_at, is_retracted
    FROM replaced_events WHERE organization_id = $1 AND user_id = $2
"""  # noqa: S608 - as above
_CONVERSATIONS = f"""
    SELECT conversation_id, began_at, closed_at, messages, tokens, cost_micros, nullif(topic, '') AS topic
    FROM conversations WHERE organization_id = $1 AND version = {_version("conversations")}
        AND latest_user_id = $2 AND latest_user_id <> '' ORDER BY began_at, conversation_key
"""  # noqa: S608 - as above
_OF_LEADS = f"""
    SELECT l.lead_id, l.began_at, l.contacted_at, l.converted_at, l.lost_at, l.value_micros,
        nullif(l.currency, '') AS currency, nullif(l.campaign_id, '') AS campaign_id
    FROM (
        SELECT DISTINCT coalesce(nullif(detail ->> 'lead_id', ''), resource_id) AS lead_id FROM events
        WHERE organization_id = $1 AND user_id = $2 AND event_type IN ({_LEADS})
    ) AS told JOIN leads l ON l.organization_id = $1 AND l.version = {_version("leads")} AND l.lead_id = told.lead_id
    ORDER BY l.lead_id
"""  # noqa: S608 - as above
_CONTENT_GAPS = """
    SELECT occurred_at, detail ->> 'topic' AS topic, detail ->> 'question' AS question FROM events
    WHERE organization_id = $1 AND user_id = $2 AND event_type = 'content_gap.found'
"""
# What there is, in the order in which it is handed out.
KINDS: Mapping[str, str] = {
    "profile": _PROFILE,
    "day": _DAYS,
    "activity": _EVENTS,
    "replaced_activity": _REPLACED,
    "conversation": _CONVERSATIONS,
    "lead": _OF_LEADS,
    "content_gap": _CONTENT_GAPS,
}


async def rows(driver: Driver, organization_id: int, user_id: str, kind: str) -> AsyncIterator[list[Row]]:
    """Yields what is kept of a kind about a user, in portions; needs an open transaction."""
    cursor = await driver.cursor(KINDS[kind], organization_id, user_id)
    while found := await cursor.fetch(PORTION):
        yield [_event(dict(row)) if kind.endswith("activity") else dict(row) for row in found]


def _event(row: dict[str, Any]) -> Row:
    """Returns an event with its id, and with its detail and properties as values."""
    event_key = row.pop("event_key")
    row["event_id"] = row["event_id"] or id_of(event_key)
    for name in ("detail", "properties"):
        row[name] = None if row[name] is None else json.loads(row[name])
    return row
