"""ExportRoom: how many there may be at once, and what the audit trail tells of them."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from server.admission.query_slots import QuerySlots
from server.organizations.audit_trail import Actor, Entry
from server.store.database import Database
from server.tenancy import audit_trail
from server.tenancy.access_notes import AccessNotes
from server.tenancy.principal import Principal

_MOST, _MOST_EACH = 20, 2  # of those that are made and sent
_READ_AT_ONCE = 4  # of those that hold a snapshot of the database until all of it is read


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What a caller got of an export. is_complete: all that was asked for was made and sent."""

    format: str
    rows: int
    size: int
    is_complete: bool


class ExportRoom:
    """The exports of a process."""

    def __init__(self, database: Database, notes: AccessNotes) -> None:
        self._database = database
        self._notes = notes
        self._slots = QuerySlots(_MOST, limit=_MOST, limit_each=_MOST_EACH)
        self._reading = QuerySlots(_READ_AT_ONCE, limit=_MOST, limit_each=_MOST_EACH)

    @property
    def under_way(self) -> int:
        """Returns how many exports are under way."""
        return self._slots.asked

    @contextlib.asynccontextmanager
    async def slot(self, principal: Principal) -> AsyncIterator[None]:
        """Holds a place for an export. Refuses one over the limits."""
        async with self._slots.slot(principal):
            yield

    @contextlib.asynccontextmanager
    async def reading(self, principal: Principal) -> AsyncIterator[None]:
        """Holds a place for an export that reads in a snapshot; nobody's reader is waited for meanwhile."""
        async with self._reading.slot(principal):
            yield

    async def record(
        self, principal: Principal, by: Actor, action: str, what: str, about: Mapping[str, object]
    ) -> None:
        """Records that something is taken away, before it is: the action is metrics.exported or rows.exported, what is
        an RPC.
        """
        async with self._database.transaction(of=principal.organization_id) as driver:
            entry = Entry(actor=by, action=action, subject=what, after=about)
            await audit_trail.record(driver, principal.organization_id, entry)

    def ended(self, principal: Principal, by: Actor, what: str, made: Ended) -> None:
        """Notes what came of an export that was recorded when it began."""
        about = {"format": made.format, "bytes": made.size, "complete": made.is_complete}
        self._notes.note(principal.organization_id, by, "export.ended", what, about=about, rows=made.rows)
