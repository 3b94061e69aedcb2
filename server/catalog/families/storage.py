"""Metrics of storage: how it changes and how much is in use."""

from server.catalog.metrics import Aggregation, Definition, Derived, Measure, Unit

METRICS: tuple[Definition, ...] = (
    Measure(
        number=16,
        name="storage_change_bytes",
        title="Storage change",
        description="Change of the storage in use, by kind. Added up from the beginning it is the storage in use.",
        unit=Unit.BYTES,
        aggregation=Aggregation.SUM,
        event_types=("storage.changed",),
        field="bytes_delta",
    ),
    Derived(
        name="storage_used_bytes",
        title="Storage in use",
        description="Storage in use at the end of the period: storage_change_bytes added up from the beginning.",
        unit=Unit.BYTES,
    ),
)
