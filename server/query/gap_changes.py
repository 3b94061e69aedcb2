"""UpdateContentGap, MergeContentGaps and UndoContentGapMerge. Changes are in the audit trail."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from server.admission.query_slots import QuerySlots
from server.catalog.gap_lists import GapState, GapStatus
from server.errors import Reason, Refused
from server.events import rules
from server.organizations.audit_trail import Actor, Entry
from server.query import content_gaps
from server.query.content_gaps import OneGap
from server.query.queries import Queries
from server.store import gap_states as stored
from server.store.database import Database, Driver
from server.tenancy import audit_trail
from server.tenancy.principal import Principal

_AT_ONCE = 2  # changes in this process
_MOST_WAITING, _MOST_WAITING_EACH = 40, 10
MOST_MERGES = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class GapChange:
    """What somebody says of a topic; None leaves as it is. With an etag it is refused if anything was said since."""

    status: GapStatus | None
    note: str | None
    etag: str


class GapChanges:
    """What people of organizations say of content gaps. Changes have slots of their own, and take no connections of
    others.
    """

    def __init__(self, database: Database, queries: Queries) -> None:
        self._database = database
        self._queries = queries
        self._slots = QuerySlots(_AT_ONCE, limit=_MOST_WAITING, limit_each=_MOST_WAITING_EACH)

    @contextlib.asynccontextmanager
    async def _changing(self, principal: Principal) -> AsyncIterator[Driver]:
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            yield driver

    async def update(self, principal: Principal, topic: str, change: GapChange, by: Actor) -> OneGap:
        """Changes what is said of a topic and returns the content gap; refuses one that was never found, one that was
        merged into another, and one of which something else was said since.
        """
        organization_id = principal.organization_id
        last_at = (await content_gaps.one(self._queries, principal, topic)).gap.group.numbers.last_at
        async with self._changing(principal) as driver:
            before = (await stored.lock(driver, organization_id, [topic])).get(topic, GapState())
            _check_own(topic, await stored.merges(driver, organization_id), "topic")
            if change.etag and change.etag != etag(before):
                raise Refused(
                    Reason.ETAG_MISMATCH,
                    "the content gap was changed since it was read: read it again, and decide anew",
                    field="etag",
                    metadata={"etag": etag(before)},
                )
            now = await stored.now(driver)
            after = before.changed(
                change.status,
                change.note,
                by=by.id,
                at=now,
                now=rules.microseconds(now),
                last_at=last_at,
            )
            await stored.save(driver, organization_id, topic, after)
            entry = Entry(
                actor=by, action="content_gap.updated", subject=topic, before=_told(before), after=_told(after)
            )
            await audit_trail.record(driver, organization_id, entry)
        return await content_gaps.one(self._queries, principal, topic)

    async def merge(self, principal: Principal, topic: str, into: str, by: Actor) -> OneGap:
        """Lets a topic count for another one, whatever comes in later too, and returns the other; refuses topics that
        were never found, and one that counts for another already or that others count for.
        """
        organization_id = principal.organization_id
        if topic == into:
            raise Refused(Reason.INVALID_VALUE, "a topic cannot be merged into itself", field="into_topic")
        for field, one in (("topic", topic), ("into_topic", into)):
            try:
                await content_gaps.one(self._queries, principal, one)
            except Refused as refusal:
                if refusal.reason is Reason.CONTENT_GAP_NOT_FOUND:
                    raise content_gaps.not_found(field) from None
                raise
        async with self._changing(principal) as driver:
            await stored.lock(driver, organization_id, [topic, into])
            merges = await stored.merges(driver, organization_id)
            _check_own(topic, merges, "topic")
            _check_own(into, merges, "into_topic")
            if topic in merges.values():
                raise Refused(
                    Reason.CONTENT_GAP_MERGED,
                    "other topics were merged into this one: merge each of them, or undo that first",
                    field="topic",
                    metadata={"topic": next(one for one, other in merges.items() if other == topic)},
                )
            if len(merges) >= MOST_MERGES:
                raise Refused(
                    Reason.TOO_MANY_VALUES,
                    f"{MOST_MERGES:,} topics are merged into others, which is the most: undo one that nobody needs",
                    metadata={"limit": str(MOST_MERGES)},
                )
            await stored.merge(driver, organization_id, topic, into)
            entry = Entry(actor=by, action="content_gap.merged", subject=topic, after={"into": into})
            await audit_trail.record(driver, organization_id, entry)
        return await content_gaps.one(self._queries, principal, into)

    async def undo(self, principal: Principal, topic: str, by: Actor) -> OneGap:
        """Lets a topic count for itself again, with everything that came in meanwhile, and returns it; refuses one that
        was not merged.
        """
        organization_id = principal.organization_id
        await content_gaps.one(self._queries, principal, topic)
        async with self._changing(principal) as driver:
            await stored.lock(driver, organization_id, [topic])
            into = (await stored.merges(driver, organization_id)).get(topic)
            if into is None:
                raise Refused(Reason.CONTENT_GAP_NOT_MERGED, "the topic was not merged into another one", field="topic")
            await stored.undo_merge(driver, organization_id, topic)
            entry = Entry(actor=by, action="content_gap.unmerged", subject=topic, before={"into": into})
            await audit_trail.record(driver, organization_id, entry)
        return await content_gaps.one(self._queries, principal, topic)


def etag(state: GapState) -> str:
    """Returns what is different whenever something else is said of a topic."""
    return str(state.change)


def _told(state: GapState) -> Mapping[str, object]:
    return {"status": state.status.name.lower(), "note": state.note}


def _check_own(topic: str, merges: Mapping[str, str], field: str) -> None:
    """Refuses a topic that counts for another one."""
    if topic in merges:
        raise Refused(
            Reason.CONTENT_GAP_MERGED,
            f"the topic was merged into {merges[topic][:100]!r}: name that one, or undo it",
            field=field,
            metadata={"topic": topic, "into_topic": merges[topic]},
        )
