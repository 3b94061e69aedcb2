"""The commands `tallywire incidents …`: what was wrong, and what became of it."""

import itertools
from datetime import UTC
from typing import Annotated, Any, Final

import typer

from tallywire.cli import alert_tables, by_name, formatting, json_output, lists, options, problems

app = typer.Typer(
    help="See incidents of alert rules, and say who is at work.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Id = Annotated[str, typer.Argument(metavar="INCIDENT", help="The id of the incident.")]
_PAGE: Final = 100
_RULE: Final = "alr_"  # how ids of rules begin: incidents outlive their rule, and are found by it


@app.command(name="list")
@problems.reported
@options.grouped
def list_incidents(
    *,
    only_open: Annotated[bool, typer.Option("--open", help="Those that have not ended.")] = False,
    rule: Annotated[str, typer.Option("--rule", help="Those of a rule, by its id or name.")] = "",
    of: options.PeriodOptions,
    limit: lists.Limit = lists.DEFAULT_LIMIT,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """List incidents, the newest first.

    With a period, those that were open at some time of it.
    """
    question = of.question()
    with to.connect() as server:
        rule_id = by_name.rule_id(server, rule) if rule else ""
        if rule and not rule_id.startswith(_RULE):
            raise problems.WrongUsage(f"there is no rule {rule!r}: `tallywire alerts list` lists those that there are")
        chosen: dict[str, Any] = {"rule_id": rule_id, "only_open": only_open, "page_size": min(limit, _PAGE)}
        if of.is_given:
            asked = options.asked(question, server)
            chosen |= {"start": asked.start, "end": asked.end}
        found = list(itertools.islice(server.alerts.incidents(**chosen), limit))
    output.emit(
        document=lambda: {"incidents": [json_output.of(one) for one in found]},
        sheet=lambda: alert_tables.sheet_of_incidents(found),
        terminal=lambda console: alert_tables.show_incidents(console, found),
    )


@app.command()
@problems.reported
@options.grouped
def show(*, incident: Id, to: options.ServerOptions, output: options.OutputOptions) -> None:
    """Show an incident with all that has happened to it."""
    with to.connect() as server:
        found = server.alerts.incident(incident)
    output.emit(
        document=lambda: json_output.of(found),
        sheet=lambda: lists.sheet(alert_tables.OF_ENTRIES, found.entries, UTC),
        terminal=lambda console: alert_tables.show_incident(console, found),
    )


@app.command()
@problems.reported
@options.grouped
def acknowledge(
    *,
    incident: Id,
    comment: Annotated[str, typer.Option("--comment", help="A line beside it.")] = "",
    to: options.ServerOptions,
) -> None:
    """Say that you are at work on an incident.

    Nobody is reminded of it any more. Needs a key with the scope edit.
    """
    with to.connect() as server:
        found = server.alerts.acknowledge(incident, comment=comment)
    at = lists.shown(found, "acknowledged_at", UTC)
    typer.echo(f"acknowledged by {formatting.plain(found.acknowledged_by)}, {at} UTC")


@app.command()
@problems.reported
@options.grouped
def comment(
    *, incident: Id, text: Annotated[str, typer.Argument(metavar="TEXT", help="The line.")], to: options.ServerOptions
) -> None:
    """Add a line to what has happened to an incident.

    Needs a key with the scope edit.
    """
    with to.connect() as server:
        made = server.alerts.comment(incident, text)
    typer.echo(f"entry {made.number} by {formatting.plain(made.by)}")
