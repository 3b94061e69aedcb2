"""GetOverview: conversion between messages and values."""

from collections.abc import Mapping

from server.catalog.figures import Figures
from server.query.overview import Overview, OverviewQuestion
from server.rpc.questions import shared
from server.rpc.questions.rows import Tokens
from tallywire.v1 import metrics_service_pb2


def question(request: metrics_service_pb2.GetOverviewRequest) -> OverviewQuestion:
    """Returns the question of a request; refuses invalid fields."""
    return OverviewQuestion(
        period=shared.period(request.time_range),
        part=shared.part(request.filter),
        comparison=shared.compared_with(request.comparison),
        with_rows=request.include_rows_tokens,
    )


def response(answer: Overview, tokens: Tokens) -> metrics_service_pb2.GetOverviewResponse:
    """Returns the message of an answer."""
    message = _overview(answer.figures, answer.storage_by_kind)
    message.events_by_type.extend(
        metrics_service_pb2.EventTypeCount(event_type=name, events=count)
        for name, count in (answer.events_by_type or {}).items()
    )
    for name, change in answer.changes.items():
        getattr(message, name).CopyFrom(shared.change(change))
    earlier = answer.earlier
    return metrics_service_pb2.GetOverviewResponse(
        context=shared.context(answer.context),
        overview=message,
        compared=shared.compared(answer.compared),
        rows_tokens=tokens(answer.opened),
        earlier=_overview(earlier.figures, earlier.storage_by_kind) if earlier else None,
    )


def _overview(figures: Figures, storage_by_kind: Mapping[str, int] | None) -> metrics_service_pb2.Overview:
    message = metrics_service_pb2.Overview(storage_by_kind=shared.storage(storage_by_kind))
    shared.set_figures(message, figures)
    if storage_by_kind is not None:
        message.storage_used_bytes = sum(storage_by_kind.values())
    return message
