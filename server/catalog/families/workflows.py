"""Metrics of workflows: how many run and fail, and how long they take."""

from server.catalog.metrics import Aggregation, Better, Definition, Distribution, Measure, Ratio, Unit

_DURATION = Distribution(
    measure="workflow_duration_ms",
    name="workflow_duration_ms",
    title="workflow duration",
    of="the duration of the workflows run or failed that tell one",
    unit=Unit.MILLISECONDS,
    better=Better.LOWER,
)

METRICS: tuple[Definition, ...] = (
    Measure(
        number=101,
        name="workflows_created",
        title="Workflows created",
        description="Workflows created.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=("workflow.created",),
    ),
    Measure(
        number=17,
        name="workflow_executions",
        title="Workflows run",
        description="Workflows run.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=("workflow.executed",),
    ),
    Measure(
        number=18,
        name="workflow_failures",
        title="Workflows failed",
        description="Workflows that failed.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        better=Better.LOWER,
        event_types=("workflow.failed",),
    ),
    Measure(
        number=102,
        name="workflow_duration_ms",
        title="Workflow duration, sum",
        description="Duration of the workflows run or failed that tell one, added up.",
        unit=Unit.MILLISECONDS,
        aggregation=Aggregation.HISTOGRAM,
        event_types=("workflow.executed", "workflow.failed"),
        field="duration_ms",
    ),
    Ratio(
        name="workflow_failure_rate",
        title="Workflow failure rate",
        description="Workflows failed ÷ workflows run or failed.",
        unit=Unit.FRACTION,
        numerators=("workflow_failures",),
        denominators=("workflow_executions", "workflow_failures"),
        better=Better.LOWER,
    ),
    _DURATION.mean(),
    *_DURATION.percentiles(50, 95),
)
