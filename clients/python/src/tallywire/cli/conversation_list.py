"""The commands that show conversations one by one, and the events of one of them."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from tallywire import conversation_list_requests as conversation_requests
from tallywire import directory_requests
from tallywire.cli import formatting, json_output, lists, options, problems, tables
from tallywire.cli.csv_output import Cell, Sheet
from tallywire.cli.options import FilterOptions, OutputOptions, PeriodOptions, ServerOptions
from tallywire.cli.tables import Column
from tallywire.v1 import conversation_pb2, event_pb2

_PLAIN: Final = tuple(
    field.name
    for field in conversation_pb2.Conversation.DESCRIPTOR.fields
    if field.name != "amount" and (field.message_type is None or field.message_type.name == "Timestamp")
)
_ORDER: Final = ("order_by", "ascending")
_OF_EVENT: Final = ("occurred_at", "event_type", "event_id", "agent_id", "user_id", "channel", "team_id", "properties")
_TIME: Final = {"closed": "closed_at", "began": "began_at", "active": "last_activity_at"}
_NUMBER_HELP: Final = (
    f"Bounds of a number, as in rating=1..2 or messages=20..: {', '.join(conversation_requests.NUMBERS)}."
)

RowsToken = Annotated[
    str | None, typer.Option("--rows-token", help="The conversations behind a figure, in place of period and filters.")
]
Number = Annotated[list[str] | None, typer.Option("--number", metavar="NAME=MIN..MAX", help=_NUMBER_HELP)]


def show(
    period: PeriodOptions,
    narrowed: dict[str, Any],
    rows_token: str | None,
    limit: int,
    to: ServerOptions,
    output: OutputOptions,
) -> None:
    """Prints the conversations of a period, narrowed and in an order, or those behind a figure."""
    if rows_token and (period.is_given or any(one for name, one in narrowed.items() if name not in _ORDER)):
        raise problems.WrongUsage("--rows-token goes without a period and filters")
    question = None if rows_token else period.question()
    page_size = min(limit, directory_requests.PAGE_SIZE)
    with to.connect() as server:
        asked = options.asked(question, server) if question else None
        listed = server.list_conversations(
            asked.start if asked else None,
            asked.end if asked else None,
            rows_token=rows_token or "",
            page_size=page_size,
            **narrowed,
        )
        found = list(itertools.islice(listed, limit))
    where = lists.zone(asked.time_zone if asked else period.zone)
    output.emit(
        document=lambda: {"conversations": list(map(json_output.of, found))},
        sheet=lambda: lists.sheet((*_PLAIN, "amount") if rows_token else _PLAIN, found, where),
        terminal=lambda console: _render(console, found, where, _TIME.get(narrowed["time"] or "", "closed_at")),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListNarrowing:
    """The options that narrow a list of conversations, and its order."""

    time: str | None
    outcome: str | None
    phase: str | None
    user: str | None
    topic: str | None
    reason: str | None
    gap: bool | None
    number: Sequence[str] | None
    order: str | None
    ascending: bool

    def arguments(self, only: FilterOptions) -> dict[str, Any]:
        """Returns the arguments of a client's list. Raises WrongUsage."""
        if only.where:
            raise problems.WrongUsage("--where goes without --list: use --topic, --reason and the other options")
        return {
            "time": lists.one_of(self.time, "--time", conversation_requests.TIMES),
            "outcome": lists.one_of(self.outcome, "--outcome", conversation_requests.OUTCOMES),
            "phase": lists.one_of(self.phase, "--phase", conversation_requests.PHASES),
            "agent_id": only.agent,
            "channel": only.channel,
            "team_id": only.team,
            "user_id": self.user,
            "topic": self.topic,
            "handoff_reason": self.reason,
            "has_content_gap": self.gap,
            "numbers": dict(map(_bounds, self.number or ())),
            "order_by": lists.one_of(self.order, "--order", conversation_requests.ORDERS),
            "ascending": True if self.ascending else None,
        }

    def check_unused(self) -> None:
        """Raises WrongUsage if there is any of them: they go with a list."""
        for field in dataclasses.fields(self):
            if getattr(self, field.name) not in (None, False):
                raise problems.WrongUsage(f"--{field.name} goes with --list")


def _bounds(text: str) -> tuple[str, conversation_requests.Bounds]:
    name, _, bounds = text.partition("=")
    least, dots, greatest = bounds.partition("..")
    if name not in conversation_requests.NUMBERS or not dots:
        raise problems.WrongUsage(
            f"--number is NAME=MIN..MAX with a name of {', '.join(conversation_requests.NUMBERS)}"
        )
    try:
        return name, (int(least) if least else None, int(greatest) if greatest else None)
    except ValueError:
        raise problems.WrongUsage(f"--number {name}: MIN and MAX are whole numbers") from None


def _render(console: Console, conversations: Sequence[conversation_pb2.Conversation], where: tzinfo, time: str) -> None:
    """Prints a row for each conversation."""
    columns = [
        *(Column(heading=one, is_text=True) for one in ("Conversation", time.removesuffix("_at").capitalize())),
        *(Column(heading=one, is_text=True, least=5) for one in ("Outcome", "Phase", "Agent")),
        *(Column(heading=one) for one in ("Messages", "Duration", "Rating")),
    ]
    tables.show(console, columns, [list(_cells(one, where, time)) for one in conversations])


def _cells(one: conversation_pb2.Conversation, where: tzinfo, time: str) -> Iterator[str]:
    yield from (lists.shown(one, name, where) for name in ("conversation_id", time, "outcome", "phase"))
    last = one.agents[-1] if one.agents else conversation_pb2.ConversationAgent()
    yield formatting.plain(last.name or last.agent_id) or formatting.ABSENT
    yield formatting.short(one.messages)
    yield formatting.field(one, "duration_ms", formatting.milliseconds)
    yield formatting.field(one, "rating")


@problems.reported
@options.grouped
def conversation(
    *,
    conversation_id: Annotated[
        str, typer.Argument(metavar="CONVERSATION_ID", help="The conversation, as on its events.")
    ],
    zone: lists.Zone = None,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Show one conversation and all of its events.

    As CSV it is a row for each event.
    """
    with to.connect() as server:
        found = server.get_conversation(conversation_id)
    where = lists.zone(zone)
    output.emit(
        document=lambda: json_output.of(found),
        sheet=lambda: Sheet(header=_OF_EVENT, rows=_event_rows(found, where)),
        terminal=lambda console: _render_one(console, found, where),
    )


def _event_rows(found: conversation_pb2.GetConversationResponse, where: tzinfo) -> Iterator[Sequence[Cell]]:
    for one in found.timeline:
        yield [*(lists.cell(one.event, name, where) for name in _OF_EVENT[:-1]), _told(one.event)]


def _told(event: event_pb2.Event) -> str:
    """Returns what an event tells beside its ids, in short."""
    kind = event.WhichOneof("detail")
    detail = getattr(event, kind) if kind else None
    pairs = [] if detail is None else [f"{field.name}={value}" for field, value in detail.ListFields()]
    return " ".join((*pairs, *(f"{name}={value}" for name, value in dict(event.properties).items())))


def _render_one(console: Console, found: conversation_pb2.GetConversationResponse, where: tzinfo) -> None:
    columns = [Column(heading="Conversation", is_text=True), Column(heading="", is_text=True)]
    tables.show(console, columns, list(lists.lines(found.conversation, _PLAIN, where)))
    console.print()
    events = [Column(heading=one, is_text=True) for one in ("Time", "Event", "Agent", "What")]
    rows = [
        [
            formatting.instant(one.event.occurred_at, where, "%Y-%m-%d %H:%M:%S"),
            formatting.plain(one.event.event_type),
            formatting.plain(one.event.agent_id) or formatting.ABSENT,
            formatting.plain(_told(one.event)) or formatting.ABSENT,
        ]
        for one in found.timeline
    ]
    tables.show(console, events, rows)
    if found.dropped_events:
        console.print(f"{found.dropped_events:,} earlier events are no longer kept.")
