"""Metrics of language models: the tokens and the cost that messages and calls of models carry."""

from server.catalog.metrics import Aggregation, Better, Definition, Distribution, Measure, Ratio, Unit
from server.events import event_types

_PROMPT = Distribution(
    measure="prompt_tokens",
    name="prompt_tokens",
    title="tokens read per message",
    of="the tokens read for the messages and calls of models that tell them",
    unit=Unit.TOKENS,
)
_COMPLETION = Distribution(
    measure="completion_tokens",
    name="completion_tokens",
    title="tokens written per message",
    of="the tokens written for the messages and calls of models that tell them",
    unit=Unit.TOKENS,
)

METRICS: tuple[Definition, ...] = (
    Measure(
        number=243,
        name="model_calls",
        title="Calls of models",
        description="Turns of models that are no message, such as those that call tools.",
        unit=Unit.COUNT,
        aggregation=Aggregation.COUNT,
        event_types=(event_types.MODEL_CALLED,),
    ),
    Measure(
        number=9,
        name="prompt_tokens",
        title="Tokens read",
        description="Tokens read by models, on messages and calls of models.",
        unit=Unit.TOKENS,
        aggregation=Aggregation.HISTOGRAM,
        event_types=event_types.MODEL_USES,
        field="prompt_tokens",
    ),
    Measure(
        number=10,
        name="completion_tokens",
        title="Tokens written",
        description="Tokens written by models, on messages and calls of models.",
        unit=Unit.TOKENS,
        aggregation=Aggregation.HISTOGRAM,
        event_types=event_types.MODEL_USES,
        field="completion_tokens",
    ),
    Measure(
        number=97,
        name="cached_tokens",
        title="Tokens from cache",
        description="Tokens read that came from the cache of the model's provider: a part of prompt_tokens.",
        unit=Unit.TOKENS,
        aggregation=Aggregation.SUM,
        event_types=event_types.MODEL_USES,
        field="cached_tokens",
    ),
    Measure(
        number=11,
        name="cost_micros",
        title="Cost",
        description="Cost recorded on messages and calls of models.",
        unit=Unit.MICROS,
        aggregation=Aggregation.SUM,
        better=Better.LOWER,
        event_types=event_types.MODEL_USES,
        field="cost_micros",
    ),
    *(
        Measure(
            number=number,
            name=f"uncosted_{field}",
            title=title,
            description=f"As {field}, of what names its model and tells no cost: what a price list can estimate the"
            " cost of.",
            unit=Unit.TOKENS,
            aggregation=Aggregation.SUM,
            event_types=event_types.MODEL_USES,
            field=field,
            without="cost_micros",
            only_by=("model",),
        )
        for number, field, title in (
            (240, "prompt_tokens", "Tokens read, without a cost"),
            (241, "cached_tokens", "Tokens from cache, without a cost"),
            (242, "completion_tokens", "Tokens written, without a cost"),
        )
    ),
    Ratio(
        name="uncosted_tokens",
        title="Tokens without a cost",
        description="Tokens read and written by models that are named, where no cost is told.",
        unit=Unit.TOKENS,
        numerators=("uncosted_prompt_tokens", "uncosted_completion_tokens"),
    ),
    Ratio(
        name="token_usage",
        title="Tokens",
        description="Tokens read and written by models.",
        unit=Unit.TOKENS,
        numerators=("prompt_tokens", "completion_tokens"),
    ),
    Ratio(
        name="cost_per_conversation_micros",
        title="Cost per conversation",
        description="Cost ÷ conversations started.",
        unit=Unit.MICROS,
        numerators=("cost_micros",),
        denominators=("total_conversations",),
        better=Better.LOWER,
    ),
    Ratio(
        name="cost_per_user_micros",
        title="Cost per user",
        description="Cost ÷ distinct users on any event.",
        unit=Unit.MICROS,
        numerators=("cost_micros",),
        denominators=("unique_users",),
        better=Better.LOWER,
    ),
    _PROMPT.mean("avg_prompt_tokens_per_message"),
    *_PROMPT.percentiles(50, 95, 99),
    _COMPLETION.mean("avg_completion_tokens_per_message"),
    *_COMPLETION.percentiles(50, 95, 99),
)
