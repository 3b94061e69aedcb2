"""Alerts for asyncio code."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

import grpc
import grpc.aio

from tallywire import aio_stubs, aio_subscription, progress, retries
from tallywire.alert_rules import AlertRule
from tallywire.alerts import (
    BACKTEST_TIMEOUT,
    AlertBoard,
    AlertRuleInFull,
    AlertRuleSummary,
    Backtest,
    BoardProgress,
    Incident,
    IncidentEntry,
    IncidentInFull,
    TestedRule,
    backtesting,
    listing,
    snoozing,
)
from tallywire.v1 import alert_service_pb2 as messages

Call = Callable[
    ["grpc.aio.UnaryUnaryMultiCallable[Any, Any]", Callable[[], Any], retries.Policy, float | None],
    Awaitable[Any],
]


class AsyncAlertCalls:
    """Alert rules and incidents, as `client.alerts` of an AsyncClient."""

    def __init__(self, bound: Callable[[], aio_stubs.Stubs], call: Call, metadata: Any) -> None:
        self._bound = bound
        self._call = call
        self._metadata = metadata

    async def list(self, *, timeout: float | None = None) -> Sequence[AlertRuleSummary]:
        """Returns all rules and how they stand, by name."""
        request = messages.ListAlertRulesRequest()
        return [*(await self._call(self._bound().alerts.ListAlertRules, lambda: request, retries.QUERY, timeout)).rules]

    async def get(self, rule_id: str, *, timeout: float | None = None) -> AlertRuleInFull:
        """Returns a rule, and how each value of its dimension stands. Raises NotFound if there is none of that id."""
        request = messages.GetAlertRuleRequest(rule_id=rule_id)
        found: AlertRuleInFull = await self._call(
            self._bound().alerts.GetAlertRule, lambda: request, retries.QUERY, timeout
        )
        return found

    async def create(self, rule: AlertRule, *, timeout: float | None = None) -> AlertRule:
        """Stores a rule, as alert_rules.rule() makes it, and returns it. It is looked at from its next step on."""
        request = messages.CreateAlertRuleRequest(rule=rule)
        made: AlertRule = (
            await self._call(self._bound().alerts.CreateAlertRule, lambda: request, retries.CHANGE, timeout)
        ).rule
        return made

    async def update(self, rule: AlertRule, *, timeout: float | None = None) -> AlertRule:
        """Stores a rule as it is given. Raises FailedPrecondition if it was changed since its etag was read."""
        request = messages.UpdateAlertRuleRequest(rule=rule)
        made: AlertRule = (
            await self._call(self._bound().alerts.UpdateAlertRule, lambda: request, retries.CHANGE, timeout)
        ).rule
        return made

    async def delete(self, rule_id: str, *, etag: str = "", timeout: float | None = None) -> None:
        """Deletes a rule, and ends its incidents, which stay on record. Raises NotFound if there is none of that id."""
        request = messages.DeleteAlertRuleRequest(rule_id=rule_id, etag=etag)
        await self._call(self._bound().alerts.DeleteAlertRule, lambda: request, retries.CHANGE, timeout)

    async def snooze(self, rule_id: str, until: datetime, *, timeout: float | None = None) -> AlertRule:
        """Keeps a rule from telling anybody until an instant; it goes on looking, and tells then what still holds."""
        return await self._snoozed(snoozing(rule_id, until), timeout)

    async def unsnooze(self, rule_id: str, *, timeout: float | None = None) -> AlertRule:
        """Lets a rule tell again from now on."""
        return await self._snoozed(snoozing(rule_id, None), timeout)

    async def test(self, rule: AlertRule, *, timeout: float | None = None) -> TestedRule:
        """Looks at a rule now, stored or not, and stores and tells nothing."""
        request = messages.TestAlertRuleRequest(rule=rule)
        found: TestedRule = await self._call(
            self._bound().alerts.TestAlertRule, lambda: request, retries.QUERY, timeout
        )
        return found

    async def backtest(
        self,
        rule: AlertRule,
        start: datetime,
        end: datetime,
        *,
        time_zone: str | None = None,
        include_observations: bool = False,
        timeout: float | None = BACKTEST_TIMEOUT,
    ) -> Backtest:
        """Returns the incidents that a rule, stored or not, would have had in windows that end in [start, end)."""
        request = backtesting(rule, start, end, time_zone, include_observations=include_observations)
        found: Backtest = await self._call(
            self._bound().alerts.BacktestAlertRule, lambda: request, retries.QUERY, timeout
        )
        return found

    async def incidents(
        self,
        *,
        rule_id: str = "",
        only_open: bool = False,
        start: datetime | None = None,
        end: datetime | None = None,
        page_size: int = 100,
        timeout: float | None = None,
    ) -> AsyncIterator[Incident]:
        """Yields incidents, newest first, page by page; with a period those that were open at some instant of it."""
        request = listing(rule_id, start, end, only_open=only_open, page_size=page_size)
        while True:
            page = await self._call(self._bound().alerts.ListIncidents, lambda: request, retries.QUERY, timeout)
            for one in page.incidents:
                yield one
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def incident(self, incident_id: str, *, timeout: float | None = None) -> IncidentInFull:
        """Returns an incident with all that has happened to it. Raises NotFound if there is none of that id."""
        request = messages.GetIncidentRequest(incident_id=incident_id)
        found: IncidentInFull = await self._call(
            self._bound().alerts.GetIncident, lambda: request, retries.QUERY, timeout
        )
        return found

    async def acknowledge(self, incident_id: str, *, comment: str = "", timeout: float | None = None) -> Incident:
        """Says that somebody is at work on an incident: nobody is reminded of it any more."""
        request = messages.AcknowledgeIncidentRequest(incident_id=incident_id, comment=comment)
        found: Incident = (
            await self._call(self._bound().alerts.AcknowledgeIncident, lambda: request, retries.CHANGE, timeout)
        ).incident
        return found

    async def comment(self, incident_id: str, text: str, *, timeout: float | None = None) -> IncidentEntry:
        """Adds a line to what has happened to an incident."""
        request = messages.CommentIncidentRequest(incident_id=incident_id, text=text)
        made: IncidentEntry = (
            await self._call(self._bound().alerts.CommentIncident, lambda: request, retries.CHANGE, timeout)
        ).entry
        return made

    def watch(
        self, *, retry_for: float | None = None, on_retry: progress.OnRetry | None = None
    ) -> aio_subscription.AsyncSubscription[AlertBoard]:
        """Yields how many rules and values stand how, and the open incidents: at once, and whenever they change, or
        after 15 seconds. It outlasts servers, as AsyncClient.watch() does.
        """
        return aio_subscription.AsyncSubscription(
            lambda request: self._bound().alerts.WatchAlerts(request, metadata=self._metadata),
            BoardProgress(),
            progress.SubscriptionOptions(retry_for=retry_for, on_retry=on_retry),
        )

    async def _snoozed(self, request: messages.SnoozeAlertRuleRequest, timeout: float | None) -> AlertRule:
        found: AlertRule = (
            await self._call(self._bound().alerts.SnoozeAlertRule, lambda: request, retries.CHANGE, timeout)
        ).rule
        return found
