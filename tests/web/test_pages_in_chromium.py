"""The pages in a browser, against the real service: by keyboard, as a stranger, and looked at with axe."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from server.app import Running
from server.settings import Settings
from server.tenancy.principal import Scope
from server.web import pages
from server.web.running import RunningWeb
from tallywire.v1 import account_service_pb2, account_service_pb2_grpc, event_pb2
from tests.support import browsing, company
from tests.support.serving import Accounts, Caller, now

CLIENT = Path(__file__).parents[2] / "clients" / "web"
SCOPES = (Scope.READ, Scope.EVENTS, Scope.EDIT, Scope.INGEST, Scope.BACKFILL)
SCRIPT_BYTES, STYLE_BYTES = 90_000, 10_000  # of a cold overview, compressed
BATCH = 1_000


def _missing() -> str:
    """What a test in a browser needs beside the browser, and is not here."""
    if shutil.which("node") is None:
        return "node is not on PATH"
    if not (CLIENT / "node_modules" / "playwright-core").is_dir():
        return "clients/web has no node_modules: run npm ci there"
    return ""


@pytest.fixture(scope="module")
async def web(settings: Settings, server: Running) -> AsyncIterator[RunningWeb]:
    """A web process with the pages as they are committed."""
    if shutil.which("chromium") is None:
        pytest.skip("chromium is not on PATH")
    if missing := _missing():
        if os.environ.get("TALLYWIRE_ALL_CLIENTS"):
            pytest.fail(missing)
        pytest.skip(missing)
    async with browsing.web(settings, server.address, pages.FOLDER) as running:
        yield running


async def _fill(caller: Caller) -> list[event_pb2.Event]:
    """Two weeks of a company whose busiest agent resolves fewer conversations in the second one."""
    events = list(company.events(now()))
    for start in range(0, len(events), BATCH):
        await caller.track_all(events[start : start + BATCH])
    return events


async def _link(caller: Caller, web: RunningWeb) -> str:
    stub = account_service_pb2_grpc.AccountServiceStub(caller.channel)
    made = await stub.CreateSignInCode(
        account_service_pb2.CreateSignInCodeRequest(), metadata=caller.metadata, timeout=20
    )
    return f"http://{web.address}/#code={made.code}"


async def _browse(script: str, *arguments: str) -> Any:
    """Runs a script of clients/web/browser and returns its report."""
    process = await asyncio.create_subprocess_exec(
        "node",
        f"browser/{script}.js",
        *arguments,
        cwd=CLIENT,
        env={**os.environ, "CHROMIUM": shutil.which("chromium") or "chromium"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return json.loads(output)


def _lost(events: list[event_pb2.Event]) -> set[str]:
    """The conversations that the busiest agent handed over for want of knowledge, in the last seven days of UTC."""
    begin = (now() - timedelta(days=6)).replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        one.conversation_id
        for one in events
        if one.event_type == "conversation.escalated"
        and one.conversation.handoff_reason == company.REASON
        and one.occurred_at.seconds >= begin.timestamp()
    }


@pytest.mark.parametrize("way", ["mouse", "keyboard"])
async def test_a_stranger_finds_why_resolution_fell(web: RunningWeb, accounts: Accounts, way: str) -> None:
    caller = await accounts.caller(scopes=SCOPES)
    lost = _lost(await _fill(caller))

    report = await _browse("stranger", way, await _link(caller, web))

    assert report["problems"] == []
    assert "code=" not in report["address"]
    assert report["agent"] == f"Support bot {company.BUSIEST}"
    assert "▼" in report["resolution"]
    assert "worse" in report["resolution"]
    assert report["outcome"] == "escalated"
    assert report["causes"][0] == company.TROUBLE
    assert report["causes"][-1] == company.REASON
    # The conversations behind it, one of them, and all of them as a file.
    assert report["outcomes"] == ["Escalated"]
    assert any(company.REASON in line for line in report["timeline"])
    head, *rows = report["lines"]
    assert head.startswith("Conversation,Outcome,Agent")
    in_file = {row.partition(",")[0] for row in rows}
    assert len(rows) == report["rows"] == len(in_file)
    assert lost <= in_file
    assert report["file"].startswith("conversations_")
    # And as a tile of a new dashboard.
    assert report["tiles"] == [f"Conversations · {company.BUSIEST} · {company.TROUBLE}"]
    assert set(report["inTile"]) == {"Escalated"}


async def test_the_pages_in_a_browser(web: RunningWeb, accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=SCOPES)
    events = await _fill(caller)
    report = await _browse("walk", await _link(caller, web), company.BUSIEST)
    walk = report["walk"]
    assert (report["violations"], report["overflow"], report["problems"]) == ([], [], [])
    assert report["bytes"]["script"] <= SCRIPT_BYTES
    assert report["bytes"]["style"] <= STYLE_BYTES
    # By keyboard
    assert "Conversations" in walk["reading"]
    assert walk["focusAfterNavigation"] == "H1"
    assert walk["order"].startswith("Messages")
    assert walk["file"].startswith("agents_")
    assert walk["file"].endswith(".csv")
    # The rows behind a figure, in the page and in its file, which has those of all its pages.
    messages = sum(one.event_type in {"message.received", "message.sent"} for one in events)
    assert walk["figure"] == walk["figureOfRows"] == str(messages) == str(walk["rowsOfFile"])
    assert walk["tiles"] == ["Conversations: Agent", "Conversations"]
    assert not [text for text in walk["leftovers"] if "code=" in text or "tw_" in text]
