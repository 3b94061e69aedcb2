"""AuditService: conversion between messages and values."""

import json
from collections.abc import Callable
from datetime import datetime

from google.protobuf import struct_pb2, timestamp_pb2

from server import timerange
from server.errors import Reason, Refused
from server.events import rules
from server.organizations.audit_trail import ActorKind, Chosen, KeptEntry, hashed_form
from server.query.audit_entries import AuditEntriesQuestion, AuditEntryList
from server.query.verifications import FigureNames, Repaired, VerificationAnswer
from server.rollups.checks import Fault
from server.rollups.differences import Difference, FigurePart
from server.rpc.questions import shared
from tallywire.v1 import audit_service_pb2

MAX_DIFFERENCES, _DEFAULT_DIFFERENCES = 1_000, 100
_MOST_LISTED = 1_000
_PAGE_SIZE, _MAX_PAGE_SIZE = 100, 1_000
_LONGEST = 256

_ACTOR_KINDS = {one: audit_service_pb2.ActorKind.Value(f"ACTOR_KIND_{one.name}") for one in ActorKind}
_KINDS = {
    one: audit_service_pb2.DifferenceKind.Value(f"DIFFERENCE_KIND_{'FIGURE' if one is Fault.CELL else one.name}")
    for one in Fault
}
_PARTS = {one: audit_service_pb2.FigurePart.Value(f"FIGURE_PART_{one.name}") for one in FigurePart}


def most_differences(request: audit_service_pb2.VerifyMetricsRequest) -> int:
    """Returns how many differences a verification may list."""
    asked = request.max_differences
    return shared.whole_number("max_differences", asked, default=_DEFAULT_DIFFERENCES, most=MAX_DIFFERENCES)


def verification(answer: VerificationAnswer, *, is_last: bool) -> audit_service_pb2.VerifyMetricsResponse:
    """Returns the message of a verification: how far it is, or what came of it."""
    done = answer.done
    if not is_last:
        progress = audit_service_pb2.VerificationProgress(
            covered=done.covered,
            until=shared.timestamp(done.until),
            events=done.events,
            cells=done.cells,
            difference_count=done.number,
        )
        return audit_service_pb2.VerifyMetricsResponse(progress=progress)
    result = audit_service_pb2.VerificationResult(
        context=shared.context(answer.context),
        first_revision=done.first_revision or 0,
        events=done.events,
        cells=done.cells,
        difference_count=done.number,
        differences=[_difference(one, answer.names) for one in done.differences],
        digest=done.digest.hexdigest(),
        seconds=done.seconds,
        unverifiable_until=None if done.raw_from is None else shared.timestamp(done.raw_from),
        unverified=sorted(done.unverified),
        is_realtime_verified=done.is_realtime_verified,
    )
    return audit_service_pb2.VerifyMetricsResponse(result=result)


def _difference(one: Difference, names: FigureNames) -> audit_service_pb2.MetricDifference:
    message = audit_service_pb2.MetricDifference(
        kind=_KINDS[one.fault],
        bucket_start=timestamp_pb2.Timestamp(seconds=one.start),
        bucket_seconds=one.seconds,
        count=one.count,
    )
    if one.part is not None:
        message.dimension = names.dimension(one.dimension)
        message.value = one.value
        message.measure = names.measure(one.measure)
        message.part = _PARTS[one.part]
        message.stored, message.expected = one.stored, one.expected
    return message


def repair(answer: Repaired) -> audit_service_pb2.RepairMetricsResponse:
    """Returns the message of a repair: how far it is, or what came of it."""
    done = answer.repair
    if answer.context is None:
        progress = audit_service_pb2.VerificationProgress(
            covered=done.covered, until=shared.timestamp(done.until), events=done.events, cells=done.cells
        )
        return audit_service_pb2.RepairMetricsResponse(progress=progress)
    result = audit_service_pb2.RepairResult(
        context=shared.context(answer.context),
        cells=done.cells,
        repaired_cells=done.repaired,
        rewritten_rollups=done.rewritten,
        repaired_minutes=done.minutes,
        revisions=answer.revisions[:_MOST_LISTED],
        audit_entries=answer.entries[:_MOST_LISTED],
        needs_rebuild=sorted(done.needs_rebuild),
        unverifiable_until=None if done.raw_from is None else shared.timestamp(done.raw_from),
    )
    return audit_service_pb2.RepairMetricsResponse(result=result)


def entries_question(
    request: audit_service_pb2.ListAuditEntriesRequest, told_id: Callable[[str], str]
) -> AuditEntriesQuestion:
    """Returns the question for entries of the audit trail. told_id gives the digest as which ids are told."""
    kinds = {number: kind for kind, number in _ACTOR_KINDS.items()}
    if request.actor_kind and request.actor_kind not in kinds:
        raise Refused(Reason.INVALID_ENUM, "not a known kind of actor", field="actor_kind")
    kind = kinds.get(request.actor_kind)
    since = _instant("since", request.since) if request.HasField("since") else None
    until = _instant("until", request.until) if request.HasField("until") else None
    if since is not None and until is not None and since >= until:
        raise Refused(Reason.INVALID_TIME_RANGE, "must be later than since", field="until")
    return AuditEntriesQuestion(
        chosen=Chosen(
            actor_kind=None if kind is None else kind.value,
            actor_id=_text("actor_id", request.actor_id),
            actions=_text("action_prefix", request.action_prefix),
            subject=(subject := _text("subject", request.subject)),
            digest=told_id(subject) if subject else None,
            since=since,
            until=until,
        ),
        page_size=shared.page_size(request.page_size, _PAGE_SIZE, _MAX_PAGE_SIZE),
        page_token=request.page_token,
    )


def _text(field: str, value: str) -> str | None:
    return rules.identifier(field, value, _LONGEST) if value else None


def _instant(field: str, message: timestamp_pb2.Timestamp) -> datetime:
    return timerange.of_microseconds(rules.timestamp(field, message.seconds, message.nanos))


def entries(page: AuditEntryList) -> audit_service_pb2.ListAuditEntriesResponse:
    """Returns the message of a page of the audit trail."""
    return audit_service_pb2.ListAuditEntriesResponse(
        entries=map(_entry, page.entries), next_page_token=page.next_page_token
    )


def _entry(one: KeptEntry) -> audit_service_pb2.AuditEntry:
    return audit_service_pb2.AuditEntry(
        number=one.number,
        at=shared.instant(one.at),
        actor_kind=_ACTOR_KINDS[one.actor.kind],
        actor_id=one.actor.id,
        peer=one.actor.peer,
        action=one.action,
        subject=one.subject,
        before=_struct(one.before),
        after=_struct(one.after),
        hash=one.hash.hex(),
        hashed=hashed_form(one),
    )


def _struct(text: str) -> struct_pb2.Struct | None:
    if not text:
        return None
    message = struct_pb2.Struct()
    message.update(json.loads(text))
    return message
