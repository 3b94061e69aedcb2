"""ListConversations: conversations in any order, of now, or those that a figure was counted from."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from server.catalog import conversation_lists as catalogue
from server.catalog import dimensions
from server.catalog.catalogue import BUILT_IN
from server.catalog.cells import OTHER
from server.catalog.conversation_lists import (
    TIME_ORDERS,
    ConversationFilter,
    ConversationList,
    ConversationOrder,
    ConversationPlace,
    ConversationTime,
)
from server.catalog.families.conversations import PROJECTION
from server.catalog.filters import Filter
from server.catalog.rows import RowsKind
from server.errors import Reason, Refused
from server.events.conversation import Conversation
from server.projections import earlier_conversations
from server.projections.agents import Agents
from server.query import page_tokens, rows_tokens
from server.query.answers import Period
from server.query.page_tokens import ListPlace, PageTokens
from server.query.queries import Queries, ReadState
from server.query.rows_tokens import CountedRows, RowsTokens
from server.rollups import overflow
from server.store import agents
from server.store import conversation_lists as stored
from server.store.conversation_lists import ListedConversation
from server.store.database import Driver
from server.tenancy.principal import Principal
from server.timerange import Interval

MAX_PAGE_SIZE = 1_000
PROJECTIONS = (PROJECTION, Agents.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationListQuestion:
    """A question for conversations: of a period, with a prefix, or those of a rows_token. Without an order they come by
    the time that the period is about, or by id; without a direction the latest first, or by ids from the first on.
    """

    period: Period | None
    time: ConversationTime
    filter: ConversationFilter
    order: ConversationOrder | None
    descending: bool | None
    page_size: int
    page_token: str
    rows_token: str

    @property
    def key(self) -> str:
        """Returns what must be equal for pages to belong to one list."""
        period = (self.period.start, self.period.end) if self.period else ()
        order = self.order.name if self.order else ""
        chosen = dataclasses.replace(self.filter, ranges={})
        ranges = sorted((one.name, bounds) for one, bounds in self.filter.ranges.items())
        asked = (*map(str, period), self.time.name, chosen, ranges, order, self.descending, self.rows_token)
        return repr(("conversations", *asked))

    def within(self, bounds: Interval | None) -> ConversationList:
        """Returns the list that is asked for, within bounds."""
        by_id = bool(self.filter.prefix)
        order = self.order or (ConversationOrder.CONVERSATION_ID if by_id else TIME_ORDERS[self.time])
        descending = order is not ConversationOrder.CONVERSATION_ID if self.descending is None else self.descending
        return ConversationList(time=self.time, bounds=bounds, filter=self.filter, order=order, descending=descending)


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureSum:
    """How the conversations of a list add up to a figure, up to the end of a page. missing is known on the last one."""

    metric: str
    figure: int
    rows: int
    amount: int
    missing: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationRow:
    """A conversation, and what it adds to the figure that was asked about."""

    conversation: Conversation
    amount: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationPage:
    """A page of conversations; names has what people call the agents in it."""

    read: ReadState
    bounds: Interval | None
    rows: Sequence[ConversationRow]
    names: Mapping[str, str]
    next_page_token: str
    figure: FigureSum | None


async def answer(
    queries: Queries, tokens: PageTokens, rows: RowsTokens, principal: Principal, question: ConversationListQuestion
) -> ConversationPage:
    """Answers the question; refuses more conversations than can be put in order."""
    organization_id = principal.organization_id
    place = tokens.place(organization_id, question.key, question.page_token) if question.page_token else None
    counted = (
        rows.counted(organization_id, question.rows_token, RowsKind.CONVERSATIONS) if question.rows_token else None
    )
    async with queries.knowing(principal, PROJECTIONS, holds_raw=counted is not None) as (driver, read):
        if place is not None and place.epoch != read.as_of.epoch:
            raise page_tokens.restored(place, read.as_of.epoch)
        recomputed: Mapping[bytes, Conversation | None] = {}
        if counted is not None:
            rows_tokens.check_epoch(counted, read.as_of.epoch)
            asked = _counted(question, counted)
            recomputed = await _as_counted(driver, organization_id, counted)
        else:
            period = question.period.resolved(principal, read.as_of.at, 0) if question.period else None
            asked = question.within(period.bounds if period else None)
            await _check_values(driver, organization_id, question)
        if await stored.too_many(driver, organization_id, asked):
            raise _too_many()
        after = _place(place) if place is not None else None
        found = await stored.page(driver, organization_id, asked, after, recomputed, question.page_size + 1)
        shown = found[: question.page_size]
        reached = (
            shown[-1].place
            if len(found) > len(shown)
            else await stored.reached(driver, organization_id, asked, after, recomputed)
        )
        names = await agents.names(
            driver, organization_id, {agent for one in shown for agent in agents_in(one.conversation)}
        )
    made = [_row(one, counted) for one in shown]
    figure = _summed(counted, made, place, is_last=reached is None) if counted is not None else None
    return ConversationPage(
        read=read,
        bounds=asked.bounds,
        rows=made,
        names=names,
        next_page_token=_next(tokens, principal, question, read, place, reached, figure) if reached else "",
        figure=figure,
    )


def _counted(question: ConversationListQuestion, counted: CountedRows) -> ConversationList:
    """Returns the list of the conversations that a figure was counted from."""
    fields = [catalogue.FIELDS[BUILT_IN.measure(term).name] for term in counted.sum.terms]
    chosen = ConversationFilter()
    for dimension, value in counted.conditions:
        chosen = catalogue.part(dimension, value)
    time = catalogue.time_of(fields)
    asked = dataclasses.replace(question, time=time, filter=chosen).within(counted.bounds)
    return dataclasses.replace(asked, figure=tuple(fields))


async def _as_counted(
    driver: Driver, organization_id: int, counted: CountedRows
) -> Mapping[bytes, Conversation | None]:
    """Returns the conversations that have changed since they were counted, as they were then; None for those that there
    were not. Refuses too many changes, and those of which raw events may be gone.
    """
    try:
        return await earlier_conversations.conversations_at(driver, organization_id, counted.revision)
    except earlier_conversations.TooMuchChanged:
        why = "too much of the conversations has changed since, or raw events of what has changed are gone"
        raise rows_tokens.expired(counted, why) from None


async def _check_values(driver: Driver, organization_id: int, question: ConversationListQuestion) -> None:
    """Refuses values that are counted under OTHER, where values are those that conversations count for."""
    chosen = question.filter
    checked = {dimensions.HANDOFF_REASON: ("handoff_reason", chosen.handoff_reason)}
    if question.time is not ConversationTime.ACTIVE:
        checked[dimensions.AGENT] = ("agent_id", chosen.agent_id)
        checked[dimensions.CHANNEL] = ("channel", chosen.channel)
        checked[dimensions.TEAM] = ("team_id", chosen.team_id)
    for dimension, (field, value) in checked.items():
        if value and value != OTHER:
            await overflow.check(driver, organization_id, Filter(dimension=dimension, value=value), field=field)


def _too_many() -> Refused:
    return Refused(
        Reason.TOO_MANY_VALUES,
        f"there are more than {stored.MOST} conversations to be put in this order: ask for a shorter period, or for the"
        " order by the time that the period is about",
        field="order_by",
        metadata={"limit": str(stored.MOST)},
    )


def _place(place: ListPlace) -> ConversationPlace:
    value, key, *_ = place.after
    return ConversationPlace(value=None if value is None else str(value), key=bytes.fromhex(str(key)))


def agents_in(one: Conversation) -> list[str]:
    """Returns the agents who took part in a conversation, each once."""
    named = (one.began_agent_id, one.agent_id, one.human_resolved_agent_id, one.latest_agent_id)
    return list(dict.fromkeys(agent for agent in named if agent and agent != OTHER))


def _row(listed: ListedConversation, counted: CountedRows | None) -> ConversationRow:
    one = listed.conversation
    amount = None if counted is None else catalogue.amount(one, counted.sum.plus, counted.sum.minus)
    return ConversationRow(conversation=one, amount=amount)


def _summed(
    counted: CountedRows, made: Sequence[ConversationRow], place: ListPlace | None, *, is_last: bool
) -> FigureSum:
    """Returns how the conversations up to the end of a page add up."""
    rows, amount = (int(one or 0) for one in place.after[2:]) if place is not None else (0, 0)
    rows += len(made)
    amount += sum(one.amount or 0 for one in made)
    return FigureSum(
        metric=counted.metric,
        figure=counted.figure,
        rows=rows,
        amount=amount,
        missing=counted.figure - amount if is_last else None,
    )


def _next(
    tokens: PageTokens,
    principal: Principal,
    question: ConversationListQuestion,
    read: ReadState,
    place: ListPlace | None,
    reached: ConversationPlace,
    figure: FigureSum | None,
) -> str:
    listed = (figure.rows, figure.amount) if figure is not None else ()
    return tokens.token_after(
        principal.organization_id,
        question.key,
        ListPlace(
            epoch=read.as_of.epoch,
            revision=place.revision if place is not None else read.as_of.revision,
            after=(reached.value, reached.key.hex(), *listed),
        ),
    )
