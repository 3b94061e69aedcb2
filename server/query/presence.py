"""How long an agent was in each status, from its status changes and from when it was heard."""

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from server import timerange
from server.catalog.cells import OTHER
from server.store import statuses
from server.store.database import Driver
from server.store.statuses import StatusChange
from server.timerange import Interval

AVAILABLE, BUSY, OFFLINE = 1, 2, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """What is known of an agent's presence in a period; both None where its status was never told."""

    available_time_ms: int | None
    occupancy: float | None


UNKNOWN = Presence(available_time_ms=None, occupancy=None)


async def read(
    driver: Driver, organization_id: int, agent_id: str, bounds: Interval, now: datetime, timeout: timedelta
) -> Presence:
    """Returns an agent's presence in a period as far as it has passed; nothing is known of OTHER, which is several."""
    start, end = bounds.start, bounds.end
    changes = await statuses.changes(driver, organization_id, agent_id, start, end) if agent_id != OTHER else ()
    if not changes:
        return UNKNOWN
    end = min(end, now)
    silences = await statuses.silences(driver, organization_id, agent_id, changes[0].occurred_at, end, timeout)
    return presence(changes, silences, start, end, timeout)


def presence(
    changes: Sequence[StatusChange], silences: Sequence[int], start: datetime, end: datetime, timeout: timedelta
) -> Presence:
    """Returns the time available and the share of it that was busy, in [start, end), which has passed.

    A status holds from its change to the next one, and ends before that once nothing was heard of the agent for the
    timeout. changes are in order and begin with the last one before start; silences are the quarter hours, in order, in
    which the agent was heard last before each time without any event that is longer than the timeout.
    """
    spent = {AVAILABLE: timedelta(), BUSY: timedelta()}
    until = [*(change.occurred_at for change in changes[1:]), end]
    for change, change_end in zip(changes, until, strict=True):
        held_until = min(change_end, end, _heard_last(change, silences) + timeout)
        duration = held_until - max(change.occurred_at, start)
        if change.status in spent and duration > timedelta():
            spent[change.status] += duration
    worked = spent[AVAILABLE] + spent[BUSY]
    return Presence(
        available_time_ms=spent[AVAILABLE] // timedelta(milliseconds=1),
        occupancy=spent[BUSY] / worked if worked else None,
    )


def now(told: StatusChange, heard: int | None, at: datetime, timeout: timedelta) -> StatusChange:
    """Returns the status at an instant and since when, of the change that was told last: offline once nothing was heard
    for the timeout. heard is the quarter hour in which the agent was heard last before the first such silence.
    """
    held_until = _heard_last(told, () if heard is None else (heard,)) + timeout
    return told if at < held_until else StatusChange(occurred_at=held_until, status=OFFLINE)


def _heard_last(change: StatusChange, silences: Sequence[int]) -> datetime:
    """Returns when an agent was heard last before the first silence after a status change: the beginning of the quarter
    hour, or the change itself.
    """
    place = bisect.bisect_left(silences, timerange.floor_bucket(change.occurred_at))
    if place == len(silences):
        return change.occurred_at
    return max(change.occurred_at, timerange.instant(silences[place]))
