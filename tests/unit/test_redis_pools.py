"""REDIS_URL of one server and of Sentinels: what is read from it, and what is said of one that is wrong."""

import pytest
import redis.asyncio

from server import errors, redis_pools
from server.store import diagnosis

SENTINELS = "redis+sentinel://service:p%40ss@one:26380,two,[::1]:26381/tallywire/2"


def test_a_url_of_sentinels_says_how_to_reach_the_master() -> None:
    pool = redis_pools.pool(f"{SENTINELS}?sentinel_password=other&socket_keepalive=yes", socket_timeout=3.0)
    about = pool.connection_kwargs
    assert (about["username"], about["password"], about["db"]) == ("service", "p@ss", 2)
    assert (about["socket_timeout"], about["socket_keepalive"]) == (3.0, True)
    assert "host" not in about
    assert "sentinel_password" not in about
    assert (
        redis_pools.place(SENTINELS) == "the master 'tallywire' of the Sentinels at one:26380, two:26379, [::1]:26381"
    )


def test_the_kind_of_pool_is_the_callers() -> None:
    for url in (SENTINELS, "redis://one:6379/0"):
        pool = redis_pools.pool(url, redis.asyncio.BlockingConnectionPool, max_connections=3, timeout=1)
        assert isinstance(pool, redis.asyncio.BlockingConnectionPool)
        assert pool.max_connections == 3


@pytest.mark.parametrize("scheme", ["rediss", "rediss+sentinel"])
def test_tls_is_spoken_where_the_url_says_so(scheme: str) -> None:
    pool = redis_pools.pool(f"{scheme}://one:26379/tallywire/0?ssl_ca_certs=/etc/ca.pem")
    assert isinstance(pool.make_connection(), redis.asyncio.SSLConnection)
    assert not isinstance(redis_pools.pool(SENTINELS).make_connection(), redis.asyncio.SSLConnection)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://localhost", "REDIS_URL is not a URL of Redis"),
        ("redis+sentinel://:secret@one:26379", "REDIS_URL does not name the master that Sentinels watch"),
        ("redis+sentinel://:secret@one:26379/", "does not name the master"),
        ("redis+sentinel://:secret@/tallywire/0", "is not a URL of Sentinels: it looks like redis\\+sentinel://"),
        ("redis+sentinel://:secret@one,/tallywire/0", "is not a URL of Sentinels"),
        ("redis+sentinel://:secret@one:port/tallywire/0", "is not a URL of Sentinels"),
        ("redis+sentinel://:secret@one/tallywire/first", "is not a URL of Sentinels"),
        ("redis+sentinel://:secret@one/tallywire/0?socket_timeout=soon", "is not a URL of Sentinels"),
        ("redis+sentinel://:secret@one/tallywire?ssl_ca_certs=/etc/ca.pem", "an option .* those of TLS need rediss"),
        ("redis://:secret@one/0?nonsense=1", "REDIS_URL has an option behind its ?"),
    ],
)
def test_a_wrong_url_is_refused_in_one_line(url: str, said: str) -> None:
    with pytest.raises(errors.SetupError, match=said) as refused:
        diagnosis.check_redis_url(url)
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)
