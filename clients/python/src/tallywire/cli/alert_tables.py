"""Alert rules, what they find, and incidents, as tables."""

from collections.abc import Callable, Sequence
from datetime import UTC
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
    header = ("rule_id", "name", "metric", "group_by", "state", "since", "measured", "open_incidents", "disabled")
    rows = [
        [
            *(lists.cell(one.rule, name, UTC) for name in header[:4]),
            *(lists.cell(one.worst, name, UTC) for name in ("state", "since")),
            lists.cell(one.worst.observation, "measured", UTC),
            one.open_incidents,
            one.rule.disabled,
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
            f"{one.rule.metric} {wrong(one.rule)}".strip(),
        ]
        for one in found
    ]
    tables.show(console, columns, rows)


def _standing(one: AlertRuleSummary) -> str:
    if one.rule.disabled:
        return "disabled"
    return f"{state(one.worst)}{', snoozed' if one.rule.HasField('snoozed_until') else ''}"


def show_rule(console: Console, rule: AlertRule) -> None:
    """Prints what a rule says."""
    shown: list[list[str]] = [["Id", rule.rule_id], ["Metric", rule.metric], ["Wrong is", wrong(rule)]]
    shown += [[name, lengths.shown(getattr(rule, field))] for name, field in _TIMES if getattr(rule, field).seconds]
    shown += [[name, str(getattr(rule, field))] for name, field in _TEXTS if getattr(rule, field)]
    shown += [["Tells", ", ".join(rule.destination_ids) or "destinations that ask for alerts"]]
    shown += [["Muted", f"{one.cron}, {lengths.shown(one.duration)}"] for one in rule.mute_windows]
    shown += [["Snoozed until", lists.shown(rule, "snoozed_until", UTC)]] if rule.HasField("snoozed_until") else []
    console.print(Text(f"\n{formatting.plain(rule.name)}{' (disabled)' if rule.disabled else ''}", style="bold"))
    tables.show(console, [Column(heading="", is_text=True), Column(heading="", is_text=True)], shown)


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
    ("Description", "description"),
    ("Runbook", "runbook_url"),
    ("Zone", "time_zone"),
    ("Version", "version"),
    ("Owner", "owner"),
)


def show_in_full(console: Console, found: AlertRuleInFull) -> None:
    """Prints a rule, and how it or each value of its dimension stands."""
    show_rule(console, found.rule)
    if not found.standings:
        return
    columns = [
        Column(heading="Value", is_text=True),
        Column(heading="State", is_text=True, least=8),
        Column(heading="Since", is_text=True, least=16),
        Column(heading="Measured"),
        Column(heading="Incident", is_text=True),
        Column(heading="Why", is_text=True),
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
        Column(heading="Why", is_text=True),
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


def show_backtest(console: Console, found: Backtest) -> None:
    """Prints what a rule would have found."""
    console.print(layout.heading("Backtest", found.context))
    facts = [
        f"{found.total_incidents:,} incidents, {lengths.shown(found.open_time)} open all together",
        f"{found.windows:,} windows, {found.windows_without_data:,} without data",
        f"{found.notifications:,} messages to each destination",
    ]
    console.print("\n".join(facts), highlight=False)
    if found.incidents:
        show_incidents(console, found.incidents)
        if len(found.incidents) < found.total_incidents:
            console.print(f"The first {len(found.incidents):,} are shown.", highlight=False)


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
    columns = [Column(heading="", is_text=True), Column(heading="", is_text=True)]
    tables.show(console, columns, list(lists.lines(found.incident, OF_INCIDENTS, UTC)))
    timeline = [
        Column(heading="When", is_text=True, least=16),
        Column(heading="What", is_text=True, least=8),
        Column(heading="State", is_text=True, least=8),
        Column(heading="Measured"),
        Column(heading="By", is_text=True),
        Column(heading="Text", is_text=True),
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
