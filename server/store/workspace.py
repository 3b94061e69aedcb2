"""Preferences and dashboards."""

import asyncpg

from server.organizations.workspace import (
    MOST_VERSIONS,
    DashboardDraft,
    DashboardVersion,
    KeptDashboard,
    Preferences,
)
from server.store.database import Driver

_DASHBOARD = (
    "d.dashboard_id, d.owner, d.created_at, d.version AS newest, n.updated_at AS changed_at, d.is_shared AS shared_now,"
    " v.version, v.is_shared, v.title, v.description, v.tiles, v.content, v.updated_at, v.updated_by"
)
# Without what a version holds, for lists: up to 64 KiB each.
_LISTED = _DASHBOARD.replace("v.content", "''::bytea AS content")
_FROM = (
    "FROM dashboards d JOIN dashboard_versions n USING (organization_id, dashboard_id, version)"
    " JOIN dashboard_versions v ON v.organization_id = d.organization_id AND v.dashboard_id = d.dashboard_id"
)
# What is personal is its owner's alone, and so is what a shared dashboard was before it was shared.
_SEEN = "(d.owner = $2 OR (d.is_shared AND v.is_shared))"


def _kept(row: asyncpg.Record) -> KeptDashboard:
    return KeptDashboard(
        dashboard_id=row["dashboard_id"],
        owner=row["owner"],
        created_at=row["created_at"],
        newest=row["newest"],
        changed_at=row["changed_at"],
        is_shared=row["shared_now"],
        version=DashboardVersion(
            number=row["version"],
            draft=DashboardDraft(
                title=row["title"],
                description=row["description"],
                is_shared=row["is_shared"],
                tiles=row["tiles"],
                content=row["content"],
            ),
            updated_at=row["updated_at"],
            updated_by=row["updated_by"],
        ),
    )


async def preferences(driver: Driver, organization_id: int, subject: str) -> Preferences:
    """Returns what somebody has chosen."""
    row = await driver.fetchrow(
        "SELECT time_zone, language, theme, shortcuts_off, home_dashboard_id FROM preferences"
        " WHERE organization_id = $1 AND subject = $2",
        organization_id,
        subject,
    )
    return Preferences() if row is None else Preferences(**dict(row.items()))


async def save_preferences(driver: Driver, organization_id: int, subject: str, chosen: Preferences) -> None:
    """Stores what somebody has chosen in place of what was."""
    await driver.execute(
        "INSERT INTO preferences (organization_id, subject, time_zone, language, theme, shortcuts_off,"
        " home_dashboard_id) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (organization_id, subject) DO UPDATE SET"
        " time_zone = excluded.time_zone, language = excluded.language, theme = excluded.theme,"
        " shortcuts_off = excluded.shortcuts_off, home_dashboard_id = excluded.home_dashboard_id",
        organization_id,
        subject,
        chosen.time_zone,
        chosen.language,
        chosen.theme,
        chosen.shortcuts_off,
        chosen.home_dashboard_id,
    )


async def lock(driver: Driver, organization_id: int, what: str) -> None:
    """Makes those who change the same thing of an organization take turns until COMMIT."""
    await driver.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, $2))", f"workspace {what}", organization_id)


async def dashboards(driver: Driver, organization_id: int, subject: str) -> list[KeptDashboard]:
    """Returns the dashboards that somebody may see, without their contents, by title."""
    rows = await driver.fetch(
        f"SELECT {_LISTED} {_FROM} AND v.version = d.version"
        f" WHERE d.organization_id = $1 AND {_SEEN} ORDER BY lower(v.title), v.title, d.dashboard_id",
        organization_id,
        subject,
    )
    return [_kept(row) for row in rows]


async def dashboard(
    driver: Driver, organization_id: int, subject: str, dashboard_id: str, version: int | None = None
) -> KeptDashboard | None:
    """Returns a dashboard, the newest version or another one; None where somebody may not see that."""
    row = await driver.fetchrow(
        f"SELECT {_DASHBOARD} {_FROM} AND v.version = coalesce($4, d.version)"
        f" WHERE d.organization_id = $1 AND {_SEEN} AND d.dashboard_id = $3",
        organization_id,
        subject,
        dashboard_id,
        version,
    )
    return None if row is None else _kept(row)


async def versions(driver: Driver, organization_id: int, subject: str, dashboard_id: str) -> list[KeptDashboard]:
    """Returns the versions of a dashboard that somebody may see, without their contents, newest first."""
    rows = await driver.fetch(
        f"SELECT {_LISTED} {_FROM}"
        f" WHERE d.organization_id = $1 AND {_SEEN} AND d.dashboard_id = $3 ORDER BY v.version DESC",
        organization_id,
        subject,
        dashboard_id,
    )
    return [_kept(row) for row in rows]


async def number_of(driver: Driver, organization_id: int, subject: str, *, is_shared: bool) -> int:
    """Returns how many shared dashboards an organization has, or how many personal ones somebody."""
    found: int = await driver.fetchval(
        "SELECT count(*) FROM dashboards WHERE organization_id = $1 AND is_shared = $3 AND (is_shared OR owner = $2)",
        organization_id,
        subject,
        is_shared,
    )
    return found


async def add(driver: Driver, organization_id: int, subject: str, dashboard_id: str, draft: DashboardDraft) -> None:
    """Stores a new dashboard."""
    await driver.execute(
        "INSERT INTO dashboards (organization_id, dashboard_id, owner, created_at, version, is_shared)"
        " VALUES ($1, $2, $3, now(), 1, $4)",
        organization_id,
        dashboard_id,
        subject,
        draft.is_shared,
    )
    await _add_version(driver, organization_id, subject, dashboard_id, 1, draft)


async def update(
    driver: Driver, organization_id: int, subject: str, dashboard_id: str, number: int, draft: DashboardDraft
) -> None:
    """Stores a further version of a dashboard, and removes those that are too many."""
    await driver.execute(
        "UPDATE dashboards SET version = $3, is_shared = $4 WHERE organization_id = $1 AND dashboard_id = $2",
        organization_id,
        dashboard_id,
        number,
        draft.is_shared,
    )
    await _add_version(driver, organization_id, subject, dashboard_id, number, draft)
    await driver.execute(
        "DELETE FROM dashboard_versions WHERE organization_id = $1 AND dashboard_id = $2 AND version <= $3",
        organization_id,
        dashboard_id,
        number - MOST_VERSIONS,
    )


async def _add_version(
    driver: Driver, organization_id: int, subject: str, dashboard_id: str, number: int, draft: DashboardDraft
) -> None:
    await driver.execute(
        "INSERT INTO dashboard_versions (organization_id, dashboard_id, version, is_shared, title, description, tiles,"
        " content, updated_at, updated_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now(), $9)",
        organization_id,
        dashboard_id,
        number,
        draft.is_shared,
        draft.title,
        draft.description,
        draft.tiles,
        draft.content,
        subject,
    )


async def delete(driver: Driver, organization_id: int, dashboard_id: str) -> None:
    """Deletes a dashboard with its versions."""
    await driver.execute(
        "DELETE FROM dashboards WHERE organization_id = $1 AND dashboard_id = $2", organization_id, dashboard_id
    )
