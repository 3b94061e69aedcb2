"""New events of several organizations stored by one statement, which is its own transaction: one round trip and one
wait for the disk for all of them.
"""

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import asyncpg

from server import errors
from server.catalog.cells import Cell, CellKey
from server.events.event import ID_FIELDS, Event
from server.events.outcomes import KIND_OF_EVENT_TYPE, Closing, ConversationOutcome
from server.store import rollups, updates
from server.store.conversations import LATEST, Activity
from server.store.database import Driver
from server.store.events import REVISE, Revision, ids_of


def _instant(column: str) -> str:
    """Microseconds since 1970 as an instant, in SQL."""
    return f"timestamptz '1970-01-01 00:00+00' + {column} * interval '1 microsecond'"


# The rows that the statement takes, by their columns with their types. Each column comes as the text of an array: the
# driver looks at every element of a list twice, which took a third of the time of storing a hundred events.
_GIVEN = {
    "part": "integer",
    "organization_id": "integer",
    "event_key": "bytea",
    "fingerprint": "bigint",
    "occurred_at": "bigint",
    "event_id": "text",
    "event_type": "text",
    **dict.fromkeys(ID_FIELDS, "text"),
    "detail": "text",
    "properties": "text",
}
_ADDED = {
    "part": "integer",
    "organization_id": "integer",
    "conversation_key": "bytea",
    "messages": "integer",
    "version": "text",
    "outcome": "smallint",
    "closed_at": "bigint",
    "agent_id": "text",
    "channel": "text",
    "team_id": "text",
    "conversation_id": "text",
    "latest_at": "bigint",
    "latest_agent_id": "text",
    "latest_user_id": "text",
    "latest_channel": "text",
}
_CLOSINGS = {
    "part": "integer",
    "organization_id": "integer",
    "conversation_key": "bytea",
    "occurred_at": "bigint",
    "event_key": "bytea",
    "kind": "smallint",
    "agent_id": "text",
    "channel": "text",
    "team_id": "text",
}
_CELLS = {
    "part": "integer",
    "organization_id": "integer",
    "dimension": "smallint",
    "value": "text",
    "bucket": "integer",
    "slot": "smallint",
    # Texts of arrays: they differ in length, and arrays of arrays must not.
    **dict.fromkeys(("counter_keys", "counter_amounts", "bin_keys", "bin_counts", "set_keys", "sets"), "text"),
}
_PARTS = 4  # parameters before those


def _unnest(name: str, columns: Mapping[str, str], *before: Mapping[str, str]) -> str:
    """Rows of the parameters that follow those of other rows, in SQL."""
    first = _PARTS + sum(map(len, before)) + 1
    arrays = ", ".join(f"${number}::text::{kind}[]" for number, kind in enumerate(columns.values(), first))
    return f"unnest({arrays}) AS {name}({', '.join(columns)})"


# What many calls have nothing of; its steps would cost them a tenth of the database's time all the same.
_RARER = frozenset((*KIND_OF_EVENT_TYPE, "agent.status_changed"))
_RARER_STEPS = f""", closed AS (
        INSERT INTO conversation_closings (organization_id, conversation_key, occurred_at, event_key, kind, agent_id,
            channel, team_id)
        SELECT organization_id, conversation_key, {_instant("occurred_at")}, event_key, kind, agent_id, channel, team_id
        FROM numbered, {_unnest("closings", _CLOSINGS, _GIVEN, _ADDED, _CELLS)}
        WHERE revisions[part] IS NOT NULL
    ), posted AS (
        INSERT INTO agent_statuses (organization_id, agent_id, occurred_at, event_key, status)
        SELECT organization_id, agent_id, {_instant("occurred_at")}, event_key, (detail::jsonb ->> 'status')::smallint
        FROM numbered, given
        WHERE revisions[part] IS NOT NULL AND event_type = 'agent.status_changed' AND agent_id IS NOT NULL
    )"""  # noqa: S608 - constants of the store


# Rows are locked in the order that every transaction of ingest keeps to: keys, conversations, revisions, and each of
# them by organization and key, so that nobody waits in a circle. Each step waits for the one before it because it asks
# how many rows that one made.
#
# A part is what one organization stores. Its figures depend on how its conversations stood: a ConversationChange names
# the version that a conversation's row must have, or none where the row must be new, or open and stay open. A
# conflicting part is left out: an event of it is stored already, or a conversation is not as its change says. If a row
# changes after the snapshot was taken, the statement aborts: a duplicate key by its constraint, a changed conversation
# by an assertion (division by zero). xmin works as a version because every transaction that stores a closing updates
# the conversation.
_LOCKING_STEPS = f"""
    WITH parts AS MATERIALIZED (
        SELECT * FROM unnest($1::integer[], $2::integer[], $3::bigint[], $4::bytea[]) WITH ORDINALITY
            AS parts(organization_id, events, quota, changes, part)
    ), given AS MATERIALIZED (
        SELECT * FROM {_unnest("given", _GIVEN)}
    ), added AS MATERIALIZED (
        SELECT * FROM {_unnest("added", _ADDED, _GIVEN)}
    ), conflicting AS MATERIALIZED (
        SELECT g.part FROM given g CROSS JOIN LATERAL (SELECT FROM event_keys
            WHERE organization_id = g.organization_id AND event_key = g.event_key OFFSET 0) AS known
        UNION ALL
        SELECT a.part FROM added a CROSS JOIN LATERAL (SELECT FROM conversations
            WHERE organization_id = a.organization_id AND conversation_key = a.conversation_key AND CASE
            WHEN a.version IS NULL THEN coalesce(outcome, a.outcome) IS NOT NULL ELSE xmin::text <> a.version END
            OFFSET 0) AS changed
    ), keys AS (
        INSERT INTO event_keys (organization_id, event_key, fingerprint, occurred_hour)
        SELECT organization_id, event_key, fingerprint, occurred_at / 3600000000 FROM given
        WHERE part NOT IN (SELECT part FROM conflicting) ORDER BY organization_id, event_key
        RETURNING organization_id
    ), conversation_changes AS (
        INSERT INTO conversations AS c (organization_id, conversation_key, messages, outcome, closed_at, agent_id,
            channel, team_id, conversation_id, latest_at, latest_minute, latest_agent_id, latest_user_id,
            latest_channel)
        SELECT organization_id, conversation_key, messages, outcome, {_instant("closed_at")}, agent_id, channel,
            team_id, conversation_id, {_instant("latest_at")}, latest_at / 60000000, latest_agent_id, latest_user_id,
            latest_channel
        FROM added WHERE part NOT IN (SELECT part FROM conflicting) AND (SELECT count(*) FROM keys) > 0
        ORDER BY organization_id, conversation_key
        ON CONFLICT (organization_id, conversation_key) DO UPDATE SET messages = c.messages + excluded.messages,
            outcome = excluded.outcome, closed_at = excluded.closed_at, agent_id = excluded.agent_id,
            channel = excluded.channel, team_id = excluded.team_id, {LATEST}
        WHERE (c.organization_id, c.conversation_key, c.xmin::text) IN
                (SELECT organization_id, conversation_key, version FROM added WHERE version IS NOT NULL)
            OR (c.outcome IS NULL AND excluded.outcome IS NULL AND (c.organization_id, c.conversation_key) NOT IN
                (SELECT organization_id, conversation_key FROM added WHERE version IS NOT NULL))
        RETURNING organization_id
    ), taken AS (
        INSERT INTO revisions AS r (organization_id, revision, revised_at, month_events)
        SELECT organization_id, 1, clock_timestamp(), events FROM parts
        WHERE part NOT IN (SELECT part FROM conflicting)
            AND 1 / (CASE WHEN (SELECT count(*) FROM conversation_changes) =
                (SELECT count(*) FROM added WHERE part NOT IN (SELECT part FROM conflicting)) THEN 1 ELSE 0 END) = 1
        ORDER BY organization_id
        {REVISE}, organization_id
    )"""  # noqa: S608 - constants of the store


def _statement(further_steps: str = "") -> str:
    # The revisions are looked up by the place of a part in an array, since joining them would compare every cell with
    # every part.
    return f"""{_LOCKING_STEPS}, numbered AS MATERIALIZED (
        SELECT array_agg(t.revision ORDER BY p.part) AS revisions, array_agg(t.revised_at ORDER BY p.part) AS times,
            count(*) FILTER (WHERE p.quota > 0 AND t.month_events > p.quota) AS exceeded
        FROM parts p LEFT JOIN taken t USING (organization_id)
    ), stored AS (
        INSERT INTO events (organization_id, revision, received_at, occurred_at, event_key, event_id, event_type,
            agent_id, user_id, conversation_id, channel, team_id, campaign_id, resource_type, resource_id, detail,
            properties)
        SELECT organization_id, revisions[part], times[part],
            {_instant("occurred_at")}, event_key, event_id, event_type, agent_id, user_id, conversation_id, channel,
            team_id, campaign_id, resource_type, resource_id, detail::jsonb, properties::jsonb
        FROM numbered, given WHERE revisions[part] IS NOT NULL
    ){further_steps}, counted AS (
        INSERT INTO deltas (organization_id, dimension, value, bucket, slot, revision, created_at, counter_keys,
            counter_amounts, bin_keys, bin_counts, set_keys, sets)
        SELECT organization_id, dimension, coalesce(value, ''), bucket, slot, revisions[part], times[part],
            counter_keys::integer[], counter_amounts::bigint[], bin_keys::integer[], bin_counts::bigint[],
            set_keys::integer[], sets::bytea[]
        FROM numbered, {_unnest("cells", _CELLS, _GIVEN, _ADDED)}
        WHERE revisions[part] IS NOT NULL
    ), logged AS (
        INSERT INTO updates (organization_id, revision, created_at, events, changes)
        SELECT organization_id, revisions[part], times[part], events, changes
        FROM numbered, parts WHERE revisions[part] IS NOT NULL
    )
    SELECT revision, revised_at, month_events, organization_id FROM taken
    WHERE 1 / (CASE WHEN (SELECT exceeded FROM numbered) = 0 THEN 1 ELSE 0 END) = 1
"""  # noqa: S608 - constants of the store


_STORE, _STORE_RARER = _statement(), _statement(_RARER_STEPS)


class ConversationChange(NamedTuple):
    """A change of a conversation. version: the version that its row must still have, since figures depend on it; None
    where the row must be new, or open and stay open.
    """

    conversation_key: bytes
    activity: Activity  # that is added
    outcome: ConversationOutcome | None  # from now on
    version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedEvents:
    """What one organization stores: distinct events, what becomes of conversations, and all that they change."""

    organization_id: int
    events: Sequence[Event]
    conversation_changes: Sequence[ConversationChange]
    closings: Sequence[Closing]
    changes: Mapping[CellKey, Cell]
    quota: int  # events of a month, 0: none

    @property
    def is_delicate(self) -> bool:
        """True where a concurrent change of a conversation would make its figures wrong, so that nothing is stored
        then.
        """
        return bool(self.closings) or any(change.version is not None for change in self.conversation_changes)


async def store(driver: Driver, parts: Sequence[CountedEvents]) -> dict[int, Revision]:
    """Stores parts of different organizations, outside of any transaction; returns the revisions of those stored.

    A part is left out where an event of it is stored already or a conversation of it is not as its change says. Where
    that happens meanwhile, those parts are tried once more whose figures do not depend on conversations: organizations
    whose conversations several servers change all the time are not to hold up others. Nothing is stored where a month
    would hold more events than its quota.
    """
    robust = [part for part in parts if not part.is_delicate]
    for some in (parts, robust) if 0 < len(robust) < len(parts) else (parts,) if parts else ():
        try:
            return await _try(driver, some)
        except (asyncpg.UniqueViolationError, asyncpg.DivisionByZeroError):
            continue
    return {}


async def _try(driver: Driver, parts: Sequence[CountedEvents]) -> dict[int, Revision]:
    has_rarer = any(event.event_type in _RARER for part in parts for event in part.events)
    rows = await driver.fetch(
        _STORE_RARER if has_rarer else _STORE,
        *_asked(parts),
        *_arrays(_given(parts), _GIVEN),
        *_arrays(_added(parts), _ADDED),
        *_arrays(_cells(parts), _CELLS),
        *(_arrays(_closings(parts), _CLOSINGS) if has_rarer else ()),
    )
    return {row[3]: Revision(number=row[0], at=row[1], month_events=row[2]) for row in rows}


def _arrays(rows: Iterable[tuple[Any, ...]], columns: Mapping[str, str]) -> Iterable[str]:
    """The columns of rows as texts of arrays."""
    values = zip(*rows, strict=True)
    return [
        _texts(column) if kind == "text" else _byteas(column) if kind == "bytea" else _integers(column)
        for column, kind in itertools.zip_longest(values, columns.values(), fillvalue=())
    ]


def _texts(values: Sequence[str]) -> str:
    """The text of an array of texts, of which an empty one becomes NULL."""
    if not values:
        return "{}"
    # Each is put between two NULs, which none may hold, so that it differs from what is beside it.
    joined = "\0\0".join(values)
    if joined.count("\0") != 2 * (len(values) - 1):
        raise errors.StorageRejected("a text holds U+0000")
    joined = joined.replace("\\", "\\\\").replace('"', '\\"').replace("\0\0", '"\0\0"')
    elements = f'\0"{joined}"\0'.replace('\0""\0', "\0NULL\0")
    return "{" + elements[1:-1].replace("\0\0", ",") + "}"


def _byteas(values: Sequence[bytes]) -> str:
    return "{" + ",".join([f'"\\\\x{value.hex()}"' for value in values]) + "}"


def _integers(values: Sequence[int | None]) -> str:
    return "{" + str(list(values))[1:-1].replace("None", "NULL") + "}"


def _asked(parts: Sequence[CountedEvents]) -> Sequence[Sequence[object]]:
    encoded = [updates.encode(part.changes) for part in parts]
    return (
        [part.organization_id for part in parts],
        [one.events for one in encoded],
        [part.quota for part in parts],
        [one.content for one in encoded],
    )


def _given(parts: Sequence[CountedEvents]) -> Iterable[tuple[Any, ...]]:
    for number, part in enumerate(parts, 1):
        for event in part.events:
            yield (
                number,
                part.organization_id,
                event.event_key,
                event.fingerprint,
                event.occurred_at,
                "" if event.event_key[6] >> 4 == 7 else event.event_id,
                event.event_type,
                *ids_of(event),
                _detail(event.detail) if event.detail else "",
                event.properties,
            )


_detail = json.JSONEncoder(separators=(",", ":")).encode


def _added(parts: Sequence[CountedEvents]) -> Iterable[tuple[Any, ...]]:
    for number, part in enumerate(parts, 1):
        for key, (conversation_id, messages, *latest), one, version in part.conversation_changes:
            after = (one.kind.value, one.closed_at, one.agent_id, one.channel, one.team_id) if one else _OPEN
            yield number, part.organization_id, key, messages, version or "", *after, conversation_id, *latest


_OPEN = (None, None, "", "", "")


def _closings(parts: Sequence[CountedEvents]) -> Iterable[tuple[Any, ...]]:
    for number, part in enumerate(parts, 1):
        for key, at, event_key, kind, *ids in part.closings:
            yield number, part.organization_id, key, at, event_key, kind.value, *ids


def _cells(parts: Sequence[CountedEvents]) -> Iterable[tuple[Any, ...]]:
    for number, part in enumerate(parts, 1):
        for (dimension, value, bucket, slot), cell in part.changes.items():
            if not cell.is_empty():
                *vectors, sets = rollups.figures(cell)
                yield (
                    number,
                    part.organization_id,
                    int(dimension),
                    value,
                    bucket,
                    slot,
                    *("" if one is None else _integers(one) for one in vectors),
                    "" if sets is None else _byteas(sets),
                )
