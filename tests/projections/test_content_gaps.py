"""The projection of content gaps: topics by their spellings, how often each was found, and examples."""

import random
import time
from collections.abc import Sequence

import pytest

from server.events.content_gap import FoundGaps, GapEvent
from server.events.event import Event
from server.projections.rebuild import rebuild
from server.rollups import audit, verification
from server.rollups.checks import Fault
from server.rollups.verification import Asked
from server.store import content_gaps
from server.store.database import Database
from server.store.isolation import EVERY
from server.timerange import Span
from tests.support import effort, stepping, worlds

GAPS = "content_gaps"


def events(seed: int, count: int) -> list[Event]:
    """Events of a small business, of which most tell content gaps."""
    dice = random.Random(seed)
    return [_gap(dice, event) if dice.random() < 0.7 else event for event in worlds.events(seed, count)]


def _gap(dice: random.Random, event: Event) -> Event:
    topic = {"topic": dice.choice(("Refunds", "refunds!", "REFUNDS", "Delivery times", "delivery-times", "???"))}
    asked = {"question": f"Question {dice.randrange(12)}?"} if dice.random() < 0.8 else {}
    sure = {"confidence": dice.randrange(10_000)} if dice.random() < 0.5 else {}
    at = event.occurred_at // 3_600_000_000 * 3_600_000_000
    detail: dict[str, int | str] = {**topic, **asked, **sure} if dice.random() < 0.95 else {**asked}
    return event._replace(event_type="content_gap.found", occurred_at=at, detail=detail, conversation_id="")


def recomputed(some: Sequence[Event]) -> FoundGaps:
    """What events say, looked at all at once."""
    return FoundGaps.of(told for one in some if (told := GapEvent.of(1, one)) is not None)


async def known(database: Database, organization: int) -> FoundGaps:
    """What is kept of content gaps, whose numbers add up."""
    async with database.snapshot(of=EVERY) as driver:
        quarters = await content_gaps.recorded_quarters(driver, organization, worlds.ALL_TIME)
        numbers = await content_gaps.listed(driver, organization, prefix="", search="", also=(), most=1000)
        found = FoundGaps(quarters, await content_gaps.examples(driver, organization, numbers))
    assert numbers == found.totals()
    return found


@pytest.mark.parametrize("seed", range(effort.chosen(1, thorough=4)))
async def test_content_gaps_do_not_depend_on_order_and_steps(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    some = events(seed, 200)
    await stepping.in_random_steps(own_database, own_organization, some, monkeypatch, seed)
    assert await known(own_database, own_organization) == recomputed(some)


async def verified(database: Database, organization: int) -> list[tuple[Fault, int]]:
    """What a verification of the last days finds."""
    now = int(time.time()) // 900
    asked = Asked.of(organization, Span(start=now - 96 * 5, end=now + 8), None, 100)
    async for step in verification.verify(database, asked, audit.at_once):
        found = step
    return [(one.fault, one.count) for one in found.differences]


@pytest.mark.usefixtures("small_steps")
async def test_a_rebuild_comes_to_the_same_and_verification_tells_what_differs(
    own_database: Database, own_organization: int
) -> None:
    some = events(3, 120)
    await worlds.store(own_database, own_organization, some, batch=5)
    await worlds.project(own_database, own_organization)
    for change in (
        "UPDATE content_gap_quarters SET frequency = frequency + 1",
        "UPDATE content_gaps SET questions = '[]' WHERE topic = 'refunds'",
        "UPDATE content_gaps SET users = ''",
        "DELETE FROM content_gaps",
    ):
        await worlds.execute(own_database, change)
        assert {fault for fault, _ in await verified(own_database, own_organization)} == {Fault.CONTENT_GAP}, change
        await rebuild(own_database, own_organization, GAPS, lambda _: None)
        assert await known(own_database, own_organization) == recomputed(some)
        assert await verified(own_database, own_organization) == []
    assert await worlds.value(own_database, "SELECT count(DISTINCT version) FROM content_gap_quarters") == 1


async def test_a_rebuild_keeps_what_is_known_from_times_without_raw_events(
    own_database: Database, own_organization: int
) -> None:
    some = events(3, 200)
    await worlds.store(own_database, own_organization, some)
    await worlds.project(own_database, own_organization)
    before = await known(own_database, own_organization)
    bucket = sorted(event.occurred_at for event in some)[100] // 900_000_000
    await worlds.execute(own_database, "DELETE FROM events WHERE occurred_at < to_timestamp($1)", bucket * 900)
    await worlds.execute(own_database, "UPDATE organizations SET raw_from_bucket = $1", bucket)
    for _ in range(2):
        await rebuild(own_database, own_organization, GAPS, lambda _: None)
        found = await known(own_database, own_organization)
        assert found.quarters == before.quarters
        assert {topic: (one.name, one.users) for topic, one in found.examples.items()} == {
            topic: (one.name, one.users) for topic, one in before.examples.items()
        }
        for topic, one in found.examples.items():
            assert one.questions == before.examples[topic].questions
