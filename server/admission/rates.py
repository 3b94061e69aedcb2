"""Rates: how many events per second an organization may send, over all servers.

Each organization has a token bucket in Redis. A server leases tokens for a tenth of a second from it at a time. A call
needs Redis only if its server's lease is used up, and is let in while at least one token is left. Events beyond the
lease are a debt, which the next lease pays first. So all servers together let in at most a burst plus the rate, and for
each server one lease plus what is in flight.

Without Redis every server goes on with a bucket of its own, for its share of each rate. FLUSHALL fills the buckets.
"""

import asyncio
import contextlib
import time
from dataclasses import dataclass

import redis.asyncio
import structlog
from redis.exceptions import RedisError

from server import redis_pools
from server.errors import Reason, Refused
from server.tenancy.limits import OrganizationLimits

_LEASE_SECONDS = 0.1
_ANSWER_SECONDS = 0.25
_REST_SECONDS = 1.0  # between two questions whether Redis is back
_CONNECTIONS = 8
_LEAST_WAIT = 0.02
_BUCKETS = 20_000
_log = structlog.get_logger(__name__)

# Takes a debt off the bucket, whatever the bucket holds, then grants as many of the wanted tokens as are left. Returns
# the granted tokens and the seconds until there are more.
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
    """The tokens that this server holds for an organization."""

    tokens: int = 0  # below 0: a debt
    empty_until: float = 0.0
    leasing: "asyncio.Task[None] | None" = None
    # The bucket of its own that the server goes on with while Redis is away.
    level: float | None = None
    at: float = 0.0


class Rates:
    """The rates of organizations. share is the part of each rate that this server grants while Redis is away."""

    def __init__(self, redis_url: str, *, share: float) -> None:
        pool = redis_pools.pool(
            redis_url,
            redis.asyncio.BlockingConnectionPool,
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
        self._watch: asyncio.Task[None] | None = None  # asks whether Redis is back

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
        """Returns whether Redis must be asked before anything can be said of an organization's rate."""
        if not limits.events_per_second:
            return False
        bucket = self._bucket(organization_id)
        return bucket.tokens <= 0 and time.monotonic() >= bucket.empty_until

    async def ask(self, organization_id: int, limits: OrganizationLimits) -> None:
        """Leases tokens for an organization from Redis."""
        await asyncio.shield(self._leasing(organization_id, self._bucket(organization_id), limits))

    def refusal(self, organization_id: int, limits: OrganizationLimits) -> Refused | None:
        """Returns the refusal of an organization whose rate is used up, else None.

        The caller must charge an admitted call before it awaits anything.
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
        """Takes the events of an admitted call off the lease, and renews the lease before it is used up."""
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
        """Returns the request for a lease that is in flight; calls that need a lease meanwhile share it."""
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
        """Returns the tokens that are granted, and the seconds to wait if there are none."""
        if self._watch is None:
            key = f"tallywire:{self._deployment}:{{{organization_id}}}:rate"
            arguments = (limits.events_per_second, limits.burst_events, debt, wanted)
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    granted, wait = await self._script(keys=(key,), args=arguments)
            except (RedisError, OSError, TimeoutError) as error:
                if self._watch is None:
                    _log.warning("Redis is away; rates are kept by each server", error=redis_pools.describe(error))
                    self._watch = asyncio.create_task(self._until_back())
            else:
                bucket.level = None
                return int(granted), float(wait)
        return self._grant_alone(bucket, limits, debt, wanted)

    def _grant_alone(self, bucket: _Bucket, limits: OrganizationLimits, debt: int, wanted: int) -> tuple[int, float]:
        """Returns what the script would, for this server's share of the rate."""
        now = time.monotonic()
        rate, burst = limits.events_per_second * self._share, max(1.0, limits.burst_events * self._share)
        level = burst if bucket.level is None else min(burst, bucket.level + (now - bucket.at) * rate)
        level -= debt
        granted = max(0, int(min(wanted, level)))
        bucket.level, bucket.at = level - granted, now
        return granted, max(0.0, (1 - bucket.level) / rate)

    async def _until_back(self) -> None:
        """Asks Redis every second until it answers."""
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
