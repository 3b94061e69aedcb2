"""Quotas: how many events an organization may store in a calendar month of UTC.

The count is on the organization's row of revisions and is kept by the transactions of ingest themselves, so that it is
exact whatever fails and however many servers there are. This module only saves the database attempts of organizations
whose quota is known to be used up, and finds the calls that still fit: duplicates are free and always fit.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from server.errors import QuotaExceeded, Reason, Refused
from server.events.event import Event
from server.store import events as stored_events
from server.store.database import Database

_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spent:
    """What is known of a quota: how many more events fit until the month is over."""

    limit: int
    room: int
    resets_at: datetime
    until: float  # of the monotonic clock


class Quotas:
    """The monthly quotas that are known to be used up, or nearly."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._spent: dict[int, _Spent] = {}

    def note(self, organization_id: int, exceeded: QuotaExceeded) -> None:
        """Remembers an exceeded quota that a transaction has found."""
        if len(self._spent) >= _REMEMBERED:
            self._spent.clear()
        resets_at = next_month(exceeded.at)
        self._spent[organization_id] = _Spent(
            limit=exceeded.limit,
            room=max(0, exceeded.limit - exceeded.used),
            resets_at=resets_at,
            until=time.monotonic() + (resets_at - exceeded.at).total_seconds(),
        )

    def refusal(self, organization_id: int, limit: int, *, only_if_used_up: bool = False) -> Refused | None:
        """Returns the refusal of events that no longer fit; None if nothing is known of the quota, or there is room."""
        spent = self._known(organization_id, limit)
        if spent is None or (only_if_used_up and spent.room):
            return None
        return Refused(
            Reason.EVENT_QUOTA,
            f"{spent.room:,} of {limit:,} events of this month are left, and the call has more new ones",
            metadata={
                "limit": str(limit),
                "left": str(spent.room),
                "resets_at": f"{spent.resets_at:%Y-%m-%dT%H:%M:%SZ}",
            },
            quota=f"organization:{organization_id}",
        )

    async def fitting(self, organization_id: int, limit: int, calls: Sequence[Sequence[Event]]) -> list[bool]:
        """Returns for each call whether its new events still fit, in order. Reads the database only if little or
        nothing is left.
        """
        spent = self._known(organization_id, limit)
        keys = {event.event_key for events in calls for event in events}
        if spent is None or len(keys) <= spent.room:
            return [True] * len(calls)
        async with self._database.ingest(of=organization_id) as driver:
            claimed = set(await stored_events.fingerprints(driver, organization_id, sorted(keys)))
        fits, room = [], spent.room
        for events in calls:
            new = {event.event_key for event in events} - claimed
            fits.append(len(new) <= room)
            if fits[-1]:
                room -= len(new)
                claimed |= new
        return fits

    def _known(self, organization_id: int, limit: int) -> _Spent | None:
        spent = self._spent.get(organization_id)
        if spent is not None and (spent.limit != limit or time.monotonic() >= spent.until):
            del self._spent[organization_id]  # the limit was changed, or a new month has begun
            return None
        return spent


def next_month(at: datetime) -> datetime:
    """Returns the first instant of the calendar month of UTC after that of an instant."""
    first = at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)
