"""ListLeads and GetLead: conversion between messages and values."""

from collections.abc import Iterator

from google.protobuf import timestamp_pb2

from server.catalog.lead_lists import LeadFilter, LeadList, LeadOrder
from server.errors import Reason, Refused
from server.events import lead, rules
from server.events.lead import Lead, LeadOutcome
from server.query.lead_directory import MAX_PAGE_SIZE, LeadPage, LeadsQuestion
from server.query.lead_rows import LeadRowPage, LeadRowsQuestion
from server.query.queries import ReadState
from server.rpc.questions import shared
from tallywire.v1 import lead_pb2, rows_pb2

DEFAULT_PAGE_SIZE = 100
_ORDERS = {
    lead_pb2.LEAD_ORDER_UNSPECIFIED: LeadOrder.CREATED,
    **{lead_pb2.LeadOrder.Value(f"LEAD_ORDER_{one.name}"): one for one in LeadOrder},
}
_OUTCOMES = {one: lead_pb2.LeadOutcome.Value(f"LEAD_OUTCOME_{one.name}") for one in LeadOutcome}
_TEXTS = ("prefix", "agent_id", "channel", "team_id", "campaign_id", "reached_stage", "stage")
_NAMED = ("agent_id", "channel", "team_id", "campaign_id")
_MOST = 10**15  # of a value: what events may tell


def list_question(request: lead_pb2.ListLeadsRequest) -> LeadsQuestion:
    """Returns the question of a request; refuses invalid fields."""
    if request.order_by not in _ORDERS:
        raise Refused(Reason.INVALID_ENUM, "not a known order", field="order_by")
    order = _ORDERS[request.order_by]
    for name in _TEXTS:
        rules.identifier(name, getattr(request, name))
    least, most = _amount("min_value_micros", request), _amount("max_value_micros", request)
    if least is not None and most is not None and least > most:
        raise Refused(Reason.INVALID_VALUE, "is greater than max_value_micros", field="min_value_micros")
    first, end = _instant("created_from", request), _instant("created_before", request)
    if first is not None and end is not None and first >= end:
        raise Refused(Reason.INVALID_TIME_RANGE, "must be later than created_from", field="created_before")
    return LeadsQuestion(
        asked=LeadList(
            filter=LeadFilter(
                outcome=_outcome(request.outcome),
                min_value=least,
                max_value=most,
                currency=rules.currency("currency", request.currency) if request.currency else "",
                created_from=first,
                created_before=end,
                prefix=request.prefix,
                agent_id=request.agent_id,
                channel=request.channel,
                team_id=request.team_id,
                campaign_id=request.campaign_id,
                reached_stage=request.reached_stage,
                stage=request.stage,
            ),
            order=order,
            descending=shared.descending(request.direction, unset=order is not LeadOrder.LEAD_ID),
        ),
        page_size=shared.page_size(request.page_size, DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE),
        page_token=request.page_token,
    )


def _outcome(number: int) -> LeadOutcome | None:
    found = next((one for one, known in _OUTCOMES.items() if known == number), None)
    if number and found is None:
        raise Refused(Reason.INVALID_ENUM, "not a known outcome", field="outcome")
    return found


def _amount(name: str, request: lead_pb2.ListLeadsRequest) -> int | None:
    if not request.HasField(name):  # type: ignore[arg-type]  # one of two names
        return None
    value: int = getattr(request, name)
    if not 0 <= value <= _MOST:
        raise Refused(
            Reason.VALUE_OUT_OF_RANGE,
            f"must be from 0 to {_MOST}",
            field=name,
            metadata={"minimum": "0", "maximum": str(_MOST)},
        )
    return value


def _instant(name: str, request: lead_pb2.ListLeadsRequest) -> int | None:
    if not request.HasField(name):  # type: ignore[arg-type]  # one of two names
        return None
    message: timestamp_pb2.Timestamp = getattr(request, name)
    return rules.timestamp(name, message.seconds, message.nanos)


def list_response(answer: LeadPage) -> lead_pb2.ListLeadsResponse:
    """Returns the message of an answer."""
    return lead_pb2.ListLeadsResponse(
        context=shared.known_context(answer.known),
        leads=[_lead(one, answer.known.currency) for one in answer.leads],
        next_page_token=answer.next_page_token,
    )


_WITH_TOKENS = ("direction", "page_size", "page_token", "rows_token")


def rows_question(request: lead_pb2.ListLeadsRequest) -> LeadRowsQuestion:
    """Returns the question of a request for the leads behind a figure; refuses filters of its own."""
    given = [field.name for field, _ in request.ListFields() if field.name not in _WITH_TOKENS]
    if (given and given != ["order_by"]) or request.order_by not in _BY_CREATION:
        raise Refused(
            Reason.INVALID_VALUE,
            f"{given[0]} goes without rows_token: the list then has the leads that the figure was counted from, in the"
            " order by created_at",
            field=given[0],
        )
    return LeadRowsQuestion(
        rows_token=request.rows_token,
        descending=shared.descending(request.direction),
        page_size=shared.page_size(request.page_size, DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE),
        page_token=request.page_token,
    )


_BY_CREATION = (lead_pb2.LEAD_ORDER_UNSPECIFIED, lead_pb2.LEAD_ORDER_CREATED)


def rows_response(answer: LeadRowPage) -> lead_pb2.ListLeadsResponse:
    """Returns the message of an answer."""
    leads = [_lead(one, answer.known.currency) for one in answer.leads]
    for message, amount in zip(leads, answer.amounts, strict=True):
        message.amount = amount
    return lead_pb2.ListLeadsResponse(
        context=shared.known_context(answer.known),
        leads=leads,
        next_page_token=answer.next_page_token,
        figure=rows_pb2.FigureRows(
            metric=answer.counted.metric,
            figure=answer.counted.figure,
            listed_rows=answer.listed,
            listed_figure=answer.amount,
            missing_figure=None if answer.next_page_token else answer.counted.figure - answer.amount,
        ),
    )


def lead_id(request: lead_pb2.GetLeadRequest) -> str:
    """Returns which lead a request asks for; refuses one that names none."""
    if not request.lead_id:
        raise rules.required("lead_id")
    return rules.identifier("lead_id", request.lead_id)


def response(known: ReadState, one: Lead) -> lead_pb2.GetLeadResponse:
    """Returns the message of an answer."""
    message = _lead(one, known.currency)
    message.steps.extend(_steps(one))
    return lead_pb2.GetLeadResponse(context=shared.known_context(known), lead=message)


def _lead(one: Lead, own_currency: str) -> lead_pb2.Lead:
    currency = one.named_currency or one.currency
    return lead_pb2.Lead(
        lead_id=one.lead_id,
        created_at=shared.microseconds(one.began_at),
        first_seen_at=shared.microseconds(one.first_at),
        last_seen_at=shared.microseconds(one.last_at),
        latest_agent_id=one.latest_agent_id,
        stage=one.stage,
        stage_entered_at=shared.microseconds(one.stage_at),
        outcome=_OUTCOMES[one.outcome],
        contacted_at=shared.microseconds(one.contacted_at),
        converted_at=shared.microseconds(one.converted_at),
        lost_at=shared.microseconds(one.lost_at),
        value_micros=one.value_micros,
        currency=own_currency if currency == lead.NO_CURRENCY else currency,
        **{name: getattr(one, f"named_{name}") or getattr(one, name) for name in _NAMED},
    )


def _steps(one: Lead) -> Iterator[lead_pb2.LeadStep]:
    for at, step in one.steps:
        event_type, stage = lead.told_by(step)
        yield lead_pb2.LeadStep(event_type=event_type, stage=stage, occurred_at=shared.microseconds(at))
