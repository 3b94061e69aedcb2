"""Metrics of campaigns: how many begin and end, and what they cost."""

from server.catalog.metrics import Aggregation, Better, Definition, Measure, Unit

METRICS: tuple[Definition, ...] = (
    Measure(
        number=88,
        name="campaigns_started",
        title="Campaigns started",
        description="Campaigns started.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=("campaign.started",),
    ),
    Measure(
        number=89,
        name="campaigns_ended",
        title="Campaigns ended",
        description="Campaigns ended.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=("campaign.ended",),
    ),
    Measure(
        number=90,
        name="campaign_cost_micros",
        title="Campaign cost",
        description="Cost recorded of campaigns, in the currency of the dimension: amounts of different currencies "
        "are never added.",
        unit=Unit.MICROS,
        aggregation=Aggregation.SUM,
        better=Better.LOWER,
        event_types=("campaign.cost_recorded",),
        field="cost_micros",
        only_by=("currency",),
    ),
)
