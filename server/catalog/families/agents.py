"""Metrics of agents themselves: how many are made, changed and deployed."""

from server.catalog.metrics import Aggregation, Definition, Measure, Unit

METRICS: tuple[Definition, ...] = (
    Measure(
        number=78,
        name="agents_created",
        title="Agents created",
        description="Agents created.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=("agent.created",),
    ),
    Measure(
        number=79,
        name="agents_updated",
        title="Agent updates",
        description="Updates of agents.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=("agent.updated",),
    ),
    Measure(
        number=80,
        name="agents_deleted",
        title="Agents deleted",
        description="Agents deleted.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=("agent.deleted",),
    ),
    Measure(
        number=81,
        name="agent_deployments",
        title="Agent deployments",
        description="Deployments of agents.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=("agent.deployed",),
    ),
    Measure(
        number=82,
        name="agent_status_changes",
        title="Agent status changes",
        description="Changes of the presence of agents.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=("agent.status_changed",),
    ),
)
