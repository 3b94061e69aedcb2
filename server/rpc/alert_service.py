"""AlertService: rules that look at figures again and again, and what they have found."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import grpc

from server.admission.query_slots import QuerySlots
from server.alerts import backtesting, checking
from server.alerts.incidents import Incidents
from server.alerts.measuring import Gauge
from server.alerts.rules import AlertRules
from server.alerts.watching import AlertWatch, WatchedAlerts
from server.catalog.catalogue import Catalogue
from server.errors import Reason, Refused
from server.events import rules as event_rules
from server.organizations.alerts import RuleDraft
from server.organizations.restriction import Restriction
from server.query import custom_metrics
from server.query.queries import Queries
from server.query.signed_tokens import SignedTokens
from server.rpc import alert_conversion as conversion
from server.rpc import gate, incident_conversion, restricting, writing
from server.rpc.endings import Lifetime
from server.rpc.questions import shared
from server.rpc.subscription import Draining, Guard
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.limits import DefaultLimits
from server.tenancy.principal import Principal
from tallywire.v1 import alert_service_pb2 as pb
from tallywire.v1 import alert_service_pb2_grpc

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
HEARTBEAT_SECONDS: Final = 15.0
WRITE_SECONDS: Final = 60.0  # in which a watcher has to read a message
_CHECK_SECONDS: Final = 3.0  # between two looks at the key of a watcher that nothing is sent to
_LONGEST_TOKEN: Final = 1024


class AlertService(alert_service_pb2_grpc.AlertServiceServicer):
    """The service that keeps the alert rules of the caller's organization."""

    def __init__(
        self,
        queries: Queries,
        rules: AlertRules,
        incidents: Incidents,
        watch: AlertWatch,
        limits: DefaultLimits,
        secrets: KeyedHashes,
        turns: QuerySlots,
        *,
        max_seconds: float = 0,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        write_seconds: float = WRITE_SECONDS,
    ) -> None:
        self._queries = queries
        self._rules = rules
        self._incidents = incidents
        self.watch = watch
        self._limits = limits
        self._pages = incident_conversion.IncidentPages(SignedTokens(secrets, "incidents", longest=_LONGEST_TOKEN))
        self._turns = turns  # of what looks at many windows
        self._max_seconds = max_seconds  # of a subscription; 0: no limit
        self.heartbeat_seconds = heartbeat_seconds
        self.write_seconds = write_seconds
        self._draining = Draining()

    def drain(self) -> None:
        """Ends every subscription."""
        self._draining.begin()
        self.watch.wake()

    async def CreateAlertRule(  # noqa: N802 - the name in the contract
        self, request: pb.CreateAlertRuleRequest, context: _Context
    ) -> pb.CreateAlertRuleResponse:
        """Stores a rule."""
        principal = gate.caller().principal
        draft, catalogue = await self._storable(principal, request, principal.restriction)
        made = await self._rules.create(principal, draft, catalogue, gate.actor(context))
        return pb.CreateAlertRuleResponse(rule=conversion.rule(made))

    async def GetAlertRule(  # noqa: N802 - the name in the contract
        self, request: pb.GetAlertRuleRequest, context: _Context
    ) -> pb.GetAlertRuleResponse:
        """Returns a rule and how it stands."""
        rule_id = conversion.identifier("rule_id", request.rule_id)
        principal = gate.caller().principal
        found, standings, told = await self._rules.get(principal, rule_id)
        (gauge,) = await self._gauges(principal, [found.draft])
        return pb.GetAlertRuleResponse(
            rule=conversion.rule(found),
            standings=[conversion.standing(gauge, one) for one in standings],
            destination_count=told,
        )

    async def ListAlertRules(  # noqa: N802 - the name in the contract
        self, request: pb.ListAlertRulesRequest, context: _Context
    ) -> pb.ListAlertRulesResponse:
        """Returns all rules and how they stand."""
        principal = gate.caller().principal
        found = await self._rules.listed(principal)
        gauges = await self._gauges(principal, [one.rule.draft for one in found])
        return pb.ListAlertRulesResponse(rules=map(conversion.summary, found, gauges))

    async def UpdateAlertRule(  # noqa: N802 - the name in the contract
        self, request: pb.UpdateAlertRuleRequest, context: _Context
    ) -> pb.UpdateAlertRuleResponse:
        """Stores what a rule is from now on."""
        principal = gate.caller().principal
        rule_id = conversion.identifier("rule.rule_id", request.rule.rule_id)
        restriction = await self._rules.restriction(principal, rule_id)
        draft, catalogue = await self._storable(principal, request, restriction)
        made = await self._rules.update(principal, rule_id, request.rule.etag, draft, catalogue, gate.actor(context))
        return pb.UpdateAlertRuleResponse(rule=conversion.rule(made))

    async def DeleteAlertRule(  # noqa: N802 - the name in the contract
        self, request: pb.DeleteAlertRuleRequest, context: _Context
    ) -> pb.DeleteAlertRuleResponse:
        """Deletes a rule."""
        rule_id = conversion.identifier("rule_id", request.rule_id)
        await self._rules.delete(gate.caller().principal, rule_id, request.etag, gate.actor(context))
        return pb.DeleteAlertRuleResponse()

    async def SnoozeAlertRule(  # noqa: N802 - the name in the contract
        self, request: pb.SnoozeAlertRuleRequest, context: _Context
    ) -> pb.SnoozeAlertRuleResponse:
        """Keeps a rule from telling anybody for a while."""
        rule_id, until = conversion.identifier("rule_id", request.rule_id), conversion.until(request)
        made = await self._rules.snooze(gate.caller().principal, rule_id, until, gate.actor(context))
        return pb.SnoozeAlertRuleResponse(rule=conversion.rule(made))

    async def TestAlertRule(  # noqa: N802 - the name in the contract
        self, request: pb.TestAlertRuleRequest, context: _Context
    ) -> pb.TestAlertRuleResponse:
        """Looks at a rule now."""
        principal = gate.caller().principal
        draft, _ = await self._draft(principal, request)
        async with self._turns.slot(principal):
            found = await backtesting.tested(self._queries, self._limits, principal, draft)
        return incident_conversion.tested(*found)

    async def BacktestAlertRule(  # noqa: N802 - the name in the contract
        self, request: pb.BacktestAlertRuleRequest, context: _Context
    ) -> pb.BacktestAlertRuleResponse:
        """Returns what a rule would have found in a period."""
        principal = gate.caller().principal
        draft, _ = await self._draft(principal, request)
        if not request.HasField("time_range"):
            raise event_rules.required("time_range")
        async with self._turns.slot(principal):
            counted, found = await backtesting.backtest(
                self._queries,
                self._limits,
                principal,
                draft,
                shared.period(request.time_range),
                with_observations=request.include_observations,
            )
        return incident_conversion.backtest(counted, draft, found)

    async def ListIncidents(  # noqa: N802 - the name in the contract
        self, request: pb.ListIncidentsRequest, context: _Context
    ) -> pb.ListIncidentsResponse:
        """Returns a page of incidents."""
        principal = gate.caller().principal
        size = shared.whole_number(
            "page_size",
            request.page_size,
            default=incident_conversion.PAGE,
            most=incident_conversion.LARGEST_PAGE,
        )
        wanted = self._pages.wanted(principal.organization_id, request)
        found = await self._incidents.listed(principal, wanted, size + 1)
        has_more = len(found) > size
        token = self._pages.token(principal.organization_id, wanted, found[size - 1]) if has_more else ""
        return pb.ListIncidentsResponse(
            incidents=map(incident_conversion.incident, found[:size]), next_page_token=token
        )

    async def GetIncident(  # noqa: N802 - the name in the contract
        self, request: pb.GetIncidentRequest, context: _Context
    ) -> pb.GetIncidentResponse:
        """Returns an incident with what has happened to it."""
        incident_id = conversion.identifier("incident_id", request.incident_id)
        found, entries = await self._incidents.get(gate.caller().principal, incident_id)
        return pb.GetIncidentResponse(
            incident=incident_conversion.incident(found), entries=map(incident_conversion.entry, entries)
        )

    async def AcknowledgeIncident(  # noqa: N802 - the name in the contract
        self, request: pb.AcknowledgeIncidentRequest, context: _Context
    ) -> pb.AcknowledgeIncidentResponse:
        """Notes that the caller is at work on an incident."""
        incident_id = conversion.identifier("incident_id", request.incident_id)
        comment = incident_conversion.comment("comment", request.comment)
        principal = gate.caller().principal
        made = await self._incidents.acknowledge(principal, incident_id, comment, gate.actor(context))
        return pb.AcknowledgeIncidentResponse(incident=incident_conversion.incident(made))

    async def CommentIncident(  # noqa: N802 - the name in the contract
        self, request: pb.CommentIncidentRequest, context: _Context
    ) -> pb.CommentIncidentResponse:
        """Adds a line to an incident."""
        incident_id = conversion.identifier("incident_id", request.incident_id)
        text = incident_conversion.comment("text", request.text)
        if not text:
            raise event_rules.required("text")
        made = await self._incidents.comment(gate.caller().principal, incident_id, text)
        return pb.CommentIncidentResponse(entry=incident_conversion.entry(made))

    # Messages are written to the context and not yielded, so that a client that does not read them can be told so.
    async def WatchAlerts(  # type: ignore[override]  # noqa: N802 - the name in the contract
        self, request: pb.WatchAlertsRequest, context: _Context
    ) -> None:
        """Sends how the organization stands: at once, whenever that changes, and now and then."""
        self._draining.check()
        lifetime, unread = Lifetime(context, self._max_seconds), None
        principal = gate.caller().principal
        async with self.watch.watching(principal.organization_id, principal.restriction) as watched:
            unread = await self._send(context, lifetime, watched)
        if unread is not None:
            await unread
            raise Refused(Reason.SLOW_CONSUMER, "the messages are not being read")

    async def _send(
        self, context: _Context, lifetime: Lifetime, watched: WatchedAlerts
    ) -> "asyncio.Future[None] | None":
        """Sends messages until the subscription ends. Returns the write of one that is not read."""
        guard, loop, version, heartbeat_at = Guard(), asyncio.get_running_loop(), 0, 0.0
        while True:
            if watched.version != version or loop.time() >= heartbeat_at:
                version, heartbeat_at = watched.version, loop.time() + self.heartbeat_seconds
                unread = await writing.write(context, watched.encoded, self.write_seconds)
                if unread is not None:
                    return unread
            else:
                patience = lifetime.within(_CHECK_SECONDS) or 0.0
                await watched.news.wait(min(patience, max(heartbeat_at - loop.time(), 0.01)))
            self._draining.check()
            lifetime.check()
            await guard.check()

    async def _gauges(self, principal: Principal, drafts: Sequence[RuleDraft]) -> list[Gauge]:
        """Returns how windows of rules are measured."""
        names = [name for draft in drafts for name in backtesting.names(draft)]
        catalogue = await custom_metrics.catalogue(self._queries, principal, names)
        return [backtesting.gauge_of(catalogue, self._limits, principal, one) for one in drafts]

    async def _storable(
        self, principal: Principal, request: Any, restriction: Restriction | None
    ) -> tuple[RuleDraft, Catalogue]:
        """Returns what _draft does of a rule, narrowed to what it has to be about; refuses a rule that could never say
        anything.
        """
        draft, catalogue = await self._draft(principal, restricting.narrowed_rule(request, restriction))
        with conversion.within_rule():
            checking.check_reachable(draft, catalogue)
        return draft, catalogue

    async def _draft(self, principal: Principal, request: Any) -> tuple[RuleDraft, Catalogue]:
        """Returns the rule of a request, checked, and the catalogue that has what it names."""
        if not request.HasField("rule"):
            raise event_rules.required("rule")
        catalogue = await custom_metrics.catalogue(self._queries, principal, conversion.names(request.rule))
        with conversion.within_rule():
            return checking.checked(conversion.draft(request.rule, catalogue), catalogue), catalogue
