"""Looking at rules: which are due, who holds them, and the incidents that their windows change."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from server.organizations.alerts import CloseReason, EntryKind, KeptIncident, KeptRule, State
from server.store import alert_rules, incidents, looks, statements
from server.store.database import Driver

_BEFORE_IT_OCCURS = timedelta(days=1)  # as in events: more than an event may be ahead of its receipt
_CLAIM = statements.load("claim_alert_rules", NEWEST="revisions")
# Where tables are distributed rules are on the coordinator, and revisions are not.
_CLAIM_TOLD = statements.load(
    "claim_alert_rules",
    NEWEST="(SELECT * FROM unnest(:organizations::integer[], :revisions::bigint[]) AS n(organization_id, revision))",
)
_EARLY = "SELECT DISTINCT organization_id FROM alert_rules WHERE is_early AND NOT is_disabled AND leased_until <= $1"
_INCIDENT = ", ".join(f"i.{one}" for one in incidents.COLUMNS.split(", "))


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIncident:
    """An incident that windows from some instant on may change, with what they have decided of it until now. told is
    the state that destinations were told last, None where they were told nothing.
    """

    incident: KeptIncident
    told: State | None
    told_at: datetime | None
    turns: Sequence[tuple[datetime, State]]
    entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntry:
    """Something that the service adds to an incident."""

    number: int
    kind: EntryKind
    state: State
    at: datetime
    measured: float | None
    text: str
    is_restated: bool
    is_muted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """How far a rule has been looked at, with what had been acknowledged by then, and when it is next."""

    rule_id: str
    until: datetime
    revision: int
    next_run_at: datetime


async def claim(
    driver: Driver, now: datetime | None, lease: timedelta, most: int, leaves_out: Callable[[int], bool]
) -> tuple[datetime, list[KeptRule]]:
    """Takes rules that are due at an instant, the database's if it is None, and holds them for so long; returns that
    instant, too. Of organizations to be left out, their nodes are not asked whether there is anything new.
    """
    at: datetime = now or await driver.fetchval("SELECT clock_timestamp()")
    if driver.is_distributed:
        early = [row[0] for row in await driver.fetch(_EARLY, at) if not leaves_out(row[0])]
        newest = await _newest(driver, early)
        told = {"organizations": [row[0] for row in newest], "revisions": [row[1] for row in newest]}
        rows = await driver.fetch(_CLAIM_TOLD.text, *_CLAIM_TOLD.arguments(now=at, lease=lease, most=most, **told))
    else:
        rows = await driver.fetch(_CLAIM.text, *_CLAIM.arguments(now=at, lease=lease, most=most))
    return at, [alert_rules.kept(row) for row in rows]


async def _newest(driver: Driver, organization_ids: Sequence[int]) -> Sequence[asyncpg.Record]:
    """Newest revisions; none where a node is away: the rules of others are due by their steps all the same."""
    try:
        with looks.patience(driver):
            async with driver.transaction():
                return await driver.fetch(
                    "SELECT organization_id, revision FROM revisions WHERE organization_id = ANY($1::integer[])",
                    organization_ids,
                )
    except asyncpg.PostgresError:
        return ()


async def let_go(driver: Driver, rule: KeptRule, next_run_at: datetime) -> None:
    """Leaves a rule alone until an instant."""
    await driver.execute(
        "UPDATE alert_rules SET leased_until = $3, next_run_at = $3 WHERE organization_id = $1 AND rule_id = $2",
        rule.organization_id,
        rule.rule_id,
        next_run_at,
    )


async def earliest_news(
    driver: Driver, organization_id: int, rules: Sequence[tuple[KeptRule, datetime]]
) -> list[datetime | None]:
    """Returns for each rule when the earliest event since an instant occurred that has come, or was corrected or
    retracted, since the rule was looked at; None where there is none.
    """
    rows = await driver.fetch(
        _NEWS,
        organization_id,
        [one.evaluated_revision for one, _ in rules],
        [one.evaluated_until - _BEFORE_IT_OCCURS for one, _ in rules],
        [since for _, since in rules],
    )
    return [row[0] for row in rows]


# What has come since was received after the end of the last window, or not much before.
_NEWS = """
    SELECT least(
        (SELECT min(e.occurred_at) FROM events AS e WHERE e.organization_id = $1 AND e.revision > s.revision
            AND e.received_at >= s.received_after AND e.occurred_at >= s.since),
        (SELECT min(r.occurred_at) FROM replaced_events AS r WHERE r.organization_id = $1 AND r.revision > s.revision
            AND r.occurred_at >= s.since)
    )
    FROM unnest($2::bigint[], $3::timestamptz[], $4::timestamptz[]) WITH ORDINALITY
        AS s(revision, received_after, since, place)
    ORDER BY s.place
"""


async def latest_event(driver: Driver, organization_id: int, since: datetime) -> datetime | None:
    """Returns when the latest event occurred that is not earlier than an instant; None where there is none."""
    found: datetime | None = await driver.fetchval(
        "SELECT max(occurred_at) FROM events WHERE organization_id = $1 AND occurred_at >= $2 AND received_at >= $3"
        " AND occurred_at > '-infinity'",
        organization_id,
        since,
        since - _BEFORE_IT_OCCURS,
    )
    return found


async def open_values(driver: Driver, organization_id: int, rule_ids: Sequence[str]) -> dict[str, list[str]]:
    """Returns the values of rules' dimensions that have open incidents, by rule."""
    found: dict[str, list[str]] = {}
    for rule_id, value in await driver.fetch(
        "SELECT rule_id, value FROM incidents WHERE organization_id = $1 AND rule_id = ANY($2::text[])"
        " AND closed_at IS NULL",
        organization_id,
        rule_ids,
    ):
        found.setdefault(rule_id, []).append(value)
    return found


async def still_held(driver: Driver, rules: Sequence[KeptRule]) -> dict[str, KeptRule]:
    """Locks rules of one organization until COMMIT and returns them as they are now, by id: those that were neither
    deleted, nor have begun anew, nor were looked at by somebody else.
    """
    rows = await driver.fetch(
        f"SELECT {alert_rules.COLUMNS} FROM alert_rules AS r WHERE r.organization_id = $1"  # noqa: S608 - our columns
        " AND r.rule_id = ANY($2::text[]) AND NOT r.is_disabled ORDER BY r.rule_id FOR UPDATE",
        rules[0].organization_id,
        [one.rule_id for one in rules],
    )
    now = {one.rule_id: one for one in map(alert_rules.kept, rows)}
    return {
        one.rule_id: now[one.rule_id]
        for one in rules
        if one.rule_id in now and _looked_at(now[one.rule_id]) == _looked_at(one)
    }


def _looked_at(rule: KeptRule) -> tuple[object, ...]:
    return rule.generation, rule.evaluated_until, rule.evaluated_revision


async def incidents_since(
    driver: Driver, organization_id: int, since: Mapping[str, datetime]
) -> dict[str, dict[str, list[OpenIncident]]]:
    """Returns the incidents of rules that are open, or have ended with a window since some instants, by rule and value,
    oldest first; each with what windows since then have decided. The open ones are locked: nobody comments meanwhile.
    """
    await driver.execute(
        "SELECT FROM incidents WHERE organization_id = $1 AND rule_id = ANY($2::text[]) AND closed_at IS NULL"
        " ORDER BY incident_id FOR UPDATE",
        organization_id,
        list(since),
    )
    rows = await driver.fetch(
        f"SELECT {_INCIDENT}, told_state, told_at, s.since, (SELECT coalesce(max(number), 0)"  # noqa: S608 - our columns
        " FROM incident_entries e WHERE e.organization_id = i.organization_id AND e.incident_id = i.incident_id)"
        " AS entries FROM unnest($2::text[], $3::timestamptz[]) AS s(of_rule, since) JOIN incidents i"
        " ON i.organization_id = $1 AND i.rule_id = s.of_rule"
        f" WHERE closed_at IS NULL OR (closed_at >= s.since AND close_reason <> '{CloseReason.RULE_CHANGED}')"
        " ORDER BY rule_id, value, opened_at, incident_id",
        organization_id,
        list(since),
        list(since.values()),
    )
    turns = await _turns(driver, organization_id, {row["incident_id"]: row["since"] for row in rows})
    found: dict[str, dict[str, list[OpenIncident]]] = {}
    for row in rows:
        one = incidents.incident(row)
        told = row["told_state"]
        kept = OpenIncident(
            incident=one,
            told=None if told is None else State(told),
            told_at=row["told_at"],
            turns=turns.get(one.incident_id, ()),
            entries=row["entries"],
        )
        found.setdefault(one.rule_id, {}).setdefault(one.value, []).append(kept)
    return found


async def _turns(
    driver: Driver, organization_id: int, since: Mapping[str, datetime]
) -> dict[str, list[tuple[datetime, State]]]:
    found: dict[str, list[tuple[datetime, State]]] = {}
    if not since:
        return found
    kinds = [EntryKind.OPENED, EntryKind.CHANGED, EntryKind.CLOSED]
    for incident_id, at, state in await driver.fetch(
        "SELECT e.incident_id, e.at, e.state FROM unnest($2::text[], $3::timestamptz[]) AS s(incident_id, since)"
        " JOIN incident_entries AS e ON e.organization_id = $1 AND e.incident_id = s.incident_id AND e.at >= s.since"
        " AND e.kind = ANY($4::text[]) ORDER BY e.incident_id, e.number",
        organization_id,
        list(since),
        list(since.values()),
        kinds,
    ):
        found.setdefault(incident_id, []).append((at, State(state)))
    return found


async def save_incident(driver: Driver, organization_id: int, one: KeptIncident) -> None:
    """Stores an incident, a new one or what windows have changed of it."""
    await driver.execute(
        "INSERT INTO incidents (organization_id, incident_id, rule_id, rule_name, value, state, worst, severity,"
        " opened_at, detected_at, closed_at, close_reason, peak, peak_at, is_restated, reason, restricted_dimension,"
        " restricted_values) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)"
        " ON CONFLICT (organization_id, incident_id) DO UPDATE SET state = excluded.state, worst = excluded.worst,"
        " opened_at = excluded.opened_at, closed_at = excluded.closed_at, close_reason = excluded.close_reason,"
        " peak = excluded.peak, peak_at = excluded.peak_at, is_restated = excluded.is_restated",
        organization_id,
        one.incident_id,
        one.rule_id,
        one.rule_name,
        one.value,
        one.state,
        one.worst,
        one.severity,
        one.opened_at,
        one.detected_at,
        one.closed_at,
        one.close_reason,
        one.peak,
        one.peak_at,
        one.is_restated,
        one.reason,
        one.restricted_dimension,
        one.restricted_values,
    )


async def add_entries(driver: Driver, organization_id: int, incident_id: str, entries: Sequence[NewEntry]) -> None:
    """Adds to what has happened to an incident."""
    for one in entries:
        await driver.execute(
            "INSERT INTO incident_entries (organization_id, incident_id, number, kind, state, at, measured, text, by,"
            " is_restated, is_muted) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', $9, $10)",
            organization_id,
            incident_id,
            one.number,
            one.kind,
            one.state,
            one.at,
            one.measured,
            one.text,
            one.is_restated,
            one.is_muted,
        )


async def note_told(driver: Driver, organization_id: int, incident_id: str, state: State, at: datetime) -> None:
    """Notes what destinations were told last, and when."""
    await driver.execute(
        "UPDATE incidents SET told_state = $3, told_at = $4 WHERE organization_id = $1 AND incident_id = $2",
        organization_id,
        incident_id,
        state,
        at,
    )


async def finish(driver: Driver, organization_id: int, looks: Sequence[Looked], looked_at: datetime) -> None:
    """Notes how far rules have been looked at, and lets go of them."""
    await driver.execute(
        "UPDATE alert_rules AS r SET evaluated_until = t.until, evaluated_revision = t.revision, looked_at = $2,"
        " next_run_at = t.next_run_at, leased_until = '-infinity' FROM unnest($3::text[], $4::timestamptz[],"
        " $5::bigint[], $6::timestamptz[]) AS t(rule_id, until, revision, next_run_at)"
        " WHERE r.organization_id = $1 AND r.rule_id = t.rule_id",
        organization_id,
        looked_at,
        [one.rule_id for one in looks],
        [one.until for one in looks],
        [one.revision for one in looks],
        [one.next_run_at for one in looks],
    )


async def forget_incidents(driver: Driver, before: datetime, most: int) -> int:
    """Removes incidents that ended before an instant, and those of a rule that ended before so many others began, with
    all that has happened to them; returns how many.
    """
    return statements.rows(
        await driver.execute(
            "DELETE FROM incidents AS i USING (SELECT organization_id, incident_id, row_number() OVER (PARTITION BY"
            " organization_id, rule_id ORDER BY opened_at DESC) AS place FROM incidents) AS n"
            " WHERE i.organization_id = n.organization_id AND i.incident_id = n.incident_id"
            " AND (i.closed_at < $1 OR (n.place > $2 AND i.closed_at IS NOT NULL))",
            before,
            most,
        )
    )
