"""The commands that show users one by one, and how many of them came back."""

import itertools
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from tallywire import directory_requests, user_requests
from tallywire.cli import csv_output, formatting, json_output, layout, lists, options, problems, tables
from tallywire.cli.csv_output import Cell, Sheet
from tallywire.cli.tables import Column
from tallywire.v1 import user_pb2

_PLAIN: Final = ("user_id", "name", "first_seen_at", "last_seen_at")
_FIGURES: Final = tuple(field.name for field in user_pb2.UserFigures.DESCRIPTOR.fields)
_SHOWN: Final = {
    "events": ("Events", formatting.count),
    "conversations": ("Convers.", formatting.count),
    "token_usage": ("Tokens", formatting.count),
    "satisfaction_score": ("Rating", formatting.rating),
    "active_days": ("Days", formatting.count),
}
_ACTIVITY: Final = ("occurred_at", "event_type", "agent_id", "channel", "conversation_id", "ip", "user_agent")
_COHORTS: Final = ("day", "week", "month")
_DEFAULT_DAYS: Final = 84  # of retention, without a period


@problems.reported
@options.grouped
def users(
    *,
    prefix: Annotated[str | None, typer.Argument(help="What their id or name begins with.")] = None,
    of: options.PeriodOptions,
    seen: Annotated[str | None, typer.Option(help="Those of a period that are active, new or returning.")] = None,
    order: Annotated[str | None, typer.Option(help="As last_seen, user_id or cost_micros. Default: last_seen.")] = None,
    ascending: Annotated[
        bool | None, typer.Option("--ascending/--descending", help="The first or the last in the order first.")
    ] = None,
    rows_token: Annotated[
        str | None, typer.Option("--rows-token", help="The users behind a figure, in place of all filters.")
    ] = None,
    limit: lists.Limit = lists.DEFAULT_LIMIT,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """List users and what they did, of a period or ever."""
    if seen and not of.is_given:
        raise problems.WrongUsage("--seen goes with a period: --last, or --from and --to")
    if rows_token and (of.is_given or prefix or order or ascending is not None):
        raise problems.WrongUsage("--rows-token goes without a period, a prefix and an order")
    chosen: dict[str, Any] = {
        "seen": lists.one_of(seen, "--seen", user_requests.SEEN),
        "order_by": lists.one_of(order, "--order", user_requests.ORDERS),
    }
    question = of.question() if of.is_given else None
    with to.connect() as server:
        asked = options.asked(question, server) if question else None
        listed = server.list_users(
            asked.start if asked else None,
            asked.end if asked else None,
            page_size=min(limit, directory_requests.PAGE_SIZE),
            prefix=prefix,
            ascending=ascending,
            time_zone=(asked.time_zone if asked else None) or "",
            rows_token=rows_token or "",
            **chosen,
        )
        found = list(itertools.islice(listed, limit))
    where = lists.zone(of.zone)
    output.emit(
        document=lambda: {"users": list(map(json_output.of, found))},
        sheet=lambda: Sheet(header=(*_PLAIN, *_FIGURES), rows=(list(_cells(one, where)) for one in found)),
        terminal=lambda console: _render(console, found, where),
    )


def _cells(one: user_pb2.User, where: tzinfo) -> Iterator[Cell]:
    yield from (lists.cell(one, name, where) for name in _PLAIN)
    yield from (csv_output.field(one.figures, name) for name in _FIGURES)


def _render(console: Console, found: Sequence[user_pb2.User], where: tzinfo) -> None:
    """Prints a row for each user."""
    columns = [
        *(Column(heading=heading, is_text=True) for heading in ("User", "Name", "Last seen")),
        *(Column(heading=heading) for heading, _ in _SHOWN.values()),
    ]
    rows = [
        [
            *(lists.shown(one, name, where) for name in ("user_id", "name", "last_seen_at")),
            *_figures(one.figures),
        ]
        for one in found
    ]
    tables.show(console, columns, rows)


def _figures(figures: user_pb2.UserFigures) -> Iterator[str]:
    for name, (_, form) in _SHOWN.items():
        is_known = name != "satisfaction_score" or figures.HasField("satisfaction_score")
        yield form(getattr(figures, name)) if is_known else formatting.ABSENT


@problems.reported
@options.grouped
def user(
    user_id: Annotated[str, typer.Argument(metavar="USER", help="The user's id.")],
    *,
    of: options.PeriodOptions,
    activities: Annotated[bool, typer.Option("--activities", help="Show each event, newest first.")] = False,
    limit: lists.Limit = lists.DEFAULT_LIMIT,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Show one user: what is known, and each day."""
    question = of.question() if of.is_given else None
    where = lists.zone(of.zone)
    with to.connect() as server:
        asked = options.asked(question, server) if question else None
        bounds = (asked.start, asked.end) if asked else (None, None)
        if activities:
            listed = server.list_user_activities(user_id, *bounds, page_size=min(limit, directory_requests.PAGE_SIZE))
            _emit_activities(output, list(itertools.islice(listed, limit)), where)
            return
        found = server.get_user(user_id, *bounds)
    output.emit(
        document=lambda: json_output.of(found),
        sheet=lambda: Sheet(header=("day", *_FIGURES), rows=map(_day, found.days)),
        terminal=lambda console: _render_one(console, found, where),
    )


def _emit_activities(output: options.OutputOptions, found: Sequence[user_pb2.UserActivity], where: tzinfo) -> None:
    """Prints a row for each event of a user."""
    columns = [Column(heading=one.replace("_", " ").capitalize(), is_text=True) for one in _ACTIVITY]
    output.emit(
        document=lambda: {"activities": list(map(json_output.of, found))},
        sheet=lambda: lists.sheet(_ACTIVITY, found, where),
        terminal=lambda console: tables.show(
            console, columns, [[lists.shown(one, name, where) for name in _ACTIVITY] for one in found]
        ),
    )


def _day(day: user_pb2.UserDay) -> list[Cell]:
    return [_date(day), *(csv_output.field(day.figures, name) for name in _FIGURES)]


def _date(day: user_pb2.UserDay) -> str:
    return day.start.ToDatetime(UTC).date().isoformat()


def _render_one(console: Console, found: user_pb2.GetUserResponse, where: tzinfo) -> None:
    """Prints what is known of a user, and a row for each day."""
    columns = [Column(heading="User", is_text=True), Column(heading="", is_text=True)]
    known = [*lists.lines(found.user, _PLAIN, where), *lists.lines(found.user.figures, _FIGURES, where)]
    tables.show(console, columns, known)
    if found.days:
        console.print()
        days = [Column(heading="Day (UTC)", is_text=True), *(Column(heading=one) for one, _ in _SHOWN.values())]
        tables.show(console, days, [[_date(day), *_figures(day.figures)] for day in found.days])


@problems.reported
@options.grouped
def user_retention(
    *,
    of: options.PeriodOptions,
    cohorts: Annotated[str | None, typer.Option(help="Their length: day, week or month. Default: week.")] = None,
    periods: Annotated[
        int | None, typer.Option(min=1, max=60, help="Periods after each cohort's. Default: 12.")
    ] = None,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Show how many of the users of each week came back.

    Users are told by when they were first seen, without a period in the last 12 weeks, in days of UTC.
    """
    length: Any = lists.one_of(cohorts, "--cohorts", _COHORTS)
    question = of.question() if of.is_given else None
    with to.connect() as server:
        if question is None:
            end = datetime.now(UTC)
            start = end - timedelta(days=_DEFAULT_DAYS)
        else:
            asked = options.asked(question, server)
            start, end = asked.start, asked.end
        found = server.user_retention(start, end, cohorts=length, periods=periods)
    output.emit(
        document=lambda: json_output.of(found),
        sheet=lambda: Sheet(
            header=("start", "end", "users", "offset", "retained", "share", "still_running"),
            rows=itertools.chain.from_iterable(map(_retained, found.cohorts)),
        ),
        terminal=lambda console: _render_retention(console, found),
    )


def _retained(cohort: user_pb2.UserCohort) -> Iterator[list[Cell]]:
    bounds = [csv_output.instant(at, UTC) for at in (cohort.start, cohort.end)]
    for one in cohort.retained:
        share = one.share if one.HasField("share") else None
        yield [*bounds, cohort.users, one.offset, one.users, share, one.still_running]


def _render_retention(console: Console, found: user_pb2.GetUserRetentionResponse) -> None:
    """Prints a row for each cohort, with the share of each period; an asterisk where a period is still running."""
    offsets = max((len(one.retained) for one in found.cohorts), default=0)
    console.print(layout.heading("Users by when they were first seen", found.context))
    columns = [Column(heading="From", is_text=True), Column(heading="Users")]
    columns += [Column(heading=f"+{offset}") for offset in range(1, offsets)]
    tables.show(console, columns, [_row(one, offsets) for one in found.cohorts])


def _row(cohort: user_pb2.UserCohort, offsets: int) -> list[str]:
    shares = [
        f"{formatting.field(one, 'share', formatting.fraction)}{'*' if one.still_running else ''}"
        for one in cohort.retained[1:]
    ]
    start = cohort.start.ToDatetime(UTC).date().isoformat()
    return [start, formatting.count(cohort.users), *shares, *[""] * (offsets - 1 - len(shares))]
