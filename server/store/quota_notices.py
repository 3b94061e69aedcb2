"""How much of their monthly quotas organizations have used, and have been told that they have used."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from server.store import statements
from server.store.database import Driver

_PASSED = statements.load("passed_thresholds", STORED="revisions")
# Where tables are distributed organizations and notices are on the coordinator, and revisions are not.
_PASSED_TOLD = statements.load(
    "passed_thresholds",
    STORED="(SELECT * FROM unnest(:organizations::integer[], :months::bigint[], :times::timestamptz[])"
    " AS s(organization_id, month_events, revised_at))",
)
_USED = statements.load("used_quota")


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedQuota:
    """What an organization has stored of its quota of events in a month of UTC."""

    month: date
    used: int
    quota: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaNotice:
    """The highest threshold, in percent, that an organization was told of in a month, and which quota that was of."""

    month: date
    quota: int
    threshold: int


async def passed(
    driver: Driver,
    now: datetime,
    default_quota: int,
    thresholds: Sequence[int],
    limit: int,
    only: Sequence[int] | None = None,
) -> list[int]:
    """Returns organizations whose notice is not what it should be: another threshold is passed, at most so many; of
    all, or where rows are on nodes of those given. default_quota is that of organizations without one of their own; 0
    is no quota.
    """
    given: dict[str, object] = {
        "now": now,
        "default_quota": default_quota,
        "thresholds": list(thresholds),
        "limit": limit,
    }
    if driver.is_distributed:
        some, told = statements.among(only, "organization_id = ANY($1::integer[])")
        stored = await driver.fetch(
            f"SELECT organization_id, month_events, revised_at FROM revisions WHERE month_events > 0{some}",  # noqa: S608
            *told,
        )
        given |= {
            name: [row[place] for row in stored] for place, name in enumerate(("organizations", "months", "times"))
        }
        rows = await driver.fetch(_PASSED_TOLD.text, *_PASSED_TOLD.arguments(**given))
    else:
        rows = await driver.fetch(_PASSED.text, *_PASSED.arguments(**given))
    return [row["organization_id"] for row in rows]


async def used(driver: Driver, organization_id: int, now: datetime, default_quota: int) -> UsedQuota | None:
    """Returns what an organization has used of its quota; None where it has none, or has used nothing."""
    given = {"organization_id": organization_id, "now": now, "default_quota": default_quota}
    row = await driver.fetchrow(_USED.text, *_USED.arguments(**given))
    return None if row is None else UsedQuota(**dict(row))


async def lock(driver: Driver, organization_id: int) -> QuotaNotice:
    """Returns what an organization was told last, locked until COMMIT; one of long ago where there is nothing yet."""
    await driver.execute(
        "INSERT INTO quota_notices (organization_id, month, quota, threshold) VALUES ($1, '1970-01-01', 0, 0)"
        " ON CONFLICT DO NOTHING",
        organization_id,
    )
    (row,) = await driver.fetch(
        "SELECT month, quota, threshold FROM quota_notices WHERE organization_id = $1 FOR UPDATE", organization_id
    )
    return QuotaNotice(**dict(row))


async def keep(driver: Driver, organization_id: int, notice: QuotaNotice) -> None:
    """Stores what an organization was told last."""
    await driver.execute(
        "UPDATE quota_notices SET month = $2, quota = $3, threshold = $4 WHERE organization_id = $1",
        organization_id,
        notice.month,
        notice.quota,
        notice.threshold,
    )
