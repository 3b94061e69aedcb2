"""The projection of leads: when each was created, by which steps it went, what it is worth, and what became of it; and
what campaigns are called.
"""

import copy
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime

from server import timerange
from server.catalog import leads as counting
from server.catalog.cells import Cells
from server.catalog.counting import Overflow
from server.catalog.families.generated_leads import PROJECTION
from server.events import lead
from server.events.campaign import CampaignEvent, CampaignProfile
from server.events.lead import Attribute, Lead, LeadAttribution, LeadEvent
from server.projections import portions
from server.projections.projection import Advance, Replacement
from server.store import campaigns, members, organizations, projection_rows
from server.store import leads as stored
from server.store.database import Driver
from server.store.projections import ProjectionPosition, Rows


class Leads:
    """Follows the leads of an organization, and what is told of its campaigns."""

    name = PROJECTION
    is_realtime = False
    needs: Sequence[str] = ()

    async def advance(
        self, driver: Driver, rows: Rows, position: ProjectionPosition, newest: ProjectionPosition, limit: int
    ) -> Advance:
        """Takes in the events of leads and campaigns after a position."""
        portion = await portions.read(stored.EVENTS, driver, rows.organization_id, position, newest, limit)
        changes: Cells = {}
        of_leads = [event for event in portion.events if isinstance(event, LeadEvent)]
        replaced = [event for event in portion.replaced if isinstance(event, LeadEvent)]
        anew = {event.lead_id for event in replaced}
        if of_leads or anew:
            said: dict[str, Lead] = {}
            await _say(driver, rows, said, [event for event in of_leads if event.lead_id not in anew])
            if anew:
                await _say_anew(driver, rows, said, anew, [*replaced, *of_leads], portion.reached.revision)
            await _take_in(driver, rows, said, anew, changes)
        told: dict[str, CampaignProfile] = {}
        _describe(told, portion.events)
        if told:
            await campaigns.TABLE.merge(driver, rows, told)
        retold = [event for event in portion.replaced if isinstance(event, CampaignEvent)]
        if retold:
            await _describe_again(driver, rows, retold, portion.reached.revision)
        return Advance(position=portion.reached, events=len(portion.events), changes=changes)

    async def replace(
        self, driver: Driver, valid: Rows, filled: Rows, complete_from: datetime | None, after: bytes
    ) -> Replacement:
        """Changes a portion of the valid leads to what those are that were filled anew, and campaigns with the last."""
        portion = await stored.portion(driver, valid, filled, after.decode())
        different = portion.different(complete_from)
        changes: Cells = {}
        _count_changes(changes, portion.valid, portion.filled, different)
        gone = [lead_id for lead_id in different if lead_id not in portion.filled]
        changed = {lead_id: portion.filled[lead_id] for lead_id in different if lead_id in portion.filled}
        if gone:
            await stored.remove(driver, valid, gone)
        if changed:
            await stored.save(driver, valid, changed)
        if portion.is_end:
            await campaigns.take_over(driver, valid, filled, complete_from)
        return Replacement(
            valid=valid,
            changes=changes,
            differing=len(different),
            replaced=None if portion.is_end else portion.last.encode(),
        )

    async def remove_others(self, driver: Driver, valid: Rows, latest: int, limit: int) -> int:
        """Removes leads and campaigns of other versions than the valid one."""
        return await projection_rows.remove_others(driver, stored.TABLES, valid, latest, limit)


async def _say(driver: Driver, rows: Rows, said: dict[str, Lead], events: Sequence[LeadEvent]) -> None:
    """Adds what events say of leads to what is said."""
    if not events:
        return
    for lead_id, one in lead.merged(events, await _attribution(driver, rows.organization_id, events)).items():
        said[lead_id] = _after(said.get(lead_id), one)


async def _say_anew(
    driver: Driver, rows: Rows, said: dict[str, Lead], anew: Set[str], told: Sequence[LeadEvent], until: int
) -> None:
    """Adds what all events say of leads that are made anew. What is told of these, and what of it was replaced, is
    given for its time alone.
    """
    before = await stored.load(driver, rows, anew)
    times = [event.occurred_at for event in told if event.lead_id in anew]
    first_at = min([*times, *(one.first_at for one in before.values())])
    async for some in stored.EVENTS.portions_of_ids(
        driver, rows.organization_id, stored.LEAD_ID, anew, first_at, until
    ):
        await _say(driver, rows, said, [event for event in some if isinstance(event, LeadEvent)])


async def _describe_again(driver: Driver, rows: Rows, replaced: Sequence[CampaignEvent], until: int) -> None:
    """Makes anew what is known of campaigns that replaced events told of."""
    anew = await campaigns.TABLE.decided_by(
        driver, rows, [(event.campaign_id, event.occurred_at) for event in replaced]
    )
    if anew:
        kept_from = await organizations.raw_from(driver, rows.organization_id)
        told: dict[str, CampaignProfile] = {}
        async for some in stored.EVENTS.portions_of_ids(
            driver, rows.organization_id, "campaign_id", anew.keys(), min(anew.values()), until
        ):
            _describe(told, some)
        await campaigns.TABLE.replace(driver, rows, anew.keys(), told, timerange.instant(kept_from))


async def _take_in(driver: Driver, rows: Rows, told: Mapping[str, Lead], anew: Set[str], changes: Cells) -> None:
    """Takes in what is told of leads, stores those that change, and adds to changes what that changes in figures. Of
    leads that are made anew all that there is is told.
    """
    before = await stored.load(driver, rows, told.keys() | anew)
    after = {lead_id: _after(None if lead_id in anew else before.get(lead_id), one) for lead_id, one in told.items()}
    changed = {lead_id: one for lead_id, one in after.items() if one != before.get(lead_id)}
    gone = {lead_id: one for lead_id, one in before.items() if lead_id not in after}
    _count_changes(changes, before, after, [*changed, *gone])
    if gone:
        await stored.remove(driver, rows, gone)
    if changed:
        await stored.save(driver, rows, changed)


def _after(before: Lead | None, told: Lead) -> Lead:
    if before is None:
        return told
    after = copy.copy(before)
    after.merge(told)
    return after


def _count_changes(
    changes: Cells, before: Mapping[str, Lead], after: Mapping[str, Lead], changed: Iterable[str]
) -> None:
    for lead_id in changed:
        counted = counting.contribution(before[lead_id]) if lead_id in before else None
        counts = counting.contribution(after[lead_id]) if lead_id in after else None
        if counted != counts:
            if counted is not None:
                counting.add(changes, counted, -1)
            if counts is not None:
                counting.add(changes, counts)


async def _attribution(driver: Driver, organization_id: int, events: Sequence[LeadEvent]) -> Attribute:
    """Returns how events are attributed: to the values under which they are counted."""
    given: set[LeadAttribution] = {counting.told(event) for event in events}
    wanted = {
        (dimension.member_kind, value)
        for values in given
        for dimension, value in zip(counting.DIMENSIONS, values, strict=True)
        if value
    }
    overflow = Overflow.of(await members.over_limit(driver, organization_id, wanted))
    return lambda event: counting.attributed(event, overflow)


def _describe(told: dict[str, CampaignProfile], events: Iterable[LeadEvent | CampaignEvent]) -> None:
    """Adds what events tell of campaigns to what is told."""
    for event in events:
        if not isinstance(event, CampaignEvent):
            continue
        known = told.get(event.campaign_id)
        if known is None:
            told[event.campaign_id] = CampaignProfile.of(event)
        else:
            known.take(event)
