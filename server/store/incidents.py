"""Incidents of alerts as people see them: lists, what has happened to each, and what people say of them."""

from collections.abc import Collection
from dataclasses import fields

import asyncpg

from server.organizations.alerts import (
    AlertsOverview,
    CloseReason,
    EntryKind,
    IncidentEntry,
    KeptIncident,
    Severity,
    State,
    WantedIncidents,
)
from server.organizations.restriction import Restriction
from server.store import parts
from server.store.alert_rules import SHOWN
from server.store.database import Driver

COLUMNS = ", ".join(one.name for one in fields(KeptIncident))
_ENTRY = ", ".join(one.name for one in fields(IncidentEntry))
# Those that somebody may see: see parts.within.
_READ = f"SELECT {COLUMNS} FROM incidents AS i WHERE organization_id = $1 AND {parts.within('i', 2)}"  # noqa: S608 - our columns
_NEWEST_FIRST = "ORDER BY opened_at DESC, incident_id DESC"


def incident(row: asyncpg.Record) -> KeptIncident:
    """Returns the incident of a row."""
    values = {one.name: row[one.name] for one in fields(KeptIncident)}
    reason = row["close_reason"]
    values |= {"state": State(row["state"]), "worst": State(row["worst"]), "severity": Severity(row["severity"])}
    return KeptIncident(**{**values, "close_reason": None if reason is None else CloseReason(reason)})


def _entry(row: asyncpg.Record) -> IncidentEntry:
    return IncidentEntry(**{**dict(row.items()), "kind": EntryKind(row["kind"]), "state": State(row["state"])})


async def listed(
    driver: Driver, organization_id: int, wanted: WantedIncidents, size: int, *, seen_by: Restriction | None
) -> list[KeptIncident]:
    """Returns a page of incidents that somebody may see, newest first."""
    conditions, values = list[str](), list[object]([organization_id, *parts.arguments(seen_by)])

    def also(condition: str, *more: object) -> None:
        places = [f"${len(values) + number}" for number in range(1, len(more) + 1)]
        values.extend(more)
        conditions.append(f" AND {condition.format(*places)}")

    if wanted.rule_id is not None:
        also("rule_id = {}", wanted.rule_id)
    if wanted.only_open:
        also("closed_at IS NULL")
    if wanted.end is not None:
        also("opened_at < {}", wanted.end)
    if wanted.start is not None:
        also("(closed_at IS NULL OR closed_at > {})", wanted.start)
    if wanted.after is not None:
        also("(opened_at, incident_id) < ({}, {})", *wanted.after)
    values.append(size)
    rows = await driver.fetch(f"{_READ}{''.join(conditions)} {_NEWEST_FIRST} LIMIT ${len(values)}", *values)
    return [incident(row) for row in rows]


async def by_id(
    driver: Driver, organization_id: int, incident_id: str, *, seen_by: Restriction | None, lock: bool = False
) -> KeptIncident | None:
    """Returns an incident, locked until COMMIT if that is asked for; None where there is none of that id that somebody
    may see.
    """
    statement = f"{_READ} AND incident_id = $4{' FOR UPDATE' if lock else ''}"
    row = await driver.fetchrow(statement, organization_id, *parts.arguments(seen_by), incident_id)
    return None if row is None else incident(row)


async def entries(driver: Driver, organization_id: int, incident_id: str) -> list[IncidentEntry]:
    """Returns what has happened to an incident, oldest first."""
    rows = await driver.fetch(
        f"SELECT {_ENTRY} FROM incident_entries WHERE organization_id = $1 AND incident_id = $2 ORDER BY number",  # noqa: S608 - ours
        organization_id,
        incident_id,
    )
    return [_entry(row) for row in rows]


async def comments(driver: Driver, organization_id: int, incident_id: str) -> int:
    """Returns how many lines people have written about an incident."""
    found: int = await driver.fetchval(
        "SELECT count(*) FROM incident_entries WHERE organization_id = $1 AND incident_id = $2 AND kind = $3",
        organization_id,
        incident_id,
        EntryKind.COMMENTED,
    )
    return found


async def acknowledge(driver: Driver, organization_id: int, incident_id: str, subject: str) -> None:
    """Notes that somebody is at work on an incident that nobody has acknowledged yet."""
    await driver.execute(
        "UPDATE incidents SET acknowledged_by = $3, acknowledged_at = clock_timestamp()"
        " WHERE organization_id = $1 AND incident_id = $2 AND acknowledged_at IS NULL",
        organization_id,
        incident_id,
        subject,
    )


async def add_entry(
    driver: Driver, organization_id: int, of: KeptIncident, kind: EntryKind, text: str, subject: str
) -> IncidentEntry:
    """Adds what somebody has done to an incident, which is locked."""
    (row,) = await driver.fetch(
        "INSERT INTO incident_entries (organization_id, incident_id, number, recorded_at, kind, state, text, by,"  # noqa: S608 - ours
        " is_restated, is_muted) SELECT $1, $2, 1 + coalesce(max(number), 0), clock_timestamp(), $3, $4, $5, $6, false,"
        f" false FROM incident_entries WHERE organization_id = $1 AND incident_id = $2 RETURNING {_ENTRY}",
        organization_id,
        of.incident_id,
        kind,
        of.state,
        text,
        subject,
    )
    return _entry(row)


async def overview(driver: Driver, organization_id: int, most: int, *, seen_by: Restriction | None) -> AlertsOverview:
    """Returns how an organization stands, as far as somebody may see it, with at most so many incidents. In a snapshot
    its parts belong together.
    """
    whose = organization_id, *parts.arguments(seen_by)
    states = await driver.fetch(
        f"SELECT {SHOWN}, count(*) FROM alert_standings AS s JOIN alert_rules AS r USING (organization_id, rule_id)"  # noqa: S608 - ours
        f" WHERE organization_id = $1 AND {parts.within('r', 2)} GROUP BY 1",
        *whose,
    )
    rows = await driver.fetch(f"{_READ} AND closed_at IS NULL {_NEWEST_FIRST} LIMIT $4", *whose, most)
    (total,) = await driver.fetch(
        "SELECT count(*) AS number, clock_timestamp() AS at FROM incidents AS i"  # noqa: S608 - ours
        f" WHERE organization_id = $1 AND {parts.within('i', 2)} AND closed_at IS NULL",
        *whose,
    )
    return AlertsOverview(
        states={State(state): number for state, number in states},
        incidents=[incident(row) for row in rows],
        open_incidents=total["number"],
        at=total["at"],
        restriction=seen_by,
    )


async def marks(driver: Driver, organization_ids: Collection[int]) -> dict[int, tuple[object, ...]]:
    """Returns for each organization values that change with what an overview shows: its rules and when each was looked
    at, its open incidents and who has acknowledged them. An organization without rules has none.
    """
    rows = await driver.fetch(
        "SELECT organization_id, count(*), sum(version), sum(extract(epoch FROM looked_at)), o.open, o.acknowledged"
        " FROM alert_rules LEFT JOIN (SELECT organization_id, count(*) AS open, max(acknowledged_at) AS acknowledged"
        " FROM incidents WHERE organization_id = ANY($1::integer[]) AND closed_at IS NULL"
        " GROUP BY organization_id) AS o USING (organization_id) WHERE organization_id = ANY($1::integer[])"
        " GROUP BY organization_id, o.open, o.acknowledged",
        list(organization_ids),
    )
    return {row[0]: tuple(row)[1:] for row in rows}
