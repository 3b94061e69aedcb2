"""Another pepper: what the old one made goes on until it is retired, and e-mail addresses keep their pseudonyms."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator

import grpc
import pytest
from pydantic import SecretStr

from server import errors
from server import settings as settings_module
from server.local import embedded
from server.organizations.audit_trail import UNNAMED_OPERATOR
from server.settings import Settings
from server.store import deployment as deployments
from server.store import migrate
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy import operator_keys, pseudonyms
from server.tenancy.keyed_hashes import KeyedHashes
from tallywire.v1 import realtime_service_pb2, realtime_service_pb2_grpc
from tests.support import administering, serving
from tests.support.bad_inputs import outcome
from tests.support.serving import Caller

OLD, NEW = "old" * 12, "new" * 12
ADDRESS = "jo@example.org"


class Deployment:
    """A database of its own, and servers on it with whatever peppers."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.database = database
        self._settings = settings

    @contextlib.asynccontextmanager
    async def served(
        self, pepper: str, *, accepted: tuple[str, ...] = (), pseudonyms: str | None = None
    ) -> AsyncIterator[grpc.aio.Channel]:
        """A connection to a server with these secrets."""
        changes = {
            "key_pepper": SecretStr(pepper),
            "key_peppers_accepted": SecretStr(",".join(accepted)),
            "pseudonym_key": SecretStr(pseudonyms) if pseudonyms else None,
        }
        async with (
            serving.running(self._settings, **changes) as server,
            grpc.aio.insecure_channel(server.address) as channel,
        ):
            yield channel

    async def caller(self, pepper: str) -> Caller:
        """A new organization with a key that is made with this pepper."""
        async with self.served(pepper, accepted=(OLD, NEW)) as channel:
            hashes = KeyedHashes(pepper)
            return await serving.Accounts(database=self.database, secrets=hashes, channel=channel).caller()

    async def keys(self) -> dict[str, int]:
        """How many keys each pepper has."""
        async with self.database.transaction(of=EVERY) as driver:
            return await deployments.keys_by_pepper(driver)


@pytest.fixture
async def deployment(engines: embedded.Engines, settings: Settings) -> AsyncIterator[Deployment]:
    """A deployment whose first pepper is OLD."""
    url = engines.create_database(f"peppers_{uuid.uuid4().hex[:8]}")
    database = Database(url)
    await migrate.upgrade(database)
    await pseudonyms.pin_pseudonyms(database, KeyedHashes(OLD))
    yield Deployment(settings.model_copy(update={"database_url": SecretStr(url)}), database)
    await database.close()


async def greeted(caller: Caller) -> str:
    """What comes of an event of the user with that address."""
    return await outcome(caller.track(serving.event(user_id=ADDRESS)))


async def resumed(caller: Caller, token: str = "") -> str:
    """The first token of a subscription that goes on after another one."""
    stub = realtime_service_pb2_grpc.RealtimeServiceStub(caller.channel)
    request = realtime_service_pb2.WatchUpdatesRequest(resume_after=token)
    call = stub.WatchUpdates(request, metadata=caller.metadata, timeout=20)
    try:
        return str((await call.read()).resume_token)
    finally:
        call.cancel()


async def test_a_pepper_is_replaced_without_an_end_to_keys_tokens_and_pseudonyms(deployment: Deployment) -> None:
    used, unused = await deployment.caller(OLD), await deployment.caller(OLD)
    async with deployment.served(OLD, accepted=(NEW,)) as channel:
        caller = serving.through(used, channel)
        assert await greeted(caller) == "OK"
        old_token = await resumed(caller)
    assert await deployment.keys() == {KeyedHashes(OLD).pepper_id: 2}
    fresh = await deployment.caller(NEW)
    async with deployment.served(NEW, accepted=(OLD,)) as channel:
        caller = serving.through(used, channel)
        assert await asyncio.gather(*(greeted(caller) for _ in range(5))) == ["OK"] * 5
        assert await greeted(serving.through(fresh, channel)) == "OK"
        assert (await caller.overview(serving.today())).overview.unique_users == 1
        new_token = await resumed(caller, old_token)
        assert new_token != old_token
        assert await resumed(caller, new_token) == new_token
    assert await deployment.keys() == {KeyedHashes(OLD).pepper_id: 1, KeyedHashes(NEW).pepper_id: 2}
    async with deployment.served(NEW, pseudonyms=OLD) as channel:
        caller = serving.through(used, channel)
        assert await greeted(caller) == "OK"
        assert (await caller.overview(serving.today())).overview.unique_users == 1
        assert await greeted(serving.through(unused, channel)) == "UNAUTHENTICATED CREDENTIALS_INVALID"
        refusal = serving.refusal(await serving.refused(resumed(caller, old_token)))
        assert refusal.reason == "RESUME_TOKEN_INVALID"


async def test_operators_keys_move_to_another_pepper(deployment: Deployment) -> None:
    key = await operator_keys.create(deployment.database, KeyedHashes(OLD), "test", by=UNNAMED_OPERATOR)
    old, new = KeyedHashes(OLD).pepper_id, KeyedHashes(NEW).pepper_id
    assert await deployment.keys() == {old: 1}
    for _ in range(2):  # the second time as a server that knows nothing of the old pepper
        accepted = (OLD,) if await deployment.keys() == {old: 1} else ()
        async with deployment.served(NEW, accepted=accepted, pseudonyms=OLD) as channel:
            above = Caller(organization_id=0, name="", key=key, channel=channel)
            assert await administering.reason(above, "ListOrganizations") == ""
    assert await deployment.keys() == {new: 1}


async def test_a_server_that_would_change_pseudonyms_does_not_start(deployment: Deployment) -> None:
    for wrong in ({"accepted": ()}, {"accepted": (OLD,), "pseudonyms": NEW}):
        with pytest.raises(errors.SetupError, match=r"TALLYWIRE_PSEUDONYM_KEY.*pseudonyms forget"):
            async with deployment.served(NEW, **wrong):
                pass
    await pseudonyms.forget_pseudonyms(deployment.database)
    async with deployment.served(NEW):
        pass
    with pytest.raises(errors.SetupError, match="TALLYWIRE_PSEUDONYM_KEY"):
        async with deployment.served(OLD):
            pass


@pytest.mark.parametrize(
    ("name", "value", "good"),
    [
        ("KEY_PEPPERS_ACCEPTED", f"{OLD}, {NEW}", True),
        ("KEY_PEPPERS_ACCEPTED", "", True),
        ("KEY_PEPPERS_ACCEPTED", f"{OLD},hunter2", False),
        ("KEY_PEPPERS_ACCEPTED", ",".join([OLD] * 5), False),
        ("KEY_PEPPER", f"{OLD},{NEW}", False),
        ("PSEUDONYM_KEY", "hunter2", False),
        ("PSEUDONYM_KEY", "", True),
    ],
)
def test_peppers_are_checked_and_not_reported(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, *, good: bool
) -> None:
    monkeypatch.setenv(f"TALLYWIRE_{name}", value)
    if good:
        loaded = settings_module.load()
        assert loaded.accepted_peppers == tuple(one.strip() for one in value.split(",") if one)
        assert OLD not in repr(loaded)
        return
    with pytest.raises(errors.SetupError, match=f"TALLYWIRE_{name}") as refusal:
        settings_module.load()
    assert "hunter2" not in str(refusal.value)
    assert OLD not in str(refusal.value)
