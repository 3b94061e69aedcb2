"""Updates are removed when no subscriber can resume after them, and not before."""

from datetime import timedelta

import pytest

from server.organizations.settings import OrganizationSettings
from server.store import updates
from server.store.database import Database
from server.store.isolation import EVERY
from server.tasks import retention
from server.tasks.kinds import UNFINISHED
from server.tenancy import administration
from tallywire import AsyncClient, OutOfRange, event
from tests.support import worlds

_DAY = timedelta(hours=24)


async def age(database: Database, organization: int, revisions: int, by: timedelta) -> None:
    """Makes the first revisions of an organization that much older."""
    older = worlds.moved("created_at", f"-{by.total_seconds()} seconds")
    statement = f"UPDATE updates SET created_at = {older} WHERE organization_id = $1 AND revision <= $2"
    await worlds.execute(database, statement, organization, revisions)


async def kept(database: Database, organization: int) -> tuple[int, int]:
    """Returns the oldest and the newest revision to resume after."""
    async with database.transaction(of=EVERY) as driver:
        window = await updates.window(driver, organization)
    return window.oldest, window.newest


async def removed(database: Database) -> int:
    """Runs the retention of a day and returns how many updates it has removed."""
    result = await retention.update_retention(database, (await database.condition()).now, {}, window=_DAY)
    assert UNFINISHED not in result
    return int(str(result["removed"]))


async def test_only_updates_older_than_the_window_are_removed(own_database: Database, own_organization: int) -> None:
    other = await administration.create_organization(own_database, "other", OrganizationSettings(time_zone="UTC"))
    for organization in (own_organization, other):
        await worlds.store(own_database, organization, worlds.events(organization, 40), batch=10)
    before = await worlds.figures(own_database, own_organization)  # which takes one more revision
    assert await removed(own_database) == 0
    await age(own_database, own_organization, 3, timedelta(hours=23))
    assert await removed(own_database) == 0
    await age(own_database, own_organization, 2, timedelta(hours=2))
    assert await removed(own_database) == 2
    assert await kept(own_database, own_organization) == (3, 5)
    assert await kept(own_database, other) == (1, 4)
    assert await worlds.figures(own_database, own_organization) == before


async def test_revisions_go_on_where_no_update_is_kept(own_database: Database, own_organization: int) -> None:
    some = worlds.events(1, 50)
    await worlds.store(own_database, own_organization, some[:40], batch=10)
    await age(own_database, own_organization, 4, 2 * _DAY)
    assert await removed(own_database) == 4
    assert await kept(own_database, own_organization) == (5, 4)
    await worlds.store(own_database, own_organization, some[40:], batch=10)
    assert await kept(own_database, own_organization) == (5, 5)


async def test_many_are_removed_oldest_first_portion_by_portion(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await worlds.store(own_database, own_organization, worlds.events(1, 50), batch=10)
    await age(own_database, own_organization, 5, 2 * _DAY)
    monkeypatch.setattr(retention, "PORTION_UPDATES", 2)
    async with own_database.transaction(of=EVERY) as driver:
        now = (await own_database.condition()).now
        assert await updates.remove_before(driver, own_organization, now - _DAY, 2) == 2
    assert await kept(own_database, own_organization) == (3, 5)
    assert await removed(own_database) == 3


async def test_a_subscriber_goes_on_after_the_last_that_is_removed_and_after_none_before(
    client: AsyncClient, database: Database, organization: int
) -> None:
    tokens = []
    async with client.updates(bookmarks=True) as stream:
        assert (await anext(stream)).bookmark
        for _ in range(4):
            await client.track(event("message.sent"))
            while (update := await anext(stream)).bookmark:
                pass
            tokens.append(update.resume_token)
    await age(database, organization, 2, 2 * _DAY)
    assert await removed(database) >= 2
    async with client.updates(resume_after=tokens[1]) as stream:
        assert [(await anext(stream)).revision for _ in range(2)] == [3, 4]
    with pytest.raises(OutOfRange) as refused:
        async with client.updates(resume_after=tokens[0]) as stream:
            await anext(stream)
    assert (refused.value.reason, refused.value.metadata["oldest_revision"]) == ("COMPACTED", "3")
