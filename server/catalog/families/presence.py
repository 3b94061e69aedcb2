"""Metrics of presence: how long an agent is at work. They are worked out by server/query/presence.py."""

from server.catalog.metrics import Definition, Derived, Unit

METRICS: tuple[Definition, ...] = (
    Derived(
        name="available_time_ms",
        title="Time available",
        description="Time an agent spent in status available, until it changed or the presence timeout was over.",
        unit=Unit.MILLISECONDS,
    ),
    Derived(
        name="occupancy",
        title="Occupancy",
        description="Time an agent was busy ÷ time available or busy; absent where neither is known.",
        unit=Unit.FRACTION,
    ),
)
