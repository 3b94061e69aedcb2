"""The figures of realtime views: metrics of the catalogue over short windows that end now.

To add one over a metric of messages or over today, add an entry here and a field of the same name to RealtimeMetrics.
"""

import enum
from dataclasses import dataclass

from server.catalog.metrics import Unit


class Window(enum.Enum):
    """The time that a figure is about; each ends with the slot that is running.

    Windows shorter than a day know what slots keep of messages: see slots.Counts. The hour keeps no histograms.
    """

    LAST_MINUTE = "last minute"
    FIVE_MINUTES = "last 5 minutes"
    LAST_HOUR = "last hour"
    TODAY = "today"  # since the organization's midnight
    OPEN = "open"  # the conversations that are going on


@dataclass(frozen=True, slots=True, kw_only=True)
class RealtimeFigure:
    """A metric over a window. Without a metric it is the number of open conversations."""

    name: str
    description: str
    unit: Unit
    window: Window
    metric: str = ""


FIGURES = (
    RealtimeFigure(
        name="active_conversations",
        description="Conversations started, spoken in or reopened within the last hour that are not closed.",
        unit=Unit.COUNT,
        window=Window.OPEN,
    ),
    RealtimeFigure(
        name="messages_last_minute",
        description="Messages received and sent in the last minute.",
        unit=Unit.COUNT,
        window=Window.LAST_MINUTE,
        metric="total_messages",
    ),
    RealtimeFigure(
        name="messages_last_hour",
        description="Messages received and sent in the last hour.",
        unit=Unit.COUNT,
        window=Window.LAST_HOUR,
        metric="total_messages",
    ),
    RealtimeFigure(
        name="avg_response_time_ms",
        description="Mean response time of the last 5 minutes.",
        unit=Unit.MILLISECONDS,
        window=Window.FIVE_MINUTES,
        metric="avg_response_time_ms",
    ),
    RealtimeFigure(
        name="p50_response_time_ms",
        description="50th percentile of the response time of the last 5 minutes.",
        unit=Unit.MILLISECONDS,
        window=Window.FIVE_MINUTES,
        metric="p50_response_time_ms",
    ),
    RealtimeFigure(
        name="p95_response_time_ms",
        description="95th percentile of the response time of the last 5 minutes.",
        unit=Unit.MILLISECONDS,
        window=Window.FIVE_MINUTES,
        metric="p95_response_time_ms",
    ),
    RealtimeFigure(
        name="success_rate",
        description="1 − failed ÷ sent messages of the last hour.",
        unit=Unit.FRACTION,
        window=Window.LAST_HOUR,
        metric="success_rate",
    ),
    RealtimeFigure(
        name="messages_today",
        description="Messages received and sent since the organization's midnight.",
        unit=Unit.COUNT,
        window=Window.TODAY,
        metric="total_messages",
    ),
    RealtimeFigure(
        name="conversations_today",
        description="Conversations started since the organization's midnight.",
        unit=Unit.COUNT,
        window=Window.TODAY,
        metric="total_conversations",
    ),
    RealtimeFigure(
        name="tokens_today",
        description="Tokens read and written by models since the organization's midnight.",
        unit=Unit.TOKENS,
        window=Window.TODAY,
        metric="token_usage",
    ),
)


def of_window(window: Window) -> dict[str, str]:
    """Returns the metrics of a window's figures, by the names of the figures."""
    return {one.name: one.metric for one in FIGURES if one.window is window}
