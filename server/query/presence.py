"""How long an agent was in each status, from its status changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from server.store.statuses import StatusChange

AVAILABLE, BUSY = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """What is known of an agent's presence in a period; both None where its status was never told."""

    available_time_ms: int | None
    occupancy: float | None


def presence(changes: Sequence[StatusChange], start: datetime, end: datetime, now: datetime) -> Presence:
    """Returns the time available and the share of it that was busy, in [start, end) as far as it has passed.

    A status holds from its change to the next one; changes are in order and begin with the last one before start.
    """
    if not changes:
        return Presence(available_time_ms=None, occupancy=None)
    spent = {AVAILABLE: timedelta(), BUSY: timedelta()}
    until = [*(change.occurred_at for change in changes[1:]), min(end, now)]
    for change, change_end in zip(changes, until, strict=True):
        duration = min(change_end, end, now) - max(change.occurred_at, start)
        if change.status in spent and duration > timedelta():
            spent[change.status] += duration
    worked = spent[AVAILABLE] + spent[BUSY]
    return Presence(
        available_time_ms=spent[AVAILABLE] // timedelta(milliseconds=1),
        occupancy=spent[BUSY] / worked if worked else None,
    )
