"""Conversations by their latest activity: for figures of now, and those that are idle."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from server import timerange
from server.catalog import dimensions
from server.catalog.dimensions import Dimension
from server.events.conversation import Conversation, ConversationSummary
from server.store import projections
from server.store.conversations import FIELDS, of_fields, selected
from server.store.database import Driver

_AMONG = 5000  # of an organization's conversations, the latest, whoever is named is looked for
_MICROSECOND = timedelta(microseconds=1)
_VERSION = projections.VERSION.format("conversations")
_ALL = f"SELECT * FROM conversations WHERE organization_id = $1 AND version = {_VERSION}"  # noqa: S608
_SINCE = f"{_ALL} AND latest_minute >= $2"
_BEFORE = f"{_ALL} AND latest_minute < $2 ORDER BY latest_minute DESC LIMIT {_AMONG}"
_SELECTED = "conversation_id, latest_agent_id, latest_user_id, latest_channel, latest_at, messages, outcome"

# Of a projection that has stopped there are none: what it keeps may be out of date.
_IDLE = f"""
    SELECT {", ".join(f"{selected(name)} AS {name}" for name in FIELDS)} FROM conversations AS c
    WHERE organization_id = $1 AND is_open AND latest_minute <= $2 AND last_at <= $3 AND version = (SELECT version
        FROM projections WHERE organization_id = $1 AND name = 'conversations' AND failed_revision IS NULL)
    ORDER BY latest_minute LIMIT $4
"""  # noqa: S608 - constants of this file


def _column(dimension: Dimension) -> str | None:
    """Returns the column of conversations that has a dimension's latest value; None where there is none."""
    column = f"latest_{dimension.field}"
    return column if column in FIELDS else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """Which conversations are meant: those whose latest value of a dimension is one of some values; or all."""

    dimension: Dimension
    values: Sequence[str]

    @property
    def condition(self) -> str | None:
        """Returns the condition in SQL, about the parameter $3; None where conversations do not carry the dimension."""
        if self.dimension is dimensions.TOTAL:
            return "$3::text[] IS NOT NULL"
        column = _column(self.dimension)
        if column is None:
            return None
        if len(self.values) == 1:
            return f"{column} = ANY($3::text[])"
        # Hashed: IS TRUE keeps it from being made a join, which would compare every row with every value.
        return f"({column} IN (SELECT unnest($3::text[]))) IS TRUE"


async def open_by_minute(
    driver: Driver, organization_id: int, narrowing: Narrowing, since: int
) -> dict[int, int] | None:
    """Returns how many open conversations had their latest activity in each minute from one on; None where
    conversations do not carry the dimension.
    """
    condition = narrowing.condition
    if condition is None:
        return None
    rows = await driver.fetch(
        f"SELECT latest_minute, count(*) FROM ({_SINCE}) AS c"  # noqa: S608
        f" WHERE is_open AND {condition} GROUP BY latest_minute",
        organization_id,
        since,
        narrowing.values,
    )
    return {row[0]: row[1] for row in rows}


async def latest(
    driver: Driver, organization_id: int, narrowing: Narrowing, since: int, limit: int
) -> list[ConversationSummary]:
    """Returns the conversations with the latest activity, latest first: of those with any from a minute on, or else
    among some thousands of the organization's latest; none where conversations do not carry the dimension.
    """
    condition = narrowing.condition
    if condition is None:
        return []
    arguments = (organization_id, since, narrowing.values)
    chosen = f"WHERE {condition} ORDER BY latest_minute DESC, latest_at DESC LIMIT $4"
    rows = await driver.fetch(f"SELECT {_SELECTED} FROM ({_SINCE}) AS c {chosen}", *arguments, limit)  # noqa: S608
    if len(rows) < limit:
        rows += await driver.fetch(
            f"SELECT {_SELECTED} FROM ({_BEFORE}) AS c {chosen}",  # noqa: S608
            *arguments,
            limit - len(rows),
        )
    return [_summary(row) for row in rows]


async def idle(driver: Driver, organization_id: int, since: datetime, limit: int) -> list[Conversation]:
    """Returns open conversations without any event after an instant, those that have been idle for longest, as many as
    a limit allows; none where the projection has stopped.
    """
    rows = await driver.fetch(_IDLE, organization_id, _microseconds(since) // 60_000_000, since, limit)
    return [of_fields(tuple(row)) for row in rows]


def _summary(row: asyncpg.Record) -> ConversationSummary:
    conversation_id, agent_id, user_id, channel, latest_at, messages, outcome = row
    return ConversationSummary(
        conversation_id=conversation_id,
        agent_id=agent_id or "",
        user_id=user_id or "",
        channel=channel or "",
        last_activity=_microseconds(latest_at),
        messages=messages,
        outcome=outcome,
    )


def _microseconds(at: datetime) -> int:
    return (at - timerange.EPOCH) // _MICROSECOND
