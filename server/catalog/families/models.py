"""Metrics of language models: the tokens and the cost that messages carry."""

from server.catalog.metrics import Aggregation, Definition, Measure, Ratio, Unit
from server.events import event_types

METRICS: tuple[Definition, ...] = (
    Measure(
        number=9,
        name="prompt_tokens",
        description="Tokens read by models, on messages.",
        unit=Unit.TOKENS,
        aggregation=Aggregation.SUM,
        event_types=event_types.MESSAGES,
        field="prompt_tokens",
    ),
    Measure(
        number=10,
        name="completion_tokens",
        description="Tokens written by models, on messages.",
        unit=Unit.TOKENS,
        aggregation=Aggregation.SUM,
        event_types=event_types.MESSAGES,
        field="completion_tokens",
    ),
    Measure(
        number=11,
        name="cost_micros",
        description="Cost recorded on messages.",
        unit=Unit.MICROS,
        aggregation=Aggregation.SUM,
        event_types=event_types.MESSAGES,
        field="cost_micros",
    ),
    Ratio(
        name="token_usage",
        description="Tokens read and written by models.",
        unit=Unit.TOKENS,
        numerators=("prompt_tokens", "completion_tokens"),
    ),
    Ratio(
        name="cost_per_conversation_micros",
        description="Cost of messages ÷ conversations started.",
        unit=Unit.MICROS,
        numerators=("cost_micros",),
        denominators=("total_conversations",),
    ),
)
