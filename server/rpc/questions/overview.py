"""GetOverview: conversion between messages and values."""

from server.query.changes import Absence, Change
from server.query.overview import Overview, OverviewQuestion
from server.rpc.questions import shared
from tallywire.v1 import answer_pb2, metrics_service_pb2

_ABSENCES = {one: answer_pb2.AbsenceReason.Value(f"ABSENCE_REASON_{one.name}") for one in Absence}


def question(request: metrics_service_pb2.GetOverviewRequest) -> OverviewQuestion:
    """Returns the question of a request; refuses invalid fields."""
    return OverviewQuestion(period=shared.period(request.time_range), part=shared.part(request.filter))


def response(answer: Overview) -> metrics_service_pb2.GetOverviewResponse:
    """Returns the message of an answer."""
    message = metrics_service_pb2.Overview(
        storage_by_kind=shared.storage(answer.storage_by_kind),
        events_by_type=[
            metrics_service_pb2.EventTypeCount(event_type=name, events=count)
            for name, count in (answer.events_by_type or {}).items()
        ],
        **{name: _change(change) for name, change in answer.changes.items()},  # type: ignore[arg-type]
    )
    shared.set_figures(message, answer.figures)
    if answer.storage_by_kind is not None:
        message.storage_used_bytes = sum(answer.storage_by_kind.values())
    return metrics_service_pb2.GetOverviewResponse(context=shared.context(answer.context), overview=message)


def _change(change: Change) -> answer_pb2.Change:
    if change.absence is not None:
        return answer_pb2.Change(absence_reason=_ABSENCES[change.absence])
    return answer_pb2.Change(percent=change.percent)
