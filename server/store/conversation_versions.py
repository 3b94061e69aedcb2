"""Two versions of an organization's conversations: those that are valid, and those that were filled to replace them."""

from collections.abc import AsyncIterator, Collection
from datetime import datetime

from server.events.conversation import Conversation
from server.store import statements
from server.store.conversations import FIELDS, of_fields, selected
from server.store.database import Driver
from server.store.projections import Rows

_PORTION = 1_000
_COLUMNS = ("organization_id", "conversation_key", "latest_minute", *FIELDS)
_KEEP = statements.load(
    "keep_conversations",
    COLUMNS=", ".join(_COLUMNS),
    EXCLUDED=", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[2:]),
)
_DIFFERENT = f"""
    SELECT old.version IS NOT NULL, new.version IS NOT NULL, {", ".join(selected(name, "old") for name in FIELDS)},
        {", ".join(selected(name, "new") for name in FIELDS)}
    FROM (SELECT * FROM conversations WHERE organization_id = $1 AND version = $2) AS old
    FULL JOIN (SELECT * FROM conversations WHERE organization_id = $1 AND version = $3) AS new USING (conversation_key)
    WHERE ({", ".join(f"old.{name}" for name in FIELDS)}) IS DISTINCT FROM
        ({", ".join(f"new.{name}" for name in FIELDS)})
"""  # noqa: S608 - constants of this file


async def keep(driver: Driver, old: Rows, new: Rows, complete_from: datetime) -> None:
    """Takes conversations over of which raw events may be gone: those that began before an instant, and those of which
    there is no event left.
    """
    arguments = _KEEP.arguments(
        organization_id=old.organization_id, old=old.version, new=new.version, complete_from=complete_from
    )
    keys = [row[0] for row in await driver.fetch(_KEEP.text, *arguments)]
    if keys:
        await _keep_closings(driver, old, new, keys)


async def _keep_closings(driver: Driver, old: Rows, new: Rows, keys: Collection[bytes]) -> None:
    await driver.execute(
        "DELETE FROM conversation_closings WHERE organization_id = $1 AND version = $2"
        " AND conversation_key = ANY($3::bytea[])",
        *new,
        keys,
    )
    await driver.execute(
        "INSERT INTO conversation_closings (organization_id, version, conversation_key, occurred_at, event_key, kind,"
        " agent_id, channel, team_id) SELECT organization_id, $3, conversation_key, occurred_at, event_key, kind,"
        " agent_id, channel, team_id FROM conversation_closings"
        " WHERE organization_id = $1 AND version = $2 AND conversation_key = ANY($4::bytea[])",
        *old,
        new.version,
        keys,
    )


async def differences(
    driver: Driver, old: Rows, new: Rows
) -> AsyncIterator[tuple[Conversation | None, Conversation | None]]:
    """Yields the conversations that differ, as they are in one version and in the other; needs an open transaction."""
    cursor = await driver.cursor(_DIFFERENT, old.organization_id, old.version, new.version)
    count = len(FIELDS)
    while rows := await cursor.fetch(_PORTION):
        for is_old, is_new, *values in rows:
            yield (
                of_fields(values[:count]) if is_old else None,
                of_fields(values[count:]) if is_new else None,
            )
