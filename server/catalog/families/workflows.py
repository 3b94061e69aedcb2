"""Metrics of workflows: how many run and fail."""

from server.catalog.metrics import Aggregation, Definition, Measure, Unit

METRICS: tuple[Definition, ...] = (
    Measure(
        number=17,
        name="workflow_executions",
        description="Workflows run.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=("workflow.executed",),
    ),
    Measure(
        number=18,
        name="workflow_failures",
        description="Workflows that failed.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=("workflow.failed",),
    ),
)
