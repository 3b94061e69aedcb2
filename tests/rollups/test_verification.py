"""Verification finds exactly what was changed, and repair makes it what raw events say."""

import asyncio
import hashlib
import pickle
from datetime import UTC, datetime, timedelta

import pytest

from server.catalog import registry
from server.events.user_activity import UserDay
from server.local import embedded
from server.quarters import Width
from server.rollups import audit, fold, verification
from server.rollups.checks import Fault
from server.rollups.differences import FigurePart
from server.rollups.gap_checks import RawGaps
from server.rollups.member_numbers import Limits
from server.rollups.profile_checks import Profiles
from server.rollups.repair import Mended, Repair
from server.rollups.verification import Asked, Verification
from server.store.database import Database, Driver
from server.timerange import Span
from tests.support import own_databases, worlds

NUMBER = {name: one.number for name, one in registry.MEASURES.items()}
EVERYTHING = Span(start=0, end=2**31 - 4)


async def fill(database: Database, organization: int) -> None:
    await worlds.store(database, organization, worlds.events(1, 400))
    await worlds.project(database, organization)


@pytest.fixture(scope="module")
async def template(own_engines: embedded.Engines, template: str) -> str:
    """A database with an organization and its events, made once."""
    return await own_databases.filled(own_engines, template, "verified", fill)


@pytest.fixture
async def own_organization(own_database: Database) -> int:
    """The organization."""
    return int(str(await worlds.value(own_database, "SELECT organization_id FROM organizations")))


async def span(database: Database) -> Span:
    """Some days up to an hour from now."""
    now = int((await database.condition()).now.timestamp()) // 900
    return Span(start=now - 10 * 96, end=now + 4)


async def verified(database: Database, organization: int, only: int | None = None, most: int = 1_000) -> Verification:
    asked = Asked.of(organization, await span(database), only, most)
    return [one async for one in verification.verify(database, asked, audit.at_once)][-1]


async def repaired(database: Database, organization: int) -> tuple[Repair, list[Mended]]:
    recorded: list[Mended] = []

    async def record(driver: Driver, mended: Mended) -> None:
        recorded.append(mended)

    asked = Asked.of(organization, await span(database), None)
    repair = Repair(database=database, asked=asked, limits=Limits(), record=record, until=asked.span.start)
    while await repair.next(audit.at_once):
        pass
    return repair, recorded


async def fold_it(database: Database, organization: int) -> None:
    await worlds.keep_every_width(database, organization)
    await fold.fold_all(database, organization)


async def test_what_is_stored_is_what_raw_events_say_whatever_is_folded(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await verified(own_database, own_organization)
    assert (before.number, before.events, before.covered) == (0, 400, 1.0)
    assert before.is_realtime_verified
    await fold_it(own_database, own_organization)
    monkeypatch.setattr(verification, "WINDOW_EVENTS", 30)
    after = await verified(own_database, own_organization)
    assert (after.number, after.events) == (0, 400)
    assert after.digest.hexdigest() == before.digest.hexdigest() != hashlib.sha256().hexdigest()
    await worlds.store(own_database, own_organization, worlds.events(2, 1))
    assert (await verified(own_database, own_organization)).digest.hexdigest() != before.digest.hexdigest()


async def change_one(database: Database, organization: int, change: str, table: str) -> None:
    """Changes some row of a table."""
    mine = "organization_id = $1"
    picked = f"(SELECT ctid FROM {table} WHERE {mine} LIMIT 1)"
    await worlds.execute(database, f"{change} WHERE {mine} AND ctid = {picked}", organization)


PICKED = (
    "organization_id = $1 AND ctid = (SELECT ctid FROM {} WHERE organization_id = $1 AND dimension = {}"
    " AND set_keys IS NOT NULL {} ORDER BY value, bucket LIMIT 1)"
)


@pytest.mark.parametrize("folded", [True, False])
async def test_what_was_changed_is_found_and_mended(
    own_database: Database, own_organization: int, folded: bool
) -> None:
    right = await worlds.figures(own_database, own_organization)
    clean = (await verified(own_database, own_organization)).digest.hexdigest()
    table, narrow = ("rollups", "AND granularity = 1") if folded else ("deltas", "")
    if folded:
        await fold_it(own_database, own_organization)
    picked = PICKED.format(table, 1, narrow)
    events = NUMBER["events"]
    place = f"array_position(counter_keys, {events * 8192})"
    await worlds.execute(
        own_database,
        f"UPDATE {table} SET counter_amounts[{place}] = counter_amounts[{place}] + 7 WHERE {picked}",
        own_organization,
    )
    found = await verified(own_database, own_organization)
    quarter = [one for one in found.differences if one.seconds == 900]
    (one,) = quarter
    assert (one.fault, one.dimension, one.measure, one.part) == (Fault.CELL, 1, events, FigurePart.COUNT)
    assert (one.stored - one.expected, found.number) == (7, len(found.differences))
    assert not (await verified(own_database, own_organization, only=0)).number
    assert (await verified(own_database, own_organization, only=1)).number == found.number
    assert found.digest.hexdigest() != clean
    # Someone who is in a set and never was there, a cell that is gone, and one that nothing speaks of.
    extra = f"UPDATE {table} SET sets[1] = (SELECT sets[1] FROM {table} WHERE organization_id = $1 AND dimension = 0"
    extra += " AND value = '' AND set_keys[1] = t.set_keys[1] ORDER BY octet_length(sets[1]) DESC LIMIT 1)"
    extra = extra.replace(f"UPDATE {table}", f"UPDATE {table} AS t", 1) + f" WHERE {picked}"
    await worlds.execute(own_database, extra, own_organization)
    gone = PICKED.format(table, 2, narrow)
    await worlds.execute(own_database, f"DELETE FROM {table} WHERE {gone}", own_organization)
    assert (await verified(own_database, own_organization)).number > 1
    repair, recorded = await repaired(own_database, own_organization)
    assert repair.repaired > 0
    assert sum(len(one.compensated) for one in recorded) == repair.repaired
    assert not repair.needs_rebuild
    done = await verified(own_database, own_organization)
    assert (done.number, done.digest.hexdigest()) == (0, clean)
    assert await worlds.figures(own_database, own_organization) == right
    assert (await audit.check(own_database, own_organization)).mismatches == 0
    again, recorded = await repaired(own_database, own_organization)
    assert (again.repaired, again.rewritten, again.minutes, recorded) == (0, 0, 0, [])


@pytest.mark.parametrize("width", [one for one in Width if one > Width.QUARTER])
async def test_a_wide_rollup_that_was_changed_is_written_anew(
    own_database: Database, own_organization: int, width: Width
) -> None:
    await fold_it(own_database, own_organization)
    right = await worlds.figures(own_database, own_organization)
    await worlds.execute(
        own_database,
        "UPDATE rollups SET counter_amounts[1] = counter_amounts[1] + 1 WHERE organization_id = $2 AND ctid ="
        " (SELECT ctid FROM rollups WHERE organization_id = $2 AND granularity = $1"
        " ORDER BY dimension DESC, bucket LIMIT 1)",
        int(width),
        own_organization,
    )
    repair, _ = await repaired(own_database, own_organization)
    assert (repair.repaired, repair.rewritten) == (0, 1)
    assert await worlds.figures(own_database, own_organization) == right
    assert (await audit.check(own_database, own_organization)).mismatches == 0


async def test_realtime_figures_are_compared_and_mended(own_database: Database, own_organization: int) -> None:
    now = (await own_database.condition()).now
    await worlds.store(own_database, own_organization, worlds.events(3, 60, end=now, days=0.03))
    await fold.fold_all(own_database, own_organization)
    assert not (await verified(own_database, own_organization)).number
    changed = await worlds.execute(
        own_database,
        "UPDATE slot_rollups SET messages = messages + 1, sent = sent + 1 WHERE organization_id = $1 AND dimension = 0"
        " AND ctid = (SELECT ctid FROM slot_rollups WHERE organization_id = $1 AND dimension = 0"
        " ORDER BY slot * seconds::bigint DESC LIMIT 1)",
        own_organization,
    )
    assert changed == "UPDATE 1"
    (one,) = (await verified(own_database, own_organization)).differences
    assert (one.fault, one.dimension, one.seconds, one.stored - one.expected) == (Fault.REALTIME, 0, 60, 1)
    repair, _ = await repaired(own_database, own_organization)
    assert (repair.minutes, repair.repaired) == (1, 0)
    assert not (await verified(own_database, own_organization)).number


async def test_a_repair_beside_events_that_come_in(own_database: Database, own_organization: int) -> None:
    await fold_it(own_database, own_organization)
    await worlds.execute(own_database, "UPDATE rollups SET counter_amounts[1] = counter_amounts[1] + 1")

    async def send() -> None:
        for seed in range(10, 22):
            await worlds.store(own_database, own_organization, worlds.events(seed, 20))
            await fold.fold_all(own_database, own_organization)

    sending = asyncio.create_task(send())
    await repaired(own_database, own_organization)
    await sending
    await worlds.project(own_database, own_organization)
    assert not (await verified(own_database, own_organization)).number
    assert (await audit.check(own_database, own_organization)).mismatches == 0


async def test_what_is_recorded_of_conversations_is_not_mended_and_said(
    own_database: Database, own_organization: int
) -> None:
    await change_one(
        own_database, own_organization, "UPDATE conversations SET messages = messages + 1", "conversations"
    )
    found = await verified(own_database, own_organization)
    assert Fault.MESSAGES in {one.fault for one in found.differences}
    repair, _ = await repaired(own_database, own_organization)
    assert repair.needs_rebuild == {"conversations"}


@pytest.mark.parametrize(
    ("change", "fault", "projection"),
    [
        ("UPDATE agents SET last_seen_at = " + worlds.moved("last_seen_at", "-1 hour"), Fault.AGENT, "agents"),
        ("UPDATE users SET first_seen_at = " + worlds.moved("first_seen_at", "1 hour"), Fault.USER, "users"),
        ("UPDATE user_days SET events = events + 1", Fault.USER, "users"),
        ("UPDATE user_days SET conversations = conversations + 1", Fault.USER, "users"),
        ("DELETE FROM user_days", Fault.USER, "users"),
    ],
)
async def test_what_is_recorded_of_agents_and_users_is_compared(
    own_database: Database, own_organization: int, change: str, fault: Fault, projection: str
) -> None:
    table = change.split()[2 if change.startswith("DELETE") else 1]
    await change_one(own_database, own_organization, change, table)
    (one,) = (await verified(own_database, own_organization)).differences
    assert (one.fault, one.count) == (fault, 1)
    repair, _ = await repaired(own_database, own_organization)
    assert repair.needs_rebuild == {projection}


async def test_what_has_no_raw_events_is_said_and_left(own_database: Database, own_organization: int) -> None:
    bucket = int(str(await worlds.value(own_database, "SELECT max(bucket) FROM deltas"))) - 20
    await worlds.execute(own_database, "UPDATE organizations SET raw_from_bucket = $1", bucket)
    instant = datetime.fromtimestamp(bucket * 900, UTC)
    await worlds.execute(own_database, "DELETE FROM events WHERE occurred_at < $1", instant)
    await worlds.execute(own_database, "UPDATE deltas SET counter_amounts[1] = counter_amounts[1] + 1")
    found = await verified(own_database, own_organization)
    assert found.raw_from == bucket
    assert all(one.start >= bucket * 900 for one in found.differences)
    repair, recorded = await repaired(own_database, own_organization)
    assert repair.raw_from == bucket
    assert all(one.window.start >= bucket for one in recorded)
    assert timedelta(seconds=found.seconds) < timedelta(minutes=10)
    assert not (await verified(own_database, own_organization)).number


def test_what_is_compared_grows_with_what_events_are_about_and_not_with_their_number() -> None:
    """An hour may have a million events."""
    (one,) = worlds.events(1, 1)
    at = one.occurred_at // 3_600_000_000 * 3_600_000_000
    profiles = Profiles(seen_agents=9, seen_users=9, gaps=RawGaps(seen=9))
    sizes = []
    for portion in range(6):
        told = one._replace(user_id="ann", agent_id="ada", conversation_id="c", occurred_at=at + portion)
        gap = told._replace(event_type="content_gap.found", detail={"topic": "refunds"})
        profiles.take([(1, told), (2, gap)] * 500)
        sizes.append(len(pickle.dumps(profiles)))
    assert max(sizes) < 2 * sizes[0]
    assert profiles.users.days[UserDay("ann", at // 86_400_000_000)].events == 6_000
