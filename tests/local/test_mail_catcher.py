"""The catcher of `up` and `demo`: what is sent is kept, and can be looked at."""

import json
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from server import errors
from server.cli.main import app
from server.delivery.mail import AttachedFile, Letter, MailServer
from server.local import mail_catcher
from server.local.up import Site
from server.process import port
from tests.support import serving


def letter(title: str) -> Letter:
    return Letter(
        recipient="ada@example.org",
        receipt_id="dlv_1",
        title=title,
        text="All is well.",
        html="<p>All is well.</p>",
        refusal_url="http://127.0.0.1:8080/mail/x",
        at=serving.now(),
        attached=[AttachedFile(name="overview.pdf", media_type="application/pdf", content=b"%PDF")],
    )


async def test_what_is_caught_can_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listen = port.free_address("127.0.0.1:0", "TALLYWIRE_SMTP")
    monkeypatch.setattr(mail_catcher, "_KEPT", 2)

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["mail", *arguments, "--data-dir", str(tmp_path)])
        assert result.exit_code == 0, result.output
        return result.stdout

    assert run("list") == "no mail was caught\n"
    async with mail_catcher.running(tmp_path, listen):
        server = MailServer.of(mail_catcher.url(listen))
        for title in ("first", "second", "third"):
            assert await server.send(letter(title)) == "kept"
    newest, older = json.loads(run("list", "--json"))
    assert (newest["subject"], newest["to"], older["subject"]) == ("third", "ada@example.org", "second")
    assert "third" in run("list")
    shown = run("show", str(newest["number"]))
    for expected in ("Subject: third", "All is well.", "file: overview.pdf (application/pdf)"):
        assert expected in shown
    assert "Content-Disposition: attachment" in run("show", str(newest["number"]), "--raw")
    unknown = CliRunner().invoke(app, ["mail", "show", "1", "--data-dir", str(tmp_path)])
    assert unknown.exit_code == 1


async def test_nothing_is_caught_where_mail_is_sent(tmp_path: Path) -> None:
    async with mail_catcher.running(tmp_path, None):
        assert not (tmp_path / mail_catcher.FOLDER).exists()


async def test_a_taken_address_is_a_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(errors.SetupError, match="cannot catch mail"):
            async with mail_catcher.running(tmp_path, listen):
                pass


def test_servers_and_workers_know_the_catcher_and_pages_do_not(tmp_path: Path) -> None:
    site = Site(
        folder=tmp_path,
        listen="127.0.0.1:1",
        database_url="postgresql+asyncpg://x",
        redis_url="redis://x",
        key_pepper="p",
        embedded=True,
        drain_seconds=1,
        metrics_port=0,
        processes=1,
        web_listen="127.0.0.1:2",
        web_origin="http://127.0.0.1:2",
        mail_listen="127.0.0.1:3",
    )
    known = {one.role: one.environment for one in site.programs}
    for role in ("server", "worker"):
        assert known[role]["TALLYWIRE_SMTP"] == "smtp://127.0.0.1:3?from=tallywire@local.example"
        assert known[role]["TALLYWIRE_WEB_ORIGIN"] == "http://127.0.0.1:2"
    assert "TALLYWIRE_SMTP" not in known["web"]
