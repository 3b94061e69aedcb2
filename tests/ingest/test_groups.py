"""Groups: the events of many organizations in one transaction, each counted exactly and none at another's expense."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pytest
from prometheus_client import REGISTRY

from server import errors
from server.admission.event_loop import Arrivals
from server.catalog.slots import QUARTERS_ALONE
from server.clock import Clock
from server.errors import Refused
from server.events.event import Event, key_of
from server.ingest import write
from server.ingest.pipeline import Ingest
from server.ingest.results import EventStatus, Submission
from server.ingest.write import OrganizationEvents
from server.organizations.settings import OrganizationSettings
from server.rollups.member_numbers import NumberCache
from server.store.database import Database, Driver
from server.store.isolation import EVERY
from server.tenancy import administration
from server.tenancy.limits import OrganizationLimits
from tests.support import citus, effort, worlds
from tests.support.waiting import PATIENCE

ACCEPTED, DUPLICATE, REJECTED = EventStatus.ACCEPTED, EventStatus.DUPLICATE, EventStatus.REJECTED


@pytest.fixture
async def tenants(own_database: Database) -> list[int]:
    """Twelve organizations."""
    settings = OrganizationSettings(time_zone="UTC")
    return [
        await administration.create_organization(own_database, f"tenant {number}", settings) for number in range(12)
    ]


@pytest.fixture
async def server(own_database: Database) -> AsyncIterator[Ingest]:
    """The ingest of one server."""
    ingest = Ingest(own_database, Arrivals(), Clock(), on_commit=lambda _: None, concurrency=3)
    yield ingest
    await ingest.drain()


def event(event_id: str, event_type: str = "message.sent", *, conversation: str = "", fingerprint: int = 1) -> Event:
    return worlds.events(1, 1)[0]._replace(
        event_id=event_id,
        event_key=key_of(event_id),
        fingerprint=fingerprint,
        event_type=event_type,
        conversation_id=conversation,
        detail={},
        properties="",
    )


def statuses(submission: Submission) -> list[EventStatus]:
    return [one.status for one in submission.results]


def transactions() -> float:
    return REGISTRY.get_sample_value("tallywire_batch_events_count") or 0


async def counted(database: Database, organization: int) -> tuple[int, int, int]:
    """How many events of an organization are stored, and in how many revisions; 1..N without gaps, or it fails. And
    how many of its month are used.
    """
    async with database.transaction(of=EVERY) as driver:
        stored = await driver.fetch(
            "SELECT revision, count(*) AS events FROM events WHERE organization_id = $1 GROUP BY 1", organization
        )
        updates = await driver.fetch("SELECT revision, events FROM updates WHERE organization_id = $1", organization)
        row = await driver.fetchrow("SELECT * FROM revisions WHERE organization_id = $1", organization)
        keys = await driver.fetchval("SELECT count(*) FROM event_keys WHERE organization_id = $1", organization)
    assert {one["revision"]: one["events"] for one in stored} == {one["revision"]: one["events"] for one in updates}
    revisions = sorted(one["revision"] for one in stored)
    assert revisions == list(range(1, len(revisions) + 1))
    assert (row["revision"] if row else 0) == len(revisions)
    assert keys == sum(one["events"] for one in stored)
    return keys, len(revisions), row["month_events"] if row else 0


async def assert_as_alone(database: Database, tenants: Sequence[int], sent: dict[int, Sequence[Event]]) -> None:
    """Every figure is what it is where the same events are stored one by one."""
    for organization, name in [(one, f"alone {one}") for one in tenants]:
        alone = await administration.create_organization(database, name, OrganizationSettings(time_zone="UTC"))
        await worlds.store(database, alone, sent[organization], batch=1)
        ours, theirs = [_without_sets(await worlds.figures(database, one)) for one in (organization, alone)]
        assert ours == theirs


def _without_sets(figures: dict) -> dict:  # type: ignore[type-arg]
    """Which number an id has depends on the order in which ids came; how many there are does not."""
    return {
        key: (cell.counters, cell.bins, {name: len(members) for name, members in cell.sets.items()})
        for key, cell in figures.items()
    }


@citus.one_node
@pytest.mark.parametrize("size", [1, 5])
async def test_a_group_of_any_size_is_stored_by_five_statements(
    own_database: Database, tenants: Sequence[int], monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    numbers, recency = NumberCache(), QUARTERS_ALONE

    def parts(name: str) -> list[OrganizationEvents]:
        return [
            OrganizationEvents(organization_id=one, events=[event(f"{name} {one}")], quota=0) for one in tenants[:size]
        ]

    await write.store(own_database, numbers, parts("first"), recency)  # makes the numbers of ids known
    done: list[str] = []

    def noted(name: str) -> Callable[..., Awaitable[object]]:
        method = getattr(Driver, name)

        async def note(driver: Driver, *about: Any, **more: Any) -> object:
            done.append(str(about[0]))
            return await method(driver, *about, **more)

        return note

    for name in ("fetch", "execute", "copy_to_table"):
        monkeypatch.setattr(Driver, name, noted(name))
    await write.store(own_database, numbers, parts("second"), recency)
    assert done.pop(0).startswith("BEGIN")
    assert done.pop().startswith("COMMIT")
    assert len(done) == 5, done


async def test_a_group_is_one_transaction_and_counts_each_organization(
    own_database: Database, server: Ingest, tenants: Sequence[int]
) -> None:
    before = transactions()
    sent = {one: [event(f"{one}-{number}", conversation=f"c{number}") for number in range(5)] for one in tenants}
    answers = await asyncio.gather(*(server.submit(one, some) for one, some in sent.items()))
    assert transactions() - before == 1
    assert [statuses(one) for one in answers] == [[ACCEPTED] * 5] * len(tenants)
    assert {one.revision for one in answers} == {1}
    for one in tenants:
        assert await counted(own_database, one) == (5, 1, 5)
    await assert_as_alone(own_database, tenants, sent)


@pytest.mark.parametrize("seed", range(effort.chosen(2, thorough=3)))
async def test_figures_are_those_of_events_stored_one_by_one(
    own_database: Database, server: Ingest, tenants: Sequence[int], seed: int
) -> None:
    # All types: most are stored in groups, and what comes to closed conversations alone.
    sent = {one: worlds.events(100 * seed + one, 40) for one in tenants}
    answers = await asyncio.gather(*(server.submit(one, [each]) for one, some in sent.items() for each in some))
    assert all(statuses(one) == [ACCEPTED] for one in answers)
    for one in tenants:
        assert (await counted(own_database, one))[0] == 40
    await assert_as_alone(own_database, tenants[:4], sent)


async def test_a_duplicate_and_a_conflict_of_one_organization_are_its_own(
    own_database: Database, server: Ingest, tenants: Sequence[int]
) -> None:
    await server.submit(tenants[0], [event("a")])
    await server.submit(tenants[1], [event("a", fingerprint=2)])
    before = transactions()
    answers = await asyncio.gather(*(server.submit(one, [event("a"), event("b")]) for one in tenants))
    assert transactions() - before == 1
    assert statuses(answers[0]) == [DUPLICATE, ACCEPTED]
    assert statuses(answers[1]) == [REJECTED, ACCEPTED]
    assert [statuses(one) for one in answers[2:]] == [[ACCEPTED] * 2] * (len(tenants) - 2)
    for one in tenants:
        assert (await counted(own_database, one))[0] == 2


async def test_the_same_event_twice_in_a_group_is_accepted_once(
    own_database: Database, server: Ingest, tenants: Sequence[int]
) -> None:
    answers = await asyncio.gather(*(server.submit(one, [event("a")]) for one in [*tenants, *tenants]))
    found = Counter(status for one in answers for status in statuses(one))
    assert found == {ACCEPTED: len(tenants), DUPLICATE: len(tenants)}
    for one in tenants:
        assert await counted(own_database, one) == (1, 1, 1)


async def test_an_exceeded_quota_refuses_its_own_calls_alone(
    own_database: Database, server: Ingest, tenants: Sequence[int]
) -> None:
    await server.submit(tenants[0], [event("a"), event("b")], OrganizationLimits(monthly_events=3))
    calls = [server.submit(one, [event("c"), event("d")], OrganizationLimits(monthly_events=3)) for one in tenants]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(answers[0], Refused)
    assert answers[0].reason is errors.Reason.EVENT_QUOTA
    assert all(isinstance(one, Submission) and statuses(one) == [ACCEPTED] * 2 for one in answers[1:])
    for one in tenants:
        assert await counted(own_database, one) == (2, 1, 2)


async def test_a_message_to_a_closed_conversation_is_stored_with_others(
    own_database: Database, server: Ingest, tenants: Sequence[int]
) -> None:
    closing = [event("a", conversation="c"), event("b", "conversation.resolved", conversation="c")]
    late = event("late", conversation="c")
    await server.submit(tenants[0], closing)
    before = transactions()
    answers = await asyncio.gather(*(server.submit(one, [late]) for one in tenants))
    assert transactions() - before == 1
    assert [statuses(one) for one in answers] == [[ACCEPTED]] * len(tenants)
    await assert_as_alone(own_database, tenants[:2], {tenants[0]: [*closing, late], tenants[1]: [late]})


CLOSINGS = ("conversation.ended", "conversation.abandoned", "conversation.resolved", "conversation.escalated")


def turn_of(conversation: str, minute: int, event_type: str) -> Event:
    """What happens to a conversation at a minute."""
    one = event(f"{conversation} {minute} {event_type}", event_type, conversation=conversation)
    return one._replace(occurred_at=one.occurred_at + minute * 60_000_000)


async def test_what_closes_and_reopens_conversations_is_counted_in_groups(
    own_database: Database, server: Ingest, tenants: Sequence[int]
) -> None:
    dice, before, turns = random.Random(1), transactions(), 12
    sent: dict[int, list[Event]] = {one: [] for one in tenants}
    for turn in range(turns):
        calls = []
        for one in tenants:
            types = ("message.sent", dice.choice((*CLOSINGS, "conversation.reopened")))
            some = [turn_of("c", dice.randrange(100), event_type) for event_type in types]
            some = [each._replace(event_id=f"{turn} {each.event_id}") for each in some]
            some = [each._replace(event_key=key_of(each.event_id), agent_id=dice.choice("ab")) for each in some]
            sent[one] += some
            calls.append(server.submit(one, some))
        assert [statuses(one) for one in await asyncio.gather(*calls)] == [[ACCEPTED] * 2] * len(tenants)
    assert transactions() - before == turns
    for one in tenants:
        assert await counted(own_database, one) == (2 * turns, turns, 2 * turns)
    await assert_as_alone(own_database, tenants[:4], sent)


async def test_a_value_that_the_database_refuses_is_rejected_alone(
    own_database: Database, server: Ingest, tenants: Sequence[int]
) -> None:
    poison = event("p")._replace(properties='{"a": "\\u0000"}')
    calls = [server.submit(one, [poison if one == tenants[3] else event("p")]) for one in tenants]
    answers = await asyncio.gather(*calls)
    assert [statuses(one) for one in answers].index([REJECTED]) == 3
    for one in tenants:
        assert (await counted(own_database, one))[0] == (one != tenants[3])


async def test_a_lost_answer_to_a_group_is_found_out_for_each(
    own_database: Database, server: Ingest, tenants: Sequence[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, tries = write.store, 0

    async def lost(*arguments: Any, **options: Any) -> object:
        nonlocal tries
        tries += 1
        stored = await store(*arguments, **options)
        if tries == 1:
            raise errors.StorageUnavailable("the connection to the database is lost")
        return stored

    monkeypatch.setattr(write, "store", lost)
    answers = await asyncio.gather(*(server.submit(one, [event("a")]) for one in tenants))
    assert [statuses(one) for one in answers] == [[DUPLICATE]] * len(tenants)
    for one in tenants:
        assert await counted(own_database, one) == (1, 1, 1)


async def test_an_organization_whose_transaction_lasts_keeps_no_other_waiting(
    own_database: Database, server: Ingest, tenants: Sequence[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    written, begun, go_on = write.store, asyncio.Event(), asyncio.Event()

    async def held(*arguments: Any, **options: Any) -> object:
        if any(part.organization_id == tenants[0] for part in arguments[2]):
            begun.set()
            await go_on.wait()
        return await written(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(write, "store", held)
    slow = [asyncio.create_task(server.submit(tenants[0], [event(f"a{number}") for number in range(100)]))]
    async with asyncio.timeout(PATIENCE):
        await begun.wait()
    slow += [asyncio.create_task(server.submit(tenants[0], [event("b")]))]
    async with asyncio.timeout(PATIENCE):
        answers = await asyncio.gather(*(server.submit(one, [event("a")]) for one in tenants[1:]))
    assert [statuses(one) for one in answers] == [[ACCEPTED]] * (len(tenants) - 1)
    assert not any(task.done() for task in slow)
    go_on.set()
    assert [statuses(one) for one in await asyncio.gather(*slow)] == [[ACCEPTED] * 100, [ACCEPTED]]


async def test_cancelled_callers_leave_what_they_sent_to_be_stored(
    own_database: Database, server: Ingest, tenants: Sequence[int]
) -> None:
    calls = [asyncio.create_task(server.submit(one, [event("a")])) for one in tenants]
    await asyncio.sleep(0)
    for call in calls:
        call.cancel()
    assert await asyncio.gather(*calls, return_exceptions=True)
    await server.drain()
    for one in tenants:
        assert await counted(own_database, one) == (1, 1, 1)


@pytest.mark.parametrize("seed", range(effort.chosen(2, thorough=3)))
async def test_servers_that_store_the_same_events_at_once_never_wait_in_a_circle(
    own_url: str, own_database: Database, tenants: Sequence[int], seed: int
) -> None:
    """Groups and long transactions of two servers, with the same keys."""
    dice = random.Random(seed)
    pools = [Database(own_url, ingest_connections=3, other_connections=1) for _ in range(2)]
    servers = [Ingest(pool, Arrivals(), Clock(), on_commit=lambda _: None, concurrency=3) for pool in pools]
    retries = REGISTRY.get_sample_value("tallywire_commit_retries_total")
    answers: defaultdict[tuple[int, str], list[EventStatus]] = defaultdict(list)
    revisions: defaultdict[tuple[int, int], list[int]] = defaultdict(list)

    async def send(number: int, organization: int, some: Sequence[Event]) -> None:
        answer = await servers[number].submit(organization, some)
        for one in answer.results:
            answers[organization, one.event_id].append(one.status)
        if answer.revision:
            revisions[number, organization].append(answer.revision)

    try:
        for turn in range(12):
            calls = []
            for organization in tenants:
                pool = [_one_of(dice, f"{turn}-{place}") for place in range(6)]
                for number in range(2):
                    some = dice.sample(pool, dice.randrange(1, 5))
                    calls.append(send(number, organization, some))
            dice.shuffle(calls)
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*calls)
    finally:
        for server, pool in zip(servers, pools, strict=True):
            await server.drain()
            await pool.close()
    # A deadlock, or a wait for a lock that was too long, is an attempt that is repeated.
    assert REGISTRY.get_sample_value("tallywire_commit_retries_total") == retries
    assert all(found.count(ACCEPTED) == 1 and REJECTED not in found for found in answers.values())
    assert all(found == sorted(found) for found in revisions.values())
    for organization in tenants:
        sent = {event_id for one, event_id in answers if one == organization}
        assert (await counted(own_database, organization))[0] == len(sent)


def _one_of(dice: random.Random, event_id: str) -> Event:
    event_type = dice.choice(("message.sent",) * 6 + ("conversation.resolved", "agent.status_changed"))
    number = dice.randrange(4)
    fingerprint = int.from_bytes(key_of(event_id)[:4])
    return event(event_id, event_type, conversation=f"c{number}", fingerprint=fingerprint)._replace(
        detail={"status": 1} if event_type == "agent.status_changed" else {}, agent_id="ada"
    )


@pytest.mark.parametrize("same", [True, False], ids=["the same keys", "other keys"])
async def test_groups_lock_in_one_order_whatever_their_own(
    own_url: str, own_database: Database, tenants: Sequence[int], same: bool
) -> None:
    dice, stored = random.Random(1), Counter[int]()
    pools = [Database(own_url, ingest_connections=1, other_connections=1) for _ in range(4)]
    numbers = NumberCache()

    async def store(number: int, turn: int) -> None:
        name = f"{turn}" if same else f"{turn} {number}"
        some = [sorted((event(f"{name} {n}", conversation=f"{n}") for n in range(3)), key=_key) for _ in tenants]
        parts = [
            OrganizationEvents(organization_id=one, events=mine, quota=0)
            for one, mine in zip(tenants, some, strict=True)
        ]
        dice.shuffle(parts)
        committed = await write.store(pools[number], numbers, parts, QUARTERS_ALONE)
        stored.update(one for one, mine in committed.items() if mine.revision)

    try:
        for turn in range(25):
            await asyncio.gather(*(store(number, turn) for number in range(len(pools))))
    finally:
        for pool in pools:
            await pool.close()
    for one in tenants:
        assert (await counted(own_database, one))[:2] == (3 * stored[one], stored[one])
        assert stored[one] == 25 * (1 if same else len(pools))


def _key(one: Event) -> bytes:
    return one.event_key


async def test_revisions_are_acknowledged_in_their_order(
    own_database: Database, server: Ingest, tenants: Sequence[int]
) -> None:
    acknowledged: defaultdict[int, list[int]] = defaultdict(list)

    async def send(organization: int, event_id: str) -> None:
        acknowledged[organization].append((await server.submit(organization, [event(event_id)])).revision)

    for turn in range(10):
        waiting = [asyncio.create_task(send(one, f"{turn}-{n}")) for n in range(3) for one in tenants]
        await asyncio.sleep(0.002)
        waiting += [asyncio.create_task(send(one, f"{turn}-x")) for one in tenants[::2]]
        await asyncio.gather(*waiting)
    for one in tenants:
        assert acknowledged[one] == sorted(acknowledged[one])
        events, revisions, _ = await counted(own_database, one)
        assert (events, revisions) == (len(acknowledged[one]), len(set(acknowledged[one])))
