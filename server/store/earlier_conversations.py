"""Which conversations have changed since a revision, and how far back their events go."""

from collections.abc import Collection
from datetime import datetime

from server.events.event import conversation_key_of
from server.store import projections
from server.store.database import Driver

_VERSION = projections.VERSION.format("conversations")
# Events that have been corrected or retracted since were perhaps of other conversations, or of earlier times.
_CHANGED = """
    SELECT conversation_id, count(*), min(was_at)
    FROM (
        (
            SELECT conversation_id, NULL::timestamptz AS was_at FROM events
            WHERE organization_id = $1 AND revision > $2 LIMIT $3
        )
        UNION ALL
        (
            SELECT conversation_id, occurred_at AS was_at FROM replaced_events
            WHERE organization_id = $1 AND revision > $2 LIMIT $3
        )
    ) AS later
    GROUP BY conversation_id
"""
# OFFSET 0 keeps the planner from turning the lookups round, whatever its statistics say.
_FIRST = f"""
    SELECT w.id, c.first_at FROM unnest($2::text[], $3::bytea[]) AS w(id, key) CROSS JOIN LATERAL (
        SELECT first_at FROM conversations
        WHERE organization_id = $1 AND version = {_VERSION} AND conversation_key = w.key OFFSET 0
    ) AS c
"""  # noqa: S608 - constants of this file


async def changed_since(
    driver: Driver, organization_id: int, revision: int, limit: int
) -> dict[str, datetime | None] | None:
    """Returns the conversations that events of later revisions are about, or were before these replaced them, each with
    the first time of those that were replaced; None where so many events came since.
    """
    rows = await driver.fetch(_CHANGED, organization_id, revision, limit)
    if sum(count for _, count, _ in rows) >= limit:
        return None
    return {conversation_id: was_at for conversation_id, _, was_at in rows if conversation_id is not None}


async def first_at(driver: Driver, organization_id: int, conversation_ids: Collection[str]) -> dict[str, datetime]:
    """Returns when the first event of each of some conversations occurred; of those that there are."""
    ids = list(conversation_ids)
    rows = await driver.fetch(_FIRST, organization_id, ids, list(map(conversation_key_of, ids)))
    return {row[0]: row[1] for row in rows}
