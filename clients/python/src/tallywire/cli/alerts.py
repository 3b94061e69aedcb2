"""The commands `tallywire alerts …`: rules, what they find, and how they stand."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

import typer
from google.protobuf import json_format
from google.protobuf.message import Message

from tallywire import alert_rules, client
from tallywire.alert_rules import AlertRule
from tallywire.cli import (
    alert_options,
    alert_tables,
    alert_watch,
    by_name,
    formatting,
    json_output,
    lengths,
    lists,
    options,
    problems,
)

app = typer.Typer(
    help="Keep alert rules, try them, and see how they stand.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Named = Annotated[str, typer.Argument(metavar="RULE", help="Its id, or its name.")]
Optional = Annotated[str, typer.Argument(metavar="RULE", help="The id or name of a stored rule.")]


@app.command(name="list")
@problems.reported
@options.grouped
def list_rules(*, to: options.ServerOptions, output: options.OutputOptions) -> None:
    """List the rules, and how they stand."""
    with to.connect() as server:
        found = server.alerts.list()
    output.emit(
        document=lambda: {"rules": [json_output.of(one) for one in found]},
        sheet=lambda: alert_tables.sheet_of_rules(found),
        terminal=lambda console: alert_tables.show_rules(console, found),
    )


@app.command()
@problems.reported
@options.grouped
def show(*, rule: Named, to: options.ServerOptions, output: options.OutputOptions) -> None:
    """Show a rule and how it stands; --json can be stored."""
    with to.connect() as server:
        found = by_name.rule(server, rule)
    output.emit(
        document=lambda: _storable(found),
        sheet=lambda: alert_tables.sheet_of_standings(found),
        terminal=lambda console: alert_tables.show_in_full(console, found),
    )


@app.command()
@problems.reported
@options.grouped
def create(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it. Default: that of the file.")] = "",
    file: alert_options.File = None,
    metric: Annotated[str, typer.Option("--metric", help="The metric that is looked at: see `metrics`.")] = "",
    only: options.FilterOptions,
    by: Annotated[str, typer.Option("--by", help="A dimension each of whose values is looked at.")] = "",
    max_values: Annotated[int | None, typer.Option("--max-values", min=1, help="How many values. Default: 20.")] = None,
    wrong: alert_options.ConditionOptions,
    when: alert_options.WindowOptions,
    telling: alert_options.TellingOptions,
    zone: Annotated[str, typer.Option("--zone", help="IANA zone of hours and days. Default: the organization's.")] = "",
    disabled: Annotated[bool, typer.Option("--disabled", help="Store it, and do not look yet.")] = False,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Store a rule, of options or of a file.

    `alerts create "Slow answers" --metric avg_response_time_ms --critical 2000 --warning 1000 --window 15m`

    Needs a key with the scope edit.
    """
    if file is not None:
        if metric or by or wrong != alert_options.ConditionOptions():
            raise problems.WrongUsage("--file says the whole rule: it goes with NAME alone")
        wanted = alert_options.of_file(file)
        wanted.name = name or wanted.name
    else:
        more = {**when.arguments(), **telling.arguments(), "time_zone": zone, "disabled": disabled}
        more |= {"group_by": by, "max_values": max_values or 0}
        wanted = alert_options.of_options(name, metric, wrong, only, more)
    with to.connect() as server:
        wanted.destination_ids[:] = [by_name.destination_id(server, one) for one in wanted.destination_ids]
        made = server.alerts.create(wanted)
    _emit(output, made)


@app.command()
@problems.reported
@options.grouped
def update(
    *, rule: Named, file: alert_options.File = None, to: options.ServerOptions, output: options.OutputOptions
) -> None:
    """Store what a rule is from now on, of a file.

    The etag in the file says which version was read; without one whatever was changed meanwhile is overwritten. Needs a
    key with the scope edit.
    """
    if file is None:
        raise problems.WrongUsage("give --file: `alerts show RULE --json` makes one to change")
    wanted = alert_options.of_file(file)
    with to.connect() as server:
        wanted.rule_id = by_name.rule_id(server, rule)
        made = server.alerts.update(wanted)
    _emit(output, made)


@app.command(name="test")
@problems.reported
@options.grouped
def look_now(
    *, rule: Optional = "", file: alert_options.File = None, to: options.ServerOptions, output: options.OutputOptions
) -> None:
    """Look at a rule now. Nothing is stored or told."""
    with to.connect() as server:
        found = server.alerts.test(_given(server, rule, file))
    output.emit(
        document=lambda: json_output.of(found),
        sheet=lambda: alert_tables.sheet_of_test(found),
        terminal=lambda console: alert_tables.show_test(console, found),
    )


@app.command()
@problems.reported
@options.grouped
def backtest(
    *,
    rule: Optional = "",
    file: alert_options.File = None,
    of: options.PeriodOptions,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Show the incidents that a rule would have had."""
    question = of.question()
    with to.connect() as server:
        wanted, asked = _given(server, rule, file), options.asked(question, server)
        found = server.alerts.backtest(wanted, asked.start, asked.end, time_zone=asked.time_zone)
    output.emit(
        document=lambda: json_output.of(found),
        sheet=lambda: alert_tables.sheet_of_incidents(found.incidents),
        terminal=lambda console: alert_tables.show_backtest(console, found, asked.start),
    )


@app.command()
@problems.reported
@options.grouped
def snooze(
    *,
    rule: Named,
    length: Annotated[str, typer.Argument(metavar="LENGTH", help="For how long from now: 30m, 8h, 2d.")],
    to: options.ServerOptions,
) -> None:
    """Keep a rule from telling anybody for a while.

    It goes on looking, and tells then what still holds. Needs a key with the scope edit.
    """
    if not (span := lengths.of(length, "LENGTH")):
        raise problems.WrongUsage("LENGTH is more than nothing, such as 8h: `alerts unsnooze` lets a rule tell again")
    until = datetime.now(UTC) + span
    with to.connect() as server:
        found = server.alerts.snooze(by_name.rule_id(server, rule), until)
    typer.echo(f"{formatting.plain(found.name)} tells nobody until {lists.shown(found, 'snoozed_until', UTC)} UTC")


@app.command()
@problems.reported
@options.grouped
def unsnooze(*, rule: Named, to: options.ServerOptions) -> None:
    """Let a rule tell again.

    Needs a key with the scope edit.
    """
    with to.connect() as server:
        found = server.alerts.unsnooze(by_name.rule_id(server, rule))
    typer.echo(f"{formatting.plain(found.name)} tells again")


@app.command()
@problems.reported
@options.grouped
def mute(
    *,
    rule: Named,
    when: Annotated[
        list[str] | None, typer.Argument(metavar="WHEN...", help='Cron and a length: "0 22 * * * 8h".')
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Take back those that there are.")] = False,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Say when a rule tells nobody, again and again.

    Needs a key with the scope edit.
    """
    added = alert_options.mutes(when or (), "WHEN")
    if not added and not clear:
        raise problems.WrongUsage('give WHEN, such as "0 22 * * * 8h", or --clear')

    def change(found: AlertRule) -> None:
        if clear:
            del found.mute_windows[:]
        found.mute_windows.extend(alert_rules.mute_window(one) for one in added)

    _emit(output, _changed(to, rule, change))


@app.command()
@problems.reported
@options.grouped
def disable(*, rule: Named, to: options.ServerOptions) -> None:
    """Keep a rule from being looked at; open incidents end.

    Needs a key with the scope edit.
    """
    found = _changed(to, rule, lambda one: setattr(one, "disabled", True))
    typer.echo(f"{formatting.plain(found.name)} is not looked at any more")


@app.command()
@problems.reported
@options.grouped
def enable(*, rule: Named, to: options.ServerOptions) -> None:
    """Have a rule looked at again.

    Needs a key with the scope edit.
    """
    found = _changed(to, rule, lambda one: setattr(one, "disabled", False))
    typer.echo(f"{formatting.plain(found.name)} is looked at")


@app.command()
@problems.reported
@options.grouped
def delete(*, rule: Named, to: options.ServerOptions) -> None:
    """Delete a rule, and end its incidents.

    Needs a key with the scope edit.
    """
    with to.connect() as server:
        server.alerts.delete(by_name.rule_id(server, rule))
    typer.echo(f"deleted {formatting.plain(rule)}")


@app.command()
@problems.reported
@options.grouped
def watch(
    *,
    to: options.ServerOptions,
    as_json: Annotated[bool, typer.Option("--json", help="Print each change as a line of JSON.")] = False,
) -> None:
    """Show how all rules stand, whenever that changes.

    It outlasts restarts of the server, and goes on until Ctrl-C.
    """
    raise typer.Exit(asyncio.run(alert_watch.run(to.asynchronous(), as_json=as_json)))


def _changed(to: options.ServerOptions, named: str, change: Callable[[AlertRule], None]) -> AlertRule:
    """Changes a stored rule as it was read; refused if somebody else has changed it meanwhile."""
    with to.connect() as server:
        found = by_name.rule(server, named).rule
        change(found)
        return server.alerts.update(found)


def _given(server: client.Client, named: str, file: alert_options.File) -> AlertRule:
    """Returns the rule that is stored, or that of a file. Raises WrongUsage for none, and for both."""
    if bool(named) == (file is not None):
        raise problems.WrongUsage("give either RULE or --file")
    return by_name.rule(server, named).rule if file is None else alert_options.of_file(file)


def _emit(output: options.OutputOptions, rule: AlertRule) -> None:
    output.emit(
        document=lambda: _storable(rule),
        sheet=lambda: lists.sheet(("rule_id", "name", "metric", "version", "etag"), [rule], UTC),
        terminal=lambda console: alert_tables.show_rule(console, rule),
    )


def _storable(message: Message) -> json_output.Json:
    """Returns a message as JSON that can be read as a message again."""
    document: json_output.Json = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return document
