"""New events of several organizations stored by one statement, which is its own transaction: one round trip and one
wait for the disk for all of them.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import asyncpg

from server.cells import Cell, CellKey
from server.events import Event
from server.outcomes import Closing, Outcome
from server.store import rollups, updates
from server.store.database import Driver
from server.store.events import REVISE, Revision


def _instant(column: str) -> str:
    """Microseconds since 1970 as an instant, in SQL."""
    return f"timestamptz '1970-01-01 00:00+00' + {column} * interval '1 microsecond'"


# Rows are locked in the order that every transaction of ingest keeps to: keys, conversations, revisions, and each of
# them by organization and key, so that nobody waits in a circle. Each step waits for the one before it because it asks
# how many rows that one made.
#
# A part is what one organization stores. Its figures depend on how its conversations stood, of which a talk tells: the
# version of their row that was looked at, or none where neither before nor after it is closed. What a look beforehand
# finds to be spoilt is left out: a part with an event that is stored already, or a conversation that is not as its talk
# says, both of which take the steps of a longer transaction. What becomes so between that look and the lock fails the
# statement: a key by itself, the others by a division. Versions are good for that since every transaction that stores
# a closing makes a new one of its conversation.
#
# The revisions are looked up by the place of a part in an array, since joining them would compare every cell with
# every part.
_STORE = f"""
    WITH parts AS MATERIALIZED (
        SELECT * FROM unnest($1::integer[], $2::integer[], $3::bigint[], $4::bytea[]) WITH ORDINALITY
            AS parts(organization_id, events, quota, changes, part)
    ), given AS MATERIALIZED (
        SELECT * FROM unnest($5::integer[], $6::integer[], $7::bytea[], $8::bigint[], $9::bigint[], $10::text[],
            $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[],
            $19::text[], $20::text[], $21::text[])
            AS given(part, organization_id, event_key, fingerprint, occurred_at, event_id, event_type, agent_id,
            user_id, conversation_id, channel, team_id, campaign_id, resource_type, resource_id, detail, properties)
    ), added AS MATERIALIZED (
        SELECT * FROM unnest($22::integer[], $23::integer[], $24::bytea[], $25::integer[], $26::text[], $27::smallint[],
            $28::bigint[], $29::text[], $30::text[], $31::text[])
            AS added(part, organization_id, conversation_key, messages, version, outcome, closed_at, agent_id, channel,
            team_id)
    ), spoilt AS MATERIALIZED (
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
        WHERE part NOT IN (SELECT part FROM spoilt) ORDER BY organization_id, event_key
        RETURNING organization_id
    ), talks AS (
        INSERT INTO conversations AS c (organization_id, conversation_key, messages, outcome, closed_at, agent_id,
            channel, team_id)
        SELECT organization_id, conversation_key, messages, outcome, {_instant("closed_at")}, agent_id, channel, team_id
        FROM added WHERE part NOT IN (SELECT part FROM spoilt) AND (SELECT count(*) FROM keys) > 0
        ORDER BY organization_id, conversation_key
        ON CONFLICT (organization_id, conversation_key) DO UPDATE SET messages = c.messages + excluded.messages,
            outcome = excluded.outcome, closed_at = excluded.closed_at, agent_id = excluded.agent_id,
            channel = excluded.channel, team_id = excluded.team_id
        WHERE (c.organization_id, c.conversation_key, c.xmin::text) IN
                (SELECT organization_id, conversation_key, version FROM added WHERE version IS NOT NULL)
            OR (c.outcome IS NULL AND excluded.outcome IS NULL AND (c.organization_id, c.conversation_key) NOT IN
                (SELECT organization_id, conversation_key FROM added WHERE version IS NOT NULL))
        RETURNING organization_id
    ), taken AS (
        INSERT INTO revisions AS r (organization_id, revision, revised_at, month_events)
        SELECT organization_id, 1, clock_timestamp(), events FROM parts
        WHERE part NOT IN (SELECT part FROM spoilt)
            AND 1 / (CASE WHEN (SELECT count(*) FROM talks) =
                (SELECT count(*) FROM added WHERE part NOT IN (SELECT part FROM spoilt)) THEN 1 ELSE 0 END) = 1
        ORDER BY organization_id
        {REVISE}, organization_id
    ), numbered AS MATERIALIZED (
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
    ), closed AS (
        INSERT INTO conversation_closings (organization_id, conversation_key, occurred_at, event_key, kind, agent_id,
            channel, team_id)
        SELECT organization_id, conversation_key, {_instant("occurred_at")}, event_key, kind, agent_id, channel, team_id
        FROM numbered, unnest($43::integer[], $44::integer[], $45::bytea[], $46::bigint[], $47::bytea[],
            $48::smallint[], $49::text[], $50::text[], $51::text[])
            AS closings(part, organization_id, conversation_key, occurred_at, event_key, kind, agent_id, channel,
            team_id)
        WHERE revisions[part] IS NOT NULL
    ), posted AS (
        INSERT INTO agent_statuses (organization_id, agent_id, occurred_at, event_key, status)
        SELECT organization_id, agent_id, {_instant("occurred_at")}, event_key, (detail::jsonb ->> 'status')::smallint
        FROM numbered, given
        WHERE revisions[part] IS NOT NULL AND event_type = 'agent.status_changed' AND agent_id IS NOT NULL
    ), counted AS (
        INSERT INTO deltas (organization_id, dimension, value, bucket, revision, created_at, counter_keys,
            counter_amounts, bin_keys, bin_counts, set_keys, sets)
        SELECT organization_id, dimension, value, bucket, revisions[part], times[part], counter_keys::integer[],
            counter_amounts::bigint[], bin_keys::integer[], bin_counts::bigint[], set_keys::integer[], sets::bytea[]
        FROM numbered, unnest($32::integer[], $33::integer[], $34::smallint[], $35::text[], $36::integer[],
            $37::text[], $38::text[], $39::text[], $40::text[], $41::text[], $42::text[])
            AS cells(part, organization_id, dimension, value, bucket, counter_keys, counter_amounts, bin_keys,
            bin_counts, set_keys, sets)
        WHERE revisions[part] IS NOT NULL
    ), told AS (
        INSERT INTO updates (organization_id, revision, created_at, events, changes)
        SELECT organization_id, revisions[part], times[part], events, changes
        FROM numbered, parts WHERE revisions[part] IS NOT NULL
    )
    SELECT revision, revised_at, month_events, organization_id FROM taken
    WHERE 1 / (CASE WHEN (SELECT exceeded FROM numbered) = 0 THEN 1 ELSE 0 END) = 1
"""  # noqa: S608 - a constant of the store


class Talk(NamedTuple):
    """What becomes of a conversation. version: that of its row that must still be there, since figures depend on it;
    None: it must be open, and stay so, or be new.
    """

    conversation_key: bytes
    messages: int  # that are added
    outcome: Outcome | None  # from now on
    version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one organization stores: distinct events, what becomes of conversations, and all that they change."""

    organization_id: int
    events: Sequence[Event]
    talks: Sequence[Talk]
    closings: Sequence[Closing]
    changes: Mapping[CellKey, Cell]
    quota: int  # events of a month, 0: none


async def store(driver: Driver, parts: Sequence[Part]) -> dict[int, Revision]:
    """Stores parts of different organizations, outside of any transaction; returns the revisions of those stored.

    A part is left out where an event of it is stored already or a conversation of it is not as its talk says, and so
    are all where that comes about meanwhile, or where a month would hold more events than its quota.
    """
    try:
        rows = await driver.fetch(
            _STORE,
            *_asked(parts),
            *_columns(_given(parts), 17),
            *_columns(_added(parts), 10),
            *_columns(_cells(parts), 11),
            *_columns(_closings(parts), 9),
        )
    except (asyncpg.UniqueViolationError, asyncpg.DivisionByZeroError):
        return {}
    return {row[3]: Revision(number=row[0], at=row[1], month_events=row[2]) for row in rows}


def _columns(rows: Iterable[tuple[object, ...]], count: int) -> Sequence[Sequence[object]]:
    return list(zip(*rows, strict=True)) or [()] * count


def _asked(parts: Sequence[Part]) -> Sequence[Sequence[object]]:
    encoded = [updates.encode(part.changes) for part in parts]
    return (
        [part.organization_id for part in parts],
        [one.events for one in encoded],
        [part.quota for part in parts],
        [one.content for one in encoded],
    )


def _given(parts: Sequence[Part]) -> Iterable[tuple[object, ...]]:
    """The events by their columns; an empty text is NULL."""
    for number, part in enumerate(parts, 1):
        for event in part.events:
            yield (
                number,
                part.organization_id,
                event.event_key,
                event.fingerprint,
                event.occurred_at,
                None if event.event_key[6] >> 4 == 7 else event.event_id,
                event.event_type,
                event.agent_id or None,
                event.user_id or None,
                event.conversation_id or None,
                event.channel or None,
                event.team_id or None,
                event.campaign_id or None,
                event.resource_type or None,
                event.resource_id or None,
                _detail(event.detail) if event.detail else None,
                event.properties or None,
            )


_detail = json.JSONEncoder(separators=(",", ":")).encode


def _added(parts: Sequence[Part]) -> Iterable[tuple[object, ...]]:
    for number, part in enumerate(parts, 1):
        for key, messages, outcome, version in part.talks:
            after = _OPEN if outcome is None else _outcome(outcome)
            yield number, part.organization_id, key, messages, version, *after


_OPEN = (None,) * 5


def _outcome(outcome: Outcome) -> tuple[object, ...]:
    return (
        int(outcome.kind),
        outcome.closed_at,
        outcome.agent_id or None,
        outcome.channel or None,
        outcome.team_id or None,
    )


def _closings(parts: Sequence[Part]) -> Iterable[tuple[object, ...]]:
    for number, part in enumerate(parts, 1):
        for one in part.closings:
            yield (
                number,
                part.organization_id,
                one.conversation_key,
                one.occurred_at,
                one.event_key,
                int(one.kind),
                one.agent_id or None,
                one.channel or None,
                one.team_id or None,
            )


def _cells(parts: Sequence[Part]) -> Iterable[tuple[object, ...]]:
    """The cells by their columns. Arrays are texts here: they differ in length, and arrays of arrays must not."""
    for number, part in enumerate(parts, 1):
        for key, cell in part.changes.items():
            if cell.is_empty():
                continue
            *vectors, sets = rollups.figures(cell)
            yield (
                number,
                part.organization_id,
                *key,
                *(None if one is None else f"{{{str(one)[1:-1]}}}" for one in vectors),
                None if sets is None else "{" + ",".join(f'"\\\\x{one.hex()}"' for one in sets) + "}",
            )
