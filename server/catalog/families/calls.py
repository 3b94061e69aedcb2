"""Metrics of calls: how many are handled and how long they take."""

from server.catalog.metrics import Aggregation, Definition, Measure, Ratio, Unit

METRICS: tuple[Definition, ...] = (
    Measure(
        number=24,
        name="calls_handled",
        description="Calls that ended.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=("call.ended",),
    ),
    Measure(
        number=25,
        name="talk_ms",
        description="Talk time of calls that ended.",
        unit=Unit.MILLISECONDS,
        aggregation=Aggregation.SUM,
        event_types=("call.ended",),
        field="talk_ms",
    ),
    Measure(
        number=26,
        name="hold_ms",
        description="Hold time of calls that ended.",
        unit=Unit.MILLISECONDS,
        aggregation=Aggregation.SUM,
        event_types=("call.ended",),
        field="hold_ms",
    ),
    Measure(
        number=27,
        name="wrap_up_ms",
        description="Wrap-up time of calls that ended.",
        unit=Unit.MILLISECONDS,
        aggregation=Aggregation.SUM,
        event_types=("call.ended",),
        field="wrap_up_ms",
    ),
    Measure(
        number=28,
        name="wait_ms",
        description="Waiting time of calls answered.",
        unit=Unit.MILLISECONDS,
        aggregation=Aggregation.SUM,
        event_types=("call.answered",),
        field="wait_ms",
    ),
    Ratio(
        name="avg_handle_time_ms",
        description="Talk, hold and wrap-up time ÷ calls that ended.",
        unit=Unit.MILLISECONDS,
        numerators=("talk_ms", "hold_ms", "wrap_up_ms"),
        denominators=("calls_handled",),
    ),
    Ratio(
        name="avg_wait_ms",
        description="Waiting time ÷ calls answered that carry one.",
        unit=Unit.MILLISECONDS,
        numerators=("wait_ms",),
        denominators=("wait_ms.count",),
    ),
)
