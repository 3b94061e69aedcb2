"""GetCampaign: the figures of one campaign, and a series of them."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

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
from server.rollups import overflow
from server.store import campaigns, ranking
from server.store.campaigns import Described
from server.store.database import Driver
from server.store.ranking import Values
from server.tenancy.principal import Principal
from server.timerange import Granularity, Span, TimeRange

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
    planner = functools.partial(_planned, organization_id, question)
    async with queries.reading_planned(principal, question.period, WANTED, planner) as (driver, read):
        if not await overflow.check(driver, organization_id, part, field="campaign_id"):
            raise Refused(Reason.CAMPAIGN_NOT_FOUND, "no event has ever carried this campaign_id", field="campaign_id")
        described = await campaigns.described(driver, organization_id, [question.campaign_id])
    plan, found = read.plan, read.found
    compared = plan.earlier.compared(found.first_event) if plan.earlier is not None else None
    has_earlier = compared is not None and compared.absence is None

    def figures(span: Span) -> CampaignFigures:
        return plan.counted(span, found.cells).figures(own)

    return CampaignAnswer(
        context=read.context(METRICS),
        campaign=Campaign(
            campaign_id=question.campaign_id,
            described=described.get(question.campaign_id, Described()),
            figures=figures(read.period.span),
            earlier=figures(plan.earlier.span) if has_earlier and plan.earlier is not None else None,
        ),
        compared=compared,
        granularity=plan.granularity,
        buckets=buckets.of_spans(plan.series, read.period, plan.granularity, found.first_event),
        points=await turns.mapped(figures, plan.series, at_once=_AT_ONCE),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignPlan:
    """What to read of a campaign: its leads, and its amounts in each currency, over spans."""

    leads: Selection
    amounts: Mapping[str, Selection]  # by currency
    spans: Sequence[Span]
    granularity: Granularity
    series: Sequence[Span]
    earlier: Earlier | None
    event_types: None = None

    def selections(self) -> Iterator[Selection]:
        """Returns all of the plan's selections."""
        for span in dict.fromkeys((*self.spans, *self.series)):
            for one in (self.leads, *self.amounts.values()):
                yield replace(one, span=span)

    def counted(self, span: Span, found: Mapping[Selection, Cell]) -> CountedLeads:
        """Returns what was read of a span."""
        amounts = {currency: found[replace(one, span=span)] for currency, one in self.amounts.items()}
        return CountedLeads(leads=found[replace(self.leads, span=span)], amounts=amounts)


async def _planned(organization_id: int, question: CampaignQuestion, driver: Driver, period: TimeRange) -> CampaignPlan:
    campaign = question.campaign_id
    earlier = comparison.earlier(question.comparison, period) if question.comparison else None
    spans = [period.span, *([earlier.span] if earlier is not None and not earlier.is_before_floor else [])]
    currencies = set[str]()
    for span in spans:
        values = Values(dimension=CAMPAIGN_CURRENCY, span=span, prefix=dimensions.beginning(campaign))
        pairs = await ranking.sums(driver, organization_id, values, WANTED.counters, most=_MAX_CURRENCIES)
        currencies.update(dimensions.parted(pair)[1] for pair in pairs)
    width = question.granularity or timerange.choose_granularity(period.span)
    series = timerange.buckets(period, width)
    if len(series) * (1 + len(currencies)) > MAX_POINTS:
        raise Refused(
            Reason.TOO_MANY_POINTS,
            f"the series would have more than {MAX_POINTS} points in all currencies together: ask for a coarser"
            " granularity",
            field="granularity",
            metadata={"limit": str(MAX_POINTS)},
        )
    of_campaign = Filter(dimension=dimensions.CAMPAIGN, value=campaign)
    return CampaignPlan(
        leads=Selection.of(of_campaign, period.span, bins=False),
        amounts={
            currency: Selection(
                dimension=CAMPAIGN_CURRENCY, value=dimensions.joined(campaign, currency), span=period.span, bins=False
            )
            for currency in sorted(currencies)
        },
        spans=spans,
        granularity=width,
        series=series,
        earlier=earlier,
    )
