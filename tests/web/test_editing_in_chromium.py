"""What people change on the pages, in a browser against the real service: funnels, dashboards, a token, a user."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.app import Running
from server.settings import Settings
from server.store import erased_users
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy.principal import Scope
from server.web import pages
from server.web.running import RunningWeb
from tallywire.v1 import account_service_pb2, account_service_pb2_grpc
from tests.harness.pages import chromium
from tests.privacy import erasures
from tests.support import browsing, waiting
from tests.support.serving import Accounts, Caller, event

HOST = "http://localhost:47611"  # the page around the panel; nothing listens there
USER = "user-of-one-day"
AGENTS = 8


@pytest.fixture(scope="module")
async def web(settings: Settings, server: Running) -> AsyncIterator[RunningWeb]:
    """A web process with the pages as they are committed, whose panel a page of HOST may hold."""
    if missing := chromium.missing():
        if os.environ.get("TALLYWIRE_ALL_CLIENTS") and "chromium" not in missing:
            pytest.fail(missing)
        pytest.skip(missing)
    async with browsing.web(settings, server.address, pages.FOLDER, web_embed_origins=HOST) as running:
        yield running


async def _fill(caller: Caller) -> None:
    """Conversations of eight agents, of which every second one is resolved."""
    events = []
    for number in range(2 * AGENTS):
        about = {"conversation_id": f"c-{number}", "agent_id": f"agent-{number % AGENTS}", "user_id": f"user-{number}"}
        events.append(event("conversation.started", **about))
        events.append(event("message.received", **about))
        if number % 2:
            events.append(event("conversation.resolved", **about))
    events.append(event("message.received", user_id=USER))
    await caller.track_all(events)


async def _erase_as_workers_do(database: Database, organization_id: int) -> None:
    """Waits until somebody is to be erased in an organization, and does that."""
    found: list[erased_users.Erasure] = []

    async def begun() -> bool:
        async with database.transaction(of=EVERY) as driver:
            for owner, erasure_id in await erased_users.unfinished(driver):
                if owner == organization_id and (one := await erased_users.by_id(driver, owner, erasure_id)):
                    found.append(one)
        return bool(found)

    while True:
        try:
            await waiting.until(begun)
        except TimeoutError:
            continue  # The browser has other things to do first.
        break
    await erasures.run(database, found[0])


async def test_what_people_change(web: RunningWeb, accounts: Accounts, database: Database, tmp_path: Path) -> None:
    caller = await accounts.caller(scopes=(Scope.ADMIN,))
    await _fill(caller)
    worker = asyncio.create_task(_erase_as_workers_do(database, caller.organization_id))
    try:
        report = await chromium.report("editing", await browsing.link(caller, web), USER, str(tmp_path))
    finally:
        worker.cancel()
    assert (report["violations"], report["overflow"]) == ([], [])
    # A funnel: suggestions, the result at once, and the same once it is saved.
    assert {"conversation.started", "conversation.resolved"} <= set(report["suggested"])
    entered = [f"conversation.started {2 * AGENTS}", f"conversation.resolved {AGENTS}"]
    assert report["unsaved"] == report["saved"] == entered
    assert "Somebody else has saved “Service” meanwhile" in report["funnelConflict"]
    assert report["funnels"] == ["Leads", "Service"]
    # A dashboard: nobody's change is lost, and JSON brings the same one back.
    assert (report["kept"], report["copy"]) == ("Second", "Third")
    assert report["json"]["title"] == report["again"]["title"] == "Second"
    assert len(report["json"]["tiles"]) == report["again"]["tiles"] == 1
    assert float(report["large"].removesuffix("px")) > float(report["small"].removesuffix("px"))
    # Figures of another period stay until newer ones come, and say that they are old where none come.
    assert report["dimmed"] is report["staysOld"] is True
    assert "could not be loaded" in report["old"]
    assert report["rowsStay"] is True
    # Eight agents, six of them by name.
    assert report["top"].startswith(f"top 6 of {AGENTS}")
    assert [text.strip() for text in report["legend"]][-1] == "2 others"
    assert report["chosen"] == 2
    token, page, backend = report["snippets"]
    assert f"/embed/panel#t={token}" in page
    assert '["https://app.example.com"]' in backend
    # An erased user is on no page.
    assert (report["before"], report["activities"], report["after"]) == (1, 0, 0)
    assert report["person"] == f"There is no user {USER}."
    assert report["receipt"]


async def test_a_panel_goes_on_with_a_new_token(web: RunningWeb, accounts: Accounts) -> None:
    caller = await accounts.caller()
    await caller.track_all([event()])
    stub = account_service_pb2_grpc.AccountServiceStub(caller.channel)

    async def token(seconds: int) -> str:
        request = account_service_pb2.CreateEmbedTokenRequest(origins=[HOST], lifetime_seconds=seconds)
        made = await stub.CreateEmbedToken(request, metadata=caller.metadata, timeout=20)
        return str(made.token)

    # The first one ends within a minute, so that the panel asks for another one at once.
    first, second = await token(60), await token(3_600)
    report = await chromium.report("renewal", f"http://{web.address}", HOST, first, second)
    assert report["problems"] == []
    assert report["tokens"] == [f"Bearer {first}", f"Bearer {second}"]
    assert report["said"].count("tallywire:renew") == 1
    assert report["stale"] == 0
    assert "t=" not in report["address"]
