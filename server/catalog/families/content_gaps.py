"""Metrics of content gaps: questions that the knowledge did not answer."""

from server.catalog.metrics import Aggregation, Better, Definition, Measure, Ratio, Unit

METRICS: tuple[Definition, ...] = (
    Measure(
        number=68,
        name="content_gaps_found",
        title="Content gaps found",
        description="Questions found that the knowledge did not answer.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        better=Better.LOWER,
        event_types=("content_gap.found",),
    ),
    Measure(
        number=69,
        name="content_gap_confidence",
        title="Confidence in content gaps, sum",
        description="Confidence of the detector in the content gaps found, in ten-thousandths, added up.",
        unit=Unit.TEN_THOUSANDTHS,
        aggregation=Aggregation.SUM,
        event_types=("content_gap.found",),
        field="confidence",
    ),
    Ratio(
        name="avg_content_gap_confidence",
        title="Mean confidence in content gaps",
        description="Mean confidence in the content gaps found that tell one.",
        unit=Unit.FRACTION,
        numerators=("content_gap_confidence",),
        denominators=("content_gap_confidence.count",),
        parts=10_000,
    ),
)
