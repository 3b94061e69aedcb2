"""The texts of arrays in which the single statement gets its rows."""

import pytest

from server import errors
from server.store import array_texts
from server.store.database import Database

TEXTS = [
    "a",
    "",
    '"',
    "\\",
    '\\"',
    '""',
    "{}",
    ",",
    "NULL",
    "null",
    "a\nb",
    "\u2028",
    "Grüße 👋",
    " ",
    "'",
    "\x01",
    '","',
]
BYTES = [b"", b"\\", b'"', bytes(range(256))]
INTEGERS = [0, -1, None, 2**63 - 1, -(2**63)]


@pytest.mark.parametrize("values", [[], *([one] for one in TEXTS), TEXTS, ["", *TEXTS[::-1], ""], [""] * 5])
async def test_texts_are_what_postgresql_reads(database: Database, values: list[str]) -> None:
    found = await read(database, "text", array_texts.texts(values))
    assert found == [one or None for one in values]


async def test_bytes_and_integers_are_what_postgresql_reads(database: Database) -> None:
    for values in (BYTES, []):
        assert await read(database, "bytea", array_texts.byteas(values)) == values
    for numbers in (INTEGERS, []):
        assert await read(database, "bigint", array_texts.integers(numbers)) == numbers


async def read(database: Database, kind: str, array: str) -> object:
    """What PostgreSQL makes of the text of an array."""
    async with database.query() as driver:
        return await driver.fetchval(f"SELECT $1::text::{kind}[]", array)


@pytest.mark.parametrize("values", [["\0"], ["a\0\0b", "c"], ["a", "b\0"], ["\0", "\0"]])
def test_a_nul_moves_nothing_into_another_row(values: list[str]) -> None:
    with pytest.raises(errors.StorageRejected):
        array_texts.texts(values)
