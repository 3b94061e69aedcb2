"""The commands."""

import asyncio
import contextlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from tallywire import events, version
from tallywire.cli import (
    agent_list,
    agents,
    alerts,
    anomalies,
    api,
    audit,
    calls,
    campaigns,
    catalogue,
    churn,
    content_gaps,
    conversation_list,
    conversations,
    corrections,
    costs,
    custom_metrics,
    daily,
    deliveries,
    destinations,
    event_list,
    exporting,
    forecast,
    funnel,
    incidents,
    json_output,
    key_values,
    leaderboard,
    leads,
    options,
    people,
    period,
    problems,
    quality,
    query,
    quota,
    render,
    replay,
    reports,
    roi,
    saved_funnels,
    sheets,
    table_options,
    updates,
    users,
    watch,
)
from tallywire.v1 import event_service_pb2

application = typer.Typer(
    name="tallywire",
    help="Track events and read figures of tallywire.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    """Prints the version and ends, if that is what was asked for."""
    if wanted:
        typer.echo(f"tallywire {version.VERSION}")
        raise typer.Exit


@application.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """Track events and read figures of tallywire."""
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            # A terminal that cannot show a bar shows a question mark.
            reconfigure(errors="replace")


@application.command()
@problems.reported
@options.grouped
def track(
    *,
    event_type: Annotated[str, typer.Argument(metavar="TYPE", help="What happened, such as message.sent.")],
    agent: Annotated[str | None, typer.Option("--agent", help="Who did the work.")] = None,
    user: Annotated[str | None, typer.Option("--user", help="Who was served.")] = None,
    conversation: Annotated[str | None, typer.Option("--conversation", help="Its conversation.")] = None,
    channel: Annotated[str | None, typer.Option("--channel", help="Where it happened: web, phone.")] = None,
    team: Annotated[str | None, typer.Option("--team", help="The team of the agent.")] = None,
    campaign: Annotated[str | None, typer.Option("--campaign", help="Its campaign.")] = None,
    event_id: Annotated[str | None, typer.Option("--id", help="Its id; the same id is counted once.")] = None,
    at: Annotated[str | None, typer.Option("--at", help="When, as an RFC 3339 instant. Default: now.")] = None,
    property_: Annotated[list[str] | None, typer.Option("--property", help="key=value; JSON, or text.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="A number of its detail: key=value.")] = None,
    to: options.ServerOptions,
    as_json: options.AsJson = False,
) -> None:
    """Store one event. Fails if the event is rejected; a duplicate is a success."""
    try:
        event = events.event(
            event_type,
            event_id=event_id,
            occurred_at=period.instant(at, None, "--at") if at else None,
            agent_id=agent,
            user_id=user,
            conversation_id=conversation,
            channel=channel,
            team_id=team,
            campaign_id=campaign,
            properties=key_values.properties(property_ or []),
            **key_values.detail(event_type, set_ or []),
        )
    except (TypeError, ValueError) as error:
        raise problems.WrongUsage(str(error)) from None
    # A time that was given is meant as it stands, whatever this machine's clock says.
    with to.connect(stamp_sent_at=not at) as server:
        result = server.track(event)
    if as_json:
        json_output.emit(json_output.of(result))
    else:
        status = event_service_pb2.EventStatus.Name(result.status).removeprefix("EVENT_STATUS_").lower()
        typer.echo(f"{status} {result.event_id}")


@application.command()
@problems.reported
@options.grouped
def overview(
    *,
    of: options.PeriodOptions,
    only: options.FilterOptions,
    compare: options.Compare = None,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Show the key figures of a period.

    They are of everything, or of what a filter keeps.
    """
    question, narrowed, compared = of.question(), only.arguments(), options.compare(compare)
    with to.connect() as server:
        asked = options.asked(question, server)
        response = server.overview(asked.start, asked.end, time_zone=asked.time_zone, compare=compared, **narrowed)
    output.emit(
        document=lambda: json_output.of(response),
        sheet=lambda: sheets.overview(response),
        terminal=lambda console: render.overview(console, response),
    )


@application.command()
@problems.reported
@options.grouped
def usage(
    *,
    of: options.PeriodOptions,
    granularity: options.FineGranularity = None,
    metric: table_options.Metrics = None,
    only: options.FilterOptions,
    compare: options.Compare = None,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Show how metrics went over a period.

    Each metric is a line of bars; a single one is a bar chart, point by point.
    """
    question, narrowed = of.question(), only.arguments()
    width, compared = options.granularity(granularity, may_be_fine=True), options.compare(compare)
    with to.connect() as server:
        asked = options.asked(question, server)
        response = server.usage(
            asked.start,
            asked.end,
            granularity=width,
            metrics=table_options.names(metric),
            time_zone=asked.time_zone,
            compare=compared,
            **narrowed,
        )
    output.emit(
        document=lambda: json_output.with_states(response, "buckets", response.granularity),
        sheet=lambda: sheets.usage(response),
        terminal=lambda console: render.usage(console, response, only.currency),
    )


application.command(name="agent")(agents.agent)
application.command(name="agents")(agent_list.agents)
application.command(name="team")(agents.team)
application.command(name="conversations")(conversations.conversations)
application.command(name="conversation")(conversation_list.conversation)
application.command(name="users")(users.users)
application.command(name="user")(users.user)
application.command(name="user-retention")(users.user_retention)
application.command(name="calls")(calls.calls)
application.command(name="api")(api.api)
application.command(name="quality")(quality.quality)
application.command(name="leaderboard")(leaderboard.leaderboard)
application.command(name="anomalies")(anomalies.anomalies)
application.command(name="changes")(anomalies.changes)
application.command(name="costs")(costs.costs)
application.command(name="events")(event_list.events)
application.command(name="daily")(daily.daily)
application.command(name="forecast")(forecast.forecast)
application.command(name="churn")(churn.churn)
application.command(name="users-at-risk")(churn.users_at_risk)
application.command(name="quota")(quota.quota)
application.command(name="roi")(roi.roi)
application.command(name="campaigns")(campaigns.campaigns)
application.command(name="verify")(audit.verify)
application.command(name="repair")(audit.repair)
application.command(name="audit-log")(audit.audit_log)
application.command(name="leads")(leads.leads)
application.command(name="lead")(leads.lead)
application.command(name="funnel")(funnel.funnel)
application.command(name="query")(query.query)
application.command(name="top")(query.top)
application.command(name="metrics")(catalogue.metrics)
application.command(name="values")(catalogue.values)
application.add_typer(saved_funnels.app, name="funnels")
application.add_typer(reports.app, name="reports")
application.command(name="erase")(people.erase)
application.command(name="export-user")(people.export_user)
application.command(name="export")(exporting.export)
application.command(name="gap")(content_gaps.gap)
application.add_typer(content_gaps.app, name="gaps")
application.add_typer(custom_metrics.app, name="custom-metrics")
application.add_typer(corrections.app, name="corrections")
application.add_typer(alerts.app, name="alerts")
application.add_typer(incidents.app, name="incidents")
application.add_typer(destinations.app, name="destinations")
application.add_typer(deliveries.app, name="deliveries")


@application.command(name="watch")
@problems.reported
@options.grouped
def watch_now(
    *,
    only: options.RealtimeFilterOptions,
    interval: Annotated[float, typer.Option(min=0.1, max=60, help="Seconds between two states, at least.")] = 1.0,
    to: options.ServerOptions,
    as_json: Annotated[bool, typer.Option("--json", help="Print each state as a line of JSON.")] = False,
) -> None:
    """Show what is happening now, live, until q or Ctrl-C.

    It outlasts restarts of the server. An arrow compares a figure with what it was a minute before.
    """
    narrowed, server = only.arguments(), to.asynchronous()
    code = asyncio.run(watch.run(server, narrowed, interval=interval, as_json=as_json))
    raise typer.Exit(code)


@application.command(name="updates")
@problems.reported
@options.grouped
def print_updates(
    *,
    resume: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep the position in FILE, and go on after it.")
    ] = None,
    with_events: Annotated[
        bool, typer.Option("--events", help="Print the events, too; needs the scope events.")
    ] = False,
    only: options.UpdateFilterOptions,
    to: options.ServerOptions,
) -> None:
    """Print every update as a line of JSON.

    It begins with what happens from now on, or after the position in FILE.

    With --resume, a reader that is killed and started again has every update: in a file that stdout is appended to
    (>>) exactly once; on a pipe the last line may come twice, and its revision tells.
    """
    narrowed, server = only.arguments(), to.asynchronous()
    output = updates.Output(sys.stdout.fileno())
    code = asyncio.run(updates.run(server, output, narrowed, resume=resume, include_events=with_events))
    raise typer.Exit(code)


@application.command(name="replay")
@problems.reported
@options.grouped
def replay_file(
    *,
    file: Annotated[str, typer.Argument(metavar="FILE", help="JSON lines, one event each; - is stdin.")],
    keep_going: Annotated[bool, typer.Option("--keep-going", help="Skip lines that are no events.")] = False,
    source_name: Annotated[
        str, typer.Option("--source", help="Where the lines come from: tells equal ones of other sources apart.")
    ] = "",
    to: options.ServerOptions,
    as_json: options.AsJson = False,
) -> None:
    """Store the events of a file of JSON lines.

    A line is an event with the names of the proto. A line without event_id gets one made from its content and the
    number of equal lines before it, so that replaying the file again counts nothing twice, also after it was renamed,
    copied or has grown. Equal lines of two files are the same event, unless --source tells them apart. On stdin a line
    that has no occurred_at either is new each time.
    Fails if any line is unreadable or rejected.
    """
    path = None if file == "-" else Path(file)
    line_ids = replay.LineIds(source_name, recorded=path is not None)
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(_opened(path))
        # The times of a file were recorded elsewhere: this machine's clock says nothing about them.
        server = stack.enter_context(to.connect(stamp_sent_at=False))
        run = replay.Replay(server, line_ids, keep_going, lambda problem: problems.note(str(problem)))
        try:
            run.run(stack.enter_context(_progress(source, path, quiet=as_json)))
        finally:
            if as_json:
                json_output.emit(run.summary.as_json())
            else:
                typer.echo(str(run.summary))
    if not run.summary.clean:
        problems.fail(run.summary.error or "some lines were not stored", 1)


@contextlib.contextmanager
def _opened(path: Path | None) -> Iterator[IO[bytes]]:
    """Gives the lines of a file or of stdin. Raises WrongUsage if it cannot be opened."""
    if path is None:
        yield sys.stdin.buffer
        return
    try:
        source = path.open("rb")
    except OSError as error:
        raise problems.WrongUsage(f"{error.strerror}: {path}") from None
    with source:
        yield source


@contextlib.contextmanager
def _progress(source: IO[bytes], path: Path | None, *, quiet: bool) -> Iterator[Iterable[bytes]]:
    """Gives the lines, with a progress bar on stderr if that is a terminal."""
    console = Console(stderr=True, markup=False)
    if quiet or not console.is_terminal:
        yield source
        return
    total = path.stat().st_size if path and path.is_file() else None
    columns = (TextColumn("replay"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        yield _counted(source, bars, total)


def _counted(source: IO[bytes], bars: Progress, total: int | None) -> Iterator[bytes]:
    """Yields the lines and moves the bar by their bytes."""
    task = bars.add_task("replay", total=total)
    for line in source:
        bars.advance(task, len(line))
        yield line
