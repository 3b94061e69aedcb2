"""What is packed for COPY is what PostgreSQL reads."""

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server import errors
from server.events.event import ID_FIELDS, Event, key_of
from server.store import binary, events, partitions
from server.store.database import Database
from server.store.isolation import EVERY
from tests.support import citus

pytestmark = citus.one_node

_INT4, _INT8 = st.integers(-(2**31), 2**31 - 1), st.integers(-(2**63), 2**63 - 1)
_ROW = st.tuples(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    st.lists(_INT4, max_size=20),
    st.lists(_INT8, max_size=20),
    st.lists(st.binary(max_size=50), max_size=5),
    st.datetimes(timezones=st.just(UTC)),
)


async def test_values_come_back_as_they_were_packed(database: Database) -> None:
    rows: list[tuple[object, ...]] = []

    @settings(suppress_health_check=[HealthCheck.too_slow])
    @given(_ROW)
    def packed(row: tuple[str, list[int], list[int], list[bytes], datetime]) -> None:
        rows.append(row)

    packed()
    async with database.transaction(of=EVERY) as driver:
        await driver.execute(
            "CREATE TEMPORARY TABLE packed (n integer, a text, b integer[], c bigint[], d bytea[], e timestamptz,"
            " f jsonb, g text) ON COMMIT DROP"
        )
        await binary.copy(driver, "packed", list("nabcdefg"), [_packed(*item) for item in enumerate(rows)])
        stored = await driver.fetch("SELECT a, b, c, d, e, f::text, g FROM packed ORDER BY n")
        sent = await driver.fetch("SELECT array_send(b), array_send(c) FROM packed ORDER BY n")
    assert [tuple(row) for row in stored] == [(*row, '{"é": 1}', None) for row in rows]
    arrays = [(list(binary.integers_of(some)), list(binary.bigints_of(more))) for some, more in sent]
    assert arrays == [(row[1], row[2]) for row in rows]


_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
_EVENTS = st.lists(
    st.builds(
        Event,
        event_id=st.sampled_from(["018f2a3b-4c5d-7e6f-8a9b-0123456789ab", "order-7"]),
        event_key=st.just(b""),
        fingerprint=st.just(0),
        event_type=st.sampled_from(["message.sent", "custom"]),
        occurred_at=st.integers(946_684_800_000_000, 4_102_444_800_000_000),
        **dict.fromkeys(ID_FIELDS, st.one_of(st.sampled_from(["", "a"]), _TEXT)),
        detail=st.dictionaries(st.sampled_from(["model", "response_time_ms", "failed"]), st.one_of(_INT8, _TEXT)),
        properties=st.sampled_from(["", "{}", '{"é": [1, null, "x"]}']),
        warnings=st.just(()),
    ),
    max_size=5,
)


async def test_events_come_back_as_they_were_stored(database: Database) -> None:
    stored: list[Event] = []

    @settings(suppress_health_check=[HealthCheck.too_slow])
    @given(_EVENTS)
    def collect(made: list[Event]) -> None:
        stored.extend(one._replace(event_key=key_of(one.event_id)) for one in made)

    collect()
    async with database.transaction(of=EVERY) as driver:
        at = datetime(2026, 1, 1, tzinfo=UTC)
        name = partitions.name_of(at.date())
        await driver.execute(f"CREATE TEMPORARY TABLE {name} (LIKE public.events) ON COMMIT DROP")
        revision = events.Revision(number=1, at=at, month_events=0)
        await events.append(driver, [(1, revision, stored)])
        rows = await driver.fetch(f"SELECT {events.SELECTED} FROM {name}")
    assert [events.read(tuple(row)) for row in rows] == stored


def _packed(number: int, row: tuple[str, list[int], list[int], list[bytes], datetime]) -> bytes:
    text, integers, bigints, byteas, at = row
    return b"".join(
        (
            (8).to_bytes(2, "big"),
            (4).to_bytes(4, "big") + number.to_bytes(4, "big"),
            binary.text(text),
            binary.integers(integers),
            binary.bigints(bigints),
            binary.byteas(byteas),
            (8).to_bytes(4, "big") + binary.timestamp(at).to_bytes(8, "big", signed=True),
            binary.jsonb('{"é": 1}'),
            binary.Texts()[""],
        )
    )


async def test_a_connection_that_has_been_cut_is_a_lost_one(database: Database) -> None:
    async def copy() -> None:
        async with database.ingest(of=EVERY) as driver:
            driver.terminate()
            await binary.copy(driver, "events", ["organization_id"], [])

    with pytest.raises(errors.StorageUnavailable):
        await copy()
