"""Tokens that a caller who may see the whole has made, in the hands of one who may see a part."""

from datetime import timedelta
from typing import Any

import grpc
import pytest

from server.organizations.restriction import Restriction
from server.tenancy.principal import Scope
from tests.support import serving
from tests.support.rpcs import answers
from tests.support.serving import Accounts, Caller
from tests.support.tiny_worlds import DAY

READS = (Scope.READ, Scope.EVENTS, Scope.INGEST, Scope.BACKFILL)
SALES = Restriction(dimension="team", values=("sales",))
TWO_DAYS = serving.period(DAY, DAY + timedelta(days=2))


async def one(caller: Caller, rpc: str, **fields: Any) -> Any:
    (answer,) = await answers(caller, rpc, fields)
    return answer


async def why(caller: Caller, rpc: str, **fields: Any) -> str:
    """The reason for which a call is refused; empty where it is not."""
    try:
        await answers(caller, rpc, fields)
    except grpc.aio.AioRpcError as error:
        return serving.refusal(error).reason
    return ""


@pytest.fixture
async def owner(accounts: Accounts) -> Caller:
    """An organization with two teams, and two of everything in each."""
    caller = await accounts.caller(scopes=(*READS, Scope.EDIT))
    some = [
        serving.event(
            kind,
            at=DAY + timedelta(minutes=number),
            event_id=f"{kind}-{team}-{number}",
            conversation_id=f"conversation-{team}-{number}",
            user_id=f"user-{team}-{number}",
            agent_id=f"agent-{team}-{number}",
            team_id=team,
            resource_id=f"lead-{team}-{number}" if kind == "lead.created" else "",
        )
        for kind in ("conversation.started", "message.sent", "lead.created", "agent.created")
        for team in ("sales", "support")
        for number in range(2)
    ]
    await caller.track_all(some)
    return caller


PAGES: dict[str, dict[str, Any]] = {
    "EventService/ListEvents": {"time_range": TWO_DAYS},
    "MetricsService/QueryMetrics": {"time_range": TWO_DAYS, "metrics": ["events"], "group_by": ["agent"]},
    "DirectoryService/ListAgents": {},
    "DirectoryService/ListConversations": {"time_range": TWO_DAYS, "time": 2},
    "DirectoryService/ListLeads": {},
}


@pytest.mark.parametrize("rpc", PAGES)
async def test_a_page_of_the_whole_does_not_go_on_for_a_part(rpc: str, owner: Caller, accounts: Accounts) -> None:
    manager = await accounts.another(owner, scopes=READS, restriction=SALES)
    asked = {**PAGES[rpc], "page_size": 1}
    whole = (await one(owner, rpc, **asked)).next_page_token
    assert whole
    assert await why(owner, rpc, **asked, page_token=whole) == ""
    assert await why(manager, rpc, **asked, page_token=whole) == "PAGE_TOKEN_MISMATCH"
    own = (await one(manager, rpc, **asked)).next_page_token
    assert own
    assert await why(manager, rpc, **asked, page_token=own) == ""
    assert await why(owner, rpc, **asked, page_token=own) == "PAGE_TOKEN_MISMATCH"


async def test_places_in_streams_and_files_of_the_whole_are_of_no_use_for_a_part(
    owner: Caller, accounts: Accounts
) -> None:
    manager = await accounts.another(owner, scopes=(*READS, Scope.EDIT), restriction=SALES)
    update = await one(owner, "RealtimeService/WatchUpdates")
    for token in (update.resume_token, update.resume_token[:-2] + "AA"):
        assert await why(manager, "RealtimeService/WatchUpdates", resume_after=token) == "RESUME_TOKEN_INVALID"
    with_events = await one(owner, "RealtimeService/WatchUpdates", include_events=True)
    reader = await accounts.another(owner, scopes=(Scope.READ,))
    resumed = {"resume_after": with_events.resume_token}
    assert await why(reader, "RealtimeService/WatchUpdates", **resumed) == "RESUME_TOKEN_INVALID"
    assert await why(reader, "RealtimeService/WatchUpdates", **resumed, include_events=True) == "SCOPE_MISSING"
    rows = {"format": 1, "events": {"time_range": TWO_DAYS}}
    assert await why(manager, "ExportService/ExportRows", **rows, resume_token="x") == "RESTRICTED"
    assert await why(manager, "DeliveryService/CreateDownloadLink", delivery_id="1") == "RESTRICTED"
