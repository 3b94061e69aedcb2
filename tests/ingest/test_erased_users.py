"""Events of people who were erased: from the mark on nothing is stored under their ids, whatever servers remember."""

import asyncio
from collections.abc import Sequence

import pytest

from server.catalog import dimensions
from server.catalog.slots import QUARTERS_ALONE
from server.events import erased
from server.events.event import Event, key_of
from server.ingest import write
from server.ingest.write import Committed, OrganizationEvents
from server.rollups import audit
from server.rollups.member_numbers import NumberCache
from server.store import erased_users, members
from server.store.database import Database
from server.store.erased_users import NewErasure
from server.store.isolation import EVERY
from server.tenancy.keyed_hashes import KeyedHashes
from tests.conftest import PEPPER
from tests.support import worlds

ANN = "ann-canary-7"
DIGEST = KeyedHashes(PEPPER).erased_user


def numbers() -> NumberCache:
    """What a server that has just started remembers."""
    return NumberCache(digest=DIGEST)


def event(event_id: str, user_id: str = ANN) -> Event:
    """An event that tells all that is personal."""
    (one,) = worlds.events(1, 1)
    return one._replace(
        event_id=event_id,
        event_key=key_of(event_id),
        event_type="user.logged_in",
        user_id=user_id,
        detail={"ip": "203.0.113.77", "name": "Ann Canary", "user_agent": "Canary/1.0"},
        properties='{"note": "a canary of Ann"}',
    )


async def mark(database: Database, organization: int, user_id: str = ANN) -> str:
    """Marks a user as erased and returns the alias."""
    alias = erased.new_alias()
    new = NewErasure(
        digest=DIGEST(organization, user_id), alias=alias, user_id=user_id, value_key=b"key", request_id=""
    )
    async with database.transaction(of=EVERY) as driver:
        assert await erased_users.mark(driver, organization, new)
        assert not await erased_users.mark(driver, organization, new)
    return alias


async def store(
    database: Database, organization: int, known: NumberCache, events: Sequence[Event], *, refuses: bool = False
) -> Committed:
    """Stores events as a server does that remembers something."""
    ordered = sorted(events, key=lambda one: one.event_key)
    part = OrganizationEvents(organization_id=organization, events=ordered, quota=0, refuses_erased=refuses)
    return (await write.store(database, known, [part], QUARTERS_ALONE))[organization]


async def stored(database: Database, organization: int) -> list[tuple[object, ...]]:
    """What raw events say of the user, in the order of their revisions."""
    async with database.transaction(of=EVERY) as driver:
        rows = await driver.fetch(
            "SELECT user_id, event_id, detail::text, properties::text FROM events WHERE organization_id = $1"
            " ORDER BY revision, event_key",
            organization,
        )
    return [tuple(row) for row in rows]


async def known_users(database: Database, organization: int) -> dict[str, int]:
    """The users that have numbers."""
    async with database.transaction(of=EVERY) as driver:
        rows = await driver.fetch(
            "SELECT external_id, number FROM members WHERE organization_id = $1 AND kind = $2",
            organization,
            dimensions.USER_KIND,
        )
    return {row[0]: row[1] for row in rows}


@pytest.mark.parametrize("remembers", [True, False], ids=["a server that remembers the user", "one that does not"])
async def test_later_events_are_stored_without_the_person(
    own_database: Database, own_organization: int, remembers: bool
) -> None:
    server = numbers()
    await store(own_database, own_organization, server, [event("first")])
    alias = await mark(own_database, own_organization)
    if not remembers:
        server = numbers()
    committed = await store(own_database, own_organization, server, [event("second"), event("third", "ben")])
    assert len(committed.new) == 2
    first, *later = await stored(own_database, own_organization)
    assert first[0] == ANN
    assert min(later, key=lambda one: one[0] == "ben") == (alias, None, None, None)
    users = await known_users(own_database, own_organization)
    assert users[alias] == users[ANN]
    again = await store(own_database, own_organization, numbers(), [event("first"), event("second")])
    assert set(again.stored) == {key_of("first"), key_of("second")}
    assert not again.new
    assert (await audit.check(own_database, own_organization)).mismatches == 0


async def test_a_person_can_be_marked_before_any_event(own_database: Database, own_organization: int) -> None:
    servers = numbers(), numbers()
    alias = await mark(own_database, own_organization)
    for number, server in enumerate(servers):
        await store(own_database, own_organization, server, [event(f"event {number}")])
    assert {one[0] for one in await stored(own_database, own_organization)} == {alias}
    assert set(await known_users(own_database, own_organization)) == {alias}
    assert (await audit.check(own_database, own_organization)).mismatches == 0


async def test_an_organization_may_refuse_them(own_database: Database, own_organization: int) -> None:
    server = numbers()
    await store(own_database, own_organization, server, [event("first")])
    await mark(own_database, own_organization)
    some = [event("second"), event("third", "ben"), event("first")]
    committed = await store(own_database, own_organization, server, some, refuses=True)
    assert committed.refused == {key_of("first"), key_of("second")}
    assert committed.new == {key_of("third")}
    only = await store(own_database, own_organization, server, [event("fourth")], refuses=True)
    assert (only.refused, only.revision) == ({key_of("fourth")}, 0)


async def test_whoever_is_marked_while_events_come_in_is_never_stored_again(
    own_database: Database, own_organization: int
) -> None:
    """Servers that know nothing of the mark, and enrol users at every moment, store nothing under the id after it."""
    servers, users = [numbers() for _ in range(3)], [f"user {number}" for number in range(12)]

    async def send(number: int) -> None:
        for turn in range(40):
            some = [event(f"{number} {turn} {place}", users[(number + turn + place) % len(users)]) for place in (0, 1)]
            await store(own_database, own_organization, servers[number], some)

    async def erase() -> dict[str, int]:
        newest = {}
        for user_id in users[::2]:
            await mark(own_database, own_organization, user_id)
            revision = await worlds.value(
                own_database, "SELECT revision FROM revisions WHERE organization_id = $1", own_organization
            )
            assert isinstance(revision, int)
            newest[user_id] = revision
            await asyncio.sleep(0)
        return newest

    newest, *_ = await asyncio.gather(erase(), *map(send, range(3)))
    async with own_database.transaction(of=EVERY) as driver:
        last = dict(
            await driver.fetch(
                "SELECT user_id, max(revision) FROM events WHERE organization_id = $1 GROUP BY 1", own_organization
            )
        )
    assert all(last.get(user_id, 0) <= revision for user_id, revision in newest.items())
    assert sum(one.startswith("\x1e") for one in last) == len(newest)
    assert (await audit.check(own_database, own_organization)).mismatches == 0


async def test_a_user_that_was_erased_is_not_enrolled(own_database: Database, own_organization: int) -> None:
    await mark(own_database, own_organization)
    candidate = members.Candidate(dimensions.USER_KIND, ANN, None)
    async with own_database.ingest(of=EVERY) as driver:
        found = await members.enrol(driver, {own_organization: [candidate]})
    assert found == {own_organization: {}}
    assert not await known_users(own_database, own_organization)
