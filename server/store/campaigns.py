"""Campaigns as the projection of leads keeps them: what each is called, and when it began and ended."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from server.store import projections
from server.store.database import Driver
from server.store.projection_rows import MergingTable
from server.store.projections import Rows

TABLE_NAME = "campaigns"
TABLE = MergingTable(
    TABLE_NAME,
    "campaign_id",
    earliest=("first_seen_at", "started_at"),
    latest=("last_seen_at", "last_started_at", "ended_at"),
    newest={"name": "text"},
)
_VERSION = projections.VERSION.format("leads")
# OFFSET 0 keeps the planner from turning the lookups round, whatever its statistics say.
_DESCRIBED = f"""
    SELECT c.campaign_id, c.name, c.started_at, CASE WHEN c.last_started_at > c.ended_at THEN NULL ELSE c.ended_at END
    FROM unnest($2::text[]) AS w(campaign_id) CROSS JOIN LATERAL (SELECT * FROM campaigns
    WHERE organization_id = $1 AND version = {_VERSION} AND campaign_id = w.campaign_id OFFSET 0) AS c
"""  # noqa: S608 - constants of this file


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What was told of a campaign: its name, when it began first, and when it ended; one that began again has not."""

    name: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None


async def described(driver: Driver, organization_id: int, campaign_ids: Collection[str]) -> Mapping[str, Described]:
    """Returns what was told of some campaigns, of those of them of which anything was."""
    rows = await driver.fetch(_DESCRIBED, organization_id, list(campaign_ids))
    return {row[0]: Described(name=row[1], started_at=row[2], ended_at=row[3]) for row in rows}


async def names(driver: Driver, organization_id: int, campaign_ids: Collection[str]) -> dict[str, str]:
    """Returns what people call campaigns, of those of them whose names were told."""
    found = await described(driver, organization_id, campaign_ids)
    return {one: told.name for one, told in found.items() if told.name}


async def take_over(driver: Driver, valid: Rows, filled: Rows, complete_from: datetime | None) -> None:
    """Makes the valid version what the filled one is, and keeps what raw events may be gone of: what was known of
    campaigns that were told of before an instant.
    """
    if complete_from is not None:
        await TABLE.keep(driver, valid, filled, complete_from)
    await driver.execute("DELETE FROM campaigns WHERE organization_id = $1 AND version = $2", *valid)
    columns = ", ".join(("campaign_id", *TABLE.columns))
    await driver.execute(
        f"INSERT INTO campaigns (organization_id, version, {columns})"  # noqa: S608 - constants of the code
        f" SELECT organization_id, $3, {columns} FROM campaigns WHERE organization_id = $1 AND version = $2",
        *filled,
        valid.version,
    )
