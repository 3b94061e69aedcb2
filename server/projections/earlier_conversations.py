"""Conversations as they were at an earlier revision: those that have changed since are made anew of their events."""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from server import timerange
from server.events import outcomes
from server.events.conversation import Attribute, Conversation, ConversationEvent
from server.events.event import conversation_key_of, is_made
from server.events.outcomes import Closing
from server.events.rules import microseconds
from server.projections import conversations
from server.store import conversations as stored
from server.store import earlier_conversations, organizations
from server.store.database import Driver

MOST_LATER = 20_000  # events that came since
MOST_READ = 100_000  # events of the conversations that have changed
_AT_ONCE = 500  # events between two turns of the event loop


class TooMuchChanged(Exception):
    """Too much has come in since, or raw events are gone: what conversations were cannot be told any more."""


async def conversations_at(driver: Driver, organization_id: int, revision: int) -> Mapping[bytes, Conversation | None]:
    """Returns those conversations that have changed since a revision, by their keys, as they were then; None for one
    that there was not. All others are as the projection has them. To be asked in the snapshot in which these are read;
    raises TooMuchChanged.
    """
    changed = await earlier_conversations.changed_since(driver, organization_id, revision, MOST_LATER)
    if changed is None:
        raise TooMuchChanged
    if not changed:
        return {}
    first_at = await earlier_conversations.first_at(driver, organization_id, changed)
    # One that there is no more had the events that were replaced since, and no others.
    since = min(first_at.get(one) or at or timerange.EPOCH for one, at in changed.items())
    since = min([since, *(at for at in changed.values() if at is not None)])
    if timerange.floor_bucket(since) < await organizations.raw_from(driver, organization_id):
        raise TooMuchChanged
    found: dict[bytes, Conversation | None] = dict.fromkeys(map(conversation_key_of, changed))
    by_id = await _events_of(driver, organization_id, changed, microseconds(since), revision)
    every = [event for some in by_id.values() for event in some]
    attribute = await conversations.attribution(driver, organization_id, every)
    taken = 0
    for conversation_id, some in by_id.items():
        key = conversation_key_of(conversation_id)
        found[key] = await _made(key, some, attribute)
        taken += len(some)
        if taken >= _AT_ONCE:
            taken = 0
            await asyncio.sleep(0)
    return found


async def _events_of(
    driver: Driver, organization_id: int, conversation_ids: Collection[str], first_at: int, until: int
) -> Mapping[str, Sequence[ConversationEvent]]:
    """Returns the events of conversations by their ids, each in the order of revisions; refuses too many of them."""
    found: dict[str, list[ConversationEvent]] = {}
    count = 0
    async for some in stored.EVENTS.portions_of_ids(
        driver, organization_id, "conversation_id", conversation_ids, first_at, until
    ):
        count += len(some)
        if count > MOST_READ:
            raise TooMuchChanged
        for event in await conversations.told_by_humans(driver, organization_id, some):
            found.setdefault(event.conversation_id, []).append(event)
    return found


async def _made(key: bytes, events: Sequence[ConversationEvent], attribute: Attribute) -> Conversation:
    """Returns the conversation that events make, all that there are of it."""
    made = Conversation.of(events[0], attribute)
    closings = []
    for number, event in enumerate(events, 1):
        made.take(event, attribute)
        kind = outcomes.KIND_OF_EVENT_TYPE.get(event.event_type)
        if kind is not None and not is_made(event.event_key):
            agent_id, channel, team_id, _, reason = attribute(event)
            at = event.occurred_at
            closings.append(Closing(key, at, event.event_key, kind, agent_id, channel, team_id, reason))
        if not number % _AT_ONCE:
            await asyncio.sleep(0)
    if closings or any(is_made(event.event_key) for event in events):
        made.close(closings)
    return made
