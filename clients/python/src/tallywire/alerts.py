"""Alerts: how a client keeps rules, looks at what they would find, and follows incidents."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import grpc

from tallywire import progress, requests, retries, subscription
from tallywire.alert_rules import AlertRule
from tallywire.v1 import alert_service_pb2 as messages
from tallywire.v1 import alert_service_pb2_grpc

AlertRuleSummary = messages.AlertRuleSummary
AlertRuleInFull = messages.GetAlertRuleResponse
TestedRule = messages.TestAlertRuleResponse
Backtest = messages.BacktestAlertRuleResponse
Incident = messages.Incident
IncidentEntry = messages.IncidentEntry
IncidentInFull = messages.GetIncidentResponse
AlertBoard = messages.WatchAlertsResponse
# What a client calls a method with, as its questions do.
Call = Callable[["grpc.UnaryUnaryMultiCallable[Any, Any]", Callable[[], Any], retries.Policy, float | None], Any]
BACKTEST_TIMEOUT: Final = 120.0  # seconds of a backtest, unless the call is given its own


class BoardProgress:
    """The progress of WatchAlerts: every message is the newest state, and nothing is resumed."""

    resume_token: Final = ""

    def request(self) -> messages.WatchAlertsRequest:
        """Returns the request, which is always the same."""
        return messages.WatchAlertsRequest()

    def take(self, response: AlertBoard) -> AlertBoard:
        """Returns what there is to yield: every message."""
        return response


def snoozing(rule_id: str, until: datetime | None) -> messages.SnoozeAlertRuleRequest:
    """Returns the request that keeps a rule quiet until an instant, or not any more. Raises ValueError for a time
    without a zone.
    """
    request = messages.SnoozeAlertRuleRequest(rule_id=rule_id)
    if until is not None:
        if until.tzinfo is None:
            raise ValueError("until has no time zone")
        request.until.FromDatetime(until)
    return request


def backtesting(
    rule: AlertRule, start: datetime, end: datetime, time_zone: str | None, *, include_observations: bool
) -> messages.BacktestAlertRuleRequest:
    """Returns the request for what a rule would have found."""
    return messages.BacktestAlertRuleRequest(
        rule=rule,
        time_range=requests.time_range(start, end, time_zone),
        include_observations=include_observations,
    )


def listing(
    rule_id: str, start: datetime | None, end: datetime | None, *, only_open: bool, page_size: int
) -> messages.ListIncidentsRequest:
    """Returns the request for the first page of incidents. Raises ValueError for a period with one end."""
    if (start is None) != (end is None):
        raise ValueError("start and end go together")
    request = messages.ListIncidentsRequest(rule_id=rule_id, only_open=only_open, page_size=page_size)
    if start is not None and end is not None:
        request.time_range.CopyFrom(requests.time_range(start, end, None))
    return request


class AlertCalls:
    """Alert rules and incidents, as `client.alerts`. Needs the scope read, and edit for changes."""

    def __init__(self, channel: grpc.Channel, call: Call, metadata: Any) -> None:
        self._stub = alert_service_pb2_grpc.AlertServiceStub(channel)
        self._call = call
        self._metadata = metadata

    def list(self, *, timeout: float | None = None) -> Sequence[AlertRuleSummary]:
        """Returns all rules and how they stand, by name."""
        request = messages.ListAlertRulesRequest()
        return [*self._call(self._stub.ListAlertRules, lambda: request, retries.QUERY, timeout).rules]

    def get(self, rule_id: str, *, timeout: float | None = None) -> AlertRuleInFull:
        """Returns a rule, and how each value of its dimension stands. Raises NotFound if there is none of that id."""
        request = messages.GetAlertRuleRequest(rule_id=rule_id)
        found: AlertRuleInFull = self._call(self._stub.GetAlertRule, lambda: request, retries.QUERY, timeout)
        return found

    def create(self, rule: AlertRule, *, timeout: float | None = None) -> AlertRule:
        """Stores a rule, as alert_rules.rule() makes it, and returns it. It is looked at from its next step on."""
        request = messages.CreateAlertRuleRequest(rule=rule)
        made: AlertRule = self._call(self._stub.CreateAlertRule, lambda: request, retries.CHANGE, timeout).rule
        return made

    def update(self, rule: AlertRule, *, timeout: float | None = None) -> AlertRule:
        """Stores a rule as it is given. Raises FailedPrecondition if it was changed since its etag was read."""
        request = messages.UpdateAlertRuleRequest(rule=rule)
        made: AlertRule = self._call(self._stub.UpdateAlertRule, lambda: request, retries.CHANGE, timeout).rule
        return made

    def delete(self, rule_id: str, *, etag: str = "", timeout: float | None = None) -> None:
        """Deletes a rule, and ends its incidents, which stay on record. Raises NotFound if there is none of that id."""
        request = messages.DeleteAlertRuleRequest(rule_id=rule_id, etag=etag)
        self._call(self._stub.DeleteAlertRule, lambda: request, retries.CHANGE, timeout)

    def snooze(self, rule_id: str, until: datetime, *, timeout: float | None = None) -> AlertRule:
        """Keeps a rule from telling anybody until an instant; it goes on looking, and tells then what still holds."""
        return self._snoozed(snoozing(rule_id, until), timeout)

    def unsnooze(self, rule_id: str, *, timeout: float | None = None) -> AlertRule:
        """Lets a rule tell again from now on."""
        return self._snoozed(snoozing(rule_id, None), timeout)

    def test(self, rule: AlertRule, *, timeout: float | None = None) -> TestedRule:
        """Looks at a rule now, stored or not, and stores and tells nothing."""
        request = messages.TestAlertRuleRequest(rule=rule)
        found: TestedRule = self._call(self._stub.TestAlertRule, lambda: request, retries.QUERY, timeout)
        return found

    def backtest(
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
        found: Backtest = self._call(self._stub.BacktestAlertRule, lambda: request, retries.QUERY, timeout)
        return found

    def incidents(
        self,
        *,
        rule_id: str = "",
        only_open: bool = False,
        start: datetime | None = None,
        end: datetime | None = None,
        page_size: int = 100,
        timeout: float | None = None,
    ) -> Iterator[Incident]:
        """Yields incidents, newest first, page by page; with a period those that were open at some instant of it."""
        request = listing(rule_id, start, end, only_open=only_open, page_size=page_size)
        while True:
            page = self._call(self._stub.ListIncidents, lambda: request, retries.QUERY, timeout)
            yield from page.incidents
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def incident(self, incident_id: str, *, timeout: float | None = None) -> IncidentInFull:
        """Returns an incident with all that has happened to it. Raises NotFound if there is none of that id."""
        request = messages.GetIncidentRequest(incident_id=incident_id)
        found: IncidentInFull = self._call(self._stub.GetIncident, lambda: request, retries.QUERY, timeout)
        return found

    def acknowledge(self, incident_id: str, *, comment: str = "", timeout: float | None = None) -> Incident:
        """Says that somebody is at work on an incident: nobody is reminded of it any more."""
        request = messages.AcknowledgeIncidentRequest(incident_id=incident_id, comment=comment)
        found: Incident = self._call(self._stub.AcknowledgeIncident, lambda: request, retries.CHANGE, timeout).incident
        return found

    def comment(self, incident_id: str, text: str, *, timeout: float | None = None) -> IncidentEntry:
        """Adds a line to what has happened to an incident."""
        request = messages.CommentIncidentRequest(incident_id=incident_id, text=text)
        made: IncidentEntry = self._call(self._stub.CommentIncident, lambda: request, retries.CHANGE, timeout).entry
        return made

    def watch(
        self, *, retry_for: float | None = None, on_retry: progress.OnRetry | None = None
    ) -> subscription.Subscription[AlertBoard]:
        """Yields how many rules and values stand how, and the open incidents: at once, and whenever they change, or
        after 15 seconds. It outlasts servers, as Client.watch() does.
        """
        return subscription.Subscription(
            lambda request: self._stub.WatchAlerts(request, metadata=self._metadata),
            BoardProgress(),
            progress.SubscriptionOptions(retry_for=retry_for, on_retry=on_retry),
        )

    def _snoozed(self, request: messages.SnoozeAlertRuleRequest, timeout: float | None) -> AlertRule:
        found: AlertRule = self._call(self._stub.SnoozeAlertRule, lambda: request, retries.CHANGE, timeout).rule
        return found
