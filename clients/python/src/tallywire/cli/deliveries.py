"""The commands `tallywire deliveries …`: what was sent, and what became of it."""

import itertools
from collections.abc import Sequence
from datetime import UTC
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from tallywire import delivery
from tallywire.cli import formatting, json_output, lists, options, problems, tables
from tallywire.cli.csv_output import Sheet
from tallywire.cli.tables import Column
from tallywire.delivery import Delivery, DeliveryInFull
from tallywire.v1 import delivery_service_pb2

app = typer.Typer(
    help="See what was sent, and send it again.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Id = Annotated[str, typer.Argument(metavar="DELIVERY", help="The id of the delivery.")]
_FIELDS: Final = tuple(field.name for field in delivery_service_pb2.Delivery.DESCRIPTOR.fields)
_OF_TRIES: Final = tuple(field.name for field in delivery_service_pb2.DeliveryAttempt.DESCRIPTOR.fields)
_PAGE: Final = 100


@app.command(name="list")
@problems.reported
@options.grouped
def list_deliveries(
    *,
    state: Annotated[str | None, typer.Option(help=f"Those that are {', '.join(delivery.STATES)}.")] = None,
    topic: Annotated[str | None, typer.Option(help=f"Those about {', '.join(delivery.TOPICS)}.")] = None,
    destination: Annotated[str, typer.Option(help="Those to a destination.")] = "",
    subject: Annotated[str, typer.Option(help="Those about something, as the run of a report.")] = "",
    limit: lists.Limit = lists.DEFAULT_LIMIT,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """List what was sent, the newest first.

    Needs a key with the scope edit.
    """
    chosen: dict[str, Any] = {
        "state": lists.one_of(state, "--state", delivery.STATES),
        "topic": lists.one_of(topic, "--topic", delivery.TOPICS),
    }
    with to.connect() as server:
        listed = server.delivery.list(
            destination_id=destination, subject_id=subject, page_size=min(limit, _PAGE), **chosen
        )
        found = list(itertools.islice(listed, limit))
    output.emit(
        document=lambda: {"deliveries": [json_output.of(one) for one in found]},
        sheet=lambda: lists.sheet(_FIELDS, found, UTC),
        terminal=lambda console: _show(console, found),
    )


@app.command()
@problems.reported
@options.grouped
def show(*, delivery_id: Id, to: options.ServerOptions, output: options.OutputOptions) -> None:
    """Show a delivery with every try.

    Needs a key with the scope edit.
    """
    with to.connect() as server:
        found = server.delivery.get(delivery_id)
    output.emit(
        document=lambda: json_output.of(found),
        sheet=lambda: _tries(found),
        terminal=lambda console: _show_one(console, found),
    )


@app.command()
@problems.reported
@options.grouped
def resend(*, delivery_id: Id, to: options.ServerOptions) -> None:
    """Send a delivery again that has ended.

    Needs a key with the scope edit.
    """
    with to.connect() as server:
        sent = server.delivery.resend(delivery_id)
    typer.echo(f"{formatting.plain(sent.delivery_id)} is queued, as {formatting.plain(sent.receipt_id)}")


@app.command()
@problems.reported
@options.grouped
def link(
    *,
    delivery_id: Id,
    file: Annotated[int, typer.Option(min=0, help="Which of its files, from 0.")] = 0,
    to: options.ServerOptions,
) -> None:
    """Print a link that opens a file of a delivery.

    It opens the file for whoever has it, until it expires. Needs a key with the scope edit.
    """
    with to.connect() as server:
        typer.echo(server.delivery.download_link(delivery_id, file))


def _tries(found: DeliveryInFull) -> Sheet:
    return lists.sheet(_OF_TRIES, found.attempts, UTC)


def _show(console: Console, found: Sequence[Delivery]) -> None:
    if not found:
        console.print("Nothing was sent.")
        return
    columns = [
        Column(heading="Id", is_text=True, least=28),
        Column(heading="Queued", is_text=True, least=16),
        Column(heading="State", is_text=True),
        Column(heading="Tries"),
        Column(heading="Recipient", is_text=True),
        Column(heading="Title", is_text=True),
    ]
    rows = [
        [
            formatting.plain(one.delivery_id),
            lists.shown(one, "created_at", UTC),
            lists.shown(one, "state", UTC),
            formatting.count(one.tries),
            formatting.plain(one.recipient),
            formatting.plain(one.title),
        ]
        for one in found
    ]
    tables.show(console, columns, rows)


def _show_one(console: Console, found: DeliveryInFull) -> None:
    columns = [Column(heading="", is_text=True), Column(heading="", is_text=True)]
    tables.show(console, columns, list(lists.lines(found.delivery, _FIELDS, UTC)))
    if not found.attempts:
        return
    headings = ("Try", "Began", "Outcome", "Status", "Error", "Answer")
    rows = [
        [
            *(lists.shown(one, name, UTC) for name in ("number", "started_at", "outcome", "status", "error")),
            formatting.plain(one.answer[:200]),
        ]
        for one in found.attempts
    ]
    tables.show(console, [Column(heading=one, is_text=True) for one in headings], rows)
