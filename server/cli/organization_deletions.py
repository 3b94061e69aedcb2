"""The commands for deletions of organizations."""

import json
import re
from datetime import timedelta
from typing import Annotated

import typer

from server.cli import connected, place, tables
from server.cli.options import AsJson, DataDir
from server.organizations.organization import Organization, OrganizationState
from server.process import operators
from server.store.database import Database
from server.store.organization_deletions import OrganizationDeletion
from server.tenancy import organization_deletions
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.organization_deletions import LONGEST_GRACE, DeletionReceipt

Name = Annotated[str, typer.Argument(metavar="NAME", help="The organization's name.")]
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def delete(
    name: Name,
    grace: Annotated[
        str, typer.Option(metavar="7d", help="For how long it can be taken back: 0m, 12h, 7d or 8w; at most 90d.")
    ] = "7d",
    data_dir: DataDir = None,
) -> None:
    """Refuse all calls of an organization, and after a grace remove it.

    Nothing of it is kept. Until then `organizations restore` takes it back; `organizations receipt` shows what was
    removed.
    """
    wait = _grace(grace)

    async def work(database: Database, _place: place.Place) -> Organization:
        return await organization_deletions.begin(database, name, wait, by=operators.operator())

    marked = connected.on_database(data_dir, work)
    at = "" if marked.delete_after is None else tables.iso(marked.delete_after)
    typer.echo(f"organization {name!r}, with the id {marked.organization_id}, is deleted after {at}")


def _grace(text: str) -> timedelta:
    found = re.fullmatch(r"([0-9]{1,6})([mhdw])", text)
    grace = None if found is None else timedelta(**{_UNITS[found[2]]: int(found[1])})
    if grace is None or grace > LONGEST_GRACE:
        text = f"{text!r} is not a time such as 0m, 12h, 7d or 8w, of at most 90d"
        raise typer.BadParameter(text, param_hint="--grace")
    return grace


def restore(name: Name, data_dir: DataDir = None) -> None:
    """Take the deletion of an organization back while its grace lasts."""

    async def work(database: Database, _place: place.Place) -> OrganizationState:
        return await organization_deletions.restore(database, name, by=operators.operator())

    state = connected.on_database(data_dir, work)
    typer.echo(f"organization {name!r} is {state.value}")


def receipt(name: Name, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show what was removed of the organization that had a name last."""

    async def work(database: Database, place: place.Place) -> tuple[OrganizationDeletion, DeletionReceipt | None]:
        hashes = KeyedHashes(place.required_pepper())
        found = await organization_deletions.found(database, name)
        return found, organization_deletions.receipt(hashes, found)

    deletion, made = connected.on_database(data_dir, work)
    if as_json:
        typer.echo(json.dumps(_told(deletion, made)))
        return
    typer.echo(f"organization {deletion.organization_id}, asked for at {tables.iso(deletion.asked_at)}")
    if made is None:
        typer.echo(f"not deleted yet; its grace ends at {tables.iso(deletion.delete_after)}")
        return
    typer.echo(f"deleted at {tables.iso(made.deleted_at)}, with {made.files:,} files of reports")
    tables.print_table(("TABLE", "ROWS"), [[table, f"{rows:,}"] for table, rows in made.rows.items()])
    typer.echo(f"signature {made.signature}")


def _told(deletion: OrganizationDeletion, made: DeletionReceipt | None) -> dict[str, object]:
    told: dict[str, object] = {
        "organization_id": deletion.organization_id,
        "name_sha256": deletion.name_digest.hex(),
        "asked_at": tables.iso(deletion.asked_at),
        "delete_after": tables.iso(deletion.delete_after),
        "deleted_at": None,
    }
    if made is None:
        return told
    done = {"deleted_at": tables.iso(made.deleted_at), "rows": dict(made.rows), "files": made.files}
    return {**told, **done, "signature": made.signature}
