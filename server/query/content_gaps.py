"""ListContentGaps and GetContentGap: topics that the knowledge does not answer, and what is done about them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from server import timerange
from server.catalog.gap_lists import GapFilter, GapOrder
from server.errors import Reason, Refused
from server.query import gap_groups, page_tokens
from server.query.answers import Period
from server.query.gap_groups import MOST, PROJECTIONS, ContentGap, GapGroup
from server.query.page_tokens import ListPlace, PageTokens
from server.query.queries import Queries, ReadState
from server.store import content_gaps as stored
from server.tenancy.principal import Principal
from server.timerange import Granularity, Span, TimeRange

MAX_PAGE_SIZE = 1_000
_SORTS: Mapping[GapOrder, Callable[[GapGroup], float]] = {
    GapOrder.PRIORITY: lambda one: one.priority,
    GapOrder.FREQUENCY: lambda one: one.numbers.frequency if one.found is None else one.found,
    GapOrder.LAST_SEEN: lambda one: one.numbers.last_at,
    GapOrder.FIRST_SEEN: lambda one: one.numbers.first_at,
    GapOrder.TOPIC: lambda one: 0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GapsQuestion:
    """A question for content gaps: with a period for those that were found in it."""

    chosen: GapFilter
    period: Period | None
    order: GapOrder
    descending: bool
    page_size: int
    page_token: str

    @property
    def key(self) -> str:
        """Returns what must be equal for pages to belong to one list."""
        return repr(("content gaps", self.chosen, self.period, self.order, self.descending))


@dataclass(frozen=True, slots=True, kw_only=True)
class GapPage:
    """A page of content gaps."""

    known: ReadState
    period: TimeRange | None
    gaps: Sequence[ContentGap]
    next_page_token: str


async def answer(queries: Queries, tokens: PageTokens, principal: Principal, question: GapsQuestion) -> GapPage:
    """Answers the question; refuses more topics than can be put in order."""
    organization_id = principal.organization_id
    place = tokens.place(organization_id, question.key, question.page_token) if question.page_token else None
    async with queries.knowing(principal, PROJECTIONS) as (driver, known):
        if place is not None and place.epoch != known.as_of.epoch:
            raise page_tokens.restored(place, known.as_of.epoch)
        period = _resolved(question.period, principal, known)
        found = await gap_groups.groups(driver, organization_id, known, question.chosen, _span(period))
        if found is None:
            raise Refused(
                Reason.TOO_MANY_VALUES,
                f"there are more than {MOST:,} topics to be put in order: ask for a longer prefix or search",
                field="prefix",
                metadata={"limit": str(MOST)},
            )
        ordered = sorted(((_SORTS[question.order](one), one.topic) for one in found), reverse=question.descending)
        if place is not None:
            after = (float(str(place.after[0])), str(place.after[1]))
            ordered = [one for one in ordered if (one < after if question.descending else one > after)]
        shown = ordered[: question.page_size]
        by_topic = {one.topic: one for one in found}
        gaps = await gap_groups.completed(driver, organization_id, [by_topic[topic] for _, topic in shown])
    token = ""
    if len(ordered) > len(shown):
        value, topic = shown[-1]
        revision = place.revision if place is not None else known.as_of.revision
        following = ListPlace(epoch=known.as_of.epoch, revision=revision, after=(repr(value), topic))
        token = tokens.token_after(organization_id, question.key, following)
    return GapPage(known=known, period=period, gaps=gaps, next_page_token=token)


def _resolved(period: Period | None, principal: Principal, known: ReadState) -> TimeRange | None:
    return None if period is None else period.resolved(principal, known.as_of.at)


def _span(period: TimeRange | None) -> Span | None:
    return None if period is None else period.span


@dataclass(frozen=True, slots=True, kw_only=True)
class GapTrend:
    """How often a content gap was found in each point of a period."""

    granularity: Granularity
    points: Sequence[tuple[Span, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class OneGap:
    """A content gap, and its trend where a period was asked for."""

    known: ReadState
    period: TimeRange | None
    gap: ContentGap
    trend: GapTrend | None


async def one(
    queries: Queries,
    principal: Principal,
    topic: str,
    period: Period | None = None,
    granularity: Granularity | None = None,
) -> OneGap:
    """Returns the content gap of a normalized topic, which may have been merged into another one; refuses one that was
    never found.
    """
    organization_id = principal.organization_id
    async with queries.knowing(principal, PROJECTIONS) as (driver, known):
        resolved = _resolved(period, principal, known)
        group = await gap_groups.one(driver, organization_id, known, topic)
        if group is None:
            raise not_found()
        trend = None
        if resolved is not None:
            width = granularity or Granularity.DAY
            spans = timerange.buckets(resolved, width)
            counted = await stored.series(driver, organization_id, group.members, resolved.span)
            points = [(span, sum(counted.get(bucket, 0) for bucket in range(span.start, span.end))) for span in spans]
            trend = GapTrend(granularity=width, points=points)
            group = replace(group, found=sum(count for _, count in points))
        (gap,) = await gap_groups.completed(driver, organization_id, [group])
    return OneGap(known=known, period=resolved, gap=gap, trend=trend)


def not_found(field: str = "topic") -> Refused:
    """Returns the refusal of a topic that was never found."""
    return Refused(Reason.CONTENT_GAP_NOT_FOUND, "no content gap of this topic was ever found", field=field)
