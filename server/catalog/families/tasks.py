"""Metrics of tasks: how many agents complete."""

from server.catalog.metrics import Aggregation, Definition, Measure, Unit

METRICS: tuple[Definition, ...] = (
    Measure(
        number=31,
        name="tasks_completed",
        description="Tasks completed.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=("task.completed",),
    ),
)
