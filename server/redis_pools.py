"""Pools of connections to Redis, by the URL of one server or of Sentinels, which know which server is the master.

Each new connection asks the Sentinels anew, so any kind of pool finds the next master after the last one has died.
"""

import asyncio
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import redis.asyncio
from redis.asyncio.connection import parse_url
from redis.exceptions import RedisError
from redis.utils import str_if_bytes

EXAMPLE = "redis://:PASSWORD@HOST:6379/0"
SENTINEL_EXAMPLE = "redis+sentinel://:PASSWORD@HOST:26379,HOST:26379/MASTER/0"

_SCHEMES = {"redis+sentinel": "redis", "rediss+sentinel": "rediss"}
_SENTINEL_PORT = 26379
_SENTINEL_SECONDS = 2.0  # for an answer, where the pool has no time limit of its own
Pool = redis.asyncio.ConnectionPool


class NoMaster(redis.ConnectionError):
    """No Sentinel names the master. The text says why in one line, without any password."""


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def pool(url: str, kind: type[Pool] = Pool, **options: Any) -> Pool:
    """Returns a pool of connections to the Redis of the URL, whose own options win. ValueError says what is wrong."""
    if (about := _sentinel_url(url)) is None:
        try:
            return kind.from_url(url, **options)
        except (ValueError, TypeError):
            raise ValueError(f"is not a URL of Redis: it looks like {EXAMPLE}") from None
    options |= about.options
    tls = options.pop("connection_class", None) is not None
    patience = options.get("socket_connect_timeout") or options.get("socket_timeout") or _SENTINEL_SECONDS
    sentinels = _Sentinels(about, float(patience), {name: options[name] for name in options if name.startswith("ssl_")})
    return kind(connection_class=_MasterTlsConnection if tls else _MasterConnection, sentinels=sentinels, **options)


def place(url: str) -> str:
    """Returns what a URL leads to, in words and without a password."""
    if (about := _sentinel_url(url)) is not None:
        return f"the master {about.master!r} of {_sentinels_at(about.places)}"
    parts = urllib.parse.urlsplit(url)
    return f"Redis at {parts.hostname or 'localhost'}:{parts.port or 6379}"


def describe(error: BaseException) -> str:
    """Returns what an error of Redis means, for a line of log: in words where it is about Sentinels, else its kind."""
    return str(error) if isinstance(error, NoMaster) else type(error).__name__


@dataclass(frozen=True, slots=True, kw_only=True)
class _SentinelUrl:
    """What a URL of Sentinels says."""

    places: Sequence[Address]
    master: str
    username: str | None  # of the Sentinels, as the password
    password: str | None
    options: dict[str, Any]  # of connections to the master


def _sentinel_url(url: str) -> _SentinelUrl | None:
    """Returns what a URL of Sentinels says; None for any other. ValueError says what is wrong with it."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in _SCHEMES:
        return None
    login, _, hosts = parts.netloc.rpartition("@")
    master, _, database = parts.path.strip("/").partition("/")
    query = urllib.parse.parse_qsl(parts.query, keep_blank_values=True)
    of_sentinels = {name: value for name, value in query if name in ("sentinel_username", "sentinel_password")}
    if not hosts or (database and not database.isdecimal()) or parts.fragment:
        raise ValueError(f"is not a URL of Sentinels: it looks like {SENTINEL_EXAMPLE}")
    if not master:
        raise ValueError(f"does not name the master that Sentinels watch: it looks like {SENTINEL_EXAMPLE}")
    others = urllib.parse.urlencode([(name, value) for name, value in query if name not in of_sentinels])
    # The rest is as in the URL of one server: redis-py reads it.
    plain = f"{_SCHEMES[parts.scheme]}://{login and login + '@'}master/{database or 0}?{others}"
    try:
        options = parse_url(plain)
        places = [_address(host) for host in hosts.split(",")]
    except ValueError:
        raise ValueError(f"is not a URL of Sentinels: it looks like {SENTINEL_EXAMPLE}") from None
    return _SentinelUrl(
        places=places,
        master=urllib.parse.unquote(master),
        username=of_sentinels.get("sentinel_username"),
        password=of_sentinels.get("sentinel_password"),
        options={name: value for name, value in options.items() if name != "host"},
    )


def _address(text: str) -> Address:
    parts = urllib.parse.urlsplit(f"//{text.strip()}")
    if not parts.hostname:
        raise ValueError(text)
    return Address(parts.hostname, parts.port or _SENTINEL_PORT)


def _sentinels_at(places: Sequence[Address]) -> str:
    return f"the Sentinel{'s' if len(places) > 1 else ''} at {', '.join(map(str, places))}"


class _Sentinels:
    """The Sentinels of a URL, and what they say about where the master is."""

    def __init__(self, about: _SentinelUrl, patience: float, tls: dict[str, Any]) -> None:
        self._places = about.places
        self._name = about.master
        self._patience = patience
        self._kind = redis.asyncio.SSLConnection if "connection_class" in about.options else redis.asyncio.Connection
        self._options = {"username": about.username, "password": about.password, **tls}
        self._left: Address | None = None  # where no master was found to be the last time

    def leave(self, address: Address) -> None:
        """Notes that there is no master at an address, whoever says so."""
        self._left = address

    async def master(self) -> Address:
        """Asks all Sentinels at once and returns the first answer; raises NoMaster where there is none.

        A Sentinel may be behind: the answer that was found to be wrong is taken only where there is no other.
        """
        asked = [asyncio.create_task(self._ask(place)) for place in self._places]
        again, failures = None, list[_Failure]()
        try:
            for answer in asyncio.as_completed(asked):
                found = await answer
                if isinstance(found, _Failure):
                    failures.append(found)
                elif found == self._left:
                    again = found
                else:
                    return found
        finally:
            for task in asked:
                task.cancel()
        if again is not None:
            return again
        raise NoMaster(self._reason(failures))

    async def _ask(self, place: Address) -> "Address | _Failure":
        connection = self._kind(host=place.host, port=place.port, **self._options)
        try:
            async with asyncio.timeout(self._patience):
                await connection.connect()  # type: ignore[no-untyped-call]  # redis-py's
                await connection.send_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._name)
                answer = await connection.read_response()
            if answer is None:
                return _Failure(0, f"the Sentinel at {place} knows no master {self._name!r}")
            host, port = map(str_if_bytes, answer)
            return Address(host, int(port))
        except (redis.AuthenticationError, redis.exceptions.NoPermissionError):
            return _Failure(1, f"the Sentinel at {place} refuses the sentinel_password of REDIS_URL")
        except redis.ResponseError:
            return _Failure(2, f"what answers at {place} is not a Sentinel")
        except (RedisError, OSError, TimeoutError, ValueError, TypeError):
            return _Failure(3, "")
        finally:
            await connection.disconnect(nowait=True)

    def _reason(self, failures: Sequence["_Failure"]) -> str:
        """Returns the reason that says most about what is to be mended."""
        return min(failures).text or f"no answer from {_sentinels_at(self._places)}"


class _Failure(NamedTuple):
    """Why a Sentinel gives no address. The lower the rank, the more the text says."""

    rank: int
    text: str


class _MasterConnection(redis.asyncio.Connection):
    """A connection to whichever server is the master when it is made."""

    def __init__(self, *, sentinels: _Sentinels, **options: Any) -> None:
        super().__init__(**options)
        self._sentinels = sentinels

    async def connect(self) -> None:
        """Connects to the master, if it is not connected."""
        if self.is_connected:
            return
        address = await self._sentinels.master()
        self.host, self.port = address
        try:
            await super().connect()  # type: ignore[no-untyped-call]  # redis-py's
        except (redis.ConnectionError, redis.TimeoutError):
            self._sentinels.leave(address)
            raise

    async def on_connect(self) -> None:
        """Signs in, and makes sure that this is the master: what is published to a replica reaches nobody else."""
        await super().on_connect()
        await self.send_command("INFO", "replication", check_health=False)
        if "role:master" not in str_if_bytes(await self.read_response()):
            raise NoMaster(f"what the Sentinels name, {Address(self.host, self.port)}, is not the master")

    async def read_response(self, *about: Any, **more: Any) -> Any:
        """Reads an answer. A master that has become a replica is left."""
        try:
            return await super().read_response(*about, **more)
        except redis.ReadOnlyError:
            await self.disconnect(nowait=True)
            raise NoMaster(f"{Address(self.host, self.port)} is no longer the master") from None


class _MasterTlsConnection(_MasterConnection, redis.asyncio.SSLConnection):
    """The same with TLS."""
