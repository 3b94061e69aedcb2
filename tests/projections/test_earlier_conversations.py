"""What conversations were at an earlier revision, made of their events, is what the projection had of them then."""

import random

import pytest

from server.events.conversation import Conversation
from server.projections import earlier_conversations
from server.projections.earlier_conversations import TooMuchChanged, conversations_at
from server.store import conversations as stored
from server.store import following
from server.store.database import Database
from server.store.projections import Rows
from tests.projections.test_projections import rows, state
from tests.support import worlds


async def kept(database: Database, organization: int) -> dict[bytes, Conversation]:
    await worlds.project(database, organization)
    keys = list(await rows(database, organization))
    async with database.snapshot() as driver:
        version = (await state(database, organization))["version"]
        return await stored.load(driver, Rows(organization, version), keys)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_what_has_changed_since_is_what_it_was(
    database: Database, organization: int, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(seed)
    events = worlds.events(seed, 500)
    dice.shuffle(events)
    await worlds.store(database, organization, events[:400], batch=50)
    before = await kept(database, organization)
    revision = int((await state(database, organization))["newest"])
    async with database.snapshot() as driver:
        assert await conversations_at(driver, organization, revision) == {}
    later = [event._replace(conversation_id=event.conversation_id and f"new {seed}") for event in events[400:430]]
    await worlds.store(database, organization, [*later, *events[430:]])
    after = await kept(database, organization)
    async with database.snapshot() as driver:
        found = await conversations_at(driver, organization, revision)
        changed = {key for key, one in after.items() if before.get(key) != one}
        assert changed <= found.keys()
        assert len(changed) > 5
        assert found == {key: before.get(key) for key in found}
        assert None in found.values()
        monkeypatch.setattr(earlier_conversations, "MOST_LATER", 20)
        with pytest.raises(TooMuchChanged):
            await conversations_at(driver, organization, revision)
        monkeypatch.undo()
        monkeypatch.setattr(earlier_conversations, "MOST_READ", 20)
        monkeypatch.setattr(following, "PORTION", 7)
        with pytest.raises(TooMuchChanged):
            await conversations_at(driver, organization, revision)
        monkeypatch.setattr(earlier_conversations, "MOST_READ", 500)
        assert await conversations_at(driver, organization, revision) == found
