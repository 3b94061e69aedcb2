"""A few new events stored in one statement, which is its own transaction: one round trip and one wait for the disk."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta

import asyncpg

from server import timerange
from server.cells import Cell, CellKey
from server.events import ID_FIELDS, Event
from server.store import rollups, updates
from server.store.database import Driver
from server.store.events import REVISE, Revision

# Rows are locked in the order that every transaction of ingest keeps to: keys, conversations, revision. Each step waits
# for the one before it because it asks how many rows that one made. A key that is known fails the statement by itself;
# the divisions fail it for what only the steps of a longer transaction can do, and for more than the quota.
_STORE = f"""
    WITH given AS MATERIALIZED (
        SELECT * FROM json_to_recordset($2::json) AS given(
            event_key bytea, fingerprint bigint, occurred_hour integer, occurred_at timestamptz, event_id text,
            event_type text, agent_id text, user_id text, conversation_id text, channel text, team_id text,
            campaign_id text, resource_type text, resource_id text, detail jsonb, properties text)
    ), keys AS (
        INSERT INTO event_keys (organization_id, event_key, fingerprint, occurred_hour)
        SELECT $1, event_key, fingerprint, occurred_hour FROM given RETURNING event_key
    ), talks AS (
        INSERT INTO conversations AS c (organization_id, conversation_key, messages)
        SELECT $1, key, messages FROM json_to_recordset($3::json) AS added(key bytea, messages integer)
        WHERE (SELECT count(*) FROM keys) > 0
        ON CONFLICT (organization_id, conversation_key) DO UPDATE SET messages = c.messages + excluded.messages
        RETURNING outcome
    ), taken AS (
        INSERT INTO revisions AS r (organization_id, revision, revised_at, month_events)
        SELECT $1, 1, clock_timestamp(), $5::integer
        FROM talks HAVING 1 / (CASE WHEN count(outcome) = 0 THEN 1 ELSE 0 END) = 1
        {REVISE}
    ), stored AS (
        INSERT INTO events (organization_id, revision, received_at, occurred_at, event_key, event_id, event_type,
            agent_id, user_id, conversation_id, channel, team_id, campaign_id, resource_type, resource_id, detail,
            properties)
        SELECT $1, revision, revised_at, occurred_at, event_key, event_id, event_type, agent_id, user_id,
            conversation_id, channel, team_id, campaign_id, resource_type, resource_id, detail, properties::jsonb
        FROM taken, given
    ), counted AS (
        INSERT INTO deltas (organization_id, dimension, value, bucket, revision, created_at, counter_keys,
            counter_amounts, bin_keys, bin_counts, set_keys, sets)
        SELECT $1, dimension, value, bucket, revision, revised_at, counter_keys, counter_amounts, bin_keys, bin_counts,
            set_keys, sets
        FROM taken, json_to_recordset($4::json) AS cells(dimension smallint, value text, bucket integer,
            counter_keys integer[], counter_amounts bigint[], bin_keys integer[], bin_counts bigint[],
            set_keys integer[], sets bytea[])
    ), told AS (
        INSERT INTO updates (organization_id, revision, created_at, events, changes)
        SELECT $1, revision, revised_at, $5::integer, $6 FROM taken
    )
    SELECT revision, revised_at, month_events FROM taken
    WHERE 1 / (CASE WHEN $7::bigint = 0 OR month_events <= $7::bigint THEN 1 ELSE 0 END) = 1
"""  # noqa: S608 - a constant of the store


async def store(
    driver: Driver,
    organization_id: int,
    events: Sequence[Event],
    messages: Mapping[bytes, int],
    changes: Mapping[CellKey, Cell],
    quota: int,
) -> Revision | None:
    """Stores events and what they change, outside of any transaction. Events and messages are sorted by key.

    None, and nothing is stored, where an event is stored already, a conversation of theirs is closed, or the month
    would hold more events than the quota (0: none).
    """
    update = updates.encode(changes)
    try:
        row = await driver.fetchrow(
            _STORE,
            organization_id,
            json.dumps([_given(event) for event in events]),
            json.dumps([{"key": _hex(key), "messages": count} for key, count in messages.items()]),
            json.dumps([_delta(key, cell) for key, cell in changes.items() if not cell.is_empty()]),
            update.events,
            update.content,
            quota,
        )
    except (asyncpg.UniqueViolationError, asyncpg.DivisionByZeroError):
        return None
    assert row is not None  # noqa: S101 - the statement fails or returns its revision
    return Revision(number=row[0], at=row[1], month_events=row[2])


def _hex(value: bytes) -> str:
    return "\\x" + value.hex()


def _given(event: Event) -> dict[str, object]:
    """An event by its columns; what is left out is NULL."""
    row: dict[str, object] = {
        "event_key": _hex(event.event_key),
        "fingerprint": event.fingerprint,
        "occurred_hour": event.occurred_at // 3_600_000_000,
        "occurred_at": (timerange.EPOCH + timedelta(microseconds=event.occurred_at)).isoformat(),
        "event_type": event.event_type,
    }
    if event.event_key[6] >> 4 != 7:
        row["event_id"] = event.event_id
    row |= {name: value for name in ID_FIELDS if (value := getattr(event, name))}
    if event.detail:
        row["detail"] = event.detail
    if event.properties:
        row["properties"] = event.properties
    return row


def _delta(key: CellKey, cell: Cell) -> dict[str, object]:
    counter_keys, counter_amounts, bin_keys, bin_counts, set_keys, sets = rollups.figures(cell)
    return {
        "dimension": key.dimension,
        "value": key.value,
        "bucket": key.bucket,
        "counter_keys": counter_keys,
        "counter_amounts": counter_amounts,
        "bin_keys": bin_keys,
        "bin_counts": bin_counts,
        "set_keys": set_keys,
        "sets": None if sets is None else [_hex(one) for one in sets],
    }
