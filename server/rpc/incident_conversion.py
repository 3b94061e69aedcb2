"""Conversion of incidents of alerts between messages and values: stored ones, and what rules would have found."""

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from server.alerts.backtesting import FoundIncident, RuleBacktest, TestedValue
from server.errors import Reason, Refused
from server.events import rules
from server.organizations.alerts import (
    AlertsOverview,
    CloseReason,
    EntryKind,
    IncidentEntry,
    KeptIncident,
    Observation,
    RuleDraft,
    State,
    WantedIncidents,
)
from server.query.answers import Context
from server.query.signed_tokens import NotOurs, SignedTokens
from server.rpc import alert_conversion, dashboard_conversion
from server.rpc.questions import shared
from tallywire.v1 import alert_service_pb2 as pb

PAGE, LARGEST_PAGE = 50, 500
_MAX_COMMENT: Final = 2_000
_CLOSE_REASONS = {one: pb.IncidentCloseReason.Value(f"INCIDENT_CLOSE_REASON_{one.name}") for one in CloseReason}
_ENTRY_KINDS = {one: pb.IncidentEntryKind.Value(f"INCIDENT_ENTRY_KIND_{one.name}") for one in EntryKind}


def comment(field: str, value: str) -> str:
    """Returns a line that somebody has written; it may be empty."""
    return dashboard_conversion.text(field, value.strip(), _MAX_COMMENT, has_lines=True)


class IncidentPages:
    """Tokens of the pages of incidents: what is listed, and the last one that was shown."""

    def __init__(self, tokens: SignedTokens) -> None:
        self._tokens = tokens

    def wanted(self, organization_id: int, request: pb.ListIncidentsRequest) -> WantedIncidents:
        """Returns which incidents are wanted; refuses another list's token."""
        start = end = None
        if request.HasField("time_range"):
            period = shared.period(request.time_range)
            start, end = period.start, period.end
            if end <= start:
                raise Refused(Reason.INVALID_TIME_RANGE, "end must be later than start", field="time_range.end")
        rule_id = rules.identifier("rule_id", request.rule_id) if request.rule_id else None
        asked = WantedIncidents(rule_id=rule_id, only_open=request.only_open, start=start, end=end)
        return self._after(organization_id, asked, request.page_token) if request.page_token else asked

    def token(self, organization_id: int, wanted: WantedIncidents, last: KeptIncident) -> str:
        """Returns the token of the page behind an incident."""
        return self._tokens.token(organization_id, [*_key(wanted), last.opened_at.isoformat(), last.incident_id])

    def _after(self, organization_id: int, asked: WantedIncidents, token: str) -> WantedIncidents:
        try:
            *key, at, incident_id = self._tokens.values(organization_id, token)
        except NotOurs:
            raise _other_list() from None
        if key != _key(asked):
            raise _other_list()
        return dataclasses.replace(asked, after=(datetime.fromisoformat(at), incident_id))


def _other_list() -> Refused:
    return Refused(
        Reason.PAGE_TOKEN_INVALID,
        "the token is damaged, or belongs to another list or organization",
        field="page_token",
    )


def _key(wanted: WantedIncidents) -> list[object]:
    """Returns what must be equal for pages to belong to one list."""
    bounds = [None if at is None else at.isoformat() for at in (wanted.start, wanted.end)]
    return [wanted.rule_id, wanted.only_open, *bounds]


def incident(kept: KeptIncident) -> pb.Incident:
    """Returns the message of an incident."""
    message = pb.Incident(
        incident_id=kept.incident_id,
        rule_id=kept.rule_id,
        rule_name=kept.rule_name,
        value=kept.value,
        state=alert_conversion.STATES[kept.state],
        worst=alert_conversion.STATES[kept.worst],
        severity=alert_conversion.SEVERITIES[kept.severity],
        peak=kept.peak,
        acknowledged_by=kept.acknowledged_by,
        restated=kept.is_restated,
        reason=kept.reason,
        restriction=shared.restriction(kept.restriction),
    )
    if kept.close_reason is not None:
        message.close_reason = _CLOSE_REASONS[kept.close_reason]
    for name in ("opened_at", "detected_at", "closed_at", "peak_at", "acknowledged_at"):
        at: datetime | None = getattr(kept, name)
        if at is not None:
            getattr(message, name).CopyFrom(shared.instant(at))
    return message


def entry(kept: IncidentEntry) -> pb.IncidentEntry:
    """Returns the message of something that has happened to an incident."""
    return pb.IncidentEntry(
        number=kept.number,
        recorded_at=shared.instant(kept.recorded_at),
        kind=_ENTRY_KINDS[kept.kind],
        state=alert_conversion.STATES[kept.state],
        window_end=None if kept.at is None else shared.instant(kept.at),
        measured=kept.measured,
        text=kept.text,
        by=kept.by,
        restated=kept.is_restated,
        muted=kept.is_muted,
    )


def watched(found: AlertsOverview) -> bytes:
    """Returns the encoded message of how an organization stands."""
    states = found.states
    return pb.WatchAlertsResponse(
        ok=states.get(State.OK, 0),
        warning=states.get(State.WARNING, 0),
        alert=states.get(State.ALERT, 0),
        no_data=states.get(State.NO_DATA, 0),
        error=states.get(State.ERROR, 0),
        incidents=map(incident, found.incidents),
        open_incidents=found.open_incidents,
        at=shared.instant(found.at),
        restriction=shared.restriction(found.restriction),
    ).SerializeToString()


def tested(context: Context, values: Sequence[TestedValue]) -> pb.TestAlertRuleResponse:
    """Returns the message of the last windows of a rule, the worst value first."""
    worst_first = sorted(values, key=lambda one: (-one.state.rank, one.value))
    return pb.TestAlertRuleResponse(
        context=shared.context(context),
        values=[
            pb.AlertTestValue(
                value=one.value,
                observations=_observations(one.observations, one.levels),
                state=alert_conversion.STATES[one.state],
            )
            for one in worst_first
        ],
    )


def backtest(context: Context, draft: RuleDraft, found: RuleBacktest) -> pb.BacktestAlertRuleResponse:
    """Returns the message of what a rule would have found."""
    message = pb.BacktestAlertRuleResponse(
        context=shared.context(context),
        incidents=[_found(draft, one) for one in found.incidents],
        total_incidents=found.total,
        windows=found.windows,
        windows_without_data=found.silent_windows,
        notifications=found.notifications,
        observations=_observations(found.observations, found.levels),
        observed_value=found.observed_value,
    )
    message.open_time.FromTimedelta(found.open_time)
    return message


def _observations(found: Sequence[Observation], levels: Sequence[State]) -> list[pb.AlertObservation]:
    return [alert_conversion.observation(one, level) for one, level in zip(found, levels, strict=True)]


def _found(draft: RuleDraft, found: FoundIncident) -> pb.Incident:
    message = pb.Incident(
        rule_name=draft.name,
        value=found.value,
        state=alert_conversion.STATES[found.state],
        worst=alert_conversion.STATES[found.worst],
        severity=alert_conversion.SEVERITIES[draft.severity],
        opened_at=shared.instant(found.opened_at),
        peak=found.peak,
        reason=found.reason,
    )
    if found.close_reason is not None:
        message.close_reason = _CLOSE_REASONS[found.close_reason]
    if found.closed_at is not None:
        message.closed_at.CopyFrom(shared.instant(found.closed_at))
    if found.peak_at is not None:
        message.peak_at.CopyFrom(shared.instant(found.peak_at))
    return message
