"""The commands that show one agent, or one team."""

from typing import Annotated

import typer

from tallywire import requests
from tallywire.cli import agent_list, completion, json_output, lists, options, problems, render, sheets
from tallywire.v1 import metrics_service_pb2

TrendDays = Annotated[int | None, typer.Option(min=1, max=400, help="Days of the trend. Default: 7.")]
TrendGranularity = Annotated[
    str | None, typer.Option(help="Width of a point of the trend: quarter_hour … year. Default: day.")
]


@problems.reported
@options.grouped
def agent(
    *,
    agent_id: Annotated[
        str,
        typer.Argument(
            metavar="AGENT_ID", autocompletion=completion.values_of("agent"), help="The agent, as on its events."
        ),
    ],
    of: options.PeriodOptions,
    trend_days: TrendDays = None,
    trend_granularity: TrendGranularity = None,
    compare: options.Compare = None,
    now: Annotated[bool, typer.Option("--now", help="Show who it is and its status now, without figures.")] = False,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Show one agent: who it is, its figures and a trend."""
    question, asked_for = of.question(), _options(trend_days, trend_granularity, compare)
    if now:
        if of.is_given or any(asked_for.values()):
            raise problems.WrongUsage("--now goes without a period, a trend and --compare")
        with to.connect() as server:
            found = server.get_agent(agent_id)
        agent_list.emit_one(output, found, lists.zone(of.zone))
        return
    with to.connect() as server:
        asked = options.asked(question, server)
        asked_for["time_zone"] = asked.time_zone
        response = server.agent(agent_id, asked.start, asked.end, **asked_for)
    _emit(output, response, asked_for)


@problems.reported
@options.grouped
def team(
    *,
    team_id: Annotated[
        str,
        typer.Argument(
            metavar="TEAM_ID", autocompletion=completion.values_of("team"), help="The team, as on its events."
        ),
    ],
    of: options.PeriodOptions,
    trend_days: TrendDays = None,
    trend_granularity: TrendGranularity = None,
    compare: options.Compare = None,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Show the figures of a team, as `agent` does of an agent."""
    question, asked_for = of.question(), _options(trend_days, trend_granularity, compare)
    with to.connect() as server:
        asked = options.asked(question, server)
        asked_for["time_zone"] = asked.time_zone
        response = server.team(team_id, asked.start, asked.end, **asked_for)
    _emit(output, response, asked_for, team_id)


def _options(trend_days: int | None, trend_granularity: str | None, compare: str | None) -> requests.AgentOptions:
    """Returns what is asked for besides a period. Raises WrongUsage."""
    return {
        "trend_days": trend_days,
        "trend_granularity": options.granularity(trend_granularity, "--trend-granularity"),
        "compare": options.compare(compare),
    }


def _emit(
    output: options.OutputOptions,
    response: metrics_service_pb2.GetAgentMetricsResponse,
    asked_for: requests.AgentOptions,
    team_id: str = "",
) -> None:
    """Prints the answer about an agent, or about the team that is named."""
    width = requests.granularity_number("trend_granularity", asked_for["trend_granularity"] or "day")
    output.emit(
        document=lambda: json_output.with_states(response, "trend", width),
        sheet=lambda: sheets.agent(response, width, team_id),
        terminal=lambda console: render.agent(console, response, width, team_id),
    )
