"""The usual ways to keep figures of events in PostgreSQL, set up as their documentation does, and one stream for all.

A stream has what streams have: events that come late, within the time for which figures are refreshed, after it, and
after raw events were dropped; events that are sent twice; corrections. Each case has a day of its own, so that a wrong
figure tells which one it is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

REFRESHED = timedelta(days=3)  # every night figures of the last days are made anew
KEPT = timedelta(days=8)  # raw events
DAYS = 12
IN_TIME, LATE, CORRECTED, RETRACTED, REPEATED, LATE_AND_GONE, REPEATED_AND_GONE = 1, 4, 5, 6, 7, 10, 11


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An event."""

    event_id: str
    at: datetime
    user: str
    tokens: int


class DayFigures(NamedTuple):
    """What is asked about a day."""

    messages: int
    tokens: int
    users: int


Figures = Mapping[date, DayFigures]
NOTHING = DayFigures(0, 0, 0)


class Contestant(Protocol):
    """What takes events in and answers questions about days."""

    async def store(self, messages: Iterable[Message]) -> None:
        """Takes events in; those that were there before are sent again."""

    async def correct(self, message: Message) -> None:
        """Changes an event that was stored."""

    async def retract(self, message: Message) -> None:
        """Takes an event out."""

    async def night(self) -> None:
        """Does what is done every night: figures are refreshed, and raw events that are too old go."""

    async def figures(self, zone: str) -> Figures:
        """Answers for every day of a time zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Events, in the order in which they reach whoever counts them."""

    today: datetime

    def day(self, before: int) -> datetime:
        """Returns midnight of UTC, that many days ago."""
        return self.today - timedelta(days=before)

    def on(self, before: int) -> list[Message]:
        """Returns what arrives of a day in time. At 18:15 a day begins in Nepal."""
        times = ((0, 20), (7, 10), (12, 40), (12, 50), (18, 5), (18, 20), (21, 30))
        return [
            Message(
                event_id=f"{before}-{number}",
                at=self.day(before) + timedelta(hours=hours, minutes=minutes),
                user=f"user-{number % 3}",
                tokens=100 * before + 7**number % 97,
            )
            for number, (hours, minutes) in enumerate(times)
        ]

    def history(self) -> list[Message]:
        """Returns what arrives in time, of all days."""
        return [one for before in range(DAYS, 0, -1) for one in self.on(before)]

    def late(self, before: int) -> Message:
        """Returns an event of a day that comes days later."""
        return Message(event_id=f"{before}-late", at=self.day(before) + timedelta(hours=9), user="user-9", tokens=5000)

    def corrected(self, before: int) -> Message:
        """Returns the first event of a day as it should have been."""
        return replace(self.on(before)[0], tokens=9000)

    async def run(self, contestant: Contestant) -> None:
        """Has all of it arrive: history, a night, what is late and wrong, and another night."""
        await contestant.store(self.history())
        await contestant.night()
        await contestant.store(self.late(before) for before in (IN_TIME, LATE, LATE_AND_GONE))
        await contestant.store(self.on(before)[1] for before in (REPEATED, REPEATED_AND_GONE))
        for before in (IN_TIME, CORRECTED):
            await contestant.correct(self.corrected(before))
        await contestant.retract(self.on(RETRACTED)[2])
        await contestant.night()

    def truth(self, zone: str) -> Figures:
        """Returns the figures of every event that was acknowledged, once, as it was said last."""
        final = {one.event_id: one for one in self.history()}
        final |= {one.event_id: one for one in map(self.late, (IN_TIME, LATE, LATE_AND_GONE))}
        final |= {one.event_id: one for one in map(self.corrected, (IN_TIME, CORRECTED))}
        del final[self.on(RETRACTED)[2].event_id]
        days: dict[date, list[Message]] = {}
        for one in final.values():
            days.setdefault(one.at.astimezone(ZoneInfo(zone)).date(), []).append(one)
        return {
            day: DayFigures(len(some), sum(one.tokens for one in some), len({one.user for one in some}))
            for day, some in days.items()
        }

    def wrong(self, found: Figures, figure: str, zone: str = "UTC") -> dict[int, tuple[int, int]]:
        """Returns what a contestant says of a figure and what is true, where they differ, by how many days ago."""
        truth = self.truth(zone)
        pairs = {
            (self.today.date() - day).days: (
                getattr(found.get(day, NOTHING), figure),
                getattr(truth.get(day, NOTHING), figure),
            )
            for day in truth.keys() | found.keys()
        }
        return {before: pair for before, pair in sorted(pairs.items()) if pair[0] != pair[1]}


def stream() -> Stream:
    """Returns the stream whose last day was yesterday."""
    return Stream(today=datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0))


_MESSAGES = """
    CREATE TABLE messages (
        event_id text NOT NULL, at timestamptz NOT NULL, user_id text NOT NULL, tokens integer NOT NULL,
        PRIMARY KEY (event_id, at)
    )
"""
_HOURLY = """
    count(*) AS messages, sum(tokens) AS tokens, count(DISTINCT user_id) AS users
"""


class _InPostgres:
    """What both ways have in common: raw events by their ids, figures by the hour, days as sums of hours."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def store(self, messages: Iterable[Message]) -> None:
        """Inserts events, and leaves those alone whose ids are there."""
        await self._connection.executemany(
            "INSERT INTO messages (event_id, at, user_id, tokens) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            [(one.event_id, one.at, one.user, one.tokens) for one in messages],
        )

    async def correct(self, message: Message) -> None:
        """Updates the raw event."""
        await self._connection.execute(
            "UPDATE messages SET tokens = $3 WHERE event_id = $1 AND at = $2",
            message.event_id,
            message.at,
            message.tokens,
        )

    async def retract(self, message: Message) -> None:
        """Deletes the raw event."""
        await self._connection.execute("DELETE FROM messages WHERE event_id = $1", message.event_id)

    async def figures(self, zone: str) -> Figures:
        """Adds up the hours of each day."""
        rows = await self._connection.fetch(
            "SELECT (hour AT TIME ZONE $1)::date AS day, sum(messages)::bigint AS messages,"
            " sum(tokens)::bigint AS tokens, sum(users)::bigint AS users FROM hourly GROUP BY 1",
            zone,
        )
        return {row["day"]: DayFigures(row["messages"], row["tokens"], row["users"]) for row in rows}


class ContinuousAggregate(_InPostgres):
    """A hypertable with a continuous aggregate by the hour, a refresh policy and a retention policy of TimescaleDB."""

    async def make(self) -> None:
        """Makes tables and policies, which run when `night` says so."""
        # Hours after the last refreshed one are added from raw events.
        view = (
            "CREATE MATERIALIZED VIEW hourly WITH (timescaledb.continuous, timescaledb.materialized_only = false)"
            f" AS SELECT time_bucket('1 hour', at) AS hour, {_HOURLY} FROM messages GROUP BY 1 WITH NO DATA"
        )
        for statement in (
            "CREATE EXTENSION IF NOT EXISTS timescaledb",
            _MESSAGES,
            "SELECT create_hypertable('messages', 'at', chunk_time_interval => interval '1 day')",
            view,
        ):
            await self._connection.execute(statement)
        later = "initial_start => now() + interval '1 year'"
        refresh = (
            f"SELECT add_continuous_aggregate_policy('hourly', start_offset => interval '{REFRESHED.days} days',"
            f" end_offset => interval '1 hour', schedule_interval => interval '1 hour', {later})"
        )
        retention = f"SELECT add_retention_policy('messages', drop_after => interval '{KEPT.days} days', {later})"
        self._policies = [await self._connection.fetchval(statement) for statement in (refresh, retention)]
        self._is_filled = False

    async def night(self) -> None:
        """Runs the policies; the first time all that is there is refreshed before."""
        if not self._is_filled:
            await self._connection.execute("CALL refresh_continuous_aggregate('hourly', NULL, NULL)")
            self._is_filled = True
        refresh, retention = self._policies
        # A refresh policy runs every hour; what has come since its last run may be seen by the run after it.
        for policy in (refresh, refresh, retention):
            await self._connection.execute(f"CALL run_job({policy})")

    async def refresh(self, start: datetime, end: datetime) -> None:
        """Refreshes an earlier time by hand, as one does after late events; twice, for what the first time leaves."""
        for _ in range(2):
            await self._connection.execute(
                f"CALL refresh_continuous_aggregate('hourly', '{start.isoformat()}', '{end.isoformat()}')"
            )


class ViewsByDay(_InPostgres):
    """A table partitioned by day, with a materialized view for each day that is over."""

    async def make(self, stream: Stream) -> None:
        """Makes table, partitions and views. What comes after a partition has gone is in the default one."""
        self._days = [stream.day(before) for before in range(DAYS, 0, -1)]
        await self._connection.execute(f"{_MESSAGES} PARTITION BY RANGE (at)")
        await self._connection.execute("CREATE TABLE messages_others PARTITION OF messages DEFAULT")
        for day in self._days:
            start, end = (f"'{one.isoformat()}'" for one in (day, day + timedelta(days=1)))
            await self._connection.execute(
                f"CREATE TABLE messages_{day:%Y%m%d} PARTITION OF messages FOR VALUES FROM ({start}) TO ({end})"
            )
            await self._connection.execute(
                f"CREATE MATERIALIZED VIEW hourly_{day:%Y%m%d} AS SELECT date_trunc('hour', at, 'UTC') AS hour,"
                f" {_HOURLY} FROM messages WHERE at >= {start} AND at < {end} GROUP BY 1 WITH NO DATA"
            )
        views = " UNION ALL ".join(f"SELECT * FROM hourly_{day:%Y%m%d}" for day in self._days)
        await self._connection.execute(f"CREATE VIEW hourly AS {views}")
        self._is_filled = False

    async def night(self) -> None:
        """Refreshes the days that are still refreshed, the first time all, and drops partitions that are too old."""
        now = datetime.now(UTC)
        await self.refresh(self._days[0] if not self._is_filled else now - REFRESHED, now)
        self._is_filled = True
        for day in self._days:
            if day + timedelta(days=1) <= now - KEPT:
                await self._connection.execute(f"DROP TABLE IF EXISTS messages_{day:%Y%m%d}")

    async def refresh(self, start: datetime, end: datetime) -> None:
        """Refreshes the views of the days that lie within a time."""
        for day in self._days:
            if start <= day < end:
                await self._connection.execute(f"REFRESH MATERIALIZED VIEW hourly_{day:%Y%m%d}")
