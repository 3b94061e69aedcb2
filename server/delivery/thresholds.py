"""Thresholds of quotas: destinations that ask for it are told when an organization has used so much of its monthly
events, once for each threshold and month, however many workers there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from server.admission import quotas
from server.delivery import queueing
from server.organizations.delivery import Message, Topic
from server.store import quota_notices as stored
from server.store.database import Database, Driver
from server.store.quota_notices import QuotaNotice, UsedQuota
from server.tasks.kinds import UNFINISHED, Kind, Result, Schedule, Work

PERCENT: Final = (80, 90, 100)
_PORTION: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaThresholds:
    """Looks at what has been used. default_quota is that of organizations without one of their own; 0 is no quota."""

    default_quota: int

    async def tell(self, work: Work) -> Result:
        """Tells of thresholds that have been passed since it last looked."""

        async def read(driver: Driver, only: Sequence[int] | None) -> list[int]:
            return await stored.passed(driver, work.now, self.default_quota, PERCENT, _PORTION, only)

        found, told = await work.database.looks.over_all(read), 0
        for organization_id in (one for some in found for one in some):
            told += await self._tell(work.database, organization_id, work.now)
        return {"told": told, UNFINISHED: any(len(some) == _PORTION for some in found)}

    async def _tell(self, database: Database, organization_id: int, now: datetime) -> int:
        """Notes what an organization has passed, and queues what it is told of it, in one transaction."""
        async with database.transaction(of=organization_id) as driver:
            before = await stored.lock(driver, organization_id)
            used = await stored.used(driver, organization_id, now, self.default_quota)
            if used is None or used.month < before.month:
                return 0
            told, reached = passed(before, used)
            await stored.keep(
                driver, organization_id, QuotaNotice(month=used.month, quota=used.quota, threshold=max(told, reached))
            )
            new = [one for one in PERCENT if told < one <= reached]
            for percent in new:
                key = f"quota:{used.month:%Y-%m}:{used.quota}:{percent}"
                await queueing.enqueue(driver, organization_id, message_of(used, percent), None, key=key)
        return len(new)


def passed(before: QuotaNotice, used: UsedQuota) -> tuple[int, int]:
    """Returns the highest threshold that an organization has been told of, and the highest one that is passed; 0 for
    none. Under another quota only those count as told that are passed, so that the others are told once they are.
    """
    reached = max((one for one in PERCENT if used.used * 100 >= used.quota * one), default=0)
    told = before.threshold if before.month == used.month else 0
    return (told if before.quota == used.quota else min(told, reached)), reached


def kind(thresholds: QuotaThresholds) -> Kind:
    """Returns the kind of the task that looks."""
    return Kind(
        name="quota_thresholds",
        help="Tells organizations how much of their monthly events they have used.",
        run=thresholds.tell,
        concurrency=1,
    )


SCHEDULES: Final = (Schedule(name="quota_thresholds", kind="quota_thresholds", cron="*/2 * * * *"),)


def message_of(used: UsedQuota, percent: int) -> Message:
    """Returns the message that says that a threshold is passed."""
    resets_at = quotas.next_month(datetime(used.month.year, used.month.month, 1, tzinfo=UTC))
    then = f"The quota begins anew on {resets_at:%Y-%m-%d} at 00:00 UTC."
    left = used.quota - used.used
    more = f"{left:,} more fit." if left > 0 else "Further events of this month are refused."
    return Message(
        topic=Topic.THRESHOLD,
        kind="quota.threshold",
        subject_id=f"events:{used.month:%Y-%m}:{percent}",
        title=f"{percent} % of this month's events are used",
        text=f"{used.used:,} of {used.quota:,} events of {used.month:%Y-%m} (UTC) are stored. {more} {then}",
        data={
            "quota": "events",
            "threshold_percent": percent,
            "used": used.used,
            "limit": used.quota,
            "month": f"{used.month:%Y-%m}",
            "resets_at": f"{resets_at:%Y-%m-%dT%H:%M:%SZ}",
        },
        page="/usage",
    )
