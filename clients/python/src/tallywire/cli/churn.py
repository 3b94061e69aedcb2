"""The commands that show how many users come back, and who may have left."""

import itertools
from collections.abc import Sequence
from datetime import UTC
from typing import Annotated, Final

import typer
from rich.console import Console

from tallywire.cli import csv_output, formatting, json_output, layout, lists, options, problems, tables
from tallywire.cli.csv_output import Sheet
from tallywire.cli.tables import Column
from tallywire.v1 import forecast_service_pb2 as messages

Days = Annotated[int | None, typer.Option(min=1, max=90, help="How many days ahead. Default: 28.")]
_TENTH: Final = tuple(field.name for field in messages.ReliabilityTenth.DESCRIPTOR.fields)
_USER: Final = tuple(field.name for field in messages.UserAtRisk.DESCRIPTOR.fields)
_PAGE: Final = 1_000


@problems.reported
@options.grouped
def churn(
    *, days: Days = None, of: options.PeriodOptions, to: options.ServerOptions, output: options.OutputOptions
) -> None:
    """Forecast how many users come back.

    With how right that was for the last days, held out. A period is the history, in days of UTC.
    """
    question = of.question() if of.is_given else None
    with to.connect() as server:
        asked = options.asked(question, server) if question else None
        found = server.forecasts.churn(
            start=asked.start if asked else None, end=asked.end if asked else None, horizon_days=days
        )
    output.emit(
        document=lambda: json_output.of(found),
        sheet=lambda: Sheet(
            header=_TENTH,
            rows=([csv_output.field(one, name) for name in _TENTH] for one in found.reliability.tenths),
        ),
        terminal=lambda console: render(console, found),
    )


def render(console: Console, found: messages.GetChurnResponse) -> None:
    """Prints what is expected, and the table of what was."""
    past, count = found.reliability, formatting.count
    console.print(layout.heading(f"Users in the next {found.horizon_days} days", found.context))
    console.print(
        f"{count(found.users)} users, of whom {count(round(found.expected_returning))} are expected to come back"
    )
    console.print(f"and {count(round(found.expected_active))} not to have left for good.")
    start = formatting.instant(past.held_out.start, UTC, "%Y-%m-%d")
    console.print(f"\nThe last {found.horizon_days} days from {start} on, held out:")
    console.print(
        f"{count(round(past.expected_returning))} were expected and {count(past.returned)} came back;"
        f" fractions were off by {past.error:.1%} on average.\n"
    )
    columns = [Column(heading=heading) for heading in ("Users", "Expected", "Came back")]
    tables.show(
        console,
        columns,
        [[count(one.users), f"{one.expected:.1%}", f"{one.returned / one.users:.1%}"] for one in past.tenths],
    )


@problems.reported
@options.grouped
def users_at_risk(
    *,
    days: Days = None,
    least: Annotated[
        int | None, typer.Option("--min-active-days", min=2, help="On how many days they came. Default: 3.")
    ] = None,
    most: Annotated[
        float | None, typer.Option("--max-active", help="At most how probably active still. Default: 0.5.")
    ] = None,
    of: options.PeriodOptions,
    limit: lists.Limit = lists.DEFAULT_LIMIT,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """List users who came regularly and may have left."""
    question = of.question() if of.is_given else None
    with to.connect() as server:
        asked = options.asked(question, server) if question else None
        listed = server.forecasts.users_at_risk(
            start=asked.start if asked else None,
            end=asked.end if asked else None,
            horizon_days=days,
            min_active_days=least,
            max_probability_active=most,
            page_size=min(limit, _PAGE),
        )
        found = list(itertools.islice(listed, limit))
    output.emit(
        document=lambda: {"users": list(map(json_output.of, found))},
        sheet=lambda: lists.sheet(_USER, found, UTC),
        terminal=lambda console: _render(console, found),
    )


def _render(console: Console, found: Sequence[messages.UserAtRisk]) -> None:
    columns = [
        Column(heading="User", is_text=True),
        *(Column(heading=heading) for heading in ("Days", "Active", "Back")),
        Column(heading="Why", is_text=True),
    ]
    rows = [
        [
            formatting.plain(one.user_id),
            formatting.count(one.active_days),
            f"{one.probability_active:.0%}",
            f"{one.probability_returning:.0%}",
            one.reason,
        ]
        for one in found
    ]
    tables.show(console, columns, rows)
