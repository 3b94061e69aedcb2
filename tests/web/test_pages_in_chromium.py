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
from tallywire import event
from tallywire.v1 import account_service_pb2, account_service_pb2_grpc
from tests.support import browsing
from tests.support.serving import Accounts, Caller, now

CLIENT = Path(__file__).parents[2] / "clients" / "web"
AGENT = "support-bot"
SCOPES = (Scope.READ, Scope.EVENTS, Scope.EDIT, Scope.INGEST, Scope.BACKFILL)
SCRIPT_BYTES, STYLE_BYTES = 90_000, 10_000  # of a cold overview, compressed


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


async def _fill(caller: Caller) -> None:
    """Nine days of conversations of two agents, the first with more of them."""
    events = []
    start = now() - timedelta(days=9)
    for day in range(9):
        for n, agent in enumerate((AGENT, AGENT, AGENT, "faq-bot")):
            at = start + timedelta(days=day, minutes=n)
            about: dict[str, Any] = {
                "agent_id": agent,
                "user_id": f"user-{n}",
                "conversation_id": f"c-{day}-{n}",
                "channel": "web",
            }
            events += [
                event("conversation.started", occurred_at=at, **about),
                event("message.received", occurred_at=at + timedelta(seconds=1), **about),
                event("message.sent", occurred_at=at + timedelta(seconds=3), response_time_ms=900 + day, **about),
                event("conversation.resolved", occurred_at=at + timedelta(seconds=9), topic="Refunds", **about),
            ]
    answer = await caller.track_all(events)
    assert len(answer.results) == len(events)


async def _link(caller: Caller, web: RunningWeb) -> str:
    stub = account_service_pb2_grpc.AccountServiceStub(caller.channel)
    made = await stub.CreateSignInCode(
        account_service_pb2.CreateSignInCodeRequest(), metadata=caller.metadata, timeout=20
    )
    return f"http://{web.address}/#code={made.code}"


async def test_the_pages_in_a_browser(web: RunningWeb, accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=SCOPES)
    await _fill(caller)
    link = await _link(caller, web)
    process = await asyncio.create_subprocess_exec(
        "node",
        "browser/walk.js",
        link,
        AGENT,
        cwd=CLIENT,
        env={**os.environ, "CHROMIUM": shutil.which("chromium") or "chromium"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    report = json.loads(output)
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
    # As a stranger
    assert walk["busiest"] == AGENT
    assert walk["figure"] == walk["figureOfRows"] == "72"
    assert walk["events"] == 4
    assert walk["tiles"] == ["Conversations: Agent", "Conversations"]
    assert not [text for text in walk["leftovers"] if "code=" in text or "tw_" in text]
