"""DATABASE_URL as operators have it: with blanks around it, as hosters write it, and with a pooler behind it."""

import pytest

from server import errors
from server.local import embedded
from server.settings import Settings
from server.store import address, diagnosis
from server.store.database import Database
from server.store.isolation import EVERY
from tests.support import poolers
from workers import __main__ as workers

_HOSTED = "sslmode=prefer&channel_binding=prefer&connect_timeout=10&application_name=a&target_session_attrs=any"


def test_settings_are_trimmed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", " postgresql://u@h/d\n")
    monkeypatch.setenv("REDIS_URL", "\tredis://h:6379/0\r\n")
    monkeypatch.setenv("TALLYWIRE_LISTEN", " 127.0.0.1:0 ")
    known = Settings()
    assert known.required("database_url") == "postgresql://u@h/d"
    assert known.required("redis_url") == "redis://h:6379/0"
    assert known.listen == "127.0.0.1:0"


@pytest.mark.parametrize("scheme", address.SCHEMES)
async def test_urls_of_hosters_are_understood(engines: embedded.Engines, scheme: str) -> None:
    url = engines.database_url.replace("postgresql+asyncpg://", f"{scheme}://")
    database = Database(f"{url}?{_HOSTED}&options=-c%20geqo%3Doff")
    try:
        async with database.ingest(of=EVERY) as driver:
            assert await driver.fetchval("SELECT current_setting('geqo')") == "off"
            assert await driver.fetchval("SELECT current_setting('application_name')") == "tallywire ingest"
        assert not await database.is_shared()
    finally:
        await database.close()


async def test_a_url_may_name_several_hosts(engines: embedded.Engines) -> None:
    """The first that is what the URL asks for is taken, and messages name all of them."""
    before, _, host = engines.database_url.partition("@")
    url = f"{before}@127.0.0.1:1,{host}?target_session_attrs=read-write"
    async with diagnosis.database(url, migrated=False) as database, database.query(of=EVERY) as driver:
        assert await driver.fetchval("SELECT 1") == 1
    assert address.place(url) == f"127.0.0.1:1,{host.partition('/')[0]}"
    assert address.place("postgresql://u@One,[::1]:2,:3/d") == "one:5432,::1:2,localhost:3"
    with pytest.raises(errors.SetupError, match="is not a URL"):
        diagnosis.check_url("postgresql://u@one,two:three/d")


def test_urls_of_nodes_may_name_several_hosts_too() -> None:
    one, two = "postgresql://u@a:1,b:2/d?target_session_attrs=primary", "postgres://u@c,d/d"
    known = Settings(query_database_urls=f" {one}, {two},")  # type: ignore[arg-type]  # pydantic makes the secret
    assert known.node_urls == (one, two)
    assert Settings(query_database_urls=" ").node_urls == ()  # type: ignore[arg-type]  # as above


async def test_a_pooler_that_shares_sessions_is_reported_in_one_line(engines: embedded.Engines) -> None:
    async with poolers.in_front_of(engines.database_url) as url:
        with pytest.raises(errors.SetupError, match="a pooler, such as PgBouncer, shares sessions"):
            async with diagnosis.database(url, migrated=False):
                pass
    async with poolers.in_front_of(engines.database_url) as url:
        known = Settings(DATABASE_URL=url, REDIS_URL=engines.redis_url)  # type: ignore[call-arg]
        with pytest.raises(errors.SetupError, match="let it pool by session"):
            await workers.work(known, 0)


@pytest.mark.parametrize("state", ["42P05", "26000"])
def test_errors_that_only_poolers_make_are_reported_as_such(state: str) -> None:
    error = errors.StorageUnavailable("database error")
    error.__cause__ = type("OfPostgres", (Exception,), {"sqlstate": state})()
    assert "a pooler" in diagnosis.explain(error, "postgresql://u@h/d")
