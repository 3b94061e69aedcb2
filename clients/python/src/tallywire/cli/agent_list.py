"""The command that lists agents, and what is shown of one of them without figures."""

import itertools
from collections.abc import Sequence
from datetime import tzinfo
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from tallywire import directory_requests
from tallywire.cli import json_output, lists, options, problems, tables
from tallywire.cli.tables import Column
from tallywire.v1 import agent_pb2

_FIELDS: Final = tuple(field.name for field in agent_pb2.Agent.DESCRIPTOR.fields)
_SHOWN: Final = {
    "agent_id": "Agent",
    "name": "Name",
    "kind": "Kind",
    "team_id": "Team",
    "status": "Status",
    "status_since": "Since",
    "last_seen_at": "Last seen",
}


@problems.reported
@options.grouped
def agents(
    *,
    prefix: Annotated[str | None, typer.Argument(help="What their id or name begins with.")] = None,
    kind: Annotated[str | None, typer.Option(help="Those that are ai or human.")] = None,
    team: options.Team = None,
    status: Annotated[str | None, typer.Option(help="Those that are available, busy, away or offline now.")] = None,
    deleted: Annotated[
        bool | None, typer.Option("--deleted/--not-deleted", help="Those that were deleted, or were not.")
    ] = None,
    order: Annotated[str | None, typer.Option(help="agent_id, name or last_seen. Default: agent_id.")] = None,
    descending: lists.Descending = False,
    limit: lists.Limit = lists.DEFAULT_LIMIT,
    zone: lists.Zone = None,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """List agents: who they are, and their status now."""
    chosen: dict[str, Any] = {
        "kind": lists.one_of(kind, "--kind", directory_requests.AGENT_KINDS),
        "status": lists.one_of(status, "--status", directory_requests.AGENT_STATUSES),
        "order_by": lists.one_of(order, "--order", directory_requests.AGENT_ORDERS),
    }
    with to.connect() as server:
        listed = server.list_agents(
            page_size=min(limit, directory_requests.PAGE_SIZE),
            prefix=prefix,
            team_id=team,
            deleted=deleted,
            descending=descending,
            **chosen,
        )
        found = list(itertools.islice(listed, limit))
    where = lists.zone(zone)
    output.emit(
        document=lambda: {"agents": list(map(json_output.of, found))},
        sheet=lambda: lists.sheet(_FIELDS, found, where),
        terminal=lambda console: _render(console, found, where),
    )


def _render(console: Console, agents: Sequence[agent_pb2.Agent], where: tzinfo) -> None:
    """Prints a row for each agent."""
    columns = [Column(heading=heading, is_text=True) for heading in _SHOWN.values()]
    tables.show(console, columns, [[lists.shown(one, name, where) for name in _SHOWN] for one in agents])


def emit_one(output: options.OutputOptions, agent: agent_pb2.Agent, where: tzinfo) -> None:
    """Prints what is known of one agent."""
    columns = [Column(heading="Agent", is_text=True), Column(heading="", is_text=True)]
    output.emit(
        document=lambda: json_output.of(agent),
        sheet=lambda: lists.sheet(_FIELDS, [agent], where),
        terminal=lambda console: tables.show(console, columns, list(lists.lines(agent, _FIELDS, where))),
    )
