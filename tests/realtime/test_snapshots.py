"""Views from aggregates are what a count of the events comes to, however much of it is folded, and read no event."""

import asyncio
import dataclasses
import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from server import histogram
from server.catalog import dimensions, slots
from server.catalog.dimensions import Dimension, Dimensions
from server.catalog.selections import AsOf
from server.events import outcomes
from server.events.event import Event, key_of
from server.events.outcomes import Closing, ClosingKind
from server.ingest import write
from server.ingest.write import OrganizationEvents
from server.realtime import rebuild
from server.realtime.view import ViewFilter, ViewState
from server.rollups import fold
from server.rollups.member_numbers import NumberCache
from server.store import rollups
from server.store.database import Database, Driver
from server.store.isolation import EVERY
from server.tasks import retention
from tests.support import effort, worlds

SECOND, MINUTE = 1_000_000, 60_000_000
AGENTS, CHANNELS, TEAMS, MODELS = ("ann", "bob", "cid"), ("web", "phone"), ("north", "south", "west"), ("big", "small")
PARTS = (
    ViewFilter(),
    ViewFilter.of(dimensions.AGENT, "ann"),
    ViewFilter.of(dimensions.AGENT, "ann", "cid"),
    ViewFilter.of(dimensions.CHANNEL, "web"),
    ViewFilter.of(dimensions.TEAM, "north"),
    ViewFilter.of(dimensions.TEAM, "south", "west"),
)
# Dimensions that realtime is to be narrowed by, too: one of a field of events, and one of a detail of messages.
RESOURCE = Dimension(
    number=200, name="resource", description="What it is about.", field="resource_id", member_kind=200, has_slots=True
)
MODEL = dataclasses.replace(dimensions.MODEL, has_slots=True)
_TYPES = (
    *("message.received", "message.sent") * 4,
    "conversation.started",
    "conversation.resolved",
    "conversation.reopened",
    "api.called",
)
_ids = itertools.count()


def event(dice: random.Random, at: int, conversations: int = 40) -> Event:
    """An event that occurred at about an instant, in microseconds since 1970."""
    event_type = dice.choice(_TYPES)
    detail: dict[str, int | str] = {}
    if event_type == "message.sent":
        detail = {"response_time_ms": dice.randrange(1, 5000), "failed": int(dice.random() < 0.2)}
        if dice.random() < 0.7:
            detail["model"] = dice.choice(MODELS)
    event_id = f"{next(_ids)}"
    return Event(
        event_id=event_id,
        event_key=key_of(event_id),
        fingerprint=0,
        event_type=event_type,
        occurred_at=at + dice.randrange(SECOND),
        agent_id=dice.choice(AGENTS),
        user_id=f"user-{dice.randrange(9)}",
        conversation_id=f"conversation-{dice.randrange(conversations)}",
        channel=dice.choice(CHANNELS),
        team_id=dice.choice(TEAMS),
        campaign_id="",
        resource_type="",
        resource_id=dice.choice(("r1", "r2", "")),
        detail=detail,
        properties="",
        warnings=(),
    )


@dataclass(slots=True, kw_only=True)
class Times:
    """What time it is for everything that is asked of the database."""

    now: int = 0  # microseconds since 1970

    @property
    def at(self) -> datetime:
        """The same as an instant."""
        return datetime.fromtimestamp(self.now // SECOND, UTC) + timedelta(microseconds=self.now % SECOND)


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> Times:
    """A clock that stands still until a test moves it. It is noon."""
    times = Times(now=int(datetime.now(UTC).replace(hour=12).timestamp()) * SECOND)
    as_of, note_fold = rollups.as_of, rollups.note_fold

    async def as_of_then(driver: Driver, organization_id: int) -> AsOf:
        return dataclasses.replace(await as_of(driver, organization_id), at=times.at)

    async def note_fold_then(*arguments: object) -> datetime:
        await note_fold(*arguments)  # type: ignore[arg-type]
        return times.at

    monkeypatch.setattr(rollups, "as_of", as_of_then)
    monkeypatch.setattr(rollups, "note_fold", note_fold_then)
    return times


@dataclass(slots=True, kw_only=True)
class World:
    """An organization, and every event that it has."""

    database: Database
    organization: int
    times: Times
    events: list[Event] = field(default_factory=list)
    _numbers: NumberCache = field(default_factory=NumberCache)

    async def store(self, events: Sequence[Event]) -> None:
        """Stores events as ingest does."""
        self.events += events
        ordered = sorted(events, key=lambda one: one.event_key)
        recency = slots.recency(self.times.now)
        part = OrganizationEvents(organization_id=self.organization, events=ordered, quota=0)
        await write.store(self.database, self._numbers, [part], recency)

    async def state(self, part: ViewFilter) -> ViewState:
        """What a new view of a part shows."""
        await worlds.project(self.database, self.organization)
        async with self.database.snapshot(of=EVERY) as driver:
            view, as_of = await rebuild.view(driver, self.organization, "UTC", part)
        return view.state(as_of.at)

    async def check(self, part: ViewFilter) -> None:
        """Asserts that a new view shows what a count of all events comes to."""
        state = await self.state(part)
        self._check_messages(part, state)
        self._check_conversations(part, state)

    async def check_messages(self, part: ViewFilter) -> None:
        """Asserts the same of a dimension that conversations do not carry: their figures are absent."""
        state = await self.state(part)
        self._check_messages(part, state)
        assert [state.figures[name] for name in ("active_conversations", "conversations_today")] == [None, None]
        assert not state.conversations

    def _check_messages(self, part: ViewFilter, state: ViewState) -> None:
        now = self.times.now
        said = [one for one in self.events if one.event_type.startswith("message.") and part.holds(one)]
        said = [one for one in said if one.occurred_at // (5 * SECOND) <= now // (5 * SECOND)]
        hour = [one for one in said if one.occurred_at // MINUTE > now // MINUTE - 60]
        five_minutes, minute = (
            [one for one in said if one.occurred_at // (5 * SECOND) > now // (5 * SECOND) - count] for count in (60, 12)
        )
        sent = [one for one in hour if one.event_type == "message.sent"]
        times = [one.detail["response_time_ms"] for one in five_minutes if one.event_type == "message.sent"]
        bins: dict[int, int] = {}
        histogram.count((int(time) for time in times), bins)
        failed = sum(int(one.detail["failed"]) for one in sent)
        figures = state.figures
        assert figures["messages_last_minute"] == len(minute)
        assert figures["messages_last_hour"] == len(hour)
        assert figures["success_rate"] == ((len(sent) - failed) / len(sent) if sent else None)
        assert figures["p50_response_time_ms"] == histogram.quantile(bins, 0.5)
        assert figures["p95_response_time_ms"] == histogram.quantile(bins, 0.95)
        assert [one.messages for one in state.minutes] == [
            sum(said.occurred_at // MINUTE == one.start // 60 for said in hour) for one in state.minutes
        ]

    def _check_conversations(self, part: ViewFilter, state: ViewState) -> None:
        known: dict[str, list[Event]] = {}
        for one in self.events:
            if one.event_type != "api.called":
                known.setdefault(one.conversation_id, []).append(one)
        latest = {name: max(events, key=lambda one: one.occurred_at) for name, events in known.items()}
        ours = {name: one for name, one in latest.items() if part.holds(one)}
        closed = {name for name, events in known.items() if _is_over(events)}
        minute = self.times.now // MINUTE
        active = {name for name, one in ours.items() if one.occurred_at // MINUTE > minute - 60} - closed
        assert state.figures["active_conversations"] == len(active)
        feed = sorted(ours.values(), key=lambda one: -one.occurred_at)[:20]
        assert [(one.conversation_id, one.last_activity) for one in state.conversations] == [
            (one.conversation_id, one.occurred_at) for one in feed
        ]
        for shown, one in zip(state.conversations, feed, strict=True):
            assert (shown.agent_id, shown.user_id, shown.channel) == (one.agent_id, one.user_id, one.channel)
            messages = sum(each.event_type.startswith("message.") for each in known[one.conversation_id])
            assert shown.messages == messages
            assert (shown.outcome is None) == (_outcome(known[one.conversation_id]) is None)


def _closings(events: Sequence[Event]) -> list[Closing]:
    return [
        Closing(b"", one.occurred_at, one.event_key, kind, "", "", "")
        for one in events
        if (kind := outcomes.KIND_OF_EVENT_TYPE.get(one.event_type)) is not None
    ]


def _outcome(events: Sequence[Event]) -> outcomes.ConversationOutcome | None:
    return outcomes.outcome(_closings(events))


def _is_over(events: Sequence[Event]) -> bool:
    """True for a conversation that is closed and was not handed over after that."""
    closed = outcomes.since_reopening(_closings(events))
    return bool(closed) and closed[-1].kind is not ClosingKind.ESCALATED


@pytest.fixture
def world(database: Database, organization: int, times: Times) -> World:
    """An organization of the test's own, at noon."""
    return World(database=database, organization=organization, times=times)


@pytest.mark.parametrize("seed", range(effort.chosen(2, thorough=4)))
async def test_a_view_is_what_a_count_of_all_events_comes_to(world: World, seed: int) -> None:
    """Whatever is late, ahead of time, folded, not folded or folded in part, by every road of ingest."""
    dice = random.Random(seed)
    ages = (0, 0, 0, 1, 4, 30, 59, 61, 200, 299, 301, 1000, 3500, 3600, 3700, 9000, -3, -60)
    for _ in range(25):
        count = dice.choice((1, 3, 20, 20, 300))
        some = [event(dice, world.times.now - dice.choice(ages) * SECOND) for _ in range(count)]
        await world.store(some)
        if dice.random() < 0.5:
            await fold.fold(world.database, world.organization, limit=dice.choice((5, 50, 5000)))
        if dice.random() < 0.3:
            await retention.slot_retention(world.database, world.times.at, {})
        for part in PARTS:
            await world.check(part)
        world.times.now += dice.choice((0, 1, 7, 60, 130, 400, 1000)) * SECOND


@pytest.mark.parametrize("dimension", [RESOURCE, MODEL], ids=lambda one: one.name)
async def test_a_further_dimension_of_realtime_is_an_entry_with_slots(
    world: World, monkeypatch: pytest.MonkeyPatch, dimension: Dimension
) -> None:
    others = [one for one in dimensions.TABLE.entries if one.number != dimension.number]
    monkeypatch.setattr(dimensions, "TABLE", Dimensions((*others, dimension)))
    dice, ages = random.Random(11), (0, 3, 40, 200, 301, 2000, 3700)
    values = ("r1", "r2") if dimension is RESOURCE else MODELS
    for _ in range(6):
        await world.store([event(dice, world.times.now - dice.choice(ages) * SECOND) for _ in range(30)])
        await fold.fold(world.database, world.organization, limit=dice.choice((20, 5000)))
        for part in (ViewFilter.of(dimension, values[0]), ViewFilter.of(dimension, *values)):
            await world.check_messages(part)
            assert (await world.state(part)).figures["messages_today"]
        world.times.now += dice.choice((1, 60, 400)) * SECOND


async def test_slots_that_are_over_become_minutes_and_go(world: World) -> None:
    """What is kept of a value is bounded: slots of five seconds for some minutes, minutes for an hour or so."""
    dice, most = random.Random(7), 0
    for _ in range(100):
        await world.store([event(dice, world.times.now) for _ in range(10)])
        await fold.fold_all(world.database, world.organization)
        await retention.slot_retention(world.database, world.times.at, {})
        most = max(most, await kept(world, 5))
        assert await kept(world, 60) <= 91
        world.times.now += MINUTE
    await world.check(ViewFilter())
    assert 1 < most <= 8 * 12
    assert await kept(world, 60) > 60
    world.times.now += 120 * MINUTE
    await retention.slot_retention(world.database, world.times.at, {})
    assert await kept(world, 5) + await kept(world, 60) == 0


async def kept(world: World, seconds: int) -> int:
    """How many slots of a width are kept of the organization as a whole."""
    async with world.database.transaction(of=EVERY) as driver:
        return int(
            await driver.fetchval(
                "SELECT count(*) FROM slot_rollups WHERE organization_id = $1 AND dimension = 0 AND seconds = $2",
                world.organization,
                seconds,
            )
        )


async def test_a_clock_that_is_set_back_is_right_to_the_minute(world: World) -> None:
    dice = random.Random(3)
    for step in (0, 300, -240, 60, 2000, -1900, 30):
        world.times.now += step * SECOND
        await world.store([event(dice, world.times.now - ago * SECOND) for ago in range(30)])
        await fold.fold(world.database, world.organization, limit=40)
        state = await world.state(ViewFilter())
        minutes = [one.occurred_at // MINUTE for one in world.events if one.event_type.startswith("message.")]
        now = world.times.now // MINUTE
        found = state.figures["messages_last_hour"]
        assert sum(now - 60 < one < now for one in minutes) <= found <= sum(now - 60 < one <= now for one in minutes)


@pytest.mark.parametrize("folded", [True, False])
async def test_a_view_reads_no_event_and_as_much_of_a_busy_hour_as_of_a_quiet_one(world: World, folded: bool) -> None:
    dice, rows = random.Random(5), []
    for count in (2_000, 20_000):
        for _ in range(count // 2_000):
            ages = [dice.randrange(3500) for _ in range(2_000)]
            await world.store([event(dice, world.times.now - age * SECOND, 5_000) for age in ages])
        if folded:
            await fold.fold_all(world.database, world.organization)
        for part in PARTS:
            statements, read = await watched(world, part)
            assert not [one for one in statements if " events" in one]
            assert "conversations" in " ".join(statements)
            rows.append(read)
    assert max(rows) < 500, "slots of an hour twice, minutes of activity, conversations shown"


async def watched(world: World, part: ViewFilter) -> tuple[list[str], int]:
    """The statements that making a view takes, and what the view keeps."""
    statements: list[str] = []

    def note(query: asyncpg.connection.LoggedQuery) -> None:
        statements.append(query.query)

    async with world.database.snapshot(of=EVERY) as driver:
        driver.add_query_logger(note)
        try:
            view, _ = await rebuild.view(driver, world.organization, "UTC", part)
            await asyncio.sleep(0)  # loggers are called by the loop
        finally:
            driver.remove_query_logger(note)
    return statements, view.size


async def test_a_view_that_takes_too_long_ends_and_leaves_its_connection(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "_STATEMENT_SECONDS", 0.2)
    async with world.database.transaction(of=EVERY) as driver:
        await driver.execute("LOCK TABLE slot_rollups IN ACCESS EXCLUSIVE MODE")
        async with asyncio.timeout(30):
            with pytest.raises(Exception, match="57014"):
                await world.state(ViewFilter())
    await world.check(ViewFilter())
    async with world.database.snapshot(of=EVERY) as driver:
        assert await driver.fetchval("SHOW statement_timeout") == "0"
