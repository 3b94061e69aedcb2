"""The commands for organizations and API keys."""

import dataclasses
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from server.cli import option_values, place
from server.organizations.api_key import ApiKey
from server.organizations.organization import Organization, OrganizationState
from server.organizations.settings import OrganizationSettings
from server.process import serving, terminal
from server.store import diagnosis
from server.store import organizations as stored
from server.store.database import Database
from server.tenancy import administration, api_keys
from server.tenancy import pseudonyms as tenancy_pseudonyms
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.limits import UNLIMITED
from server.tenancy.principal import Scope

_Result = TypeVar("_Result")

DataDir = Annotated[
    Path | None,
    typer.Option(
        help="Work on the `up` that runs in this folder. Default: DATABASE_URL, or the `up` of the usual folder."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
SecretKeys = Annotated[
    list[str] | None,
    typer.Option(
        "--secret-key",
        metavar="NAME",
        help="A key of properties whose values are never stored, beside those that name secrets anyway; repeatable.",
    ),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The organization's name.")]

OPTIONS: dict[str, Any] = {
    "no_args_is_help": True,
    "add_completion": False,
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}
_SCOPES = (
    "What it may do; may be repeated. ingest: send events. read: ask questions, watch figures. events: see raw events"
    " with their properties, on top of read. backfill: send events of any age, on top of ingest. admin: everything."
)
organizations = typer.Typer(help="Make, list, limit, suspend, resume and revoke organizations.", **OPTIONS)
keys = typer.Typer(help="Make, list and revoke API keys.", **OPTIONS)
pseudonyms = typer.Typer(help="Forget the key of pseudonyms.", **OPTIONS)


@organizations.command("create")
def create_organization(
    name: Name,
    time_zone: Annotated[str, typer.Option(help="IANA zone of its days where a question names none.")] = "UTC",
    event_retention_days: Annotated[
        int | None, typer.Option(min=1, max=36500, help="Keep raw events that long; metrics stay. Default: for ever.")
    ] = None,
    key_retention_days: Annotated[
        int | None, typer.Option(min=1, max=36500, help="Recognize repeated events that long. Default: for ever.")
    ] = None,
    keep_user_details: Annotated[
        bool, typer.Option("--keep-user-details", help="Keep what events say of users beside their ids.")
    ] = False,
    storage_rate_micros: Annotated[
        int | None, typer.Option(min=0, max=2**62, help="Price of storage per GiB and 30 days, in millionths.")
    ] = None,
    bandwidth_rate_micros: Annotated[
        int | None, typer.Option(min=0, max=2**62, help="Price of bandwidth per GiB, in millionths.")
    ] = None,
    secret_key: SecretKeys = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make an organization."""
    chosen = OrganizationSettings(
        time_zone=time_zone,
        event_retention_days=event_retention_days,
        key_retention_days=key_retention_days,
        keep_user_details=keep_user_details,
        secret_keys=option_values.secret_keys(secret_key or ()),
        storage_rate_micros=storage_rate_micros,
        bandwidth_rate_micros=bandwidth_rate_micros,
    )

    async def work(database: Database, _place: place.Place) -> Organization:
        await administration.create_organization(database, name, chosen)
        return await administration.organization(database, name)

    made = _on_database(data_dir, work)
    if as_json:
        typer.echo(json.dumps(_organization(made)))
    else:
        typer.echo(f"organization {made.name!r} made, with the id {made.organization_id}")


@organizations.command("set")
def change(
    name: Name,
    events_per_second: Annotated[
        str | None, typer.Option(metavar="N", help="Events it may send per second: a number, unlimited or default.")
    ] = None,
    burst: Annotated[
        str | None, typer.Option(metavar="N", help="Events that it may send at once after a rest: a number or default.")
    ] = None,
    monthly_events: Annotated[
        str | None,
        typer.Option(metavar="N", help="Events it may store in a month of UTC: a number, unlimited or default."),
    ] = None,
    weight: Annotated[
        int | None, typer.Option(min=1, max=100, help="Its share where organizations compete; 1 unless set.")
    ] = None,
    secret_key: SecretKeys = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Set limits and secret keys of an organization.

    Servers follow within 10 seconds. The keys given replace earlier ones; `default` takes them back.
    """
    chosen: dict[str, int | Sequence[str] | None] = {}
    if events_per_second is not None:
        chosen["events_per_second"] = option_values.limit("--events-per-second", events_per_second, most=2**31 - 1)
    if burst is not None:
        chosen["burst_events"] = option_values.limit("--burst", burst, most=2**31 - 1, may_be_unlimited=False)
    if monthly_events is not None:
        chosen["monthly_events"] = option_values.limit("--monthly-events", monthly_events, most=2**62)
    if weight is not None:
        chosen["weight"] = weight
    if secret_key:
        chosen["secret_keys"] = [] if secret_key == ["default"] else list(option_values.secret_keys(secret_key))
    if not chosen:
        raise typer.BadParameter("name at least one setting")

    async def work(database: Database, _place: place.Place) -> Organization:
        await administration.change_settings(database, name, chosen)
        return await administration.organization(database, name)

    changed = _on_database(data_dir, work)
    if as_json:
        typer.echo(json.dumps(_organization(changed)))
    else:
        typer.echo(f"organization {changed.name!r}: {_limits(changed)}")


@organizations.command("list")
def list_organizations(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List all organizations."""

    async def work(database: Database, _place: place.Place) -> tuple[list[Organization], dict[int, int]]:
        async with database.transaction() as connection:
            return await stored.listed(connection), await stored.events_of_month(connection)

    found, used = _on_database(data_dir, work)
    if as_json:
        typer.echo(
            json.dumps([{**_organization(one), "events_of_month": used.get(one.organization_id, 0)} for one in found])
        )
        return
    heading = (
        "ID",
        "NAME",
        "STATE",
        "TIME ZONE",
        "EVENTS KEPT",
        "KEYS KEPT",
        "PER SECOND",
        "PER MONTH",
        "THIS MONTH",
        "WEIGHT",
        "CREATED",
    )
    _print_table(
        heading,
        [
            (
                str(one.organization_id),
                one.name,
                one.state.value,
                one.settings.time_zone,
                _days(one.settings.event_retention_days),
                _days(one.settings.key_retention_days),
                _limit(one.settings.events_per_second),
                _limit(one.settings.monthly_events),
                f"{used.get(one.organization_id, 0):,}",
                str(one.settings.weight),
                _instant(one.created_at),
            )
            for one in found
        ],
    )


@organizations.command("suspend")
def suspend(name: Name, data_dir: DataDir = None) -> None:
    """Refuse all calls of an organization until it is resumed."""
    _set_state(name, OrganizationState.SUSPENDED, data_dir)


@organizations.command("resume")
def resume(name: Name, data_dir: DataDir = None) -> None:
    """Let a suspended organization call again."""
    _set_state(name, OrganizationState.ACTIVE, data_dir)


@organizations.command("revoke")
def revoke_organization(name: Name, data_dir: DataDir = None) -> None:
    """Refuse all calls of an organization for good. Its data stays."""
    _set_state(name, OrganizationState.REVOKED, data_dir)


@keys.command("create")
def create_key(
    organization: Annotated[str, typer.Argument(metavar="ORGANIZATION", help="Whose key it is.")],
    scope: Annotated[list[Scope], typer.Option(help=_SCOPES)],
    name: Annotated[str, typer.Option(help="What it is for, as `keys list` shows it.")] = "",
    expires_in: Annotated[str | None, typer.Option(metavar="90d", help="30m, 12h, 90d or 8w. Default: never.")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key. Its secret is printed now, alone on standard output, and never again."""
    expires_at = option_values.expiry(expires_in)

    async def work(database: Database, place: place.Place) -> api_keys.NewKey:
        hashes = KeyedHashes(place.required_pepper())
        return await api_keys.create_key(
            database, hashes, organization, name=name, scopes=set(scope), expires_at=expires_at
        )

    made = _on_database(data_dir, work)
    if as_json:
        until = _iso(expires_at)
        scopes = sorted(set(scope))
        typer.echo(json.dumps({"key_id": made.key_id, "secret": made.secret, "scopes": scopes, "expires_at": until}))
        return
    terminal.note(f"key {made.key_id} of {organization!r}; its secret is shown only now:")
    typer.echo(made.secret)


@keys.command("list")
def list_keys(
    organization: Annotated[str, typer.Argument(metavar="ORGANIZATION", help="Whose keys.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List the API keys of an organization, without their secrets."""

    async def work(database: Database, _place: place.Place) -> list[ApiKey]:
        owner = await administration.organization(database, organization)
        async with database.transaction() as connection:
            return list(await stored.keys(connection, owner.organization_id))

    found = _on_database(data_dir, work)
    if as_json:
        typer.echo(json.dumps([_key(one) for one in found]))
        return
    heading = ("KEY ID", "NAME", "SCOPES", "STATE", "EXPIRES", "CREATED")
    rows = [
        (
            one.key_id,
            one.name or "-",
            ",".join(one.scopes),
            _key_state(one),
            _instant(one.expires_at) if one.expires_at else "never",
            _instant(one.created_at),
        )
        for one in found
    ]
    _print_table(heading, rows)


@keys.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="Its id, as `keys list` shows it.")],
    data_dir: DataDir = None,
) -> None:
    """Revoke an API key for good; servers refuse it within 10 seconds."""

    async def work(database: Database, _place: place.Place) -> None:
        await api_keys.revoke_key(database, key_id)

    _on_database(data_dir, work)
    typer.echo(f"key {key_id} is revoked")


@pseudonyms.command("forget")
def forget_pseudonyms(data_dir: DataDir = None) -> None:
    """Give e-mail addresses new pseudonyms, after their key was lost.

    The next server that starts decides on the key. Users who are known by an e-mail address count as new from then on.
    """

    async def work(database: Database, _place: place.Place) -> None:
        await tenancy_pseudonyms.forget_pseudonyms(database)

    _on_database(data_dir, work)
    typer.echo("the next server that starts decides on the key of pseudonyms")


def _set_state(name: str, state: OrganizationState, data_dir: Path | None) -> None:
    async def work(database: Database, _place: place.Place) -> None:
        await administration.set_state(database, name, state)

    _on_database(data_dir, work)
    typer.echo(f"organization {name!r} is {state.value}")


def _on_database(data_dir: Path | None, work: Callable[[Database, place.Place], Awaitable[_Result]]) -> _Result:
    """Does the work on the database of the place that is meant."""

    async def connected(place: place.Place) -> _Result:
        async with diagnosis.database(place.database_url) as database:
            return await work(database, place)

    with terminal.reported():
        return serving.run(connected(place.place(data_dir)))


def _limit(value: int | None) -> str:
    return "default" if value is None else "unlimited" if value == UNLIMITED else f"{value:,}"


def _limits(one: Organization) -> str:
    chosen = one.settings
    keys = f", secret keys {', '.join(chosen.secret_keys)}" if chosen.secret_keys else ""
    burst = "" if chosen.burst_events is None else f" (up to {chosen.burst_events:,} at once)"
    return (
        f"events per second {_limit(chosen.events_per_second)}{burst}, per month {_limit(chosen.monthly_events)},"
        f" weight {chosen.weight}{keys}"
    )


def _organization(one: Organization) -> dict[str, object]:
    return {
        "organization_id": one.organization_id,
        "name": one.name,
        "state": one.state.value,
        **dataclasses.asdict(one.settings),
        "created_at": _iso(one.created_at),
    }


def _key(one: ApiKey) -> dict[str, object]:
    return {
        "key_id": one.key_id,
        "name": one.name,
        "scopes": list(one.scopes),
        "state": _key_state(one),
        "created_at": _iso(one.created_at),
        "expires_at": _iso(one.expires_at),
        "revoked_at": _iso(one.revoked_at),
    }


def _key_state(one: ApiKey) -> str:
    if one.revoked_at is not None:
        return "revoked"
    return "expired" if one.expires_at is not None and one.expires_at <= datetime.now(UTC) else "active"


def _print_table(heading: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in (heading, *rows)) for column in range(len(heading))]
    for row in (heading, *rows):
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _days(days: int | None) -> str:
    return "for ever" if days is None else f"{days} days"


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def _iso(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="seconds") if at else None
