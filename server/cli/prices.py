"""The commands for price lists of models."""

import dataclasses
import json
from collections.abc import Sequence
from datetime import date
from typing import Annotated

import typer

from server.cli import connected, place, tables
from server.cli.options import APP_OPTIONS, AsJson, DataDir
from server.organizations.model_price import MOST_MICROS, ModelPrice
from server.process import operators
from server.store.database import Database
from server.tenancy import price_lists

Organization = Annotated[str, typer.Argument(metavar="NAME", help="The organization's name.")]
Model = Annotated[str, typer.Argument(metavar="MODEL", help="The model, as messages name it.")]
From = Annotated[
    str, typer.Option("--from", metavar="DATE", help="Day of the organization's zone with which the price begins.")
]

app = typer.Typer(help="Set, list and remove prices of models.", **APP_OPTIONS)


@app.command("set")
def set_price(
    name: Organization,
    model: Model,
    effective_from: From,
    prompt_micros: Annotated[
        int, typer.Option(min=0, max=MOST_MICROS, help="Price of a million tokens read, in millionths of the currency.")
    ],
    completion_micros: Annotated[int, typer.Option(min=0, max=MOST_MICROS, help="Price of a million tokens written.")],
    cached_micros: Annotated[
        int | None,
        typer.Option(
            min=0, max=MOST_MICROS, help="Price of a million tokens read from a cache. Default: that of tokens read."
        ),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Set what the tokens of a model cost from a day on.

    The price holds until the next entry of the model. It replaces an entry of the same day. Estimates are worked out
    when somebody asks, so that those of the time since that day follow at once.
    """
    price = ModelPrice(
        model=model,
        effective_from=_day(effective_from),
        prompt_micros=prompt_micros,
        cached_micros=prompt_micros if cached_micros is None else cached_micros,
        completion_micros=completion_micros,
    )

    async def work(database: Database, _place: place.Place) -> None:
        await price_lists.set_price(database, name, price, by=operators.operator())

    connected.on_database(data_dir, work)
    typer.echo(f"{model} costs that from {price.effective_from} on")


@app.command("list")
def list_prices(name: Organization, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the prices of models, by model and day."""

    async def work(database: Database, _place: place.Place) -> Sequence[ModelPrice]:
        return await price_lists.prices(database, name)

    found = connected.on_database(data_dir, work)
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(one) for one in found], default=str))
        return
    rows = [
        (
            one.model,
            str(one.effective_from),
            *(f"{value:,}" for value in (one.prompt_micros, one.cached_micros, one.completion_micros)),
        )
        for one in found
    ]
    tables.print_table(("MODEL", "FROM", "PROMPT MICROS", "CACHED MICROS", "COMPLETION MICROS"), rows)


@app.command("remove")
def remove_price(name: Organization, model: Model, effective_from: From, data_dir: DataDir = None) -> None:
    """Remove an entry: the one before it holds on, if there is one."""
    day = _day(effective_from)

    async def work(database: Database, _place: place.Place) -> None:
        await price_lists.remove_price(database, name, model, day, by=operators.operator())

    connected.on_database(data_dir, work)
    typer.echo(f"the price of {model} from {day} on is removed")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a date, such as 2026-01-31", param_hint="--from") from None
