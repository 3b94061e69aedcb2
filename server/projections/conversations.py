"""The projection of conversations: when each began, how it went, and how soon somebody answered."""

import copy
import itertools
import operator
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime

from server.catalog import conversations as counting
from server.catalog.cells import Cells
from server.catalog.conversations import Contribution
from server.catalog.counting import Overflow
from server.catalog.families.conversations import PROJECTION
from server.events import event_types, outcomes
from server.events.conversation import Attribute, Attribution, Conversation, ConversationEvent
from server.events.event import conversation_key_of, is_made
from server.events.outcomes import Closing
from server.projections import portions
from server.projections.portions import Portion
from server.projections.projection import Advance, Replacement
from server.store import agents as stored_agents
from server.store import conversation_versions, members, projection_rows
from server.store import conversations as stored
from server.store.database import Driver
from server.store.projections import ProjectionPosition, Rows


class Conversations:
    """Follows the conversations of an organization."""

    name = PROJECTION
    is_realtime = True
    needs: Sequence[str] = ("agents",)

    async def advance(
        self, driver: Driver, rows: Rows, position: ProjectionPosition, newest: ProjectionPosition, limit: int
    ) -> Advance:
        """Takes in the events of conversations after a position."""
        portion = await portions.read(stored.EVENTS, driver, rows.organization_id, position, newest, limit)
        changes: Cells = {}
        anew = {event.conversation_id for event in portion.replaced}
        events = await _with_all_of(driver, rows, anew, portion) if anew else portion.events
        if events or anew:
            events = await told_by_humans(driver, rows.organization_id, events)
            changes = await _take_in(driver, rows, events, anew)
        return Advance(position=portion.reached, events=len(portion.events), changes=changes)

    async def replace(
        self, driver: Driver, valid: Rows, filled: Rows, complete_from: datetime | None, after: bytes
    ) -> Replacement:
        """Changes a portion of the valid conversations to what those are that were filled anew."""
        portion = await conversation_versions.portion(driver, valid, filled, after)
        if portion is None:
            return Replacement(valid=valid)
        different = await conversation_versions.different(driver, valid, filled, portion, complete_from)
        changes = _change(different.conversations.values())
        await conversation_versions.take_over(driver, valid, filled, different)
        return Replacement(
            valid=valid,
            changes=changes,
            differing=len(different.conversations),
            replaced=None if portion.is_end else portion.last,
        )

    async def remove_others(self, driver: Driver, valid: Rows, latest: int, limit: int) -> int:
        """Removes conversations of other versions than the valid one."""
        return await projection_rows.remove_others(driver, conversation_versions.TABLES, valid, latest, limit)


async def _with_all_of(
    driver: Driver, rows: Rows, anew: Set[str], portion: Portion[ConversationEvent]
) -> Sequence[ConversationEvent]:
    """Returns the events of a portion, with all that there are of conversations that are made anew, in the order of
    revisions.
    """
    before = await stored.load(driver, rows, [conversation_key_of(one) for one in anew])
    times = [event.occurred_at for event in (*portion.replaced, *portion.events)]
    first_at = min([*times, *(one.first_at for one in before.values())])
    until = portion.reached.revision
    every = await stored.EVENTS.of_ids(driver, rows.organization_id, "conversation_id", anew, first_at, until)
    every += [event for event in portion.events if event.conversation_id not in anew]
    return sorted(every, key=operator.attrgetter("revision"))


async def told_by_humans(
    driver: Driver, organization_id: int, events: Sequence[ConversationEvent]
) -> Sequence[ConversationEvent]:
    """Returns events, in the order of revisions, with those messages as a human's that do not say who wrote them and
    whose agent was known to be one once all of the message's revision was told.

    That follows from the revisions, wherever steps are cut and whenever a rebuild reads them again.
    """
    agents = {event.agent_id for event in events if _has_unknown_writer(event)}
    if not agents:
        return events
    first, last = events[0].revision, events[-1].revision
    kinds = await stored_agents.known_kinds(driver, organization_id, agents, first, last)
    if not kinds.changes:
        return events
    return [
        event._replace(by_human=True)
        if _has_unknown_writer(event) and kinds.is_human(event.agent_id, event.revision)
        else event
        for event in events
    ]


def _has_unknown_writer(event: ConversationEvent) -> bool:
    return event.by_human is None and event.event_type == event_types.MESSAGE_SENT and bool(event.agent_id)


async def _take_in(driver: Driver, rows: Rows, events: Sequence[ConversationEvent], anew: Set[str]) -> Cells:
    """Takes events in, stores the conversations that they change, and returns what that changes in figures. The events
    of those that are made anew are all that there are.
    """
    by_id: dict[str, list[ConversationEvent]] = {one: [] for one in anew}
    for event in events:
        by_id.setdefault(event.conversation_id, []).append(event)
    by_key = {conversation_key_of(conversation_id): some for conversation_id, some in by_id.items()}
    attribute = await attribution(driver, rows.organization_id, events)
    before = await stored.load(driver, rows, by_key)
    forgotten = {conversation_key_of(one) for one in anew}
    if forgotten:
        await stored.remove(driver, rows, forgotten)
    known = {key: conversation for key, conversation in before.items() if key not in forgotten}
    closings = await _closings(driver, rows, by_key, attribute, known)
    after = {key: _after(known.get(key), some, attribute, closings.get(key)) for key, some in by_key.items() if some}
    if after:
        await stored.save(driver, rows, after)
    return _change((before.get(key), after.get(key)) for key in by_key)


def _closing(key: bytes, event: ConversationEvent, attribute: Attribute) -> Closing | None:
    """Returns what an event that was sent says about how its conversation went; None where it says nothing."""
    kind = outcomes.KIND_OF_EVENT_TYPE.get(event.event_type)
    if kind is None or is_made(event.event_key):
        return None
    agent_id, channel, team_id, _, reason = attribute(event)
    return Closing(key, event.occurred_at, event.event_key, kind, agent_id, channel, team_id, reason)


def _after(
    before: Conversation | None,
    events: Sequence[ConversationEvent],
    attribute: Attribute,
    closings: Sequence[Closing] | None,
) -> Conversation:
    """Returns a conversation with more events. closings are those that decide how it went, where there are new ones."""
    if before is None:
        after = Conversation.of(events[0], attribute)
    else:
        after = copy.copy(before)
        after.human_messages = [*before.human_messages]
    for event in events:
        after.take(event, attribute)
    if closings is not None:
        after.close(closings)
    return after


def _change(pairs: Iterable[tuple[Conversation | None, Conversation | None]]) -> Cells:
    """Returns what it changes in figures that conversations are what they are now, in place of what they were."""
    taken_back: list[Contribution] = []
    added: list[Contribution] = []
    for before, now in pairs:
        counted = list(counting.contributions(before)) if before else []
        counts = list(counting.contributions(now)) if now else []
        if counted != counts:
            taken_back += [one for one in counted if one not in counts]
            added += [one for one in counts if one not in counted]
    changes: Cells = {}
    counting.add(changes, taken_back, -1)
    counting.add(changes, added)
    return changes


async def attribution(driver: Driver, organization_id: int, events: Sequence[ConversationEvent]) -> Attribute:
    """Returns how events are attributed: to the values under which they are counted."""
    given = set(map(_values, events))
    wanted = {
        (dimension.member_kind, value)
        for values in given
        for dimension, value in zip(counting.DIMENSIONS, values, strict=True)
        if value
    }
    overflow = Overflow.of(await members.over_limit(driver, organization_id, wanted))

    def attribute(event: ConversationEvent) -> Attribution:
        to = Attribution(*_values(event))
        return counting.attributed(to, overflow) if overflow else to

    return attribute


_values = operator.attrgetter(*Attribution._fields)


async def _closings(
    driver: Driver,
    rows: Rows,
    events: Mapping[bytes, Sequence[ConversationEvent]],
    attribute: Attribute,
    before: Mapping[bytes, Conversation],
) -> dict[bytes, list[Closing]]:
    """Stores closing and reopening events, and returns those that decide how the conversations went that got one, or
    that the service has ended.
    """
    # What the service has ended may go on.
    closings: dict[bytes, list[Closing]] = {key: [] for key, one in before.items() if one.idle_ended_at is not None}
    for key, some in events.items():
        for event in some:
            if is_made(event.event_key):
                closings.setdefault(key, [])
            elif (closing := _closing(key, event, attribute)) is not None:
                closings.setdefault(key, []).append(closing)
    if any(closings.values()):
        await stored.add_closings(driver, rows, itertools.chain.from_iterable(closings.values()))
    # Most conversations are closed once: what is new is all that there is of them.
    if again := [key for key in closings if key in before and before[key].has_closings]:
        closings.update(await stored.deciding_closings(driver, rows, again))
    return closings
