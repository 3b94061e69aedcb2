"""The commands for sessions of those who are signed in."""

import json
from typing import Annotated

import typer

from server.cli import connected, place, tables
from server.cli.options import APP_OPTIONS, AsJson, DataDir
from server.process import operators
from server.store import session_lists
from server.store.database import Database
from server.store.session_lists import StoredSession
from server.tenancy import administration, signed_in

_HEADING = ("SESSION ID", "WHO", "KEY", "MAY", "SIGNED IN", "LAST USED", "ENDS")
app = typer.Typer(help="List and revoke sessions of those who are signed in.", **APP_OPTIONS)


@app.command("list")
def list_sessions(
    organization: Annotated[
        str, typer.Argument(metavar="ORGANIZATION", help="The organization whose sessions to list.")
    ],
    subject: Annotated[str, typer.Option(help="Only sessions of this subject, as `user:ada`.")] = "",
    key: Annotated[str, typer.Option(metavar="KEY_ID", help="Only sessions that come from this key.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The most to list.")] = 100,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List the good sessions of an organization, newest first."""

    async def work(database: Database, _place: place.Place) -> list[StoredSession]:
        owner = (await administration.organization(database, organization)).organization_id
        async with database.transaction(of=owner) as driver:
            return await session_lists.page(driver, owner, None, limit, subject=subject, key_id=key)

    found = connected.on_database(data_dir, work)
    if as_json:
        typer.echo(json.dumps([_session(one) for one in found]))
        return
    tables.print_table(_HEADING, [_row(one) for one in found])


@app.command("revoke")
def revoke_session(
    session_id: Annotated[
        str, typer.Argument(metavar="SESSION_ID", help="The session's id, as `sessions list` shows it.")
    ],
    data_dir: DataDir = None,
) -> None:
    """Revoke a session for good; servers refuse it within 10 seconds."""

    async def work(database: Database, _place: place.Place) -> None:
        await signed_in.end_anywhere(database, session_id, by=operators.operator())

    connected.on_database(data_dir, work)
    typer.echo(f"session {session_id} is revoked")


def _row(one: StoredSession) -> tuple[str, ...]:
    key = one.key
    return (
        key.key_id,
        key.owner,
        one.key_name or key.parent_key_id or "-",
        key.role or ",".join(key.scopes),
        tables.instant(key.created_at),
        tables.instant(key.last_used_at) if key.last_used_at else "never",
        tables.instant(key.ends_at) if key.ends_at else "never",
    )


def _session(one: StoredSession) -> dict[str, object]:
    key = one.key
    return {
        "session_id": key.key_id,
        "subject": key.owner,
        "key_id": key.parent_key_id,
        "key_name": one.key_name,
        "identity_issuer": key.identity.issuer if key.identity else None,
        "scopes": list(key.scopes),
        "role": key.role,
        "created_at": tables.iso(key.created_at),
        "last_used_at": tables.iso(key.last_used_at),
        "expires_at": tables.iso(key.expires_at),
        "idle_until": tables.iso(key.idle_until),
    }
