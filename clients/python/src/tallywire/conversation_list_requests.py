"""Requests for conversations one by one, from friendly arguments."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal, TypedDict

from tallywire import directory_requests, requests
from tallywire.v1 import conversation_pb2, metrics_service_pb2

TimeName = Literal["closed", "began", "active", "human_resolved"]
OutcomeName = Literal["resolved", "escalated", "abandoned", "ended"]
PhaseName = Literal["open", "with_human", "closed"]
NumberName = Literal[
    "messages",
    "duration_ms",
    "first_response_ms",
    "first_human_response_ms",
    "human_wait_ms",
    "rating",
    "quality",
    "cost_micros",
    "tokens",
]
Bounds = tuple[int | None, int | None]  # the least and the greatest, both included; None: any

TIMES: Final = directory_requests.named("CONVERSATION_TIME_", conversation_pb2.ConversationTime.items())
OUTCOMES: Final = directory_requests.named("CONVERSATION_OUTCOME_", conversation_pb2.ConversationOutcome.items())
PHASES: Final = directory_requests.named("CONVERSATION_PHASE_", conversation_pb2.ConversationPhase.items())
ORDERS: Final = directory_requests.named("CONVERSATION_ORDER_", conversation_pb2.ConversationOrder.items())
NUMBERS: Final = tuple(
    field.name
    for field in conversation_pb2.ListConversationsRequest.DESCRIPTOR.fields
    if field.message_type is conversation_pb2.NumberRange.DESCRIPTOR
)


class ConversationsOptions(TypedDict, total=False):
    """What a list of conversations is narrowed to, and its order.

    time: what is to lie in the period; without, when they were closed. numbers: bounds of messages, duration_ms …, by
    name. order_by: as ConversationOrder names it, in lower case; without, the time that the period is about, or the id.
    """

    time: TimeName | None
    outcome: OutcomeName | None
    phase: PhaseName | None
    agent_id: str | None
    channel: str | None
    team_id: str | None
    topic: str | None
    user_id: str | None
    handoff_reason: str | None
    has_content_gap: bool | None
    numbers: Mapping[NumberName, Bounds]
    order_by: str | None
    ascending: bool | None
    time_zone: str | None


def conversations(
    start: datetime | None,
    end: datetime | None,
    prefix: str,
    rows_token: str,
    options: ConversationsOptions,
    page_size: int,
    page_token: str,
) -> conversation_pb2.ListConversationsRequest:
    """Returns the request for a page of conversations. Raises ValueError for an unknown name."""
    number = directory_requests.number
    request = conversation_pb2.ListConversationsRequest(
        time=number("time", TIMES, options.get("time")),
        conversation_id_prefix=prefix,
        outcome=number("outcome", OUTCOMES, options.get("outcome")),
        phase=number("phase", PHASES, options.get("phase")),
        agent_id=options.get("agent_id") or "",
        channel=options.get("channel") or "",
        team_id=options.get("team_id") or "",
        topic=options.get("topic") or "",
        user_id=options.get("user_id") or "",
        handoff_reason=options.get("handoff_reason") or "",
        has_content_gap=options.get("has_content_gap"),
        order_by=number("order_by", ORDERS, options.get("order_by")),
        direction=_direction(options.get("ascending")),
        page_size=page_size,
        page_token=page_token,
        rows_token=rows_token,
    )
    if start is not None and end is not None:
        request.time_range.CopyFrom(requests.time_range(start, end, options.get("time_zone")))
    for name, (least, greatest) in options.get("numbers", {}).items():
        if name not in NUMBERS:
            raise ValueError(f"numbers are bounds of {', '.join(NUMBERS)}, not of {name!r}")
        getattr(request, name).CopyFrom(conversation_pb2.NumberRange(min=least, max=greatest))
    return request


def _direction(ascending: bool | None) -> metrics_service_pb2.SortDirection.ValueType:
    if ascending is None:
        return metrics_service_pb2.SORT_DIRECTION_UNSPECIFIED
    ascends, descends = metrics_service_pb2.SORT_DIRECTION_ASCENDING, metrics_service_pb2.SORT_DIRECTION_DESCENDING
    return ascends if ascending else descends


def conversation(conversation_id: str, page_token: str) -> conversation_pb2.GetConversationRequest:
    """Returns the request for a conversation and a page of its events."""
    return conversation_pb2.GetConversationRequest(
        conversation_id=conversation_id, page_size=directory_requests.PAGE_SIZE, page_token=page_token
    )


def put_together(
    whole: conversation_pb2.GetConversationResponse | None, page: conversation_pb2.GetConversationResponse
) -> conversation_pb2.GetConversationResponse:
    """Returns a conversation with the events of pages and of one more."""
    if whole is None:
        return page
    whole.timeline.extend(page.timeline)
    whole.next_page_token = page.next_page_token
    return whole
