"""The command for the key of pseudonyms."""

import typer

from server.cli import connected, place
from server.cli.options import APP_OPTIONS, DataDir
from server.process import operators
from server.store.database import Database
from server.tenancy import pseudonyms

app = typer.Typer(help="Forget the key of pseudonyms.", **APP_OPTIONS)


@app.command("forget")
def forget_pseudonyms(data_dir: DataDir = None) -> None:
    """Give e-mail addresses new pseudonyms, after their key was lost.

    The next server that starts chooses the key. From then on, users who are known by an e-mail address count as new.
    """

    async def work(database: Database, _place: place.Place) -> None:
        await pseudonyms.forget_pseudonyms(database, by=operators.operator())

    connected.on_database(data_dir, work)
    typer.echo("the next server that starts decides on the key of pseudonyms")
