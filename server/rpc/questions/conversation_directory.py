"""ListConversations and GetConversation: conversion between messages and values."""

from collections.abc import Mapping

from server.catalog import conversation_lists
from server.catalog.conversation_lists import (
    RANGED,
    ConversationFilter,
    ConversationOrder,
    ConversationPhase,
    ConversationTime,
)
from server.errors import Reason, Refused
from server.events import erased, rules
from server.events.conversation import Conversation
from server.events.outcomes import ClosingKind
from server.query.conversation_list import (
    MAX_PAGE_SIZE,
    ConversationListQuestion,
    ConversationPage,
    FigureSum,
    agents_in,
)
from server.query.conversation_timeline import Timeline, TimelineQuestion
from server.rpc import event_messages
from server.rpc.questions import shared
from server.rpc.questions.shared import StoredUser
from tallywire.v1 import conversation_pb2, rows_pb2

DEFAULT_PAGE_SIZE = 100
_TIMES = {
    conversation_pb2.CONVERSATION_TIME_UNSPECIFIED: ConversationTime.CLOSED,
    **{conversation_pb2.ConversationTime.Value(f"CONVERSATION_TIME_{one.name}"): one for one in ConversationTime},
}
_ORDERS: Mapping[int, ConversationOrder | None] = {
    conversation_pb2.CONVERSATION_ORDER_UNSPECIFIED: None,
    **{conversation_pb2.ConversationOrder.Value(f"CONVERSATION_ORDER_{one.name}"): one for one in ConversationOrder},
}
_OUTCOMES: Mapping[ClosingKind, conversation_pb2.ConversationOutcome.ValueType] = {
    one: conversation_pb2.ConversationOutcome.Value(f"CONVERSATION_OUTCOME_{one.name}")
    for one in ClosingKind
    if one is not ClosingKind.REOPENED
}
_PHASES = {one: conversation_pb2.ConversationPhase.Value(f"CONVERSATION_PHASE_{one.name}") for one in ConversationPhase}
_RANGES = {
    ConversationOrder.DURATION: "duration_ms",
    ConversationOrder.FIRST_RESPONSE: "first_response_ms",
    ConversationOrder.FIRST_HUMAN_RESPONSE: "first_human_response_ms",
    ConversationOrder.HUMAN_WAIT: "human_wait_ms",
    ConversationOrder.COST: "cost_micros",
}
_TEXTS = ("agent_id", "channel", "team_id", "topic", "user_id", "handoff_reason")
# What a rows_token stands in place of.
_NARROWING = (
    *("time_range", "time", "conversation_id_prefix", "outcome", "phase", *_TEXTS, "has_content_gap"),
    *(_RANGES.get(one, one.name.lower()) for one in RANGED),
)


def list_question(
    request: conversation_pb2.ListConversationsRequest, stored_user: StoredUser
) -> ConversationListQuestion:
    """Returns the question of a request; refuses invalid fields."""
    if request.rows_token:
        given = {field.name for field, _ in request.ListFields()}
        for name in _NARROWING:
            if name in given:
                raise Refused(Reason.INVALID_VALUE, "goes without a rows_token, which says it itself", field=name)
    has_period = request.HasField("time_range")
    if not (has_period or request.conversation_id_prefix or request.rows_token):
        raise rules.required("time_range")
    if request.time not in _TIMES:
        raise Refused(Reason.INVALID_ENUM, "not a known time", field="time")
    if request.order_by not in _ORDERS:
        raise Refused(Reason.INVALID_ENUM, "not a known order", field="order_by")
    return ConversationListQuestion(
        period=shared.period(request.time_range) if has_period else None,
        time=_TIMES[request.time],
        filter=_filter(request, stored_user),
        order=_ORDERS[request.order_by],
        descending=shared.descending(request.direction) if request.direction else None,
        page_size=shared.page_size(request.page_size, DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE),
        page_token=request.page_token,
        rows_token=request.rows_token,
    )


def _filter(request: conversation_pb2.ListConversationsRequest, stored_user: StoredUser) -> ConversationFilter:
    outcome = next((one for one, number in _OUTCOMES.items() if number == request.outcome), None)
    if request.outcome and outcome is None:
        raise Refused(Reason.INVALID_ENUM, "not a known outcome", field="outcome")
    phase = next((one for one, number in _PHASES.items() if number == request.phase), None)
    if request.phase and phase is None:
        raise Refused(Reason.INVALID_ENUM, "not a known phase", field="phase")
    texts = {name: rules.identifier(name, getattr(request, name)) for name in _TEXTS}
    return ConversationFilter(
        prefix=rules.identifier("conversation_id_prefix", request.conversation_id_prefix),
        outcome=outcome,
        phase=phase,
        agent_id=texts["agent_id"],
        channel=texts["channel"],
        team_id=texts["team_id"],
        topic=texts["topic"],
        user_id=stored_user(texts["user_id"]),
        handoff_reason=texts["handoff_reason"],
        has_content_gap=request.has_content_gap if request.HasField("has_content_gap") else None,
        ranges=dict(_ranges(request)),
    )


def _ranges(
    request: conversation_pb2.ListConversationsRequest,
) -> "list[tuple[ConversationOrder, tuple[int | None, int | None]]]":
    found = []
    for one in RANGED:
        name = _RANGES.get(one, one.name.lower())
        if request.HasField(name):  # type: ignore[arg-type]  # the name is of a field
            bounds: conversation_pb2.NumberRange = getattr(request, name)
            least = bounds.min if bounds.HasField("min") else None
            greatest = bounds.max if bounds.HasField("max") else None
            if least is not None and greatest is not None and least > greatest:
                raise Refused(Reason.INVALID_VALUE, "min is greater than max", field=f"{name}.min")
            found.append((one, (least, greatest)))
    return found


def list_response(answer: ConversationPage) -> conversation_pb2.ListConversationsResponse:
    """Returns the message of an answer."""
    context = shared.known_context(answer.read)
    if answer.bounds is not None:
        context.start.CopyFrom(shared.instant(answer.bounds.start))
        context.end.CopyFrom(shared.instant(answer.bounds.end))
        context.still_running = answer.read.as_of.at < answer.bounds.end
    return conversation_pb2.ListConversationsResponse(
        context=context,
        conversations=[_conversation(row.conversation, answer.names, row.amount) for row in answer.rows],
        next_page_token=answer.next_page_token,
        figure=_figure(answer.figure) if answer.figure is not None else None,
    )


def _figure(one: FigureSum) -> rows_pb2.FigureRows:
    return rows_pb2.FigureRows(
        metric=one.metric,
        figure=one.figure,
        listed_rows=one.rows,
        listed_figure=one.amount,
        missing_figure=one.missing,
    )


def timeline_question(request: conversation_pb2.GetConversationRequest) -> TimelineQuestion:
    """Returns the question of a request; refuses invalid fields."""
    if not request.conversation_id:
        raise rules.required("conversation_id")
    return TimelineQuestion(
        conversation_id=rules.identifier("conversation_id", request.conversation_id),
        page_size=shared.page_size(request.page_size, DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE),
        page_token=request.page_token,
    )


def timeline_response(answer: Timeline, *, user_details: bool) -> conversation_pb2.GetConversationResponse:
    """Returns the message of an answer."""
    return conversation_pb2.GetConversationResponse(
        context=shared.known_context(answer.read),
        conversation=_conversation(answer.conversation, answer.names),
        timeline=[
            conversation_pb2.TimelineEvent(
                event=event_messages.message(event, user_details=user_details), revision=revision
            )
            for revision, event in answer.events
        ],
        next_page_token=answer.next_page_token,
        dropped_events=answer.dropped,
    )


def _conversation(
    one: Conversation, names: Mapping[str, str], amount: int | None = None
) -> conversation_pb2.Conversation:
    timed = conversation_lists.durations(one)
    return conversation_pb2.Conversation(
        conversation_id=one.conversation_id,
        user_id=erased.shown(one.latest_user_id),
        channel=one.latest_channel,
        team_id=one.latest_team_id,
        topic=one.topic,
        agents=[conversation_pb2.ConversationAgent(agent_id=each, name=names.get(each, "")) for each in agents_in(one)],
        began_at=shared.microseconds(one.began_at),
        closed_at=shared.microseconds(one.closed_at),
        outcome=conversation_pb2.CONVERSATION_OUTCOME_UNSPECIFIED if one.outcome is None else _OUTCOMES[one.outcome],
        phase=_PHASES[ConversationPhase.of(one)],
        handoff_reason=one.handoff_reason,
        duration_ms=timed.duration,
        first_response_ms=timed.first_response,
        first_human_response_ms=timed.first_human_response,
        human_wait_ms=timed.human_wait,
        messages=one.messages,
        tokens=one.tokens,
        cost_micros=one.cost_micros,
        rating=one.rating,
        rated_at=shared.microseconds(one.rating_at),
        quality=one.quality,
        quality_rubric=one.quality_rubric,
        scored_at=shared.microseconds(one.quality_at),
        reopenings=one.reopenings,
        content_gaps=one.content_gaps,
        last_activity_at=shared.microseconds(one.latest_at),
        human_resolved_at=shared.microseconds(one.human_resolved_at),
        events=one.events,
        began_for=_for(one, one.began_agent_id, one.began_channel, one.began_team_id),
        closed_for=_for(one, one.agent_id, one.channel, one.team_id) if one.closed_at is not None else None,
        human_resolved_for=_for(
            one, one.human_resolved_agent_id, one.human_resolved_channel, one.human_resolved_team_id
        )
        if one.human_resolved_at is not None
        else None,
        amount=amount,
    )


def _for(one: Conversation, agent_id: str, channel: str, team_id: str) -> conversation_pb2.ConversationAttribution:
    return conversation_pb2.ConversationAttribution(
        agent_id=agent_id, channel=channel, team_id=team_id, topic=one.counted_topic
    )
