"""The commands `tallywire funnels …`: the funnels that the organization has saved."""

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
from rich.console import Console

from tallywire.cli import formatting, funnel, json_output, options, problems, tables
from tallywire.cli.csv_output import Cell, Sheet
from tallywire.cli.tables import Column
from tallywire.funnels import Funnel
from tallywire.v1 import funnel_service_pb2 as messages

app = typer.Typer(
    help="Save, list and delete funnels.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Its name.")]


@app.command()
@problems.reported
@options.grouped
def create(
    *,
    name: Name,
    stage: funnel.Stages = None,
    entity: funnel.Entity = None,
    any_order: funnel.AnyOrder = False,
    window: funnel.Window = None,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Save a funnel.

    Needs a key with the scope admin.
    """
    found, own = funnel.stages(stage), funnel.own_options(entity, any_order=any_order, window=window)
    with to.connect() as server:
        made = server.funnels.create(name, found, **own)
    output.emit(
        document=lambda: json_output.of(made),
        sheet=lambda: sheet([made]),
        terminal=lambda console: _show(console, [made]),
    )


@app.command(name="list")
@problems.reported
@options.grouped
def list_funnels(*, to: options.ServerOptions, output: options.OutputOptions) -> None:
    """List the saved funnels and their stages."""
    with to.connect() as server:
        found = server.funnels.list()
    output.emit(
        document=lambda: [json_output.of(one) for one in found],
        sheet=lambda: sheet(found),
        terminal=lambda console: _show(console, found),
    )


@app.command()
@problems.reported
@options.grouped
def delete(*, name: Name, to: options.ServerOptions) -> None:
    """Delete a saved funnel.

    Needs a key with the scope admin.
    """
    with to.connect() as server:
        server.funnels.delete(name)
    typer.echo(f"deleted {formatting.plain(name)}")


def sheet(found: Sequence[Funnel]) -> Sheet:
    """Returns a row for each stage of each funnel."""
    header = ("name", "entity", "order", "window_ms", "stage", "stage_name", "event_type", "lead_stage", "path")
    return Sheet(header=header, rows=_rows(found))


def _rows(found: Sequence[Funnel]) -> Iterator[Sequence[Cell]]:
    for one in found:
        own = one.definition
        for place, stage in enumerate(own.stages, 1):
            yield (
                one.name,
                messages.FunnelEntity.Name(own.entity).removeprefix("FUNNEL_ENTITY_").lower(),
                messages.FunnelOrder.Name(own.order).removeprefix("FUNNEL_ORDER_").lower(),
                own.window.ToMilliseconds(),
                place,
                stage.name,
                stage.event_type,
                stage.lead_stage or None,
                stage.filter.path or None,
            )


def _show(console: Console, found: Sequence[Funnel]) -> None:
    if not found:
        console.print("No funnel is saved.")
        return
    columns = [Column(heading=one, is_text=True) for one in ("Funnel", "Stages", "Window")]
    rows = [
        [
            one.name,
            " → ".join(stage.name for stage in one.definition.stages),
            formatting.milliseconds(one.definition.window.ToMilliseconds()),
        ]
        for one in found
    ]
    tables.show(console, columns, rows)
