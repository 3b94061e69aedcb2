"""The figures of an overview that most organizations have some of: a section is shown where something was counted."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from google.protobuf.message import Message

from tallywire.cli import formatting

Row = tuple[str, str, Callable[[float], str]]  # the field, what it is called, how it is written

_SECTIONS: Final[tuple[tuple[Row, ...], ...]] = (
    (
        ("calls_offered", "Calls offered", formatting.count),
        ("calls_answered", "· answered", formatting.count),
        ("calls_abandoned", "· abandoned", formatting.count),
        ("call_abandonment_rate", "Call abandonment rate", formatting.fraction),
        ("calls_handled", "Calls handled", formatting.count),
        ("avg_wait_ms", "Waiting time, mean", formatting.milliseconds),
        ("avg_handle_time_ms", "Handle time, mean", formatting.milliseconds),
    ),
    (
        ("leads_created", "Leads created", formatting.count),
        ("leads_converted", "Leads converted", formatting.count),
        ("conversion_rate", "Conversion rate", formatting.fraction),
    ),
    (
        ("payments_succeeded", "Payments succeeded", formatting.count),
        ("user_registrations", "Registrations", formatting.count),
        ("user_logins", "Logins", formatting.count),
    ),
    (
        ("tasks_completed", "Tasks completed", formatting.count),
        ("points_awarded", "Points awarded", formatting.count),
    ),
    (
        ("quality_reviews", "Quality reviews", formatting.count),
        ("content_gaps_found", "Content gaps found", formatting.count),
        ("searches", "Searches", formatting.count),
        ("documents_uploaded", "Documents uploaded", formatting.count),
    ),
    (
        ("workflow_executions", "Workflows run", formatting.count),
        ("workflow_failures", "· failed", formatting.count),
    ),
    (("custom_events", "Custom events", formatting.count),),
)


def counted(*overviews: Message) -> Iterator[Sequence[Row]]:
    """Yields the sections of which one of some overviews has a figure that is not 0."""
    for section in _SECTIONS:
        if any(getattr(one, name) for one in overviews for name, _, _ in section):
            yield section
