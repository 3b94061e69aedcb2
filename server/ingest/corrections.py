"""Corrector: stored events become other ones with the same ids, or are retracted, in one transaction.

What an event has added to figures is taken out, and what it adds now is put in, under one revision, to which its raw
event moves. Members that no raw event speaks of any more leave their sets. What projections keep of the event follows
when they come to that revision: see server/projections/portions.py.
"""

import enum
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from server import errors, failpoints, timerange
from server.admission.query_slots import QuerySlots
from server.catalog import cells, counting, pairs, slots
from server.catalog.cells import Cells
from server.catalog.dimensions import Dimension
from server.clock import Clock
from server.errors import Reason, Refused, Rejection
from server.events import erased, rules
from server.events.event import Event, is_made
from server.events.lead import LeadEvent
from server.ingest.results import ERASED
from server.organizations.audit_trail import Actor, Entry
from server.organizations.settings import REFUSE
from server.rollups import erased_users, member_numbers
from server.rollups.erased_users import Digest, ErasuresChanged
from server.rollups.member_numbers import Limits, NumberCache
from server.store import erased_users as stored_erased
from server.store import events as stored_events
from server.store import fewer_members, members, organizations, replaced_events, rollups, statuses, updates
from server.store.database import Database, Driver, is_locked_out
from server.store.events import Revision
from server.store.fewer_members import Sets
from server.store.replaced_events import Note, StoredEvent
from server.tenancy import audit_trail
from server.tenancy.principal import Principal

_AT_ONCE = 2  # corrections in this process
_MOST_WAITING, _MOST_WAITING_EACH = 40, 10
_FEW = 1_000  # ids, which is all that a call has to know
_PROFILE = frozenset(("agent.created", "agent.updated", "agent.deleted", "agent.deployed"))
# Of an event, all that its sender says of it but its detail and its properties.
_TOLD = slice(Event._fields.index("event_type"), Event._fields.index("detail"))


class CorrectionStatus(enum.Enum):
    """What became of a correction."""

    CORRECTED = "corrected"
    RETRACTED = "retracted"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What an event should be. event is None for one that is retracted; has_time is false if the time of the stored
    event holds.
    """

    event_id: str
    event_key: bytes
    event: Event | None
    has_time: bool = True
    is_refused: bool = False  # since it is of a user who was erased


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionResult:
    """What became of a correction."""

    event_id: str
    status: CorrectionStatus
    rejection: Rejection | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """What became of corrections, in their order, and the revision that holds them (0: none)."""

    results: Sequence[CorrectionResult]
    revision: int


class Corrector:
    """Corrects and retracts events of all organizations. digest tells which users were erased."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        on_commit: Callable[[int], None],
        distinct: Limits | None = None,
        digest: Digest | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._on_commit = on_commit
        self._distinct = distinct
        self._digest = digest
        self._slots = QuerySlots(_AT_ONCE, limit=_MOST_WAITING, limit_each=_MOST_WAITING_EACH)

    async def correct(
        self, principal: Principal, corrections: Sequence[Correction], reason: str, by: Actor
    ) -> Corrected:
        """Makes events what they should be and returns once that is durable. All of them are corrected, or all are
        retracted. May be repeated whatever happened to an earlier attempt.
        """
        if len({one.event_key for one in corrections}) < len(corrections):
            raise Refused(Reason.INVALID_VALUE, "an event comes twice", field="events")
        if not corrections:
            return Corrected(results=(), revision=0)
        note = Note(reason=reason, key_id=principal.key_id)
        async with self._slots.slot(principal):
            refuses = principal.settings.erased_user_events == REFUSE
            return await self._correct_all(principal.organization_id, corrections, note, by, refuses=refuses)

    async def _correct_all(
        self, organization_id: int, corrections: Sequence[Correction], note: Note, by: Actor, *, refuses: bool
    ) -> Corrected:
        """Corrects events, again and again while others hold what it needs."""
        wanted = sorted(corrections, key=lambda one: one.event_key)
        before: Mapping[bytes, StoredEvent] = {}
        numbers = NumberCache(self._distinct, capacity=_FEW, digest=self._digest)
        while True:
            try:
                obeyed = _obeyed(organization_id, wanted, numbers, refuses=refuses)
                done = await self._correct(organization_id, obeyed, before, numbers, note, by)
            except ErasuresChanged:
                before = {}  # what was read may name a person who has been erased since: nobody enrols the id again
                async with self._database.ingest(of=organization_id) as driver:
                    await numbers.learn_erasures(driver, organization_id)
            except _Others as others:
                before = others.stored
                if others.declared is not None:
                    numbers.learn_pairs(organization_id, others.declared)
            except errors.StorageUnavailable as error:
                if not is_locked_out(error):  # as by a recount, which holds the organization for a window
                    raise
                before = {}  # a sweep of an erasure, with which it may have been in a deadlock, has changed events
            else:
                by_id = {result.event_id: result for result in done.results}
                return Corrected(results=[by_id[one.event_id] for one in corrections], revision=done.revision)

    async def _correct(
        self,
        organization_id: int,
        wanted: Sequence[Correction],
        before: Mapping[bytes, StoredEvent],
        numbers: NumberCache,
        note: Note,
        by: Actor,
    ) -> Corrected:
        """Corrects events that were found to be what they are before; raises _Others where they are not."""
        new = [one.event for one in wanted if one.event is not None]
        old = [one.event for one in before.values()]
        async with self._database.ingest(of=organization_id) as driver:
            known = (await numbers.of_all(driver, {organization_id: [*old, *new]}))[organization_id]
        async with self._database.transaction(of=organization_id) as driver:
            if not await organizations.hold(driver, organization_id):
                raise ValueError(f"there is no organization {organization_id}")
            widened_until = await rollups.hold_fold(driver, organization_id)
            stored = await replaced_events.lock(driver, organization_id, [one.event_key for one in wanted])
            if {key: one.event for key, one in stored.items()} != {key: one.event for key, one in before.items()}:
                raise _Others(stored)
            rejections = await _rejections(driver, organization_id, wanted, stored)
            changed = [one for one in wanted if one.event_key not in rejections and _changes(one, stored)]
            revision = None
            if changed:
                transaction = _Transaction(
                    driver=driver,
                    organization_id=organization_id,
                    old=[stored[one.event_key] for one in changed],
                    new=[_timed(one.event, one, stored) for one in changed if one.event is not None],
                    numbers=known.numbers,
                    widened_until=widened_until,
                )
                revision = await transaction.run(slots.recency(rules.microseconds(self._clock.now())), note)
                if known.erasures != revision.erasures:
                    raise ErasuresChanged([organization_id])
                if known.numbers.pairs != pairs.counted(revision.pairs):
                    raise _Others(stored, revision.pairs)
                await audit_trail.record(driver, organization_id, _entry(changed, revision, note, by))
            failpoints.reach("correction_before_commit")
        failpoints.reach("correction_after_commit")
        if revision is not None:
            self._on_commit(organization_id)
        results = [_result(one, rejections.get(one.event_key), is_changed=one in changed) for one in wanted]
        return Corrected(results=results, revision=revision.number if revision else 0)


def _obeyed(
    organization_id: int, wanted: Sequence[Correction], numbers: NumberCache, *, refuses: bool
) -> Sequence[Correction]:
    """Returns corrections without erased people, as far as those are known, as ingest stores events without them."""
    users = erased_users.user_ids([one.event for one in wanted if one.event is not None])
    aliases = numbers.aliases(organization_id, users)
    if not aliases:
        return wanted
    return [
        replace(one, event=erased.under_alias(one.event, alias), is_refused=refuses)
        if one.event is not None and (alias := aliases.get(one.event.user_id)) is not None
        else one
        for one in wanted
    ]


def _entry(changed: Sequence[Correction], revision: Revision, note: Note, by: Actor) -> Entry:
    """Returns what the audit trail says; which events these are their history says."""
    return Entry(
        actor=by,
        action="events.retracted" if changed[0].event is None else "events.corrected",
        subject=f"revision {revision.number}",
        after={"events": len(changed), "reason": note.reason},
    )


class _Others(Exception):
    """The events are others than were looked at, or the pairs are that have to be counted. Nothing is stored."""

    def __init__(self, stored: Mapping[bytes, StoredEvent], declared: Sequence[int] | None = None) -> None:
        super().__init__()
        self.stored = stored
        self.declared = declared


@dataclass(frozen=True, slots=True, kw_only=True)
class _Transaction:
    """The changes that a transaction makes: events become new ones, or, without any, nothing."""

    driver: Driver
    organization_id: int
    old: Sequence[StoredEvent]
    new: Sequence[Event]
    numbers: counting.Numbers
    widened_until: int

    async def run(self, recency: slots.Recency, note: Note) -> Revision:
        """Makes the changes, under the revision that it returns."""
        driver, organization_id = self.driver, self.organization_id
        old = [one.event for one in self.old]
        added, taken = (counting.of_events(some, self.numbers, recency) for some in (self.new, old))
        changes: Cells = {}
        cells.add_all(changes, added)
        cells.take_away(changes, taken)
        deltas, update = rollups.encode(changes), updates.encode(changes)
        revision = (await stored_events.next_revisions(driver, {organization_id: 0}))[organization_id]
        await replaced_events.replace(driver, organization_id, revision, self.old, self.new, note)
        # Whoever adds an event that keeps a member in its sets waits for the revision.
        candidates = fewer_members.without(fewer_members.of_cells(taken), fewer_members.of_cells(added))
        gone = await _unsupported(driver, organization_id, candidates, old, self.numbers.pairs)
        await fewer_members.remove(driver, organization_id, gone, self.widened_until)
        await rollups.append(driver, [(organization_id, revision, deltas)])
        await updates.append(driver, [(organization_id, revision, update)])
        await statuses.remove(driver, organization_id, [one for one in old if _is_status(one)])
        await statuses.append(driver, [(organization_id, one) for one in self.new if _is_status(one)])
        return revision


async def _unsupported(
    driver: Driver, organization_id: int, candidates: Sets, events: Collection[Event], pairs: tuple[Dimension, ...]
) -> Sets:
    """Returns those of the members that no raw event speaks of any more. events are those that have spoken of them."""
    being_erased = await stored_erased.running(driver, organization_id)  # with two names and one number
    for bucket in sorted({key.bucket for key in candidates}):
        mine = [event for event in events if event.bucket == bucket]
        users, agents = {event.user_id for event in mine} - {""}, {event.agent_id for event in mine} - {""}
        users |= {name for both in being_erased.items() if not users.isdisjoint(both) for name in both}
        async for portion in replaced_events.of_members(driver, organization_id, bucket, users, agents):
            numbers = await _numbers(driver, organization_id, portion, pairs)
            candidates = fewer_members.without(candidates, fewer_members.of_cells(counting.of_events(portion, numbers)))
    return candidates


async def _numbers(
    driver: Driver, organization_id: int, events: Collection[Event], pairs: tuple[Dimension, ...]
) -> counting.Numbers:
    """Returns what is known of the ids of events that were counted."""
    some = list(events)
    known = await _known(driver, organization_id, member_numbers.ids_of(some))
    overflow = member_numbers.of_members(known.items()).overflow
    known |= await _known(driver, organization_id, member_numbers.ids_of_pairs(some, pairs, overflow))
    return member_numbers.of_members(known.items(), pairs)


async def _known(
    driver: Driver, organization_id: int, ids: Mapping[int, Collection[str]]
) -> dict[members.Key, members.Member]:
    return await members.known(driver, organization_id, [(kind, one) for kind, some in ids.items() for one in some])


def _is_status(event: Event) -> bool:
    return event.event_type == "agent.status_changed" and bool(event.agent_id)


def _timed(event: Event, correction: Correction, stored: Mapping[bytes, StoredEvent]) -> Event:
    """Returns what an event becomes: with the time of the stored one where it has none."""
    if correction.has_time:
        return event
    return event._replace(occurred_at=stored[correction.event_key].event.occurred_at)


def _changes(correction: Correction, stored: Mapping[bytes, StoredEvent]) -> bool:
    """Returns whether a correction changes anything: repeated, it does not."""
    if correction.event is None:
        return True
    return _content(_timed(correction.event, correction, stored)) != _content(stored[correction.event_key].event)


def _content(event: Event) -> tuple[object, ...]:
    properties = json.loads(event.properties) if event.properties else {}
    return (*tuple(event)[_TOLD], dict(event.detail), properties)


def _result(correction: Correction, rejection: Rejection | None, *, is_changed: bool) -> CorrectionResult:
    if rejection is not None:
        status = CorrectionStatus.REJECTED
    elif not is_changed:
        status = CorrectionStatus.UNCHANGED
    else:
        status = CorrectionStatus.RETRACTED if correction.event is None else CorrectionStatus.CORRECTED
    return CorrectionResult(event_id=correction.event_id, status=status, rejection=rejection)


async def _rejections(
    driver: Driver, organization_id: int, wanted: Sequence[Correction], stored: Mapping[bytes, StoredEvent]
) -> dict[bytes, Rejection]:
    """Returns why some events cannot be corrected, by their keys."""
    found: dict[bytes, Rejection] = {}
    kept = await organizations.kept(driver, organization_id)
    raw_from = kept.raw_from_bucket if kept else 0
    told: dict[bytes, list[Event]] = {}
    for one in wanted:
        before = stored.get(one.event_key)
        if before is None or one.is_refused:
            found[one.event_key] = ERASED if before is not None else _NOT_FOUND
            continue
        events = [before.event] if one.event is None else [before.event, _timed(one.event, one, stored)]
        if any(is_made(event.event_key) or event.event_type in _PROFILE for event in events):
            found[one.event_key] = _NOT_CORRECTABLE
        elif any(event.bucket < raw_from for event in events):
            found[one.event_key] = _gone(raw_from)
        else:
            told[one.event_key] = events
    if raw_from and told:
        every = [event for events in told.values() for event in events]
        older = await replaced_events.begun_before(
            driver,
            organization_id,
            {event.conversation_id for event in every} - {""},
            {lead.lead_id for lead in map(LeadEvent.of, every) if lead is not None},
            timerange.instant(raw_from),
        )
        for key, events in told.items():
            leads = {lead.lead_id for lead in map(LeadEvent.of, events) if lead is not None}
            if older.leads & leads or older.conversations & {event.conversation_id for event in events}:
                found[key] = _gone(raw_from)
    return found


_NOT_FOUND = Rejection(
    reason=Reason.EVENT_NOT_FOUND,
    message="there is no such event, or it is not kept any more, or it was retracted",
    field="event_id",
)
_NOT_CORRECTABLE = Rejection(
    reason=Reason.EVENT_NOT_CORRECTABLE,
    message="what describes an agent holds until something newer is told: send agent.updated; what the service has"
    " made follows from other events: correct those",
    field="event_type",
)


def _gone(raw_from: int) -> Rejection:
    kept_from = timerange.instant(raw_from).isoformat().replace("+00:00", "Z")
    return Rejection(
        reason=Reason.RAW_EVENTS_GONE,
        message=f"raw events are kept from {kept_from} on, and what counts together with this event began before that",
        field="event_id",
        metadata={"kept_from": kept_from},
    )
