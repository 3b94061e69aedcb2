"""Metrics of quality: how conversations are scored, which is never mixed across rubrics."""

from server.catalog.metrics import Aggregation, Better, Definition, Distribution, Measure, Unit

_PARTS = 10_000  # scores are stored in ten-thousandths
_OVERALL = Distribution(
    measure="quality_overall",
    name="quality_overall",
    title="quality score",
    of="the scores as a whole that were given",
    unit=Unit.FRACTION,
    better=Better.HIGHER,
    parts=_PARTS,
)
_HELPFULNESS = Distribution(
    measure="quality_helpfulness",
    name="quality_helpfulness",
    title="helpfulness score",
    of="the scores for helpfulness that were given",
    unit=Unit.FRACTION,
    better=Better.HIGHER,
    parts=_PARTS,
)
_ACCURACY = Distribution(
    measure="quality_accuracy",
    name="quality_accuracy",
    title="accuracy score",
    of="the scores for accuracy that were given",
    unit=Unit.FRACTION,
    better=Better.HIGHER,
    parts=_PARTS,
)
_POLITENESS = Distribution(
    measure="quality_politeness",
    name="quality_politeness",
    title="politeness score",
    of="the scores for politeness that were given",
    unit=Unit.FRACTION,
    better=Better.HIGHER,
    parts=_PARTS,
)

METRICS: tuple[Definition, ...] = (
    Measure(
        number=63,
        name="quality_reviews",
        title="Quality reviews",
        description="Conversations scored: events quality.scored.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=("quality.scored",),
    ),
    Measure(
        number=64,
        name="quality_overall",
        title="Quality scores, sum",
        description="Scores as a whole in ten-thousandths, added up.",
        unit=Unit.TEN_THOUSANDTHS,
        aggregation=Aggregation.HISTOGRAM,
        event_types=("quality.scored",),
        field="overall",
        only_by=("rubric",),
    ),
    Measure(
        number=65,
        name="quality_helpfulness",
        title="Helpfulness scores, sum",
        description="Scores for helpfulness in ten-thousandths, added up.",
        unit=Unit.TEN_THOUSANDTHS,
        aggregation=Aggregation.HISTOGRAM,
        event_types=("quality.scored",),
        field="helpfulness",
        only_by=("rubric",),
    ),
    Measure(
        number=66,
        name="quality_accuracy",
        title="Accuracy scores, sum",
        description="Scores for accuracy in ten-thousandths, added up.",
        unit=Unit.TEN_THOUSANDTHS,
        aggregation=Aggregation.HISTOGRAM,
        event_types=("quality.scored",),
        field="accuracy",
        only_by=("rubric",),
    ),
    Measure(
        number=67,
        name="quality_politeness",
        title="Politeness scores, sum",
        description="Scores for politeness in ten-thousandths, added up.",
        unit=Unit.TEN_THOUSANDTHS,
        aggregation=Aggregation.HISTOGRAM,
        event_types=("quality.scored",),
        field="politeness",
        only_by=("rubric",),
    ),
    _OVERALL.mean(),
    *_OVERALL.percentiles(50),
    _HELPFULNESS.mean(),
    *_HELPFULNESS.percentiles(50),
    _ACCURACY.mean(),
    *_ACCURACY.percentiles(50),
    _POLITENESS.mean(),
    *_POLITENESS.percentiles(50),
)
