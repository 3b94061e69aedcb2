"""The end of incidents whose rule asks something else from now on, is disabled, or is deleted."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from server.alerts import wording
from server.alerts.measuring import Gauge
from server.delivery import queueing
from server.organizations.alerts import CloseReason, EntryKind, KeptRule, State
from server.store import alert_evaluations as stored
from server.store.alert_evaluations import NewEntry, OpenIncident
from server.store.database import Driver

_WHY: Final = "the rule was changed, disabled or deleted"


async def end(driver: Driver, rule: KeptRule, gauge: Gauge, now: datetime) -> None:
    """Ends the open incidents of a rule, which is locked, and tells those who were told of them. Call Wakeups.tasks()
    after the commit.
    """
    found = await stored.incidents_since(driver, rule.organization_id, {rule.rule_id: now})
    for incidents in found.get(rule.rule_id, {}).values():
        for one in incidents:
            if one.incident.closed_at is None:
                await _end(driver, rule, gauge, one, now)


async def _end(driver: Driver, rule: KeptRule, gauge: Gauge, one: OpenIncident, now: datetime) -> None:
    # A window that was told early ends later than now; nothing ends before it has begun.
    at = max(now, one.incident.opened_at)
    ended = replace(one.incident, state=State.OK, closed_at=at, close_reason=CloseReason.RULE_CHANGED)
    entry = NewEntry(
        number=one.entries + 1,
        kind=EntryKind.CLOSED,
        state=State.OK,
        at=at,
        measured=None,
        text=_WHY,
        is_restated=False,
        is_muted=False,
    )
    await stored.save_incident(driver, rule.organization_id, ended)
    await stored.add_entries(driver, rule.organization_id, ended.incident_id, [entry])
    if one.told in (None, State.OK):
        return
    message = wording.message(rule, gauge, ended, entry, one.incident.state)
    key = f"alert:{ended.incident_id}:{entry.number}"
    await queueing.enqueue(driver, rule.organization_id, message, rule.draft.destinations or None, key=key)
    await stored.note_told(driver, rule.organization_id, ended.incident_id, State.OK, now)
