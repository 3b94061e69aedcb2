"""How values of alert rules stand: after the last window, and from which windows on they stood how."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from server.organizations.alerts import AlertStanding, KeptStanding
from server.store import alert_values, statements
from server.store.database import Driver


async def before(
    driver: Driver, organization_id: int, since: Mapping[str, datetime]
) -> dict[str, dict[str, AlertStanding]]:
    """Returns how values of rules stood before the windows that end at some instants, by rule and value."""
    rows = await driver.fetch(
        "SELECT DISTINCT ON (c.rule_id, c.value) c.rule_id, c.value, c.standing::text"
        " FROM unnest($2::text[], $3::timestamptz[]) AS s(rule_id, at) JOIN alert_changes AS c"
        " ON c.organization_id = $1 AND c.rule_id = s.rule_id AND c.at < s.at ORDER BY c.rule_id, c.value, c.at DESC",
        organization_id,
        list(since),
        list(since.values()),
    )
    found: dict[str, dict[str, AlertStanding]] = {}
    for rule_id, value, standing in rows:
        found.setdefault(rule_id, {})[value] = alert_values.standing(standing)
    return found


async def change(
    driver: Driver,
    organization_id: int,
    since: Mapping[tuple[str, str], datetime],
    changes: Sequence[tuple[str, str, datetime, AlertStanding]],
) -> None:
    """Stores from which windows on values of rules stood how, in place of what was stored from some instants on."""
    values = [(rule_id, value, at) for (rule_id, value), at in since.items()]
    await driver.execute(
        "DELETE FROM alert_changes AS c"
        " USING unnest($2::text[], $3::text[], $4::timestamptz[]) AS s(rule_id, value, at)"
        " WHERE c.organization_id = $1 AND c.rule_id = s.rule_id AND c.value = s.value AND c.at >= s.at",
        organization_id,
        [one[0] for one in values],
        [one[1] for one in values],
        [one[2] for one in values],
    )
    if changes:
        await driver.execute(
            "INSERT INTO alert_changes (organization_id, rule_id, value, at, standing)"
            " SELECT $1, rule_id, value, at, standing::jsonb FROM unnest($2::text[], $3::text[], $4::timestamptz[],"
            " $5::text[]) AS t(rule_id, value, at, standing)",
            organization_id,
            [one[0] for one in changes],
            [one[1] for one in changes],
            [one[2] for one in changes],
            [alert_values.standing_json(one[3]) for one in changes],
        )


async def save(driver: Driver, organization_id: int, rule_ids: Sequence[str], found: Sequence[KeptStanding]) -> None:
    """Stores how values of rules stand after the last window, and removes other values of rules of these ids."""
    rules, values = [one.rule_id for one in found], [one.value for one in found]
    await driver.execute(
        "DELETE FROM alert_standings AS s WHERE s.organization_id = $1 AND s.rule_id = ANY($4::text[]) AND NOT EXISTS"
        " (SELECT FROM unnest($2::text[], $3::text[]) AS t(rule_id, value) WHERE t.rule_id = s.rule_id"
        " AND t.value = s.value)",
        organization_id,
        rules,
        values,
        list(rule_ids),
    )
    await driver.execute(
        "INSERT INTO alert_standings (organization_id, rule_id, value, standing, observation, incident_id)"
        " SELECT $1, rule_id, value, standing::jsonb, observation::jsonb, incident_id FROM unnest($2::text[],"
        " $3::text[], $4::text[], $5::text[], $6::text[]) AS t(rule_id, value, standing, observation, incident_id)"
        " ON CONFLICT (organization_id, rule_id, value) DO UPDATE SET standing = excluded.standing,"
        " observation = excluded.observation, incident_id = excluded.incident_id",
        organization_id,
        rules,
        values,
        [alert_values.standing_json(one.standing) for one in found],
        [alert_values.observation_json(one.observation) for one in found],
        [one.incident_id for one in found],
    )


async def forget_changes(driver: Driver, earlier_than: datetime) -> int:
    """Removes changes of standings before an instant, but for the last one of each value that is not OK; returns how
    many.
    """
    return statements.rows(
        await driver.execute(
            "DELETE FROM alert_changes c WHERE at < $1 AND (c.standing->>'state' = 'ok' OR EXISTS (SELECT"
            " FROM alert_changes later WHERE later.organization_id = c.organization_id AND later.rule_id = c.rule_id"
            " AND later.value = c.value AND later.at > c.at AND later.at < $1))",
            earlier_than,
        )
    )
