"""Rules of alerts: what somebody wants looked at, how far it has been looked at, and how it stands."""

import functools
import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg

from server.organizations.alerts import (
    AlertBaseline,
    AlertCondition,
    AlertDirection,
    ConditionKind,
    KeptRule,
    KeptStanding,
    Mute,
    NoData,
    RuleDraft,
    RuleSummary,
    Severity,
    State,
)
from server.organizations.restriction import Restriction
from server.store import alert_values, parts
from server.store.database import Driver

COLUMNS: Final = (
    "r.organization_id, r.rule_id, r.draft::text AS draft, r.owner, r.version, r.created_at, r.updated_at,"
    " r.updated_by, r.snoozed_until, r.generation, r.begun_at, r.evaluated_until, r.evaluated_revision,"
    " r.restricted_dimension, r.restricted_values"
)
_OF_THE_ROW = tuple(one.name for one in fields(KeptRule) if one.name != "draft")
_STANDING = "rule_id, value, standing::text AS standing, observation::text AS observation, incident_id"
_ENUMS: Mapping[str, Any] = {
    "kind": ConditionKind,
    "direction": AlertDirection,
    "baseline": AlertBaseline,
    "no_data": NoData,
    "severity": Severity,
}
_SPANS = {"window", "step", "hold_for", "close_after", "remind_after", "delay", "within", "duration"}
# From where on a rule that begins anew is looked at: the last multiple of its step, by the database's clock, with what
# is acknowledged by then.
_BEGINS = "to_timestamp(floor(extract(epoch FROM now()) / extract(epoch FROM {step})) * extract(epoch FROM {step}))"
# The state as people see it: see Standing.shown.
SHOWN: Final = "CASE WHEN s.standing ? 'failing_from' THEN 'error' ELSE s.standing->>'state' END"
_RANK = f"CASE {SHOWN} " + " ".join(f"WHEN '{one}' THEN {one.rank}" for one in State) + " END"


def to_json(draft: RuleDraft) -> str:
    """Returns a draft as JSON: durations are seconds, and what is None is left out."""
    return json.dumps(_plain(asdict(draft)), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


@functools.lru_cache(maxsize=4096)  # rules are read again and again
def from_json(text: str) -> RuleDraft:
    """Returns the draft that to_json has made this text of. Names that this version does not know are passed over:
    newer versions write more.
    """
    found = json.loads(text)
    found["condition"] = AlertCondition(**_known(AlertCondition, found["condition"]))
    found["mutes"] = tuple(Mute(**_known(Mute, one)) for one in found.get("mutes", ()))
    found["destinations"] = tuple(found.get("destinations", ()))
    return RuleDraft(**_known(RuleDraft, found))


def _plain(value: Any) -> Any:
    match value:
        case timedelta():
            return value.total_seconds()
        case dict():
            return {name: _plain(one) for name, one in value.items() if one is not None}
        case list() | tuple():
            return [_plain(one) for one in value]
        case _:
            return value


def _known(kind: Any, found: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what a text says of the fields of a dataclass, as their types."""
    known = {one.name for one in fields(kind)}
    return {name: _typed(name, value) for name, value in found.items() if name in known}


def _typed(name: str, value: Any) -> Any:
    if name in _SPANS and value is not None:
        return timedelta(seconds=value)
    return _ENUMS[name](value) if name in _ENUMS else value


def kept(row: asyncpg.Record) -> KeptRule:
    """Returns the rule of a row that has COLUMNS."""
    return KeptRule(draft=from_json(row["draft"]), **{name: row[name] for name in _OF_THE_ROW})


def kept_standing(row: asyncpg.Record) -> KeptStanding:
    """Returns the standing of a row of alert_standings."""
    return KeptStanding(
        rule_id=row["rule_id"],
        value=row["value"],
        standing=alert_values.standing(row["standing"]),
        observation=alert_values.observation(row["observation"]),
        incident_id=row["incident_id"],
    )


async def lock(driver: Driver, organization_id: int) -> None:
    """Makes those who add rules to an organization take turns until COMMIT."""
    await driver.execute("SELECT pg_advisory_xact_lock(hashtextextended('alert rules', $1))", organization_id)


async def number_of(driver: Driver, organization_id: int) -> int:
    """Returns how many rules an organization has."""
    found: int = await driver.fetchval("SELECT count(*) FROM alert_rules WHERE organization_id = $1", organization_id)
    return found


async def add(
    driver: Driver,
    organization_id: int,
    rule_id: str,
    subject: str,
    draft: RuleDraft,
    *,
    is_early: bool,
    restriction: Restriction | None,
) -> None:
    """Stores a new rule, which has to be about a part of the organization and is looked at from its next step on."""
    begins = _BEGINS.format(step="$8::interval")
    revision = await newest_revision(driver, organization_id)
    await driver.execute(
        "INSERT INTO alert_rules (organization_id, rule_id, name, draft, owner, updated_by, version, is_disabled,"  # noqa: S608 - ours
        " is_early, begun_at, evaluated_until, next_run_at, evaluated_revision, restricted_dimension,"
        " restricted_values)"
        f" VALUES ($1, $2, $3, $4::text::jsonb, $5, $5, 1, $6, $7, {begins}, {begins},"
        f" {begins} + $8::interval + $9::interval, $10, $11, $12)",
        organization_id,
        rule_id,
        draft.name,
        to_json(draft),
        subject,
        draft.is_disabled,
        is_early,
        draft.step,
        draft.delay,
        revision,
        *parts.arguments(restriction),
    )


async def by_id(
    driver: Driver, organization_id: int, rule_id: str, *, seen_by: Restriction | None, lock: bool = False
) -> KeptRule | None:
    """Returns a rule, locked until COMMIT if that is asked for; None where there is none of that id that somebody may
    see.
    """
    row = await driver.fetchrow(
        f"SELECT {COLUMNS} FROM alert_rules AS r WHERE r.organization_id = $1 AND r.rule_id = $2"  # noqa: S608 - ours
        f" AND {parts.within('r', 3)}{' FOR UPDATE' if lock else ''}",
        organization_id,
        rule_id,
        *parts.arguments(seen_by),
    )
    return None if row is None else kept(row)


async def told(driver: Driver, organization_id: int) -> Mapping[str, int]:
    """Returns for each rule how many destinations are told of what it finds: see queueing.enqueue."""
    rows = await driver.fetch(
        "SELECT r.rule_id, count(d.destination_id) AS told FROM alert_rules AS r"
        " LEFT JOIN destinations AS d ON d.organization_id = r.organization_id AND"
        " CASE WHEN jsonb_array_length(r.draft->'destinations') > 0 THEN r.draft->'destinations' ? d.destination_id"
        " ELSE 'alert' = ANY(d.topics) END"
        " WHERE r.organization_id = $1 GROUP BY r.rule_id",
        organization_id,
    )
    return {row["rule_id"]: row["told"] for row in rows}


async def standings(driver: Driver, organization_id: int, rule_id: str) -> list[KeptStanding]:
    """Returns how a rule, or each value of its dimension, stands: the worst first."""
    rows = await driver.fetch(
        f"SELECT {_STANDING} FROM alert_standings AS s WHERE organization_id = $1 AND rule_id = $2"  # noqa: S608 - ours
        f" ORDER BY {_RANK} DESC, value",
        organization_id,
        rule_id,
    )
    return [kept_standing(row) for row in rows]


async def listed(driver: Driver, organization_id: int, *, seen_by: Restriction | None) -> list[RuleSummary]:
    """Returns the rules of an organization that somebody may see, with the worst of how they stand, by name."""
    rows = await driver.fetch(_LISTED, organization_id, *parts.arguments(seen_by))
    destinations = await told(driver, organization_id)
    return [
        RuleSummary(
            rule=kept(row),
            worst=None if row["standing"] is None else kept_standing(row),
            open_incidents=row["open_incidents"],
            told=destinations.get(row["rule_id"], 0),
        )
        for row in rows
    ]


_LISTED = (
    f"SELECT {COLUMNS}, w.value, w.standing, w.observation, w.incident_id, o.open_incidents"  # noqa: S608 - ours
    " FROM alert_rules AS r"
    " LEFT JOIN LATERAL (SELECT s.value, s.standing::text AS standing, s.observation::text AS observation,"
    " s.incident_id FROM alert_standings AS s WHERE s.organization_id = r.organization_id AND s.rule_id = r.rule_id"
    f" ORDER BY {_RANK} DESC, s.value LIMIT 1) AS w ON true"
    " CROSS JOIN LATERAL (SELECT count(*) AS open_incidents FROM incidents AS i"
    " WHERE i.organization_id = r.organization_id AND i.rule_id = r.rule_id AND i.closed_at IS NULL) AS o"
    f" WHERE r.organization_id = $1 AND {parts.within('r', 2)} ORDER BY lower(r.name), r.name, r.rule_id"
)


async def update(
    driver: Driver, before: KeptRule, subject: str, draft: RuleDraft, *, is_early: bool, begins_anew: bool
) -> None:
    """Stores what a rule is from now on. One that begins anew has not been looked at yet."""
    organization_id, rule_id = before.organization_id, before.rule_id
    if begins_anew:
        await _forget(driver, organization_id, rule_id)
    begins = _BEGINS.format(step="$8::interval")
    revision = await newest_revision(driver, organization_id) if begins_anew else 0
    await driver.execute(
        "UPDATE alert_rules SET name = $3, draft = $4::text::jsonb, updated_by = $5, is_disabled = $6, is_early = $7,"  # noqa: S608 - ours
        " version = version + 1, updated_at = clock_timestamp(), generation = generation + $10::boolean::integer,"
        f" begun_at = CASE WHEN $10 THEN {begins} ELSE begun_at END,"
        f" evaluated_until = CASE WHEN $10 THEN {begins} ELSE evaluated_until END,"
        f" next_run_at = CASE WHEN $10 THEN {begins} ELSE evaluated_until END + $8::interval + $9::interval,"
        f" evaluated_revision = CASE WHEN $10 THEN $11 ELSE evaluated_revision END"
        " WHERE organization_id = $1 AND rule_id = $2",
        organization_id,
        rule_id,
        draft.name,
        to_json(draft),
        subject,
        draft.is_disabled,
        is_early,
        draft.step,
        draft.delay,
        begins_anew,
        revision,
    )


async def newest_revision(driver: Driver, organization_id: int) -> int:
    """Returns the organization's newest revision; 0 before its first event."""
    found = await driver.fetchval("SELECT revision FROM revisions WHERE organization_id = $1", organization_id)
    return int(found or 0)


async def _forget(driver: Driver, organization_id: int, rule_id: str) -> None:
    """Forgets how a rule stood."""
    for table in ("alert_standings", "alert_changes"):
        await driver.execute(
            f"DELETE FROM {table} WHERE organization_id = $1 AND rule_id = $2",  # noqa: S608 - ours
            organization_id,
            rule_id,
        )


async def delete(driver: Driver, organization_id: int, rule_id: str) -> None:
    """Deletes a rule with how it stands. Its incidents stay."""
    await driver.execute(
        "DELETE FROM alert_rules WHERE organization_id = $1 AND rule_id = $2", organization_id, rule_id
    )


async def snooze(driver: Driver, organization_id: int, rule_id: str, subject: str, until: datetime | None) -> None:
    """Keeps a rule from telling anybody until an instant; None: it tells again."""
    await driver.execute(
        "UPDATE alert_rules SET snoozed_until = $3, version = version + 1, updated_at = clock_timestamp(),"
        " updated_by = $4 WHERE organization_id = $1 AND rule_id = $2",
        organization_id,
        rule_id,
        until,
        subject,
    )
