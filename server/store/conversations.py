"""Conversations as the projection keeps them, and the events that close and reopen them."""

import asyncio
import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from server import timerange
from server.catalog.dimensions import RUBRIC
from server.events import event_types
from server.events.conversation import Conversation, ConversationEvent
from server.events.outcomes import Closing, ClosingKind
from server.store import instants, projections, statements
from server.store.database import Driver
from server.store.following import EventReader
from server.store.projections import Rows

_MICROSECOND = timedelta(microseconds=1)
_AT_ONCE = 2_000  # conversations that are decoded in a turn of the event loop
CLOSING = "conversation_key, occurred_at, event_key, kind, agent_id, channel, team_id, handoff_reason"
_VERSION = projections.VERSION.format("conversations")
FIELDS = tuple(one.name for one in dataclasses.fields(Conversation))
_TIMES = frozenset(name for name in FIELDS if name.endswith("_at"))
_TYPES = {
    **dict.fromkeys(FIELDS, "text"),
    **dict.fromkeys(_TIMES, "bigint"),
    **dict.fromkeys(("messages", "reopenings", "events", "content_gaps"), "integer"),
    **dict.fromkeys(("tokens", "cost_micros"), "bigint"),
    **dict.fromkeys(("is_start_told", "is_open"), "boolean"),
    "began_key": "bytea",
    **dict.fromkeys(("outcome", "rating", "quality"), "smallint"),
}


def _instant(microseconds: int) -> datetime:
    return timerange.EPOCH + timedelta(microseconds=microseconds)


def _microseconds(at: datetime) -> int:
    return (at - timerange.EPOCH) // _MICROSECOND


_SCORED, _RATED = "event_type = 'quality.scored'", "event_type = 'feedback.submitted'"
_CONVERSATIONS = ", ".join(f"'{one}'" for one in event_types.CONVERSATIONS)
EVENTS = EventReader(
    (
        "conversation_id",
        "coalesce(agent_id, '')",
        "coalesce(user_id, '')",
        "coalesce(channel, '')",
        "coalesce(team_id, '')",
        # Reviews and content gaps have topics of their own.
        f"CASE WHEN event_type IN ({_CONVERSATIONS}) THEN coalesce(detail ->> 'topic', '') ELSE '' END",
        "(detail ->> 'by_human')::boolean",
        "coalesce(detail ->> 'handoff_reason', '')",
        " + ".join(f"coalesce((detail ->> '{name}')::bigint, 0)" for name in ("prompt_tokens", "completion_tokens")),
        "coalesce((detail ->> 'cost_micros')::bigint, 0)",
        f"(CASE WHEN {_SCORED} THEN detail ->> 'overall' WHEN {_RATED} THEN detail ->> 'rating' END)::smallint",
        f"CASE WHEN {_SCORED} THEN coalesce(nullif(detail ->> 'rubric_version', ''), '{RUBRIC.otherwise}') ELSE '' END",
    ),
    "conversation_id IS NOT NULL",
    ConversationEvent._make,
)


def selected(name: str, table: str = "c") -> str:
    """Returns a field of a conversation as it is read, in SQL."""
    return instants.selected(f"{table}.{name}") if name in _TIMES else f"{table}.{name}"


def _stored(name: str) -> str:
    if name in _TIMES:
        return instants.stored(name)
    return f"{name}::bigint[]" if name == "human_messages" else name


_SELECTED = ", ".join(("c.conversation_key", *map(selected, FIELDS)))
# OFFSET 0 keeps the planner from turning the lookups round, whatever its statistics say.
_LOAD = f"""
    SELECT {_SELECTED} FROM unnest($2::bytea[]) AS w(key) CROSS JOIN LATERAL (SELECT * FROM conversations
    WHERE organization_id = $1 AND version = $3 AND conversation_key = w.key OFFSET 0) AS c
"""  # noqa: S608 - constants of this file
_SAVE = f"""
    INSERT INTO conversations (organization_id, version, conversation_key, latest_minute, {", ".join(FIELDS)})
    SELECT b.organization_id, $2, conversation_key, latest_at / 60000000, {", ".join(map(_stored, FIELDS))}
    FROM unnest($3::bytea[], {", ".join(f"${place}::{_TYPES[name]}[]" for place, name in enumerate(FIELDS, 4))})
        AS c(conversation_key, {", ".join(FIELDS)}), revisions AS b
    WHERE b.organization_id = $1
    ON CONFLICT (organization_id, version, conversation_key) DO UPDATE
    SET latest_minute = excluded.latest_minute, {", ".join(f"{name} = excluded.{name}" for name in FIELDS)}
"""  # noqa: S608 - constants of this file


async def load(driver: Driver, rows: Rows, keys: Collection[bytes]) -> dict[bytes, Conversation]:
    """Returns those conversations that there are, by key."""
    return read(await driver.fetch(_LOAD, rows.organization_id, list(keys), rows.version))


async def save(driver: Driver, rows: Rows, conversations: Mapping[bytes, Conversation]) -> None:
    """Stores conversations in place of what there was of them."""
    keys = sorted(conversations)
    columns = zip(*(_row(conversations[key]) for key in keys), strict=True)
    await driver.execute(_SAVE, rows.organization_id, rows.version, keys, *columns)


async def remove(driver: Driver, rows: Rows, keys: Collection[bytes]) -> None:
    """Removes conversations, and their closing and reopening events."""
    for table in ("conversations", "conversation_closings"):
        await driver.execute(
            f"DELETE FROM {table} WHERE organization_id = $1 AND version = $2"  # noqa: S608 - a name of this file
            " AND conversation_key = ANY($3::bytea[])",
            *rows,
            sorted(keys),
        )


# Conversations that are given as arrays, as rows of the table: parameters with the names of the fields behind given_.
GIVEN = (
    f"SELECT conversation_key, (latest_at / 60000000)::integer AS latest_minute, "  # noqa: S608 - constants of this file
    f"{', '.join(f'{_stored(name)} AS {name}' for name in FIELDS)} FROM unnest(:given_key::bytea[], "
    f"{', '.join(f':given_{name}::{_TYPES[name]}[]' for name in FIELDS)}) AS g(conversation_key, {', '.join(FIELDS)})"
)


def given(conversations: Mapping[bytes, Conversation]) -> dict[str, list[Any]]:
    """Returns the parameters of GIVEN."""
    columns = list(zip(*map(_row, conversations.values()), strict=True)) or [()] * len(FIELDS)
    arrays = {f"given_{name}": list(column) for name, column in zip(FIELDS, columns, strict=True)}
    return {"given_key": list(conversations), **arrays}


def _row(conversation: Conversation) -> list[Any]:
    values = [getattr(conversation, name) for name in FIELDS]
    values[_HUMAN_MESSAGES] = "{" + ",".join(map(str, conversation.human_messages)) + "}"
    return values


_HUMAN_MESSAGES = FIELDS.index("human_messages")


def read(records: Iterable[asyncpg.Record]) -> dict[bytes, Conversation]:
    """Returns conversations of their keys and fields, by key."""
    return {key: of_fields(values) for key, *values in records}


def of_fields(values: Sequence[Any]) -> Conversation:
    """Returns the conversation with these fields, in the order of FIELDS."""
    fields = dict(zip(FIELDS, values, strict=True))
    if fields["outcome"] is not None:
        fields["outcome"] = ClosingKind(fields["outcome"])
    return Conversation(**fields)


# A range of an index for each of these times; what counts at several of them comes several times.
_BETWEEN = " UNION ALL ".join(
    f"SELECT {_SELECTED} FROM conversations AS c WHERE organization_id = $1 AND version = {_VERSION}"  # noqa: S608
    f" AND {time} >= $2 AND {time} < $3 AND {time} > '-infinity'"
    for time in ("began_at", "closed_at", "human_resolved_at")
)


async def between(driver: Driver, organization_id: int, start: datetime, end: datetime) -> dict[bytes, Conversation]:
    """Returns the conversations that count for anything in [start, end)."""
    rows = await driver.fetch(_BETWEEN, organization_id, start, end)
    found: dict[bytes, Conversation] = {}
    for first in range(0, len(rows), _AT_ONCE):
        found |= read(rows[first : first + _AT_ONCE])
        await asyncio.sleep(0)  # yields to the event loop
    return found


async def count(driver: Driver, organization_id: int) -> int:
    """Returns how many conversations there are."""
    statement = f"SELECT count(*) FROM conversations WHERE organization_id = $1 AND version = {_VERSION}"  # noqa: S608
    found: int = await driver.fetchval(statement, organization_id)
    return found


async def recorded(driver: Driver, organization_id: int, keys: Collection[bytes]) -> dict[bytes, Conversation]:
    """Returns those conversations that there are in the version that is valid, by key."""
    rows = await _valid(driver, organization_id)
    return {} if rows is None else await load(driver, rows, keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedClosings:
    """What the closing and reopening events of a conversation come to: those that decide how it went, how many are
    reopenings, and when it was handed over first.
    """

    deciding: Sequence[Closing] = ()
    reopenings: int = 0
    escalated_at: int | None = None


async def recorded_closings(
    driver: Driver, organization_id: int, keys: Collection[bytes]
) -> dict[bytes, RecordedClosings]:
    """Returns what all closing and reopening events of conversations come to in the version that is valid, by key."""
    rows = await _valid(driver, organization_id)
    if rows is None:
        return {}
    deciding = await deciding_closings(driver, rows, keys)
    totals = await driver.fetch(
        "SELECT conversation_key, (count(*) FILTER (WHERE kind = $4))::integer,"  # noqa: S608 - a constant of the code
        f" min({instants.selected('occurred_at')}) FILTER (WHERE kind = $5) FROM conversation_closings"
        " WHERE organization_id = $1 AND version = $2 AND conversation_key = ANY($3::bytea[]) GROUP BY 1",
        *rows,
        list(keys),
        ClosingKind.REOPENED,
        ClosingKind.ESCALATED,
    )
    return {
        key: RecordedClosings(deciding=deciding[key], reopenings=reopenings, escalated_at=escalated_at)
        for key, reopenings, escalated_at in totals
    }


async def _valid(driver: Driver, organization_id: int) -> Rows | None:
    version: int | None = await driver.fetchval(f"SELECT {_VERSION}", organization_id)
    return None if version is None else Rows(organization_id, version)


async def add_closings(driver: Driver, rows: Rows, closings: Iterable[Closing]) -> None:
    """Stores closing and reopening events."""
    columns = list(zip(*closings, strict=True))
    if columns:
        columns[1] = tuple(map(_instant, columns[1]))
        await driver.execute(_ADD_CLOSINGS, *rows, *columns)


_ADD_CLOSINGS = (
    f"INSERT INTO conversation_closings (organization_id, version, {CLOSING}) SELECT b.organization_id, $2, c.*"  # noqa: S608
    " FROM unnest($3::bytea[], $4::timestamptz[], $5::bytea[], $6::smallint[], $7::text[], $8::text[], $9::text[],"
    " $10::text[]) AS c, revisions AS b WHERE b.organization_id = $1"
)


async def copy_closings(driver: Driver, source: Rows, target: Rows, keys: Collection[bytes]) -> None:
    """Makes the closing and reopening events of conversations in one version what they are in another."""
    await driver.execute(
        "DELETE FROM conversation_closings WHERE organization_id = $1 AND version = $2"
        " AND conversation_key = ANY($3::bytea[])",
        *target,
        list(keys),
    )
    await driver.execute(
        f"INSERT INTO conversation_closings (organization_id, version, {CLOSING})"  # noqa: S608 - constants of this file
        f" SELECT organization_id, $3, {CLOSING} FROM conversation_closings"
        " WHERE organization_id = $1 AND version = $2 AND conversation_key = ANY($4::bytea[])",
        *source,
        target.version,
        list(keys),
    )


_DECIDING = statements.load(
    "read_deciding_closings",
    COLUMNS=CLOSING,
    CLOSING=", ".join(str(kind.value) for kind in ClosingKind if kind is not ClosingKind.REOPENED),
    REOPENED=ClosingKind.REOPENED.value,
    RESOLVED=ClosingKind.RESOLVED.value,
    ESCALATED=ClosingKind.ESCALATED.value,
)


async def deciding_closings(driver: Driver, rows: Rows, keys: Collection[bytes]) -> dict[bytes, list[Closing]]:
    """Returns the closing events that decide how conversations went, by key: a few of each, some of them twice,
    however many it has.
    """
    arguments = _DECIDING.arguments(organization_id=rows.organization_id, version=rows.version, keys=list(keys))
    found: dict[bytes, list[Closing]] = {key: [] for key in keys}
    for row in await driver.fetch(_DECIDING.text, *arguments):
        found[row[0]].append(_closing(tuple(row)))
    return found


async def closings_between(driver: Driver, organization_id: int, start: datetime, end: datetime) -> list[Closing]:
    """Returns the closing and reopening events that occurred in [start, end)."""
    rows = await driver.fetch(
        f"SELECT {CLOSING} FROM conversation_closings WHERE organization_id = $1 AND version = {_VERSION}"  # noqa: S608
        " AND occurred_at >= $2 AND occurred_at < $3 AND occurred_at > '-infinity'",
        organization_id,
        start,
        end,
    )
    return [_closing(tuple(row)) for row in rows]


def _closing(row: Sequence[Any]) -> Closing:
    return Closing(row[0], _microseconds(row[1]), row[2], ClosingKind(row[3]), *row[4:])
