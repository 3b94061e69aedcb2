"""Alert rules, what they find, and incidents, as tables."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from google.protobuf import timestamp_pb2
from google.protobuf.message import Message
from rich.console import Console
from rich.text import Text

from tallywire.alert_rules import AlertRule
from tallywire.alerts import AlertRuleInFull, AlertRuleSummary, Backtest, Incident, IncidentInFull, TestedRule
from tallywire.cli import formatting, layout, lengths, lists, tables
from tallywire.cli.csv_output import Sheet
from tallywire.cli.tables import Column
from tallywire.v1 import alert_service_pb2 as messages
from tallywire.v1 import answer_pb2

OF_INCIDENTS: Final = tuple(field.name for field in messages.Incident.DESCRIPTOR.fields)
OF_ENTRIES: Final = tuple(field.name for field in messages.IncidentEntry.DESCRIPTOR.fields)
_OF_OBSERVATIONS: Final = tuple(field.name for field in messages.AlertObservation.DESCRIPTOR.fields)
_LAST: Final = 12  # observations of a value that a terminal shows
_SIDES: Final = {
    messages.ALERT_DIRECTION_ABOVE: "above",
    messages.ALERT_DIRECTION_BELOW: "below",
    messages.ALERT_DIRECTION_OUTSIDE: "outside",
}


def number(message: Message, name: str) -> str:
    """Returns a figure that may be absent, with as many digits as say something."""
    return f"{getattr(message, name):,.6g}" if message.HasField(name) else formatting.ABSENT


def state(message: Message, name: str = "state") -> str:
    """Returns a state by its name; a dash where a rule was not looked at yet."""
    return lists.shown(message, name, UTC)


def wrong(rule: AlertRule) -> str:
    """Returns in words what is wrong with a figure of a rule."""
    condition = rule.condition
    kind = condition.WhichOneof("kind") or "value"
    limits = [
        f"{name.replace('_', ' ')} {number(condition, name)}"
        for name in ("warning", "critical", "low_warning", "low_critical")
        if condition.HasField(name)
    ]
    side = _SIDES.get(condition.direction, "")
    return " ".join(filter(None, ("" if kind == "value" else kind, side, ", ".join(limits))))


def sheet_of_rules(found: Sequence[AlertRuleSummary]) -> Sheet:
    """Returns a row for each rule."""
    of_rule, of_worst = ("rule_id", "name", "metric", "group_by"), ("state", "since")
    header = (*of_rule, *of_worst, "measured", "open_incidents", "disabled", "destination_count")
    rows = [
        [
            *(lists.cell(one.rule, name, UTC) for name in of_rule),
            *(lists.cell(one.worst, name, UTC) for name in of_worst),
            lists.cell(one.worst.observation, "measured", UTC),
            one.open_incidents,
            one.rule.disabled,
            one.destination_count,
        ]
        for one in found
    ]
    return Sheet(header=header, rows=rows)


def show_rules(console: Console, found: Sequence[AlertRuleSummary]) -> None:
    """Prints rules and how they stand."""
    if not found:
        console.print("There is no rule.")
        return
    columns = [
        Column(heading="Id", is_text=True, least=20),
        Column(heading="Name", is_text=True),
        Column(heading="State", is_text=True, least=8),
        Column(heading="Since", is_text=True, least=16),
        Column(heading="Measured"),
        Column(heading="Open"),
        Column(heading="Tells"),
        Column(heading="Wrong is", is_text=True),
    ]
    rows = [
        [
            one.rule.rule_id,
            one.rule.name,
            _standing(one),
            lists.shown(one.worst, "since", UTC),
            number(one.worst.observation, "measured"),
            formatting.count(one.open_incidents),
            formatting.count(one.destination_count) if one.destination_count else "nobody",
            f"{one.rule.metric} {wrong(one.rule)}".strip(),
        ]
        for one in found
    ]
    tables.show(console, columns, rows)


def _standing(one: AlertRuleSummary) -> str:
    if one.rule.disabled:
        return "disabled"
    return f"{state(one.worst)}{', snoozed' if one.rule.HasField('snoozed_until') else ''}"


def show_rule(console: Console, rule: AlertRule, told: int | None = None) -> None:
    """Prints what a rule says. told is how many destinations are told of what it finds."""
    shown: list[list[str]] = [["Id", rule.rule_id]]
    shown += [["Metric", rule.metric]] if rule.metric else []
    shown += [["Only", _only(rule)]] if rule.HasField("filter") else []
    shown += [["Always", formatting.part(rule.restriction)]] if rule.HasField("restriction") else []
    shown += [["Wrong is", wrong(rule)]]
    shown += [["Severity", lists.shown(rule, "severity", UTC)]] if rule.severity else []
    shown += [[name, lengths.shown(getattr(rule, field))] for name, field in _TIMES if getattr(rule, field).seconds]
    shown += [[name, str(getattr(rule, field))] for name, field in _TEXTS if getattr(rule, field)]
    shown += (
        [["Without data", lists.shown(rule, "no_data", UTC)]] if rule.no_data != messages.NO_DATA_POLICY_KEEP else []
    )
    shown += [["Tells", _told(rule, told)]]
    shown += [["Muted", f"{one.cron}, {lengths.shown(one.duration)}"] for one in rule.mute_windows]
    shown += [["Snoozed until", lists.shown(rule, "snoozed_until", UTC)]] if rule.HasField("snoozed_until") else []
    console.print(Text(f"\n{formatting.plain(rule.name)}{' (disabled)' if rule.disabled else ''}", style="bold"))
    tables.show(console, [Column(heading="", is_text=True), Column(heading="", is_text=True, wraps=True)], shown)


_TIMES: Final = (
    ("Window", "window"),
    ("Step", "step"),
    ("Holds for", "hold_for"),
    ("Closes after", "close_after"),
    ("Reminds after", "remind_after"),
    ("Delay", "delay"),
)
_TEXTS: Final = (
    ("For each", "group_by"),
    ("Least samples", "minimum_samples"),
    ("Description", "description"),
    ("Runbook", "runbook_url"),
    ("Zone", "time_zone"),
    ("Version", "version"),
    ("Owner", "owner"),
)


def _only(rule: AlertRule) -> str:
    """Returns the part that a rule is about: agent=support, model=large."""
    named = {"agent": "agent_id", "channel": "channel", "team": "team_id"}
    own = [(name, getattr(rule.filter, field)) for name, field in named.items() if getattr(rule.filter, field)]
    return ", ".join(
        f"{name}={value}" for name, value in [*own, *((d.dimension, d.value) for d in rule.filter.dimensions)]
    )


def _told(rule: AlertRule, told: int | None) -> str:
    """Returns who is told of what a rule finds."""
    if told == 0:
        why = "its destinations were deleted" if rule.destination_ids else "no destination asks for alerts"
        return f"nobody: {why}"
    return ", ".join(rule.destination_ids) or "destinations that ask for alerts"


def show_in_full(console: Console, found: AlertRuleInFull) -> None:
    """Prints a rule, and how it or each value of its dimension stands."""
    show_rule(console, found.rule, found.destination_count)
    if not found.standings:
        return
    columns = [
        Column(heading="Value", is_text=True),
        Column(heading="State", is_text=True, least=8),
        Column(heading="Since", is_text=True, least=16),
        Column(heading="Measured"),
        Column(heading="Incident", is_text=True),
        Column(heading="Why", is_text=True, least=20, wraps=True),
    ]
    rows = [
        [
            one.value or formatting.ABSENT,
            state(one),
            lists.shown(one, "since", UTC),
            number(one.observation, "measured"),
            one.incident_id or formatting.ABSENT,
            one.reason,
        ]
        for one in found.standings
    ]
    tables.show(console, columns, rows)


def sheet_of_standings(found: AlertRuleInFull) -> Sheet:
    """Returns a row for each value of a rule's dimension."""
    fields = ("value", "state", "since", "reason", "incident_id", "no_data_since")
    return lists.sheet(fields, found.standings, UTC)


def sheet_of_test(found: TestedRule) -> Sheet:
    """Returns a row for each window that was looked at."""
    rows = [
        [one.value, *(lists.cell(window, name, UTC) for name in _OF_OBSERVATIONS)]
        for one in found.values
        for window in one.observations
    ]
    return Sheet(header=("value", *_OF_OBSERVATIONS), rows=rows)


def show_test(console: Console, found: TestedRule) -> None:
    """Prints how a rule would stand, and its last windows."""
    if not found.values:
        console.print("There is no value to look at.")
    for one in found.values:
        console.print(Text(f"\n{formatting.plain(one.value)} {state(one)}".replace("\n ", "\n"), style="bold"))
        _show_windows(console, one.observations[-_LAST:])


def _show_windows(console: Console, found: Sequence[messages.AlertObservation]) -> None:
    columns = [
        Column(heading="Window ends", is_text=True, least=16),
        Column(heading="Figure"),
        Column(heading="Measured"),
        Column(heading="Of"),
        Column(heading="Level", is_text=True, least=8),
        Column(heading="Why", is_text=True, least=20, wraps=True),
    ]
    rows = [
        [
            lists.shown(one, "window_end", UTC),
            number(one, "figure"),
            number(one, "measured"),
            formatting.count(one.samples),
            state(one, "level"),
            one.reason,
        ]
        for one in found
    ]
    tables.show(console, columns, rows)


def show_backtest(console: Console, found: Backtest, start: datetime) -> None:
    """Prints what a rule would have found from an instant on: what was counted begins earlier."""
    context = answer_pb2.AnswerContext()
    context.CopyFrom(found.context)
    context.start.FromDatetime(max(start, found.context.start.ToDatetime(UTC)))
    console.print(layout.heading("Backtest", context))
    open_time = f", {lengths.shown(found.open_time)} open all together" if found.open_time.seconds else ""
    facts = [
        f"{_number(found.total_incidents, 'incident')}{open_time}",
        f"{_number(found.windows, 'window')}, {found.windows_without_data:,} without data",
        f"{_number(found.notifications, 'message')} to each destination",
    ]
    console.print("\n".join(facts), highlight=False)
    if found.incidents:
        show_incidents(console, found.incidents)
        if len(found.incidents) < found.total_incidents:
            console.print(f"The first {len(found.incidents):,} are shown.", highlight=False)


def _number(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def sheet_of_incidents(found: Sequence[Incident]) -> Sheet:
    """Returns a row for each incident."""
    return lists.sheet(OF_INCIDENTS, found, UTC)


def show_incidents(console: Console, found: Sequence[Incident]) -> None:
    """Prints incidents."""
    if not found:
        console.print("There is no incident.")
        return
    has_ids = any(one.incident_id for one in found)
    columns = [
        *([Column(heading="Id", is_text=True, least=20)] if has_ids else []),
        Column(heading="Rule", is_text=True),
        Column(heading="Value", is_text=True),
        Column(heading="State", is_text=True, least=8),
        Column(heading="Worst", is_text=True, least=8),
        Column(heading="Began", is_text=True, least=16),
        Column(heading="Ended", is_text=True, least=16),
        Column(heading="Peak"),
        Column(heading="Acknowledged", is_text=True),
    ]
    rows = [
        [
            *([one.incident_id] if has_ids else []),
            one.rule_name,
            one.value or formatting.ABSENT,
            state(one),
            state(one, "worst"),
            lists.shown(one, "opened_at", UTC),
            lists.shown(one, "closed_at", UTC),
            number(one, "peak"),
            one.acknowledged_by or formatting.ABSENT,
        ]
        for one in found
    ]
    tables.show(console, columns, rows)


def show_incident(console: Console, found: IncidentInFull) -> None:
    """Prints an incident with all that has happened to it."""
    columns = [Column(heading="", is_text=True), Column(heading="", is_text=True, wraps=True)]
    tables.show(console, columns, list(lists.lines(found.incident, OF_INCIDENTS, UTC)))
    timeline = [
        Column(heading="When", is_text=True, least=16),
        Column(heading="What", is_text=True, least=8),
        Column(heading="State", is_text=True, least=8),
        Column(heading="Measured"),
        Column(heading="By", is_text=True),
        Column(heading="Text", is_text=True, least=20, wraps=True),
    ]
    rows = [
        [
            _at(one.recorded_at),
            f"{state(one, 'kind')}{' (muted)' if one.muted else ''}{' (restated)' if one.restated else ''}",
            state(one),
            number(one, "measured"),
            one.by or formatting.ABSENT,
            one.text,
        ]
        for one in found.entries
    ]
    tables.show(console, timeline, rows)


def _at(stamp: timestamp_pb2.Timestamp) -> str:
    return formatting.instant(stamp, UTC)


def show_board(console: Console, board: messages.WatchAlertsResponse) -> None:
    """Prints how all rules stand, and the open incidents."""
    console.print(Text(line_of(board), style="bold"))
    if board.incidents:
        show_incidents(console, board.incidents)


def line_of(board: messages.WatchAlertsResponse) -> str:
    """Returns how many rules and values stand how, in a line."""
    counted: Callable[[str], int] = lambda name: int(getattr(board, name))  # noqa: E731 - a name for what is short
    states = [f"{counted(name):,} {name.replace('_', ' ')}" for name in ("alert", "warning", "no_data", "error", "ok")]
    return f"{_at(board.at)} UTC: {', '.join(states)}; {board.open_incidents:,} incidents open"
