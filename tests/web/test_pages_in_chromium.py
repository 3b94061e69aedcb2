"""The pages in a browser, against the real service: by keyboard, as a stranger, and looked at with axe."""

import base64
import io
import os
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pypdf
import pytest

from server.app import Running
from server.settings import Settings
from server.tenancy.principal import Scope
from server.web import pages
from server.web.running import RunningWeb
from tallywire.v1 import event_pb2, time_pb2
from tests.harness.pages import chromium
from tests.support import browsing, company
from tests.support.rpcs import answers
from tests.support.serving import Accounts, Caller, now

SCOPES = (Scope.READ, Scope.EVENTS, Scope.EDIT, Scope.INGEST, Scope.BACKFILL)
SCRIPT_BYTES, STYLE_BYTES = 90_000, 10_000  # of a cold overview, compressed
BATCH = 1_000


@pytest.fixture(scope="module")
async def web(settings: Settings, server: Running) -> AsyncIterator[RunningWeb]:
    """A web process with the pages as they are committed."""
    if missing := chromium.missing():
        if os.environ.get("TALLYWIRE_ALL_CLIENTS") and "chromium" not in missing:
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


def _last_days(days: int) -> time_pb2.TimeRange:
    """The last days of UTC, today included: the page's period."""
    end = (now() + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    found = time_pb2.TimeRange(time_zone="UTC")
    found.start.FromDatetime(end - timedelta(days=days))
    found.end.FromDatetime(end)
    return found


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

    report = await chromium.report("stranger", way, await browsing.link(caller, web))

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
    report = await chromium.report("walk", await browsing.link(caller, web), company.BUSIEST)
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
    # Whole files by the service, of all conversations of the page's period.
    listed = await answers(
        caller, "DirectoryService/ListConversations", {"page_size": 500, "time_range": _last_days(28)}
    )
    assert walk["exportedRows"] == walk["exported"]["lines"] == len(listed[0].conversations)
    assert walk["exported"]["name"].startswith("conversations")
    assert walk["exportSays"].startswith(f"Complete: {walk['exportedRows']} rows.")
    assert "checksum of what came is right" in walk["exportSays"]
    assert walk["xlsx"] == "PK"
    assert walk["tiles"] == ["Conversations: Agent", "Conversations"]
    # On paper, each page with rows of a list has its head.
    paper = [one.extract_text() for one in pypdf.PdfReader(io.BytesIO(base64.b64decode(report["paper"]))).pages]
    with_rows = [text for text in paper if len(re.findall(r"\bc\d+\b", text)) > 5]
    assert len(with_rows) > 1
    assert all("Outcome" in text and "Duration" in text for text in with_rows)
    assert not [text for text in walk["leftovers"] if "code=" in text or "tw_" in text]
