"""Looking at rules all the time: whatever is due is claimed, read in one snapshot of its organization, and recorded.

What a rule has found is one transaction with how far it was looked at. A worker that dies has done nothing; another one
takes the rule once the lease is over.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from server import errors, failpoints, telemetry
from server.alerts import backtesting, checking, machine, reading, recording, windows
from server.alerts.backtesting import Watched
from server.alerts.machine import Run
from server.alerts.measuring import Gauge
from server.alerts.reading import AskedWindows, ReadValues
from server.alerts.recording import Look
from server.clock import Clock
from server.errors import Reason, Refused
from server.organizations.alerts import AlertStanding, KeptRule, KeptStanding, Observation
from server.organizations.organization import OrganizationState
from server.query import custom_metrics
from server.query.queries import Queries
from server.store import alert_evaluations as stored
from server.store import alert_rules, alert_standings, organizations
from server.store.database import Database, Driver
from server.store.isolation import EVERY
from server.tenancy import principal as principals
from server.tenancy.limits import DefaultLimits
from server.tenancy.principal import Principal

LEASE = timedelta(seconds=60)
CLAIMED = 200  # rules at once
ORGANIZATIONS_AT_ONCE = 4
MOST_ENDS = 2_000  # windows of a rule in one look
_LATER = timedelta(minutes=1)  # for what could not be looked at
_TOO_MUCH = (Reason.TOO_MANY_RAW_EVENTS, Reason.TOO_MANY_POINTS)
_KEPT = timedelta(days=1)
KEPT_INCIDENTS = timedelta(days=400)
MOST_INCIDENTS = 10_000  # of a rule
_MOST_EARLY = 3  # windows that are not final yet
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Due:
    """A rule that is due: its windows from one instant on, the last ones of which may not be final yet. All that had
    come by the revision is taken into account: what has come since is news in the next look.
    """

    rule: KeptRule
    asked: AskedWindows
    revision: int
    early: int  # so many of the windows are not final

    @property
    def gauge(self) -> Gauge:
        """Returns how its windows are measured."""
        return self.asked.gauge

    @property
    def ends(self) -> Sequence[datetime]:
        """Returns the ends of the windows that are final."""
        return self.asked.ends[: len(self.asked.ends) - self.early]

    @property
    def until(self) -> datetime:
        """Returns up to where the rule has been looked at after this."""
        return max([self.rule.evaluated_until, *self.ends[-1:]])

    def new(self) -> "_Due | None":
        """Returns the same without windows that were looked at before, and without those that are not final; None where
        there are no others.
        """
        ends = [at for at in self.ends if at > self.rule.evaluated_until]
        if not ends:
            return None
        asked = AskedWindows(gauge=self.gauge, ends=ends, also=self.asked.also)
        return _Due(rule=self.rule, asked=asked, revision=self.revision, early=0)

    def first_half(self) -> "_Due | None":
        """Returns the same with fewer windows; None where there are no fewer."""
        ends = self.ends
        if len(ends) < 2:
            return None
        asked = AskedWindows(gauge=self.gauge, ends=ends[: len(ends) // 2], also=self.asked.also)
        return _Due(rule=self.rule, asked=asked, revision=self.revision, early=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What was read for a rule: the windows of each value; or why they cannot be read."""

    due: _Due
    watched: Sequence[Watched]
    refusal: str = ""

    def look(self, rule: KeptRule, now: datetime) -> Look:
        """Returns the look at the rule, which is as it is now."""
        due = self.due
        return Look(
            rule=rule,
            gauge=due.gauge,
            since=due.asked.ends[0],
            until=due.until,
            known_until=rule.evaluated_until,
            now=now,
        )

    def looked(self, look: Look) -> stored.Looked:
        """Returns how far the rule has been looked at then."""
        next_run_at = windows.next_run_at(look.rule.draft, look.until)
        return stored.Looked(
            rule_id=look.rule.rule_id, until=look.until, revision=self.due.revision, next_run_at=next_run_at
        )


class Evaluating:
    """Looks at rules in this process. clock is that of queries; on_queued is called after something is to be told."""

    def __init__(
        self,
        database: Database,
        queries: Queries,
        clock: Clock,
        limits: DefaultLimits,
        on_queued: Callable[[], None],
    ) -> None:
        self._database = database
        self._queries = queries
        self._clock = clock
        self._limits = limits
        self._on_queued = on_queued

    async def look(self, now: datetime | None = None) -> int:
        """Looks at rules that are due, at an instant or else now, and returns how many there were."""
        async with self._database.transaction(of=EVERY) as driver:
            at, rules = await stored.claim(driver, now, LEASE, CLAIMED, self._database.looks.leaves_out)
        if not rules:
            return 0
        self._clock.set(at)
        by_organization: dict[int, list[KeptRule]] = {}
        for rule in rules:
            by_organization.setdefault(rule.organization_id, []).append(rule)
        room = asyncio.Semaphore(ORGANIZATIONS_AT_ONCE)

        async def one(organization_id: int, mine: Sequence[KeptRule]) -> None:
            async with room:
                if not self._database.looks.leaves_out(organization_id):  # else they are due again after the lease
                    await self._look_at(organization_id, mine, at)

        async with asyncio.TaskGroup() as group:
            for organization_id, mine in by_organization.items():
                group.create_task(one(organization_id, mine))
        return len(rules)

    async def tidy(self, now: datetime) -> int:
        """Forgets how rules stood so long ago that no late event changes it, and incidents that ended more than 400
        days ago or are too many; returns how much that was.
        """
        async with self._database.transaction(of=EVERY) as driver:
            changes = await alert_standings.forget_changes(driver, now - windows.LONGEST_HORIZON - _KEPT)
            return changes + await stored.forget_incidents(driver, now - KEPT_INCIDENTS, MOST_INCIDENTS)

    async def _look_at(self, organization_id: int, rules: Sequence[KeptRule], now: datetime) -> None:
        """Looks at rules of one organization. Whatever goes wrong is a fault of theirs alone."""
        try:
            async with self._database.query(of=organization_id) as driver:
                tenant = await organizations.by_id(driver, organization_id)
            if tenant is None or tenant.state is not OrganizationState.ACTIVE:
                await self._let_go(rules, now + _LATER)
                return
            principal = principals.of_service(organization_id, tenant.settings)
            due = await self._due(principal, rules, now)
            await self._record_each(await self._read(principal, due, now), now)
        except errors.StorageUnavailable as error:
            _log.warning("rules of alerts wait for the database", organization_id=organization_id, reason=str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, other organizations have their turn
            _log.error(
                "rules of alerts cannot be looked at", organization_id=organization_id, reason=errors.describe(error)
            )
            await self._let_go(rules, now + _LATER)

    async def _let_go(self, rules: Sequence[KeptRule], next_run_at: datetime) -> None:
        async with self._database.transaction(of=[one.organization_id for one in rules]) as driver:
            for rule in rules:
                await stored.let_go(driver, rule, next_run_at)

    async def _due(self, principal: Principal, rules: Sequence[KeptRule], now: datetime) -> list[_Due]:
        """Returns which windows of rules are to be looked at, and lets go of those that have none."""
        names = [name for rule in rules for name in backtesting.names(rule.draft)]
        catalogue = await custom_metrics.catalogue(self._queries, principal, names)
        async with self._database.snapshot(of=principal.organization_id) as driver:
            also = await stored.open_values(driver, principal.organization_id, [one.rule_id for one in rules])
            firsts = await _first_ends(driver, rules, now)
            revision = await alert_rules.newest_revision(driver, principal.organization_id)
        due = []
        for rule, first in zip(rules, firsts, strict=True):
            gauge = backtesting.gauge_of(catalogue, self._limits, principal, rule.draft)
            one = _windows(rule, gauge, first, now, also.get(rule.rule_id, ()), revision)
            if one is None:
                await self._let_go([rule], windows.next_run_at(rule.draft, rule.evaluated_until))
            else:
                due.append(one)
        return due

    async def _read(self, principal: Principal, due: Sequence[_Due], now: datetime) -> list[_Seen]:
        """Reads the windows of rules, but for those without any event."""
        empty = await self._empty(principal, due)
        nothing = [await _seen(one, reading.NOTHING, None) for one in empty]
        due = [one for one in due if one not in empty]
        return [*nothing, *(await self._read_windows(principal, due, now) if due else ())]

    async def _read_windows(self, principal: Principal, due: Sequence[_Due], now: datetime) -> list[_Seen]:
        """Reads the windows of rules together; where that is refused, of each for itself."""
        try:
            for one in due:
                backtesting.check(one.gauge)
                checking.check_within(one.rule.draft, one.rule.restriction)
            found = await reading.read(self._queries, principal, [one.asked for one in due])
        except Refused as refusal:
            if len(due) > 1:
                return [seen for one in due for seen in await self._read_windows(principal, [one], now)]
            return await self._refused(principal, due[0], refusal, now)
        seen = []
        for one, values in zip(due, found.values, strict=True):
            try:
                seen.append(await _seen(one, values, found.first_event))
            except Exception as error:  # noqa: BLE001 - whatever it is, other rules have their turn
                await self._fail(one.rule, error, now)
        return seen

    async def _empty(self, principal: Principal, due: Sequence[_Due]) -> list[_Due]:
        """Returns the rules in whose windows nothing has occurred at all: what these come to needs no figures."""
        simple = [one for one in due if one.asked.is_plain and one.rule.restriction is None]
        if not simple:
            return []
        starts = [one.asked.bounds.start for one in simple]
        async with self._database.query(of=principal.organization_id) as driver:
            latest = await stored.latest_event(driver, principal.organization_id, min(starts))
        return [one for one, start in zip(simple, starts, strict=True) if latest is None or latest < start]

    async def _refused(self, principal: Principal, due: _Due, refusal: Refused, now: datetime) -> list[_Seen]:
        """Reads fewer windows where these were too many, and else takes the refusal for what they came to. Windows that
        were looked at before stay as they are.
        """
        new = due.new()
        if new is not None and new != due:
            return await self._read_windows(principal, [new], now)
        half = due.first_half() if refusal.reason in _TOO_MUCH and new is not None else None
        if half is not None:
            return await self._read_windows(principal, [half], now)
        if new is None or refusal.retry_after is not None:
            at = windows.next_run_at(due.rule.draft, due.rule.evaluated_until)
            await self._let_go([due.rule], at if new is None else now + _LATER)
            return []
        return [_Seen(due=due, watched=(), refusal=refusal.message)]

    async def _record_each(self, seen: Sequence[_Seen], now: datetime) -> None:
        """Records what was seen of rules: of all together, or, where that fails, of each for itself."""
        if not seen:
            return
        try:
            await self._record(seen, now)
        except errors.StorageUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, other rules have their turn
            if len(seen) == 1:
                await self._fail(seen[0].due.rule, error, now)
                return
            for one in seen:
                await self._record_each([one], now)
        self._on_queued()

    async def _fail(self, rule: KeptRule, error: Exception, now: datetime) -> None:
        """Leaves a rule alone for a while of which something is wrong that nobody has thought of."""
        _log.error(
            "a rule of alerts cannot be looked at",
            organization_id=rule.organization_id,
            rule_id=rule.rule_id,
            reason=errors.describe(error),
        )
        telemetry.ALERT_RULES.labels("failed").inc()
        await self._let_go([rule], now + _LATER)

    async def _record(self, seen: Sequence[_Seen], now: datetime) -> None:
        """Records what windows of rules came to, with how far these were looked at, and queues what is to be told."""
        async with self._database.transaction(of=seen[0].due.rule.organization_id) as driver:
            organization_id = seen[0].due.rule.organization_id
            held = await stored.still_held(driver, [one.due.rule for one in seen])
            looks = {
                one.due.rule.rule_id: (one, one.look(held[one.due.rule.rule_id], now))
                for one in seen
                if one.due.rule.rule_id in held
            }
            since = {rule_id: look.since for rule_id, (_, look) in looks.items()}
            before = await alert_standings.before(driver, organization_id, since)
            known = await stored.incidents_since(driver, organization_id, since)
            standings, changes = list[KeptStanding](), list[tuple[str, str, datetime, AlertStanding]]()
            changed: dict[tuple[str, str], datetime] = {}
            for rule_id, (one, look) in looks.items():
                runs = _runs(one, before.get(rule_id, {}))
                changed |= {(rule_id, value): look.since for value in runs}
                if not runs:
                    continue
                incident_ids = await recording.record(driver, look, runs, known.get(rule_id, {}))
                standings += _standings(rule_id, runs, incident_ids)
                changes += [(rule_id, value, *change) for value, run in runs.items() for change in run.standings]
            final = [rule_id for rule_id, (one, _) in looks.items() if one.due.ends]
            await alert_standings.change(driver, organization_id, changed, changes)
            await alert_standings.save(driver, organization_id, final, standings)
            await stored.finish(driver, organization_id, [one.looked(look) for one, look in looks.values()], now)
            failpoints.reach("alert_before_commit")
        failpoints.reach("alert_after_commit")
        telemetry.ALERT_RULES.labels("lost").inc(len(seen) - len(looks))
        for one, look in looks.values():
            telemetry.ALERT_RULES.labels("failed" if one.refusal else "looked").inc()
            if one.due.ends:
                lag = self._clock.now() - (look.until + look.rule.draft.delay)
                telemetry.ALERT_LAG_SECONDS.observe(max(0.0, lag.total_seconds()))


async def _seen(due: _Due, values: ReadValues, first_event: datetime | None) -> _Seen:
    return _Seen(due=due, watched=await backtesting.watched(due.asked, values, first_event))


async def _first_ends(driver: Driver, rules: Sequence[KeptRule], now: datetime) -> list[datetime]:
    """Returns for each rule the end of the first window that is to be looked at: the one after the last that was, or
    the first one that events have changed which came later. What is older than the horizon of a rule stays as it is.
    """
    since = [one.evaluated_until - windows.horizon(one.draft) - windows.longest(one.draft) for one in rules]
    news = await stored.earliest_news(driver, rules[0].organization_id, list(zip(rules, since, strict=True)))
    firsts = []
    for rule, earliest in zip(rules, news, strict=True):
        step = rule.draft.step
        oldest = max(rule.begun_at, windows.last_end(rule.draft, now) - windows.horizon(rule.draft)) + step
        first = max(rule.evaluated_until + step, oldest)
        if earliest is not None and earliest < rule.evaluated_until:
            first = min(first, max(windows.floor(earliest, step) + step, oldest))
        firsts.append(first)
    return firsts


def _windows(
    rule: KeptRule, gauge: Gauge, first: datetime, now: datetime, also: Sequence[str], revision: int
) -> _Due | None:
    """Returns the windows of a rule from one on; None where none of them is to be looked at."""
    draft, step = rule.draft, rule.draft.step
    last = windows.last_end(draft, now)
    ends = windows.ends(first - step, last, step)[:MOST_ENDS]
    early: list[datetime] = []
    if windows.is_early(draft, gauge.catalogue) and (not ends or ends[-1] == last):
        early = windows.ends(max(last, rule.evaluated_until), now + step, step)[-_MOST_EARLY:]
    if not ends and not early:
        return None
    asked = AskedWindows(gauge=gauge, ends=[*ends, *early], also=also)
    return _Due(rule=rule, asked=asked, revision=revision, early=len(early))


def _runs(seen: _Seen, before: Mapping[str, AlertStanding]) -> dict[str, Run]:
    """Returns what windows of each value came to; none where nothing is new."""
    due, draft = seen.due, seen.due.rule.draft
    if seen.refusal:
        failed = [Observation(at=at, error=seen.refusal) for at in due.ends]
        values = list(before) or [""]
        return {one: machine.run(draft, before.get(one, machine.first(due.ends[0])), failed) for one in values}
    runs = {}
    for one in seen.watched:
        start = before.get(one.value, machine.first(due.asked.ends[0] - draft.step))
        final = one.first(len(one.observations) - due.early)
        found = final.run(draft, start)
        for observation in one.observations[len(final.observations) :]:
            sooner = one.with_one(final, observation).run(draft, start)
            if sooner.last.state.rank > found.last.state.rank:
                found = sooner
                break
        if due.ends or (found.observation is not None and found.observation.at > due.until):
            runs[one.value] = found
    return runs


def _standings(rule_id: str, runs: Mapping[str, Run], incident_ids: Mapping[str, str]) -> list[KeptStanding]:
    return [
        KeptStanding(
            rule_id=rule_id,
            value=value,
            standing=run.last,
            observation=run.observation,
            incident_id=incident_ids.get(value, ""),
        )
        for value, run in runs.items()
        if run.observation is not None
    ]
