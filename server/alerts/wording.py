"""What rules find, in words: reasons of states, and the messages that destinations get."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from server.alerts import machine
from server.alerts.measuring import Gauge
from server.catalog.metrics import Unit
from server.organizations.alerts import (
    AlertDirection,
    CloseReason,
    ConditionKind,
    KeptIncident,
    KeptRule,
    Observation,
    State,
)
from server.organizations.delivery import Message, Topic
from server.store.alert_evaluations import NewEntry

_TITLES = {
    State.OK: "OK again",
    State.WARNING: "Warning",
    State.ALERT: "Alert",
    State.NO_DATA: "No data",
    State.ERROR: "Error",
}
_DAY, _HOUR, _MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


def reason(gauge: Gauge, observation: Observation, state: State) -> str:
    """Returns why a window has led to a state."""
    draft = gauge.draft
    when = f"in the {duration(draft.window)} until {instant(observation.at, gauge.zone)}"
    if observation.error:
        return observation.error
    if state is State.NO_DATA or observation.measured is None:
        few = f" ({observation.samples} of at least {draft.minimum_samples} samples)" if draft.minimum_samples else ""
        why = f": {observation.reason}" if observation.reason else ""
        return f"{gauge.metric.title} has no data {when}{few}{why}"
    if draft.condition.kind is ConditionKind.ABSENCE:
        what = "no events came" if observation.measured < 1 else f"{observation.measured:,.0f} events came"
        return f"{what} {when}"
    return f"{_measured(gauge, observation)} {when if _has_window(gauge) else ''}".strip() + _limit(
        gauge, observation, state
    )


def _has_window(gauge: Gauge) -> bool:
    return gauge.draft.condition.kind in (ConditionKind.VALUE, ConditionKind.CHANGE, ConditionKind.ANOMALY)


def _measured(gauge: Gauge, observation: Observation) -> str:
    title, unit = gauge.metric.title, gauge.metric.unit
    measured = observation.measured or 0.0
    shown = "absent" if observation.figure is None else figure(observation.figure, unit)
    match gauge.draft.condition.kind:
        case ConditionKind.CHANGE:
            return f"{title} was {shown}, {measured:+.1f} % beside {figure(observation.low or 0.0, unit)},"
        case ConditionKind.ANOMALY:
            return f"{title} was {shown}, {observation.reason},"
        case ConditionKind.FORECAST:
            within = duration(gauge.draft.condition.within)
            return f"{title} is expected to come to {figure(measured, unit)} within {within}"
        case ConditionKind.BUDGET:
            return f"{title} has come to {shown}, {measured:.1%} of the month's budget"
        case _:
            return f"{title} was {shown}"


def _limit(gauge: Gauge, observation: Observation, state: State) -> str:
    """Returns which limit was passed."""
    condition, measured = gauge.draft.condition, observation.measured or 0.0
    level = state if state in (State.ALERT, State.WARNING) else State.WARNING
    found = machine.limits(condition, level)
    if found.upper is None and found.lower is None:
        found = machine.limits(condition, State.ALERT)
    is_beyond = state in (State.ALERT, State.WARNING)
    if condition.direction is AlertDirection.BELOW or (found.lower is not None and measured < found.lower):
        word, limit = ("below" if is_beyond else "not below"), found.lower
    else:
        word, limit = ("above" if is_beyond else "not above"), found.upper
    return "" if limit is None else f", {word} {_in_its_unit(gauge, limit)}"


def _in_its_unit(gauge: Gauge, limit: float) -> str:
    match gauge.draft.condition.kind:
        case ConditionKind.CHANGE:
            return f"{limit:+g} %"
        case ConditionKind.ANOMALY:
            return f"{limit:g} σ"
        case ConditionKind.BUDGET:
            return f"{limit:.1%}"
        case _:
            return figure(limit, gauge.metric.unit)


def figure(value: float, unit: str) -> str:
    """Returns a figure with its unit."""
    if unit == Unit.FRACTION:
        return f"{value:.2%}"
    text = f"{value:,.0f}" if value == round(value) else f"{value:,.4g}"
    if unit == Unit.MICROS:
        return f"{value / 1_000_000:,.2f}"
    return text if unit in (Unit.COUNT, Unit.TOKENS, Unit.RATING) else f"{text} {unit}"


def duration(span: timedelta) -> str:
    """Returns a duration in its largest whole unit."""
    for unit, name in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if span >= unit and not span % unit:
            return f"{span // unit} {name}{'s' if span // unit > 1 else ''}"
    return f"{span // timedelta(seconds=1)} seconds"


def roughly(span: timedelta) -> str:
    """Returns a duration in whole days, or hours if it is shorter than two days; never more than it is."""
    unit, name = (_DAY, "day") if span >= 2 * _DAY else (_HOUR, "hour")
    number = max(1, span // unit)
    return f"{number} {name}{'s' if number > 1 else ''}"


def instant(at: datetime, zone: ZoneInfo) -> str:
    """Returns an instant by the clock of a zone."""
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")


def message(rule: KeptRule, gauge: Gauge, incident: KeptIncident, entry: NewEntry, before: State) -> Message:
    """Returns the message that tells of something that has happened to an incident. before is the state until then."""
    draft, zone = rule.draft, gauge.zone
    about = f"{draft.name} ({incident.value})" if incident.value else draft.name
    title = f"{_title(entry, incident)}: {about}"
    lines = [f"{entry.text[:1].upper()}{entry.text[1:]}."]
    if entry.is_restated:
        lines.append("Events that came late have changed what was said before.")
    lines.append(
        f"Open since {instant(incident.opened_at, zone)}." if incident.closed_at is None else _lasted(incident, zone)
    )
    if rule.restriction is not None:
        lines.append(f"Restricted to {rule.restriction.dimension} {', '.join(rule.restriction.values)}.")
    if draft.description:
        lines.append(f"\n{draft.description}")
    if draft.runbook_url:
        lines.append(f"\nWhat to do: {draft.runbook_url}")
    return Message(
        topic=Topic.ALERT,
        kind=f"alert.{entry.kind}",
        subject_id=incident.incident_id,
        page=f"/alerts/{rule.rule_id}",
        title=title,
        text="\n".join(lines) + "\n",
        data={
            "incident_id": incident.incident_id,
            "rule_id": rule.rule_id,
            "rule_name": draft.name,
            "value": incident.value,
            "group_by": draft.group_by,
            "metric": gauge.name,
            "state": entry.state.value,
            "state_before": before.value,
            "severity": draft.severity.value,
            "transition": entry.number,
            "opened_at": incident.opened_at.isoformat(),
            "closed_at": None if incident.closed_at is None else incident.closed_at.isoformat(),
            "window_end": entry.at.isoformat(),
            "measured": entry.measured,
            "reason": entry.text,
            "restated": entry.is_restated,
            "runbook_url": draft.runbook_url,
        },
    )


def _title(entry: NewEntry, incident: KeptIncident) -> str:
    title = _TITLES[entry.state]
    if entry.kind == "closed" and incident.close_reason in (CloseReason.RULE_CHANGED, CloseReason.SILENT):
        return "Ended"  # nothing says that all is well again
    return f"Still {title.lower()}" if entry.kind in ("reminded", "unmuted") and incident.closed_at is None else title


def _lasted(incident: KeptIncident, zone: ZoneInfo) -> str:
    end = incident.closed_at or incident.opened_at
    return f"It lasted from {instant(incident.opened_at, zone)} to {instant(end, zone)}."
