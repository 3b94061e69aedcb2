"""GetUsageTrends: series of metrics."""

DEFAULT_METRICS = (
    "total_messages",
    "total_conversations",
    "token_usage",
    "unique_users",
    "api_calls",
    "cost_micros",
)
