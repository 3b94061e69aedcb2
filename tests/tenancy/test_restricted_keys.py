"""Keys that are restricted to a part of their organization: every answer is about the part, or there is none."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict

from server.organizations.restriction import Restriction
from server.organizations.settings import OrganizationSettings
from server.rpc import restricting, services
from server.tenancy.api_keys import NewKey
from server.tenancy.principal import Scope
from tallywire.v1 import event_pb2
from tests.support import serving
from tests.support.rpcs import METHODS, answers
from tests.support.serving import Accounts, Caller
from tests.support.tiny_worlds import DAY

RIGHTS = (Scope.READ, Scope.EVENTS, Scope.EDIT, Scope.CORRECT, Scope.INGEST, Scope.BACKFILL)
PERIOD = serving.period(DAY, DAY + timedelta(days=2))
SALES = Restriction(dimension="team", values=("sales",))


def filtered(**more: Any) -> Callable[[str], dict[str, Any]]:
    return lambda team: {"time_range": PERIOD, "filter": {"team_id": team} if team else {}, **more}


def in_team(**more: Any) -> Callable[[str], dict[str, Any]]:
    return lambda team: {"team_id": team, **more}


# Each RPC that is narrowed: a request about a team, or without one.
NARROWED: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "MetricsService/GetOverview": filtered(),
    "MetricsService/GetAgentMetrics": in_team(time_range=PERIOD),
    "MetricsService/GetUsageTrends": filtered(metrics=["events"]),
    "MetricsService/QueryMetrics": filtered(metrics=["events", "unique_users"]),
    "MetricsService/GetApiUsage": filtered(),
    "MetricsService/GetQuality": filtered(),
    "MetricsService/GetCallMetrics": filtered(),
    "MetricsService/GetRoi": filtered(),
    "MetricsService/GetConversationMetrics": filtered(),
    "LeaderboardService/GetLeaderboard": in_team(time_range=PERIOD),
    "AnomalyService/ListAnomalies": filtered(metrics=["events"]),
    "AnomalyService/ListChanges": filtered(metrics=["events"], group_by=["agent"]),
    "EventService/ListEvents": filtered(),
    "DirectoryService/ListAgents": in_team(),
    "DirectoryService/ListConversations": in_team(time_range=PERIOD, time=2),
    "DirectoryService/ListLeads": in_team(),
    "ExportService/ExportMetrics": lambda team: {"format": 1, "overview": filtered()(team)},
    "ExportService/ExportRows": lambda team: {"format": 1, "events": filtered()(team)},
    "RealtimeService/GetRealtimeMetrics": lambda team: {"filter": of_team(team)},
    "RealtimeService/WatchMetrics": lambda team: {"filter": of_team(team)},
    "RealtimeService/WatchUpdates": lambda team: {"filter": of_team(team)},
    "AlertService/BacktestAlertRule": lambda team: {
        "rule": rule(team),
        "time_range": PERIOD,
        "include_observations": True,
    },
    "AccountService/CreateEmbedToken": lambda team: {
        "filter": {"team_id": team} if team else {},
        "origins": ["https://example.org"],
    },
}
# Which needs a longer history than there is here, and which is about now.
ELSEWHERE = {"ForecastService/GetForecast", "AlertService/TestAlertRule"}


def of_team(team: str) -> dict[str, Any]:
    return {"dimensions": [{"dimension": "team", "value": team}]} if team else {}


def rule(team: str) -> dict[str, Any]:
    """A rule about a team, or about what its caller may see."""
    return {
        "name": "Any",
        "metric": "events",
        "filter": {"team_id": team} if team else {},
        "window": {"seconds": 3600},
        "step": {"seconds": 900},
        "condition": {"value": {}, "direction": 1, "critical": 0.5},
    }


def event(team: str, number: int) -> event_pb2.Event:
    return serving.event(
        at=DAY + timedelta(hours=number),
        event_id=f"{team}-{number}",
        conversation_id=f"conversation of {team}",
        user_id=f"user {number}",
        agent_id="bot",
        team_id=team,
    )


def path(rpc: str) -> str:
    method = METHODS[rpc]
    return f"/{method.containing_service.full_name}/{method.name}"


@pytest.fixture
async def owner(accounts: Accounts) -> Caller:
    """An organization with two teams, of which one did more."""
    settings = OrganizationSettings(time_zone="UTC", pairs=("agent,team", "team,rubric"))
    caller = await accounts.caller(settings=settings.checked(), scopes=RIGHTS)
    await caller.track_all([*(event("sales", n) for n in range(3)), *(event("support", n) for n in range(5))])
    return caller


def shown(answer: list[Any]) -> list[Any]:
    """An answer without what tells one call from another."""
    for message in answer:
        fields = message.DESCRIPTOR.fields_by_name
        for holder in (message, getattr(message, "header", None)):
            if holder is not None and "context" in holder.DESCRIPTOR.fields_by_name:
                for name in ("restriction", "as_of_time"):
                    holder.context.ClearField(name)
        for name in ("token", "expires_at", "rows_tokens"):
            if name in fields:
                message.ClearField(name)
    return answer


def test_every_narrowed_rpc_is_tried() -> None:
    assert {path(rpc) for rpc in (*NARROWED, *ELSEWHERE)} == restricting.NARROWED


def test_open_rpcs_are_those_of_the_contract() -> None:
    assert services.SCOPES.keys() >= restricting.OPEN | restricting.WITHIN
    assert not restricting.OPEN & restricting.NARROWED
    assert not restricting.WITHIN & (restricting.OPEN | restricting.NARROWED)


@pytest.mark.parametrize("rpc", [rpc for rpc in NARROWED if not rpc.startswith(("RealtimeService", "AccountService"))])
async def test_an_answer_is_that_about_the_part(rpc: str, owner: Caller, accounts: Accounts) -> None:
    manager = await accounts.another(owner, scopes=RIGHTS, restriction=SALES)
    make = NARROWED[rpc]
    asked_for = shown(await answers(owner, rpc, make("sales")))
    assert shown(await answers(manager, rpc, make(""))) == asked_for
    assert shown(await answers(manager, rpc, make("sales"))) == asked_for


# What differs between two organizations, or two calls.
_OF_A_CALL = {
    "context",
    "nextPageToken",
    "resumeToken",
    "receivedAt",
    "revision",
    "fileName",
    "data",
    "sha256",
    "bytes",
}


def without_marks(value: Any) -> Any:
    """A message as JSON, without what tells two organizations with the same events apart."""
    if isinstance(value, dict):
        return {name: without_marks(one) for name, one in value.items() if name not in _OF_A_CALL}
    return [without_marks(one) for one in value] if isinstance(value, list) else value


async def test_an_answer_tells_nothing_that_other_parts_have_an_influence_on(owner: Caller, accounts: Accounts) -> None:
    settings = OrganizationSettings(time_zone="UTC", pairs=("agent,team", "team,rubric"))
    alone = await accounts.caller(settings=settings.checked(), scopes=RIGHTS)
    await alone.track_all([event("sales", n) for n in range(3)])
    managers = [await accounts.another(one, scopes=RIGHTS, restriction=SALES) for one in (owner, alone)]
    more = [("LeaderboardService/GetLeaderboard", in_team(time_range=PERIOD, subject=one)) for one in (1, 2)]
    for rpc, make in [*NARROWED.items(), *more]:
        if not rpc.startswith(("RealtimeService", "AccountService")):
            found = [[MessageToDict(one) for one in await answers(manager, rpc, make(""))] for manager in managers]
            assert without_marks(found[0]) == without_marks(found[1]), rpc


@pytest.mark.parametrize("rpc", NARROWED)
async def test_another_part_is_refused(rpc: str, owner: Caller, accounts: Accounts) -> None:
    manager = await accounts.another(owner, scopes=RIGHTS, restriction=SALES)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await answers(manager, rpc, NARROWED[rpc]("support"))
    assert serving.refusal(refused.value).reason == "RESTRICTED"


async def test_of_several_values_a_question_names_one(owner: Caller, accounts: Accounts) -> None:
    both = Restriction(dimension="team", values=("sales", "support"))
    manager = await accounts.another(owner, scopes=RIGHTS, restriction=both)
    rpc = "MetricsService/GetOverview"
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await answers(manager, rpc, NARROWED[rpc](""))
    assert serving.info(refused.value) == {"dimension": "team", "values": "sales, support"}
    [answer] = await answers(manager, rpc, NARROWED[rpc]("support"))
    assert answer.overview.events == 5
    assert list(answer.context.restriction.values) == ["sales", "support"]


async def test_totals_are_those_of_the_part_and_say_so(owner: Caller, accounts: Accounts) -> None:
    manager = await accounts.another(owner, scopes=RIGHTS, restriction=SALES)
    [answer] = await answers(manager, "MetricsService/GetOverview", NARROWED["MetricsService/GetOverview"](""))
    assert answer.overview.events == 3
    assert (answer.context.restriction.dimension, list(answer.context.restriction.values)) == ("team", ["sales"])
    [answer] = await answers(owner, "MetricsService/GetOverview", NARROWED["MetricsService/GetOverview"](""))
    assert answer.overview.events == 8
    assert not answer.context.HasField("restriction")


FOR_RESTRICTED = restricting.NARROWED | restricting.OPEN | restricting.WITHIN


@pytest.mark.parametrize("rpc", [rpc for rpc in METHODS if path(rpc) in services.SCOPES.keys() - FOR_RESTRICTED])
async def test_what_is_about_the_whole_is_refused(rpc: str, owner: Caller, accounts: Accounts) -> None:
    needs = services.SCOPES[path(rpc)]
    manager = await accounts.another(owner, scopes=RIGHTS, restriction=SALES)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await answers(manager, rpc, {})
    assert serving.refusal(refused.value).reason == ("SCOPE_MISSING" if needs is Scope.ADMIN else "RESTRICTED")


async def test_tokens_of_rows_are_not_taken(owner: Caller, accounts: Accounts) -> None:
    question = {**NARROWED["MetricsService/GetOverview"](""), "include_rows_tokens": True}
    [answer] = await answers(owner, "MetricsService/GetOverview", question)
    manager = await accounts.another(owner, scopes=RIGHTS, restriction=SALES)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await answers(manager, "EventService/ListEvents", {"rows_token": answer.rows_tokens["events"].token})
    assert serving.refusal(refused.value).reason == "RESTRICTED"
    [answer] = await answers(manager, "MetricsService/GetOverview", question)
    assert not answer.rows_tokens


async def test_what_comes_from_a_key_is_restricted_as_well(owner: Caller, accounts: Accounts) -> None:
    manager = await accounts.another(owner, scopes=RIGHTS, restriction=SALES)
    [signed_in] = await answers(manager, "AccountService/SignIn", {"api_key": manager.key.secret})
    assert list(signed_in.session.restriction.values) == ["sales"]
    [code] = await answers(manager, "AccountService/CreateSignInCode", {})
    [by_code] = await answers(manager, "AccountService/SignIn", {"code": code.code})
    [embedded] = await answers(manager, "AccountService/CreateEmbedToken", {"origins": ["https://example.org"]})
    for credential in (signed_in.credential, by_code.credential, embedded.token):
        other = replace(manager, key=NewKey(key_id="", secret=credential))
        [answer] = await answers(other, "MetricsService/GetOverview", NARROWED["MetricsService/GetOverview"](""))
        assert answer.overview.events == 3


async def test_a_key_is_tied_to_networks(owner: Caller, accounts: Accounts) -> None:
    near = await accounts.another(owner, scopes=RIGHTS, networks=["127.0.0.0/8", "::1"])
    far = await accounts.another(owner, scopes=RIGHTS, networks=["192.0.2.0/24"])
    await answers(near, "MetricsService/GetOverview", {"time_range": PERIOD})
    for rpc, fields in (
        ("MetricsService/GetOverview", {"time_range": PERIOD}),
        ("RealtimeService/WatchMetrics", {}),
        ("EventService/TrackEvent", {"event": event("sales", 9)}),
        ("EventService/StreamEvents", {"batch": {"sequence": 1, "events": [event("sales", 9)]}}),
        ("AccountService/SignIn", {"api_key": far.key.secret}),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await answers(far, rpc, fields)
        assert serving.refusal(refused.value)[:2] == ("PERMISSION_DENIED", "NETWORK_NOT_ALLOWED")


EXPORTED = [
    (rpc, one.name, one.message_type.full_name)
    for rpc in ("ExportService/ExportMetrics", "ExportService/ExportRows")
    for one in METHODS[rpc].input_type.oneofs[0].fields
]


@pytest.mark.parametrize(("rpc", "chosen", "message"), EXPORTED)
async def test_what_is_exported_is_for_whom_its_own_rpc_is(
    accounts: Accounts, owner: Caller, rpc: str, chosen: str, message: str
) -> None:
    """The question within an export is let through, narrowed or refused as if it was asked by itself."""
    (own,) = [name for name, method in METHODS.items() if method.input_type.full_name == message]
    restricted = await accounts.another(owner, scopes=RIGHTS, restriction=SALES)
    reasons = [await why(restricted, asked, fields) for asked, fields in ((own, {}), (rpc, {"format": 1, chosen: {}}))]
    is_for_restricted = path(own) in restricting.NARROWED
    # Nobody who is restricted has the scope of some, which is looked at first.
    is_refused = [reason in ("RESTRICTED", "SCOPE_MISSING") for reason in reasons]
    assert is_refused == [not is_for_restricted] * 2, reasons
    if is_for_restricted:
        fields = NARROWED[own]("support")
        assert await why(restricted, own, fields) == "RESTRICTED"
        assert await why(restricted, rpc, {"format": 1, chosen: fields}) == "RESTRICTED"


def test_questions_of_exports_are_requests_of_rpcs() -> None:
    assert {message for _, _, message in EXPORTED} <= {method.input_type.full_name for method in METHODS.values()}


async def why(caller: Caller, rpc: str, fields: Mapping[str, Any]) -> str:
    try:
        await answers(caller, rpc, fields)
    except grpc.aio.AioRpcError as error:
        return serving.refusal(error).reason
    return ""
