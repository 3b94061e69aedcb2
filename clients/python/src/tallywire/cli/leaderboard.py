"""The command that shows who has done most."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Final, get_args

import typer
from rich.console import Console

from tallywire import leaderboard_requests
from tallywire.cli import csv_output, formatting, json_output, layout, options, problems, tables
from tallywire.cli.csv_output import Cell, Sheet
from tallywire.cli.tables import Column
from tallywire.v1 import leaderboard_service_pb2 as messages

_ORDERS: Final[tuple[leaderboard_requests.OrderName, ...]] = get_args(leaderboard_requests.OrderName)
_FIELDS: Final = tuple(field.name for field in messages.LeaderboardRow.DESCRIPTOR.fields)
_COLUMNS: Final[dict[leaderboard_requests.OrderName, tuple[str, str]]] = {
    "points": ("points", "Points"),
    "badges": ("badges", "Badges"),
    "tasks": ("tasks_completed", "Tasks"),
    "calls": ("calls_handled", "Calls"),
    "conversions": ("leads_converted", "Conversions"),
}


@problems.reported
@options.grouped
def leaderboard(
    *,
    of: options.PeriodOptions,
    order: Annotated[str, typer.Option(help=f"By what they are ranked: {', '.join(_ORDERS)}.")] = "points",
    teams: Annotated[bool, typer.Option("--teams", help="Rank teams instead of agents.")] = False,
    team: options.Team = None,
    top: Annotated[int | None, typer.Option(min=1, max=1000, help="Most rows to show. Default: 10.")] = None,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Rank agents or teams by what they have done.

    That is points, badges, tasks, calls or conversions. Those with equally much share a rank.
    """
    question, chosen = of.question(), _order(order)
    if teams and team:
        raise problems.WrongUsage("--team goes without --teams: it narrows a ranking of agents")
    with to.connect() as server:
        asked = options.asked(question, server)
        response = server.leaderboard(
            asked.start,
            asked.end,
            subject="teams" if teams else "agents",
            order=chosen,
            top=top,
            team_id=team,
            time_zone=asked.time_zone,
        )
    output.emit(
        document=lambda: json_output.of(response),
        sheet=lambda: sheet(response),
        terminal=lambda console: render(console, response, chosen, "Team" if teams else "Agent"),
    )


def _order(text: str) -> leaderboard_requests.OrderName:
    """Returns the order of that name. Raises WrongUsage."""
    for choice in _ORDERS:
        if choice == text:
            return choice
    raise problems.WrongUsage(f"--order is one of {', '.join(_ORDERS)}, not {text!r}")


def sheet(response: messages.GetLeaderboardResponse) -> Sheet:
    """Returns a row for each rank and who has it."""
    return Sheet(header=_FIELDS, rows=_rows(response))


def _rows(response: messages.GetLeaderboardResponse) -> Iterator[Sequence[Cell]]:
    for row in response.rows:
        yield [csv_output.field(row, name) for name in _FIELDS]


def render(
    console: Console,
    response: messages.GetLeaderboardResponse,
    order: leaderboard_requests.OrderName,
    subject: str,
) -> None:
    """Prints a row for each rank, with a bar for what they are ranked by."""
    active = f"{response.participants:,} {subject.lower()}s had any event"
    console.print(layout.heading(f"{subject}s by {order}", response.context, [active]))
    if not response.rows:
        console.print(f"None of them has any {order} in this period.")
        return
    has_names = any(row.display_name for row in response.rows)
    columns = [
        Column(heading="Rank", is_text=True, least=4),
        Column(heading=subject, is_text=True),
        *([Column(heading="Name", is_text=True)] if has_names else []),
        *(Column(heading=heading) for _, heading in _COLUMNS.values()),
    ]
    values = [int(getattr(row, _COLUMNS[order][0])) for row in response.rows]
    rows = [
        [
            str(row.rank),
            row.id,
            *([row.display_name] if has_names else []),
            *(formatting.short(getattr(row, name)) for name, _ in _COLUMNS.values()),
        ]
        for row in response.rows
    ]
    tables.show(
        console, columns, rows, charts=lambda width: [formatting.bar(value, max(values), width) for value in values]
    )
