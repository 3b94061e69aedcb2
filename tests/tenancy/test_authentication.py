"""Bad credentials cost their sender only: nobody else is refused, no call ends, the database is not asked for each."""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import grpc
import pytest

from server import errors
from server.clock import Clock
from server.organizations.organization import OrganizationState
from server.rpc import realtime_service, subscription
from server.settings import Settings
from server.store import organizations
from server.store.database import Database
from server.tenancy import administration, api_keys, authentication, bad_credentials
from server.tenancy.authentication import Authenticator
from server.tenancy.bad_credentials import BadCredentials
from tallywire.v1 import realtime_service_pb2, realtime_service_pb2_grpc
from tests.harness.faults.proxy import Link
from tests.support import serving
from tests.support.bad_inputs import outcome
from tests.support.serving import Accounts, Caller

FRESH = 0.1
TENANTS, FLOODS = 50, 8
INVALID, LIMITED = "UNAUTHENTICATED CREDENTIALS_INVALID", "RESOURCE_EXHAUSTED+RetryInfo AUTH_RATE_LIMIT"


class Lookups:
    """Counts what the database is asked about keys, and lets it be away."""

    def __init__(self) -> None:
        self.asked: list[Sequence[str]] = []
        self.is_away = False
        self._ask = organizations.keys_with_organizations

    async def __call__(self, connection: Any, key_ids: Sequence[str]) -> Any:
        self.asked.append(key_ids)
        if self.is_away:
            raise errors.StorageUnavailable("away")
        return await self._ask(connection, key_ids)


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> Lookups:
    """Keys are remembered for a tenth of a second only, and looked up again in the sight of the test."""
    monkeypatch.setattr(authentication, "_FRESH_SECONDS", FRESH)
    monkeypatch.setattr(authentication, "_ASK_AGAIN_SECONDS", FRESH)
    monkeypatch.setattr(subscription, "_ASK_SECONDS", FRESH)
    monkeypatch.setattr(realtime_service, "_CHECK_SECONDS", FRESH)
    lookups = Lookups()
    monkeypatch.setattr(organizations, "keys_with_organizations", lookups)
    return lookups


@pytest.fixture
async def link(
    settings: Settings, database: Database, lookups: Lookups, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Link]:
    """A proxy in front of a server of its own, which is never too slow for it: all its callers have one address."""
    monkeypatch.setattr(bad_credentials, "BAD_PER_WINDOW", 20)
    async with serving.running(settings, max_lag_seconds=60, max_queue_seconds=60, max_memory_mib=0) as server:
        host, _, port = server.address.rpartition(":")
        async with Link.opened("server", host, int(port), random.Random(1)) as link:
            yield link


@contextlib.asynccontextmanager
async def connected(link: Link, caller: Caller) -> AsyncIterator[Caller]:
    """The caller on a connection of its own through the proxy."""
    options = (("grpc.use_local_subchannel_pool", 1),)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{link.port}", options=options) as channel:
        yield serving.through(caller, channel)


class Work:
    """What the tenants do while somebody floods: each goes on until it has been served often enough."""

    def __init__(self) -> None:
        self.rounds: Counter[str] = Counter()
        self.flooded: Counter[str] = Counter()
        self.under_way = asyncio.Event()
        self.enough = asyncio.Event()

    def note(self, name: str) -> None:
        self.rounds[name] += 1
        if len(self.rounds) == TENANTS and min(self.rounds.values()) >= 5 and self.flooded.total() >= 450:
            self.enough.set()

    async def calls(self, caller: Caller) -> None:
        """Sends events by single calls."""
        while not self.enough.is_set():
            await caller.track(serving.event())
            self.note(caller.name)
            await asyncio.sleep(FRESH)

    async def streams(self, caller: Caller) -> None:
        """Sends batches on one stream."""
        call = caller.stream()
        sequence = 0
        while not self.enough.is_set():
            sequence += 1
            await call.write(serving.batch(sequence, [serving.event()]))
            assert (await serving.read_ack(call)).sequence == sequence
            self.note(caller.name)
            await asyncio.sleep(FRESH)
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF

    async def watches(self, caller: Caller) -> None:
        """Reads one subscription, for which it sends events."""
        call = watch(caller)
        while not self.enough.is_set():
            await caller.track(serving.event())
            assert await call.read() is not grpc.aio.EOF
            self.note(caller.name)
        assert not call.done()
        call.cancel()

    async def floods(self, link: Link, revoked: Caller) -> None:
        """Sends a key that was revoked, keys that there never were, and what has not the form of a key."""
        async with connected(link, revoked) as caller:
            while not self.enough.is_set():
                keys = (revoked.key.secret, api_keys.new_key().secret, "tw_bad")
                for answer in await asyncio.gather(*(attempt(caller, key) for key in keys)):
                    self.flooded[answer] += 1
                if self.flooded.total() >= 400:
                    self.under_way.set()


def watch(caller: Caller) -> Any:
    """A subscription of the caller."""
    stub = realtime_service_pb2_grpc.RealtimeServiceStub(caller.channel)
    request = realtime_service_pb2.WatchMetricsRequest()
    request.min_interval.FromMilliseconds(100)
    return stub.WatchMetrics(request, metadata=caller.metadata, timeout=60)


async def attempt(caller: Caller, key: str) -> str:
    """What comes of a question with that key."""
    metadata = (("authorization", f"Bearer {key}"),)
    return await outcome(caller.raw(serving.TRACK_EVENT, serving.body(), metadata=metadata))


async def test_a_flood_of_bad_keys_harms_nobody_behind_the_same_address(
    accounts: Accounts, link: Link, lookups: Lookups
) -> None:
    revoked = await accounts.caller()
    await api_keys.revoke_key(accounts.database, revoked.key.key_id)
    tenants = [await accounts.caller() for _ in range(TENANTS)]
    work, began = Work(), time.monotonic()
    async with contextlib.AsyncExitStack() as stack, asyncio.timeout(60):
        callers = [await stack.enter_async_context(connected(link, tenant)) for tenant in tenants]
        async with asyncio.TaskGroup() as group:
            for number, caller in enumerate(callers):
                group.create_task((work.calls, work.streams, work.watches)[number % 3](caller))
            for _ in range(FLOODS):
                group.create_task(work.floods(link, revoked))
    assert set(work.flooded) == {INVALID, LIMITED}
    good = {revoked.key.key_id, *(tenant.key.key_id for tenant in tenants)}
    asked = [key_ids for key_ids in lookups.asked if not good.issuperset(key_ids)]
    assert len(asked) <= 1 + (time.monotonic() - began) / authentication._STRANGERS_PAUSE
    assert len(asked) < sum(len(set(key_ids) - good) for key_ids in asked)


async def test_a_key_that_was_never_seen_gets_in_through_a_flood(accounts: Accounts, link: Link) -> None:
    revoked, caller, work = await accounts.caller(), await accounts.caller(), Work()
    async with connected(link, caller) as inside, asyncio.timeout(60), asyncio.TaskGroup() as group:
        for _ in range(FLOODS):
            group.create_task(work.floods(link, revoked))
        await work.under_way.wait()
        await inside.track(serving.event())
        work.enough.set()


@pytest.mark.parametrize(
    ("state", "reason"),
    [(OrganizationState.REVOKED, "CREDENTIALS_INVALID"), (OrganizationState.SUSPENDED, "TENANT_SUSPENDED")],
)
async def test_calls_under_way_outlive_the_database_and_end_with_their_key(
    accounts: Accounts, link: Link, lookups: Lookups, state: OrganizationState, reason: str
) -> None:
    async with asyncio.timeout(60), connected(link, await accounts.caller()) as caller:
        stream, subscription = caller.stream(), watch(caller)
        lookups.is_away = bool(await passes(stream, subscription))
        tried = len(lookups.asked)
        while len(lookups.asked) < tried + 3:
            await passes(stream, subscription)
        lookups.is_away = False
        await administration.set_state(accounts.database, caller.name, state)
        for one in (stream, subscription):
            assert serving.refusal(await refused_at_last(one)).reason == reason


async def passes(stream: Any, subscription: Any) -> bool:
    """Sends an event on a stream and reads on a subscription what has come of it."""
    await stream.write(serving.batch(1, [serving.event()]))
    return (await serving.read_ack(stream)).sequence == 1 and await subscription.read() is not grpc.aio.EOF


async def refused_at_last(call: Any) -> grpc.aio.AioRpcError:
    """The error in which a call ends. A stream of events is told so when it sends."""
    while not call.done():
        with contextlib.suppress(asyncio.InvalidStateError, grpc.aio.AioRpcError):
            if isinstance(call, grpc.aio.StreamStreamCall):
                await call.write(serving.batch(1, [serving.event()]))
            await call.read()
    trailing = await call.trailing_metadata()
    return grpc.aio.AioRpcError(await call.code(), await call.initial_metadata(), trailing, await call.details())


async def test_a_key_that_is_remembered_is_not_looked_up_for_wrong_secrets(
    accounts: Accounts, database: Database, lookups: Lookups, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication, "_FRESH_SECONDS", 60.0)
    authenticator = Authenticator(database, accounts.secrets, Clock())
    right, never = (await accounts.caller()).key.secret, api_keys.new_key().secret
    for _ in range(20):
        for key, answer in (
            (right, "OK"),
            (f"{right[:-43]}{'x' * 43}", "CREDENTIALS_INVALID"),
            (never, "CREDENTIALS_INVALID"),
        ):
            assert await answered(authenticator, key) == answer
    assert len(lookups.asked) == 2


async def test_callers_who_wait_share_a_statement(accounts: Accounts, database: Database, lookups: Lookups) -> None:
    authenticator = Authenticator(database, accounts.secrets, Clock())
    keys = [(await accounts.caller()).key.secret for _ in range(3)]
    strangers = [api_keys.new_key().secret for _ in range(1000)]
    answers = await asyncio.gather(*(answered(authenticator, key) for key in (*strangers, *keys, *keys)))
    assert answers == ["CREDENTIALS_INVALID"] * 1000 + ["OK"] * 6
    assert [len(key_ids) for key_ids in lookups.asked] == [1003]


@pytest.mark.parametrize("forgotten", [False, True])
async def test_an_expired_key_ends_its_calls_while_the_database_is_away(
    accounts: Accounts, database: Database, lookups: Lookups, *, forgotten: bool
) -> None:
    clock = Clock()
    authenticator = Authenticator(database, accounts.secrets, clock)
    caller = await accounts.caller(expires_at=serving.now() + timedelta(hours=1))
    principal = await authenticator.authenticate(caller.key.secret)
    assert principal is not None
    lookups.is_away = True
    if forgotten:  # as where others took its place
        authenticator = Authenticator(database, accounts.secrets, clock)
    assert await authenticator.confirm(caller.key.secret, principal) == principal
    clock.set(serving.now() + timedelta(hours=2))
    with pytest.raises(errors.Refused, match="expired"):
        await authenticator.confirm(caller.key.secret, principal)


async def test_so_many_unknown_keys_wait_for_a_look_up(
    database: Database, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication, "_MOST_WAITING", 50)
    authenticator = Authenticator(database, accounts.secrets, Clock())
    keys = [api_keys.new_key().secret for _ in range(60)]
    answers = Counter(await asyncio.gather(*(answered(authenticator, key) for key in keys)))
    assert answers == {"CREDENTIALS_INVALID": 50, "StorageBusy": 10}


def test_bad_credentials_of_so_many_senders_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bad_credentials, "_MOST_WINDOWS", 30)
    bad = BadCredentials()
    for number in range(60):
        bad.refusal("10.0.0.1", str(number))
        assert len(bad) <= 30


async def answered(authenticator: Authenticator, key: str) -> str:
    """What becomes of a credential."""
    try:
        principal = await authenticator.authenticate(key)
    except errors.StorageBusy as error:
        return type(error).__name__
    return "OK" if principal is not None else authenticator.refusal(key, "peer").reason.name


def test_bad_credentials_are_counted_by_peer_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = BadCredentials()
    answers = [bad.refusal("10.0.0.1", "one").reason.name for _ in range(120)]
    assert answers == ["CREDENTIALS_INVALID"] * 100 + ["AUTH_RATE_LIMIT"] * 20
    for other in (("10.0.0.1", "two"), ("10.0.0.1", None), ("10.0.0.2", "one")):
        assert bad.refusal(*other).reason.name == "CREDENTIALS_INVALID"
    limited = bad.refusal("10.0.0.1", "one")
    assert limited.retry_after is not None
    assert 0 < limited.retry_after <= 10
    later = time.monotonic() + limited.retry_after
    monkeypatch.setattr(bad_credentials, "time", SimpleNamespace(monotonic=lambda: later))
    assert bad.refusal("10.0.0.1", "one").reason.name == "CREDENTIALS_INVALID"
