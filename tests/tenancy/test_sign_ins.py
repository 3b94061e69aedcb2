"""Sessions, one-time codes and embed tokens: what they may do, when they end, and what the gate keeps from them."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import grpc
import pytest

from server.app import Running
from server.organizations.api_key import KeyKind
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy import api_keys, authentication
from server.tenancy.principal import Scope
from tests.support import serving
from tests.support.rpcs import answers
from tests.support.serving import Accounts, Caller, holding
from tests.support.tiny_worlds import DAY, THE_DAY

READS = (Scope.READ, Scope.EVENTS, Scope.INGEST, Scope.BACKFILL)
HOST = "https://app.example.com"


async def one(caller: Caller, rpc: str, fields: Mapping[str, Any] | None = None) -> Any:
    (answer,) = await answers(caller, rpc, fields or {})
    return answer


async def why(caller: Caller, rpc: str, fields: Mapping[str, Any] | None = None) -> str:
    """The reason for which a call is refused."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await answers(caller, rpc, fields or {})
    return serving.refusal(refused.value).reason


async def signed_in(caller: Caller, **more: Any) -> Caller:
    answer = await one(holding(caller, "nothing"), "AccountService/SignIn", {"api_key": caller.key.secret, **more})
    return holding(caller, answer.credential)


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call looks its key up."""
    monkeypatch.setattr(authentication, "_FRESH_SECONDS", -1.0)


async def test_a_key_is_exchanged_for_a_session_that_reads(accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=READS)
    session = await signed_in(caller)
    told = (await one(session, "AccountService/GetSession")).session
    assert (told.kind, told.subject) == (2, f"key:{caller.key.key_id}")
    assert list(told.scopes) == ["events", "read"]
    assert told.organization.name == caller.name
    assert not told.organization.HasField("first_event_at")
    assert told.expires_at.ToDatetime() - told.organization.now.ToDatetime() > timedelta(days=6, hours=23)
    await caller.track(serving.event(at=DAY))
    told = (await one(session, "AccountService/GetSession")).session
    assert told.organization.first_event_at.ToDatetime().date() == DAY.date()
    assert told.organization.month_events == 1
    assert await why(session, "EventService/TrackEvent", {"event": serving.event()}) == "SCOPE_MISSING"


async def test_a_session_ends_with_its_sign_out_or_its_key(accounts: Accounts, forgetful: None) -> None:
    caller = await accounts.caller(scopes=READS)
    first, second = await signed_in(caller), await signed_in(caller)
    await one(first, "AccountService/SignOut")
    assert await why(first, "AccountService/GetSession") == "CREDENTIALS_INVALID"
    await one(second, "AccountService/GetSession")
    await one(caller, "AccountService/SignOut")  # which does nothing to a key
    await api_keys.revoke_key(accounts.database, caller.key.key_id)
    assert await why(second, "AccountService/GetSession") == "CREDENTIALS_INVALID"
    refusal = {"api_key": caller.key.secret}
    assert await why(caller, "AccountService/SignIn", refusal) == "CREDENTIALS_INVALID"


async def test_a_session_lasts_while_it_is_used(accounts: Accounts, forgetful: None) -> None:
    session = await signed_in(await accounts.caller(scopes=READS))
    key_id = (await one(session, "AccountService/GetSession")).session.session_id

    async def idle_for(hours: int) -> None:
        async with accounts.database.transaction(of=EVERY) as driver:
            statement = "UPDATE api_keys SET idle_until = idle_until - make_interval(hours => $2) WHERE key_id = $1"
            await driver.execute(statement, key_id, hours)

    for _ in range(3):  # 33 hours in all
        await idle_for(11)
        await one(session, "AccountService/GetSession")
    await idle_for(13)
    assert await why(session, "AccountService/GetSession") == "CREDENTIALS_INVALID"


async def test_calls_keep_a_session_awake_while_its_key_is_remembered(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication, "_AWAKE_EVERY", timedelta(0))
    monkeypatch.setattr(authentication, "_FRESH_SECONDS", 600.0)
    session = await signed_in(await accounts.caller(scopes=READS))
    seen = [(await one(session, "AccountService/GetSession")).session.idle_until.ToNanoseconds() for _ in range(3)]
    assert seen[0] < seen[1] < seen[2]


async def test_a_code_is_not_used_up_by_an_overloaded_service(
    accounts: Accounts, server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = await accounts.caller(scopes=READS)
    code = (await one(caller, "AccountService/CreateSignInCode")).code
    slots = server.services.accounts._queries._slots
    with monkeypatch.context() as full:
        full.setattr(slots, "_limit_each", 0)
        assert await why(caller, "AccountService/SignIn", {"code": code}) == "QUERY_CONCURRENCY"
    await one(caller, "AccountService/SignIn", {"code": code})


async def test_a_code_signs_in_once_and_does_nothing_else(accounts: Accounts, forgetful: None) -> None:
    caller = await accounts.caller(scopes=(Scope.ADMIN,))
    asked = {"scopes": ["read"], "subject": "ada@example.com"}
    code = (await one(caller, "AccountService/CreateSignInCode", asked)).code
    assert await why(holding(caller, code), "AccountService/GetSession") == "CREDENTIALS_INVALID"
    assert await why(caller, "AccountService/SignIn", {"api_key": code}) == "CREDENTIALS_INVALID"
    answer = await one(caller, "AccountService/SignIn", {"code": code})
    assert (answer.session.subject, list(answer.session.scopes)) == ("user:ada@example.com", ["read"])
    assert await why(caller, "AccountService/SignIn", {"code": code}) == "CREDENTIALS_INVALID"
    session = holding(caller, answer.credential)
    assert await why(session, "AccountService/CreateSignInCode") == "KEY_REQUIRED"
    assert await why(session, "AccountService/SignIn", {"api_key": answer.credential}) == "CREDENTIALS_INVALID"
    assert (await one(session, "AccountService/GetSession")).session.subject == "user:ada@example.com"


async def test_of_two_who_use_a_code_at_once_one_gets_in(accounts: Accounts, database: Database) -> None:
    caller = await accounts.caller(scopes=READS)
    code = (await one(caller, "AccountService/CreateSignInCode")).code
    both = await asyncio.gather(
        *(one(caller, "AccountService/SignIn", {"code": code}) for _ in range(2)), return_exceptions=True
    )
    assert sorted(isinstance(found, grpc.aio.AioRpcError) for found in both) == [False, True]
    async with database.transaction(of=EVERY) as driver:
        query = "SELECT count(*) FROM api_keys WHERE organization_id = $1 AND kind = $2"
        assert await driver.fetchval(query, caller.organization_id, KeyKind.SESSION.value) == 1


async def test_nobody_gets_more_than_the_key_has(accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=(Scope.READ,))
    for asked in ({"scopes": ["admin"]}, {"scopes": ["events"]}, {"subject": "ada"}):
        assert await why(caller, "AccountService/CreateSignInCode", asked) == "SCOPE_MISSING"
    sign_in = {"api_key": caller.key.secret, "scopes": ["events"]}
    assert await why(caller, "AccountService/SignIn", sign_in) == "SCOPE_MISSING"
    sender = await accounts.caller(scopes=(Scope.INGEST,))
    assert await why(sender, "AccountService/SignIn", {"api_key": sender.key.secret}) == "SCOPE_MISSING"
    assert await why(caller, "AccountService/SignIn") == "REQUIRED_FIELD"
    assert await why(caller, "AccountService/SignIn", {"api_key": "tw_nothing"}) == "CREDENTIALS_INVALID"


async def test_a_flood_of_bad_sign_ins_keeps_nobody_out(accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=READS)
    bad = [api_keys.new_key().secret for _ in range(80)]
    flood = asyncio.gather(*(why(caller, "AccountService/SignIn", {"api_key": key}) for key in bad))
    session = await signed_in(caller)
    assert set(await flood) == {"CREDENTIALS_INVALID"}
    await one(session, "AccountService/GetSession")
    assert await why(caller, "AccountService/SignIn", {"api_key": "x" * 13_000}) == "REQUEST_TOO_LARGE"


async def test_sign_ins_are_in_the_audit_trail_without_secrets(accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=(Scope.ADMIN,))
    session = await signed_in(caller)
    await one(caller, "AccountService/CreateSignInCode")
    await one(session, "AccountService/SignOut")
    entries = (await one(caller, "AuditService/ListAuditEntries")).entries
    told = [entry.action for entry in entries]
    assert told[:3] == ["session.ended", "sign_in_code.created", "session.created"]
    assert caller.key.secret not in str(entries)
    assert session.key.secret not in str(entries)
    assert entries[2].after["key"] == caller.key.key_id


async def embedded(caller: Caller, **fields: Any) -> Caller:
    answer = await one(caller, "AccountService/CreateEmbedToken", {"origins": [HOST], **fields})
    return holding(caller, answer.token)


async def test_an_embed_token_sees_its_part_and_nothing_else(accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=READS)
    await caller.track_all([serving.event(at=DAY, agent_id=agent) for agent in ("ada", "ada", "bob")])
    panel = await embedded(
        caller, filter={"agent_id": "ada"}, rpcs=["GetOverview", "GetRealtimeMetrics", "ListMetrics"]
    )
    overview = {"time_range": THE_DAY}
    assert (await one(panel, "MetricsService/GetOverview", overview)).overview.events == 2
    same = {**overview, "filter": {"dimensions": [{"dimension": "agent", "value": "ada"}]}}
    assert (await one(panel, "MetricsService/GetOverview", same)).overview.events == 2
    for other in ({"agent_id": "bob"}, {"channel": "web"}, {"agent_id": "ada", "channel": "web"}):
        assert await why(panel, "MetricsService/GetOverview", {**overview, "filter": other}) == "EMBED_NOT_ALLOWED"
    await one(panel, "RealtimeService/GetRealtimeMetrics")
    await one(panel, "MetricsService/ListMetrics")
    others = {"filter": {"agent_ids": ["ada", "bob"]}}
    assert await why(panel, "RealtimeService/GetRealtimeMetrics", others) == "EMBED_NOT_ALLOWED"
    for rpc in ("MetricsService/QueryMetrics", "DirectoryService/ListAgents", "AccountService/GetPreferences"):
        assert await why(panel, rpc) == "EMBED_NOT_ALLOWED"
    assert await why(panel, "AccountService/CreateEmbedToken", {"origins": [HOST]}) == "EMBED_NOT_ALLOWED"
    assert await why(panel, "DirectoryService/ListConversations") == "SCOPE_MISSING"
    told = (await one(panel, "AccountService/GetSession")).session
    assert (told.kind, told.subject, told.organization.name) == (3, "", "")
    assert (list(told.embed.origins), told.embed.filter.dimensions[0].value) == ([HOST], "ada")


async def test_an_embed_token_shows_nobody_one_by_one(accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=READS)
    await caller.track(serving.event(conversation_id="c1", user_id="u1", agent_id="ada"))
    panel = await embedded(caller, filter={"agent_id": "ada"})
    for holder, shown in ((caller, ["c1"]), (panel, [])):
        found = (await one(holder, "RealtimeService/GetRealtimeMetrics")).state
        assert [one.conversation_id for one in found.conversations] == shown
        watched = (await one(holder, "RealtimeService/WatchMetrics")).state
        assert [one.conversation_id for one in watched.conversations] == shown
        assert found.metrics.messages_today == watched.metrics.messages_today == 1
    table = {"time_range": THE_DAY, "metrics": ["events"]}
    await one(panel, "MetricsService/QueryMetrics", {**table, "group_by": ["agent"]})
    assert await why(panel, "MetricsService/QueryMetrics", {**table, "group_by": ["user"]}) == "EMBED_NOT_ALLOWED"
    whole = await embedded(caller)
    assert await why(whole, "MetricsService/QueryMetrics", {**table, "group_by": ["user"]}) == "EMBED_NOT_ALLOWED"


async def test_an_embed_token_ends_with_its_time_its_key_or_its_session(accounts: Accounts, forgetful: None) -> None:
    caller = await accounts.caller(scopes=READS)
    session = await signed_in(caller)
    by_key, by_session = await embedded(caller), await embedded(session)
    await one(by_session, "AccountService/GetSession")
    await one(session, "AccountService/SignOut")
    assert await why(by_session, "AccountService/GetSession") == "CREDENTIALS_INVALID"
    await one(by_key, "AccountService/GetSession")
    await api_keys.revoke_key(accounts.database, caller.key.key_id)
    assert await why(by_key, "AccountService/GetSession") == "CREDENTIALS_INVALID"
    token = by_key.key.secret
    middle = len(token) // 2
    forged = token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]
    assert await why(holding(caller, forged), "AccountService/GetSession") == "CREDENTIALS_INVALID"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "REQUIRED_FIELD"),
        ({"origins": ["https://a.example/path"]}, "INVALID_VALUE"),
        ({"origins": ["javascript:alert(1)"]}, "INVALID_VALUE"),
        ({"origins": ["https://*.example"], "rpcs": ["TrackEvent"]}, "INVALID_VALUE"),
        ({"origins": [HOST], "lifetime_seconds": 3601}, "VALUE_OUT_OF_RANGE"),
        ({"origins": [HOST], "lifetime_seconds": -1}, "VALUE_OUT_OF_RANGE"),
        ({"origins": [HOST] * 11}, "TOO_MANY_VALUES"),
        ({"origins": [HOST], "filter": {"dimensions": [{"dimension": "nothing", "value": "x"}]}}, "UNKNOWN_DIMENSION"),
    ],
)
async def test_embed_tokens_that_make_no_sense_are_refused(
    caller: Caller, fields: Mapping[str, Any], reason: str
) -> None:
    assert await why(caller, "AccountService/CreateEmbedToken", fields) == reason


async def test_preferences_belong_to_the_subject(accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=(Scope.ADMIN,))
    code = (await one(caller, "AccountService/CreateSignInCode", {"subject": "ada"})).code
    ada = holding(caller, (await one(caller, "AccountService/SignIn", {"code": code})).credential)
    own = {"time_zone": "europe/paris", "language": "pt-BR", "theme": 2, "shortcuts_off": True}
    changed = (await one(ada, "AccountService/UpdatePreferences", {"preferences": own})).preferences
    assert (changed.time_zone, changed.language, changed.theme) == ("Europe/Paris", "pt-BR", 2)
    light = {"preferences": {"theme": 1}, "update_mask": {"paths": ["theme"]}}
    await one(ada, "AccountService/UpdatePreferences", light)
    kept = (await one(ada, "AccountService/GetPreferences")).preferences
    assert (kept.time_zone, kept.theme, kept.shortcuts_off) == ("Europe/Paris", 1, True)
    assert not (await one(caller, "AccountService/GetPreferences")).preferences.ListFields()
    for wrong, reason in (
        ({"preferences": {"time_zone": "+05:45"}}, "INVALID_TIME_ZONE"),
        ({"preferences": {"language": "e n"}}, "INVALID_VALUE"),
        ({"preferences": {"theme": 9}}, "INVALID_ENUM"),
        ({"preferences": {}, "update_mask": {"paths": ["color"]}}, "INVALID_VALUE"),
    ):
        assert await why(ada, "AccountService/UpdatePreferences", wrong) == reason
