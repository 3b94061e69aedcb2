"""Rules of alerts as a test wants them, and what the engine would have stored of them."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from server.organizations.alerts import AlertStanding, Observation, State
from server.store import alert_values
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy.principal import Scope
from tests.support import serving
from tests.support.rpcs import answers
from tests.support.serving import Caller

VALUE = {"value": {}, "direction": 1, "critical": 0.5}
EDITOR = (Scope.READ, Scope.EDIT)
RULE = {"name": "Errors", "metric": "error_rate", "condition": VALUE}


async def one(caller: Caller, rpc: str, fields: Mapping[str, Any] | None = None) -> Any:
    """What an RPC of AlertService answers; of a subscription the first message."""
    (answer,) = await answers(caller, f"AlertService/{rpc}", fields or {})
    return answer


async def why(caller: Caller, rpc: str, fields: Mapping[str, Any] | None = None) -> tuple[str, str]:
    """The reason and the field for which a call is refused; it must be."""
    found = serving.refusal(await serving.refused(one(caller, rpc, fields)))
    return found.reason, found.field


async def made(caller: Caller, **fields: Any) -> Any:
    """A rule of an organization."""
    return (await one(caller, "CreateAlertRule", {"rule": {**RULE, **fields}})).rule


async def stand(
    database: Database, organization_id: int, rule_id: str, state: State, at: datetime, value: str = "", **of: Any
) -> None:
    """Stores how a rule, or a value of its dimension, stands after a window."""
    standing = alert_values.standing_json(AlertStanding(state=state, since=at, **of))
    observation = alert_values.observation_json(Observation(at=at, figure=7.5, measured=7.5, samples=4, reason="why"))
    async with database.transaction(of=EVERY) as driver:
        await driver.execute(
            "INSERT INTO alert_standings (organization_id, rule_id, value, standing, observation, incident_id)"
            " VALUES ($1, $2, $3, $4::text::jsonb, $5::text::jsonb, '') ON CONFLICT (organization_id, rule_id, value)"
            " DO UPDATE SET standing = excluded.standing, observation = excluded.observation",
            organization_id,
            rule_id,
            value,
            standing,
            observation,
        )
        await driver.execute(
            "UPDATE alert_rules SET looked_at = clock_timestamp() WHERE organization_id = $1 AND rule_id = $2",
            organization_id,
            rule_id,
        )


async def happen(
    database: Database,
    organization_id: int,
    rule_id: str,
    at: datetime,
    *,
    value: str = "",
    until: datetime | None = None,
    told: str | None = None,
    team: str = "",
) -> str:
    """Stores an incident, open unless it says until when, with the entry of its beginning; returns its id. told is the
    state that destinations were told of, and team the one that its rule is restricted to.
    """
    incident_id = f"inc_{secrets.token_hex(8)}"
    async with database.transaction(of=EVERY) as driver:
        await driver.execute(
            "INSERT INTO incidents (organization_id, incident_id, rule_id, rule_name, value, state, worst, severity,"
            " opened_at, detected_at, closed_at, close_reason, peak, peak_at, reason, told_state, told_at,"
            " restricted_dimension, restricted_values)"
            " VALUES ($1, $2, $3, 'Errors', $4, $5, 'alert', 'high', $6, $6, $7, $8, 7.5, $6, 'why', $9, $6, $10, $11)",
            organization_id,
            incident_id,
            rule_id,
            value,
            "alert" if until is None else "ok",
            at,
            until,
            None if until is None else "recovered",
            told,
            "team" if team else "",
            [team] if team else [],
        )
        await driver.execute(
            "INSERT INTO incident_entries (organization_id, incident_id, number, kind, state, at, measured, text, by,"
            " is_restated, is_muted) VALUES ($1, $2, 1, 'opened', 'alert', $3, 7.5, 'why', '', false, false)",
            organization_id,
            incident_id,
            at,
        )
    return incident_id
