"""The commands `tallywire destinations …`: where things are sent."""

from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import Annotated, Any, Final, cast

import typer
from rich.console import Console

from tallywire import delivery
from tallywire.cli import by_name, formatting, json_output, lists, options, problems, tables
from tallywire.cli.tables import Column
from tallywire.delivery import Destination
from tallywire.v1 import delivery_service_pb2 as messages

app = typer.Typer(
    help="Say where things are sent: mail, webhooks, object stores.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
add = typer.Typer(
    help="Make a destination.", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False
)
app.add_typer(add, name="add")

Name = Annotated[str, typer.Argument(metavar="NAME", help="What people call it.")]
Id = Annotated[str, typer.Argument(metavar="DESTINATION", help="Its id, or its name.")]
Topics = Annotated[
    list[str] | None,
    typer.Option("--topic", help=f"Send it everything about {', '.join(delivery.TOPICS)}. Repeatable."),
]
Contact = Annotated[str, typer.Option("--contact", help="Mail address that is told when nothing arrives for days.")]
_FIELDS: Final = (
    "destination_id",
    "name",
    "contact",
    "paused",
    "pause_reason",
    "failing_since",
    "delivered_at",
    "owner",
    "version",
    "etag",
    "created_at",
    "updated_at",
    "old_secret_until",
)


@add.command(name="mail")
@problems.reported
@options.grouped
def add_mail(
    *,
    name: Name,
    addresses: Annotated[list[str], typer.Argument(metavar="ADDRESS...", help="Mailboxes; each gets a mail.")],
    topic: Topics = None,
    contact: Contact = "",
    to: options.ServerOptions,
    as_json: options.AsJson = False,
) -> None:
    """Send mail to some addresses.

    Needs a key with the scope admin.
    """
    _make(delivery.mail(name, addresses, topics=_topics(topic), contact=contact), to, as_json=as_json)


@add.command(name="webhook")
@problems.reported
@options.grouped
def add_webhook(
    *,
    name: Name,
    url: Annotated[str, typer.Argument(metavar="URL", help="An address that begins with https://.")],
    format_: Annotated[
        str,
        typer.Option(
            "--format", help="standard: signed JSON. slack: what webhooks of Slack, Mattermost and the like show."
        ),
    ] = "standard",
    topic: Topics = None,
    contact: Contact = "",
    to: options.ServerOptions,
    as_json: options.AsJson = False,
) -> None:
    """Call a webhook. Prints its secret, which is shown only now.

    Needs a key with the scope admin.
    """
    lists.one_of(format_, "--format", delivery.FORMATS)
    made = delivery.webhook(name, url, format=cast("delivery.Format", format_), topics=_topics(topic), contact=contact)
    _make(made, to, as_json=as_json)


@add.command(name="store")
@problems.reported
@options.grouped
def add_store(
    *,
    name: Name,
    store: Annotated[str, typer.Argument(metavar="STORE", help="An object store that the operator has set up.")],
    folder: Annotated[str, typer.Option("--folder", help="Where in it.")] = "",
    topic: Topics = None,
    contact: Contact = "",
    to: options.ServerOptions,
    as_json: options.AsJson = False,
) -> None:
    """Write files to an object store.

    Needs a key with the scope admin.
    """
    made = delivery.store(name, store, folder=folder, topics=_topics(topic), contact=contact)
    _make(made, to, as_json=as_json)


@app.command(name="list")
@problems.reported
@options.grouped
def list_destinations(*, to: options.ServerOptions, output: options.OutputOptions) -> None:
    """List where things are sent, and what is paused.

    Needs a key with the scope edit.
    """
    with to.connect() as server:
        found = server.delivery.destinations()
    output.emit(
        document=lambda: {"destinations": [json_output.of(one) for one in found]},
        sheet=lambda: lists.sheet(_FIELDS, found, UTC),
        terminal=lambda console: _show(console, found),
    )


@app.command()
@problems.reported
@options.grouped
def test(*, destination: Id, to: options.ServerOptions) -> None:
    """Send a test message. Prints the ids of its deliveries.

    Needs a key with the scope edit.
    """
    with to.connect() as server:
        queued = server.delivery.test(by_name.destination_id(server, destination))
    for one in queued:
        typer.echo(formatting.plain(one))


@app.command()
@problems.reported
@options.grouped
def rotate(
    *,
    destination: Id,
    overlap_hours: Annotated[
        float, typer.Option(min=0, max=720, help="Hours for which the old secret signs, too.")
    ] = 24.0,
    to: options.ServerOptions,
) -> None:
    """Give a webhook another secret. Prints it; it is shown only now.

    Needs a key with the scope admin.
    """
    with to.connect() as server:
        rotated = by_name.destination_id(server, destination)
        secret = server.delivery.rotate_secret(rotated, overlap=timedelta(hours=overlap_hours))
    typer.echo(formatting.plain(secret))


@app.command()
@problems.reported
@options.grouped
def pause(*, destination: Id, to: options.ServerOptions) -> None:
    """Hold what is sent to a destination.

    Needs a key with the scope admin.
    """
    _set_paused(destination, to, is_paused=True)
    typer.echo(f"{formatting.plain(destination)} is paused: what is sent there is held")


@app.command()
@problems.reported
@options.grouped
def resume(*, destination: Id, to: options.ServerOptions) -> None:
    """Send again to a destination, first what was held.

    Needs a key with the scope admin.
    """
    _set_paused(destination, to, is_paused=False)
    typer.echo(f"{formatting.plain(destination)} goes on")


@app.command()
@problems.reported
@options.grouped
def delete(*, destination: Id, to: options.ServerOptions) -> None:
    """Delete a destination, and cancel what is queued for it.

    Needs a key with the scope admin.
    """
    with to.connect() as server:
        server.delivery.delete(by_name.destination_id(server, destination))
    typer.echo(f"deleted {formatting.plain(destination)}")


def _topics(names: Sequence[str] | None) -> Any:
    """Returns topics. Raises WrongUsage for an unknown one."""
    for name in names or ():
        lists.one_of(name, "--topic", delivery.TOPICS)
    return names or ()


def _make(destination: Destination, to: options.ServerOptions, *, as_json: bool) -> None:
    with to.connect() as server:
        made = server.delivery.create(destination)
    if as_json:
        json_output.emit({"destination": json_output.of(made.destination), "secret": made.secret})
        return
    typer.echo(formatting.plain(made.destination.destination_id))
    if made.secret:
        typer.echo(f"secret, shown only now: {formatting.plain(made.secret)}")


def _set_paused(named: str, to: options.ServerOptions, *, is_paused: bool) -> None:
    with to.connect() as server:
        found = server.delivery.destination(by_name.destination_id(server, named))
        found.paused = is_paused
        server.delivery.update(found)


def target(one: Destination) -> str:
    """Returns where a destination is, for people."""
    which = one.WhichOneof("target")
    if which == "mail":
        return ", ".join(one.mail.addresses)
    return one.webhook.url if which == "webhook" else f"{one.store.store}/{one.store.folder}"


def _topic(number: messages.DeliveryTopic.ValueType) -> str:
    return messages.DeliveryTopic.Name(number).removeprefix("DELIVERY_TOPIC_").lower()


def _show(console: Console, found: Sequence[Destination]) -> None:
    if not found:
        console.print("There is no destination.")
        return
    columns = [
        Column(heading="Id", is_text=True, least=20),
        Column(heading="Name", is_text=True),
        Column(heading="Where", is_text=True),
        Column(heading="Topics", is_text=True),
        Column(heading="Paused", is_text=True),
        Column(heading="Last arrival", is_text=True, least=16),
    ]
    rows = [
        [
            formatting.plain(one.destination_id),
            formatting.plain(one.name),
            formatting.plain(target(one)),
            ", ".join(map(_topic, one.topics)) or formatting.ABSENT,
            lists.shown(one, "pause_reason", UTC),
            lists.shown(one, "delivered_at", UTC),
        ]
        for one in found
    ]
    tables.show(console, columns, rows)
