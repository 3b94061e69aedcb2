"""Funnels: conversion between messages and values, and what a definition may be."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from google.protobuf import timestamp_pb2

from server.admission import request_limits
from server.catalog import funnels
from server.catalog.custom_metrics import Path
from server.catalog.funnels import (
    FunnelCounts,
    FunnelDefinition,
    FunnelEntity,
    FunnelFilter,
    FunnelOrder,
    FunnelPath,
    FunnelStage,
    SavedFunnel,
    StageCounts,
)
from server.errors import Reason, Refused
from server.events import lead, rules
from server.query.funnel import FunnelAnswer, FunnelQuestion
from server.rpc import value_paths
from server.rpc.questions import shared
from tallywire.v1 import funnel_service_pb2 as messages

MAX_TOP, DEFAULT_TOP = 100, 10
_ENTITIES = {messages.FunnelEntity.Value(f"FUNNEL_ENTITY_{one.name}"): one for one in FunnelEntity}
_ORDERS = {messages.FunnelOrder.Value(f"FUNNEL_ORDER_{one.name}"): one for one in FunnelOrder}
_ENTITY_NUMBERS = {one: number for number, one in _ENTITIES.items()}
_ORDER_NUMBERS = {one: number for number, one in _ORDERS.items()}
_MILLISECOND = timedelta(milliseconds=1)


def name(field: str, text: str) -> str:
    """Returns the name of a saved funnel; refuses what cannot be one."""
    if not text:
        raise rules.required(field)
    return _short(field, text)


def _short(field: str, text: str) -> str:
    if len(text) > funnels.MAX_NAME:
        raise Refused(
            Reason.FIELD_TOO_LONG,
            f"longer than {funnels.MAX_NAME} characters",
            field=field,
            metadata={"limit": str(funnels.MAX_NAME)},
        )
    return rules.identifier(field, text, 4 * funnels.MAX_NAME)


def saved(request: messages.CreateFunnelRequest) -> tuple[str, FunnelDefinition, str]:
    """Returns the name, the definition and the id of a request that saves a funnel; refuses what cannot be one."""
    if not request.HasField("funnel"):
        raise rules.required("funnel")
    chosen = name("funnel.name", request.funnel.name)
    if not request.funnel.HasField("definition"):
        raise rules.required("funnel.definition")
    return chosen, definition("funnel.definition", request.funnel.definition), _request_id(request.request_id)


def _request_id(text: str) -> str:
    if not text:
        return ""
    try:
        return rules.event_id(text)
    except Refused as why:
        raise Refused(why.reason, why.message, field="request_id", metadata=why.metadata) from None


def definition(field: str, message: messages.FunnelDefinition) -> FunnelDefinition:
    """Returns a definition; refuses what cannot be one."""
    request_limits.FUNNEL_STAGES.check(len(message.stages))
    if len(message.stages) < funnels.LEAST_STAGES:
        raise request_limits.FUNNEL_STAGES.refusal()
    made = FunnelDefinition(
        stages=[_numbered(f"{field}.stages", place, one) for place, one in enumerate(message.stages, 1)],
        entity=_entity(field, message.entity),
        order=_order(field, message.order),
        window=_window(field, message),
    )
    if made.order is FunnelOrder.ANY_ORDER:
        for place in range(len(made.stages)):
            if made.alike(place) is not None:
                raise Refused(
                    Reason.INVALID_VALUE,
                    f"stage {place + 1} is defined like one before it: in any order each stage must be another one",
                    field=f"{field}.stages",
                )
    return made


def _entity(field: str, number: int) -> FunnelEntity:
    if not number:
        return FunnelEntity.LEAD
    if number not in _ENTITIES:
        raise Refused(Reason.INVALID_ENUM, "not a known entity", field=f"{field}.entity")
    return _ENTITIES[number]  # type: ignore[index]  # a key that is there


def _order(field: str, number: int) -> FunnelOrder:
    if not number:
        return FunnelOrder.IN_ORDER
    if number not in _ORDERS:
        raise Refused(Reason.INVALID_ENUM, "not a known order", field=f"{field}.order")
    return _ORDERS[number]  # type: ignore[index]  # a key that is there


def _window(field: str, message: messages.FunnelDefinition) -> timedelta:
    if not message.HasField("window"):
        return funnels.DEFAULT_WINDOW
    seconds, nanos = message.window.seconds, message.window.nanos
    most = int(funnels.MAX_WINDOW.total_seconds())
    if not 0 <= nanos < 10**9 or not 1 <= seconds <= most or (seconds == most and nanos):
        raise Refused(
            Reason.INVALID_DURATION,
            f"must be from 1 second to {funnels.MAX_WINDOW.days} days",
            field=f"{field}.window",
        )
    return timedelta(seconds=seconds, microseconds=nanos // 1000)


def _numbered(field: str, place: int, message: messages.FunnelStage) -> FunnelStage:
    try:
        return _stage(field, message)
    except Refused as why:
        text = f"stage {place}: {why.message}"
        raise Refused(why.reason, text, field=why.field, metadata=why.metadata) from None


def _stage(field: str, message: messages.FunnelStage) -> FunnelStage:
    try:
        event_type = rules.event_type(message.event_type)
    except Refused as why:
        raise Refused(why.reason, why.message, field=f"{field}.event_type", metadata=why.metadata) from None
    if message.lead_stage and event_type != lead.STAGE_ENTERED:
        raise Refused(
            Reason.INVALID_VALUE, f"goes with {lead.STAGE_ENTERED} and no other type", field=f"{field}.lead_stage"
        )
    lead_stage = rules.identifier(f"{field}.lead_stage", message.lead_stage, rules.MAX_ID_BYTES)
    return FunnelStage(
        event_type=event_type,
        lead_stage=lead_stage,
        filter=_filter(f"{field}.filter", message.filter, [event_type]) if message.HasField("filter") else None,
        name=_short(f"{field}.name", message.name) or lead_stage or event_type,
    )


def _filter(field: str, message: messages.FunnelFilter, event_types: Sequence[str]) -> FunnelFilter:
    path = _path(f"{field}.path", message.path, event_types)
    equals = value_paths.equals(field, message)
    if path.field is not None and not isinstance(equals, str):
        raise Refused(Reason.INVALID_VALUE, f"{path.text} is text", field=f"{field}.equals")
    return FunnelFilter(path=path, equals=equals)


def _path(field: str, text: str, event_types: Sequence[str]) -> FunnelPath:
    if text not in funnels.NAMED:
        _checked(field, text, event_types)
    return FunnelPath(text=text)


def _checked(field: str, text: str, event_types: Sequence[str]) -> Path:
    try:
        return value_paths.path(field, text, event_types)
    except Refused as why:
        if why.reason is not Reason.INVALID_PATH:
            raise
        known = ", ".join(funnels.NAMED)
        raise Refused(
            why.reason, f"{why.message}; or it is one of {known}", field=field, metadata=why.metadata
        ) from None


def question(request: messages.QueryFunnelRequest) -> FunnelQuestion:
    """Returns the question of a request; refuses invalid fields."""
    funnel: str | FunnelDefinition
    match request.WhichOneof("funnel"):
        case "name":
            funnel = name("name", request.name)
        case "definition":
            funnel = definition("definition", request.definition)
        case _:
            raise rules.required("definition")
    request_limits.FUNNEL_FILTERS.check(len(request.filters))
    # Of a saved funnel the types of its events are not known here: any detail may be named.
    types = [one.event_type for one in funnel.stages] if isinstance(funnel, FunnelDefinition) else [_ANY_TYPE]
    return FunnelQuestion(
        period=shared.period(request.time_range),
        funnel=funnel,
        filters=[_filter("filters", one, types) for one in request.filters],
        breakdown=_path("breakdown", request.breakdown, types) if request.breakdown else None,
        top=shared.whole_number("top", request.top, default=DEFAULT_TOP, most=MAX_TOP),
    )


_ANY_TYPE = "any"


def funnel(kept: SavedFunnel) -> messages.Funnel:
    """Returns the message of a saved funnel."""
    created_at = timestamp_pb2.Timestamp()
    created_at.FromDatetime(kept.created_at)
    return messages.Funnel(name=kept.name, definition=_definition(kept.definition), created_at=created_at)


def _definition(own: FunnelDefinition) -> messages.FunnelDefinition:
    message = messages.FunnelDefinition(
        stages=map(_stage_message, own.stages), entity=_ENTITY_NUMBERS[own.entity], order=_ORDER_NUMBERS[own.order]
    )
    message.window.FromTimedelta(own.window)
    return message


def _stage_message(stage: FunnelStage) -> messages.FunnelStage:
    message = messages.FunnelStage(event_type=stage.event_type, lead_stage=stage.lead_stage, name=stage.name)
    if stage.filter is not None:
        message.filter.path = stage.filter.path.text
        match stage.filter.equals:
            case bool():
                message.filter.truth = stage.filter.equals
            case str():
                message.filter.text = stage.filter.equals
            case _:
                message.filter.number = stage.filter.equals
    return message


def response(answer: FunnelAnswer) -> messages.QueryFunnelResponse:
    """Returns the message of an answer."""
    names, found = [one.name for one in answer.definition.stages], answer.found
    return messages.QueryFunnelResponse(
        context=shared.context(answer.context),
        definition=_definition(answer.definition),
        total=_figures(names, found.total),
        rows=[messages.FunnelRow(value=value, figures=_figures(names, counts)) for value, counts in found.rows.items()],
        other=None if found.other is None else _figures(names, found.other),
        without_value=None if found.without is None else _figures(names, found.without),
        value_count=found.number,
    )


def _figures(names: Iterable[str], counts: FunnelCounts) -> messages.FunnelFigures:
    following = [*counts[1:], None]
    return messages.FunnelFigures(
        stages=[
            _stage_figures(named, one, after, counts[0].entered)
            for named, one, after in zip(names, counts, following, strict=True)
        ]
    )


def _stage_figures(named: str, one: StageCounts, after: StageCounts | None, cohort: int) -> messages.FunnelStageFigures:
    message = messages.FunnelStageFigures(name=named, entered=one.entered, reached=one.reached)
    if cohort:
        message.overall_conversion_rate = one.entered / cohort
    if one.median is not None and one.p95 is not None:
        message.median_time_ms, message.p95_time_ms = one.median // 1000, one.p95 // 1000
    if after is not None:
        message.converted, message.still_inside = after.entered, one.still_inside
        message.left = one.entered - after.entered - one.still_inside
        if one.entered:
            message.conversion_rate = after.entered / one.entered
            message.drop_off_rate = message.left / one.entered
    return message
