"""The command that lists raw events, of a period or behind a figure."""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC
from typing import Annotated, Final

import typer
from google.protobuf import json_format
from rich.console import Console

from tallywire.cli import csv_output, formatting, json_output, key_values, options, period, problems, tables
from tallywire.cli.csv_output import Cell, Sheet
from tallywire.cli.tables import Column
from tallywire.v1 import event_pb2, list_events_pb2

_IDS: Final = (
    *("event_id", "event_type", "agent_id", "user_id", "conversation_id", "channel", "team_id", "campaign_id"),
    *("resource_type", "resource_id"),
)
_SHOWN: Final = ("event_type", "agent_id", "user_id", "conversation_id", "channel")
_DEFAULT_LIMIT: Final = 100


@problems.reported
@options.grouped
def events(
    *,
    of: options.PeriodOptions,
    event_type: Annotated[list[str] | None, typer.Option("--type", help="Only this type; may be repeated.")] = None,
    user: Annotated[str | None, typer.Option("--user", help="Only this user.")] = None,
    conversation: Annotated[str | None, typer.Option("--conversation", help="Only this conversation.")] = None,
    campaign: Annotated[str | None, typer.Option("--campaign", help="Only this campaign.")] = None,
    only: options.FilterOptions,
    property_: Annotated[
        list[str] | None, typer.Option("--property", help="Only this value of a property: properties.a.b=value.")
    ] = None,
    received_since: Annotated[
        str | None, typer.Option("--received-since", help="Only what was received then or later: an RFC 3339 instant.")
    ] = None,
    rows_token: Annotated[
        str | None, typer.Option("--rows-token", help="The events behind a figure, in place of all filters.")
    ] = None,
    oldest_first: Annotated[bool, typer.Option("--oldest-first", help="The oldest event first.")] = False,
    limit: Annotated[
        int, typer.Option(min=0, help=f"Most events to show; 0 for all of them. Default: {_DEFAULT_LIMIT}.")
    ] = _DEFAULT_LIMIT,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """List raw events with all that they carry.

    The newest come first. It needs a key with the scope events.
    """
    question, narrowed = of.question(), only.arguments()
    dimensions = _single(narrowed["dimensions"] or {})
    is_narrowed = any((of.is_given, event_type, user, conversation, campaign, *narrowed.values(), property_))
    if rows_token and (is_narrowed or received_since):
        raise problems.WrongUsage("--rows-token goes without a period and filters")
    with to.connect() as server:
        if rows_token:
            found = server.events_behind(rows_token, oldest_first=oldest_first, page_size=min(limit, 1_000) or 1_000)
        else:
            asked = options.asked(question, server)
            found = server.list_events(
                asked.start,
                asked.end,
                page_size=min(limit, 1_000) or 1_000,
                event_types=event_type or [],
                agent_id=narrowed["agent_id"],
                user_id=user,
                conversation_id=conversation,
                channel=narrowed["channel"],
                team_id=narrowed["team_id"],
                campaign_id=campaign,
                dimensions=dimensions,
                properties=dict(key_values.texts(property_ or [], "--property")),
                received_since=period.instant(received_since, None, "--received-since") if received_since else None,
                oldest_first=oldest_first,
            )
        rows = list(itertools.islice(found, limit or None))
    output.emit(
        document=lambda: {"events": [json_output.of(one) for one in rows]},
        sheet=lambda: sheet(rows),
        terminal=lambda console: render(console, rows),
    )


def _single(asked: Mapping[str, str | Sequence[str]]) -> dict[str, str]:
    """Returns the one value of each dimension. Raises WrongUsage for several of one."""
    found = {name: values[0] for name, values in asked.items() if len(values) == 1}
    if len(found) < len(asked):
        raise problems.WrongUsage("--where takes one value of a dimension")
    return found


def sheet(rows: Iterable[list_events_pb2.EventRow]) -> Sheet:
    """Returns a row for each event. Its detail and its properties are JSON."""
    return Sheet(
        header=("occurred_at", "received_at", "revision", "amount", *_IDS, "detail", "properties"), rows=_cells(rows)
    )


def _cells(rows: Iterable[list_events_pb2.EventRow]) -> Iterator[Sequence[Cell]]:
    for row in rows:
        event = row.event
        properties = json.dumps(json_format.MessageToDict(event.properties)) if event.HasField("properties") else None
        yield (
            csv_output.instant(event.occurred_at, UTC),
            csv_output.instant(row.received_at, UTC),
            row.revision,
            csv_output.field(row, "amount"),
            *(csv_output.field(event, name) for name in _IDS),
            _detail(event) or None,
            properties,
        )


def _detail(event: event_pb2.Event) -> str:
    """Returns what is set of an event's detail, as JSON."""
    family = event.WhichOneof("detail")
    if family is None:
        return ""
    return json.dumps({field.name: value for field, value in getattr(event, family).ListFields()})


def render(console: Console, rows: Sequence[list_events_pb2.EventRow]) -> None:
    """Prints the events."""
    has_amounts = any(row.HasField("amount") for row in rows)
    headings = ("Occurred (UTC)", "Type", "Agent", "User", "Conversation", "Channel")
    columns = [Column(heading=one, is_text=True) for one in headings]
    columns += [Column(heading="Amount")] if has_amounts else []
    tables.show(
        console,
        columns,
        [
            [
                formatting.instant(row.event.occurred_at, UTC),
                *(formatting.plain(getattr(row.event, name)) or formatting.ABSENT for name in _SHOWN),
                *([formatting.count(row.amount)] if has_amounts else []),
            ]
            for row in rows
        ],
    )
