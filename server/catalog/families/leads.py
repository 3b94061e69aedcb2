"""Metrics of leads: how many are won and lost."""

from server.catalog.metrics import Aggregation, Definition, Measure, Ratio, Unit

METRICS: tuple[Definition, ...] = (
    Measure(
        number=29,
        name="leads_converted",
        description="Leads converted.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=("lead.converted",),
    ),
    Measure(
        number=30,
        name="leads_lost",
        description="Leads lost.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=("lead.lost",),
    ),
    Ratio(
        name="conversion_rate",
        description="Leads converted ÷ leads converted or lost in the period.",
        unit=Unit.FRACTION,
        numerators=("leads_converted",),
        denominators=("leads_converted", "leads_lost"),
    ),
)
