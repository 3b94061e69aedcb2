"""About how many rows a list has: by the figure that counts them, where one does."""

from typing import Any

from server.errors import Refused
from server.rpc.asking import Asking
from server.tenancy.principal import Principal
from tallywire.v1 import conversation_pb2, list_events_pb2, metrics_service_pb2

_PARTS = ("agent_id", "channel", "team_id")  # what figures are narrowed by as lists are
_TIMES = {
    conversation_pb2.CONVERSATION_TIME_UNSPECIFIED: "conversations_closed",
    conversation_pb2.CONVERSATION_TIME_CLOSED: "conversations_closed",
    conversation_pb2.CONVERSATION_TIME_BEGAN: "total_conversations",
}


async def rows(asking: Asking, principal: Principal, asked: Any) -> int | None:
    """Returns about how many rows a list has, None where no figure counts them. Late events make it more or less."""
    if isinstance(asked, list_events_pb2.ListEventsRequest) and not asked.rows_token:
        return await _counted(asking, principal, asked, asked.filter, "events")
    if isinstance(asked, conversation_pb2.ListConversationsRequest) and not asked.rows_token and asked.time in _TIMES:
        return await _counted(asking, principal, asked, asked, _TIMES[asked.time])
    return None


async def _counted(asking: Asking, principal: Principal, asked: Any, narrowed: Any, metric: str) -> int | None:
    set_fields = [field.name for field, _ in narrowed.ListFields()]
    others = {"time_range", "time", "order_by", "direction", "page_size", "page_token"}
    parts = [name for name in set_fields if name in _PARTS]
    if len(parts) > 1 or not set(set_fields) <= {*parts, *others}:
        return None
    question = metrics_service_pb2.QueryMetricsRequest(time_range=asked.time_range, metrics=[metric])
    for name in parts:
        setattr(question.filter, name, getattr(narrowed, name))
    try:
        answer = await asking.answer(principal, question)
    except Refused:  # the figure may be refused where the list is not
        return None
    value = answer.total.figures[0]
    return value.integer if value.HasField("integer") else None
