"""What conversations were at an earlier revision, made of their events, is what the projection had of them then."""

import random

import pytest

from server.events.conversation import Conversation
from server.events.event import Event
from server.projections import earlier_conversations
from server.projections.earlier_conversations import TooMuchChanged, conversations_at
from server.store import conversations as stored
from server.store import following, organizations
from server.store.database import Database
from server.store.isolation import EVERY
from server.store.projections import Rows
from tests.ingest import test_corrections
from tests.projections.test_projections import rows, state
from tests.support import effort, worlds


async def kept(database: Database, organization: int) -> dict[bytes, Conversation]:
    await worlds.project(database, organization)
    keys = list(await rows(database, organization))
    async with database.snapshot(of=EVERY) as driver:
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
    async with database.snapshot(of=EVERY) as driver:
        assert await conversations_at(driver, organization, revision) == {}
    later = [event._replace(conversation_id=event.conversation_id and f"new {seed}") for event in events[400:430]]
    await worlds.store(database, organization, [*later, *events[430:]])
    after = await kept(database, organization)
    async with database.snapshot(of=EVERY) as driver:
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


@pytest.mark.parametrize("seed", range(effort.chosen(2, thorough=40)))
async def test_what_corrections_have_changed_since_is_what_it_was(
    database: Database, organization: int, seed: int
) -> None:
    dice, corrector = random.Random(seed), test_corrections.service(database)
    events = [humans(dice, event) for event in worlds.events(seed, 330)]
    dice.shuffle(events)
    there: dict[str, Event] = {}
    then: list[tuple[int, dict[bytes, Conversation]]] = []
    for start in range(0, len(events), 55):
        some = events[start : start + 55]
        await worlds.store(database, organization, some, batch=20)
        there |= {one.event_id: one for one in some if one.event_type != "agent.updated"}
        chosen = dice.sample(sorted(there), 12)
        wanted = [replaced(dice, there[one]) for one in chosen[:8]], [(one, None) for one in chosen[8:]]
        for pairs in wanted:
            done = await corrector.correct(
                test_corrections.principal(organization),
                [test_corrections.correction(event, event_id) for event_id, event in pairs],
                "wrong",
                test_corrections.BY,
            )
            assert {one.rejection for one in done.results} == {None}
            there.update((event_id, event) for event_id, event in pairs if event is not None)
        for event_id in chosen[8:]:
            del there[event_id]
        before = await kept(database, organization)
        then.append((int((await state(database, organization))["newest"]), before))
    async with database.snapshot(of=EVERY) as driver:
        for revision, before in then:
            found = await conversations_at(driver, organization, revision)
            as_it_was = {**then[-1][1], **found}
            assert {key: one for key, one in as_it_was.items() if one is not None} == before
        assert None in found.values() or not found
    assert {len(before) for _, before in then} != {len(then[-1][1])}


def humans(dice: random.Random, event: Event) -> Event:
    """An event, or, of a few, that an agent has become a human, or a program again."""
    if dice.random() < 0.05:
        kind = {"kind": dice.choice((1, 2))}
        return event._replace(event_type="agent.updated", agent_id="bot-7", conversation_id="", detail=kind)
    return event


def replaced(dice: random.Random, event: Event) -> tuple[str, Event]:
    """What an event becomes: at another time, of another conversation, agent or kind."""
    (other,) = worlds.events(dice.randrange(10**9), 1)
    other = other._replace(event_id=event.event_id, event_key=event.event_key, fingerprint=event.fingerprint)
    moved = event._replace(conversation_id=event.conversation_id and f"conversation-{dice.randrange(33)}")
    later = event._replace(occurred_at=event.occurred_at + dice.choice((-1, 1)) * 1_800_000_000)
    return event.event_id, dice.choice((other, moved, later))


async def test_a_conversation_that_was_taken_out_is_known_by_its_events(database: Database, organization: int) -> None:
    (one, other, old) = (
        event._replace(event_type="message.sent", conversation_id=f"c{number}", detail={})
        for number, event in enumerate(worlds.events(7, 3))
    )
    old = old._replace(occurred_at=min(one.occurred_at, other.occurred_at) - 86_400_000_000)
    await worlds.store(database, organization, [one, other, old])
    before = await kept(database, organization)
    revision = int((await state(database, organization))["newest"])
    async with database.transaction(of=EVERY) as driver:  # as retention does
        await driver.execute(
            "DELETE FROM events WHERE organization_id = $1 AND event_key = $2", organization, old.event_key
        )
        await organizations.raise_raw_from(driver, organization, old.bucket + 1)
    retracted = [test_corrections.correction(None, one.event_id)]
    principal = test_corrections.principal(organization)
    await test_corrections.service(database).correct(principal, retracted, "wrong", test_corrections.BY)
    after = await kept(database, organization)
    assert len(after) == 2
    async with database.snapshot(of=EVERY) as driver:
        found = await conversations_at(driver, organization, revision)
    assert {**after, **found} == before
