"""What leads add to which cells: the only place where a lead becomes numbers."""

from collections.abc import Iterator
from typing import NamedTuple

from server.catalog import cells, dimensions, registry
from server.catalog.cells import Cell, CellKey, Cells
from server.catalog.counting import Overflow
from server.catalog.dimensions import Dimension
from server.catalog.families.generated_leads import PROJECTION
from server.events.lead import Lead, LeadAttribution, LeadEvent, LeadOutcome

_QUARTER = 900_000_000  # microseconds
_NUMBERS = {one.field: one.number for one in registry.MEASURES.values() if one.projection == PROJECTION}
_OUTCOMES = {LeadOutcome.CONVERTED: "converted", LeadOutcome.LOST: "lost"}
# The dimensions that leads are attributed to, in the order of LeadAttribution.
DIMENSIONS = (dimensions.AGENT, dimensions.CHANNEL, dimensions.TEAM, dimensions.CAMPAIGN, dimensions.CURRENCY)
CAMPAIGN_CURRENCY = dimensions.TABLE.pairs[f"{dimensions.CAMPAIGN.name},{dimensions.CURRENCY.name}"]
# By others amounts would be added up whose currencies differ.
_WITH_AMOUNTS = (dimensions.CURRENCY, CAMPAIGN_CURRENCY)


class LeadContribution(NamedTuple):
    """What a lead adds in the quarter hour in which it began: fields of measures, and amounts by the fields of those
    that have them.
    """

    bucket: int
    to: LeadAttribution
    counts: tuple[str, ...]
    amounts: tuple[tuple[str, int], ...]


def contribution(lead: Lead) -> LeadContribution:
    """Returns all that a lead adds. What became of it counts when it began, so that rates divide the same leads."""
    counts, amounts = ["generated"], []
    if lead.contacted_at is not None:
        counts.append("contacted")
    if lead.outcome in _OUTCOMES:
        counts.append(_OUTCOMES[lead.outcome])
    if lead.value_micros is not None:
        amounts.append(("value", lead.value_micros))
        if lead.outcome is LeadOutcome.CONVERTED:
            amounts.append(("converted_value", lead.value_micros))
    to = LeadAttribution(lead.agent_id, lead.channel, lead.team_id, lead.campaign_id, lead.currency)
    return LeadContribution(lead.began_at // _QUARTER, to, tuple(counts), tuple(amounts))


def told(event: LeadEvent) -> LeadAttribution:
    """Returns the values that an event tells."""
    return LeadAttribution(event.agent_id, event.channel, event.team_id, event.campaign_id, event.counted_currency)


def attributed(event: LeadEvent, overflow: Overflow) -> LeadAttribution:
    """Returns the values under which the lead of an event and its amount are counted."""
    return LeadAttribution(*map(overflow.label, DIMENSIONS, told(event))) if overflow else told(event)


def add(result: Cells, one: LeadContribution, sign: int = 1) -> None:
    """Adds a contribution to cells; a sign of −1 takes it back."""
    counts = Cell({cells.count_key(_NUMBERS[name]): sign for name in one.counts})
    both = Cell(dict(counts.counters))
    for name, amount in one.amounts:
        both.counters[cells.count_key(_NUMBERS[name])] = sign
        both.counters[cells.sum_key(_NUMBERS[name])] = sign * amount
    for dimension, value in _places(one.to):
        key = CellKey(dimension.number, value, one.bucket)
        cells.cell(result, key).add(both if dimension in _WITH_AMOUNTS else counts)


def _places(to: LeadAttribution) -> Iterator[tuple[Dimension, str]]:
    """Returns the dimensions and values under which a lead counts. One whose campaign or currency has no cells of its
    own counts under cells.OTHER of the pair, too. The limit of pairs does not matter here: a campaign and a currency
    that two events tell make a pair that no event has.
    """
    yield dimensions.TOTAL, ""
    for dimension, value in zip(DIMENSIONS, to, strict=True):
        if value:
            yield dimension, value
    if to.campaign_id and to.currency:
        is_other = cells.OTHER in (to.campaign_id, to.currency)
        yield CAMPAIGN_CURRENCY, cells.OTHER if is_other else dimensions.joined(to.campaign_id, to.currency)
