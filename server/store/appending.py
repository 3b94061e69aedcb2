"""Adds rows to tables that are distributed: each statement goes to the node of its organization, in one phase.

Citus commits a COPY in two phases, even where all rows are of one node: after a crash in between answers lack what was
acknowledged, for as long as nobody finishes it. It sends an INSERT whole to a node only where that takes its rows from
a row that is there. docs/design/distribution.md has the figures.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from server import errors
from server.store import binary, statements
from server.store.database import Driver


@dataclass(frozen=True, slots=True, kw_only=True)
class _Type:
    """A column's type: the elements of the array that is sent, and how values are read of COPY's format. What cannot be
    an element of an array, since arrays differ in length, is sent as a text and cast.
    """

    name: str
    read: Callable[[bytes], Any]
    sent: str = ""


_INTEGER, _TEXT = binary.integer_of, bytes.decode
_SMALLINT = _Type(name="smallint", read=_INTEGER)
_INT = _Type(name="integer", read=_INTEGER)
_BIGINT = _Type(name="bigint", read=_INTEGER)
_TIME = _Type(name="timestamptz", read=binary.instant_of)
_STRING = _Type(name="text", read=_TEXT)
_BYTES = _Type(name="bytea", read=bytes)
_JSON = _Type(name="jsonb", read=binary.json_of, sent="text")
_INTS = _Type(name="integer[]", read=binary.integers_text_of, sent="text")
_BIGINTS = _Type(name="bigint[]", read=binary.bigints_text_of, sent="text")
_BYTE_STRINGS = _Type(name="bytea[]", read=binary.byteas_text_of, sent="text")

# Of all columns of tables that take rows by COPY where they are not distributed.
_TYPES = {
    **dict.fromkeys(("dimension", "slot", "granularity", "status", "kind"), _SMALLINT),
    **dict.fromkeys(("organization_id", "bucket", "portion", "events", "counters", "occurred_hour", "number"), _INT),
    **dict.fromkeys(("revision", "fingerprint"), _BIGINT),
    **dict.fromkeys(("received_at", "occurred_at", "created_at"), _TIME),
    **dict.fromkeys(("event_key", "changes"), _BYTES),
    **dict.fromkeys(("counter_keys", "bin_keys", "histogram_keys", "set_keys"), _INTS),
    **dict.fromkeys(("counter_amounts", "bin_counts"), _BIGINTS),
    **dict.fromkeys(("histograms", "sets"), _BYTE_STRINGS),
    **dict.fromkeys(("detail", "properties"), _JSON),
    **dict.fromkeys(("more", "overflow"), _Type(name="boolean", read=any)),
}


async def insert(
    driver: Driver, table: str, organization_id: int, values: Mapping[str, Sequence[Any]], *, replace: str = ""
) -> None:
    """Adds rows of one organization, by the values of each column but organization_id. replace says what becomes of
    rows that are there.

    The organization has a row of revisions, as each has until it is removed. StorageUnavailable where the node has not
    found it: that is so in the moment in which a shard is split, for a statement that waited for that as the first one
    of its transaction. Tried again, it finds the row.
    """
    statement = f"{_statement(table, values)} {replace}"
    added = statements.rows(await driver.execute(statement, organization_id, *values.values()))
    if added != len(next(iter(values.values()))):
        raise errors.StorageUnavailable("the organization's rows are being moved")


async def insert_new(
    driver: Driver, table: str, organization_id: int, values: Mapping[str, Sequence[Any]], *, returning: str
) -> list[Any]:
    """Adds those rows whose keys are new, as insert() does, and returns a column of them."""
    statement = f"{_statement(table, values)} ON CONFLICT DO NOTHING RETURNING {returning}"
    return [row[0] for row in await driver.fetch(statement, organization_id, *values.values())]


def _statement(table: str, columns: Iterable[str]) -> str:
    types = {column: _TYPES.get(column, _STRING) for column in columns}
    sent = ", ".join(f"${place}::{one.sent or one.name}[]" for place, one in enumerate(types.values(), start=2))
    taken = ", ".join(f"u.{column}::{one.name}" for column, one in types.items())
    names = ", ".join(types)
    return (
        f"INSERT INTO {table} AS t (organization_id, {names}) SELECT b.organization_id, {taken}"  # noqa: S608 - our names
        f" FROM revisions AS b, unnest({sent}) AS u({names}) WHERE b.organization_id = $1"
    )


async def insert_packed(
    driver: Driver, table: str, columns: Sequence[str], rows: Iterable[bytes], *, replace: str = ""
) -> None:
    """Adds rows of one organization that are packed for COPY, with organization_id in front, as insert() does."""
    found = binary.unpacked(rows, [_TYPES.get(column, _STRING).read for column in columns])
    if found[0]:
        await insert(driver, table, found[0][0], dict(zip(columns[1:], found[1:], strict=True)), replace=replace)
