"""The command that shows how many go through the stages of a funnel, and where they are lost."""

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Annotated, Final, cast, get_args

import typer
from rich.console import Console

from tallywire import funnels
from tallywire.cli import csv_output, formatting, json_output, key_values, layout, options, problems, tables
from tallywire.cli.csv_output import Cell, Sheet
from tallywire.cli.tables import Column
from tallywire.funnels import EntityName, FunnelOptions, FunnelQueryOptions, Stage, Value
from tallywire.v1 import funnel_service_pb2 as messages

ENTITIES: Final[tuple[EntityName, ...]] = get_args(EntityName)
_FIELDS: Final = tuple(field.name for field in messages.FunnelStageFigures.DESCRIPTOR.fields)
_LENGTH: Final = re.compile(r"([1-9][0-9]{0,5})([smhdw])")
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}  # seconds

Stages = Annotated[
    list[str] | None,
    typer.Option(
        "--stage",
        metavar="TYPE[:STAGE][,PATH=VALUE]",
        help="A stage, in order: a type of events; of lead.stage_entered the stage; with a value that it must carry.",
    ),
]
Entity = Annotated[str | None, typer.Option(help=f"Who goes through: {', '.join(ENTITIES)}. Default: lead.")]
AnyOrder = Annotated[bool, typer.Option("--any-order", help="The stages may be entered in any order.")]
Window = Annotated[
    str | None, typer.Option(help="How long after the first stage the last may be: 90m, 12h, 30d. Default: 30d.")
]


@problems.reported
@options.grouped
def funnel(
    *,
    name: Annotated[str | None, typer.Argument(help="A saved funnel; or else give --stage.")] = None,
    of: options.PeriodOptions,
    stage: Stages = None,
    entity: Entity = None,
    any_order: AnyOrder = False,
    window: Window = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", metavar="PATH=VALUE", help="Only agent, campaign, channel, team or properties.KEY."),
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", help="Break down by agent, campaign, channel, team or properties.KEY.")
    ] = None,
    top: options.Top = None,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Show how many go through the stages of a funnel.

    The cohort are those that entered the first stage in the period. They have the window to enter the others.
    """
    asked_for: str | Sequence[Stage] = name or stages(stage)
    if (name and stage) or not asked_for:
        raise problems.WrongUsage("give the NAME of a saved funnel, or at least two --stage")
    own = own_options(entity, any_order=any_order, window=window)
    if name and own:
        raise problems.WrongUsage("--entity, --any-order and --window go with --stage: a saved funnel has its own")
    chosen = cast("FunnelQueryOptions", {**own, "where": _values(where), "breakdown": by, "top": top})
    question = of.question()
    with to.connect() as server:
        asked = options.asked(question, server)
        chosen["time_zone"] = asked.time_zone
        response = server.funnels.query(asked.start, asked.end, asked_for, **chosen)
    output.emit(
        document=lambda: json_output.of(response),
        sheet=lambda: sheet(response),
        terminal=lambda console: render(console, name or "Funnel", response, by or ""),
    )


def stages(given: Sequence[str] | None) -> list[Stage]:
    """Returns the stages of --stage. Raises WrongUsage."""
    found = []
    for text in given or ():
        head, comma, condition = text.partition(",")
        event_type, _, lead_stage = head.partition(":")
        kept = _values([condition]) if comma else {}
        found.append(funnels.stage(event_type, lead_stage, where=next(iter(kept.items()), None)))
    return found


def own_options(entity: str | None, *, any_order: bool, window: str | None) -> FunnelOptions:
    """Returns what a funnel has besides its stages, as far as it is given. Raises WrongUsage."""
    found: FunnelOptions = {}
    if entity is not None:
        found["entity"] = _entity(entity)
    if any_order:
        found["any_order"] = True
    if window is not None:
        length = _LENGTH.fullmatch(window)
        if length is None:
            raise problems.WrongUsage(f"--window is like 90m, 12h, 30d or 6w, not {window!r}")
        found["window"] = timedelta(seconds=int(length[1]) * _UNITS[length[2]])
    return found


def _entity(text: str) -> EntityName:
    for one in ENTITIES:
        if one == text:
            return one
    raise problems.WrongUsage(f"--entity is one of {', '.join(ENTITIES)}, not {text!r}")


def _values(given: Sequence[str] | None) -> dict[str, Value]:
    """Returns values by their paths. Raises WrongUsage."""
    found: dict[str, Value] = {}
    for path, value in key_values.values(given or [], "PATH=VALUE"):
        if not isinstance(value, str | int | float | bool):
            raise problems.WrongUsage(f"{path}: the value is a text, a number, true or false")
        found[path] = value
    return found


def sheet(response: messages.QueryFunnelResponse) -> Sheet:
    """Returns a row for each stage: of all, and of each part of the breakdown."""
    return Sheet(header=("row", "value", "stage", *_FIELDS), rows=_rows(response))


def _rows(response: messages.QueryFunnelResponse) -> Iterator[Sequence[Cell]]:
    for kind, value, figures in _parts(response):
        for place, one in enumerate(figures.stages, 1):
            yield (kind, value, place, *(csv_output.field(one, field) for field in _FIELDS))


def _parts(response: messages.QueryFunnelResponse) -> Iterator[tuple[str, str | None, messages.FunnelFigures]]:
    yield "total", None, response.total
    for row in response.rows:
        yield "value", row.value, row.figures
    if response.HasField("other"):
        yield "other", None, response.other
    if response.HasField("without_value"):
        yield "without_value", None, response.without_value


def render(console: Console, title: str, response: messages.QueryFunnelResponse, by: str) -> None:
    """Prints a line with a bar for each stage, and below a line for each value of the breakdown."""
    definition = response.definition
    order = "in any order" if definition.order == messages.FUNNEL_ORDER_ANY_ORDER else "in order"
    window = formatting.milliseconds(definition.window.ToMilliseconds())
    console.print(layout.heading(formatting.plain(title), response.context, [order, f"within {window}"]))
    found = response.total.stages
    most = max((one.entered for one in found), default=0)
    columns = [
        Column(heading="Stage", is_text=True, least=8),
        *(Column(heading=one) for one in ("Entered", "To next", "Of all", "Left", "Inside", "Median", "p95")),
    ]
    tables.show(
        console,
        columns,
        [_line(one) for one in found],
        charts=lambda width: [formatting.bar(one.entered, most, width) for one in found],
    )
    if by:
        console.print()
        _render_breakdown(console, response, by)


def _line(one: messages.FunnelStageFigures) -> list[str]:
    return [
        one.name,
        formatting.short(one.entered),
        formatting.field(one, "conversion_rate", formatting.fraction),
        formatting.field(one, "overall_conversion_rate", formatting.fraction),
        formatting.field(one, "left", formatting.short),
        formatting.field(one, "still_inside", formatting.short),
        formatting.field(one, "median_time_ms", formatting.milliseconds),
        formatting.field(one, "p95_time_ms", formatting.milliseconds),
    ]


def _render_breakdown(console: Console, response: messages.QueryFunnelResponse, by: str) -> None:
    names = {"other": "_other", "without_value": f"No {by}"}
    parts = [(value or names.get(kind, kind), kind, one.stages) for kind, value, one in _parts(response)][1:]
    columns = [
        Column(heading=by, is_text=True),
        *(Column(heading=one) for one in ("First", "Last", "Of all", "Inside")),
    ]
    rows = [
        (
            kind,
            [
                label,
                formatting.short(found[0].entered),
                formatting.short(found[-1].entered),
                formatting.field(found[-1], "overall_conversion_rate", formatting.fraction),
                formatting.short(sum(one.still_inside for one in found)),
            ],
        )
        for label, kind, found in parts
    ]
    of_values = [row for kind, row in rows if kind == "value"]
    tables.show(console, columns, of_values, apart=[row for kind, row in rows if kind != "value"])
