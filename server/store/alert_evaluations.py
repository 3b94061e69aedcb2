"""Looking at rules: which are due, who holds them, and what their windows came to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from server.organizations.alerts import (
    CloseReason,
    EntryKind,
    KeptIncident,
    KeptRule,
    Observation,
    Standing,
    State,
)
from server.store import alert_rules, alert_values, incidents, statements
from server.store.database import Driver

_BEFORE_IT_OCCURS = timedelta(days=1)  # as in events: more than an event may be ahead of its receipt
_CLAIM = statements.load("claim_alert_rules")


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


async def claim(driver: Driver, now: datetime | None, lease: timedelta, most: int) -> tuple[datetime, list[KeptRule]]:
    """Takes rules that are due at an instant, the database's if it is None, and holds them for so long; returns that
    instant, too.
    """
    at: datetime = now or await driver.fetchval("SELECT clock_timestamp()")
    rows = await driver.fetch(_CLAIM.text, *_CLAIM.arguments(now=at, lease=lease, most=most))
    return at, [alert_rules.kept(row) for row in rows]


async def let_go(driver: Driver, rule: KeptRule, next_run_at: datetime) -> None:
    """Lets go of a rule that cannot be looked at now."""
    await driver.execute(
        "UPDATE alert_rules SET leased_until = '-infinity', next_run_at = $3 WHERE organization_id = $1"
        " AND rule_id = $2",
        rule.organization_id,
        rule.rule_id,
        next_run_at,
    )


async def earliest_news(
    driver: Driver, organization_id: int, revision: int, received_after: datetime, since: datetime
) -> datetime | None:
    """Returns when the earliest event since an instant occurred that came, or was corrected or retracted, with a
    revision after one; None where there is none. None of these was received before received_after.
    """
    found: datetime | None = await driver.fetchval(
        "SELECT least((SELECT min(occurred_at) FROM events WHERE organization_id = $1 AND revision > $2"
        " AND received_at >= $3 AND occurred_at >= $4),"
        " (SELECT min(occurred_at) FROM replaced_events WHERE organization_id = $1 AND revision > $2"
        " AND occurred_at >= $4))",
        organization_id,
        revision,
        received_after - _BEFORE_IT_OCCURS,
        since,
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


async def still_held(driver: Driver, rule: KeptRule) -> KeptRule | None:
    """Locks a rule until COMMIT and returns it as it is now; None where it was deleted, has begun anew, or was looked
    at by somebody else.
    """
    now = await alert_rules.by_id(driver, rule.organization_id, rule.rule_id, lock=True)
    if now is None or _looked_at(now) != _looked_at(rule):
        return None
    return None if now.draft.is_disabled else now


def _looked_at(rule: KeptRule) -> tuple[object, ...]:
    return rule.generation, rule.evaluated_until, rule.evaluated_revision


async def standings_before(driver: Driver, rule: KeptRule, at: datetime) -> dict[str, Standing]:
    """Returns how values of a rule stood before the window that ends at an instant."""
    rows = await driver.fetch(
        "SELECT DISTINCT ON (value) value, standing::text FROM alert_changes WHERE organization_id = $1"
        " AND rule_id = $2 AND at < $3 ORDER BY value, at DESC",
        rule.organization_id,
        rule.rule_id,
        at,
    )
    return {row[0]: alert_values.standing(row[1]) for row in rows}


async def change_standings(
    driver: Driver, rule: KeptRule, since: datetime, changes: Mapping[str, Sequence[tuple[datetime, Standing]]]
) -> None:
    """Stores from which windows on values stood how, in place of what was stored from an instant on."""
    await driver.execute(
        "DELETE FROM alert_changes WHERE organization_id = $1 AND rule_id = $2 AND at >= $3",
        rule.organization_id,
        rule.rule_id,
        since,
    )
    rows = [(value, at, alert_values.standing_json(one)) for value, some in changes.items() for at, one in some]
    if rows:
        await driver.execute(
            "INSERT INTO alert_changes (organization_id, rule_id, value, at, standing)"
            " SELECT $1, $2, value, at, standing::jsonb FROM unnest($3::text[], $4::timestamptz[], $5::text[])"
            " AS t(value, at, standing)",
            rule.organization_id,
            rule.rule_id,
            *map(list, zip(*rows, strict=True)),
        )


async def save_standings(
    driver: Driver, rule: KeptRule, found: Mapping[str, tuple[Standing, Observation, str]]
) -> None:
    """Stores how values stand after the last window, with the ids of their open incidents, and removes the others."""
    values = sorted(found)
    await driver.execute(
        "DELETE FROM alert_standings WHERE organization_id = $1 AND rule_id = $2 AND value <> ALL($3::text[])",
        rule.organization_id,
        rule.rule_id,
        values,
    )
    await driver.execute(
        "INSERT INTO alert_standings (organization_id, rule_id, value, standing, observation, incident_id)"
        " SELECT $1, $2, value, standing::jsonb, observation::jsonb, incident_id FROM unnest($3::text[], $4::text[],"
        " $5::text[], $6::text[]) AS t(value, standing, observation, incident_id)"
        " ON CONFLICT (organization_id, rule_id, value) DO UPDATE SET standing = excluded.standing,"
        " observation = excluded.observation, incident_id = excluded.incident_id",
        rule.organization_id,
        rule.rule_id,
        values,
        [alert_values.standing_json(found[one][0]) for one in values],
        [alert_values.observation_json(found[one][1]) for one in values],
        [found[one][2] for one in values],
    )


async def incidents_since(driver: Driver, rule: KeptRule, since: datetime) -> dict[str, list[OpenIncident]]:
    """Returns the incidents of a rule that are open, or have begun or ended with a window since an instant, by value,
    oldest first; each with what windows since then have decided.
    """
    rows = await driver.fetch(
        f"SELECT {incidents.COLUMNS}, told_state, told_at,"  # noqa: S608 - our columns
        " (SELECT coalesce(max(number), 0) FROM incident_entries e WHERE e.organization_id = i.organization_id"
        " AND e.incident_id = i.incident_id) AS entries FROM incidents i WHERE organization_id = $1 AND rule_id = $2"
        f" AND (closed_at IS NULL OR (closed_at >= $3 AND close_reason <> '{CloseReason.RULE_CHANGED}'))"
        " ORDER BY value, opened_at, incident_id FOR UPDATE",
        rule.organization_id,
        rule.rule_id,
        since,
    )
    turns = await _turns(driver, rule.organization_id, [row["incident_id"] for row in rows], since)
    found: dict[str, list[OpenIncident]] = {}
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
        found.setdefault(one.value, []).append(kept)
    return found


async def _turns(
    driver: Driver, organization_id: int, incident_ids: Sequence[str], since: datetime
) -> dict[str, list[tuple[datetime, State]]]:
    found: dict[str, list[tuple[datetime, State]]] = {}
    if not incident_ids:
        return found
    kinds = [EntryKind.OPENED, EntryKind.CHANGED, EntryKind.CLOSED]
    for incident_id, at, state in await driver.fetch(
        "SELECT incident_id, at, state FROM incident_entries WHERE organization_id = $1"
        " AND incident_id = ANY($2::text[]) AND at >= $3 AND kind = ANY($4::text[]) ORDER BY incident_id, number",
        organization_id,
        list(incident_ids),
        since,
        kinds,
    ):
        found.setdefault(incident_id, []).append((at, State(state)))
    return found


async def save_incident(driver: Driver, organization_id: int, one: KeptIncident) -> None:
    """Stores an incident, a new one or what windows have changed of it."""
    await driver.execute(
        "INSERT INTO incidents (organization_id, incident_id, rule_id, rule_name, value, state, worst, severity,"
        " opened_at, detected_at, closed_at, close_reason, peak, peak_at, is_restated, reason)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
        " ON CONFLICT (organization_id, incident_id) DO UPDATE SET state = excluded.state, worst = excluded.worst,"
        " closed_at = excluded.closed_at, close_reason = excluded.close_reason, peak = excluded.peak,"
        " peak_at = excluded.peak_at, is_restated = excluded.is_restated",
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


async def finish(
    driver: Driver, rule: KeptRule, *, until: datetime, revision: int, looked_at: datetime, next_run_at: datetime
) -> None:
    """Notes how far a rule has been looked at, and lets go of it."""
    await driver.execute(
        "UPDATE alert_rules SET evaluated_until = $3, evaluated_revision = $4, looked_at = $5, next_run_at = $6,"
        " leased_until = '-infinity' WHERE organization_id = $1 AND rule_id = $2",
        rule.organization_id,
        rule.rule_id,
        until,
        revision,
        looked_at,
        next_run_at,
    )


async def forget_changes(driver: Driver, before: datetime) -> int:
    """Removes changes of standings before an instant, but for the last one of each value; returns how many."""
    return statements.rows(
        await driver.execute(
            "DELETE FROM alert_changes c WHERE at < $1 AND EXISTS (SELECT FROM alert_changes later"
            " WHERE later.organization_id = c.organization_id AND later.rule_id = c.rule_id AND later.value = c.value"
            " AND later.at > c.at AND later.at < $1)",
            before,
        )
    )
