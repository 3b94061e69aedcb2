"""States to render, with figures that are there, zero, and absent."""

import math
from datetime import UTC, datetime, timedelta

from tallywire.v1 import realtime_service_pb2

NOW = datetime(2026, 1, 5, 18, 3, 45, tzinfo=UTC)
STATUSES = ("ACTIVE", "RESOLVED", "ESCALATED", "ABANDONED", "ENDED")


def state(
    revision: int = 12_345, at: datetime = NOW, conversations: int = 20, **metrics: float
) -> realtime_service_pb2.RealtimeState:
    """Returns a state of a busy hour in Denver; metrics are set over it."""
    made = realtime_service_pb2.RealtimeState(as_of_revision=revision, time_zone="America/Denver")
    made.as_of_time.FromDatetime(at)
    figures = made.metrics
    figures.active_conversations, figures.messages_last_minute, figures.messages_last_hour = 42, 148, 8_123
    figures.avg_response_time_ms, figures.p50_response_time_ms, figures.p95_response_time_ms = 850.4, 512.0, 12_345.6
    figures.messages_today, figures.conversations_today, figures.tokens_today = 1_234_567, 0, 123_456_789
    for name, value in metrics.items():
        setattr(figures, name, value)
    first = at.replace(second=0, microsecond=0) - timedelta(minutes=59)
    for number in range(60):
        minute = made.minutes.add(messages=round(100 + 100 * math.sin(number / 6)) if number % 20 else 0)
        minute.start.FromDatetime(first + timedelta(minutes=number))
        if minute.messages:
            minute.p50_response_time_ms, minute.p95_response_time_ms = 400 + 5 * number, 2_000 + 100 * (number % 7)
    for number in range(conversations):
        one = made.conversations.add(
            conversation_id=f"conversation-{number}-\x1b[31m",
            status=f"CONVERSATION_STATUS_{STATUSES[number % len(STATUSES)]}",
            agent_id=f"agent-with-a-long-name-{number}",
            user_id=f"用户{number}",
            channel="web",
            message_count=10**number % 1_000_003,
        )
        one.last_activity_at.FromDatetime(at - timedelta(seconds=3**number / 3))
    return made
