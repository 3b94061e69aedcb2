"""Redis between servers: wake-ups after commits, and realtime states to share. All of it may be lost.

PostgreSQL holds the truth. A lost notification costs the second until the next poll; a lost state is computed anew.
States carry their time, so that none can come back from an old dump. Keys and channels carry the deployment, since two
deployments may use the same Redis.
"""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast

import redis.asyncio
import structlog

from server import failpoints, redis_pools
from server.clock import Clock
from server.events import rules
from server.realtime.view import ViewFilter

_STATE_MILLISECONDS = 1500
STATE_AGE = timedelta(seconds=2)
_RETRY_SECONDS = 1.0
_TIMEOUT_SECONDS = 2.0
_PULSE_SECONDS = 5.0
_log = structlog.get_logger(__name__)

# Keeps the newer of two states, by revision and then by time: neither goes back in Redis.
_STORE = """
local kept = redis.call('HMGET', KEYS[1], 'revision', 'at')
if kept[1] and kept[2] then
    local revision, at = tonumber(kept[1]), tonumber(kept[2])
    if revision > tonumber(ARGV[1]) or (revision == tonumber(ARGV[1]) and at > tonumber(ARGV[2])) then return 0 end
end
redis.call('HSET', KEYS[1], 'revision', ARGV[1], 'at', ARGV[2], 'state', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
"""


class SharedState(NamedTuple):
    """A state that a server has put into Redis."""

    revision: int
    encoded: bytes


class _State(NamedTuple):
    """A state to put into Redis. States compare by revision, then by time in microseconds."""

    revision: int
    at: int
    encoded: bytes


class Notifications:
    """The notifications of commits between servers, and from workers to servers; and the states that servers share.
    Whoever commits never waits for Redis, and no method raises.
    """

    def __init__(self, redis_url: str, clock: Clock) -> None:
        self._clock = clock
        self._deployment = ""
        self.epoch = ""  # of the states that are shared and loaded
        pool = redis_pools.pool(redis_url, socket_connect_timeout=_TIMEOUT_SECONDS, socket_timeout=_TIMEOUT_SECONDS)
        self._redis = redis.asyncio.Redis.from_pool(pool)
        # Its own connection, without a time limit on reads: it waits for messages.
        listening = redis_pools.pool(redis_url, socket_connect_timeout=_TIMEOUT_SECONDS)
        self._subscriber = redis.asyncio.Redis.from_pool(listening)
        self._listeners: dict[int, Callable[[], None]] = {}
        self._changed = asyncio.Event()
        self._committed: set[int] = set()
        self._states: dict[str, _State] = {}
        self._wake = asyncio.Event()
        self._away: set[str] = set()  # the tasks whose outage has been logged
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, deployment: str) -> None:
        """Starts to notify the servers of this deployment, and to receive notifications for listeners."""
        self._deployment = deployment
        self._tasks = [
            asyncio.create_task(self._for_ever(name, work))
            for name, work in (("publish", self._publish), ("listen", self._listen))
        ]

    def _channel(self, organization_id: int) -> str:
        return f"tallywire:{self._deployment}:{{{organization_id}}}:revision"

    def _state_key(self, organization_id: int, time_zone: str, part: ViewFilter) -> str:
        digest = hashlib.blake2b(json.dumps([time_zone, part.key]).encode(), digest_size=16).hexdigest()
        return f"tallywire:{self._deployment}:{{{organization_id}}}:realtime:{self.epoch}:{digest}"

    async def close(self) -> None:
        """Stops both tasks and closes the connections."""
        while pending := [task for task in self._tasks if not task.done()]:
            for task in pending:
                task.cancel()
            await asyncio.wait(pending, timeout=0.5)  # and again: a Redis client may swallow a cancellation
        await self._redis.aclose()
        await self._subscriber.aclose()

    def committed(self, organization_id: int) -> None:
        """Notifies of an organization's new revision: this server at once, others as soon as Redis takes it."""
        self._notify(organization_id)
        self._committed.add(organization_id)
        self._wake.set()

    def listen(self, organization_id: int, heard: Callable[[], None]) -> None:
        """Registers a callback for new revisions of an organization."""
        self._listeners[organization_id] = heard
        self._changed.set()

    def forget(self, organization_id: int, heard: Callable[[], None]) -> None:
        """Removes a callback, unless another one has replaced it."""
        if self._listeners.get(organization_id) == heard:
            del self._listeners[organization_id]
            self._changed.set()

    def share_state(
        self, organization_id: int, time_zone: str, part: ViewFilter, revision: int, at: datetime, state: bytes
    ) -> None:
        """Stores a state in Redis for other servers, unless Redis has a newer one."""
        key, shared = self._state_key(organization_id, time_zone, part), _State(revision, rules.microseconds(at), state)
        self._states[key] = max(shared, self._states.get(key, shared))
        self._wake.set()

    async def load_state(self, organization_id: int, time_zone: str, part: ViewFilter) -> SharedState | None:
        """Returns a state that is at most 2 seconds old, in one round trip; None if Redis has none or is away."""
        key = self._state_key(organization_id, time_zone, part)
        try:
            found = await cast("Awaitable[list[bytes | None]]", self._redis.hmget(key, ["revision", "at", "state"]))
            revision, at, state = found
            oldest = rules.microseconds(self._clock.now() - STATE_AGE)
            if revision is None or at is None or state is None or int(at) < oldest:
                return None
            return SharedState(int(revision), state)
        except Exception:  # noqa: BLE001 - whatever Redis does or holds, PostgreSQL has it
            return None

    async def _for_ever(self, name: str, work: Callable[[], Coroutine[object, object, None]]) -> None:
        """Runs the work, and again after a pause whenever it fails: Redis may be away, or may not be Redis at all."""
        while True:
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - none of it may end the task
                if name not in self._away:
                    _log.warning(
                        "Redis is away; updates are looked for in PostgreSQL",
                        task=name,
                        error=redis_pools.describe(error),
                    )
                self._away.add(name)
                await asyncio.sleep(_RETRY_SECONDS)

    async def _publish(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            failpoints.reach("notification_before_publish")
            await self._publish_all()
            self._away.discard("publish")

    async def _publish_all(self) -> None:
        """Publishes all that waits, and keeps no reference to it."""
        committed, self._committed = self._committed, set()
        states, self._states = self._states, {}
        pipeline: Any = self._redis.pipeline(transaction=False)
        for organization_id in committed:
            pipeline.publish(self._channel(organization_id), b"")
        for key, state in states.items():
            pipeline.eval(_STORE, 1, key, *state, _STATE_MILLISECONDS)
        await pipeline.execute()

    async def _listen(self) -> None:
        """Receives notifications until the connection breaks, for the organizations with a callback."""
        async with self._subscriber.pubsub(ignore_subscribe_messages=True) as pubsub:
            subscribed: set[int] = set()
            pulse = _Pulse()
            self._changed.set()
            for organization_id in list(self._listeners):
                self._notify(organization_id)  # commits may have been missed while there was no connection
            while True:
                if self._changed.is_set():
                    self._changed.clear()
                    wanted = set(self._listeners)
                    if added := wanted - subscribed:
                        await pubsub.subscribe(*map(self._channel, added))
                    if removed := subscribed - wanted:
                        await pubsub.unsubscribe(*map(self._channel, removed))
                    subscribed = wanted
                if not subscribed and not pubsub.subscribed:  # no channel is subscribed to, and Redis has confirmed it
                    await self._changed.wait()
                    pulse = _Pulse()  # answers were not read meanwhile
                    continue
                await pulse.beat(pubsub)
                message = await pubsub.get_message(timeout=0.2)
                self._away.discard("listen")
                if message is not None and message["type"] == "pong":
                    pulse.answered = True
                elif message is not None:
                    self._notify(int(message["channel"].split(b"{")[1].split(b"}")[0]))

    def _notify(self, organization_id: int) -> None:
        if (heard := self._listeners.get(organization_id)) is not None:
            heard()


class _Pulse:
    """A periodic ping of Redis: a connection that only listens would not notice that Redis is gone."""

    def __init__(self) -> None:
        self.answered = True
        self._due = 0.0

    async def beat(self, pubsub: redis.asyncio.client.PubSub) -> None:
        """Pings if it is time to. Raises TimeoutError if the last ping had no answer."""
        now = asyncio.get_running_loop().time()
        if now < self._due:
            return
        if not self.answered:
            raise TimeoutError
        self.answered, self._due = False, now + _PULSE_SECONDS
        await pubsub.ping()
