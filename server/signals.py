"""Redis between servers: "look now" after commits, and realtime states for whoever asks next. All of it may be lost.

PostgreSQL says what happened. A signal that is lost costs the second until the next look; a state that is lost is
worked out anew. States expire by themselves within seconds, so that none can come back from an old dump.
"""

import asyncio
import hashlib
from collections.abc import Awaitable
from typing import cast

import redis.asyncio
import structlog
from redis.exceptions import RedisError

from server.realtime import Part

_STATE_MILLISECONDS = 1500
_REST_SECONDS = 1.0
_TIMEOUT_SECONDS = 2.0
_log = structlog.get_logger(__name__)

# Keeps the newer of two states: revisions in Redis never go back.
_STORE = """
local kept = redis.call('HGET', KEYS[1], 'revision')
if kept and tonumber(kept) > tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'revision', ARGV[1], 'state', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
"""


def _channel(organization_id: int) -> str:
    return f"agentmetrics:{{{organization_id}}}:revision"


def _state_key(organization_id: int, part: Part) -> str:
    described = "\0".join((part.channel, *sorted(part.agent_ids)))
    digest = hashlib.blake2b(described.encode(), digest_size=16).hexdigest()
    return f"agentmetrics:{{{organization_id}}}:realtime:{digest}"


class Signals:
    """Tells other servers of commits and hears of theirs. Ingest never waits for any of it, and none of it raises."""

    def __init__(self, redis_url: str) -> None:
        self._redis = redis.asyncio.Redis.from_url(
            redis_url, socket_connect_timeout=_TIMEOUT_SECONDS, socket_timeout=_TIMEOUT_SECONDS
        )
        # Its own connection, without a time limit on reads: it waits for messages.
        self._subscriber = redis.asyncio.Redis.from_url(
            redis_url, socket_connect_timeout=_TIMEOUT_SECONDS, health_check_interval=5
        )
        self._listeners: dict[int, asyncio.Event] = {}
        self._changed = asyncio.Event()
        self._committed: set[int] = set()
        self._states: dict[str, tuple[int, bytes]] = {}
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begins to tell and to hear."""
        self._tasks = [asyncio.create_task(self._tell_for_ever()), asyncio.create_task(self._hear_for_ever())]

    async def close(self) -> None:
        """Stops."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._redis.aclose()
        await self._subscriber.aclose()

    def committed(self, organization_id: int) -> None:
        """Says that an organization has a new revision: here at once, elsewhere as soon as Redis takes it."""
        if (listener := self._listeners.get(organization_id)) is not None:
            listener.set()
        self._committed.add(organization_id)
        self._wake.set()

    def listen(self, organization_id: int) -> asyncio.Event:
        """An event that is set whenever the organization may have a new revision."""
        self._changed.set()
        return self._listeners.setdefault(organization_id, asyncio.Event())

    def forget(self, organization_id: int) -> None:
        """Ends listening."""
        self._listeners.pop(organization_id, None)
        self._changed.set()

    def leave_state(self, organization_id: int, part: Part, revision: int, state: bytes) -> None:
        """Leaves a state for other servers, as soon as Redis takes it and unless a newer one is there."""
        self._states[_state_key(organization_id, part)] = (revision, state)
        self._wake.set()

    async def load_state(self, organization_id: int, part: Part) -> bytes | None:
        """A state that is at most some seconds old; None where Redis has none or is away."""
        try:
            return cast(
                "bytes | None",
                await cast("Awaitable[object]", self._redis.hget(_state_key(organization_id, part), "state")),
            )
        except (RedisError, OSError, TimeoutError):
            return None

    async def _tell_for_ever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            committed, self._committed = self._committed, set()
            states, self._states = self._states, {}
            try:
                pipeline = self._redis.pipeline(transaction=False)
                for organization_id in committed:
                    pipeline.publish(_channel(organization_id), b"")
                for key, (revision, state) in states.items():
                    pipeline.eval(_STORE, 1, key, revision, state, _STATE_MILLISECONDS)
                await pipeline.execute()
            except (RedisError, OSError, TimeoutError):
                await asyncio.sleep(_REST_SECONDS)

    async def _hear_for_ever(self) -> None:
        away = False
        while True:
            try:
                async with self._subscriber.pubsub(ignore_subscribe_messages=True) as pubsub:
                    await self._hear(pubsub)
            except (RedisError, OSError, TimeoutError) as error:
                if not away:
                    _log.warning("Redis is away; updates are looked for in PostgreSQL", error=type(error).__name__)
                away = True
                await asyncio.sleep(_REST_SECONDS)
            else:
                away = False

    async def _hear(self, pubsub: redis.asyncio.client.PubSub) -> None:
        """Hears until the connection breaks, following what is listened to."""
        subscribed: set[int] = set()
        self._changed.set()
        for listener in self._listeners.values():
            listener.set()  # something may have been said while nobody heard it
        while True:
            if self._changed.is_set():
                self._changed.clear()
                wanted = set(self._listeners)
                if added := wanted - subscribed:
                    await pubsub.subscribe(*map(_channel, added))
                if removed := subscribed - wanted:
                    await pubsub.unsubscribe(*map(_channel, removed))
                subscribed = wanted
            if not subscribed:
                await self._changed.wait()
                continue
            message = await pubsub.get_message(timeout=0.2)
            if message is not None:
                organization_id = int(message["channel"].split(b"{")[1].split(b"}")[0])
                if (heard := self._listeners.get(organization_id)) is not None:
                    heard.set()
