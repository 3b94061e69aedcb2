"""Redis under Sentinels: servers and workers find the next master by themselves, and nothing is lost meanwhile."""

import asyncio
import contextlib
import dataclasses
import pathlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import grpc.aio
import pytest
from pydantic import SecretStr

from server import errors
from server.settings import Settings
from server.store import diagnosis
from server.store.database import Database
from server.tenancy.keyed_hashes import KeyedHashes
from tallywire import AsyncClient, event
from tests.support import processes, sentinels, serving, waiting, worlds
from tests.support.serving import Accounts
from tests.support.worker_processes import Workers, until

# What shows in the statistics of a Redis that servers and workers use: wake-ups and notifications after commits, the
# worker's look at its queue, and rates.
USED = {"publish", "zadd", "zrangebyscore", "evalsha"}


@pytest.fixture
async def watched(tmp_path: pathlib.Path) -> AsyncIterator[sentinels.Watched]:
    folder = tmp_path / "sentinels"
    folder.mkdir()
    async with sentinels.watched(folder) as running:
        yield running


class Load:
    """Events that are sent one after the other, and the count that a subscriber is shown."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self.acknowledged = 0
        self.shown = 0

    async def send(self) -> None:
        while True:
            await self._client.track(event("message.sent", channel="web"))
            self.acknowledged += 1
            await asyncio.sleep(0.02)  # leaves the processor to those who fail over

    async def watch(self) -> None:
        async for update in self._client.watch(min_interval=0.1):
            self.shown = update.state.metrics.messages_today


@contextlib.asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def used(client: Any) -> set[str]:
    """What of USED a Redis was asked for, if somebody is subscribed there, too."""
    statistics = await client.info("commandstats")
    subscribed = await client.pubsub_channels("tallywire:*:revision")
    return USED & {name.removeprefix("cmdstat_") for name in statistics} if subscribed else set()


@pytest.mark.parametrize(
    "leave", [sentinels.Watched.kill_master, sentinels.Watched.silence_master, sentinels.Watched.hand_over]
)
async def test_everything_goes_on_with_the_next_master(
    settings: Settings,
    own_database: Database,
    own_url: str,
    workers: Workers,
    watched: sentinels.Watched,
    leave: Callable[[sentinels.Watched], Coroutine[Any, Any, int]],
) -> None:
    urls = {"database_url": SecretStr(own_url), "redis_url": SecretStr(watched.url())}
    limited = dataclasses.replace(serving.UTC_SETTINGS, events_per_second=200)  # a lease is 20 of them
    async with serving.running(settings, **urls) as server:
        worker = await workers.start(REDIS_URL=watched.url())
        async with grpc.aio.insecure_channel(server.address) as channel:
            secrets = KeyedHashes(settings.required("key_pepper"))
            accounts = Accounts(database=own_database, secrets=secrets, channel=channel)
            caller = await accounts.caller(settings=limited)
        async with AsyncClient(server.address, api_key=caller.key.secret) as client:
            load = Load(client)
            async with running(load.watch()):
                async with running(load.send()):
                    await is_used(watched, await watched.master())
                    former = await leave(watched)
                    await waiting.until(lambda: watched.has_left(former))
                    await is_used(watched, await watched.master())
                await waiting.until(lambda: load.shown >= load.acknowledged > 0)
        await until(lambda: worlds.unfolded(own_database, caller.organization_id), lambda left: left == 0)
        assert await worker.end() == 0


async def is_used(watched: sentinels.Watched, port: int) -> None:
    """Waits until all uses of Redis have come to this one, from now on."""
    async with watched.server(port) as client:
        await client.config_resetstat()
        await until(lambda: used(client), lambda seen: seen == USED)


async def test_what_is_wrong_is_said_in_one_line(watched: sentinels.Watched) -> None:
    await diagnosis.check_redis(watched.url())
    nobody = f"127.0.0.1:{processes.free_port()}"
    one, (master, *_) = f"127.0.0.1:{watched.sentinels[0]}", watched.servers
    wrong = {
        watched.url(master="other"): "knows no master 'other': check REDIS_URL",
        watched.url(sentinel_password="wrong"): "refuses the sentinel_password of REDIS_URL",
        watched.url().replace("valkey", "somebody"): "refuses the password in REDIS_URL",
        f"redis+sentinel://{nobody}/tallywire": f"no answer from the Sentinel at {nobody}: check REDIS_URL",
        f"redis+sentinel://127.0.0.1:{master}/tallywire?sentinel_password=a%20password%20of%20valkey": (
            f"what answers at 127.0.0.1:{master} is not a Sentinel"
        ),
        # One Sentinel that is away does not matter.
        watched.url(master="other").replace(one, f"{nobody},{one}"): "knows no master 'other'",
    }
    for url, said in wrong.items():
        with pytest.raises(errors.SetupError) as refused:
            await diagnosis.check_redis(url)
        assert said in str(refused.value)
    await diagnosis.check_redis(watched.url().replace(one, nobody))
