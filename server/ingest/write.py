"""One transaction of ingest: keys, events, deltas, revisions. Acknowledge after it and never before.

It appends and decides nothing but which events are new and whether a quota is left: what depends on several events is
decided later, by projections.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from server import errors, failpoints
from server.catalog import counting, pairs
from server.catalog.counting import Overflow
from server.catalog.dimensions import Dimension
from server.catalog.slots import Recency
from server.events.event import Event
from server.rollups import erased_users
from server.rollups.erased_users import ErasuresChanged
from server.rollups.member_numbers import Known, NumberCache
from server.store import events as stored_events
from server.store import rollups, statuses, updates
from server.store.database import Database, Driver
from server.store.events import Revision


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationEvents:
    """What one organization stores: distinct events, sorted by key."""

    organization_id: int
    events: Sequence[Event]
    quota: int  # events of a month; 0: any number
    is_metered: bool = True  # they are events of the month; those that the service makes are not
    refuses_erased: bool = False  # events of erased users; they are stored without the user otherwise

    def halves(self) -> "tuple[OrganizationEvents, OrganizationEvents]":
        """Returns the earlier and the later half of the events, by key."""
        middle = len(self.events) // 2
        first, second = self.events[:middle], self.events[middle:]
        return dataclasses.replace(self, events=first), dataclasses.replace(self, events=second)


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What a transaction did for an organization. stored maps the keys that were there before to their fingerprints;
    refused are those of events of erased users.
    """

    revision: int  # 0: nothing was new
    new: set[bytes]
    stored: Mapping[bytes, int]
    overflow: Overflow  # of all the events, new or not
    refused: frozenset[bytes] = frozenset()


# Before each long step of a transaction whoever stores a large batch may wait, and measure the step.
Step = Callable[[], AbstractAsyncContextManager[None]]


def at_once() -> AbstractAsyncContextManager[None]:
    """Returns a step of a small batch, which neither waits nor is measured."""
    return contextlib.nullcontext()


async def store(
    database: Database,
    numbers: NumberCache,
    parts: Sequence[OrganizationEvents],
    recency: Recency,
    *,
    step: Step = at_once,
    may_learn: bool = True,
) -> dict[int, Committed]:
    """Stores those events that are new and counts them, in one transaction; returns what it did by organization.

    May be repeated whatever happened to an earlier attempt: events that it committed are found stored. QuotaExceeded,
    and nothing stored, where a month of one of the organizations would then hold more events than its quota.
    ErasuresChanged where more is known of erased users than numbers know, and may_learn is false.
    """
    parts = sorted(parts, key=lambda part: part.organization_id)  # the order in which rows are locked
    while True:
        try:
            return await _store(database, numbers, parts, recency, step)
        except _OtherPairs as declared:
            for organization_id, found in declared.by_organization.items():
                numbers.learn_pairs(organization_id, found)
        except ErasuresChanged as changed:
            if not may_learn:
                raise
            async with database.ingest(of=changed.organization_ids) as driver:
                for organization_id in changed.organization_ids:
                    await numbers.learn_erasures(driver, organization_id)


async def _store(
    database: Database, numbers: NumberCache, parts: Sequence[OrganizationEvents], recency: Recency, step: Step
) -> dict[int, Committed]:
    obeyed = [_obeyed(part, numbers) for part in parts]
    parts = [one.part for one in obeyed]
    given = {part.organization_id: part.events for part in parts}
    async with database.ingest(of=given) as driver:
        known = await numbers.of_all(driver, given, {one.part.organization_id: one.erasures for one in obeyed})
        async with driver.transaction():
            new = await stored_events.claim_keys(driver, given)
            stored = await _stored(driver, parts, new)
            fresh = [_fresh(part, new[part.organization_id]) for part in parts if new[part.organization_id]]
            counted = [await _counted(part, known[part.organization_id], recency, step) for part in fresh]
            revisions = await _append(driver, counted) if counted else {}
            failpoints.reach("ingest_before_commit")
        failpoints.reach("ingest_after_commit")
    for organization_id in revisions:
        numbers.keep(known[organization_id])
    refused = {one.part.organization_id: one.refused for one in obeyed}
    return {
        organization_id: Committed(
            revision=revisions[organization_id].number if organization_id in revisions else 0,
            new=new[organization_id],
            stored=stored.get(organization_id, {}),
            overflow=known[organization_id].numbers.overflow,
            refused=refused[organization_id],
        )
        for organization_id in given
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Obeyed:
    """Events without erased users, as far as those are known; how often that had changed, and the keys of those events
    that are refused.
    """

    part: OrganizationEvents
    erasures: int
    refused: frozenset[bytes] = frozenset()


def _obeyed(part: OrganizationEvents, numbers: NumberCache) -> _Obeyed:
    erasures = numbers.erasures(part.organization_id)
    if not erasures:
        return _Obeyed(part=part, erasures=0)
    aliases = numbers.aliases(part.organization_id, erased_users.user_ids(part.events))
    if not aliases:
        return _Obeyed(part=part, erasures=erasures)
    events, refused = erased_users.obeyed(part.events, aliases, refuses=part.refuses_erased)
    return _Obeyed(part=dataclasses.replace(part, events=events), erasures=erasures, refused=refused)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counted:
    """New events of an organization, and what they add to figures and to the log of updates, as it is stored."""

    part: OrganizationEvents
    pairs: Sequence[Dimension]
    erasures: int
    deltas: rollups.Encoded
    update: updates.Encoded


def _fresh(part: OrganizationEvents, new: set[bytes]) -> OrganizationEvents:
    """Returns a part with its new events alone."""
    if len(new) == len(part.events):
        return part
    return dataclasses.replace(part, events=[event for event in part.events if event.event_key in new])


async def _counted(part: OrganizationEvents, known: Known, recency: Recency, step: Step) -> _Counted:
    """Counts events; to be done before revisions are taken, for whose rows others wait."""
    async with step():
        changes = counting.of_events(part.events, known.numbers, recency)
    async with step():
        return _Counted(
            part=part,
            pairs=known.numbers.pairs,
            erasures=known.erasures,
            deltas=rollups.encode(changes),
            update=updates.encode(changes),
        )


async def _append(driver: Driver, counted: Sequence[_Counted]) -> dict[int, Revision]:
    """Appends what was counted, under the next revision of each organization."""
    taken = {one.part.organization_id: len(one.part.events) if one.part.is_metered else 0 for one in counted}
    revisions = await stored_events.next_revisions(driver, taken)
    _check_erasures(counted, revisions)
    _check_pairs(counted, revisions)
    for one in counted:
        _check_quota(one.part, revisions[one.part.organization_id])
    under = [(one, one.part.organization_id, revisions[one.part.organization_id]) for one in counted]
    await stored_events.append(driver, [(organization, at, one.part.events) for one, organization, at in under])
    await rollups.append(driver, [(organization, at, one.deltas) for one, organization, at in under])
    await updates.append(driver, [(organization, at, one.update) for one, organization, at in under])
    changed = [
        (organization, event)
        for one, organization, _ in under
        for event in one.part.events
        if event.event_type == "agent.status_changed" and event.agent_id
    ]
    await statuses.append(driver, changed)
    return revisions


def _check_erasures(counted: Sequence[_Counted], revisions: Mapping[int, Revision]) -> None:
    """Refuses what was prepared before a user was marked as erased, whose mark has committed before the revision was
    taken. So whoever marks a user knows that no later revision names them, whatever servers remember.
    """
    changed = [
        one.part.organization_id for one in counted if one.erasures != revisions[one.part.organization_id].erasures
    ]
    if changed:
        raise ErasuresChanged(changed)


class _OtherPairs(Exception):
    """Organizations have declared other pairs, here by number, than were counted for them. Nothing is stored."""

    def __init__(self, by_organization: Mapping[int, Sequence[int]]) -> None:
        super().__init__(*by_organization)
        self.by_organization = by_organization


def _check_pairs(counted: Sequence[_Counted], revisions: Mapping[int, Revision]) -> None:
    """Refuses what was counted without a pair that its organization had declared before the revision was taken. So
    whoever declares a pair knows that every later revision counts it, whatever servers remember.
    """
    others: dict[int, Sequence[int]] = {}
    for one in counted:
        declared = revisions[one.part.organization_id].pairs
        if _numbers(one.pairs) != _numbers(pairs.counted(declared)):
            others[one.part.organization_id] = declared
    if others:
        raise _OtherPairs(others)


def _numbers(some: Sequence[Dimension]) -> list[int]:
    return [one.number for one in some]


def _check_quota(part: OrganizationEvents, revision: Revision) -> None:
    if part.quota and revision.month_events > part.quota:
        used = revision.month_events - len(part.events)
        raise errors.QuotaExceeded(used=used, limit=part.quota, at=revision.at)


async def _stored(
    driver: Driver, parts: Sequence[OrganizationEvents], new: Mapping[int, set[bytes]]
) -> dict[int, dict[bytes, int]]:
    """Returns the fingerprints of those events that were there before, by organization."""
    found: dict[int, dict[bytes, int]] = {}
    for part in parts:
        mine = new[part.organization_id]
        if len(mine) < len(part.events):
            old = [event.event_key for event in part.events if event.event_key not in mine]
            known = await stored_events.fingerprints(driver, part.organization_id, old)
            if len(known) < len(old):  # neither new nor there: they were just removed, or their shard is being split
                raise errors.StorageUnavailable("keys of events changed while they were looked at")
            found[part.organization_id] = known
    return found
