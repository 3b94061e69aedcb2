"""ListCampaigns: the campaigns of a period in order, and what of all leads and costs is no campaign's."""

import asyncio
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from server.catalog import dimensions
from server.catalog.cells import OTHER, Cell
from server.catalog.dimensions import Dimension
from server.catalog.filters import Filter
from server.catalog.leads import CAMPAIGN_CURRENCY
from server.catalog.selections import Selection
from server.errors import Reason, Refused
from server.query import comparison, page_tokens
from server.query.answers import Context, Period
from server.query.campaign_figures import AMOUNTS, COUNTS, METRICS, WANTED, CampaignFigures, CountedLeads
from server.query.comparison import Compared, Comparison, Earlier
from server.query.page_tokens import Page, PageTokens
from server.query.queries import Queries
from server.query.ranking import Order
from server.query.reader import Reader
from server.store import campaigns, ranking
from server.store.campaigns import Described
from server.tenancy.principal import Principal
from server.timerange import Interval, TimeRange

MAX_PAGE_SIZE = 1_000
MAX_CAMPAIGNS = 20_000  # of a period: all of them are put in order
_AT_ONCE = 500  # campaigns whose figures are worked out in a turn of the event loop
_MAX_AMOUNTS = 100_000  # campaigns times the currencies of each


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignsQuestion:
    """A question for campaigns. currency is that of the amounts that order them; empty: the organization's."""

    period: Period
    order_by: str
    descending: bool
    currency: str
    page_size: int
    page_token: str
    comparison: Comparison | None

    @property
    def key(self) -> str:
        """Returns what must be equal for pages to belong to one list."""
        period = (self.period.start, self.period.end, self.period.zone, self.period.week_start)
        return repr(("campaigns", *map(str, period), self.order_by, self.descending, self.currency, self.comparison))


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """A campaign: what was told of it, and its figures. earlier is None where there is nothing to compare with."""

    campaign_id: str
    described: Described
    figures: CampaignFigures
    earlier: CampaignFigures | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignList:
    """A page of campaigns. other is None where no campaign is counted under OTHER."""

    context: Context
    campaigns: Sequence[Campaign]
    number: int
    next_page_token: str
    total: CampaignFigures
    without_campaign: CampaignFigures
    other: CampaignFigures | None
    compared: Compared | None
    earlier_total: CampaignFigures | None


def checked_order(name: str) -> str:
    """Returns the figure that orders campaigns; refuses one that they do not have."""
    if name and name not in (*COUNTS, *AMOUNTS):
        raise Refused(
            Reason.UNKNOWN_METRIC,
            f"{name[:64]!r} is no figure of campaigns; these are: {', '.join((*COUNTS, *AMOUNTS))}",
            field="order_by",
            metadata={"metric": name[:64]},
        )
    return name or COUNTS[0]


async def answer(
    queries: Queries, tokens: PageTokens, principal: Principal, question: CampaignsQuestion
) -> CampaignList:
    """Answers the question; refuses pages of another revision, and more campaigns than can be put in order."""
    organization_id, own = principal.organization_id, principal.settings.currency
    page = tokens.page(organization_id, question.key, question.page_token) if question.page_token else None
    planner = functools.partial(_planned, question.comparison)
    exactness = comparison.exactness(question.period, question.comparison)
    reading = queries.reading_planned(principal, question.period, WANTED, planner, exactness=exactness)
    async with reading as (driver, read):
        as_of, plan = read.found.as_of, read.plan
        if page:
            page.check(as_of, read.period)
        found = await _figures(plan.now, own)
        skip = page.skip if page else 0
        shown = _ordered(found, question, own)[skip : skip + question.page_size]
        described = await campaigns.described(driver, organization_id, shown)
    compared = plan.earlier.compared(read.found.first_event) if plan.earlier is not None else None
    before = plan.before if compared is not None and compared.absence is None else None
    total, other, hidden = (read.found.cells[one] for one in plan.whole)
    whole = CountedLeads(leads=total, amounts=plan.now.amounts)
    following = Page(
        epoch=as_of.epoch,
        revision=as_of.revision,
        skip=skip + len(shown),
        shown=[],
        exact_bounds=page_tokens.exact_bounds(read.period),
    )
    has_more = following.skip < len(found)
    return CampaignList(
        context=read.context(METRICS),
        campaigns=[
            Campaign(
                campaign_id=one,
                described=described.get(one, Described()),
                figures=found[one],
                earlier=before.campaigns.get(one, CountedLeads()).figures(own) if before is not None else None,
            )
            for one in shown
        ],
        number=len(found),
        next_page_token=tokens.token(organization_id, question.key, following) if has_more else "",
        total=whole.figures(own),
        without_campaign=_without(whole, plan.now, other, hidden).figures(own),
        other=CountedLeads(leads=other, has_hidden=True).figures(own) if any(other.counters.values()) else None,
        compared=compared,
        earlier_total=CountedLeads(leads=read.found.cells[plan.total_before], amounts=before.amounts).figures(own)
        if before is not None and plan.total_before is not None
        else None,
    )


async def _figures(sums: "CampaignSums", own: str) -> dict[str, CampaignFigures]:
    """Returns the figures of every campaign, and yields to the event loop between some of them."""
    found: dict[str, CampaignFigures] = {}
    for number, (campaign_id, counted) in enumerate(sums.campaigns.items()):
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)
        found[campaign_id] = counted.figures(own)
    return found


def _ordered(found: Mapping[str, CampaignFigures], question: CampaignsQuestion, own: str) -> list[str]:
    by, currency = Order(metric=question.order_by, descending=question.descending), question.currency or own
    return by.ordered({one: figures.figure(question.order_by, currency) for one, figures in found.items()})


def _without(whole: CountedLeads, now: "CampaignSums", other: Cell, hidden: Cell) -> CountedLeads:
    """Returns what is no campaign's: what campaigns leave of the whole."""
    rest = CountedLeads(has_hidden=any(hidden.counters.values()))
    rest.add(whole)
    rest.add(CountedLeads(leads=other), -1)
    for one in now.campaigns.values():
        rest.add(one, -1)
    return rest


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignSums:
    """What a period adds up to for each campaign, and the amounts of all by currency."""

    campaigns: Mapping[str, CountedLeads]
    amounts: dict[str, Cell] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignsPlan:
    """What was read of campaigns, and what is still to be read: the whole, campaigns under OTHER, and amounts that are
    counted under it; and the whole of the earlier period.
    """

    now: CampaignSums
    whole: Sequence[Selection]
    earlier: Earlier | None
    before: CampaignSums | None
    total_before: Selection | None
    event_types: None = None

    def selections(self) -> Iterator[Selection]:
        """Returns all of the plan's selections."""
        yield from self.whole
        if self.total_before is not None:
            yield self.total_before


async def _planned(compared_with: Comparison | None, reader: Reader, period: TimeRange) -> CampaignsPlan:
    earlier = comparison.earlier(compared_with, period) if compared_with else None
    before = None if earlier is None or earlier.is_before_floor else earlier.bounds
    total = Selection.within(Filter(), period.bounds)
    hidden = (Filter(dimension=one, value=OTHER) for one in (dimensions.CAMPAIGN, CAMPAIGN_CURRENCY))
    return CampaignsPlan(
        now=await _sums(reader, period.bounds),
        whole=[total, *map(total.of_part, hidden)],
        earlier=earlier,
        before=None if before is None else await _sums(reader, before),
        total_before=None if before is None else Selection.within(Filter(), before),
    )


async def _sums(reader: Reader, bounds: Interval) -> CampaignSums:
    """Returns what a period adds up to."""

    async def by(dimension: Dimension, most: int) -> dict[str, Cell]:
        values = await reader.values(dimension, bounds)
        found = await ranking.sums(reader.driver, reader.organization_id, values, WANTED.counters, most=most + 1)
        if len(found) > most:
            raise Refused(
                Reason.TOO_MANY_VALUES,
                f"the period has more than {MAX_CAMPAIGNS} campaigns, or amounts of them in more than {most} currencies"
                " together: ask for a shorter one, or QueryMetrics for a table by campaign",
                field="time_range",
                metadata={"limit": str(most)},
            )
        return found

    leads = await by(dimensions.CAMPAIGN, MAX_CAMPAIGNS)
    found = {campaign: CountedLeads(leads=cell) for campaign, cell in leads.items()}
    for pair, cell in (await by(CAMPAIGN_CURRENCY, _MAX_AMOUNTS)).items():
        campaign, currency = dimensions.parted(pair)
        found.setdefault(campaign, CountedLeads()).amounts[currency] = cell
    return CampaignSums(campaigns=found, amounts=await by(dimensions.CURRENCY, _MAX_AMOUNTS))
