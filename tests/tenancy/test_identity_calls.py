"""Calls with identity tokens: they do what their role allows, are told apart from keys, and end with their token."""

import json
import pathlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple

import grpc
import pytest
from google.protobuf import message_factory
from structlog.testing import capture_logs

from server import errors, log_throttle
from server.clock import Clock
from server.organizations.restriction import Restriction
from server.settings import Settings
from server.store import memberships
from server.store.database import Database
from server.tenancy import authentication, bad_credentials, identities, key_sets
from server.tenancy.api_keys import NewKey
from tallywire.v1 import account_service_pb2, audit_service_pb2, realtime_service_pb2
from tests.support import identity_provider, serving, waiting
from tests.support.identity_provider import Provider
from tests.support.rpcs import METHODS, answers
from tests.support.serving import Accounts, Caller

SALES = Restriction(dimension="team", values=("sales",))
ROLES = 'role_claim = "role"\nroles = {admin = "admin", editor = "editor", viewer = "viewer"}'


class Signed(NamedTuple):
    """The provider of an organization, and a server that trusts it."""

    provider: Provider
    caller: Caller  # by an API key

    def by(self, token: str) -> Caller:
        """The same organization, by a token."""
        return replace(self.caller, key=NewKey(key_id="", secret=token))

    def token(self, role: str = "viewer", **claims: Any) -> str:
        return self.provider.token(role=role, **claims)

    async def answer(self, rpc: str, token: str, **fields: Any) -> Any:
        [found] = await answers(self.by(token), rpc, fields)
        return found

    async def reason(self, rpc: str, token: str, **fields: Any) -> str:
        """Why a call is refused; empty where it is not."""
        try:
            await self.answer(rpc, token, **fields)
        except grpc.aio.AioRpcError as error:
            return serving.refusal(error).reason
        return ""


def file(folder: pathlib.Path, table: dict[str, Any], more: str) -> pathlib.Path:
    path = folder / "providers.toml"
    lines = [f"{name} = {json.dumps(value)}" for name, value in table.items()]
    path.write_text("\n".join(["[providers.ours]", *lines, more]))
    return path


@pytest.fixture
async def signed(settings: Settings, accounts: Accounts, tmp_path: pathlib.Path) -> AsyncIterator[Signed]:
    caller = await accounts.caller()
    async with identity_provider.running() as provider:
        table = {**provider.table, "organization": caller.name, "leeway_seconds": 0, "teams_claim": "teams"}
        path = file(tmp_path, table, f'unrestricted_roles = ["admin", "editor", "viewer"]\n{ROLES}')
        async with (
            serving.running(settings, identity_providers=path) as server,
            grpc.aio.insecure_channel(server.address) as channel,
        ):
            yield Signed(provider, serving.through(caller, channel))


async def test_a_caller_is_told_who_it_is(signed: Signed) -> None:
    session = (await signed.answer("AccountService/GetSession", signed.token("editor"))).session
    assert session.kind == account_service_pb2.CREDENTIAL_KIND_IDENTITY_TOKEN
    assert session.session_id.startswith("oidc:")
    assert session.subject.startswith("user:oidc:")
    assert session.subject.endswith(":ada")
    assert list(session.scopes) == ["edit", "events", "read"]
    assert (session.role, session.organization.name) == ("editor", signed.caller.name)
    assert session.HasField("expires_at")


async def test_personal_things_belong_to_the_person(signed: Signed) -> None:
    rpc = "AccountService/UpdatePreferences"
    await signed.answer(rpc, signed.token(), preferences={"language": "de"}, update_mask={"paths": ["language"]})
    found = [
        (await signed.answer("AccountService/GetPreferences", token)).preferences.language
        for token in (signed.token(jti="another"), signed.token(sub="bob"), signed.caller.key.secret)
    ]
    assert found == ["de", "", ""]


async def test_a_role_is_all_that_a_caller_has(signed: Signed) -> None:
    assert await signed.reason("EventService/TrackEvent", signed.token("admin"), event=serving.event()) == ""
    for role in ("viewer", "editor"):
        reason = await signed.reason("EventService/TrackEvent", signed.token(role), event=serving.event())
        assert reason == "SCOPE_MISSING"
    assert await signed.reason("AuditService/ListAuditEntries", signed.token("editor")) == "SCOPE_MISSING"
    assert await signed.reason("AccountService/GetSession", signed.token("root")) == "NO_ROLE"


async def test_what_needs_a_stored_key_is_refused(signed: Signed) -> None:
    admin = signed.token("admin")
    assert await signed.reason("AccountService/CreateSignInCode", admin) == "KEY_REQUIRED"
    rpc, origins = "AccountService/CreateEmbedToken", ["https://app.example.com"]
    assert await signed.reason(rpc, admin, origins=origins) == "KEY_REQUIRED"
    assert await signed.reason("AccountService/SignIn", admin, api_key=admin[:512]) == "CREDENTIALS_INVALID"


async def test_people_of_a_provider_see_and_end_their_sessions(signed: Signed) -> None:
    here, elsewhere, other = [
        (
            await signed.answer("AccountService/SignIn", "none", identity_token=signed.token("admin", **claims))
        ).credential
        for claims in ({}, {"jti": "another"}, {"sub": "bob"})
    ]
    [mine, first] = (await signed.answer("AccountService/ListOwnSessions", elsewhere)).sessions
    assert (mine.is_current, first.is_current, mine.key_id, mine.role) == (True, False, "", "admin")
    assert mine.identity_issuer == signed.provider.table["issuer"]
    assert len((await signed.answer("AccountService/ListOwnSessions", signed.token())).sessions) == 2
    bobs = (await signed.answer("AccountService/ListOwnSessions", other)).sessions[0].session_id
    assert await signed.reason("AccountService/RevokeOwnSession", here, session_id=bobs) == "SESSION_NOT_FOUND"
    assert (await signed.answer("AccountService/RevokeOtherSessions", here)).revoked_count == 1
    await waiting.until(lambda: _is_over(signed, elsewhere))
    assert await signed.reason("AdminService/RevokeSession", here, session_id=bobs) == ""
    await waiting.until(lambda: _is_over(signed, other))
    # A key that somebody makes ends neither with their token nor with their session.
    for credential in (here, signed.token("admin")):
        made = await signed.answer("AdminService/CreateKey", credential, key={"scopes": ["read"]})
        assert not made.key.HasField("expires_at")


async def _is_over(signed: Signed, credential: str) -> bool:
    return await signed.reason("AccountService/GetSession", credential) == "CREDENTIALS_INVALID"


async def test_a_token_signs_in(signed: Signed) -> None:
    rpc = "AccountService/SignIn"
    made = await signed.answer(rpc, "none", identity_token=signed.token("editor"))
    assert made.session.kind == account_service_pb2.CREDENTIAL_KIND_SESSION
    session = (await signed.answer("AccountService/GetSession", made.credential)).session
    assert (session.role, session.subject) == ("editor", made.session.subject)
    origins = ["https://app.example.com"]
    panel = await signed.answer("AccountService/CreateEmbedToken", made.credential, origins=origins)
    assert await signed.reason("AccountService/GetSession", panel.token) == ""
    assert await signed.reason("AccountService/CreateSignInCode", made.credential) == "KEY_REQUIRED"
    await signed.answer("AccountService/SignOut", made.credential)
    for bad in (
        {"identity_token": signed.token(aud="somebody")},
        {"identity_token": signed.caller.key.secret},
        {"identity_token": made.credential},
        {"api_key": signed.token("editor")[:512]},
    ):
        assert await signed.reason(rpc, "none", **bad) == "CREDENTIALS_INVALID"
    assert await signed.reason(rpc, "none", identity_token="x" * 8_193) == "FIELD_TOO_LONG"
    assert await signed.reason(rpc, "none", identity_token=signed.token("root")) == "NO_ROLE"


async def test_no_code_can_name_the_holder_of_a_token(signed: Signed, accounts: Accounts) -> None:
    session = (await signed.answer("AccountService/GetSession", signed.token())).session
    admin = await accounts.another(signed.caller, scopes=("admin",))  # type: ignore[arg-type]
    rpc, name = "AccountService/CreateSignInCode", session.subject.removeprefix("user:")
    error = await serving.refused(answers(admin, rpc, {"subject": name}))
    assert serving.refusal(error) == ("INVALID_ARGUMENT", "INVALID_VALUE", "subject", False)


async def test_the_audit_trail_tells_who_it_was(signed: Signed) -> None:
    admin = signed.token("admin")
    await signed.answer("PrivacyService/EraseUser", admin, user_id="somebody", request_id=serving.uuid7())
    request = {"actor_kind": audit_service_pb2.ACTOR_KIND_IDENTITY}
    page = await signed.answer("AuditService/ListAuditEntries", admin, **request)
    [entry] = page.entries
    assert entry.actor_id == f"ada|{signed.provider.issuer}"
    assert entry.peer == "127.0.0.1"
    assert entry.action == "user.erasure_begun"


async def test_bad_tokens_cost_their_sender_only(signed: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bad_credentials, "BAD_PER_WINDOW", 20)
    rpc = "AccountService/GetSession"
    reasons = [await signed.reason(rpc, signed.token(aud=f"{number}")) for number in range(30)]
    assert reasons == ["CREDENTIALS_INVALID"] * 20 + ["AUTH_RATE_LIMIT"] * 10
    assert await signed.reason(rpc, signed.token()) == ""
    assert await signed.reason(rpc, signed.caller.key.secret) == ""
    assert await signed.reason(rpc, "tw_no") == "CREDENTIALS_INVALID"


async def test_a_provider_that_is_away_is_no_fault_of_the_caller(
    signed: Signed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_sets, "_AGAIN_SECONDS", 0.1)
    signed.provider.is_away = True
    token = signed.token(kid="next", key=identity_provider.new_key())
    error = await serving.refused(answers(signed.by(token), "AccountService/GetSession", {}))
    expected = ("UNAVAILABLE", "IDENTITY_PROVIDER_UNAVAILABLE", "", True)
    assert serving.refusal(error) == expected


async def test_a_stream_ends_with_its_token(signed: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    caller = signed.by(signed.token())
    watch = caller.channel.unary_stream(
        "/tallywire.v1.RealtimeService/WatchMetrics",
        realtime_service_pb2.WatchMetricsRequest.SerializeToString,
        realtime_service_pb2.WatchMetricsResponse.FromString,
    )
    call = watch(realtime_service_pb2.WatchMetricsRequest(), metadata=caller.metadata, timeout=60)
    got = 0

    async def read() -> None:
        nonlocal got
        async for _ in call:
            got += 1
            monkeypatch.setattr(Clock, "now", lambda _: serving.now() + timedelta(minutes=11))

    ended = await serving.refused(read())
    assert serving.refusal(ended).reason == "CREDENTIALS_INVALID"
    assert "has expired" in (ended.details() or "")
    assert got > 0


def stream(caller: Caller, rpc: str, fields: dict[str, Any]) -> Any:
    """A stream of answers, which the test reads."""
    method = METHODS[rpc]
    make, read = (message_factory.GetMessageClass(one) for one in (method.input_type, method.output_type))
    path = f"/{method.containing_service.full_name}/{method.name}"
    call = caller.channel.unary_stream(path, make.SerializeToString, read.FromString)
    return call(make(**fields), metadata=caller.metadata, timeout=60)


async def rest(call: Any) -> None:
    """Reads a stream to its end."""
    while await call.read() is not grpc.aio.EOF:
        pass


async def put(caller: Caller, database: Database, role: str, restriction: Restriction | None = None) -> None:
    async with database.transaction(of=caller.organization_id) as driver:
        await memberships.put_member(driver, caller.organization_id, "ada", "Ada", role, restriction)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is remembered of people."""
    monkeypatch.setattr(identities, "_FRESH_SECONDS", -1.0)
    monkeypatch.setattr(authentication, "_FRESH_SECONDS", -1.0)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    ("rpc", "fields", "role", "restriction", "reason"),
    [
        ("RealtimeService/WatchMetrics", {}, "analyst", SALES, "RESTRICTED"),
        ("RealtimeService/WatchUpdates", {}, "analyst", SALES, "RESTRICTED"),
        ("RealtimeService/WatchUpdates", {"include_events": True}, "viewer", None, "SCOPE_MISSING"),
        ("AlertService/WatchAlerts", {}, "analyst", SALES, "RESTRICTED"),
    ],
)
async def test_a_stream_ends_where_its_holder_may_see_less(
    signed: Signed,
    database: Database,
    rpc: str,
    fields: dict[str, Any],
    role: str,
    restriction: Restriction | None,
    reason: str,
) -> None:
    await put(signed.caller, database, "analyst")
    session = await signed.answer("AccountService/SignIn", signed.token(), identity_token=signed.token(sub="ada"))
    for credential in (signed.token(sub="ada"), session.credential):
        await put(signed.caller, database, "analyst")
        call = stream(signed.by(credential), rpc, fields)
        await call.read()
        await put(signed.caller, database, role, restriction)
        ended = await serving.refused(rest(call))
        assert serving.refusal(ended).reason == reason


@pytest.mark.usefixtures("at_once")
async def test_a_stream_goes_on_where_its_holder_may_see_what_it_shows(signed: Signed, database: Database) -> None:
    await put(signed.caller, database, "analyst", Restriction(dimension="team", values=("sales",)))
    call = stream(signed.by(signed.token(sub="ada")), "RealtimeService/WatchMetrics", {})
    await call.read()
    await put(signed.caller, database, "viewer")
    for number in range(2):
        await signed.caller.track(serving.event("message.received", team_id="sales"))
        while (await call.read()).state.metrics.messages_today <= number:
            pass
    call.cancel()


async def test_nothing_of_a_token_is_logged(signed: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_throttle, "write", log_throttle.Lines().write)
    good, bad = signed.token(sub="somebody-secret"), signed.token(sub="somebody-secret", aud="an-audience")
    mangled = f"{good[:-20]}{'A' * 20}"
    unknown = signed.token(sub="somebody-secret", kid="a-kid", key=identity_provider.new_key())
    with capture_logs() as lines:
        for token in (good, bad, mangled, unknown):
            await signed.reason("AccountService/GetSession", token)
            await signed.reason("MetricsService/GetOverview", token)
    told = [line for line in lines if line["event"] == "an identity token is refused"]
    assert {(line.get("provider"), line["fault"]) for line in told} == {("ours", "audience"), (None, "forged")}
    text = repr(lines)
    for secret in ("somebody-secret", "an-audience", "a-kid", *good.split("."), *bad.split("."), *mangled.split(".")):
        assert secret not in text


async def test_a_server_with_a_bad_file_does_not_start(settings: Settings, tmp_path: pathlib.Path) -> None:
    path = file(tmp_path, {"issuer": "https://login.example.org", "audiences": ["x"]}, 'algorithms = ["HS256"]')
    with pytest.raises(errors.SetupError, match="'HS256' is not allowed"):
        async with serving.running(settings, identity_providers=path):
            pass
