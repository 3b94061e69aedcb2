"""Rates: how many events per second an organization may send, whichever servers it sends them to.

Each organization has a token bucket in Redis, from which servers lease a tenth of a second's worth at a time. A call
needs Redis only where its server's lease is used up, and is let in while anything is left of it: what it holds beyond
that is a debt, which the bucket has to earn first. So servers together let in at most a burst and the rate, and for
each server one lease and what is under way.

With Redis away every server goes on with a bucket of its own, for its part of each rate. FLUSHALL fills the buckets.
"""

import asyncio
import contextlib
import time
from dataclasses import dataclass

import redis.asyncio
import structlog
from redis.exceptions import RedisError

from server.errors import Reason, Refused
from server.tenancy.limits import OrganizationLimits

_LEASE_SECONDS = 0.1
_ANSWER_SECONDS = 0.25
_REST_SECONDS = 1.0  # between two looks whether Redis is back
_CONNECTIONS = 8
_LEAST_WAIT = 0.02
_BUCKETS = 20_000
_log = structlog.get_logger(__name__)

# Takes a debt off the bucket whatever it holds, then grants what is wanted as far as it goes. Returns what is granted
# and the seconds until there is more.
_LEASE = """
local rate, burst, debt, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local kept = redis.call('HMGET', KEYS[1], 'level', 'at')
local level = burst
if kept[1] and kept[2] then
    level = math.min(burst, tonumber(kept[1]) + math.max(0, now - tonumber(kept[2])) * rate)
end
level = level - debt
local granted = math.max(0, math.floor(math.min(wanted, level)))
level = level - granted
redis.call('HSET', KEYS[1], 'level', level, 'at', now)
redis.call('PEXPIRE', KEYS[1], math.ceil((burst - level) / rate * 1000) + 1000)
return {granted, tostring(math.max(0, (1 - level) / rate))}
"""


@dataclass(slots=True)
class _Bucket:
    """What this server holds for an organization."""

    tokens: int = 0  # below 0: a debt
    empty_until: float = 0.0
    leasing: "asyncio.Task[None] | None" = None
    # The bucket of its own that the server goes on with while Redis is away.
    level: float | None = None
    at: float = 0.0


class Rates:
    """Holds organizations to their rates. share is the part of each rate that this server grants with Redis away."""

    def __init__(self, redis_url: str, *, share: float) -> None:
        pool = redis.asyncio.BlockingConnectionPool.from_url(
            redis_url,
            max_connections=_CONNECTIONS,
            timeout=_ANSWER_SECONDS,
            socket_connect_timeout=_ANSWER_SECONDS,
            socket_timeout=_ANSWER_SECONDS,
        )
        self._redis = redis.asyncio.Redis.from_pool(pool)
        self._script = self._redis.register_script(_LEASE)
        self._share = share
        self._deployment = ""
        self._buckets: dict[int, _Bucket] = {}
        self._watch: asyncio.Task[None] | None = None  # looks whether Redis is back

    def start(self, deployment: str) -> None:
        """Shares buckets with the servers of this deployment from now on."""
        self._deployment = deployment

    async def close(self) -> None:
        """Stops."""
        tasks = [bucket.leasing for bucket in self._buckets.values() if bucket.leasing is not None]
        pending = {task for task in (*tasks, self._watch) if task is not None}
        for task in pending:
            task.cancel()
        if pending:
            await asyncio.wait(pending, timeout=2 * _ANSWER_SECONDS)
        await self._redis.aclose()

    def must_ask(self, organization_id: int, limits: OrganizationLimits) -> bool:
        """True where nothing can be said of an organization's rate before Redis is asked."""
        if not limits.events_per_second:
            return False
        bucket = self._bucket(organization_id)
        return bucket.tokens <= 0 and time.monotonic() >= bucket.empty_until

    async def ask(self, organization_id: int, limits: OrganizationLimits) -> None:
        """Leases more for an organization."""
        await asyncio.shield(self._leasing(organization_id, self._bucket(organization_id), limits))

    def refusal(self, organization_id: int, limits: OrganizationLimits) -> Refused | None:
        """The refusal of an organization whose rate is used up. What is let in must be charged before anything else
        runs.
        """
        if not limits.events_per_second or (bucket := self._bucket(organization_id)).tokens > 0:
            return None
        return Refused(
            Reason.EVENT_RATE,
            "the organization sends more events per second than it may",
            metadata={"limit": str(limits.events_per_second)},
            retry_after=max(_LEAST_WAIT, bucket.empty_until - time.monotonic()),
        )

    def charge(self, organization_id: int, limits: OrganizationLimits, events: int) -> None:
        """Counts the events of a call that was let in, and leases more in good time."""
        if not limits.events_per_second:
            return
        bucket = self._bucket(organization_id)
        bucket.tokens -= events
        if bucket.tokens < _lease(limits) / 2 and time.monotonic() >= bucket.empty_until:
            _ = self._leasing(organization_id, bucket, limits)

    def _bucket(self, organization_id: int) -> _Bucket:
        bucket = self._buckets.get(organization_id)
        if bucket is None:
            if len(self._buckets) >= _BUCKETS:  # forgets less than a lease, and debts that are being reported
                self._buckets = {key: one for key, one in self._buckets.items() if one.leasing is not None}
            bucket = self._buckets[organization_id] = _Bucket()
        return bucket

    def _leasing(self, organization_id: int, bucket: _Bucket, limits: OrganizationLimits) -> "asyncio.Task[None]":
        """The lease that is being asked for; calls that need it meanwhile share it."""
        if bucket.leasing is None:
            bucket.leasing = asyncio.create_task(self._ask(organization_id, bucket, limits))
        return bucket.leasing

    async def _ask(self, organization_id: int, bucket: _Bucket, limits: OrganizationLimits) -> None:
        debt = max(0, -bucket.tokens)
        wanted = max(0, _lease(limits) - max(0, bucket.tokens))
        try:
            granted, wait = await self._grant(organization_id, bucket, limits, debt, wanted)
            bucket.tokens += debt + granted
            if not granted:
                bucket.empty_until = time.monotonic() + wait
        finally:
            bucket.leasing = None

    async def _grant(
        self, organization_id: int, bucket: _Bucket, limits: OrganizationLimits, debt: int, wanted: int
    ) -> tuple[int, float]:
        """What is granted, and the seconds to wait where that is nothing."""
        if self._watch is None:
            key = f"tallywire:{self._deployment}:{{{organization_id}}}:rate"
            arguments = (limits.events_per_second, limits.burst_events, debt, wanted)
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    granted, wait = await self._script(keys=(key,), args=arguments)
            except (RedisError, OSError, TimeoutError) as error:
                if self._watch is None:
                    _log.warning("Redis is away; rates are kept by each server", error=type(error).__name__)
                    self._watch = asyncio.create_task(self._until_back())
            else:
                bucket.level = None
                return int(granted), float(wait)
        return self._grant_alone(bucket, limits, debt, wanted)

    def _grant_alone(self, bucket: _Bucket, limits: OrganizationLimits, debt: int, wanted: int) -> tuple[int, float]:
        """What the script does, for this server's part."""
        now = time.monotonic()
        rate, burst = limits.events_per_second * self._share, max(1.0, limits.burst_events * self._share)
        level = burst if bucket.level is None else min(burst, bucket.level + (now - bucket.at) * rate)
        level -= debt
        granted = max(0, int(min(wanted, level)))
        bucket.level, bucket.at = level - granted, now
        return granted, max(0.0, (1 - bucket.level) / rate)

    async def _until_back(self) -> None:
        """Looks for Redis until it answers."""
        while True:
            await asyncio.sleep(_REST_SECONDS)
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                async with asyncio.timeout(_ANSWER_SECONDS):
                    await self._redis.ping()
                    break
        _log.info("Redis is back; servers share rates again")
        self._watch = None


def _lease(limits: OrganizationLimits) -> int:
    return min(limits.burst_events, max(1, int(limits.events_per_second * _LEASE_SECONDS)))
