"""Runs of reports: what was asked for, who is at it, and what came of it, which is recorded once.

An attempt is one worker's making of a run. Its outcome counts only while it is the newest and the run has not ended.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import asyncpg

from server.organizations.reports import (
    NewReportRun,
    ReportFile,
    ReportRun,
    ReportRunState,
    ReportViewer,
    RunAttempt,
    RunOutcome,
)
from server.organizations.restriction import Restriction
from server.store import statements
from server.store.database import Driver
from server.store.reports import SEEN, of_viewer

_COLUMNS = (
    "u.organization_id, u.run_id, u.report_id, r.restricted_dimension, r.restricted_values,"
    " u.version, u.title, {content} AS content, u.state, u.requested_by,"
    " u.schedule_id, u.scheduled_at, u.again_of, u.range, u.comparison, u.formats,"
    " u.period_start, u.period_end, u.time_zone, u.task_id,"
    " u.attempt, u.created_at, u.started_at, u.ended_at, u.first_revision, u.last_revision, u.rows, u.failed_blocks,"
    " u.changed_figures, u.files::text AS files, u.error, coalesce(t.progress, 0) AS progress,"
    " coalesce(t.progress_line, '') AS progress_line,"
    " u.ended_at + o.report_retention_days * interval '1 day' AS expires_at"
)
_RUN = _COLUMNS.format(content="u.content")
_LISTED = _COLUMNS.format(content="''::bytea")
_FROM = (
    "FROM report_runs u JOIN organizations o USING (organization_id) JOIN reports r USING (organization_id, report_id)"
    " LEFT JOIN tasks t ON t.task_id = u.task_id AND u.state IN ('pending', 'running')"
)
# A run has the content of its version: one from before the report was shared stays its owner's.
_SEEN_RUN = (
    f"{SEEN} AND (r.owner = $2 OR EXISTS (SELECT FROM report_versions v WHERE v.organization_id = u.organization_id"
    " AND v.report_id = u.report_id AND v.version = u.version AND v.visibility <> 'personal'))"
)
# Content that asks by the dimension "user": as a text of a message it has its length in front.
_OF_USERS = "position('\\x0475736572'::bytea in content) > 0"
_SETTLE = statements.load("settle_report_runs")


def _run(row: asyncpg.Record) -> ReportRun:
    values: dict[str, Any] = dict(row)
    values["restriction"] = Restriction.stored(values.pop("restricted_dimension"), values.pop("restricted_values"))
    values["state"] = ReportRunState(values["state"])
    values["files"] = [ReportFile(**one) for one in json.loads(values["files"])]
    return ReportRun(**values)


async def add(driver: Driver, organization_id: int, new: NewReportRun) -> int | None:
    """Stores a run and returns its id; None where there is one of its request, or of its schedule's instant."""
    found: int | None = await driver.fetchval(
        "INSERT INTO report_runs (organization_id, report_id, version, title, content, requested_by, request_id,"
        " schedule_id, scheduled_at, again_of, range, comparison, formats, period_start, period_end, time_zone,"
        " created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, now())"
        " ON CONFLICT DO NOTHING RETURNING run_id",
        organization_id,
        new.report_id,
        new.version,
        new.title,
        new.content,
        new.requested_by,
        new.request_id,
        new.schedule_id,
        new.scheduled_at,
        new.again_of,
        new.range,
        new.comparison,
        list(new.formats),
        new.period_start,
        new.period_end,
        new.time_zone,
    )
    return found


async def set_task(driver: Driver, organization_id: int, run_id: int, task_id: int) -> None:
    """Records which task makes a run."""
    await driver.execute(
        "UPDATE report_runs SET task_id = $3 WHERE organization_id = $1 AND run_id = $2",
        organization_id,
        run_id,
        task_id,
    )


async def open_runs(driver: Driver, organization_id: int) -> int:
    """Returns how many runs of an organization have not ended."""
    found: int = await driver.fetchval(
        "SELECT count(*) FROM report_runs WHERE organization_id = $1 AND state IN ('pending', 'running')",
        organization_id,
    )
    return found


async def of_request(driver: Driver, organization_id: int, report_id: str, request_id: str) -> int | None:
    """Returns the run of a request; None where there is none."""
    found: int | None = await driver.fetchval(
        "SELECT run_id FROM report_runs WHERE organization_id = $1 AND report_id = $2 AND request_id = $3",
        organization_id,
        report_id,
        request_id,
    )
    return found


async def of_instant(driver: Driver, organization_id: int, schedule_id: str, at: datetime) -> int | None:
    """Returns the run of a schedule's instant; None where there is none."""
    found: int | None = await driver.fetchval(
        "SELECT run_id FROM report_runs WHERE organization_id = $1 AND schedule_id = $2 AND scheduled_at = $3",
        organization_id,
        schedule_id,
        at,
    )
    return found


async def seen(driver: Driver, organization_id: int, viewer: ReportViewer, run_id: int) -> ReportRun | None:
    """Returns a run; None where somebody may not see its report, or not as it was then."""
    row = await driver.fetchrow(
        f"SELECT {_RUN} {_FROM} WHERE u.organization_id = $1 AND {_SEEN_RUN} AND u.run_id = $5",
        organization_id,
        *of_viewer(viewer),
        run_id,
    )
    return None if row is None else _run(row)


async def listed(
    driver: Driver,
    organization_id: int,
    viewer: ReportViewer,
    *,
    report_id: str | None,
    schedule_id: str | None,
    before: int | None,
    limit: int,
) -> list[ReportRun]:
    """Returns runs of reports that somebody may see, without their contents, newest first; None: whatever it is."""
    rows = await driver.fetch(
        f"SELECT {_LISTED} {_FROM} WHERE u.organization_id = $1 AND {_SEEN_RUN}"
        " AND ($5::text IS NULL OR u.report_id = $5) AND ($6::text IS NULL OR u.schedule_id = $6)"
        " AND ($7::bigint IS NULL OR u.run_id < $7) ORDER BY u.run_id DESC LIMIT $8",
        organization_id,
        *of_viewer(viewer),
        report_id,
        schedule_id,
        before,
        limit,
    )
    return [_run(row) for row in rows]


async def lock_of_report(driver: Driver, organization_id: int, report_id: str) -> list[int]:
    """Locks the runs of a report until COMMIT and returns them: what an attempt that succeeds meanwhile sends is there
    then, and none succeeds later.
    """
    rows = await driver.fetch(
        "SELECT run_id FROM report_runs WHERE organization_id = $1 AND report_id = $2 ORDER BY run_id FOR UPDATE",
        organization_id,
        report_id,
    )
    return [row[0] for row in rows]


async def known(driver: Driver, organization_id: int, run_id: int) -> ReportRun | None:
    """Returns a run for the service itself; None where there is none (any more)."""
    row = await driver.fetchrow(
        f"SELECT {_RUN} {_FROM} WHERE u.organization_id = $1 AND u.run_id = $2", organization_id, run_id
    )
    return None if row is None else _run(row)


async def begin(driver: Driver, organization_id: int, run_id: int) -> ReportRun | None:
    """Begins a further attempt at a run and returns it; None where it has ended, or is not there any more."""
    done = await driver.execute(
        "UPDATE report_runs SET attempt = attempt + 1, state = 'running', started_at = coalesce(started_at, now())"
        " WHERE organization_id = $1 AND run_id = $2 AND state IN ('pending', 'running')",
        organization_id,
        run_id,
    )
    return await known(driver, organization_id, run_id) if statements.rows(done) else None


async def succeed(driver: Driver, run: ReportRun, outcome: RunOutcome) -> bool:
    """Records what an attempt has made; False where the run has ended or another attempt has begun."""
    done = await driver.execute(
        "UPDATE report_runs SET state = 'succeeded', ended_at = now(), first_revision = $4, last_revision = $5,"
        " rows = $6, failed_blocks = $7, changed_figures = $8, files = $9::text::jsonb, error = NULL"
        " WHERE organization_id = $1 AND run_id = $2 AND attempt = $3 AND state = 'running'",
        run.organization_id,
        run.run_id,
        run.attempt,
        outcome.first_revision,
        outcome.last_revision,
        outcome.rows,
        outcome.failed_blocks,
        outcome.changed_figures,
        json.dumps([asdict(one) for one in outcome.files]),
    )
    return statements.rows(done) > 0


async def fail(driver: Driver, run: ReportRun, error: str) -> bool:
    """Records that an attempt has failed for good; False where the run has ended or another attempt has begun."""
    done = await driver.execute(
        "UPDATE report_runs SET state = 'failed', ended_at = now(), error = $4"
        " WHERE organization_id = $1 AND run_id = $2 AND attempt = $3 AND state = 'running'",
        run.organization_id,
        run.run_id,
        run.attempt,
        error,
    )
    return statements.rows(done) > 0


async def cancel(driver: Driver, organization_id: int, run_id: int) -> None:
    """Ends a run that has not ended."""
    await driver.execute(
        "UPDATE report_runs SET state = 'cancelled', ended_at = now()"
        " WHERE organization_id = $1 AND run_id = $2 AND state IN ('pending', 'running')",
        organization_id,
        run_id,
    )


async def settle(driver: Driver, limit: int) -> list[tuple[int, int]]:
    """Ends up to that many runs whose tasks have ended without saying so, and returns their organizations and ids."""
    return [(row[0], row[1]) for row in await driver.fetch(_SETTLE.text, *_SETTLE.arguments(limit=limit))]


async def kept(driver: Driver, attempts: Sequence[RunAttempt]) -> set[RunAttempt]:
    """Returns those attempts whose files belong to somebody: the run has not ended, or has ended with these files, and
    its organization is not revoked.
    """
    rows = await driver.fetch(
        "SELECT a.organization_id, a.run_id, a.attempt"
        " FROM unnest($1::integer[], $2::bigint[], $3::integer[]) AS a(organization_id, run_id, attempt)"
        " JOIN report_runs u USING (organization_id, run_id) JOIN organizations o USING (organization_id)"
        " WHERE o.state <> 'revoked' AND u.attempt = a.attempt"
        " AND (u.state IN ('pending', 'running') OR (u.state = 'succeeded' AND u.files <> '[]'::jsonb))",
        [one.organization_id for one in attempts],
        [one.run_id for one in attempts],
        [one.attempt for one in attempts],
    )
    return {RunAttempt(*row) for row in rows}


async def is_making_users(driver: Driver, organization_id: int) -> bool:
    """Returns whether a run is being made that tells of users one by one."""
    found: bool = await driver.fetchval(
        f"SELECT EXISTS (SELECT FROM report_runs WHERE organization_id = $1 AND state = 'running' AND {_OF_USERS})",  # noqa: S608
        organization_id,
    )
    return found


async def of_users(driver: Driver, organization_id: int, after: int, limit: int) -> list[tuple[int, str]]:
    """Returns runs with files that tell of users one by one, behind one, each with where its JSON is."""
    rows = await driver.fetch(
        "SELECT run_id, file ->> 'path' AS path FROM report_runs CROSS JOIN LATERAL jsonb_array_elements(files) AS file"  # noqa: S608
        f" WHERE organization_id = $1 AND run_id > $2 AND file ->> 'format' = 'json' AND {_OF_USERS}"
        " ORDER BY run_id LIMIT $3",
        organization_id,
        after,
        limit,
    )
    return [(row["run_id"], row["path"]) for row in rows]


async def give_files_up(driver: Driver, organization_id: int, run_id: int) -> int:
    """Makes strays of the files of a run, and returns how many runs that changes: 1 or 0."""
    done = await driver.execute(
        "UPDATE report_runs SET files = '[]' WHERE organization_id = $1 AND run_id = $2 AND files <> '[]'::jsonb",
        organization_id,
        run_id,
    )
    return statements.rows(done)


async def expire(driver: Driver, limit: int) -> int:
    """Removes up to that many runs that ended longer ago than their organization keeps them, or whose organization is
    revoked, and returns how many. Their files are strays from then on.
    """
    done = await driver.execute(
        "DELETE FROM report_runs WHERE (organization_id, run_id) IN (SELECT u.organization_id, u.run_id"
        " FROM report_runs u JOIN organizations o USING (organization_id)"
        " WHERE u.ended_at < now() - o.report_retention_days * interval '1 day' OR o.state = 'revoked' LIMIT $1)",
        limit,
    )
    return statements.rows(done)
