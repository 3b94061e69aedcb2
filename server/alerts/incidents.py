"""Incidents of alerts as callers see them: listed, acknowledged, commented."""

from collections.abc import Sequence
from typing import Final

from server.admission.query_slots import QuerySlots
from server.errors import Reason, Refused
from server.organizations.alerts import MOST_COMMENTS, EntryKind, IncidentEntry, KeptIncident, WantedIncidents
from server.organizations.audit_trail import Actor, Entry
from server.store import incidents as stored
from server.store.database import Database, Driver
from server.tenancy import audit_trail
from server.tenancy.principal import Principal

_SHOWN: Final = 64  # characters of what was given, in a refusal


class Incidents:
    """The incidents of organizations."""

    def __init__(self, database: Database, slots: QuerySlots) -> None:
        self._database = database
        self._slots = slots

    async def listed(self, principal: Principal, wanted: WantedIncidents, size: int) -> Sequence[KeptIncident]:
        """Returns incidents that the caller may see, newest first."""
        async with self._slots.slot(principal), self._database.query(of=principal.organization_id) as driver:
            return await stored.listed(driver, principal.organization_id, wanted, size, seen_by=principal.restriction)

    async def get(self, principal: Principal, incident_id: str) -> tuple[KeptIncident, Sequence[IncidentEntry]]:
        """Returns an incident with what has happened to it, oldest first; refuses where there is none."""
        async with self._slots.slot(principal), self._database.snapshot(of=principal.organization_id) as driver:
            found = await _found(driver, principal, incident_id)
            return found, await stored.entries(driver, principal.organization_id, incident_id)

    async def acknowledge(self, principal: Principal, incident_id: str, comment: str, by: Actor) -> KeptIncident:
        """Notes that the caller is at work on an incident, and returns it. One that was acknowledged before stays as it
        was.
        """
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            found = await _found(driver, principal, incident_id, lock=True)
            if found.acknowledged_at is not None:
                return found
            await stored.acknowledge(driver, principal.organization_id, incident_id, principal.subject)
            await stored.add_entry(
                driver, principal.organization_id, found, EntryKind.ACKNOWLEDGED, comment, principal.subject
            )
            made = await _found(driver, principal, incident_id)
            entry = Entry(actor=by, action="incident.acknowledged", subject=incident_id, after={"rule": found.rule_id})
            await audit_trail.record(driver, principal.organization_id, entry)
            return made

    async def comment(self, principal: Principal, incident_id: str, text: str) -> IncidentEntry:
        """Adds a line of the caller to an incident, and returns it."""
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            found = await _found(driver, principal, incident_id, lock=True)
            if await stored.comments(driver, principal.organization_id, incident_id) >= MOST_COMMENTS:
                raise Refused(
                    Reason.ALERT_RULE_LIMIT,
                    f"the incident has {MOST_COMMENTS} comments, which is the most",
                    metadata={"limit": str(MOST_COMMENTS)},
                )
            return await stored.add_entry(
                driver, principal.organization_id, found, EntryKind.COMMENTED, text, principal.subject
            )


async def _found(driver: Driver, principal: Principal, incident_id: str, *, lock: bool = False) -> KeptIncident:
    found = await stored.by_id(driver, principal.organization_id, incident_id, seen_by=principal.restriction, lock=lock)
    if found is None:
        raise Refused(
            Reason.INCIDENT_NOT_FOUND,
            f"the organization has no incident {incident_id[:_SHOWN]!r}",
            field="incident_id",
            metadata={"incident": incident_id[:_SHOWN]},
        )
    return found
