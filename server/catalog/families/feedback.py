"""Metrics of feedback: the ratings that users give."""

from server.catalog.metrics import Aggregation, Definition, Measure, Ratio, Unit

METRICS: tuple[Definition, ...] = (
    Measure(
        number=12,
        name="rating_sum",
        description="Ratings (1 to 5) added up.",
        unit=Unit.RATING,
        aggregation=Aggregation.SUM,
        event_types=("feedback.submitted",),
        field="rating",
    ),
    Ratio(
        name="rating_count",
        description="Ratings given.",
        unit=Unit.COUNT,
        numerators=("rating_sum.count",),
    ),
    Ratio(
        name="satisfaction_score",
        description="Mean rating, 1 to 5.",
        unit=Unit.RATING,
        numerators=("rating_sum",),
        denominators=("rating_sum.count",),
    ),
)
