"""The commands that list leads, and show one of them with its steps."""

import itertools
from collections.abc import Iterator, Sequence
from datetime import tzinfo
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from tallywire import directory_requests
from tallywire.cli import csv_output, formatting, json_output, lists, options, problems, tables
from tallywire.cli.csv_output import Cell, Sheet
from tallywire.cli.tables import Column
from tallywire.v1 import lead_pb2

_FIELDS: Final = tuple(field.name for field in lead_pb2.Lead.DESCRIPTOR.fields if field.name not in ("steps", "amount"))
_STEP_FIELDS: Final = tuple(field.name for field in lead_pb2.LeadStep.DESCRIPTOR.fields)


@problems.reported
@options.grouped
def leads(
    *,
    prefix: Annotated[str | None, typer.Argument(help="What their id begins with.")] = None,
    of: options.PeriodOptions,
    campaign: Annotated[str | None, typer.Option("--campaign", help="Only this campaign.")] = None,
    agent: options.Agent = None,
    team: options.Team = None,
    channel: options.Channel = None,
    stage: Annotated[str | None, typer.Option("--stage", help="Those that entered this stage last.")] = None,
    reached: Annotated[str | None, typer.Option("--reached", help="Those that have entered this stage.")] = None,
    outcome: Annotated[str | None, typer.Option(help="Those that are open, converted or lost.")] = None,
    at_least: Annotated[float | None, typer.Option("--value-from", min=0, help="Those worth at least this.")] = None,
    at_most: Annotated[float | None, typer.Option("--value-to", min=0, help="Those worth at most this.")] = None,
    currency: Annotated[str | None, typer.Option(help="Those with a value in this currency.")] = None,
    order: Annotated[str | None, typer.Option(help="created, last_seen, value or lead_id. Default: created.")] = None,
    ascending: Annotated[bool, typer.Option("--ascending", help="The oldest or smallest first.")] = False,
    rows_token: Annotated[
        str | None, typer.Option("--rows-token", help="The leads behind a figure, in place of all filters.")
    ] = None,
    limit: lists.Limit = lists.DEFAULT_LIMIT,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """List leads: their stage, outcome and value.

    Without a period all leads are listed, else those created in it. Needs a key with the scope events.
    """
    question = of.question() if of.is_given else None
    chosen: dict[str, Any] = {
        "outcome": lists.one_of(outcome, "--outcome", directory_requests.LEAD_OUTCOMES),
        "order_by": lists.one_of(order, "--order", directory_requests.LEAD_ORDERS),
        "descending": False if ascending else None,
        **{"campaign_id": campaign, "agent_id": agent, "team_id": team, "channel": channel},
        **{"prefix": prefix, "stage": stage, "reached_stage": reached, "currency": currency},
        **{"min_value_micros": _micros(at_least), "max_value_micros": _micros(at_most)},
    }
    if rows_token:
        if question is not None or any(one is not None for name, one in chosen.items() if name != "descending"):
            raise problems.WrongUsage("--rows-token goes without a period, filters and an order")
        chosen["rows_token"] = rows_token
    with to.connect() as server:
        if question is not None:
            asked = options.asked(question, server)
            chosen |= {"created_from": asked.start, "created_before": asked.end}
        listed = server.list_leads(page_size=min(limit, directory_requests.PAGE_SIZE), **chosen)
        found = list(itertools.islice(listed, limit))
    where = lists.zone(of.zone)
    output.emit(
        document=lambda: {"leads": list(map(json_output.of, found))},
        sheet=lambda: lists.sheet((*_FIELDS, "amount") if rows_token else _FIELDS, found, where),
        terminal=lambda console: _render(console, found, where),
    )


def _micros(amount: float | None) -> int | None:
    return None if amount is None else round(amount * 1_000_000)


def _render(console: Console, found: Sequence[lead_pb2.Lead], where: tzinfo) -> None:
    """Prints a row for each lead."""
    columns = [
        *(Column(heading=heading, is_text=True) for heading in ("Lead", "Stage", "Outcome")),
        Column(heading="Value"),
        Column(heading="", is_text=True, least=3),
        *(Column(heading=heading, is_text=True) for heading in ("Campaign", "Agent")),
        Column(heading="Created", is_text=True, least=16),
    ]
    rows = [
        [
            one.lead_id,
            *(lists.shown(one, name, where) for name in ("stage", "outcome")),
            formatting.field(one, "value_micros", formatting.money),
            one.currency,
            *(lists.shown(one, name, where) for name in ("campaign_id", "agent_id", "created_at")),
        ]
        for one in found
    ]
    tables.show(console, columns, rows)


@problems.reported
@options.grouped
def lead(
    *,
    lead_id: Annotated[str, typer.Argument(metavar="ID", help="The lead.")],
    zone: lists.Zone = None,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Show what a lead has come to, and its steps.

    Needs a key with the scope events.
    """
    with to.connect() as server:
        found = server.get_lead(lead_id)
    where = lists.zone(zone)
    output.emit(
        document=lambda: json_output.of(found),
        sheet=lambda: Sheet(header=("lead_id", *_STEP_FIELDS), rows=_steps(found, where)),
        terminal=lambda console: _render_one(console, found, where),
    )


def _steps(one: lead_pb2.Lead, where: tzinfo) -> Iterator[Sequence[Cell]]:
    """Yields a row for each step."""
    for step in one.steps:
        yield one.lead_id, step.event_type, step.stage or None, csv_output.instant(step.occurred_at, where)


def _render_one(console: Console, one: lead_pb2.Lead, where: tzinfo) -> None:
    columns = [Column(heading="Lead", is_text=True), Column(heading="", is_text=True)]
    shown = [name for name in _FIELDS if name not in ("value_micros", "currency")]
    rows = list(lists.lines(one, shown, where))
    if one.HasField("value_micros"):
        rows.append(["value", f"{formatting.money(one.value_micros)} {one.currency}"])
    tables.show(console, columns, rows)
    console.print()
    headings = [Column(heading=heading, is_text=True) for heading in ("When", "Event", "Stage")]
    steps = [[formatting.instant(step.occurred_at, where), step.event_type, step.stage] for step in one.steps]
    tables.show(console, headings, steps)
