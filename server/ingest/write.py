"""One transaction of ingest: keys, conversations, events, deltas, revision. Acknowledge after it and never before."""

import contextlib
import dataclasses
import operator
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from server import errors, failpoints
from server.catalog import counting
from server.catalog.cells import Cells
from server.catalog.counting import Overflow
from server.catalog.slots import Recency
from server.events import event_types, outcomes
from server.events.event import Event, conversation_key_of
from server.events.outcomes import Conversation
from server.rollups.member_numbers import Known, NumberCache
from server.store import conversations, rollups, single, statuses, updates
from server.store import events as stored_events
from server.store.conversations import Activity, Seen
from server.store.database import Database, Driver

_CONVERSATION_TYPES = frozenset((*event_types.MESSAGES, "conversation.started", *outcomes.KIND_OF_EVENT_TYPE))
_FEW = 250  # new events of an organization, up to which one statement costs less than the steps of a transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationEvents:
    """What one organization adds to a group: distinct events, sorted by key."""

    organization_id: int
    events: Sequence[Event]
    quota: int

    def halves(self) -> "tuple[OrganizationEvents, OrganizationEvents]":
        """The earlier and the later half of the events, by key."""
        middle = len(self.events) // 2
        first, second = self.events[:middle], self.events[middle:]
        return dataclasses.replace(self, events=first), dataclasses.replace(self, events=second)


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What a transaction did. stored maps the keys that were there before to their fingerprints."""

    revision: int  # 0: nothing was new
    new: set[bytes]
    stored: dict[bytes, int]
    overflow: Overflow  # of all the events, new or not


# Before each long step of a transaction whoever stores a large batch may wait, and measure the step.
Step = Callable[[], AbstractAsyncContextManager[None]]


def at_once() -> AbstractAsyncContextManager[None]:
    """A step of a small batch, which neither waits nor is measured."""
    return contextlib.nullcontext()


async def store(
    database: Database,
    numbers: NumberCache,
    parts: Sequence[OrganizationEvents],
    recency: Recency,
    *,
    is_group: bool = False,
    optimistic: bool = False,
    step: Step = at_once,
) -> dict[int, Committed]:
    """Stores those events that are new and counts them, in one transaction; returns what it did by organization.

    May be repeated whatever happened to an earlier attempt: events that it committed are found stored.

    Without is_group there is one part, which is stored whatever it takes. QuotaExceeded, and nothing stored, where the
    month would then hold more events than the quota. optimistic: all events are assumed to be new, which is quicker if
    true and does the work twice if not.

    A group is stored by one statement, and its parts are assumed to be new. The answer leaves out parts that have to be
    stored by themselves: one with an event that is stored already, with a message to a closed conversation, or with a
    conversation that another server changes at the same time; and all parts where, for instance, a quota is exceeded.
    """
    async with database.ingest() as driver:
        events = {part.organization_id: part.events for part in parts}
        known = await numbers.of_all(driver, events)
        committed: dict[int, Committed] = {}
        if is_group or (optimistic and len(parts[0].events) <= _FEW):
            counted = await _counted(driver, parts, known, recency, most_are_open=is_group)
            failpoints.reach("ingest_before_commit")  # there is no moment between the statement and its commit
            for organization_id, revision in (await single.store(driver, counted)).items():
                new = {event.event_key for event in events[organization_id]}
                overflow = known[organization_id].numbers.overflow
                committed[organization_id] = Committed(revision=revision.number, new=new, stored={}, overflow=overflow)
        if not is_group and not committed:
            (part,) = parts
            mine = known[part.organization_id].numbers
            alone = await _store_alone(driver, part, mine, recency, step, optimistic=optimistic)
            committed[part.organization_id] = alone
        failpoints.reach("ingest_after_commit")
    for organization_id, one in committed.items():
        if one.revision:
            numbers.keep(known[organization_id])
    return committed


async def _counted(
    driver: Driver,
    parts: Sequence[OrganizationEvents],
    known: Mapping[int, Known],
    recency: Recency,
    *,
    most_are_open: bool,
) -> list[single.CountedEvents]:
    """Returns parts as one statement stores them, without those of which it cannot be told how conversations end.

    most_are_open: parts that close and reopen nothing are stored without a look at their conversations, which saves a
    round trip. One with a conversation that is closed is left out then.
    """
    prepared = [_PartToBe(part, known[part.organization_id].numbers, recency) for part in parts]
    wanted = [key for one in prepared if one.closings or not most_are_open for key in one.conversations()]
    seen = await conversations.look(driver, wanted) if wanted else {}
    return [part for one in prepared if (part := one.counted(seen)) is not None]


class _PartToBe:
    """A part of a group before its conversations are known: what its events add up to without those."""

    def __init__(self, part: OrganizationEvents, numbers: counting.Numbers, recency: Recency) -> None:
        self.closings = counting.closings_of(part.events, numbers.overflow)
        self._part = part
        self._recency = recency
        self._changes = counting.of_events(part.events, numbers, recency)
        self._activities = _activities(part.events)
        self._closings: dict[bytes, list[outcomes.Closing]] = {}
        for closing in self.closings:
            self._closings.setdefault(closing.conversation_key, []).append(closing)

    def conversations(self) -> list[tuple[int, bytes]]:
        """The conversations whose figures may change, by organization and key."""
        return [
            (self._part.organization_id, key)
            for key, activity in self._activities.items()
            if activity.messages or key in self._closings
        ]

    def counted(self, seen: Mapping[tuple[int, bytes], Seen]) -> single.CountedEvents | None:
        """Returns the part as it is stored, with the figures that its conversations change; None where one of them was
        closed and reopened too often to work that out here. To be called once.
        """
        conversation_changes = []
        for key in sorted(self._activities):
            activity, closings = self._activities[key], self._closings.get(key, ())
            found = seen.get((self._part.organization_id, key), _UNSEEN)
            before = found.conversation
            if closings and len(found.closings) >= conversations.MOST_CLOSINGS:
                return None
            outcome = outcomes.outcome((*found.closings, *closings)) if closings else before.outcome
            counting.add_conversation(self._changes, before, -1, self._recency)
            after = Conversation(messages=before.messages + activity.messages, outcome=outcome)
            counting.add_conversation(self._changes, after, +1, self._recency)
            matters = before.outcome is not None or outcome is not None
            conversation_changes.append(
                single.ConversationChange(key, activity, outcome, found.version if matters else None)
            )
        return single.CountedEvents(
            organization_id=self._part.organization_id,
            events=self._part.events,
            conversation_changes=conversation_changes,
            closings=self.closings,
            changes=self._changes,
            quota=self._part.quota,
        )


_UNSEEN = Seen(None, Conversation(messages=0, outcome=None), ())


async def _store_alone(
    driver: Driver,
    part: OrganizationEvents,
    numbers: counting.Numbers,
    recency: Recency,
    step: Step,
    *,
    optimistic: bool,
) -> Committed:
    """Stores a part in a transaction of several statements: on the guess that all events are new, then by a look."""
    organization_id, events = part.organization_id, part.events
    if optimistic and len(events) > _FEW:
        with contextlib.suppress(stored_events.KeyTaken):
            async with driver.transaction():
                await stored_events.add_keys(driver, organization_id, events)
                return await _count(driver, part, numbers, recency, {}, step)
    async with driver.transaction():
        new = await stored_events.claim_keys(driver, organization_id, events)
        stored: dict[bytes, int] = {}
        if len(new) < len(events):
            old = [event.event_key for event in events if event.event_key not in new]
            stored = await stored_events.fingerprints(driver, organization_id, old)
        if not new:
            return Committed(revision=0, new=new, stored=stored, overflow=numbers.overflow)
        fresh = [event for event in events if event.event_key in new]
        return await _count(driver, dataclasses.replace(part, events=fresh), numbers, recency, stored, step)


async def _count(
    driver: Driver,
    part: OrganizationEvents,
    numbers: counting.Numbers,
    recency: Recency,
    stored: dict[bytes, int],
    step: Step,
) -> Committed:
    """Stores and counts events whose keys have been claimed."""
    organization_id, fresh, quota = part.organization_id, part.events, part.quota
    async with step():
        changes = counting.of_events(fresh, numbers, recency)
        added, closings = _activities(fresh), counting.closings_of(fresh, numbers.overflow)
    if added:
        await _count_conversations(driver, organization_id, added, closings, recency, changes)
    changed_statuses = [event for event in fresh if event.event_type == "agent.status_changed" and event.agent_id]
    if changed_statuses:
        await statuses.append(driver, organization_id, changed_statuses)
    async with step():
        deltas, update = rollups.encode(changes), updates.encode(changes)
    revision = await stored_events.next_revision(driver, organization_id, len(fresh))
    if quota and revision.month_events > quota:
        raise errors.QuotaExceeded(used=revision.month_events - len(fresh), limit=quota, at=revision.at)
    await stored_events.append(driver, organization_id, revision, fresh)
    await rollups.append(driver, organization_id, revision, deltas)
    await updates.append(driver, organization_id, revision, update)
    failpoints.reach("ingest_before_commit")
    new = {event.event_key for event in fresh}
    return Committed(revision=revision.number, new=new, stored=stored, overflow=numbers.overflow)


async def _count_conversations(
    driver: Driver,
    organization_id: int,
    added: Mapping[bytes, Activity],
    closings: Sequence[outcomes.Closing],
    recency: Recency,
    changes: Cells,
) -> None:
    """Adds messages to their conversations, and to changes whatever that and new closing events make different."""
    touched = {closing.conversation_key for closing in closings}
    found = await conversations.add_activity(driver, organization_id, added)
    outcome = await _outcomes(driver, organization_id, closings, touched)
    different = {key: now for key, now in outcome.items() if now != found[key].outcome}
    if different:
        await conversations.set_outcomes(driver, organization_id, different)
    for key, one in found.items():
        before = Conversation(messages=one.messages - added[key].messages, outcome=one.outcome)
        after = Conversation(messages=one.messages, outcome=different.get(key, one.outcome))
        counting.add_conversation(changes, before, -1, recency)
        counting.add_conversation(changes, after, +1, recency)


_occurred_at = operator.attrgetter("occurred_at")


def _activities(events: Sequence[Event]) -> dict[bytes, Activity]:
    """What each conversation gets that is started, spoken in, closed or reopened."""
    found: dict[str, list[Event]] = {}
    for event in events:
        conversation_id = event.conversation_id
        if conversation_id and event.event_type in _CONVERSATION_TYPES:
            if conversation_id in found:
                found[conversation_id].append(event)
            else:
                found[conversation_id] = [event]
    return {
        conversation_key_of(conversation_id): _activity(conversation_id, some)
        for conversation_id, some in found.items()
    }


def _activity(conversation_id: str, events: list[Event]) -> Activity:
    events.sort(key=_occurred_at, reverse=True)
    return Activity(
        conversation_id=conversation_id,
        messages=sum(event.event_type in event_types.MESSAGES for event in events),
        at=events[0].occurred_at,
        agent_id=next((event.agent_id for event in events if event.agent_id), ""),
        user_id=next((event.user_id for event in events if event.user_id), ""),
        channel=next((event.channel for event in events if event.channel), ""),
    )


async def _outcomes(
    driver: Driver, organization_id: int, closings: Sequence[outcomes.Closing], touched: set[bytes]
) -> dict[bytes, outcomes.ConversationOutcome | None]:
    """The outcomes of the conversations that got a closing or reopening event."""
    if not closings:
        return {}
    await conversations.add_closings(driver, organization_id, closings)
    return await conversations.outcomes(driver, organization_id, touched)
