"""Two versions of an organization's conversations: those that are valid, and those that were filled to replace them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from server.events.conversation import Conversation
from server.store import conversations, statements
from server.store.conversations import CLOSING, FIELDS, of_fields, selected
from server.store.database import Driver
from server.store.projections import Rows

TABLES = ("conversations", "conversation_closings")
PORTION = 1_000  # conversations whose rows are compared, and replaced where they differ, in one transaction
_KEYS = " UNION ".join(
    f"(SELECT conversation_key FROM conversations WHERE organization_id = $1 AND version = ${version}"  # noqa: S608
    " AND conversation_key > $4 ORDER BY conversation_key LIMIT $5)"
    for version in (2, 3)
)
_PORTION = (  # not max(): releases of PostgreSQL before 18 have none of bytea
    "SELECT conversation_key AS last, count(*) OVER () AS count"  # noqa: S608 - constants of this file
    f" FROM (SELECT * FROM ({_KEYS}) AS k ORDER BY conversation_key LIMIT $5) AS k"
    " ORDER BY conversation_key DESC LIMIT 1"
)
_DIFFERENT = statements.load(
    "read_different_conversations",
    VALID=", ".join(f"v.{name}" for name in FIELDS),
    FILLED=", ".join(f"f.{name}" for name in FIELDS),
    VALID_SELECTED=", ".join(selected(name, "v") for name in FIELDS),
    FILLED_SELECTED=", ".join(selected(name, "f") for name in FIELDS),
)
_DIFFERENT_CLOSINGS = statements.load("read_different_closings", COLUMNS=CLOSING)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRange:
    """The keys of a portion: those after one key, up to and with another, which may be the last one that there is."""

    after: bytes
    last: bytes
    is_end: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Different:
    """What differs in a portion: conversations as they are in the valid version and in the filled one, by key, and the
    keys of those whose closing and reopening events differ.
    """

    conversations: Mapping[bytes, tuple[Conversation | None, Conversation | None]]
    closings: Collection[bytes]


async def portion(driver: Driver, valid: Rows, filled: Rows, after: bytes) -> KeyRange | None:
    """Returns the next portion of keys behind a key that either version has; None where there is none."""
    row = await driver.fetchrow(_PORTION, *valid, filled.version, after, PORTION)
    if row is None:
        return None
    return KeyRange(after=after, last=row["last"], is_end=row["count"] < PORTION)


async def different(
    driver: Driver, valid: Rows, filled: Rows, keys: KeyRange, complete_from: datetime | None
) -> Different:
    """Returns what differs in a portion. Where raw events may be gone, which is before an instant, the valid version
    knows better: nothing differs.
    """
    shared = {
        "organization_id": valid.organization_id,
        "valid": valid.version,
        "filled": filled.version,
        "after": keys.after,
        "last": keys.last,
    }
    closings = await driver.fetch(_DIFFERENT_CLOSINGS.text, *_DIFFERENT_CLOSINGS.arguments(**shared))
    changed = [row[0] for row in closings]
    arguments = _DIFFERENT.arguments(**shared, keys=changed, complete_from=complete_from)
    count = len(FIELDS)
    found = {
        key: (
            of_fields(values[:count]) if is_valid else None,
            of_fields(values[count:]) if is_filled else None,
        )
        for key, is_valid, is_filled, *values in await driver.fetch(_DIFFERENT.text, *arguments)
    }
    return Different(conversations=found, closings=[key for key in changed if key in found])


async def take_over(driver: Driver, valid: Rows, filled: Rows, differ: Different) -> None:
    """Makes the valid version what the filled one is, where they differ."""
    gone = [key for key, (_, now) in differ.conversations.items() if now is None]
    if gone:
        await driver.execute(
            "DELETE FROM conversations WHERE organization_id = $1 AND version = $2"
            " AND conversation_key = ANY($3::bytea[])",
            *valid,
            gone,
        )
    changed = {key: now for key, (_, now) in differ.conversations.items() if now is not None}
    if changed:
        await conversations.save(driver, valid, changed)
    if differ.closings:
        await conversations.copy_closings(driver, filled, valid, differ.closings)
