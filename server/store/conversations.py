"""Conversations and the events that close and reopen them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

import asyncpg

from server import timerange
from server.events.outcomes import Closing, ClosingKind, Conversation, ConversationOutcome
from server.store.database import Driver

_MICROSECOND = timedelta(microseconds=1)
MOST_CLOSINGS = 16  # of a conversation that are looked at
_CLOSING = "conversation_key, occurred_at, event_key, kind, agent_id, channel, team_id"


# What an event of a conversation changes of what is known of its latest one, in SQL; c is the row that there is. A text
# is that of the latest event that has one, as far as that can be told of two at a time.
_LATER = (
    "CASE WHEN excluded.latest_at >= c.latest_at THEN coalesce(excluded.{0}, c.{0})"
    " ELSE coalesce(c.{0}, excluded.{0}) END"
)
LATEST = ", ".join(
    (
        "conversation_id = coalesce(c.conversation_id, excluded.conversation_id)",
        "latest_at = greatest(c.latest_at, excluded.latest_at)",
        "latest_minute = greatest(c.latest_minute, excluded.latest_minute)",
        *(f"{name} = {_LATER.format(name)}" for name in ("latest_agent_id", "latest_user_id", "latest_channel")),
    )
)


class Activity(NamedTuple):
    """What events add to a conversation: how many messages, and what the latest of them says; each text is that of the
    latest one that has one. at is in microseconds since 1970.
    """

    conversation_id: str
    messages: int
    at: int
    agent_id: str
    user_id: str
    channel: str


def _instant(microseconds: int) -> datetime:
    return timerange.EPOCH + timedelta(microseconds=microseconds)


def _microseconds(at: datetime) -> int:
    return (at - timerange.EPOCH) // _MICROSECOND


async def add_activity(
    driver: Driver, organization_id: int, activities: Mapping[bytes, Activity]
) -> dict[bytes, Conversation]:
    """Adds messages and more to conversations, made if need be, and returns them as they are now.

    Locks the conversations, in the order of their keys, until COMMIT: their outcomes change one transaction at a time.
    """
    keys = sorted(activities)
    columns = zip(*(activities[key] for key in keys), strict=True)
    rows = await driver.fetch(
        "INSERT INTO conversations AS c (organization_id, conversation_key, conversation_id, messages, latest_at,"  # noqa: S608
        " latest_minute, latest_agent_id, latest_user_id, latest_channel)"
        " SELECT $1, key, id, messages, timestamptz '1970-01-01 00:00+00' + at * interval '1 microsecond',"
        " at / 60000000, nullif(agent_id, ''), nullif(user_id, ''), nullif(channel, '')"
        " FROM unnest($2::bytea[], $3::text[], $4::integer[], $5::bigint[], $6::text[], $7::text[], $8::text[])"
        " AS a(key, id, messages, at, agent_id, user_id, channel)"
        " ON CONFLICT (organization_id, conversation_key) DO UPDATE SET messages = c.messages + excluded.messages,"
        f" {LATEST}"
        " RETURNING conversation_key, messages, outcome, closed_at, agent_id, channel, team_id",
        organization_id,
        keys,
        *columns,
    )
    return {row[0]: Conversation(messages=row[1], outcome=_outcome(row[2:])) for row in rows}


def _outcome(columns: Sequence[Any]) -> ConversationOutcome | None:
    """An outcome of its columns, in the order of the table's."""
    kind, closed_at, agent_id, channel, team_id = columns
    if kind is None:
        return None
    return ConversationOutcome(
        kind=ClosingKind(kind),
        closed_at=_microseconds(closed_at),
        agent_id=agent_id or "",
        channel=channel or "",
        team_id=team_id or "",
    )


def _closing(row: Sequence[Any]) -> Closing:
    return Closing(row[0], _microseconds(row[1]), row[2], ClosingKind(row[3]), row[4] or "", row[5] or "", row[6] or "")


class Seen(NamedTuple):
    """How a conversation stood at a look: the version of its row (None: there is none yet), and its closing and
    reopening events.
    """

    version: str | None
    conversation: Conversation
    closings: Sequence[Closing]


async def look(driver: Driver, wanted: Collection[tuple[int, bytes]]) -> dict[tuple[int, bytes], Seen]:
    """Those conversations that there are, by organization and key, without a lock. One with more closing and reopening
    events than a few is looked at without them all: as many as MOST_CLOSINGS, and it is not known which.
    """
    rows = await driver.fetch(
        "SELECT c.organization_id, c.conversation_key, c.xmin::text, c.messages, c.outcome, c.closed_at, c.agent_id,"
        " c.channel, c.team_id, e.occurred_at, e.event_key, e.kind, e.agent_id, e.channel, e.team_id"
        " FROM unnest($1::integer[], $2::bytea[]) AS w(organization_id, conversation_key)"
        " CROSS JOIN LATERAL (SELECT xmin, * FROM conversations WHERE organization_id = w.organization_id"
        " AND conversation_key = w.conversation_key OFFSET 0) AS c"
        " LEFT JOIN LATERAL (SELECT * FROM conversation_closings WHERE organization_id = w.organization_id"
        " AND conversation_key = w.conversation_key LIMIT $3) AS e ON true",
        [organization_id for organization_id, _ in wanted],
        [key for _, key in wanted],
        MOST_CLOSINGS,
    )
    found: dict[tuple[int, bytes], list[asyncpg.Record]] = {}
    for row in rows:
        found.setdefault((row[0], row[1]), []).append(row)
    return {
        key: Seen(
            some[0][2],
            Conversation(messages=some[0][3], outcome=_outcome(some[0][4:9])),
            [_closing((key[1], *row[9:])) for row in some if row[9] is not None],
        )
        for key, some in found.items()
    }


async def add_closings(driver: Driver, organization_id: int, closings: Sequence[Closing]) -> None:
    """Stores closing and reopening events of conversations that are locked."""
    await driver.copy_records_to_table(
        "conversation_closings",
        columns=[
            "organization_id",
            "conversation_key",
            "occurred_at",
            "event_key",
            "kind",
            "agent_id",
            "channel",
            "team_id",
        ],
        records=[
            (
                organization_id,
                closing.conversation_key,
                _instant(closing.occurred_at),
                closing.event_key,
                int(closing.kind),
                closing.agent_id or None,
                closing.channel or None,
                closing.team_id or None,
            )
            for closing in closings
        ],
    )


async def closings(driver: Driver, organization_id: int, keys: Collection[bytes]) -> dict[bytes, list[Closing]]:
    """Every closing and reopening event of conversations, by conversation, for the audit."""
    rows = await driver.fetch(
        "SELECT conversation_key, occurred_at, event_key, kind, agent_id, channel, team_id FROM conversation_closings"
        " WHERE organization_id = $1 AND conversation_key = ANY($2::bytea[]) ORDER BY conversation_key",
        organization_id,
        list(keys),
    )
    found = (_closing(tuple(row)) for row in rows)
    return {key: list(group) for key, group in groupby(found, key=lambda closing: closing.conversation_key)}


async def outcomes(
    driver: Driver, organization_id: int, keys: Collection[bytes]
) -> dict[bytes, ConversationOutcome | None]:
    """The outcomes of conversations by their closing and reopening events: the rule of outcomes.outcome, in SQL.

    In SQL because a conversation may have any number of them, and a commit must not carry them all here.
    """
    rows = await driver.fetch(
        "SELECT DISTINCT ON (c.conversation_key) c.conversation_key, c.kind,"
        " min(c.occurred_at) OVER (PARTITION BY c.conversation_key), c.agent_id, c.channel, c.team_id"
        " FROM unnest($2::bytea[]) AS k(conversation_key)"
        " CROSS JOIN LATERAL (SELECT max(occurred_at) AS at FROM conversation_closings WHERE organization_id = $1"
        " AND conversation_key = k.conversation_key AND kind = 0) AS reopened"
        " CROSS JOIN LATERAL (SELECT * FROM conversation_closings WHERE organization_id = $1"
        " AND conversation_key = k.conversation_key AND kind > 0"
        " AND occurred_at > coalesce(reopened.at, '-infinity') OFFSET 0) AS c"
        " ORDER BY c.conversation_key, c.kind DESC, c.occurred_at, c.event_key",
        organization_id,
        list(keys),
    )
    return {**dict.fromkeys(keys), **{row[0]: _outcome(row[1:]) for row in rows}}


async def set_outcomes(
    driver: Driver, organization_id: int, outcomes: Mapping[bytes, ConversationOutcome | None]
) -> None:
    """Records the outcomes that have been counted, of conversations that are locked."""
    items = sorted(outcomes.items())
    await driver.execute(
        "UPDATE conversations c SET outcome = n.outcome, closed_at = n.closed_at, agent_id = n.agent_id,"
        " channel = n.channel, team_id = n.team_id"
        " FROM unnest($2::bytea[], $3::smallint[], $4::timestamptz[], $5::text[], $6::text[], $7::text[])"
        " AS n(conversation_key, outcome, closed_at, agent_id, channel, team_id)"
        " WHERE c.organization_id = $1 AND c.conversation_key = n.conversation_key",
        organization_id,
        [key for key, _ in items],
        [int(one.kind) if one else None for _, one in items],
        [_instant(one.closed_at) if one else None for _, one in items],
        [(one.agent_id or None) if one else None for _, one in items],
        [(one.channel or None) if one else None for _, one in items],
        [(one.team_id or None) if one else None for _, one in items],
    )


async def closed_between(
    driver: Driver, organization_id: int, start: datetime, end: datetime
) -> dict[bytes, Conversation]:
    """The conversations that were closed in [start, end), by key."""
    rows = await driver.fetch(
        "SELECT conversation_key, messages, outcome, closed_at, agent_id, channel, team_id FROM conversations"
        " WHERE organization_id = $1 AND closed_at >= $2 AND closed_at < $3",
        organization_id,
        start,
        end,
    )
    return {row[0]: Conversation(messages=row[1], outcome=_outcome(row[2:])) for row in rows}


async def closings_between(driver: Driver, organization_id: int, start: datetime, end: datetime) -> list[Closing]:
    """The closing and reopening events that occurred in [start, end)."""
    rows = await driver.fetch(
        f"SELECT {_CLOSING} FROM conversation_closings"  # noqa: S608 - a constant of this file
        " WHERE organization_id = $1 AND occurred_at >= $2 AND occurred_at < $3",
        organization_id,
        start,
        end,
    )
    return [_closing(tuple(row)) for row in rows]


async def recorded(driver: Driver, organization_id: int, keys: Collection[bytes]) -> dict[bytes, Conversation]:
    """Conversations as they have been counted, by key."""
    rows = await driver.fetch(
        "SELECT conversation_key, messages, outcome, closed_at, agent_id, channel, team_id FROM conversations"
        " WHERE organization_id = $1 AND conversation_key = ANY($2::bytea[])",
        organization_id,
        list(keys),
    )
    return {row[0]: Conversation(messages=row[1], outcome=_outcome(row[2:])) for row in rows}


async def with_messages(driver: Driver, organization_id: int) -> int:
    """How many conversations have messages."""
    found: int = await driver.fetchval(
        "SELECT count(*) FROM conversations WHERE organization_id = $1 AND messages <> 0", organization_id
    )
    return found
