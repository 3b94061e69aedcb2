"""Conversations with many events: a step needs a few of them, and comes to what all of them come to."""

import itertools
import random
from collections.abc import Awaitable, Callable

import pytest

from server.catalog.families.conversations import PROJECTION
from server.events import conversation as conversations
from server.events import outcomes
from server.events.event import Event
from server.events.outcomes import Closing, ClosingKind
from server.projections.projector import Projector
from server.rollups import audit
from server.store import conversations as stored
from server.store.database import Database
from server.store.isolation import EVERY
from server.store.projections import Rows
from tests.projections.test_projections import message, plain_figures, rows
from tests.support import effort, worlds

MOST = 9  # deciding closings of a conversation: the first and the last of four kinds, and a human's resolution
KINDS = tuple(ClosingKind)
TYPES = {kind: event_type for event_type, kind in outcomes.KIND_OF_EVENT_TYPE.items()}


def went(closings: list[Closing]) -> object:
    """How a conversation went by these closings."""
    closed = outcomes.since_reopening(closings)
    last = closed[-1].kind if closed else None
    return outcomes.outcome(closings), outcomes.human_resolution(closed), last


async def test_a_few_closings_decide_as_all_of_them_do(own_database: Database, own_organization: int) -> None:
    dice = random.Random(7)
    valid = Rows(own_organization, 1)
    told: dict[bytes, list[Closing]] = {}
    for number in range(500):
        key = number.to_bytes(16)
        told[key] = [
            Closing(key, dice.randrange(8), bytes((dice.randrange(256), place)), dice.choice(KINDS), "", "", "")
            for place in range(dice.randrange(20))
        ]
    async with own_database.transaction(of=EVERY) as driver:
        await stored.add_closings(driver, valid, itertools.chain.from_iterable(told.values()))
        deciding = await stored.deciding_closings(driver, valid, told)
    assert max(map(len, deciding.values())) <= MOST
    assert {key: went(some) for key, some in deciding.items()} == {key: went(some) for key, some in told.items()}


async def test_a_step_reads_a_few_of_many_closings(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    projector = Projector(own_database)
    many = [message("default", number, event_type="conversation.ended") for number in range(2_000)]
    await worlds.store(own_database, own_organization, many, batch=500)
    await projector.follow(own_organization, PROJECTION)
    read: list[int] = []
    close = conversations.Conversation.close

    def counting(self: conversations.Conversation, closings: list[Closing]) -> None:
        read.append(len(closings))
        close(self, closings)

    monkeypatch.setattr(conversations.Conversation, "close", counting)
    await worlds.store(own_database, own_organization, [message("default", 9_999, event_type="conversation.ended")])
    await projector.follow(own_organization, PROJECTION)
    assert len(read) == 1
    assert read[0] <= MOST


@pytest.mark.parametrize("seed", range(effort.chosen(2, thorough=3)))
async def test_conversations_with_many_events_do_not_depend_on_the_steps(
    own_database: Database, make_own: Callable[[], Awaitable[int]], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Reopenings and earlier closings that are told late, and more human messages than are kept."""
    monkeypatch.setattr(conversations, "MOST_HUMAN_MESSAGES", 4)
    dice = random.Random(seed)
    events = [_told(dice, number) for number in range(200)]
    at_once, in_steps = await make_own(), await make_own()
    await worlds.store(own_database, at_once, events)
    await worlds.project(own_database, at_once)
    shuffled = dice.sample(events, len(events))
    while shuffled:
        size = dice.randrange(1, 12)
        await worlds.store(own_database, in_steps, shuffled[:size], batch=dice.choice((1, 12)))
        await worlds.project(own_database, in_steps)
        del shuffled[:size]
    assert await rows(own_database, at_once) == await rows(own_database, in_steps)
    assert await plain_figures(own_database, at_once) == await plain_figures(own_database, in_steps)
    for organization in (at_once, in_steps):
        assert (await audit.check(own_database, organization)).mismatches == 0


def _told(dice: random.Random, number: int) -> Event:
    """An event of one of three conversations."""
    event_type = "message.sent" if dice.random() < 0.4 else dice.choice(tuple(TYPES.values()))
    detail = {"by_human": dice.random() < 0.8} if event_type == "message.sent" else {}
    one = message(f"hot-{number % 3}", number, event_type=event_type, detail=detail, agent_id=dice.choice(("", "ada")))
    return one._replace(occurred_at=one.occurred_at + dice.randrange(90) * 60_000_000)
