"""What may happen to what Redis holds: it is gone, or it is again what it was a while ago."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import redis.asyncio
from redis.exceptions import RedisError

_PATIENCE = 1.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A key as it was: its value as Redis dumps it, and the milliseconds it had to live (0: for ever)."""

    key: bytes
    value: bytes
    lives: int


async def flush(url: str) -> bool:
    """Takes everything away; False where Redis is."""
    with contextlib.suppress(RedisError, OSError):
        async with _connected(url) as connection:
            await connection.flushall()
            return True
    return False


async def dump(url: str) -> Sequence[Kept] | None:
    """Everything there is; None where Redis is away."""
    with contextlib.suppress(RedisError, OSError):
        async with _connected(url) as connection:
            found = []
            for key in await connection.keys():
                value, lives = await connection.dump(key), await connection.pttl(key)
                if value is not None:  # it may have ended meanwhile
                    found.append(Kept(key=key, value=value, lives=max(lives, 0)))
            return found
    return None


async def restore(url: str, dumped: Sequence[Kept]) -> bool:
    """Makes what was dumped, and it alone, what there is; False where Redis is away."""
    with contextlib.suppress(RedisError, OSError):
        async with _connected(url) as connection:
            await connection.flushall()
            for one in dumped:
                await connection.restore(one.key, one.lives, one.value, replace=True)
            return True
    return False


@contextlib.asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Any]:
    connection = redis.asyncio.Redis.from_url(url, socket_timeout=_PATIENCE, socket_connect_timeout=_PATIENCE)
    try:
        yield connection
    finally:
        await connection.aclose()
