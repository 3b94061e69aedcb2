"""Idle conversations: the service ends those without any event for as long as their organization has chosen.

The end is an event like any other. Its id follows from the conversation and its latest activity: two workers, or a task
that is done again, make the same event, which is stored once. Later activity undoes it (server/events/conversation.py).
"""

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from server import errors
from server.catalog import slots
from server.catalog.families.conversations import PROJECTION
from server.events import rules
from server.events.conversation import Conversation
from server.events.event import Event
from server.ingest import write
from server.ingest.write import OrganizationEvents
from server.projections.projector import Projector
from server.rollups.erased_users import ErasuresChanged
from server.rollups.member_numbers import Limits, NumberCache
from server.store import activity, organizations
from server.store.database import is_locked_out
from server.store.isolation import EVERY
from server.tasks.kinds import UNFINISHED, Result, Work

BATCH = 1_000  # conversations of one organization, until it is the turn of others
_MINUTE = 60_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleConversations:
    """Ends idle conversations. on_commit is called with an organization whenever it has new events or figures.
    projector is the one of this process; without it each run has its own.
    """

    distinct: Limits | None
    on_commit: Callable[[int], None]
    projector: Projector | None = None

    async def end(self, work: Work) -> Result:
        """Ends those of every organization, up to a batch of each.

        An organization that fails does not keep the others from their turns; its error is raised behind them. Those of
        a node that is away are left to a later task.
        """
        async with work.database.transaction(of=EVERY) as driver:
            chosen = list((await organizations.minutes_until_idle(driver)).items())
        random.shuffle(chosen)
        projector = self.projector or Projector(work.database)
        ended, is_more, failure = 0, False, None
        for done, (organization_id, minutes) in enumerate(chosen):
            work.report(done / len(chosen), f"{done} of {len(chosen)} organizations")
            if work.database.looks.leaves_out(organization_id):
                continue
            try:
                new = await self._end(work, projector, organization_id, minutes)
            except Exception as error:  # noqa: BLE001 - whatever it is, others still have their turn
                failure = error
            else:
                ended += new
                is_more = is_more or new == BATCH
        if failure is not None:
            raise failure
        return {"ended": ended, UNFINISHED: is_more}

    async def _end(self, work: Work, projector: Projector, organization_id: int, minutes: int) -> int:
        """Ends idle conversations of an organization, and returns how many."""
        if not await _follow(projector, organization_id):
            return 0
        # The numbers are not kept: nobody would tell this process that the database was restored.
        numbers = NumberCache(self.distinct)
        async with work.database.transaction(of=organization_id) as driver:
            await numbers.learn_erasures(driver, organization_id)  # before ids are read
            found = await activity.idle(driver, organization_id, work.now - timedelta(minutes=minutes), BATCH)
        if not found:
            return 0
        ends = sorted((_end_of(one, minutes) for one in found), key=lambda event: event.event_key)
        part = OrganizationEvents(organization_id=organization_id, events=ends, quota=0, is_metered=False)
        recency = slots.recency(rules.microseconds(work.now))
        try:
            committed = await write.store(work.database, numbers, [part], recency, may_learn=False)
        except ErasuresChanged:
            return 0  # one of the ids that were read may be of a user who was erased; the next task reads again
        finally:
            self.on_commit(organization_id)  # also if the answer to a commit was lost
        await _follow(projector, organization_id)
        self.on_commit(organization_id)
        return len(committed[organization_id].new)


async def _follow(projector: Projector, organization_id: int) -> bool:
    """Brings conversations to the newest revision. Returns False where others hold them for long: the task of the next
    minute finds them again.
    """
    try:
        await projector.follow(organization_id, PROJECTION)
    except errors.StorageUnavailable as error:
        if not is_locked_out(error):
            raise
        return False
    return True


def _end_of(one: Conversation, minutes: int) -> Event:
    """Returns the event that ends an idle conversation, with whom it was last."""
    assert one.last_at is not None  # noqa: S101 - nobody has found it idle otherwise
    key = one.idle_end_key
    return Event(
        event_id=str(uuid.UUID(bytes=key)),
        event_key=key,
        fingerprint=0,  # no sender says what it says
        event_type=one.idle_end_type,
        occurred_at=one.last_at + minutes * _MINUTE,
        agent_id=one.latest_agent_id,
        user_id=one.latest_user_id,
        conversation_id=one.conversation_id,
        channel=one.latest_channel,
        team_id=one.latest_team_id,
        campaign_id="",
        resource_type="",
        resource_id="",
        detail={},
        properties=f'{{"close_idle_after": {minutes}}}',
        warnings=(),
    )
