"""The commands for mail that `up` and `demo` have caught."""

import json
from pathlib import Path
from typing import Annotated

import typer

from server import settings
from server.cli import tables
from server.cli.options import APP_OPTIONS, AsJson
from server.local import mail_catcher
from server.process import terminal
from server.web.caught_mail import CaughtMail

DataDir = Annotated[
    Path | None, typer.Option(help="The data folder of `up`, or of the demo. Default: TALLYWIRE_DATA_DIR.")
]

app = typer.Typer(help="Look at mail that `up` and `demo` have caught.", **APP_OPTIONS)


@app.command("list")
def list_mail(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List caught mail, the newest first.

    Without TALLYWIRE_SMTP nothing that `up` and `demo` send leaves the machine: the newest 500 mails are kept in the
    folder mail of their data folder.
    """
    found = mail_catcher.caught(_folder(data_dir))
    if as_json:
        typer.echo(json.dumps([_told(one) for one in found]))
        return
    if not found:
        typer.echo("no mail was caught")
        return
    rows = [[str(one.number), *(str(one.message[name] or "") for name in ("Date", "To", "Subject"))] for one in found]
    tables.print_table(["NUMBER", "DATE", "TO", "SUBJECT"], rows)


@app.command("show")
def show_mail(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Which one, as `mail list` numbers it.")],
    raw: Annotated[bool, typer.Option("--raw", help="Print it as it was sent.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Show a caught mail: its headers, its text and the names of its files."""
    found = {one.number: one.message for one in mail_catcher.caught(_folder(data_dir))}
    if number not in found:
        terminal.fail(f"no mail {number} was caught; `mail list` shows those there are")
    message = found[number]
    if raw:
        typer.echo(message.as_string())
        return
    for name, value in message.items():
        if name.lower() not in ("content-type", "content-transfer-encoding", "mime-version"):
            typer.echo(f"{name}: {value}")
    body = message.get_body(("plain", "html"))
    typer.echo("\n" + (body.get_content() if body is not None else ""))
    for part in message.iter_attachments():
        typer.echo(f"file: {part.get_filename()} ({part.get_content_type()})")


def _told(one: CaughtMail) -> dict[str, object]:
    return {"number": one.number, **{name.lower(): str(one.message[name]) for name in ("Date", "To", "Subject")}}


def _folder(data_dir: Path | None) -> Path:
    return (data_dir or settings.load().data_dir).expanduser().absolute()
