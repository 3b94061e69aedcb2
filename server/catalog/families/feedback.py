"""Metrics of feedback: the ratings that users give, and their comments."""

from server.catalog.metrics import Aggregation, Better, Definition, Measure, Ratio, Unit

METRICS: tuple[Definition, ...] = (
    Measure(
        number=12,
        name="rating_sum",
        title="Ratings, sum",
        description="Ratings (1 to 5) added up.",
        unit=Unit.RATING,
        aggregation=Aggregation.HISTOGRAM,
        event_types=("feedback.submitted",),
        field="rating",
    ),
    Measure(
        number=62,
        name="comments",
        title="Comments",
        description="Feedback with a comment: with a comment_length above 0.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=("feedback.submitted",),
        field="comment_length",
    ),
    Ratio(
        name="rating_count",
        title="Ratings",
        description="Ratings given.",
        unit=Unit.COUNT,
        numerators=("rating_sum.count",),
    ),
    Ratio(
        name="satisfaction_score",
        title="Satisfaction",
        description="Mean rating, 1 to 5.",
        unit=Unit.RATING,
        numerators=("rating_sum",),
        denominators=("rating_sum.count",),
        better=Better.HIGHER,
    ),
)
