"""Answers to render, with figures that are there, zero, and absent."""

from datetime import UTC, datetime, timedelta

from tallywire.v1 import answer_pb2, metrics_service_pb2, time_pb2

START = datetime(2026, 1, 5, tzinfo=UTC)


def context() -> answer_pb2.AnswerContext:
    """Returns a context of one week in Nepal."""
    made = answer_pb2.AnswerContext(
        time_zone="Asia/Kathmandu", as_of_revision=12_345, still_running=True, currency="EUR"
    )
    made.start.FromDatetime(START - timedelta(hours=5, minutes=45))
    made.end.FromDatetime(START + timedelta(days=7) - timedelta(hours=5, minutes=45))
    made.as_of_time.FromDatetime(START + timedelta(days=7))
    made.approximation.metrics.append("p95_response_time_ms")
    made.approximation.max_relative_error = 0.01
    return made


def overview() -> metrics_service_pb2.GetOverviewResponse:
    """Returns an overview without ratings, and without a baseline for users."""
    made = metrics_service_pb2.GetOverviewResponse(context=context())
    figures = made.overview
    figures.events, figures.total_messages, figures.total_conversations, figures.unique_users = 99_999, 1_234_567, 0, 42
    figures.messages_change.percent = -12.5
    figures.users_change.absence_reason = answer_pb2.ABSENCE_REASON_NO_BASELINE
    figures.p95_response_time_ms, figures.error_rate, figures.cost_micros = 12_345.6, 0.0123, 1_230_000
    figures.storage_used_bytes = 5 * 1024**3
    for number in range(12):
        figures.events_by_type.add(event_type=f"custom.type_{number}", events=1_000 - 80 * number)
    return made


def agent(name: str = "support-bot-with-a-long-name\x1b[31m") -> metrics_service_pb2.GetAgentMetricsResponse:
    """Returns an agent with a trend of seven days."""
    made = metrics_service_pb2.GetAgentMetricsResponse(context=context())
    made.agent.agent_id = name
    made.agent.conversation_count, made.agent.message_count, made.agent.unique_users = 1_234, 258_145, 1_315
    made.agent.resolution_rate, made.agent.p95_response_time_ms = 0.912, 999_000
    for day in range(7):
        point = made.trend.add(message_count=day * 100, conversation_count=day)
        point.start.FromDatetime(START + timedelta(days=day, hours=-5, minutes=-45))
        point.end.FromDatetime(START + timedelta(days=day + 1, hours=-5, minutes=-45))
    return made


def usage(points: int = 7, metrics: int = 6, factor: int = 1) -> metrics_service_pb2.GetUsageTrendsResponse:
    """Returns series, the second without any value and the third with a gap."""
    made = metrics_service_pb2.GetUsageTrendsResponse(context=context(), granularity=time_pb2.GRANULARITY_DAY)
    units = ["1", "ms", "micros", "tokens", "By", "fraction"]
    made.context.as_of_time.FromDatetime(START + timedelta(days=points))
    for day in range(points):
        bucket = made.buckets.add()
        bucket.start.FromDatetime(START + timedelta(days=day) - timedelta(hours=5, minutes=45))
        bucket.end.FromDatetime(START + timedelta(days=day + 1) - timedelta(hours=5, minutes=45))
    for number in range(metrics):
        series = made.series.add(metric=f"a_metric_number_{number}", unit=units[number % len(units)])
        for day in range(points):
            value = series.values.add()
            if number != 1 and not (number == 2 and day == 1):
                value.integer = day * 1_000 * factor
    return made
