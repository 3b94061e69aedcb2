"""The command that shows how conversations went."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Final, get_args

import typer
from google.protobuf.message import Message

from tallywire import conversation_requests
from tallywire.cli import (
    breakdowns,
    conversation_list,
    conversation_tables,
    json_output,
    lists,
    options,
    points,
    problems,
)
from tallywire.cli.csv_output import Cell, Sheet
from tallywire.v1 import conversation_metrics_pb2 as messages

_FIGURES: Final = tuple(
    field.name for field in messages.ConversationFigures.DESCRIPTOR.fields if field.message_type is None
)
_DISTRIBUTIONS: Final = tuple(
    field.name for field in messages.ConversationFigures.DESCRIPTOR.fields if field.message_type is not None
)
_NUMBERS: Final = tuple(field.name for field in messages.ConversationDistribution.DESCRIPTOR.fields)


@problems.reported
@options.grouped
def conversations(
    *,
    of: options.PeriodOptions,
    cohort: Annotated[
        str | None, typer.Option(help="closed in the period, or started in it and as they stand now. Default: closed.")
    ] = None,
    granularity: options.Granularity = None,
    compare: options.Compare = None,
    top: options.Top = None,
    durable_days: Annotated[
        int | None, typer.Option(min=1, max=90, help="Days for which a resolution must hold. Default: 7.")
    ] = None,
    repeat_days: Annotated[int | None, typer.Option(min=1, max=90, help="Days to come back in. Default: 7.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the conversations themselves.")] = False,
    time: Annotated[
        str | None, typer.Option(help="With --list: those closed, began, active or human_resolved in the period.")
    ] = None,
    outcome: Annotated[str | None, typer.Option(help="With --list: resolved, escalated, abandoned or ended.")] = None,
    phase: Annotated[str | None, typer.Option(help="With --list: open, with_human or closed.")] = None,
    user: Annotated[str | None, typer.Option(help="With --list: those of this user.")] = None,
    topic: Annotated[str | None, typer.Option(help="With --list: those of this topic.")] = None,
    reason: Annotated[str | None, typer.Option(help="With --list: those handed over for this reason.")] = None,
    gap: Annotated[bool | None, typer.Option("--gap/--no-gap", help="With --list: with a content gap or none.")] = None,
    number: conversation_list.Number = None,
    rows_token: conversation_list.RowsToken = None,
    order: Annotated[str | None, typer.Option(help="With --list: messages, duration, rating …")] = None,
    ascending: Annotated[bool, typer.Option("--ascending", help="With --list: the smallest first.")] = False,
    limit: lists.Limit = lists.DEFAULT_LIMIT,
    only: options.FilterOptions,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Show how conversations went: outcomes and times.

    Also which resolutions held, who came back, and figures by channel, topic and hour of the week.
    As CSV it is a row for the period, each point, each row of a breakdown and each hour of the week.
    """
    chosen = {"time": time, "outcome": outcome, "phase": phase, "user": user, "topic": topic, "reason": reason}
    narrowing = conversation_list.ListNarrowing(**chosen, gap=gap, number=number, order=order, ascending=ascending)
    if listed or rows_token:
        conversation_list.show(of, narrowing.arguments(only), rows_token, limit, to, output)
        return
    narrowing.check_unused()
    question, narrowed, counted = of.question(), only.arguments(), _cohort(cohort)
    width, compared = options.granularity(granularity), options.compare(compare)
    with to.connect() as server:
        asked = options.asked(question, server)
        response = server.conversation_metrics(
            asked.start,
            asked.end,
            cohort=counted,
            granularity=width,
            top=top,
            durable_days=durable_days,
            repeat_days=repeat_days,
            time_zone=asked.time_zone,
            compare=compared,
            **narrowed,
        )
    _show(response, output)


def _show(response: messages.GetConversationMetricsResponse, output: options.OutputOptions) -> None:
    output.emit(
        document=lambda: json_output.with_states(response, "series", response.granularity),
        sheet=lambda: sheet(response),
        terminal=lambda console: conversation_tables.render(console, response),
    )


def _cohort(text: str | None) -> conversation_requests.CohortName | None:
    """Returns the cohort of that name, or None without one. Raises WrongUsage."""
    choices: tuple[conversation_requests.CohortName, ...] = get_args(conversation_requests.CohortName)
    for choice in choices:
        if choice == text:
            return choice
    if text is None:
        return None
    raise problems.WrongUsage(f"--cohort is one of {', '.join(choices)}, not {text!r}")


def sheet(response: messages.GetConversationMetricsResponse) -> Sheet:
    """Returns rows of several kinds with the same figures."""
    numbers = (f"{name}_{number}" for name in _DISTRIBUTIONS for number in _NUMBERS)
    return Sheet(header=("kind", "value", "start", "end", "state", *_FIGURES, *numbers), rows=_rows(response))


def _rows(response: messages.GetConversationMetricsResponse) -> Iterator[Sequence[Cell]]:
    zone = response.context.time_zone
    period = breakdowns.bounds(response.context, zone)
    yield "period", None, *period, *_cells(response.figures)
    if response.HasField("earlier"):
        yield "earlier", None, *breakdowns.bounds(response.compared, zone), *_cells(response.earlier)
    states = points.states(response.series, response.granularity, response.context)
    for point, state in zip(response.series, states, strict=True):
        yield "point", None, *breakdowns.bounds(point, zone, state), *_cells(point.figures)
    for name, breakdown in conversation_tables.breakdowns_of(response):
        for group in breakdown.rows:
            yield name, group.value, *period, *_cells(group.figures)
        yield f"{name}_rest", None, *period, *_cells(breakdown.rest)
        yield f"{name}_other", None, *period, *_cells(breakdown.other)
    for hour in response.hours_of_week:
        figures = messages.ConversationFigures(
            total_conversations=hour.started, conversations_closed=hour.closed, conversations_escalated=hour.escalated
        )
        yield "hour_of_week", f"{hour.weekday} {hour.hour:02}:00", *period, *_cells(figures)


def _cells(figures: messages.ConversationFigures) -> Iterator[Cell]:
    yield from (_figure(figures, name) for name in _FIGURES)
    for name in _DISTRIBUTIONS:
        yield from (_figure(getattr(figures, name), number) for number in _NUMBERS)


def _figure(message: Message, name: str) -> Cell:
    value: Cell = getattr(message, name)
    return value if message.HasField(name) else None
