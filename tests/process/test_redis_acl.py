"""A server and a worker with a user of Redis that may do what the documentation says, and nothing else."""

import asyncio
import pathlib
import re
import urllib.parse

import grpc.aio
from pydantic import SecretStr

from server.local import embedded
from server.settings import Settings
from server.store.database import Database
from server.tasks import wakeups
from server.tenancy.keyed_hashes import KeyedHashes
from tallywire import AsyncClient, event
from tests.support import serving, worlds
from tests.support.serving import Accounts
from tests.support.waiting import PATIENCE
from tests.support.worker_processes import Workers, until

DEPLOY = pathlib.Path(__file__).parents[2] / "docs" / "operations" / "deploy.md"
PASSWORD = "a password of the test"


def documented_rules() -> list[str]:
    """The rules of the user, as operators are told to set them."""
    found = re.search(r"^ *ACL SETUSER tallywire (.*)$", DEPLOY.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return [f">{PASSWORD}" if rule.startswith(">") else rule for rule in found[1].split()]


async def test_a_user_of_redis_that_may_little_is_enough(
    settings: Settings,
    own_engines: embedded.Engines,
    own_database: Database,
    own_url: str,
    workers: Workers,
) -> None:
    own = urllib.parse.urlsplit(own_engines.redis_url)
    redis_url = own._replace(netloc=f"tallywire:{urllib.parse.quote(PASSWORD)}@{own.hostname}:{own.port}").geturl()
    administrator = wakeups.connect(own_engines.redis_url)
    await administrator.execute_command("ACL", "SETUSER", "tallywire", "reset", *documented_rules())
    await administrator.execute_command("ACL", "LOG", "RESET")
    urls = {"database_url": SecretStr(own_url), "redis_url": SecretStr(redis_url)}
    secrets = KeyedHashes(settings.required("key_pepper"))
    async with serving.running(settings, **urls, rate_share=1.0) as server:
        worker = await workers.start(REDIS_URL=redis_url)
        async with grpc.aio.insecure_channel(server.address) as channel:
            caller = await Accounts(database=own_database, secrets=secrets, channel=channel).caller()
        async with AsyncClient(server.address, api_key=caller.key.secret) as client, asyncio.timeout(PATIENCE):
            sent = False
            async for shown in client.watch(min_interval=0.1):
                if not sent:
                    await client.track(event("message.sent", channel="web"))
                    sent = True
                if shown.state.metrics.messages_today == 1:
                    break
        await until(lambda: worlds.unfolded(own_database, caller.organization_id), lambda left: left == 0)
        assert await worker.end() == 0
    assert await administrator.execute_command("ACL", "LOG") == []
    await administrator.execute_command("ACL", "DELUSER", "tallywire")
    await administrator.aclose(close_connection_pool=True)
