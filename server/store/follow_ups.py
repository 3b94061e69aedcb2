"""What came after conversations were closed: whether resolutions held, and whether their users came back."""

import functools
from datetime import datetime, timedelta

from server.catalog import dimensions
from server.catalog.filters import Filter
from server.catalog.follow_ups import FollowUps
from server.events.outcomes import ClosingKind
from server.store import statements
from server.store.database import Driver
from server.store.statements import Statement
from server.timerange import Interval

# Columns by the dimensions that conversations are attributed to: when they were closed, and when they began.
_CLOSED = {
    dimensions.AGENT: "agent_id",
    dimensions.CHANNEL: "channel",
    dimensions.TEAM: "team_id",
    dimensions.TOPIC: "counted_topic",
    dimensions.HANDOFF_REASON: "handoff_reason",
}
_BEGAN = {
    **_CLOSED,
    dimensions.AGENT: "began_agent_id",
    dimensions.CHANNEL: "began_channel",
    dimensions.TEAM: "began_team_id",
}
_OF_EVENTS = (dimensions.AGENT, dimensions.CHANNEL, dimensions.TEAM)
_HOUR = timedelta(hours=1)


@functools.cache
def _statement(by: dimensions.Dimension, *, of_started: bool) -> Statement:
    columns = _BEGAN if of_started else _CLOSED
    column = columns.get(by, "")
    then = f"r.{column}" if by in _OF_EVENTS and not of_started else f"c.{column}"
    return statements.load(
        "read_follow_ups",
        AT="began_at" if of_started else "closed_at",
        PART=f"c.{column} = :value" if column else ":value = ''",
        PART_THEN=f"{then} = :value" if column else ":value = ''",
        RESOLVED=ClosingKind.RESOLVED.value,
        REOPENED=ClosingKind.REOPENED.value,
    )


async def read(
    driver: Driver,
    organization_id: int,
    part: Filter,
    bounds: Interval,
    as_of: datetime,
    *,
    of_started: bool,
    durable: timedelta,
    repeat: timedelta,
) -> FollowUps:
    """Returns what came after those conversations of a part that were closed within bounds, or that began within them,
    in a time after each was closed.
    """
    chosen = _statement(part.dimension, of_started=of_started)
    arguments = chosen.arguments(
        organization_id=organization_id,
        start=bounds.start,
        end=bounds.end,
        as_of=as_of,
        durable_hours=durable / _HOUR,
        repeat_hours=repeat / _HOUR,
        value=part.value,
    )
    row = await driver.fetchrow(chosen.text, *arguments)
    assert row is not None  # noqa: S101 - counts without groups are one row
    return FollowUps(**row)
