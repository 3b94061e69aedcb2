"""How conversations went, as tables for a terminal."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from google.protobuf.message import Message
from rich.console import Console

from tallywire.cli import breakdowns, figure_tables, formatting, hours_of_week, layout, tables
from tallywire.cli.figure_tables import figure
from tallywire.cli.tables import Column
from tallywire.v1 import answer_pb2
from tallywire.v1 import conversation_metrics_pb2 as messages

_HEADINGS: Final = {"by_channel": "Channel", "by_topic": "Topic", "by_handoff_reason": "Reason of the hand-over"}
_Form = Callable[[float], str]
# (count, rate, what it is called)
_OUTCOMES: Final = (
    ("conversations_closed", "", "Closed"),
    ("conversations_resolved", "resolution_rate", "· resolved by the agent"),
    ("conversations_escalated", "escalation_rate", "· handed over to a human"),
    ("conversations_abandoned", "abandonment_rate", "· abandoned"),
    ("conversations_ended", "ended_rate", "· ended otherwise"),
    ("escalated_conversations_resolved", "human_resolution_rate", "Handed over, then resolved"),
    ("conversations_reopened", "reopened_rate", "Reopened before"),
    ("total_conversations", "", "Began in the period"),
)
_DISTRIBUTIONS: Final = (
    ("duration_ms", "Duration", formatting.milliseconds),
    ("messages", "Messages", formatting.count),
    ("first_response_ms", "First response", formatting.milliseconds),
    ("first_human_response_ms", "· of a human", formatting.milliseconds),
    ("human_wait_ms", "Wait for a human", formatting.milliseconds),
    ("final_resolution_ms", "Human resolution", formatting.milliseconds),
    ("cost_micros", "Cost", formatting.money),
    ("tokens", "Tokens", formatting.count),
)
_NUMBERS: Final = ("mean", "p50", "p90", "p95", "p99")
_SERIES: Final = (
    figure("total_conversations", "Began", formatting.short),
    figure("conversations_closed", "Closed", formatting.short),
    figure("conversations_resolved", "Resolved", formatting.short),
    figure("conversations_escalated", "Handed over", formatting.short),
    figure("conversations_abandoned", "Abandoned", formatting.short),
    figure("conversations_ended", "Ended", formatting.short),
)


def render(console: Console, response: messages.GetConversationMetricsResponse) -> None:
    """Prints all tables of an answer."""
    context = response.context
    where = formatting.zone(context.time_zone)
    is_started = response.cohort == messages.CONVERSATION_COHORT_STARTED
    title = "Conversations that began" if is_started else "Conversations that were closed"
    console.print(layout.heading(title, context, layout.comparison(response.compared, where)))
    if not response.figures.HasField("conversations_closed"):
        console.print("Conversations are not kept by this filter: narrow by agent, channel, team, topic or reason.")
        return
    _outcomes(console, response)
    _distributions(console, response.figures, context.currency)
    for line in _sentences(response):
        console.print(line)
    for name, found in breakdowns_of(response):
        _breakdown(console, _HEADINGS[name], found)
    _bins(console, "Duration", response.duration_bins, formatting.milliseconds)
    _bins(console, "Messages", response.message_bins, formatting.count)
    _hours(console, response)
    figure_tables.show_series(console, context, response.granularity, response.series, _SERIES)


def breakdowns_of(response: Message) -> Iterator[tuple[str, messages.ConversationBreakdown]]:
    """Yields the breakdowns that an answer has, with their names."""
    for name in _HEADINGS:
        if response.HasField(name):
            yield name, getattr(response, name)


def _outcomes(console: Console, response: messages.GetConversationMetricsResponse) -> None:
    """Prints the counts with their rates, and beside them those of an earlier period and the changes."""
    compared = response.HasField("earlier")
    columns = [_text("Conversations"), Column(heading="Count"), Column(heading="Share")]
    if compared:
        columns += [Column(heading="Earlier"), Column(heading="Share"), Column(heading="Change")]
    rows = []
    for count, rate, label in _OUTCOMES:
        row = [label, *_pair(response.figures, count, rate)]
        if compared:
            row += [*_pair(response.earlier, count, rate), _change(response.changes, count)]
        rows.append(row)
    still_open = formatting.field(response, "open_conversations")
    tables.show(console, columns, rows, apart=[["Open now", still_open, *([""] * (len(columns) - 2))]])
    console.print()


def _pair(figures: messages.ConversationFigures, count: str, rate: str) -> list[str]:
    return [
        formatting.field(figures, count),
        formatting.field(figures, rate, formatting.fraction) if rate else "",
    ]


def _change(changes: messages.ConversationChanges, name: str) -> str:
    if name not in changes.DESCRIPTOR.fields_by_name:
        return ""
    change = getattr(changes, name)
    return f"{change.percent:+,.1f} %" if change.HasField("percent") else formatting.ABSENT


def _distributions(console: Console, figures: messages.ConversationFigures, currency: str) -> None:
    rows = []
    for name, label, form in _DISTRIBUTIONS:
        one: messages.ConversationDistribution = getattr(figures, name)
        written = formatting.form_of(form, currency)
        numbers = (formatting.field(one, number, form) for number in _NUMBERS)
        heading = f"{label}, {formatting.plain(currency)}" if written is not form else label
        rows.append([heading, formatting.field(one, "count", formatting.short), *numbers])
    headings = ("Of", "Mean", "Median", "p90", "p95", "p99")
    tables.show(console, [_text("Per conversation"), *(Column(heading=one) for one in headings)], rows)
    cost = formatting.field(
        figures, "cost_per_resolved_conversation_micros", formatting.form_of(formatting.money, currency)
    )
    console.print(f"\nCost of all, per conversation that the agent resolved: {cost}")


def _sentences(response: messages.GetConversationMetricsResponse) -> Iterator[str]:
    """Yields what is to be said of resolutions and of users who came back."""
    if response.follow_ups_absence_reason == answer_pb2.ABSENCE_REASON_TOO_MANY:
        yield "Too many conversations to look for what came after each: ask for a shorter period."
    if response.HasField("durable_resolution"):
        held = response.durable_resolution
        rate = formatting.field(held, "durable_resolution_rate", formatting.fraction)
        yield f"Resolutions that held for {_days(held.days)}: {rate} of {formatting.count(held.mature)}"
        yield (
            f"  {formatting.count(held.reopened)} reopened, {formatting.count(held.followed)} followed on the same"
            f" topic, {formatting.count(held.not_yet_known)} not yet known"
        )
    if response.HasField("repeat_contacts"):
        back = response.repeat_contacts
        rate = formatting.field(back, "repeat_contact_rate", formatting.fraction)
        yield f"Users who came back within {_days(back.days)}: after {rate} of {formatting.count(back.mature)}"
        yield (
            f"  {formatting.count(back.followed)} conversations of {formatting.count(back.users)} users,"
            f" {formatting.count(back.not_yet_known)} not yet known"
        )


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"


def _breakdown(console: Console, heading: str, found: messages.ConversationBreakdown) -> None:
    """Prints the rows of a breakdown; below a line what is left, and what values over the limit come to."""
    if not found.rows:
        return
    apart = [["_other", *_row(found.other)], ["rest", *_row(found.rest)]]
    rows = [[one.value, *_row(one.figures)] for one in found.rows]
    console.print()
    headings = ("Closed", "Resolved", "Handed over", "Duration", "Cost")
    tables.show(
        console, [_text(heading), *(Column(heading=one) for one in headings)], rows, apart=breakdowns.counted(apart)
    )


def _row(figures: messages.ConversationFigures) -> list[str]:
    return [
        formatting.field(figures, "conversations_closed", formatting.short),
        formatting.field(figures, "resolution_rate", formatting.fraction),
        formatting.field(figures, "escalation_rate", formatting.fraction),
        formatting.field(figures.duration_ms, "mean", formatting.milliseconds),
        formatting.field(figures.cost_micros, "mean", formatting.money),
    ]


def _bins(console: Console, heading: str, bins: Sequence[messages.DistributionBin], form: _Form) -> None:
    """Prints a distribution, with a bar for each bin."""
    if not bins:
        return
    top = max(one.count for one in bins)
    rows = [[_bounds(one, form), formatting.count(one.count)] for one in bins]
    console.print()
    tables.show(
        console,
        [_text(heading), Column(heading="Conversations")],
        rows,
        charts=lambda width: [formatting.bar(one.count, top, width) for one in bins],
    )


def _bounds(one: messages.DistributionBin, form: _Form) -> str:
    if not one.HasField("upper"):
        return f"{form(one.lower)} and more"
    if form is formatting.count and one.upper == one.lower + 1:
        return form(one.lower)
    return f"{form(one.lower)} to below {form(one.upper)}"


def _hours(console: Console, response: messages.GetConversationMetricsResponse) -> None:
    hours = response.hours_of_week
    began = {(one.weekday, one.hour): one.started for one in hours}
    escalated = {(one.weekday, one.hour): one.escalated for one in hours}
    hours_of_week.show(console, [("Began", began), ("Handed over", escalated)], response.context.week_start)


def _text(heading: str, least: int = 12) -> Column:
    return Column(heading=heading, is_text=True, least=least)
