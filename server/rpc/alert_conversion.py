"""Conversion of rules of alerts between messages and values."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from google.protobuf.duration_pb2 import Duration

from server import timerange
from server.admission import request_limits
from server.alerts import machine, wording
from server.alerts.measuring import Gauge
from server.catalog import cells, dimensions
from server.catalog.catalogue import Catalogue
from server.errors import Reason, Refused
from server.events import rules
from server.organizations import alerts
from server.organizations.alerts import (
    AlertBaseline,
    AlertCondition,
    AlertDirection,
    ConditionKind,
    KeptRule,
    KeptStanding,
    Mute,
    NoData,
    Observation,
    RuleDraft,
    RuleSummary,
    Severity,
    State,
)
from server.rpc import account_conversion
from server.rpc.questions import shared
from tallywire.v1 import alert_service_pb2 as pb
from tallywire.v1 import answer_pb2

_MAX_ID: Final = 64
_QUARTER: Final = timedelta(minutes=15)
_HOUR: Final = timedelta(hours=1)
_KINDS = {one.value: one for one in ConditionKind}
_DIRECTIONS = {pb.AlertDirection.Value(f"ALERT_DIRECTION_{one.name}"): one for one in AlertDirection}
_BASELINES = {pb.AlertBaseline.Value(f"ALERT_BASELINE_{one.name}"): one for one in AlertBaseline}
_NO_DATA = {pb.NoDataPolicy.Value(f"NO_DATA_POLICY_{one.name}"): one for one in NoData}
_SEVERITIES = {pb.AlertSeverity.Value(f"ALERT_SEVERITY_{one.name}"): one for one in Severity}
STATES: Mapping[State, pb.AlertState.ValueType] = {one: pb.AlertState.Value(f"ALERT_STATE_{one.name}") for one in State}
SEVERITIES: Mapping[Severity, pb.AlertSeverity.ValueType] = {
    one: pb.AlertSeverity.Value(f"ALERT_SEVERITY_{one.name}") for one in Severity
}
_LIMITS: Final = ("warning", "critical", "low_warning", "low_critical")


def identifier(field: str, value: str) -> str:
    """Returns the id of a rule or an incident."""
    if not value:
        raise rules.required(field)
    return rules.identifier(field, value, _MAX_ID)


@contextlib.contextmanager
def within_rule() -> Iterator[None]:
    """Puts "rule." in front of the field of a refusal."""
    try:
        yield
    except Refused as why:
        field = why.field if why.field.startswith("rule.") else f"rule.{why.field}"
        raise Refused(
            why.reason, why.message, field=field, metadata=why.metadata, retry_after=why.retry_after
        ) from None


def names(message: pb.AlertRule) -> list[str]:
    """Returns the names of metrics and dimensions in a rule."""
    return [message.metric, message.group_by, *(one.dimension for one in message.filter.dimensions)]


def draft(message: pb.AlertRule, catalogue: Catalogue) -> RuleDraft:
    """Returns a rule as somebody wants it, with defaults for what is unset; refuses what the contract has no word for.
    What the values may be is checked by server.alerts.checking.
    """
    request_limits.RULE_DESTINATIONS.check(len(message.destination_ids))
    request_limits.MUTE_WINDOWS.check(len(message.mute_windows))
    part = shared.part(message.filter, catalogue)
    condition = _condition(message)
    window, step = _window_and_step(message, condition)
    delay = _span("delay", message.delay) if message.HasField("delay") else alerts.DEFAULT_DELAY
    return RuleDraft(
        name=message.name,
        description=message.description,
        metric=rules.identifier("metric", message.metric),
        dimension="" if part.is_whole else part.dimension.name,
        value=part.value,
        group_by=rules.identifier("group_by", message.group_by),
        max_values=message.max_values or alerts.DEFAULT_VALUES,
        window=window,
        step=step,
        condition=condition,
        hold_for=_span("hold_for", message.hold_for),
        minimum_samples=message.minimum_samples,
        no_data=_known("no_data", message.no_data, _NO_DATA, NoData.KEEP),
        close_after=_span("close_after", message.close_after) if message.HasField("close_after") else None,
        remind_after=_span("remind_after", message.remind_after) if message.HasField("remind_after") else None,
        severity=_known("severity", message.severity, _SEVERITIES, Severity.MEDIUM),
        runbook_url=message.runbook_url,
        destinations=_destinations(message.destination_ids),
        mutes=tuple(map(_mute, message.mute_windows)),
        time_zone=account_conversion.checked_zone("time_zone", message.time_zone) if message.time_zone else "",
        is_disabled=message.disabled,
        delay=delay,
    )


def _window_and_step(message: pb.AlertRule, condition: AlertCondition) -> tuple[timedelta, timedelta]:
    """Returns how much time a figure is about and how often it is looked at, by default as suits the condition."""
    is_far = condition.kind is ConditionKind.CHANGE and condition.baseline is not AlertBaseline.PREVIOUS
    if condition.kind in (ConditionKind.FORECAST, ConditionKind.ANOMALY) or is_far:
        window = _HOUR
    else:
        window = _QUARTER if condition.kind is ConditionKind.BUDGET else alerts.DEFAULT_WINDOW
    if message.HasField("window"):
        window = _span("window", message.window)
    step = alerts.default_step(window)
    if condition.kind is ConditionKind.FORECAST:
        step = _HOUR
    elif condition.kind is ConditionKind.ANOMALY:
        step = window
    elif is_far or condition.kind is ConditionKind.BUDGET:
        step = max(step, _QUARTER)
    return window, _span("step", message.step) if message.HasField("step") else step


def _condition(message: pb.AlertRule) -> AlertCondition:
    asked = message.condition
    which = asked.WhichOneof("kind")
    if which is None:
        raise rules.required("condition.kind" if message.HasField("condition") else "condition")
    kind = _KINDS[which]
    needs_direction = kind not in (ConditionKind.ABSENCE, ConditionKind.BUDGET)
    if needs_direction and not asked.direction:
        raise rules.required("condition.direction")
    if kind is ConditionKind.ABSENCE and asked.direction:
        raise Refused(Reason.INVALID_VALUE, "absence has no direction", field="condition.direction")
    limits = {name: getattr(asked, name) for name in _LIMITS if asked.HasField(name)}
    return AlertCondition(
        kind=kind,
        direction=_known("condition.direction", asked.direction, _DIRECTIONS, AlertDirection.ABOVE),
        hysteresis=asked.hysteresis,
        baseline=_known("condition.change.baseline", asked.change.baseline, _BASELINES, AlertBaseline.WEEK),
        minimum_effect=asked.anomaly.minimum_effect,
        within=_span("condition.forecast.within", asked.forecast.within),
        budget=asked.budget.budget,
        **limits,
    )


def _known(field: str, number: int, among: Mapping[Any, Any], unset: Any) -> Any:
    """Returns the value of an enum's number, or another one where it is unset; refuses an unknown number."""
    if number and number not in among:
        raise Refused(Reason.INVALID_ENUM, "not a known value", field=field)
    return among[number] if number else unset


def _span(field: str, message: Duration) -> timedelta:
    seconds = rules.duration(field, message.seconds, message.nanos)
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        raise Refused(Reason.INVALID_DURATION, "longer than anything here may take", field=field) from None


def _destinations(ids: Sequence[str]) -> tuple[str, ...]:
    for one in ids:
        if not one:
            raise rules.required("destination_ids")
        rules.identifier("destination_ids", one)
    return tuple(dict.fromkeys(ids))


def _mute(message: pb.MuteWindow) -> Mute:
    field = "mute_windows"
    zone = message.time_zone
    return Mute(
        cron=rules.identifier(f"{field}.cron", message.cron.strip()),
        duration=_span(f"{field}.duration", message.duration),
        time_zone=account_conversion.checked_zone(f"{field}.time_zone", zone) if zone else "",
    )


def until(asked: pb.SnoozeAlertRuleRequest) -> datetime | None:
    """Returns until when a rule is to tell nobody; None: it tells again."""
    if not asked.HasField("until"):
        return None
    return timerange.of_microseconds(rules.timestamp("until", asked.until.seconds, asked.until.nanos))


def rule(kept: KeptRule) -> pb.AlertRule:
    """Returns the message of a rule."""
    chosen = kept.draft
    message = pb.AlertRule(
        rule_id=kept.rule_id,
        name=chosen.name,
        description=chosen.description,
        metric=chosen.metric,
        group_by=chosen.group_by,
        max_values=chosen.max_values,
        window=_duration(chosen.window),
        step=_duration(chosen.step),
        condition=_condition_message(chosen.condition),
        hold_for=_duration(chosen.hold_for),
        minimum_samples=chosen.minimum_samples,
        no_data=pb.NoDataPolicy.Value(f"NO_DATA_POLICY_{chosen.no_data.name}"),
        close_after=None if chosen.close_after is None else _duration(chosen.close_after),
        remind_after=None if chosen.remind_after is None else _duration(chosen.remind_after),
        severity=SEVERITIES[chosen.severity],
        runbook_url=chosen.runbook_url,
        destination_ids=chosen.destinations,
        mute_windows=[
            pb.MuteWindow(cron=one.cron, duration=_duration(one.duration), time_zone=one.time_zone)
            for one in chosen.mutes
        ],
        time_zone=chosen.time_zone,
        disabled=chosen.is_disabled,
        delay=_duration(chosen.delay),
        owner=kept.owner,
        version=kept.version,
        etag=kept.etag,
        created_at=shared.instant(kept.created_at),
        updated_at=shared.instant(kept.updated_at),
        updated_by=kept.updated_by,
        snoozed_until=None if kept.snoozed_until is None else shared.instant(kept.snoozed_until),
        restriction=shared.restriction(kept.restriction),
    )
    if chosen.dimension:
        message.filter.CopyFrom(_filter(chosen.dimension, chosen.value))
    return message


def _duration(span: timedelta) -> Duration:
    message = Duration()
    message.FromTimedelta(span)
    return message


def _filter(dimension: str, value: str) -> answer_pb2.Filter:
    """Returns the message of a filter, with the fields of dimensions that have one of their own."""
    sides = dimension.split(",")
    values = [cells.OTHER] * len(sides) if value == cells.OTHER else dimensions.parted(value)
    message = answer_pb2.Filter()
    for name, one in zip(sides, values, strict=True):
        known = dimensions.TABLE.by_name.get(name)
        if known is not None and known.field in answer_pb2.Filter.DESCRIPTOR.fields_by_name:
            setattr(message, known.field, one)
        else:
            message.dimensions.add(dimension=name, value=one)
    return message


def _condition_message(condition: AlertCondition) -> pb.AlertCondition:
    message = pb.AlertCondition(hysteresis=condition.hysteresis)
    for name in _LIMITS:
        if (limit := getattr(condition, name)) is not None:
            setattr(message, name, limit)
    getattr(message, condition.kind.value).SetInParent()
    if condition.kind is not ConditionKind.ABSENCE:
        message.direction = pb.AlertDirection.Value(f"ALERT_DIRECTION_{condition.direction.name}")
    match condition.kind:
        case ConditionKind.CHANGE:
            message.change.baseline = pb.AlertBaseline.Value(f"ALERT_BASELINE_{condition.baseline.name}")
        case ConditionKind.ANOMALY:
            message.anomaly.minimum_effect = condition.minimum_effect
        case ConditionKind.FORECAST:
            message.forecast.within.FromTimedelta(condition.within)
        case ConditionKind.BUDGET:
            message.budget.budget = condition.budget
    return message


def summary(found: RuleSummary, gauge: Gauge) -> pb.AlertRuleSummary:
    """Returns the message of a rule and how it stands."""
    return pb.AlertRuleSummary(
        rule=rule(found.rule),
        worst=None if found.worst is None else standing(gauge, found.worst),
        open_incidents=found.open_incidents,
        destination_count=found.told,
    )


def standing(gauge: Gauge, kept: KeptStanding) -> pb.AlertStanding:
    """Returns the message of how a rule, or a value of its dimension, stands."""
    silent_from = kept.standing.silent_from
    return pb.AlertStanding(
        value=kept.value,
        state=STATES[kept.standing.shown],
        since=shared.instant(kept.standing.failing_from or kept.standing.since),
        reason=_reason(gauge, kept),
        observation=observation(kept.observation, machine.shown_level(gauge.draft, kept.observation)),
        incident_id=kept.incident_id,
        no_data_since=None if silent_from is None else shared.instant(silent_from),
    )


def _reason(gauge: Gauge, kept: KeptStanding) -> str:
    """Returns why a rule stands so. Of a metric that is not there any more what was said of the last window."""
    if gauge.name not in gauge.catalogue.metrics:
        return kept.observation.error or kept.observation.reason
    return wording.reason(gauge, kept.observation, kept.standing.shown)


def observation(found: Observation, level: State) -> pb.AlertObservation:
    """Returns the message of what a window came to, and how it alone would stand."""
    return pb.AlertObservation(
        window_end=shared.instant(found.at),
        figure=found.figure,
        measured=found.measured,
        samples=found.samples,
        low=found.low,
        high=found.high,
        level=STATES[level],
        reason=found.error or found.reason or _missing(found, level),
    )


def _missing(found: Observation, level: State) -> str:
    """Returns why a window has no data, where nothing else says so."""
    if level is not State.NO_DATA:
        return ""
    return "of fewer samples than the rule asks for" if found.measured is not None else "there is nothing to measure"
