"""The projection of content gaps: how often each topic was found, by whom, and which questions were asked."""

from collections.abc import Sequence, Set
from datetime import datetime

from server import timerange
from server.events.content_gap import EVENT_TYPE, QUARTER_MICROSECONDS, FoundGaps, GapExamples
from server.projections import portions
from server.projections.projection import Advance, Replacement
from server.store import content_gaps as stored
from server.store import organizations, projection_rows
from server.store.database import Driver
from server.store.projections import ProjectionPosition, Rows

_AT_ONCE = 1_000  # topics that are taken over in one statement


class ContentGapTopics:
    """Follows the content gaps of an organization."""

    name = stored.PROJECTION
    is_realtime = False
    needs: Sequence[str] = ()

    async def advance(
        self, driver: Driver, rows: Rows, position: ProjectionPosition, newest: ProjectionPosition, limit: int
    ) -> Advance:
        """Takes in the content gaps after a position."""
        portion = await portions.read(stored.EVENTS, driver, rows.organization_id, position, newest, limit)
        anew = {event.key for event in portion.replaced}
        if portion.events:
            found = FoundGaps.of(event for event in portion.events if event.key not in anew)
            known = await stored.load(driver, rows, found.examples)
            for topic, told in known.items():
                found.examples[topic].merge(told)
            await stored.add_quarters(driver, rows, found.quarters)
            await stored.save(driver, rows, found.examples, found.totals())
        if anew:
            await make_anew(driver, rows, anew, portion.reached.revision)
        return Advance(position=portion.reached, events=len(portion.events), changes={})

    async def replace(
        self, driver: Driver, valid: Rows, filled: Rows, complete_from: datetime | None, after: bytes
    ) -> Replacement:
        """Lets content gaps that were filled anew take the place of those that are valid, all at once."""
        if complete_from is not None:
            before = timerange.floor_bucket(complete_from)
            topics = await stored.keep_quarters(driver, valid, filled, before)
            for start in range(0, len(topics), _AT_ONCE):
                some = topics[start : start + _AT_ONCE]
                told = await stored.load(driver, filled, some)
                older = await stored.load(driver, valid, some)
                await stored.save(driver, filled, _with_older(told, older, before), {})
                await stored.add_up(driver, filled, some)
        return Replacement(valid=filled)

    async def remove_others(self, driver: Driver, valid: Rows, latest: int, limit: int) -> int:
        """Removes content gaps of other versions than the valid one."""
        return await projection_rows.remove_others(driver, stored.TABLES, valid, latest, limit)


async def make_anew(driver: Driver, rows: Rows, topics: Set[str], until: int) -> None:
    """Makes what is kept of topics what all raw events up to a revision tell. What was known of times whose raw events
    may be gone stays.
    """
    raw_from = await organizations.raw_from(driver, rows.organization_id)
    first_at = raw_from * QUARTER_MICROSECONDS
    older = await stored.load(driver, rows, await stored.begun_before(driver, rows, topics, first_at))
    found = FoundGaps()
    async for some in stored.EVENTS.portions_of_ids(
        driver, rows.organization_id, stored.TOLD_BY, [EVENT_TYPE], first_at, until
    ):
        found.take(event for event in some if event.key in topics)
    await stored.remove_quarters(driver, rows, topics, raw_from)
    await stored.add_quarters(driver, rows, {key: one for key, one in found.quarters.items() if key.bucket >= raw_from})
    await stored.save(driver, rows, _with_older(found.examples, older, raw_from), {})
    await stored.add_up(driver, rows, topics)


def _with_older(told: dict[str, GapExamples], older: dict[str, GapExamples], before: int) -> dict[str, GapExamples]:
    """Returns what is told of topics with what was known of them from before a quarter hour."""
    found = dict(told)
    for topic, known in older.items():
        kept = known.before(before * QUARTER_MICROSECONDS)
        if topic in found:
            kept.merge(found[topic])
        if not kept.name:  # how it was spelt before is not known
            kept.name, kept.name_at = known.name, known.name_at
        found[topic] = kept
    return found
