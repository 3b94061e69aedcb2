"""Paths to values in events, and what must stand there: conversion from messages, and what they may be."""

import math
from collections.abc import Mapping, Sequence

from google.protobuf.descriptor import FieldDescriptor

from server.catalog.custom_metrics import MAX_VALUE_BYTES, Path
from server.errors import Reason, Refused
from server.events import rules
from tallywire.v1 import custom_metric_service_pb2, event_pb2, funnel_service_pb2

_MAX_PATH_BYTES = 512
# The fields of the details of each family.
_DETAILS: Mapping[str, Mapping[str, FieldDescriptor]] = {
    family.name: family.message_type.fields_by_name
    for family in event_pb2.Event.DESCRIPTOR.oneofs_by_name["detail"].fields
    if family.message_type is not None
}


def equals(
    field: str, message: custom_metric_service_pb2.CustomMetricFilter | funnel_service_pb2.FunnelFilter
) -> str | float | bool:
    """Returns what a filter wants to stand at its path."""
    match message.WhichOneof("equals"):
        case "text":
            return rules.identifier(f"{field}.text", message.text, MAX_VALUE_BYTES)
        case "number":
            if not math.isfinite(message.number):
                raise Refused(Reason.NOT_A_NUMBER, "NaN and infinity are not numbers", field=f"{field}.number")
            return message.number
        case "truth":
            return message.truth
        case _:
            raise rules.required(f"{field}.equals")


def path(field: str, text: str, event_types: Sequence[str], *, only_numbers: bool = False) -> Path:
    """Returns a path; refuses one that no event of these types can have a value at, or no number where there must be
    numbers alone.
    """
    if not text:
        raise rules.required(field)
    rules.identifier(field, text, _MAX_PATH_BYTES)
    found = Path.of(text)
    root = text.partition(".")[0]
    if root not in ("properties", "detail") or not found.keys or not all(found.keys):
        raise _bad_path(field, text, "it must be like properties.order.total or detail.response_time_ms")
    if len(found.keys) > rules.MAX_PROPERTIES_DEPTH:
        raise _bad_path(field, text, f"properties are at most {rules.MAX_PROPERTIES_DEPTH} levels deep")
    if found.is_detail:
        _check_detail(field, found, event_types, only_numbers=only_numbers)
    return found


def _check_detail(field: str, path: Path, event_types: Sequence[str], *, only_numbers: bool) -> None:
    """Refuses a field that the details of no event type have. Events of types that the service does not know may carry
    any detail.
    """
    known = {rules.FAMILIES[one] for one in event_types if one in rules.FAMILIES}
    families = _DETAILS.keys() if any(one not in rules.FAMILIES for one in event_types) else known
    if len(path.keys) > 1:
        raise _bad_path(field, path.text, "details have fields, and nothing below them")
    found = [one for family in families if (one := _DETAILS[family].get(path.keys[0])) is not None]
    if not found:
        options = sorted({name for family in families for name in _DETAILS[family]})
        few = ", ".join(options[:30]) + (" …" if len(options) > 30 else "")
        raise _bad_path(field, path.text, f"details of these event types have no such field; they have: {few}")
    if only_numbers and all(one.type == FieldDescriptor.TYPE_STRING for one in found):
        raise _bad_path(field, path.text, "this field holds text, and the aggregation needs numbers")


def _bad_path(field: str, path: str, why: str) -> Refused:
    return Refused(
        Reason.INVALID_PATH, f"{path[:100]!r} names no value: {why}", field=field, metadata={"path": path[:100]}
    )
