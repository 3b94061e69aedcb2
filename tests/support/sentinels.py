"""A master of Valkey with a replica, and three Sentinels that watch them, all with passwords."""

import asyncio
import contextlib
import pathlib
import signal
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import redis.asyncio

from server.local.embedded import binaries
from server.local.embedded.account import Account
from tests.support import processes, waiting

MASTER = "tallywire"
PASSWORD = "a password of valkey"
SENTINEL_PASSWORD = "a password of sentinels"
_SENTINELS = 3
_AGREEING = 2
_DOWN_MILLISECONDS = 2000

_SERVER = f"""\
bind 127.0.0.1
port {{port}}
requirepass "{PASSWORD}"
masterauth "{PASSWORD}"
save ""
repl-diskless-sync-delay 0
"""
_SENTINEL = f"""\
bind 127.0.0.1
port {{port}}
requirepass "{SENTINEL_PASSWORD}"
sentinel monitor {MASTER} 127.0.0.1 {{master}} {_AGREEING}
sentinel auth-pass {MASTER} "{PASSWORD}"
sentinel down-after-milliseconds {MASTER} {_DOWN_MILLISECONDS}
sentinel failover-timeout {MASTER} 10000
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What runs: servers by their ports, and the ports of the Sentinels."""

    servers: dict[int, asyncio.subprocess.Process]
    sentinels: Sequence[int]

    def url(self, *, master: str = MASTER, sentinel_password: str = SENTINEL_PASSWORD) -> str:
        """The URL of the master, wherever it is."""
        places = ",".join(f"127.0.0.1:{port}" for port in self.sentinels)
        password, other = PASSWORD.replace(" ", "%20"), sentinel_password.replace(" ", "%20")
        return f"redis+sentinel://:{password}@{places}/{master}/0?sentinel_password={other}"

    def server(self, port: int) -> Any:
        """A client of one server."""
        return redis.asyncio.Redis(host="127.0.0.1", port=port, password=PASSWORD, decode_responses=True)

    async def master(self) -> int:
        """The port of the master, as the first Sentinel names it."""
        return int((await _asked(self.sentinels[0], "SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER))[1])

    async def kill_master(self) -> int:
        """Kills the master, which says nothing more; returns its port."""
        port = await self.master()
        self.servers[port].send_signal(signal.SIGKILL)
        await self.servers[port].wait()
        return port

    async def silence_master(self) -> int:
        """Stops the master, whose connections stay open without an answer; returns its port."""
        port = await self.master()
        self.servers[port].send_signal(signal.SIGSTOP)
        return port

    async def hand_over(self) -> int:
        """Makes the replica the master while both run; returns the port of the former master."""
        port = await self.master()
        await _asked(self.sentinels[0], "SENTINEL", "FAILOVER", MASTER)
        return port

    async def has_left(self, port: int) -> bool:
        """Whether another server is the master, says so itself, and all Sentinels know."""
        for sentinel in self.sentinels:
            if int((await _asked(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER))[1]) == port:
                return False
        async with self.server(await self.master()) as client:
            return bool((await client.info("replication"))["role"] == "master")


async def _asked(sentinel: int, *command: str) -> Any:
    client: Any = redis.asyncio.Redis(port=sentinel, password=SENTINEL_PASSWORD, decode_responses=True)
    async with client:
        return await client.execute_command(*command)


@contextlib.asynccontextmanager
async def watched(folder: pathlib.Path) -> AsyncIterator[Watched]:
    """Runs them all until the block ends; they know each other when it begins."""
    program = binaries.find(Account(), major=None).valkey
    started: list[asyncio.subprocess.Process] = []

    async def start(port: int, settings: str, *arguments: str) -> asyncio.subprocess.Process:
        home = folder / str(port)
        home.mkdir()
        (home / "valkey.conf").write_text(settings)  # Sentinels keep what they know in theirs
        with (home / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                program, home / "valkey.conf", *arguments, cwd=home, stdout=log, stderr=log
            )
        started.append(process)
        return process

    master, replica, *sentinels = (processes.free_port() for _ in range(2 + _SENTINELS))
    try:
        servers = {
            master: await start(master, _SERVER.format(port=master)),
            replica: await start(replica, f"{_SERVER.format(port=replica)}replicaof 127.0.0.1 {master}\n"),
        }
        await waiting.until(lambda: _answers(master, PASSWORD))
        for sentinel in sentinels:
            await start(sentinel, _SENTINEL.format(port=sentinel, master=master), "--sentinel")
        for sentinel in sentinels:
            await waiting.until(lambda port=sentinel: _knows_all(port))
        yield Watched(servers=servers, sentinels=sentinels)
    finally:
        for process in started:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _answers(port: int, password: str) -> bool:
    with contextlib.suppress(redis.RedisError):
        async with redis.asyncio.Redis(port=port, password=password) as client:
            return bool(await client.ping())
    return False


async def _knows_all(sentinel: int) -> bool:
    if not await _answers(sentinel, SENTINEL_PASSWORD):
        return False
    told = await _asked(sentinel, "SENTINEL", "MASTER", MASTER)
    about = told if isinstance(told, dict) else dict(zip(told[::2], told[1::2], strict=True))
    replicas = await _asked(sentinel, "SENTINEL", "REPLICAS", MASTER)
    in_step = [one for one in replicas if "'master-link-status': 'ok'" in str(one) or "ok" in list(one)]
    return int(about["num-other-sentinels"]) == _SENTINELS - 1 and bool(in_step) and about["flags"] == "master"
