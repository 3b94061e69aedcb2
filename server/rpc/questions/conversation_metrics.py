"""GetConversationMetrics: conversion between messages and values."""

from collections.abc import Sequence
from datetime import timedelta

from server.catalog import dimensions
from server.catalog.follow_ups import FollowUps
from server.errors import Reason, Refused
from server.query.breakdowns import Breakdown
from server.query.changes import Absence
from server.query.conversation_figures import PERCENTS, Cohort, ConversationDistribution, ConversationFigures
from server.query.conversation_metrics import ConversationMetrics, ConversationPoint, ConversationsQuestion
from server.query.distribution_bins import Bin
from server.query.hours_of_week import HourOfWeek
from server.rpc.questions import shared
from server.rpc.questions.rows import Tokens
from tallywire.v1 import conversation_metrics_pb2 as messages

DEFAULT_TOP, MAX_TOP = 10, 100
DEFAULT_DAYS, MAX_DAYS = 7, 90
_COHORTS = {
    messages.CONVERSATION_COHORT_UNSPECIFIED: Cohort.CLOSED,
    **{messages.ConversationCohort.Value(f"CONVERSATION_COHORT_{one.name}"): one for one in Cohort},
}
_BREAKDOWNS = {
    dimensions.CHANNEL: "by_channel",
    dimensions.TOPIC: "by_topic",
    dimensions.HANDOFF_REASON: "by_handoff_reason",
}


def question(request: messages.GetConversationMetricsRequest) -> ConversationsQuestion:
    """Returns the question of a request; refuses invalid fields."""
    if request.cohort not in _COHORTS:
        raise Refused(Reason.INVALID_ENUM, "not a known cohort", field="cohort")
    return ConversationsQuestion(
        period=shared.period(request.time_range),
        part=shared.part(request.filter),
        cohort=_COHORTS[request.cohort],
        granularity=shared.granularity(request.granularity, field="granularity"),
        top=_number("top", request.top, DEFAULT_TOP, MAX_TOP),
        durable=timedelta(days=_number("durable_days", request.durable_days, DEFAULT_DAYS, MAX_DAYS)),
        repeat=timedelta(days=_number("repeat_days", request.repeat_days, DEFAULT_DAYS, MAX_DAYS)),
        comparison=shared.compared_with(request.comparison),
        with_rows=request.include_rows_tokens,
    )


def _number(field: str, value: int, default: int, most: int) -> int:
    if not 0 <= value <= most:
        raise Refused(
            Reason.VALUE_OUT_OF_RANGE,
            f"must be from 1 to {most}",
            field=field,
            metadata={"minimum": "1", "maximum": str(most)},
        )
    return value or default


def response(answer: ConversationMetrics, tokens: Tokens) -> messages.GetConversationMetricsResponse:
    """Returns the message of an answer."""
    message = messages.GetConversationMetricsResponse(
        rows_tokens=tokens(answer.opened),
        context=shared.context(answer.context),
        cohort=messages.ConversationCohort.Value(f"CONVERSATION_COHORT_{answer.cohort.name}"),
        figures=_figures(answer.figures),
        open_conversations=answer.open_conversations,
        duration_bins=_bins(answer.durations),
        message_bins=_bins(answer.messages),
        hours_of_week=map(_hour, answer.hours_of_week),
        granularity=shared.granularity_number(answer.granularity),
        series=map(_point, answer.series),
        compared=shared.compared(answer.compared),
        earlier=_figures(answer.earlier) if answer.earlier else None,
    )
    for name, change in answer.changes.items():
        getattr(message.changes, name).CopyFrom(shared.change(change))
    for dimension, breakdown in answer.breakdowns.items():
        getattr(message, _BREAKDOWNS[dimension]).CopyFrom(_breakdown(breakdown))
    if isinstance(answer.follow_ups, Absence):
        message.follow_ups_absence_reason = shared.ABSENCES[answer.follow_ups]
    else:
        message.durable_resolution.CopyFrom(_durable(answer.follow_ups, answer.durable.days))
        message.repeat_contacts.CopyFrom(_repeated(answer.follow_ups, answer.repeat.days))
    return message


def _figures(value: ConversationFigures) -> messages.ConversationFigures:
    message = messages.ConversationFigures()
    shared.set_figures(message, value.figures)
    for name, distribution in value.distributions.items():
        getattr(message, name).CopyFrom(_distribution(distribution))
    return message


def _distribution(value: ConversationDistribution) -> messages.ConversationDistribution:
    message = messages.ConversationDistribution(count=value.count, sum=value.sum, mean=value.mean)
    shared.set_figures(message, {f"p{percent}": value.percentiles[percent] for percent in PERCENTS})
    return message


def _durable(value: FollowUps, days: int) -> messages.DurableResolution:
    return messages.DurableResolution(
        days=days,
        mature=value.mature,
        durable=value.durable,
        reopened=value.reopened,
        followed=value.followed,
        not_yet_known=value.not_yet_known,
        durable_resolution_rate=value.durable / value.mature if value.mature else None,
    )


def _repeated(value: FollowUps, days: int) -> messages.RepeatContacts:
    return messages.RepeatContacts(
        days=days,
        mature=value.mature_for_repeat,
        followed=value.repeated,
        users=value.users,
        not_yet_known=value.repeat_not_yet_known,
        repeat_contact_rate=value.repeated / value.mature_for_repeat if value.mature_for_repeat else None,
    )


def _breakdown(value: Breakdown) -> messages.ConversationBreakdown:
    return messages.ConversationBreakdown(
        rows=[messages.ConversationGroup(value=one.value, figures=_figures(one.figures)) for one in value.rows],
        rest=_figures(value.rest),
        other=_figures(value.other),
    )


def _bins(some: Sequence[Bin]) -> list[messages.DistributionBin]:
    return [messages.DistributionBin(lower=one.lower, upper=one.upper, count=one.count) for one in some]


def _hour(value: HourOfWeek) -> messages.HourOfWeek:
    started, closed, escalated = (int(figure or 0) for figure in value.figures.values())
    return messages.HourOfWeek(
        weekday=value.weekday, hour=value.hour, started=started, closed=closed, escalated=escalated
    )


def _point(value: ConversationPoint) -> messages.ConversationPoint:
    return messages.ConversationPoint(
        start=shared.instant(value.bucket.interval.start),
        end=shared.instant(value.bucket.interval.end),
        figures=_figures(value.figures),
        partial=value.bucket.partial is not None,
    )
