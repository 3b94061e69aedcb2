"""Random events of a small business, and what is stored of them."""

import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from server import timerange
from server.catalog import slots
from server.catalog.cells import Cell, CellKey
from server.catalog.slots import Recency
from server.events.event import Event, key_of
from server.ingest import write
from server.ingest.write import OrganizationEvents
from server.projections.projector import Projector
from server.projections.registry import PROJECTIONS
from server.quarters import Width
from server.rollups.member_numbers import Limits, NumberCache
from server.store import projections, rollups
from server.store.database import Database
from server.store.isolation import EVERY

ALL_TIME = timerange.Span(start=0, end=100_000 * Width.DAY)
DAY = 86_400
_CLOSING = ("ended", "resolved", "escalated", "abandoned", "reopened")


def seconds(at: datetime) -> int:
    """An instant in seconds since 1970."""
    return int(at.timestamp())


def events(seed: int, count: int, *, end: datetime | None = None, days: float = 3) -> list[Event]:
    """That many events that occurred within some days up to an instant (unset: now)."""
    dice = random.Random(seed)
    latest = seconds(end or datetime.now(UTC))
    return [_event(dice, f"event-{seed}-{number}", latest - dice.random() * days * DAY) for number in range(count)]


def _event(dice: random.Random, event_id: str, at: float) -> Event:
    event_type, detail = _content(dice)
    return Event(
        event_id=event_id,
        event_key=key_of(event_id),
        fingerprint=dice.getrandbits(60),
        event_type=event_type,
        occurred_at=int(at * 1_000_000),
        agent_id=dice.choice(("", "ada", "bot-7", "bot-9")),
        user_id=dice.choice(("", *(f"user-{number}" for number in range(40)))),
        conversation_id=f"conversation-{dice.randrange(30)}"
        if event_type.startswith(("conv", "mess", "model"))
        else "",
        channel=dice.choice(("", "web", "phone")),
        team_id=dice.choice(("", "north")),
        campaign_id="",
        resource_type="",
        resource_id="",
        detail=detail,
        properties='{"plan": "gold"}' if dice.random() < 0.1 else "",
        warnings=(),
    )


def _content(dice: random.Random) -> tuple[str, dict[str, int | str]]:
    match dice.randrange(8):
        case 0 | 1:
            event_type = dice.choice(("message.received", "message.received", "model.called"))
            return event_type, {"prompt_tokens": dice.randrange(400)}
        case 2 | 3:
            response_time, failed = dice.randrange(1, 90_000), int(dice.random() < 0.1)
            return "message.sent", {
                "response_time_ms": response_time,
                "failed": failed,
                "cost_micros": response_time // 7,
            }
        case 4:
            topic = dice.choice(("", "returns", "delivery"))
            kind = dice.choice(("started", *_CLOSING))
            reason = {"handoff_reason": f"about {topic}"} if kind == "escalated" and topic else {}
            return f"conversation.{kind}", {**({"topic": topic} if topic else {}), **reason}
        case 5:
            return "storage.changed", {"bytes_delta": dice.randrange(-500, 5_000), "kind": dice.randrange(4)}
        case 6:
            return "feedback.submitted", {"rating": dice.randrange(1, 6)}
        case _:
            return dice.choice(("call.ended", "order.placed", "api.called")), {"talk_ms": dice.randrange(10_000)}


async def store(
    database: Database,
    organization: int,
    some: Sequence[Event],
    *,
    batch: int = 100,
    limits: Limits | None = None,
    numbers: NumberCache | None = None,
    recency: Recency | None = None,
) -> None:
    """Stores events as ingest does, batch by batch in their order; with a cache of its own unless one is given."""
    numbers = numbers or NumberCache(limits)
    recency = recency or slots.recency(int(time.time() * 1_000_000))
    for start in range(0, len(some), batch):
        ordered = sorted(some[start : start + batch], key=lambda event: event.event_key)
        part = OrganizationEvents(organization_id=organization, events=ordered, quota=0)
        await write.store(database, numbers, [part], recency)


async def project(database: Database, organization: int) -> None:
    """Brings every projection of an organization to its newest revision."""
    projector = Projector(database)
    while behind := await _behind(database, organization):
        for name in behind:
            await projector.follow(organization, name)


async def _behind(database: Database, organization: int) -> list[str]:
    """The projections of an organization that have not seen every revision: one makes revisions for others to see."""
    async with database.transaction(of=EVERY) as driver:
        found = await projections.behind(driver, list(PROJECTIONS))
    return [one.name for one in found if one.organization_id == organization]


async def figures(database: Database, organization: int) -> dict[tuple[Width, CellKey], Cell]:
    """Every figure of an organization, at each width, rollups and deltas added up, without zeros, once projections have
    seen all of its events.
    """
    await project(database, organization)
    async with database.snapshot(of=EVERY) as driver:
        return {
            (granularity, key): plain
            for granularity in Width
            for key, cell in (await rollups.stored_between(driver, organization, granularity, ALL_TIME)).items()
            if not (plain := without_zeros(cell)).is_empty()
        }


def without_zeros(cell: Cell) -> Cell:
    """A cell with what adds something alone; the same one where that is all of it."""
    if all(cell.counters.values()) and all(cell.bins.values()) and all(cell.sets.values()):
        return cell
    return Cell(
        {key: amount for key, amount in cell.counters.items() if amount},
        {key: count for key, count in cell.bins.items() if count},
        {key: members for key, members in cell.sets.items() if members},
    )


async def value(database: Database, statement: str, *arguments: object) -> object:
    """The one value that a statement returns."""
    async with database.transaction(of=EVERY) as driver:
        return await driver.fetchval(statement, *arguments)


async def execute(database: Database, statement: str, *arguments: object) -> str:
    """Runs a statement and returns its command tag."""
    async with database.transaction(of=EVERY) as driver:
        return await driver.execute(statement, *arguments)


def moved(column: str, interval: str) -> str:
    """SQL of a time that many later, for a statement that changes rows of nodes: what depends on the session's zone is
    not allowed there.
    """
    return f"(({column} AT TIME ZONE 'UTC') + interval '{interval}') AT TIME ZONE 'UTC'"


async def unfolded(database: Database, organization: int) -> int:
    """How many deltas of an organization wait to be folded."""
    return int(str(await value(database, "SELECT count(*) FROM deltas WHERE organization_id = $1", organization)))


async def keep_every_width(database: Database, organization: int, until: int = ALL_TIME.end) -> None:
    """Makes folds keep rollups of every width up to a quarter hour; to be said before the first one."""
    first = "INSERT INTO folds (organization_id, folded_at, folded_deltas, widened_until) VALUES ($1, now(), 0, $2)"
    await execute(database, first, organization, until)
