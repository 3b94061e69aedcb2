"""GetCampaign: the figures of one campaign, and a series of them."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from server import timerange
from server.catalog import dimensions
from server.catalog.cells import Cell
from server.catalog.filters import Filter
from server.catalog.leads import CAMPAIGN_CURRENCY
from server.catalog.selections import Selection
from server.errors import Reason, Refused
from server.query import buckets, comparison, turns
from server.query.answers import Context, Period
from server.query.buckets import Bucket
from server.query.campaign_figures import METRICS, WANTED, CampaignFigures, CountedLeads
from server.query.campaign_list import Campaign
from server.query.comparison import Compared, Comparison, Earlier
from server.query.queries import Queries
from server.query.reader import Reader
from server.rollups import overflow
from server.store import campaigns, ranking
from server.store.campaigns import Described
from server.tenancy.principal import Principal
from server.timerange import Granularity, Interval, TimeRange

MAX_POINTS = 20_000  # of all currencies
_AT_ONCE = 20  # points, each with its currencies
_MAX_CURRENCIES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignQuestion:
    """A question for one campaign; without a granularity the service chooses one."""

    campaign_id: str
    period: Period
    granularity: Granularity | None
    comparison: Comparison | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignAnswer:
    """A campaign with its figures, and those of each bucket of its series."""

    context: Context
    campaign: Campaign
    compared: Compared | None
    granularity: Granularity
    buckets: Sequence[Bucket]
    points: Sequence[CampaignFigures]


async def answer(queries: Queries, principal: Principal, question: CampaignQuestion) -> CampaignAnswer:
    """Answers the question; refuses a campaign that is not known, or has no figures of its own."""
    organization_id, own = principal.organization_id, principal.settings.currency
    part = Filter(dimension=dimensions.CAMPAIGN, value=question.campaign_id)
    planner = functools.partial(_planned, question)
    exactness = comparison.exactness(question.period, question.comparison)
    reading = queries.reading_planned(principal, question.period, WANTED, planner, exactness=exactness)
    async with reading as (driver, read):
        if not await overflow.check(driver, organization_id, part, field="campaign_id"):
            raise Refused(Reason.CAMPAIGN_NOT_FOUND, "no event has ever carried this campaign_id", field="campaign_id")
        described = await campaigns.described(driver, organization_id, [question.campaign_id])
    plan, found = read.plan, read.found
    compared = plan.earlier.compared(found.first_event) if plan.earlier is not None else None
    has_earlier = compared is not None and compared.absence is None

    def figures(bounds: Interval) -> CampaignFigures:
        return plan.counted(bounds, found.cells).figures(own)

    return CampaignAnswer(
        context=read.context(METRICS),
        campaign=Campaign(
            campaign_id=question.campaign_id,
            described=described.get(question.campaign_id, Described()),
            figures=figures(plan.periods[0]),
            earlier=figures(plan.earlier.bounds) if has_earlier and plan.earlier is not None else None,
        ),
        compared=compared,
        granularity=plan.granularity,
        buckets=buckets.described(plan.series, read.period, plan.granularity, found.first_event),
        points=await turns.mapped(figures, plan.series, at_once=_AT_ONCE),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignPlan:
    """What to read of a campaign: its leads, and its amounts in each currency, over the period, the earlier one if it
    is compared, and the points of a series.
    """

    leads: Filter
    amounts: Mapping[str, Filter]  # by currency
    periods: Sequence[Interval]
    granularity: Granularity
    series: Sequence[Interval]
    earlier: Earlier | None
    event_types: None = None

    def selections(self) -> Iterator[Selection]:
        """Returns all of the plan's selections."""
        for bounds in dict.fromkeys((*self.periods, *self.series)):
            leads = Selection.within(self.leads, bounds, bins=False)
            yield leads
            yield from map(leads.of_part, self.amounts.values())

    def counted(self, bounds: Interval, found: Mapping[Selection, Cell]) -> CountedLeads:
        """Returns what was read of a period or point."""
        leads = Selection.within(self.leads, bounds, bins=False)
        amounts = {currency: found[leads.of_part(one)] for currency, one in self.amounts.items()}
        return CountedLeads(leads=found[leads], amounts=amounts)


async def _planned(question: CampaignQuestion, reader: Reader, period: TimeRange) -> CampaignPlan:
    campaign = question.campaign_id
    earlier = comparison.earlier(question.comparison, period) if question.comparison else None
    periods = [period.bounds, *([earlier.bounds] if earlier is not None and not earlier.is_before_floor else [])]
    currencies = set[str]()
    for bounds in periods:
        values = await reader.values(CAMPAIGN_CURRENCY, bounds, prefix=dimensions.beginning(campaign))
        pairs = await ranking.sums(reader.driver, reader.organization_id, values, WANTED.counters, most=_MAX_CURRENCIES)
        currencies.update(dimensions.parted(pair)[1] for pair in pairs)
    width = question.granularity or timerange.choose_granularity(period.span)
    series = timerange.intervals(period, width)
    if len(series) * (1 + len(currencies)) > MAX_POINTS:
        raise Refused(
            Reason.TOO_MANY_POINTS,
            f"the series would have more than {MAX_POINTS} points in all currencies together: ask for a coarser"
            " granularity",
            field="granularity",
            metadata={"limit": str(MAX_POINTS)},
        )
    return CampaignPlan(
        leads=Filter(dimension=dimensions.CAMPAIGN, value=campaign),
        amounts={
            currency: Filter(dimension=CAMPAIGN_CURRENCY, value=dimensions.joined(campaign, currency))
            for currency in sorted(currencies)
        },
        periods=periods,
        granularity=width,
        series=series,
        earlier=earlier,
    )
