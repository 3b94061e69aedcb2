"""Content gaps: conversion between messages and values."""

from collections.abc import Mapping
from typing import Any

from server.catalog.gap_lists import GapFilter, GapOrder, GapStatus
from server.errors import Reason, Refused
from server.events import content_gap, rules
from server.query import gap_changes
from server.query.answers import Period
from server.query.content_gaps import MAX_PAGE_SIZE, GapPage, GapsQuestion, OneGap
from server.query.gap_changes import GapChange
from server.query.gap_groups import ContentGap
from server.query.queries import ReadState
from server.rpc.questions import shared
from server.timerange import Granularity, TimeRange
from tallywire.v1 import answer_pb2, content_gap_pb2

DEFAULT_PAGE_SIZE = 100
_MOST_BYTES = 1024  # of a note, and of a topic: a normalized one may be longer than one that is told
_CONFIDENCE_PARTS = 10_000
_ORDERS = {
    content_gap_pb2.CONTENT_GAP_ORDER_UNSPECIFIED: GapOrder.PRIORITY,
    **{content_gap_pb2.ContentGapOrder.Value(f"CONTENT_GAP_ORDER_{one.name}"): one for one in GapOrder},
}
_STATUSES: Mapping[GapStatus, content_gap_pb2.ContentGapStatus.ValueType] = {
    one: content_gap_pb2.ContentGapStatus.Value(f"CONTENT_GAP_STATUS_{one.name}") for one in GapStatus
}


def list_question(request: content_gap_pb2.ListContentGapsRequest) -> GapsQuestion:
    """Returns the question of a request; refuses invalid fields."""
    if request.order_by not in _ORDERS:
        raise Refused(Reason.INVALID_ENUM, "not a known order", field="order_by")
    order = _ORDERS[request.order_by]
    return GapsQuestion(
        chosen=GapFilter(
            status=_status(request.status),
            prefix=_text("prefix", request.prefix),
            search=_text("search", request.search),
        ),
        period=_period(request),
        order=order,
        descending=shared.descending(request.direction, unset=order is not GapOrder.TOPIC),
        page_size=shared.page_size(request.page_size, DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE),
        page_token=request.page_token,
    )


def _status(number: int) -> GapStatus | None:
    found = next((one for one, known in _STATUSES.items() if known == number), None)
    if number and found is None:
        raise Refused(Reason.INVALID_ENUM, "not a known status", field="status")
    return found


def _text(name: str, value: str) -> str:
    return content_gap.normalized(rules.identifier(name, value))


def _period(request: Any) -> Period | None:
    return shared.period(request.time_range) if request.HasField("time_range") else None


def topic(name: str, value: str) -> str:
    """Returns a topic that a request names as it is normalized; refuses an empty one."""
    if not value:
        raise rules.required(name)
    return content_gap.normalized(rules.identifier(name, value, _MOST_BYTES))


def one_question(request: content_gap_pb2.GetContentGapRequest) -> tuple[str, Period | None, Granularity | None]:
    """Returns which content gap is asked for, and the period and the width of the points of its trend."""
    width = shared.granularity(request.granularity, field="granularity")
    return topic("topic", request.topic), _period(request), width


def change(request: content_gap_pb2.UpdateContentGapRequest) -> GapChange:
    """Returns what is to be said of a content gap; refuses invalid fields, and a change of nothing."""
    status = _status(request.status)
    note = rules.identifier("note", request.note, _MOST_BYTES) if request.HasField("note") else None
    if status is None and note is None:
        raise Refused(Reason.REQUIRED_FIELD, "set status, note or both", field="status")
    return GapChange(status=status, note=note, etag=rules.identifier("etag", request.etag))


def list_response(answer: GapPage) -> content_gap_pb2.ListContentGapsResponse:
    """Returns the message of an answer."""
    return content_gap_pb2.ListContentGapsResponse(
        context=_context(answer.known, answer.period),
        content_gaps=map(message, answer.gaps),
        next_page_token=answer.next_page_token,
    )


def response(answer: OneGap) -> content_gap_pb2.GetContentGapResponse:
    """Returns the message of an answer."""
    return content_gap_pb2.GetContentGapResponse(
        context=_context(answer.known, answer.period),
        content_gap=message(answer.gap),
        trend=[
            content_gap_pb2.ContentGapPoint(
                start=shared.instant(span.interval.start), end=shared.instant(span.interval.end), frequency=count
            )
            for span, count in (answer.trend.points if answer.trend is not None else ())
        ],
    )


def _context(known: ReadState, period: TimeRange | None) -> answer_pb2.AnswerContext:
    found = shared.known_context(known)
    if period is not None:
        bounds = period.bounds
        found.start.CopyFrom(shared.instant(bounds.start))
        found.end.CopyFrom(shared.instant(bounds.end))
        found.time_zone, found.still_running = period.zone.key, period.still_running
    return found


def message(gap: ContentGap) -> content_gap_pb2.ContentGap:
    """Returns the message of a content gap."""
    group, examples, state, numbers = gap.group, gap.examples, gap.group.state, gap.group.numbers
    users, is_estimate = content_gap.distinct(examples.users)
    confidence = (
        numbers.confidence_sum / numbers.confidence_count / _CONFIDENCE_PARTS if numbers.confidence_count else None
    )
    return content_gap_pb2.ContentGap(
        topic=group.topic,
        name=examples.name,
        frequency=numbers.frequency,
        period_frequency=group.found,
        users=users,
        users_estimated=is_estimate,
        first_seen_at=shared.microseconds(numbers.first_at),
        last_seen_at=shared.microseconds(numbers.last_at),
        questions=[
            content_gap_pb2.ContentGapQuestion(question=question, asked_at=shared.microseconds(asked.at))
            for question, asked in content_gap.newest(examples.questions).items()
        ],
        mean_confidence=confidence,
        resolution_rate=group.resolution_rate,
        priority=group.priority,
        status=_STATUSES[state.status_now(numbers.last_at)],
        note=state.note,
        changed_by=state.changed_by,
        changed_at=None if state.changed_at is None else shared.instant(state.changed_at),
        etag=gap_changes.etag(state),
        resolved_at=shared.microseconds(state.resolved_at),
        reopened_at=shared.microseconds(gap.reopened_at),
        times_reopened=len(gap.reopenings),
        merged_topics=sorted(one for one in group.members if one != group.topic),
    )
