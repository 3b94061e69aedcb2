"""The commands for the audit trail: who administered what, and whether the record of that is whole."""

import dataclasses
import json
import re
import sys
from typing import Annotated

import typer

from server.cli import connected, place, tables
from server.cli.options import APP_OPTIONS, AsJson, DataDir
from server.cli.tasks import organization_id
from server.organizations.audit_trail import Chosen, KeptEntry, hashed_form
from server.process import terminal
from server.store.database import Database, Purpose
from server.store.isolation import EVERY
from server.tenancy import audit_trail
from server.tenancy.audit_trail import Verified

BROKEN = 3  # exit code: the chain is not whole
_PAGE = 500
app = typer.Typer(help="List and verify what was administered, by whom and when.", **APP_OPTIONS)

Owner = Annotated[
    str | None,
    typer.Argument(
        metavar="[ORGANIZATION]", help="Whose trail. Default: that of the service itself.", show_default=False
    ),
]


@app.command("list")
def list_entries(
    organization: Owner = None,
    action: Annotated[
        str | None, typer.Option(metavar="PREFIX", help="Only actions that begin like this, as in `key.`.")
    ] = None,
    actor: Annotated[str | None, typer.Option(metavar="ID", help="Only of this operator or API key.")] = None,
    subject: Annotated[str | None, typer.Option(metavar="ID", help="Only what was done to this.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="The most to list.")] = 50,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List entries of the audit trail, the newest first."""
    chosen = Chosen(actor_id=actor, actions=action, subject=subject)

    async def work(database: Database, _place: place.Place) -> list[KeptEntry]:
        owner = await organization_id(database, organization)
        found: list[KeptEntry] = []
        before: int | None = None
        async with database.snapshot(of=EVERY) as driver:
            while len(found) < limit:
                size = min(_PAGE, limit - len(found))
                page = await audit_trail.page(driver, owner, chosen, before=before, size=size)
                found += page.entries
                if (before := page.before) is None:
                    break
        return found

    found = connected.on_database(data_dir, work)
    if as_json:
        typer.echo(json.dumps([_json(one) for one in found]))
        return
    heading = ("NUMBER", "AT", "ACTOR", "ACTION", "SUBJECT", "BEFORE", "AFTER")
    tables.print_table(heading, [_row(one) for one in found])


@app.command("export")
def export_entries(organization: Owner = None, data_dir: DataDir = None) -> None:
    """Write all entries, for others to verify.

    The oldest comes first, each as a line of JSON: what was hashed, as it was hashed, and its SHA-256. The
    documentation has a program of a few lines that verifies such a file, and one that was exported over gRPC.
    """

    async def work(database: Database, _place: place.Place) -> None:
        owner = await organization_id(database, organization)
        async with database.snapshot(Purpose.OTHER, of=owner) as driver:
            async for one in audit_trail.every(driver, owner):
                told = {"number": one.number, "hash": one.hash.hex(), "hashed": hashed_form(one)}
                sys.stdout.write(json.dumps(told) + "\n")

    connected.on_database(data_dir, work)


@app.command("verify")
def verify_chain(
    organization: Owner = None,
    known: Annotated[
        str | None,
        typer.Option(metavar="NUMBER:HASH", help="An entry that was noted earlier, which must still be the same."),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Verify that no entry of an audit trail was changed or removed.

    The chain of hashes is worked out again from the oldest entry that is kept. Whoever can write to the database could
    make a whole chain anew: so note the last entry, as the output names it, outside of the database, and give it with
    --known later. The exit code is 0 if the trail is whole, else 3.
    """
    noted = _noted(known)

    async def work(database: Database, _place: place.Place) -> Verified:
        return await audit_trail.verify(database, await organization_id(database, organization), noted)

    done = connected.on_database(data_dir, work)
    if as_json:
        typer.echo(json.dumps({**dataclasses.asdict(done), "hash": done.hash.hex()}))
    else:
        last = f"; the last one is {done.number}:{done.hash.hex()}" if done.number else ""
        removed = f", {done.removed:,} before them are no longer kept" if done.removed else ""
        typer.echo(f"{done.entries:,} entries{removed}{last}")
        for one in done.findings:
            terminal.note(f"entry {one.number}: {_FAULTS[one.fault]}")
    raise typer.Exit(BROKEN if done.faults else 0)


_FAULTS = {
    audit_trail.ChainFault.CONTENT: "it was changed, its hash is not that of what it says",
    audit_trail.ChainFault.LINK: "it does not follow from the entry before it",
    audit_trail.ChainFault.MISSING: "it is missing",
    audit_trail.ChainFault.KNOWN: "it is not the one that was noted",
}


def _noted(known: str | None) -> tuple[int, bytes] | None:
    if known is None:
        return None
    found = re.fullmatch(r"([0-9]{1,18}):([0-9a-f]{64})", known)
    if found is None:
        raise typer.BadParameter(f"{known!r} is not NUMBER:HASH, as this command prints it", param_hint="--known")
    return int(found[1]), bytes.fromhex(found[2])


def _row(one: KeptEntry) -> tuple[str, ...]:
    return (
        str(one.number),
        tables.instant(one.at),
        f"{one.actor.kind.value} {one.actor.id}".strip(),
        one.action,
        one.subject or "-",
        one.before or "-",
        one.after or "-",
    )


def _json(one: KeptEntry) -> dict[str, object]:
    return {
        "number": one.number,
        "at": one.at.isoformat(),
        "actor": {"kind": one.actor.kind.value, "id": one.actor.id, "peer": one.actor.peer},
        "action": one.action,
        "subject": one.subject,
        "before": json.loads(one.before) if one.before else None,
        "after": json.loads(one.after) if one.after else None,
        "hash": one.hash.hex(),
        "hashed": hashed_form(one),
    }
