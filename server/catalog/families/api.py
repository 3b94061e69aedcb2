"""Metrics of API and tool calls: how many, and how many bytes."""

from server.catalog.metrics import Aggregation, Definition, Measure, Unit

METRICS: tuple[Definition, ...] = (
    Measure(
        number=13,
        name="api_calls",
        description="API and tool calls.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=("api.called",),
    ),
    Measure(
        number=14,
        name="api_request_bytes",
        description="Bytes sent in API calls.",
        unit=Unit.BYTES,
        aggregation=Aggregation.SUM,
        event_types=("api.called",),
        field="request_bytes",
    ),
    Measure(
        number=15,
        name="api_response_bytes",
        description="Bytes received in API calls.",
        unit=Unit.BYTES,
        aggregation=Aggregation.SUM,
        event_types=("api.called",),
        field="response_bytes",
    ),
)
