"""GetConversation: a conversation, and its events in the order in which they occurred."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from server import timerange
from server.errors import Reason, Refused
from server.events.conversation import Conversation
from server.events.event import Event, conversation_key_of
from server.query import page_tokens
from server.query.conversation_list import PROJECTIONS, agents_in
from server.query.page_tokens import ListPlace, PageTokens
from server.query.queries import Queries, ReadState
from server.store import agents, conversations, organizations, timelines
from server.store.timelines import TimelinePlace
from server.tenancy.principal import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineQuestion:
    """A question for a conversation and a page of its events."""

    conversation_id: str
    page_size: int
    page_token: str

    @property
    def key(self) -> str:
        """Returns what must be equal for pages to belong to one conversation."""
        return repr(("conversation", self.conversation_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """A conversation with a page of its events, each with its revision, and how many events are no longer kept."""

    read: ReadState
    conversation: Conversation
    names: Mapping[str, str]
    events: Sequence[tuple[int, Event]]
    next_page_token: str
    dropped: int


async def answer(queries: Queries, tokens: PageTokens, principal: Principal, question: TimelineQuestion) -> Timeline:
    """Answers the question; refuses a conversation that no event has ever carried."""
    organization_id = principal.organization_id
    place = tokens.place(organization_id, question.key, question.page_token) if question.page_token else None
    async with queries.knowing(principal, PROJECTIONS, holds_raw=True) as (driver, read):
        if place is not None and place.epoch != read.as_of.epoch:
            raise page_tokens.restored(place, read.as_of.epoch)
        key = conversation_key_of(question.conversation_id)
        one = (await conversations.recorded(driver, organization_id, [key])).get(key)
        if one is None:
            raise Refused(
                Reason.CONVERSATION_NOT_FOUND,
                "no event has ever carried this conversation_id",
                field="conversation_id",
            )
        revision = place.revision if place is not None else read.as_of.revision
        after = _place(place) if place is not None else None
        found = await timelines.page(driver, organization_id, one, revision, after, question.page_size + 1)
        raw_from = await organizations.raw_from(driver, organization_id)
        is_whole = timerange.floor_bucket(timerange.of_microseconds(one.first_at)) >= raw_from
        kept = one.events if is_whole else await timelines.count(driver, organization_id, one)
        names = await agents.names(driver, organization_id, agents_in(one))
    shown = found[: question.page_size]
    token = ""
    if len(found) > len(shown):
        last_revision, last = shown[-1]
        after_last = (last.occurred_at, last_revision, last.event_key.hex())
        reached = ListPlace(epoch=read.as_of.epoch, revision=revision, after=after_last)
        token = tokens.token_after(organization_id, question.key, reached)
    return Timeline(
        read=read,
        conversation=one,
        names=names,
        events=shown,
        next_page_token=token,
        dropped=max(0, one.events - kept),
    )


def _place(place: ListPlace) -> TimelinePlace:
    occurred_at, revision, event_key = map(str, place.after)
    return TimelinePlace(occurred_at=int(occurred_at), revision=int(revision), event_key=bytes.fromhex(event_key))
