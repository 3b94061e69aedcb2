"""What is packed for COPY is what PostgreSQL reads."""

from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.store import binary
from server.store.database import Database

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

    @settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(_ROW)
    def packed(row: tuple[str, list[int], list[int], list[bytes], datetime]) -> None:
        rows.append(row)

    packed()
    async with database.maintenance() as driver:
        await driver.execute(
            "CREATE TEMPORARY TABLE packed (n integer, a text, b integer[], c bigint[], d bytea[], e timestamptz,"
            " f jsonb, g text) ON COMMIT DROP"
        )
        await binary.copy(driver, "packed", list("nabcdefg"), [_packed(*item) for item in enumerate(rows)])
        stored = await driver.fetch("SELECT a, b, c, d, e, f::text, g FROM packed ORDER BY n")
    assert [tuple(row) for row in stored] == [(*row, '{"é": 1}', None) for row in rows]


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
