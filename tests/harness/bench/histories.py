"""Organizations with a long past, for questions over months.

One day is sent through the service and folded by a worker. That day's rollups and raw events are then repeated on other
days, the rollups through the store, the raw events by SQL in a plain table for the yardsticks. Every user comes back
every 30 days, so that the users of a month are 30 times those of a day, and their numbers lie far apart.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pyroaring import BitMap

from server import timerange
from server.catalog import registry
from server.catalog.cells import Cell, CellKey
from server.local import embedded
from server.quarters import Width
from server.store import organizations, rollups
from server.store.isolation import EVERY
from server.store.rollups import RollupKey
from server.timerange import Span
from tests.harness.bench import sending
from tests.harness.bench.made import Recipe
from tests.harness.bench.processes import Aside
from tests.harness.bench.world import Served, World

COMES_BACK_AFTER = 30  # days
AGENTS = 24
_DAY = timedelta(days=1)
_USERS = registry.MEASURES["unique_users"].number


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a past is made of: a day of events, its users, and on how many days it happens."""

    name: str
    events: int  # of the day
    users: int  # of the day, at most
    days: int
    raw_days: int  # the last ones, whose raw events there are, too
    times: int = 1  # as many events in the rollups as there were
    agents: int = AGENTS

    @property
    def table(self) -> str:
        """Where the raw events are."""
        return f"raw_{self.name}"


_FULL = (
    Plan(name="small", events=11_112, users=4_000, days=401, raw_days=401),
    Plan(name="large", events=111_112, users=36_000, days=180, raw_days=90),
    Plan(name="huge", events=111_112, users=36_000, days=180, raw_days=0, times=10),
    Plan(name="wide", events=119_052, users=36_000, days=29, raw_days=29, times=3, agents=10_000),
)
_QUICK = (
    Plan(name="small", events=100, users=40, days=31, raw_days=31),
    Plan(name="large", events=200, users=80, days=20, raw_days=10),
    Plan(name="huge", events=200, users=80, days=20, raw_days=0, times=10),
    Plan(name="wide", events=200, users=80, days=29, raw_days=29, times=3, agents=100),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """An organization with a past that ends with yesterday (UTC)."""

    plan: Plan
    organization_id: int
    key: str
    end: datetime

    @property
    def first_day(self) -> datetime:
        """The day that the others are like."""
        return self.end - self.plan.days * _DAY


class Histories:
    """Makes them when they are first asked for, all in one database."""

    def __init__(self, world: World, load: Aside, *, quick: bool) -> None:
        self.world = world
        self._load = load
        self._plans = {plan.name: plan for plan in (_QUICK if quick else _FULL)}
        self._made: dict[str, History] = {}
        self._end = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, engines: embedded.Engines, load: Aside, *, quick: bool) -> AsyncIterator["Histories"]:
        """None yet, until the block ends."""
        async with World.on(engines, "histories") as world:
            yield cls(world, load, quick=quick)

    async def get(self, *names: str) -> list[History]:
        """Those of the names."""
        missing = [self._plans[name] for name in names if name not in self._made]
        if missing:
            async with self.world.server() as served, self.world.worker():
                for plan in missing:
                    self._made[plan.name] = await self._begin(plan, served)
                await self.world.until_projected()
                await self.world.until_folded()
            for plan in missing:
                await _repeat(self.world, self._made[plan.name])
        return [self._made[name] for name in names]

    async def _begin(self, plan: Plan, served: Served) -> History:
        """The organization and its first day."""
        organization_id, key = await self.world.tenant(plan.name)
        history = History(plan=plan, organization_id=organization_id, key=key, end=self._end)
        recipe = Recipe(
            events=plan.events,
            start=history.first_day,
            span=_DAY,
            users=plan.users,
            agents=plan.agents,
            seed=1,
            conversation_events=3,
        )
        await self._load.run(sending.make_batches, plan.name, recipe, [key], with_logins=True)
        await self._load.run(sending.send_batches, served.address, plan.name)
        await self._load.run(sending.forget, plan.name)
        return history


async def _repeat(world: World, history: History) -> None:
    # As after retention: the audit is not to expect raw events of days that have rollups alone.
    async with world.database.transaction(of=EVERY) as driver:
        bucket = timerange.floor_bucket(history.end)
        await organizations.raise_raw_from(driver, history.organization_id, bucket)
    await _repeat_rollups(world, history)
    if history.plan.raw_days:
        await _repeat_events(world, history)
    async with world.connected() as connection:
        await connection.execute("VACUUM (ANALYZE)")


async def _repeat_rollups(world: World, history: History) -> None:
    plan, first = history.plan, timerange.floor_bucket(history.first_day)
    whole_day = Span(start=first, end=first + int(Width.DAY))
    async with world.database.transaction(of=EVERY) as driver:
        day = [
            (key, granularity, cell)
            for granularity in Width
            if granularity <= Width.DAY
            for key, cell in (
                await rollups.stored_between(driver, history.organization_id, granularity, whole_day)
            ).items()
        ]
    for turn in range(min(COMES_BACK_AFTER, plan.days)):
        like = [(key, granularity, _like(cell, turn, plan.times)) for key, granularity, cell in day]
        for number in range(turn, plan.days, COMES_BACK_AFTER):
            portion = {_key(key, granularity, number): cell for key, granularity, cell in like}
            async with world.database.transaction(of=EVERY) as driver:
                await rollups.save(driver, history.organization_id, portion)
    await _widen(world, history)


async def _widen(world: World, history: History) -> None:
    """Adds the days up to the rollups that are wider than a day."""
    first, last = timerange.floor_bucket(history.first_day), timerange.floor_bucket(history.end)
    for width in (one for one in Width if one > Width.DAY):
        for start in range(width.floor(first), last, int(width)):
            span = Span(start=start, end=start + int(width))
            async with world.database.transaction(of=EVERY) as driver:
                days = await rollups.stored_between(driver, history.organization_id, Width.DAY, span)
                wide = rollups.merge((key._replace(bucket=start), cell) for key, cell in days.items())
                portion = {_key(key, width, 0): cell for key, cell in wide.items()}
                await rollups.save(driver, history.organization_id, portion)


def _like(cell: Cell, turn: int, times: int) -> Cell:
    """The cell on the days of a turn, with the users of that turn."""
    sets = {
        key: BitMap([number * COMES_BACK_AFTER + turn for number in members]) if key == _USERS else members
        for key, members in cell.sets.items()
    }
    return Cell(
        {key: amount * times for key, amount in cell.counters.items()},
        {key: count * times for key, count in cell.bins.items()},
        sets,
    )


def _key(key: CellKey, granularity: Width, day: int) -> RollupKey:
    return RollupKey(
        dimension=key.dimension,
        value=key.value,
        granularity=int(granularity),
        bucket=key.bucket + day * int(Width.DAY),
    )


async def _repeat_events(world: World, history: History) -> None:
    """Fills a plain table with the columns and indexes of events; unlogged, since nobody waits for it to be durable."""
    table, plan = history.plan.table, history.plan
    instead = {
        "occurred_at": "occurred_at + $1::integer * interval '1 day'",
        "user_id": f"'user-' || substr(user_id, 6)::bigint * {COMES_BACK_AFTER} + $1::integer % {COMES_BACK_AFTER}",
    }
    async with world.connected() as connection:
        await connection.execute(f"CREATE UNLOGGED TABLE {table} (LIKE events INCLUDING ALL)")
        names = [one.name for one in (await connection.prepare("SELECT * FROM events")).get_attributes()]
        insert = await connection.prepare(
            f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(instead.get(name, name) for name in names)}"
            " FROM events WHERE organization_id = $2 AND occurred_at >= $3 ORDER BY occurred_at"
        )
        for day in range(plan.days - plan.raw_days, plan.days):
            await insert.fetch(day, history.organization_id, history.first_day)
