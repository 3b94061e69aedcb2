"""Updates are removed when no subscriber can resume after them, and not before."""

from datetime import timedelta

from server.store import updates
from server.store.database import Database
from server.tasks import retention
from tallywire import AsyncClient, event


async def test_only_updates_older_than_the_window_are_removed(
    client: AsyncClient, database: Database, organization: int
) -> None:
    for _ in range(3):
        await client.track(event("message.sent"))
    now = (await database.condition()).now
    await retention.update_retention(database, now, {}, window=timedelta(hours=24))
    async with database.transaction() as connection:
        assert await updates.window(connection, organization) == updates.Window(oldest=1, newest=3)
    result = await retention.update_retention(database, now, {}, window=timedelta())
    assert result["removed"]
    async with database.transaction() as connection:
        assert await updates.window(connection, organization) == updates.Window(oldest=4, newest=3)
