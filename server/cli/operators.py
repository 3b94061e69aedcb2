"""The commands for keys of operators."""

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from server.cli import connected, keys, place, tables
from server.cli.options import APP_OPTIONS, AsJson, DataDir
from server.organizations.operator_key import OperatorKey
from server.process import operators, terminal
from server.store import operator_keys as stored
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy import operator_keys
from server.tenancy.api_keys import NewKey
from server.tenancy.keyed_hashes import KeyedHashes

_NETWORKS = "A network that calls must come from, as 10.0.0.0/8; repeatable. Default: any."
app = typer.Typer(help="Make, list and revoke keys of operators.", **APP_OPTIONS)


@app.command("create")
def create_operator(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who or what the key is for; `operators list` shows it.")],
    network: Annotated[list[str] | None, typer.Option(metavar="CIDR", help=_NETWORKS)] = None,
    expires_in: Annotated[
        str | None,
        typer.Option(metavar="90d", help="How long the key is valid: 30m, 12h, 90d or 8w. Default: for ever."),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make an operator's key and print its secret.

    It may call AdminService for every organization, and nothing else. The secret is shown only this once, and is all
    that goes to standard output.
    """
    expires_at = keys.expiry(expires_in)

    async def work(database: Database, place: place.Place) -> NewKey:
        hashes = KeyedHashes(place.required_pepper())
        return await operator_keys.create(
            database, hashes, name, expires_at=expires_at, networks=network or (), by=operators.operator()
        )

    made = connected.on_database(data_dir, work)
    if as_json:
        told = {"key_id": made.key_id, "secret": made.secret, "expires_at": tables.iso(expires_at)}
        typer.echo(json.dumps(told))
        return
    terminal.note(f"operator's key {made.key_id}; its secret is shown only now:")
    typer.echo(made.secret)


@app.command("list")
def list_operators(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the keys of operators, without their secrets."""

    async def work(database: Database, _place: place.Place) -> list[OperatorKey]:
        async with database.transaction(of=EVERY) as driver:
            return await stored.listed(driver)

    found = connected.on_database(data_dir, work)
    if as_json:
        typer.echo(json.dumps([_json(one) for one in found]))
        return
    rows = [
        (
            one.key_id,
            one.name or "-",
            ",".join(one.networks) or "anywhere",
            _state(one),
            tables.instant(one.expires_at) if one.expires_at else "never",
            tables.instant(one.last_used_at) if one.last_used_at else "never",
            tables.instant(one.created_at),
        )
        for one in found
    ]
    tables.print_table(("KEY ID", "NAME", "FROM", "STATE", "EXPIRES", "LAST USED", "CREATED"), rows)


@app.command("revoke")
def revoke_operator(
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="The key's id, as `operators list` shows it.")],
    data_dir: DataDir = None,
) -> None:
    """Revoke an operator's key for good.

    Servers refuse it within 10 seconds.
    """

    async def work(database: Database, _place: place.Place) -> None:
        await operator_keys.revoke(database, key_id, by=operators.operator())

    connected.on_database(data_dir, work)
    typer.echo(f"operator's key {key_id} is revoked")


def _state(one: OperatorKey) -> str:
    if one.revoked_at is not None:
        return "revoked"
    return "active" if one.is_good(datetime.now(UTC)) else "expired"


def _json(one: OperatorKey) -> dict[str, object]:
    return {
        "key_id": one.key_id,
        "name": one.name,
        "networks": list(one.networks),
        "state": _state(one),
        "created_at": tables.iso(one.created_at),
        "expires_at": tables.iso(one.expires_at),
        "revoked_at": tables.iso(one.revoked_at),
        "last_used_at": tables.iso(one.last_used_at),
    }
