"""GetQuota: conversion between messages and values."""

from google.protobuf import timestamp_pb2

from server.query.quota import Quota
from server.rpc.questions import shared
from tallywire.v1 import metrics_service_pb2


def response(answer: Quota) -> metrics_service_pb2.GetQuotaResponse:
    """Returns the message of an answer."""
    resets_at = timestamp_pb2.Timestamp()
    resets_at.FromDatetime(answer.resets_at)
    return metrics_service_pb2.GetQuotaResponse(
        context=shared.context(answer.context),
        quota=metrics_service_pb2.MonthlyQuota(
            limit=answer.limit,
            used=answer.used,
            remaining=answer.remaining,
            share=answer.share,
            resets_at=resets_at,
            events_per_day=answer.events_per_day,
            projected_used=answer.projected_used,
            runs_out_on=answer.runs_out_on.isoformat() if answer.runs_out_on else "",
        ),
    )
