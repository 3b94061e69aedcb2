"""Rules of alerts as callers see them: made, changed, snoozed and deleted. Changes are in the audit trail."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from server import timerange
from server.admission.query_slots import QuerySlots
from server.alerts import backtesting, checking, closing, windows
from server.catalog.catalogue import BUILT_IN, Catalogue
from server.catalog.filters import Filter
from server.clock import Clock
from server.errors import Reason, Refused
from server.organizations.alerts import LONGEST, MOST_RULES, KeptRule, KeptStanding, RuleDraft, RuleSummary
from server.organizations.audit_trail import Actor
from server.organizations.restriction import Restriction
from server.query import pairs
from server.store import alert_rules as stored
from server.store import destinations
from server.store.database import Database, Driver
from server.tenancy import audit_trail, etags
from server.tenancy.limits import DefaultLimits
from server.tenancy.principal import Principal
from server.timerange import Span

_SHOWN: Final = 64  # characters of what was given, in a refusal


class AlertRules:
    """The rules of organizations. Those who add rules to one organization take turns; on_task is called once tasks are
    queued.
    """

    def __init__(
        self,
        database: Database,
        slots: QuerySlots,
        clock: Clock,
        limits: DefaultLimits,
        on_task: Callable[[], None],
    ) -> None:
        self._database = database
        self._slots = slots
        self._clock = clock
        self._limits = limits
        self._on_task = on_task

    async def listed(self, principal: Principal) -> Sequence[RuleSummary]:
        """Returns all rules that the caller may see and how they stand, by name."""
        async with self._slots.slot(principal), self._database.query(of=principal.organization_id) as driver:
            return await stored.listed(driver, principal.organization_id, seen_by=principal.restriction)

    async def restriction(self, principal: Principal, rule_id: str) -> Restriction | None:
        """Returns what a rule has to be about, which never changes; None: anything. Refuses where there is none."""
        async with self._slots.slot(principal), self._database.query(of=principal.organization_id) as driver:
            return (await _found(driver, principal, rule_id)).restriction

    async def get(self, principal: Principal, rule_id: str) -> tuple[KeptRule, Sequence[KeptStanding], int]:
        """Returns a rule, how it stands, the worst first, and how many destinations are told; refuses where there is
        none.
        """
        async with self._slots.slot(principal), self._database.snapshot(of=principal.organization_id) as driver:
            found = await _found(driver, principal, rule_id)
            standings = await stored.standings(driver, principal.organization_id, rule_id)
            told = await stored.told(driver, principal.organization_id)
            return found, standings, told.get(rule_id, 0)

    async def create(self, principal: Principal, draft: RuleDraft, catalogue: Catalogue, by: Actor) -> KeptRule:
        """Stores a checked rule, and returns it. That of a caller who may see a part of the organization alone is about
        the part for good.
        """
        part = None if principal.restriction is None else principal.restriction.canonical()
        checking.check_within(draft, part)
        organization_id, rule_id = principal.organization_id, f"alr_{secrets.token_hex(8)}"
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            await stored.lock(driver, organization_id)
            if await stored.number_of(driver, organization_id) >= MOST_RULES:
                raise Refused(
                    Reason.ALERT_RULE_LIMIT,
                    f"the organization has {MOST_RULES} alert rules, which is the most: delete one that nobody needs",
                    metadata={"limit": str(MOST_RULES)},
                )
            await self._check_known(driver, principal, draft, catalogue, draft.destinations)
            is_early = windows.is_early(draft, catalogue)
            await stored.add(
                driver, organization_id, rule_id, principal.subject, draft, is_early=is_early, restriction=part
            )
            made = await _found(driver, principal, rule_id)
            await audit_trail.record_change(
                driver, principal.organization_id, by, "alert_rule.created", rule_id, after=_told(draft)
            )
            return made

    async def update(
        self, principal: Principal, rule_id: str, etag: str, draft: RuleDraft, catalogue: Catalogue, by: Actor
    ) -> KeptRule:
        """Stores what a checked rule is from now on, and returns it; refuses one that was changed since the etag,
        unless that is empty. Where it asks something else, or is disabled or enabled, it begins anew.
        """
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            before = await _found(driver, principal, rule_id, lock=True)
            etags.check(before.etag, etag, what="rule", field="rule.etag", by=before.updated_by)
            checking.check_within(draft, before.restriction)
            added = [one for one in draft.destinations if one not in before.draft.destinations]
            await self._check_known(driver, principal, draft, catalogue, added)
            was, becomes = before.draft, draft
            begins_anew = (was.asks, was.is_disabled) != (becomes.asks, becomes.is_disabled)
            if begins_anew:
                await self._end_incidents(driver, principal, before)
            await stored.update(
                driver,
                before,
                principal.subject,
                draft,
                is_early=windows.is_early(draft, catalogue),
                begins_anew=begins_anew,
            )
            made = await _found(driver, principal, rule_id)
            told = {"before": _told(was), "after": _told(draft)}
            await audit_trail.record_change(
                driver, principal.organization_id, by, "alert_rule.updated", rule_id, **told
            )
        self._on_task()
        return made

    async def delete(self, principal: Principal, rule_id: str, etag: str, by: Actor) -> None:
        """Deletes a rule, and ends its incidents; refuses as update does."""
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            before = await _found(driver, principal, rule_id, lock=True)
            etags.check(before.etag, etag, what="rule", field="etag", by=before.updated_by)
            await self._end_incidents(driver, principal, before)
            await stored.delete(driver, principal.organization_id, rule_id)
            await audit_trail.record_change(
                driver, principal.organization_id, by, "alert_rule.deleted", rule_id, before=_told(before.draft)
            )
        self._on_task()

    async def snooze(self, principal: Principal, rule_id: str, until: datetime | None, by: Actor) -> KeptRule:
        """Keeps a rule from telling anybody until an instant, None: it tells again. Returns it as it is then."""
        now = self._clock.now()
        if until is not None and until > now + LONGEST:
            raise Refused(
                Reason.TIME_IN_FUTURE,
                f"at most 31 days ahead, which is {(now + LONGEST).isoformat(timespec='seconds')}",
                field="until",
                metadata={"latest": (now + LONGEST).isoformat(timespec="seconds")},
            )
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            before = await _found(driver, principal, rule_id, lock=True)
            ends = until if until is not None and until > now else None
            await stored.snooze(driver, principal.organization_id, rule_id, principal.subject, ends)
            made = await _found(driver, principal, rule_id)
            told = {"before": _snoozed(before), "after": _snoozed(made)}
            await audit_trail.record_change(
                driver, principal.organization_id, by, "alert_rule.snoozed", rule_id, **told
            )
            return made

    async def _end_incidents(self, driver: Driver, principal: Principal, rule: KeptRule) -> None:
        # What is told of an end names the metric, and nothing else of it: it may be one that is not there any more.
        gauge = backtesting.gauge_of(BUILT_IN, self._limits, principal, rule.draft)
        await closing.end(driver, rule, gauge, self._clock.now())

    async def _check_known(
        self, driver: Driver, principal: Principal, draft: RuleDraft, catalogue: Catalogue, added: Sequence[str]
    ) -> None:
        """Refuses destinations that there are not, and a pair of dimensions by which no figures are kept."""
        known = {one.destination_id for one in await destinations.some(driver, principal.organization_id, added)}
        for one in added:
            if one not in known:
                raise Refused(
                    Reason.DESTINATION_NOT_FOUND,
                    f"the organization has no destination {one[:_SHOWN]!r}",
                    field="rule.destination_ids",
                    metadata={"destination": one[:_SHOWN]},
                )
        found = checking.dimension(draft.dimension, catalogue)
        if found is not None and found.sides is not None:
            now = timerange.floor_bucket(self._clock.now())
            part = Filter(dimension=found, value=draft.value)
            await pairs.checked_from(
                driver, principal.organization_id, part, Span(start=now, end=now + 1), field="rule.filter"
            )


async def _found(driver: Driver, principal: Principal, rule_id: str, *, lock: bool = False) -> KeptRule:
    found = await stored.by_id(driver, principal.organization_id, rule_id, seen_by=principal.restriction, lock=lock)
    if found is None:
        raise Refused(
            Reason.ALERT_RULE_NOT_FOUND,
            f"the organization has no alert rule {rule_id[:_SHOWN]!r}",
            field="rule_id",
            metadata={"rule": rule_id[:_SHOWN]},
        )
    return found


def _told(draft: RuleDraft) -> Mapping[str, object]:
    """Returns a rule as the audit trail tells it."""
    condition = draft.condition
    limits = {name: getattr(condition, name) for name in ("warning", "critical", "low_warning", "low_critical")}
    return {
        "name": draft.name,
        "metric": draft.metric,
        "condition": condition.kind.value,
        "limits": {name: f"{limit:g}" for name, limit in limits.items() if limit is not None},
        "window_seconds": int(draft.window.total_seconds()),
        "destinations": list(draft.destinations),
        "disabled": draft.is_disabled,
    }


def _snoozed(rule: KeptRule) -> Mapping[str, object]:
    until = rule.snoozed_until
    return {"snoozed_until": "" if until is None else until.isoformat(timespec="seconds")}
