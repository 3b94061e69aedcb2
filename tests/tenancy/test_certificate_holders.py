"""Programs with client certificates: those that the operator has named make calls without a key, and no others."""

import asyncio
import contextlib
import json
import pathlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from server import errors
from server.organizations.organization import OrganizationState
from server.rpc import subscription
from server.settings import Settings
from server.store import identities as stored
from server.store import memberships
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy import administration, identities
from tallywire.v1 import (
    account_service_pb2,
    audit_service_pb2,
    event_service_pb2_grpc,
    realtime_service_pb2,
    realtime_service_pb2_grpc,
)
from tests.support import certified, serving
from tests.support.certificates import Certificates, Pair
from tests.support.rpcs import answers
from tests.support.serving import Accounts, Caller

SPIFFE = "spiffe://example.org/collector"
SESSION = "AccountService/GetSession"


class Mutual:
    """A server that knows two programs: one by its SPIFFE id, and one by its common name as an administrator."""

    def __init__(self, address: str, made: Certificates, caller: Caller) -> None:
        self._address = address
        self.made = made
        self.caller = caller

    def shown(self, pair: Pair) -> contextlib.AbstractAsyncContextManager[Caller]:
        """The organization, on a connection with a certificate."""
        return certified.shown(self._address, self.made, pair, self.caller)

    async def says(self, pair: Pair, rpc: str = SESSION, **fields: Any) -> str:
        """Why a call with a certificate is refused; empty where it is not."""
        async with self.shown(pair) as caller:
            try:
                await answers(caller, rpc, fields)
            except grpc.aio.AioRpcError as error:
                return serving.refusal(error).reason
        return ""


def file(folder: pathlib.Path, organization: str) -> pathlib.Path:
    path = folder / "identities.toml"
    name = json.dumps(organization)
    path.write_text(
        f'[certificates.collector]\nspiffe_id = "{SPIFFE}"\norganization = {name}\nrole = "sender"\n'
        f'[certificates.admin]\ncommon_name = "client"\norganization = {name}\nrole = "admin"\n'
    )
    return path


@pytest.fixture
async def mutual(
    settings: Settings,
    accounts: Accounts,
    database: Database,
    certificate: Certificates,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Mutual]:
    monkeypatch.setattr(identities, "_FRESH_SECONDS", -1.0)
    caller = await accounts.caller()
    async with database.transaction(of=EVERY) as driver:
        await memberships.put_role(driver, caller.organization_id, "sender", "", ["ingest", "read"])
    path = file(tmp_path, caller.name)
    async with serving.running(settings, identity_providers=path, **certified.tls(certificate)) as server:
        yield Mutual(server.address, certificate, caller)


async def test_a_program_is_known_by_its_certificate(mutual: Mutual) -> None:
    for pair, role, identity in (
        (mutual.made.program, "sender", SPIFFE),
        (mutual.made.client, "admin", "CN=client"),
    ):
        async with mutual.shown(pair) as caller:
            [answer] = await answers(caller, SESSION, {})
        session = answer.session
        assert session.kind == account_service_pb2.CREDENTIAL_KIND_CERTIFICATE
        assert (session.role, session.subject) == (role, f"certificate:{identity}")
        assert session.session_id.startswith("cert:")
        assert session.organization.name == mutual.caller.name


async def test_a_program_sends_events_and_watches(mutual: Mutual, database: Database) -> None:
    async with mutual.shown(mutual.made.program) as caller:
        await caller.track(serving.event())
        await caller.track_all([serving.event()])
        stream = event_service_pb2_grpc.EventServiceStub(caller.channel).StreamEvents(timeout=60)
        await stream.write(serving.batch(1, [serving.event()]))
        assert (await stream.read()).acks[0].sequence == 1
        await stream.done_writing()
        [first] = await answers(caller, "RealtimeService/WatchMetrics", {})
        assert first is not None
    assert len(await serving.stored(database, mutual.caller)) == 3


async def test_what_stands_for_nobody_is_refused(mutual: Mutual) -> None:
    assert await mutual.says(mutual.made.two) == "CREDENTIALS_MISSING"
    assert await mutual.says(mutual.made.nobody) == "CREDENTIALS_MISSING"
    assert await mutual.says(mutual.made.two, "EventService/TrackEvent", event=serving.event()) == "CREDENTIALS_MISSING"


async def test_a_role_is_all_that_a_program_has(mutual: Mutual, database: Database) -> None:
    assert await mutual.says(mutual.made.program, "AuditService/ListAuditEntries") == "SCOPE_MISSING"
    assert await mutual.says(mutual.made.client, "AuditService/ListAuditEntries") == ""
    for rpc in ("CreateSignInCode", "CreateEmbedToken"):
        fields = {"origins": ["https://app.example.com"]} if rpc == "CreateEmbedToken" else {}
        assert await mutual.says(mutual.made.client, f"AccountService/{rpc}", **fields) == "KEY_REQUIRED"
    async with database.transaction(of=EVERY) as driver:
        await memberships.remove_role(driver, mutual.caller.organization_id, "sender")
    assert await mutual.says(mutual.made.program) == "NO_ROLE"


async def test_the_state_of_the_organization_counts(mutual: Mutual, database: Database) -> None:
    await administration.set_state(database, mutual.caller.name, OrganizationState.SUSPENDED)
    assert await mutual.says(mutual.made.program) == "TENANT_SUSPENDED"
    await administration.set_state(database, mutual.caller.name, OrganizationState.REVOKED)
    assert await mutual.says(mutual.made.program) == "CREDENTIALS_INVALID"


async def test_a_stream_ends_with_the_role(mutual: Mutual, database: Database) -> None:
    async with mutual.shown(mutual.made.program) as caller:
        stream = event_service_pb2_grpc.EventServiceStub(caller.channel).StreamEvents(timeout=60)
        await stream.write(serving.batch(1, [serving.event()]))
        assert (await stream.read()).acks[0].sequence == 1
        async with database.transaction(of=EVERY) as driver:
            await memberships.put_role(driver, caller.organization_id, "sender", "", ["read"])
        await stream.write(serving.batch(2, [serving.event()]))
        ended = await serving.refused(stream.read())
        assert serving.refusal(ended).reason == "SCOPE_MISSING"


async def test_a_stream_goes_on_while_the_database_is_away(mutual: Mutual, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscription, "_ASK_SECONDS", 0.05)
    asked = asyncio.Event()

    async def away(*_: object) -> None:
        asked.set()
        raise errors.StorageUnavailable("away")

    async with mutual.shown(mutual.made.program) as caller:
        request = realtime_service_pb2.WatchMetricsRequest()
        call = realtime_service_pb2_grpc.RealtimeServiceStub(caller.channel).WatchMetrics(request, timeout=60)
        await call.read()
        monkeypatch.setattr(stored, "standings", away)
        await asked.wait()
        assert await call.read() is not grpc.aio.EOF
        call.cancel()


async def test_a_key_counts_where_one_is_sent(mutual: Mutual, accounts: Accounts) -> None:
    other = await accounts.caller()
    async with mutual.shown(mutual.made.client) as unnamed:
        by_key = Caller(organization_id=0, name="", key=other.key, channel=unnamed.channel)
        asked = [answers(one, SESSION, {}) for _ in range(20) for one in (unnamed, by_key)]
        names = [answer.session.organization.name for [answer] in await asyncio.gather(*asked)]
        assert names == [mutual.caller.name, other.name] * 20
    bad = ((("authorization", "Bearer no"),), (("authorization", ""),))
    async with mutual.shown(mutual.made.client) as caller:
        for metadata in bad:
            call = caller.raw("/tallywire.v1.AccountService/GetSession", b"", metadata=metadata)
            reason = serving.refusal(await serving.refused(call)).reason
            assert reason in ("CREDENTIALS_INVALID", "CREDENTIALS_MISSING")


async def test_the_audit_trail_tells_which_program_it_was(mutual: Mutual) -> None:
    async with mutual.shown(mutual.made.client) as caller:
        await answers(caller, "PrivacyService/EraseUser", {"user_id": "somebody", "request_id": serving.uuid7()})
        request = {"actor_kind": audit_service_pb2.ACTOR_KIND_CERTIFICATE}
        [page] = await answers(caller, "AuditService/ListAuditEntries", request)
    [entry] = page.entries
    assert entry.actor_id == "CN=client"


async def test_certificates_need_an_authority(settings: Settings, tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.SetupError, match="TALLYWIRE_TLS_CLIENT_CA"):
        async with serving.running(settings, identity_providers=file(tmp_path, "acme")):
            pass
