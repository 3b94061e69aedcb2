"""The commands for API keys."""

import json
import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from server.cli import connected, place, tables
from server.cli.options import APP_OPTIONS, AsJson, DataDir
from server.organizations.api_key import ApiKey
from server.organizations.restriction import Restriction
from server.process import operators, terminal
from server.store import organizations
from server.store.database import Database
from server.tenancy import administration, api_keys, roles, sign_ins
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import Scope

_SCOPES = (
    "What the key may do; repeatable. ingest: send events. read: ask questions, watch figures. events: see raw events"
    " with their properties, on top of read. edit: change shared dashboards, alert rules and reports. backfill: send"
    " events of any age, on top of ingest. correct: correct and retract stored events. admin: everything."
)
_ROLES = (
    "A set of scopes by name, in place of --scope: "
    + "; ".join(f"{name}: {what}" for name, what in roles.DESCRIPTIONS.items())
    + "."
)
_RESTRICTIONS = (
    "The part of the organization that the key may see: some values of agent, channel or team, as team=sales."
    " Questions are narrowed to it, and what cannot be narrowed is refused."
)
_NETWORKS = "A network that calls must come from, as 10.0.0.0/8; repeatable. Default: any."
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
app = typer.Typer(help="Make, list and revoke API keys.", **APP_OPTIONS)


@app.command("create")
def create_key(
    organization: Annotated[str, typer.Argument(metavar="ORGANIZATION", help="The organization that gets the key.")],
    scope: Annotated[list[Scope] | None, typer.Option(help=_SCOPES)] = None,
    role: Annotated[str, typer.Option(help=_ROLES)] = "",
    restrict_to: Annotated[str, typer.Option(metavar="DIMENSION=VALUE,…", help=_RESTRICTIONS)] = "",
    network: Annotated[list[str] | None, typer.Option(metavar="CIDR", help=_NETWORKS)] = None,
    name: Annotated[str, typer.Option(help="What the key is for; `keys list` shows this.")] = "",
    expires_in: Annotated[
        str | None,
        typer.Option(metavar="90d", help="How long the key is valid: 30m, 12h, 90d or 8w. Default: for ever."),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key and print its secret.

    The secret is shown only this once, and is all that goes to standard output.
    """
    expires_at = expiry(expires_in)
    scopes = _scopes(scope or (), role)
    restriction = _restriction(restrict_to)

    async def work(database: Database, place: place.Place) -> api_keys.NewKey:
        hashes = KeyedHashes(place.required_pepper())
        return await api_keys.create_key(
            database,
            hashes,
            organization,
            name=name,
            scopes=scopes,
            expires_at=expires_at,
            role=role,
            restriction=restriction,
            networks=network or (),
            by=operators.operator(),
        )

    made = connected.on_database(data_dir, work)
    if as_json:
        until = tables.iso(expires_at)
        told = {"key_id": made.key_id, "secret": made.secret, "scopes": sorted(scopes), "expires_at": until}
        typer.echo(json.dumps(told))
        return
    terminal.note(f"key {made.key_id} of {organization!r}; its secret is shown only now:")
    typer.echo(made.secret)


@app.command("list")
def list_keys(
    organization: Annotated[str, typer.Argument(metavar="ORGANIZATION", help="The organization whose keys to list.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List the API keys of an organization, without their secrets."""

    async def work(database: Database, _place: place.Place) -> list[ApiKey]:
        owner = await administration.organization(database, organization)
        async with database.transaction(of=owner.organization_id) as driver:
            return list(await organizations.keys(driver, owner.organization_id))

    found = connected.on_database(data_dir, work)
    if as_json:
        typer.echo(json.dumps([_key(one) for one in found]))
        return
    heading = ("KEY ID", "NAME", "MAY", "SEES", "STATE", "EXPIRES", "LAST USED", "CREATED")
    rows = [
        (
            one.key_id,
            one.name or "-",
            one.role or ",".join(one.scopes),
            _sees(one),
            _key_state(one),
            tables.instant(one.expires_at) if one.expires_at else "never",
            tables.instant(one.last_used_at) if one.last_used_at else "never",
            tables.instant(one.created_at),
        )
        for one in found
    ]
    tables.print_table(heading, rows)


@app.command("link")
def sign_in_link(
    organization: Annotated[str, typer.Argument(metavar="ORGANIZATION", help="The organization to look at.")],
    data_dir: DataDir = None,
) -> None:
    """Print a link that signs somebody in to the pages once.

    It is good for 10 minutes. The session has the scopes of the organization's newest key that may read, without ingest
    and backfill, and ends with that key.
    """

    async def work(database: Database, place: place.Place) -> tuple[str, str] | None:
        hashes = KeyedHashes(place.required_pepper())
        code = await sign_ins.first_code(database, hashes, organization, operators.operator())
        return None if code is None else (place.web_origin, code.code)

    made = connected.on_database(data_dir, work)
    if made is None:
        terminal.fail(f"{organization!r} has no key that may read: make one with `keys create --scope read`")
    terminal.note("this link signs in once, within 10 minutes:")
    typer.echo(f"{made[0]}/#code={made[1]}")


@app.command("rotate")
def rotate_key(
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="The key's id, as `keys list` shows it.")],
    overlap: Annotated[
        str, typer.Option(metavar="1d", help="For how long the old key stays good: 30m, 12h, 90d or 8w.")
    ] = "1d",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Put a new key in the place of one that ends soon.

    The new key may do what the old one may. Its secret is shown only this once, and is all that goes to standard
    output.
    """
    ends_at = _instant_after(overlap, "--overlap")

    async def work(database: Database, place: place.Place) -> api_keys.NewKey:
        hashes = KeyedHashes(place.required_pepper())
        return await api_keys.rotate_key(database, hashes, key_id, old_ends_at=ends_at, by=operators.operator())

    made = connected.on_database(data_dir, work)
    if as_json:
        told = {"key_id": made.key_id, "secret": made.secret, "old_key_ends_at": tables.iso(ends_at)}
        typer.echo(json.dumps(told))
        return
    terminal.note(f"key {made.key_id} in place of {key_id}, which ends at {tables.instant(ends_at)}:")
    typer.echo(made.secret)


@app.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="The key's id, as `keys list` shows it.")],
    data_dir: DataDir = None,
) -> None:
    """Revoke an API key for good; servers refuse it within 10 seconds."""

    async def work(database: Database, _place: place.Place) -> None:
        await api_keys.revoke_key(database, key_id, by=operators.operator())

    connected.on_database(data_dir, work)
    typer.echo(f"key {key_id} is revoked")


def _key(one: ApiKey) -> dict[str, object]:
    return {
        "key_id": one.key_id,
        "name": one.name,
        "scopes": list(one.scopes),
        "role": one.role,
        "restriction": {one.restriction.dimension: list(one.restriction.values)} if one.restriction else None,
        "networks": list(one.networks),
        "last_used_at": tables.iso(one.last_used_at),
        "state": _key_state(one),
        "created_at": tables.iso(one.created_at),
        "expires_at": tables.iso(one.expires_at),
        "revoked_at": tables.iso(one.revoked_at),
    }


def _key_state(one: ApiKey) -> str:
    if one.revoked_at is not None:
        return "revoked"
    return "expired" if one.expires_at is not None and one.expires_at <= datetime.now(UTC) else "active"


def _sees(one: ApiKey) -> str:
    return f"{one.restriction.dimension}={','.join(one.restriction.values)}" if one.restriction else "everything"


def _scopes(chosen: Collection[Scope], role: str) -> frozenset[Scope]:
    """Returns the scopes of a key; raises BadParameter unless they are named, or a role is."""
    if bool(chosen) == bool(role):
        raise typer.BadParameter("say what the key may do: --scope, or --role, and not both", param_hint="--scope")
    if role and role not in roles.BUILT_IN:
        known = ", ".join(roles.BUILT_IN)
        raise typer.BadParameter(f"{role!r} is no role; these are: {known}", param_hint="--role")
    return roles.BUILT_IN[role] if role else frozenset(chosen)


def _restriction(text: str) -> Restriction | None:
    """Returns the restriction of a key; raises BadParameter."""
    if not text:
        return None
    dimension, equals, values = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} is not of the form team=sales", param_hint="--restrict-to")
    return Restriction(dimension=dimension, values=tuple(one for one in values.split(",") if one))


def expiry(text: str | None) -> datetime | None:
    return None if text is None else _instant_after(text, "--expires-in")


def _instant_after(text: str, option: str) -> datetime:
    """Returns the instant that far from now; raises BadParameter."""
    found = re.fullmatch(r"([1-9][0-9]{0,4})([mhdw])", text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is not a time such as 30m, 12h, 90d or 8w", param_hint=option)
    return datetime.now(UTC) + timedelta(**{_UNITS[found[2]]: int(found[1])})
