"""The commands for organizations."""

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from server.cli import connected, organization_deletions, place, setting_options, tables
from server.cli.options import APP_OPTIONS, AsJson, DataDir
from server.organizations.organization import Organization, OrganizationState
from server.organizations.settings import SETTINGS, OrganizationSettings
from server.process import operators, terminal
from server.store import address, organizations
from server.store.bi import logins
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy import administration, bi_logins

Name = Annotated[str, typer.Argument(metavar="NAME", help="The organization's name.")]
Bi = Annotated[
    bool | None,
    typer.Option(
        "--bi/--no-bi",
        help="A login by which tools for BI read the organization's figures from the database. Prints its URL once;"
        " again: with another password. --no-bi takes it away.",
    ),
]

_ALL = tuple(SETTINGS.values())
_CHANGEABLE = tuple(one for one in _ALL if one.changeable)
_LISTED = tuple((one, one.heading) for one in _ALL if one.heading is not None)

app = typer.Typer(help="Make, list, limit, suspend, revoke and delete organizations.", **APP_OPTIONS)


@app.command("create")
@setting_options.with_options(_ALL)
def create_organization(name: Name, data_dir: DataDir = None, as_json: AsJson = False, **typed: Any) -> None:
    """Make an organization."""
    chosen: dict[str, Any] = setting_options.parsed(_ALL, typed)

    async def work(database: Database, _place: place.Place) -> Organization:
        await administration.create_organization(
            database, name, OrganizationSettings(**chosen), by=operators.operator()
        )
        return await administration.organization(database, name)

    made = connected.on_database(data_dir, work)
    if as_json:
        typer.echo(json.dumps(_organization(made)))
    else:
        typer.echo(f"organization {made.name!r} made, with the id {made.organization_id}")


@app.command("set")
@setting_options.with_options(_CHANGEABLE)
def change(name: Name, bi: Bi = None, data_dir: DataDir = None, as_json: AsJson = False, **typed: Any) -> None:
    """Change settings of an organization.

    Servers follow within 10 seconds. `default` takes a setting back; secret keys replace those set before. With --bi
    alone, the URL is all that goes to standard output.
    """
    chosen = setting_options.parsed(_CHANGEABLE, typed)
    if not chosen and bi is None:
        raise typer.BadParameter("name at least one setting")

    async def work(database: Database, place: place.Place) -> _Changed:
        before = await administration.organization(database, name)
        if chosen:
            await administration.change_settings(database, name, chosen, by=operators.operator())
        url = None
        if bi:
            made = await bi_logins.give(database, name, by=operators.operator())
            url = address.of_login(place.database_url, made.role, made.password, made.database)
        elif bi is not None:
            await bi_logins.take(database, name, by=operators.operator())
        return _Changed(before=before, after=await administration.organization(database, name), bi_url=url)

    changed = connected.on_database(data_dir, work)
    if as_json:
        given = {} if changed.bi_url is None else {"bi_url": changed.bi_url}
        typer.echo(json.dumps({**_organization(changed.after), **given}))
        return
    if chosen:
        _show_changes(changed)
    if changed.bi_url is not None:
        terminal.note(f"the login of {name!r} for BI; its password is shown only now, and no earlier one is valid:")
        typer.echo(changed.bi_url)
    elif bi is not None:
        typer.echo(f"organization {name!r} has no login for BI")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Changed:
    """An organization before and after a change, and the URL of a login that was made or has a new password."""

    before: Organization
    after: Organization
    bi_url: str | None


def _show_changes(changed: _Changed) -> None:
    typer.echo(f"organization {changed.after.name!r}: {setting_options.shown(_CHANGEABLE, changed.after.settings)}")
    for pair in changed.before.settings.pairs:
        if pair not in changed.after.settings.pairs:
            typer.echo(f"figures by {pair} together are no longer kept, and workers remove them")


@app.command("list")
def list_organizations(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List all organizations."""

    async def work(database: Database, _place: place.Place) -> list[_Listed]:
        async with database.transaction(of=EVERY) as driver:
            found, used = await organizations.listed(driver), await organizations.events_of_month(driver)
            roles = await logins.roles(driver)
        return [
            _Listed(
                organization=one,
                events_of_month=used.get(one.organization_id, 0),
                bi_login=roles.get(one.organization_id),
            )
            for one in found
        ]

    found = connected.on_database(data_dir, work)
    if as_json:
        typer.echo(json.dumps([_shown(one) for one in found]))
        return
    heading = ("ID", "NAME", "STATE", *_headings(), "BI", "CREATED")
    tables.print_table(heading, list(map(_columns, found)))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    """An organization in the list, how many events it has stored in this month, and the role of its login for BI."""

    organization: Organization
    events_of_month: int
    bi_login: str | None


def _shown(one: _Listed) -> dict[str, object]:
    more = {"events_of_month": one.events_of_month, "bi_login": one.bi_login}
    return {**_organization(one.organization), **more}


def _headings() -> list[str]:
    found: list[str] = []
    for one, heading in _LISTED:
        found += [heading, "THIS MONTH"] if one.name == "monthly_events" else [heading]
    return found


def _columns(listed: _Listed) -> list[str]:
    one = listed.organization
    found = [str(one.organization_id), one.name, one.state.value]
    for setting, _ in _LISTED:
        found.append(setting.shown(getattr(one.settings, setting.name)))
        if setting.name == "monthly_events":
            found.append(f"{listed.events_of_month:,}")
    return [*found, "yes" if listed.bi_login else "-", tables.instant(one.created_at)]


@app.command("suspend")
def suspend(name: Name, data_dir: DataDir = None) -> None:
    """Refuse all calls of an organization until it is resumed."""
    _set_state(name, OrganizationState.SUSPENDED, data_dir)


@app.command("resume")
def resume(name: Name, data_dir: DataDir = None) -> None:
    """Let a suspended organization call again."""
    _set_state(name, OrganizationState.ACTIVE, data_dir)


@app.command("revoke")
def revoke_organization(name: Name, data_dir: DataDir = None) -> None:
    """Refuse all calls of an organization for good. Its data stays."""
    _set_state(name, OrganizationState.REVOKED, data_dir)


app.command("delete")(organization_deletions.delete)
app.command("restore")(organization_deletions.restore)
app.command("receipt")(organization_deletions.receipt)


def _set_state(name: str, state: OrganizationState, data_dir: Path | None) -> None:
    async def work(database: Database, _place: place.Place) -> None:
        await administration.set_state(database, name, state, by=operators.operator())

    connected.on_database(data_dir, work)
    typer.echo(f"organization {name!r} is {state.value}")


def _organization(one: Organization) -> dict[str, object]:
    return {
        "organization_id": one.organization_id,
        "name": one.name,
        "state": one.state.value,
        **dataclasses.asdict(one.settings),
        "created_at": tables.iso(one.created_at),
        "delete_after": tables.iso(one.delete_after),
    }
