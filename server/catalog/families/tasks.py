"""Metrics of tasks and games: what agents complete and earn."""

from server.catalog.metrics import Aggregation, Better, Definition, Measure, Unit
from server.events import event_types

METRICS: tuple[Definition, ...] = (
    Measure(
        number=98,
        name="tasks_created",
        title="Tasks created",
        description="Tasks created.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=("task.created",),
    ),
    Measure(
        number=31,
        name="tasks_completed",
        title="Tasks completed",
        description="Tasks completed.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        better=Better.HIGHER,
        event_types=("task.completed",),
    ),
    Measure(
        number=99,
        name="badges_earned",
        title="Badges earned",
        description="Badges earned.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        better=Better.HIGHER,
        event_types=("badge.earned",),
    ),
    Measure(
        number=100,
        name="points_awarded",
        title="Points awarded",
        description="Points that events of tasks and games tell, added up.",
        unit=Unit.COUNT,
        aggregation=Aggregation.SUM,
        better=Better.HIGHER,
        event_types=event_types.TASKS,
        field="points",
    ),
)
