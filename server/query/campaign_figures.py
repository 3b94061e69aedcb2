"""The figures of campaigns: what became of the leads that were generated in a period, and what that cost.

Counts are of all leads. Amounts are kept by currency, and those of different currencies are never added; what was told
without a currency is in that of the organization.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from server.catalog import cells, dimensions, figures, registry
from server.catalog.cells import Cell
from server.catalog.dimensions import Dimension
from server.catalog.figures import Figure, Figures
from server.events.lead import NO_CURRENCY

COUNTS = (
    "leads_generated",
    "cohort_leads_contacted",
    "cohort_leads_converted",
    "cohort_leads_lost",
    "cohort_leads_open",
    "lead_contact_rate",
    "lead_conversion_rate",
    "lead_loss_rate",
)
_KEPT_AMOUNTS = (
    "cohort_lead_value_micros",
    "avg_lead_value_micros",
    "cohort_converted_value_micros",
    "campaign_cost_micros",
)
AMOUNTS = ("valued_leads", *_KEPT_AMOUNTS, "cost_per_lead_micros", "roi")
METRICS = (*COUNTS, *_KEPT_AMOUNTS)
WANTED = figures.wanted(METRICS)
_VALUED = cells.count_key(registry.MEASURES["cohort_lead_value_micros"].number)
_COST = cells.sum_key(registry.MEASURES["campaign_cost_micros"].number)


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignFigures:
    """The figures of a campaign, or of several together. amounts has those in each currency, the organization's first;
    None where they are not known.
    """

    counts: Figures
    amounts: Mapping[str, Figures] | None

    def figure(self, name: str, currency: str) -> Figure:
        """Returns one of the figures, an amount in a currency; None without it."""
        if name in COUNTS:
            return self.counts[name]
        return (self.amounts or {}).get(currency, {}).get(name)


@dataclass(slots=True, kw_only=True)
class CountedLeads:
    """What was counted: cells of leads, and of amounts by their currencies. has_hidden tells that some amounts are not
    known by campaign.
    """

    leads: Cell = field(default_factory=Cell)
    amounts: dict[str, Cell] = field(default_factory=dict)
    has_hidden: bool = False

    def add(self, other: "CountedLeads", sign: int = 1) -> None:
        """Adds what else was counted; a sign of −1 takes it away."""
        _add(self.leads, other.leads, sign)
        for currency, cell in other.amounts.items():
            _add(self.amounts.setdefault(currency, Cell()), cell, sign)

    def figures(self, own_currency: str, by: Dimension = dimensions.TOTAL) -> CampaignFigures:
        """Returns the figures, for an organization with a currency of its own."""
        counts = figures.figures(COUNTS, self.leads, by)
        leads = int(counts["leads_generated"] or 0)
        amounts = None if self.has_hidden else self._amounts(own_currency, leads)
        return CampaignFigures(counts=counts, amounts=amounts)

    def _amounts(self, own_currency: str, leads: int) -> Mapping[str, Figures]:
        found: dict[str, Cell] = {}
        for currency, cell in self.amounts.items():
            _add(found.setdefault(own_currency if currency == NO_CURRENCY else currency, Cell()), cell, 1)
        there = [one for one, cell in found.items() if cell.counters.get(_VALUED) or cell.counters.get(_COST)]
        ordered = sorted(there, key=lambda one: (one != own_currency, one))
        return {one: _of_currency(found[one], leads) for one in ordered}


def _of_currency(cell: Cell, leads: int) -> Figures:
    kept = figures.figures(_KEPT_AMOUNTS, cell, dimensions.CURRENCY)
    cost, revenue = int(kept["campaign_cost_micros"] or 0), int(kept["cohort_converted_value_micros"] or 0)
    return {
        "valued_leads": cell.counters.get(_VALUED, 0),
        **kept,
        "cost_per_lead_micros": cost / leads if cost and leads else None,
        "roi": (revenue - cost) / cost if cost else None,
    }


def _add(target: Cell, other: Cell, sign: int) -> None:
    cells.add_into(target.counters, [(key, sign * amount) for key, amount in other.counters.items()])
