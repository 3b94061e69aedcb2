"""Late, repeated and corrected events: figures of the usual ways are wrong afterwards, and ours are not.

docs/design/continuous-aggregates.md tells what comes out here.
"""

import contextlib
import os
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest
import rivals
from pydantic import SecretStr
from rivals import CORRECTED, DAYS, LATE, LATE_AND_GONE, REPEATED_AND_GONE, RETRACTED, Message

from server.local import embedded
from server.local.embedded import binaries
from server.organizations.settings import OrganizationSettings
from server.rollups import audit, fold
from server.settings import Settings
from server.store import partitions
from server.store.database import Database
from server.store.isolation import EVERY
from server.tasks import retention
from server.tenancy import administration, api_keys
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import Scope
from tallywire import AsyncClient
from tallywire.v1 import event_pb2
from tests.support import memory, serving, worlds

ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu")
NEPAL = "Asia/Kathmandu"


def _with_timescale() -> Path | None:
    """Returns the folder of a PostgreSQL that has the extension."""
    named = os.environ.get(binaries.POSTGRES_VARIABLE)
    for folder in [Path(named)] if named else sorted(Path("/usr/lib/postgresql").glob("*/bin")):
        with contextlib.suppress(OSError):
            asked = [folder / "pg_config", "--sharedir"]
            shared = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
            if shared and (Path(shared) / "extension" / "timescaledb.control").exists():
                return folder
    return None


@contextlib.asynccontextmanager
async def _fresh(engines: embedded.Engines) -> AsyncIterator[Any]:
    """A connection of a superuser to an empty database."""
    name = f"rival_{uuid.uuid4().hex}"
    engines.create_database(name)
    url = engines.admin_url.replace("+asyncpg", "").removesuffix("/postgres") + f"/{name}"
    connection = await asyncpg.connect(url, server_settings={"timezone": "UTC"})
    try:
        yield connection
    finally:
        await connection.close()
        engines.drop_database(name)


def _number(value: Any) -> int:
    which = value.WhichOneof("value")
    return int(getattr(value, which)) if which else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """The service, through its client."""

    client: AsyncClient
    database: Database
    organization: int
    stream: rivals.Stream

    async def store(self, messages: Iterable[Message]) -> None:
        """Sends events."""
        results = await self.client.track_batch([self._event(one) for one in messages])
        assert not [one for one in results if one.HasField("rejection")]

    async def correct(self, message: Message) -> None:
        """Sends an event as it should have been."""
        await self.client.corrections.correct([self._event(message)], reason="measured anew")

    async def retract(self, message: Message) -> None:
        """Takes an event out."""
        await self.client.corrections.retract([message.event_id], reason="a test")

    async def night(self) -> None:
        """Folds, and drops raw events by their day of receipt. That is when they occurred, but for what came late."""
        await worlds.project(self.database, self.organization)
        await fold.fold_all(self.database, self.organization)
        async with self.database.transaction(of=EVERY) as driver:
            for before in range(DAYS + 1):
                await partitions.ensure(driver, self.stream.day(before).date(), days=0)
        late = self.stream.late(LATE).user
        await worlds.execute(self.database, "UPDATE events SET received_at = occurred_at WHERE user_id <> $1", late)
        await retention.event_retention(self.database, datetime.now(UTC), {})

    async def figures(self, zone: str) -> rivals.Figures:
        """Asks for a series by day."""
        start = datetime.combine(self.stream.day(DAYS + 1).date(), datetime.min.time(), ZoneInfo(zone))
        answer = await self.client.usage(
            start,
            start + timedelta(days=DAYS + 2),
            granularity="day",
            metrics=("messages_sent", "prompt_tokens", "unique_users"),
            time_zone=zone,
        )
        series = {one.metric: [_number(value) for value in one.values] for one in answer.series}
        return {
            bucket.start.ToDatetime(UTC).astimezone(ZoneInfo(zone)).date(): rivals.DayFigures(*figures)
            for bucket, *figures in zip(
                answer.buckets,
                *(series[name] for name in ("messages_sent", "prompt_tokens", "unique_users")),
                strict=True,
            )
        }

    def _event(self, message: Message) -> event_pb2.Event:
        return serving.event(
            at=message.at,
            event_id=message.event_id,
            user_id=message.user,
            message=event_pb2.MessageDetail(prompt_tokens=message.tokens),
        )


@pytest.fixture
async def ours(
    own_database: Database, own_url: str, own_engines: embedded.Engines, settings: Settings
) -> AsyncIterator[Ours]:
    """The service with an organization that keeps raw events for as long as the others do."""
    chosen = OrganizationSettings(time_zone="UTC", event_retention_days=rivals.KEPT.days)
    organization = await administration.create_organization(own_database, "acme", chosen)
    pepper = settings.required("key_pepper")
    key = await api_keys.create_key(own_database, KeyedHashes(pepper), "acme", name="test", scopes=(Scope.ADMIN,))
    urls = {"database_url": SecretStr(own_url), "redis_url": SecretStr(own_engines.redis_url)}
    async with (
        serving.running(settings, **urls) as server,
        AsyncClient(server.address, api_key=key.secret) as client,
    ):
        yield Ours(client=client, database=own_database, organization=organization, stream=rivals.stream())


async def test_ours_is_exact_for_every_day_of_every_zone(ours: Ours) -> None:
    stream = ours.stream
    await stream.run(ours)
    raw = "SELECT count(*) FROM events WHERE occurred_at < $1"
    assert await worlds.value(ours.database, raw, stream.day(LATE_AND_GONE - 1)) == 1, (
        "raw events are gone, but for the one that came late"
    )
    for zone in ZONES:
        found = await ours.figures(zone)
        for figure in rivals.DayFigures._fields:
            assert stream.wrong(found, figure, zone) == {}, (zone, figure)
    assert (await audit.check(ours.database, ours.organization)).mismatches == 0
    # What cannot be done is refused, and counted as nothing.
    (refused,) = await ours.client.corrections.retract([stream.on(DAYS)[0].event_id], reason="a test")
    assert serving.reason(refused) in ("EVENT_NOT_FOUND", "RAW_EVENTS_GONE")
    assert stream.wrong(await ours.figures("UTC"), "messages") == {}


async def _compare(rival: rivals.ContinuousAggregate | rivals.ViewsByDay, stream: rivals.Stream, *, left: int) -> None:
    """Runs the stream and asserts where a rival is wrong; `left`: raw events of a day that had gone when one came."""
    await stream.run(rival)
    found = await rival.figures("UTC")
    assert stream.wrong(found, "messages") == {LATE: (7, 8), RETRACTED: (7, 6), LATE_AND_GONE: (7, 8)}
    assert stream.wrong(found, "tokens").keys() == {LATE, CORRECTED, RETRACTED, LATE_AND_GONE}
    # Users of an hour do not add up to users of a day.
    assert len(stream.wrong(found, "users")) == DAYS
    # A day of Nepal begins at 18:15, within an hour of UTC.
    elsewhere = stream.wrong(await rival.figures(NEPAL), "tokens", NEPAL)
    assert len(elsewhere) >= DAYS

    # Making the earlier time anew by hand mends what has its raw events, and loses what has not.
    await rival.refresh(stream.day(DAYS + 1), stream.day(LATE - 1))
    lost = {9: (0, 7), LATE_AND_GONE: (left, 8), REPEATED_AND_GONE: (left, 7), 12: (0, 7)}
    # After midnight one more day is gone.
    assert stream.wrong(await rival.figures("UTC"), "messages").items() >= lost.items()


async def test_a_materialized_view_for_each_day_is_wrong(engines: embedded.Engines) -> None:
    stream = rivals.stream()
    async with _fresh(engines) as connection:
        rival = rivals.ViewsByDay(connection)
        await rival.make(stream)
        await _compare(rival, stream, left=1)


@pytest.fixture
def timescale(monkeypatch: pytest.MonkeyPatch) -> Iterator[embedded.Engines]:
    """A PostgreSQL that has the extension loaded."""
    folder = _with_timescale()
    if folder is None:
        pytest.skip("no PostgreSQL here has the extension timescaledb")
    monkeypatch.setenv(binaries.POSTGRES_VARIABLE, str(folder))
    with memory.folder("timescale", room=memory.OF_A_SESSION) as data, embedded.start(data) as made:
        yield made


async def test_a_continuous_aggregate_is_wrong(timescale: embedded.Engines) -> None:
    connection = await asyncpg.connect(timescale.admin_url.replace("+asyncpg", ""))
    for setting in ("shared_preload_libraries = 'timescaledb'", "timescaledb.telemetry_level = 'off'"):
        with contextlib.suppress(asyncpg.UndefinedObjectError):
            await connection.execute(f"ALTER SYSTEM SET {setting}")
    await connection.close()
    timescale.restart_postgres()
    stream = rivals.stream()
    async with _fresh(timescale) as connection:
        rival = rivals.ContinuousAggregate(connection)
        await rival.make()
        # Retention drops again what came after it.
        await _compare(rival, stream, left=0)
