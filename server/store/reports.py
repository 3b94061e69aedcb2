"""Reports, and every version of them that is kept."""

from collections.abc import Sequence
from typing import Final

import asyncpg

from server.organizations.reports import MOST_VERSIONS, KeptReport, ReportDraft, ReportViewer, ReportVisibility
from server.organizations.restriction import Restriction
from server.store import parts
from server.store.database import Driver

_REPORT = (
    "r.report_id, r.owner, r.created_at, r.version AS newest, n.updated_at AS changed_at, r.visibility, r.readers,"
    " r.editors, r.restricted_dimension, r.restricted_values,"
    " v.version, v.title, v.description, v.blocks, v.content, v.updated_at, v.updated_by"
)
# Without what a version holds, for lists: up to 64 KiB each.
_LISTED = _REPORT.replace("v.content", "''::bytea AS content")
_FROM = (
    "FROM reports r JOIN report_versions n USING (organization_id, report_id, version)"
    " JOIN report_versions v ON v.organization_id = r.organization_id AND v.report_id = r.report_id"
)
# Whom a report r is for: $2 is their subject, $3 and $4 the part that they may see, which the report's lies within; all
# where $3 is empty. A version from before it was shared stays its owner's.
SEEN: Final = (
    "(r.owner = $2 OR r.visibility = 'organization'"
    " OR (r.visibility = 'people' AND ($2 = ANY(r.readers) OR $2 = ANY(r.editors))))"
    f" AND {parts.within('r', 3)}"
)
_SEEN_VERSION = f"{SEEN} AND (r.owner = $2 OR v.visibility <> 'personal')"


def of_viewer(viewer: ReportViewer) -> tuple[str, str, Sequence[str]]:
    """Returns what SEEN takes as $2, $3 and $4."""
    return viewer.subject, *parts.arguments(viewer.restriction)


def _kept(row: asyncpg.Record) -> KeptReport:
    return KeptReport(
        report_id=row["report_id"],
        owner=row["owner"],
        restriction=Restriction.stored(row["restricted_dimension"], row["restricted_values"]),
        created_at=row["created_at"],
        newest=row["newest"],
        changed_at=row["changed_at"],
        version=row["version"],
        draft=ReportDraft(
            title=row["title"],
            description=row["description"],
            visibility=ReportVisibility(row["visibility"]),
            readers=tuple(row["readers"]),
            editors=tuple(row["editors"]),
            blocks=row["blocks"],
            content=row["content"],
        ),
        updated_at=row["updated_at"],
        updated_by=row["updated_by"],
    )


async def lock(driver: Driver, organization_id: int) -> None:
    """Makes those who change reports, schedules and runs of an organization take turns until COMMIT."""
    await driver.execute("SELECT pg_advisory_xact_lock(hashtextextended('reports', $1))", organization_id)


async def is_for_all(driver: Driver, organization_id: int, report_id: str, version: int) -> bool:
    """Returns whether everybody in the organization may see a version of a report, and the report as it is now. One
    about a part is not for those who may see another part.
    """
    found: bool = await driver.fetchval(
        "SELECT EXISTS (SELECT FROM reports r JOIN report_versions v USING (organization_id, report_id)"
        " WHERE r.organization_id = $1 AND r.report_id = $2 AND v.version = $3"
        " AND r.visibility = 'organization' AND v.visibility = 'organization' AND r.restricted_dimension = '')",
        organization_id,
        report_id,
        version,
    )
    return found


async def listed(driver: Driver, organization_id: int, viewer: ReportViewer) -> list[KeptReport]:
    """Returns the reports that somebody may see, without their contents, by title."""
    rows = await driver.fetch(
        f"SELECT {_LISTED} {_FROM} AND v.version = r.version"
        f" WHERE r.organization_id = $1 AND {SEEN} ORDER BY lower(v.title), v.title, r.report_id",
        organization_id,
        *of_viewer(viewer),
    )
    return [_kept(row) for row in rows]


async def report(
    driver: Driver, organization_id: int, viewer: ReportViewer, report_id: str, version: int | None = None
) -> KeptReport | None:
    """Returns a report, the newest version or another one; None where somebody may not see that."""
    row = await driver.fetchrow(
        f"SELECT {_REPORT} {_FROM} AND v.version = coalesce($6, r.version)"
        f" WHERE r.organization_id = $1 AND {_SEEN_VERSION} AND r.report_id = $5",
        organization_id,
        *of_viewer(viewer),
        report_id,
        version,
    )
    return None if row is None else _kept(row)


async def for_schedule(driver: Driver, organization_id: int, report_id: str) -> KeptReport | None:
    """Returns the newest version of a report for the service itself; None where there is none."""
    row = await driver.fetchrow(
        f"SELECT {_REPORT} {_FROM} AND v.version = r.version WHERE r.organization_id = $1 AND r.report_id = $2",
        organization_id,
        report_id,
    )
    return None if row is None else _kept(row)


async def versions(driver: Driver, organization_id: int, viewer: ReportViewer, report_id: str) -> list[KeptReport]:
    """Returns the versions of a report that somebody may see, without their contents, newest first."""
    rows = await driver.fetch(
        f"SELECT {_LISTED} {_FROM}"
        f" WHERE r.organization_id = $1 AND {_SEEN_VERSION} AND r.report_id = $5 ORDER BY v.version DESC",
        organization_id,
        *of_viewer(viewer),
        report_id,
    )
    return [_kept(row) for row in rows]


async def counts(driver: Driver, organization_id: int, subject: str) -> tuple[int, int]:
    """Returns how many reports somebody has, and how many the organization."""
    row = await driver.fetchrow(
        "SELECT count(*) FILTER (WHERE owner = $2), count(*) FROM reports WHERE organization_id = $1",
        organization_id,
        subject,
    )
    return (0, 0) if row is None else (row[0], row[1])


async def add(driver: Driver, organization_id: int, owner: ReportViewer, report_id: str, draft: ReportDraft) -> None:
    """Stores a new report, which is about the part that its owner may see."""
    await driver.execute(
        "INSERT INTO reports (organization_id, report_id, owner, created_at, version, visibility, readers, editors,"
        " restricted_dimension, restricted_values) VALUES ($1, $2, $3, now(), 1, $4, $5, $6, $7, $8)",
        organization_id,
        report_id,
        owner.subject,
        draft.visibility,
        list(draft.readers),
        list(draft.editors),
        *parts.arguments(owner.restriction),
    )
    await _add_version(driver, organization_id, owner.subject, report_id, 1, draft)


async def update(
    driver: Driver, organization_id: int, subject: str, report_id: str, number: int, draft: ReportDraft
) -> None:
    """Stores a further version of a report, and removes those that are too many."""
    await driver.execute(
        "UPDATE reports SET version = $3, visibility = $4, readers = $5, editors = $6"
        " WHERE organization_id = $1 AND report_id = $2",
        organization_id,
        report_id,
        number,
        draft.visibility,
        list(draft.readers),
        list(draft.editors),
    )
    await _add_version(driver, organization_id, subject, report_id, number, draft)
    await driver.execute(
        "DELETE FROM report_versions WHERE organization_id = $1 AND report_id = $2 AND version <= $3",
        organization_id,
        report_id,
        number - MOST_VERSIONS,
    )


async def _add_version(
    driver: Driver, organization_id: int, subject: str, report_id: str, number: int, draft: ReportDraft
) -> None:
    await driver.execute(
        "INSERT INTO report_versions (organization_id, report_id, version, visibility, title, description, blocks,"
        " content, updated_at, updated_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now(), $9)",
        organization_id,
        report_id,
        number,
        draft.visibility,
        draft.title,
        draft.description,
        draft.blocks,
        draft.content,
        subject,
    )


async def delete(driver: Driver, organization_id: int, report_id: str) -> None:
    """Deletes a report with its versions, schedules and runs, and cancels what is queued of it."""
    await driver.execute(
        "DELETE FROM schedules AS s USING report_schedules AS r WHERE r.organization_id = $1 AND r.report_id = $2"
        " AND s.organization_id = $1 AND s.name = 'scheduled_report ' || r.schedule_id",
        organization_id,
        report_id,
    )
    await driver.execute(
        "UPDATE tasks SET cancel_requested = state = 'running',"
        " ended_at = CASE WHEN state = 'queued' THEN now() ELSE ended_at END,"
        " state = CASE WHEN state = 'queued' THEN 'cancelled' ELSE state END"
        " WHERE task_id IN (SELECT task_id FROM report_runs WHERE organization_id = $1 AND report_id = $2"
        " AND state IN ('pending', 'running')) AND state IN ('queued', 'running')",
        organization_id,
        report_id,
    )
    await driver.execute(
        "DELETE FROM reports WHERE organization_id = $1 AND report_id = $2", organization_id, report_id
    )
