"""Limits of distinct values: decided once for each value, by all servers alike, and never to the harm of a total."""

import asyncio
import random
from collections import Counter
from collections.abc import Set

import pytest

from server.catalog import dimensions
from server.catalog.cells import OTHER, Cell, CellKey
from server.catalog.dimensions import Dimension
from server.cli import status
from server.events.event import Event
from server.quarters import Width
from server.rollups import audit, fold
from server.rollups.member_numbers import Known, Limits, NumberCache
from server.store import members
from server.store.database import Database
from server.store.isolation import EVERY
from server.store.members import Candidate, Member
from tests.support import citus, effort, waiting, worlds

FEW = Limits({"agent": 1, "channel": 1, "team": 0, "event_type": 1, "topic": 1})
LIMITED = (dimensions.AGENT, dimensions.CHANNEL, dimensions.TEAM, dimensions.EVENT_TYPE, dimensions.TOPIC)
NONE = {one.name: 0 for one in LIMITED}


def many_agents(seed: int, count: int, agents: int) -> list[Event]:
    dice = random.Random(seed)
    return [one._replace(agent_id=f"agent-{dice.randrange(agents)}") for one in worlds.events(seed, count)]


async def decided(database: Database, organization: int, kind: int) -> dict[str, bool]:
    """The values of a kind, and whether they are over the limit."""
    async with database.snapshot(of=EVERY) as driver:
        rows = await driver.fetch(
            "SELECT external_id, overflow FROM members WHERE organization_id = $1 AND kind = $2",
            organization,
            int(kind),
        )
        counts = await driver.fetchrow(
            "SELECT separate, overflowed FROM member_counts WHERE organization_id = $1 AND kind = $2",
            organization,
            int(kind),
        )
    limited = Counter(row[1] for row in rows)
    if kind != dimensions.EVENT_TYPE.member_kind:  # of which some are not limited, and not counted
        assert tuple(counts or (0, 0)) == (limited[False], limited[True])
    return {row[0]: row[1] for row in rows}


def over(known: Known) -> Set[str]:
    """The agents over the limit among what is known."""
    return known.numbers.overflow.values.get(dimensions.AGENT.number, set())


async def without_mismatch(database: Database, organization: int, events: int) -> None:
    report = await audit.check(database, organization, window_events=100)
    assert (report.mismatches, report.events) == (0, events)


def of(figures: dict[tuple[Width, CellKey], Cell], *chosen: Dimension) -> dict[object, Counter[int]]:
    """Counters by width and bucket, those of all values of a dimension added up."""
    found: dict[object, Counter[int]] = {}
    for (granularity, key), cell in figures.items():
        if key.dimension in {one.number for one in chosen}:
            found.setdefault((key.dimension, granularity, key.bucket), Counter()).update(cell.counters)
    return {place: +counter for place, counter in found.items()}


@pytest.mark.parametrize("seed", range(effort.chosen(2, thorough=4)))
async def test_no_order_and_no_limit_changes_a_total(database: Database, make_tenant: object, seed: int) -> None:
    dice = random.Random(seed)
    events = many_agents(seed, 300, 12)
    found = []
    for limits in (Limits(), FEW, Limits({**NONE, "agent": dice.randrange(12), "team": 1})):
        organization = (await make_tenant()).organization_id  # type: ignore[operator]
        dice.shuffle(events)
        for start in range(0, 300, 100):
            some = events[start : start + 100]
            await worlds.store(database, organization, some, batch=dice.randrange(1, 50), limits=limits)
            await fold.fold(database, organization, limit=dice.randrange(1, 400))
        await without_mismatch(database, organization, 300)
        stored = await worlds.figures(database, organization)
        values = {key.value for _, key in stored if key.dimension == dimensions.AGENT.number}
        assert len(values - {OTHER}) == min(limits.by_name.get("agent", 12), 12)
        # Every organization gives numbers of its own: of the sets, the sizes are the same.
        totals = {
            place: (cell.counters, cell.bins, {key: len(members) for key, members in cell.sets.items()})
            for place, cell in stored.items()
            if place[1].dimension == dimensions.TOTAL.number
        }
        found.append((totals, of(stored, *LIMITED)))
    assert found[0] == found[1] == found[2]


async def test_another_limit_changes_nothing_that_was_decided(own_database: Database, own_organization: int) -> None:
    before: dict[str, bool] = {}
    for seed, limit in enumerate((3, 6, 0, 6, 20)):
        events = many_agents(seed, 120, 4 * (seed + 1))
        await worlds.store(own_database, own_organization, events, limits=Limits({"agent": limit}))
        await without_mismatch(own_database, own_organization, 120 * (seed + 1))
        await fold.fold_all(own_database, own_organization)
        await without_mismatch(own_database, own_organization, 120 * (seed + 1))
        now = await decided(own_database, own_organization, dimensions.AGENT.member_kind)
        assert before.items() <= now.items()
        separate = sum(not overflow for overflow in now.values())
        new = len(now) - len(before)
        old = sum(not overflow for overflow in before.values())
        assert separate == max(old, min(limit, old + new))
        before = now
    assert set(before.values()) == {True, False}


async def test_servers_that_meet_new_values_at_once_agree(
    own_url: str, own_database: Database, own_organization: int
) -> None:
    other = Database(own_url, ingest_connections=3)
    servers = [(own_database, NumberCache(Limits({"agent": 50}))), (other, NumberCache(Limits({"agent": 50})))]
    shared = [f"agent-{number}" for number in range(120)]  # met by both, in different orders and batches

    async def send(database: Database, numbers: NumberCache, seed: int) -> None:
        dice = random.Random(seed)
        agents = [*shared, *(f"own-{seed}-{number}" for number in range(30))]
        dice.shuffle(agents)
        events = worlds.events(seed, len(agents))
        some = [event._replace(agent_id=agent) for event, agent in zip(events, agents, strict=True)]
        await worlds.store(database, own_organization, some, batch=7, numbers=numbers)

    await asyncio.gather(*(send(*server, seed) for seed, server in enumerate(servers * 2)))
    found = await decided(own_database, own_organization, dimensions.AGENT.member_kind)
    assert Counter(found.values()) == {False: 50, True: 120 + 4 * 30 - 50}
    for database, numbers in servers:  # what they remember is what was decided
        async with database.ingest(of=EVERY) as driver:
            events = [worlds.events(9, 1)[0]._replace(agent_id=agent) for agent in shared]
            known = (await numbers.of_all(driver, {own_organization: events}))[own_organization]
        assert not known.learned.keys() & {(dimensions.AGENT.member_kind, agent) for agent in shared}
        assert over(known) == {agent for agent in shared if found[agent]}
    await other.close()
    await without_mismatch(own_database, own_organization, 4 * 150)


@citus.one_node
async def test_whoever_waits_for_a_turn_sees_what_was_decided_in_the_one_before(
    own_database: Database, own_organization: int
) -> None:
    def agents(first: int, last: int) -> dict[int, list[Candidate]]:
        limits = Limits({"agent": 6})
        return {
            own_organization: [
                limits.candidate(dimensions.AGENT.member_kind, f"agent-{number}") for number in range(first, last)
            ]
        }

    async def later() -> dict[members.Key, Member]:
        async with own_database.ingest(of=EVERY) as driver:
            return (await members.enrol(driver, agents(2, 10)))[own_organization]

    async with own_database.ingest(of=EVERY) as driver:
        await members.enrol(driver, agents(0, 2))
    async with own_database.transaction(of=EVERY) as driver:  # a turn that lasts
        before = (await members.enrol(driver, agents(2, 5)))[own_organization]
        waits = asyncio.create_task(later())
        is_waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
        await waiting.until(lambda: driver.fetchval(is_waiting))
        assert not waits.done()
    found = await waits
    assert {key: found[key] for key in before} == before
    assert len({member.number for member in found.values()}) == len(found) == 8
    assert Counter(member.overflow for member in found.values()) == {False: 4, True: 4}
    async with own_database.snapshot(of=EVERY) as driver:
        row = await driver.fetchrow("SELECT separate, overflowed FROM member_counts WHERE kind = 2")
    assert tuple(row) == (6, 4)


@citus.one_node
async def test_ids_of_many_organizations_are_enrolled_together(own_database: Database) -> None:
    events = {number: worlds.events(number, 20) for number in range(901, 905)}
    numbers = NumberCache(Limits({"agent": 1}))
    async with own_database.ingest(of=EVERY) as driver:
        first = await numbers.of_all(driver, {number: events[number] for number in (901, 903)})
        for one in first.values():
            numbers.keep(one)
        every = await numbers.of_all(driver, events)
        alone = {
            number: (await NumberCache().of_all(driver, {number: some}))[number] for number, some in events.items()
        }
    for number, known in every.items():
        assert known.organization_id == number
        assert known.numbers == alone[number].numbers
        assert bool(known.learned) == (number in (902, 904))
        given = [*known.numbers.users.values(), *known.numbers.agents.values()]
        assert len(set(given)) == len(given)
        assert len(known.numbers.agents) - len(over(known)) == 1


async def test_a_decision_without_events_stands(own_database: Database, own_organization: int) -> None:
    events = many_agents(1, 60, 10)
    async with own_database.ingest(of=EVERY) as driver:  # a server that ends before its events are stored
        numbers = NumberCache(Limits({"agent": 4}))
        lost = (await numbers.of_all(driver, {own_organization: events}))[own_organization]
    await worlds.store(own_database, own_organization, events, limits=Limits({"agent": 1000}))
    found = await decided(own_database, own_organization, dimensions.AGENT.member_kind)
    assert {agent for agent, overflow in found.items() if overflow} == lost.numbers.overflow.values.get(
        dimensions.AGENT.number, set()
    )
    assert len(found) - len(over(lost)) == 4
    await without_mismatch(own_database, own_organization, 60)


async def test_what_the_cache_forgets_is_looked_up(own_database: Database, own_organization: int) -> None:
    numbers = NumberCache(Limits({"agent": 20}), capacity=30)
    for seed in range(5):
        await worlds.store(own_database, own_organization, many_agents(seed, 100, 60), batch=11, numbers=numbers)
        assert numbers.remembered <= 30 + 2
    assert Counter((await decided(own_database, own_organization, dimensions.AGENT.member_kind)).values())[False] == 20
    await without_mismatch(own_database, own_organization, 500)


async def test_known_event_types_are_not_limited(own_database: Database, own_organization: int) -> None:
    types = ["a.b", "message.sent", "call.ended", "c.d", "message.received"]
    events = [event._replace(event_type=one, detail={}) for event, one in zip(worlds.events(1, 5), types, strict=True)]
    await worlds.store(own_database, own_organization, events, batch=1, limits=FEW)
    found = await decided(own_database, own_organization, dimensions.EVENT_TYPE.member_kind)
    assert [one for one, overflow in found.items() if overflow] == ["c.d"]
    await without_mismatch(own_database, own_organization, 5)


async def test_a_value_with_the_name_of_the_others_is_one_of_them(
    own_database: Database, own_organization: int
) -> None:
    events = [
        event._replace(agent_id=OTHER if number % 2 else "ada", channel=OTHER, team_id=OTHER)
        for number, event in enumerate(worlds.events(1, 40))
    ]
    events[0] = events[0]._replace(event_type=OTHER, detail={})
    await worlds.store(own_database, own_organization, events, limits=Limits({"agent": 1}))
    assert await decided(own_database, own_organization, dimensions.AGENT.member_kind) == {OTHER: True, "ada": False}
    assert (await decided(own_database, own_organization, dimensions.EVENT_TYPE.member_kind))[OTHER]
    await without_mismatch(own_database, own_organization, 40)


async def test_the_status_tells_of_it(own_database: Database, own_organization: int) -> None:
    await worlds.store(own_database, own_organization, many_agents(1, 100, 9), limits=FEW)
    found = await status.status(own_database, None)
    assert {(one.kind, one.ids, one.organizations) for one in found.overflows} == {
        ("agent", 8, 1),
        ("channel", 1, 1),
        ("team", 1, 1),
        ("topic", 1, 1),
    }
    line = next(line for line in status.render(found).splitlines() if line.startswith("over the limit"))
    assert line.endswith(
        "8 agents of 1 organizations, 1 channels of 1 organizations, 1 teams of 1 organizations,"
        f" 1 topics of 1 organizations: counted under {OTHER}"
    )
