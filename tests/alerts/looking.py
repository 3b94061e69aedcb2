"""What tests of alerts share: an organization of its own database, events of chosen instants, rules, and looks at them
at instants that a test says.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from server import timerange
from server.admission.query_slots import QuerySlots
from server.alerts import backtesting, windows
from server.alerts.backtesting import RuleBacktest
from server.alerts.evaluating import Evaluating
from server.catalog.catalogue import BUILT_IN
from server.clock import Clock
from server.events.event import Event, key_of
from server.organizations.alerts import (
    AlertCondition,
    ConditionKind,
    KeptIncident,
    KeptRule,
    RuleDraft,
    WantedIncidents,
)
from server.organizations.delivery import Channel, DestinationDraft, Topic
from server.organizations.restriction import Restriction
from server.organizations.settings import OrganizationSettings
from server.projections.projector import Projector
from server.query.answers import Period
from server.query.queries import Queries
from server.store import alert_rules, destinations, incidents
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy import principal as principals
from server.tenancy.limits import DefaultLimits

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_numbers = itertools.count(1)


def above(critical: float, **more: Any) -> AlertCondition:
    return AlertCondition(kind=ConditionKind.VALUE, critical=critical, **more)


@dataclass(slots=True)
class Looking:
    """An organization whose rules are looked at when a test says so."""

    database: Database
    organization: int
    projector: Projector
    queries: Queries
    evaluating: Evaluating
    limits: DefaultLimits = field(default_factory=DefaultLimits)
    settings: OrganizationSettings = field(default_factory=lambda: OrganizationSettings(time_zone="UTC"))

    async def rule(self, draft: RuleDraft, *, since: datetime, restriction: Restriction | None = None) -> KeptRule:
        """Stores a rule as if it had been made at an instant."""
        rule_id = f"rule-{next(_numbers)}"
        async with self.database.transaction(of=EVERY) as driver:
            is_early = windows.is_early(draft, BUILT_IN)
            await alert_rules.add(
                driver,
                self.organization,
                rule_id,
                "somebody",
                draft,
                is_early=is_early,
                restriction=restriction,
            )
            await driver.execute(
                "UPDATE alert_rules SET begun_at = $3, evaluated_until = $3, next_run_at = $4, created_at = $3,"
                " looked_at = $3, evaluated_revision = coalesce((SELECT revision FROM revisions"
                " WHERE organization_id = $1), 0) WHERE organization_id = $1 AND rule_id = $2",
                self.organization,
                rule_id,
                windows.floor(since, draft.step),
                windows.next_run_at(draft, windows.floor(since, draft.step)),
            )
        return await self.kept(rule_id)

    async def kept(self, rule_id: str) -> KeptRule:
        """Returns a rule as it is now."""
        async with self.database.query(of=EVERY) as driver:
            found = await alert_rules.by_id(driver, self.organization, rule_id, seen_by=None)
        assert found is not None
        return found

    async def look(self, now: datetime) -> int:
        """Looks at whatever is due at an instant."""
        looked = total = await self.evaluating.look(now)
        while looked:
            looked = await self.evaluating.look(now)
            total += looked
        return total

    async def incidents(self, rule: KeptRule) -> Sequence[KeptIncident]:
        """Returns the incidents of a rule, oldest first."""
        async with self.database.query(of=EVERY) as driver:
            wanted = WantedIncidents(rule_id=rule.rule_id)
            found = await incidents.listed(driver, self.organization, wanted, 1_000, seen_by=None)
        return found[::-1]

    async def entries(self, incident: KeptIncident) -> list[tuple[str, str, bool, bool]]:
        """Returns what has happened to an incident: kinds, states, and whether restated and muted."""
        async with self.database.query(of=EVERY) as driver:
            found = await incidents.entries(driver, self.organization, incident.incident_id)
        return [(one.kind.value, one.state.value, one.is_restated, one.is_muted) for one in found]

    async def standing(self, rule: KeptRule, value: str = "") -> Any:
        """Returns how a value of a rule stands, and its last window."""
        async with self.database.query(of=EVERY) as driver:
            found = await alert_rules.standings(driver, self.organization, rule.rule_id)
        return next(one for one in found if one.value == value)

    async def destination(self) -> str:
        """Makes a destination that asks for alerts."""
        draft = DestinationDraft(
            name="pager", channel=Channel.WEBHOOK, url="https://127.0.0.1/hook", topics=(Topic.ALERT,)
        )
        destination_id = f"dst-{next(_numbers)}"
        async with self.database.transaction(of=EVERY) as driver:
            await destinations.add(driver, self.organization, destination_id, "somebody", draft, b"")
        return destination_id

    async def told(self) -> list[tuple[str, str]]:
        """Returns what was queued for destinations: kinds and titles, in order."""
        async with self.database.query(of=EVERY) as driver:
            rows = await driver.fetch(
                "SELECT m.kind, m.title FROM deliveries d JOIN delivery_messages m USING (organization_id, message_id)"
                " WHERE d.organization_id = $1 ORDER BY m.created_at, m.key",
                self.organization,
            )
        return [(row[0], row[1]) for row in rows]

    async def backtest(self, draft: RuleDraft, start: datetime, end: datetime) -> RuleBacktest:
        """Returns what a rule would have found."""
        principal = principals.of_service(self.organization, self.settings)
        _, found = await backtesting.backtest(
            self.queries,
            self.limits,
            principal,
            draft,
            Period(start=start, end=end, zone=None),
            with_observations=True,
        )
        return found


def looking(database: Database, organization: int) -> Looking:
    """Returns an organization whose rules are looked at when a test says so."""
    clock = Clock()
    projector = Projector(database)
    queries = Queries(database, clock, QuerySlots(4, limit=100, limit_each=100), projector)
    limits = DefaultLimits()
    return Looking(
        database=database,
        organization=organization,
        projector=projector,
        queries=queries,
        evaluating=Evaluating(database, queries, clock, limits, lambda: None),
        limits=limits,
    )


def days_ago(days: int) -> datetime:
    """Returns noon of a day of UTC so many days ago."""
    return datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - days * DAY


def event(at: datetime, event_type: str = "message.sent", **fields: Any) -> Event:
    """Returns an event of an instant."""
    event_id = f"event-{next(_numbers)}"
    told: dict[str, Any] = dict.fromkeys(
        ("agent_id", "user_id", "conversation_id", "channel", "team_id", "campaign_id", "resource_type", "resource_id"),
        "",
    )
    return Event(
        event_id=event_id,
        event_key=key_of(event_id),
        fingerprint=next(_numbers),
        event_type=event_type,
        occurred_at=(at - timerange.EPOCH) // timedelta(microseconds=1),
        detail=fields.pop("detail", {}),
        properties="",
        warnings=(),
        **{**told, **fields},
    )
