"""The requests that the command `export` makes of its options: by the fields that each kind of request has."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf import json_format
from google.protobuf.message import Message

from tallywire import requests
from tallywire.cli import period
from tallywire.cli.problems import WrongUsage
from tallywire.v1 import export_service_pb2

_METRICS: Final = export_service_pb2.ExportMetricsRequest.DESCRIPTOR.oneofs_by_name["question"].fields
_ROWS: Final = export_service_pb2.ExportRowsRequest.DESCRIPTOR.oneofs_by_name["rows"].fields
_COMMANDS: Final = {  # where the command that shows the same has another name
    "usage_trends": "usage",
    "daily_stats": "daily",
    "api_usage": "api",
    "call_metrics": "calls",
    "content_gaps": "gaps",
    "audit_entries": "audit-log",
}
# The requests that can be exported, by the names of the command.
KINDS: Final[Mapping[str, Any]] = {
    _COMMANDS.get(one.name, one.name).replace("_", "-"): one.message_type for one in (*_METRICS, *_ROWS)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportChoice:
    """What the options say beside the period."""

    only: requests.Only
    metrics: Sequence[str]
    group_by: Sequence[str]
    granularity: requests.GranularityName | None
    compare: requests.CompareName | None
    fields: Mapping[str, str]  # texts of fields with options of their own: user_id
    event_types: Sequence[str]
    more: str  # fields in JSON


def takes_period(kind: str) -> bool:
    """Returns whether a request is about a period. Raises WrongUsage for no kind of request."""
    return "time_range" in _descriptor(kind).fields_by_name


def _descriptor(kind: str) -> Any:
    found = KINDS.get(kind)
    if found is None:
        raise WrongUsage(f"{kind!r} cannot be exported; these can: {', '.join(KINDS)}")
    return found


def request(kind: str, asked: period.AskedPeriod | None, chosen: ExportChoice) -> Message:
    """Returns the request. Raises WrongUsage for options that it has no field for, and for JSON that is none of it."""
    message: Any = _descriptor(kind)._concrete_class()
    if asked is not None:
        message.time_range.CopyFrom(requests.time_range(asked.start, asked.end, asked.time_zone))
    _narrow(kind, message, chosen)
    for option, name, values in (("--metric", "metrics", chosen.metrics), ("--by", "group_by", chosen.group_by)):
        if values:
            _need(kind, message, option, name)
            getattr(message, name).extend(values)
    if chosen.granularity is not None:
        number = requests.granularity_number("granularity", chosen.granularity)
        if "granularity" in message.DESCRIPTOR.fields_by_name:
            message.granularity = number
        else:
            _need(kind, message, "--granularity", "series")
            message.series.granularity = number
    if chosen.compare is not None:
        _need(kind, message, "--compare", "comparison")
        message.comparison.CopyFrom(requests.comparison(chosen.compare))
    if chosen.more:
        try:
            fields = json.loads(chosen.more)
            if not isinstance(fields, dict):
                raise TypeError("not an object")
            json_format.ParseDict(fields, message)
        except (json_format.ParseError, json.JSONDecodeError, TypeError) as error:
            raise WrongUsage(f"--request: not what a request of {kind} has: {error}") from None
    return message  # type: ignore[no-any-return] # a message, by its descriptor


def _need(kind: str, message: Message, option: str, name: str) -> None:
    if name not in message.DESCRIPTOR.fields_by_name:
        raise WrongUsage(f"{option} does not go with {kind}")


def _narrow(kind: str, message: Any, chosen: ExportChoice) -> None:
    """Sets filters: in the request's filter if it has one, and else in fields of its own."""
    given = {name: value for name, value in chosen.only.items() if value}
    dimensions: Any = given.pop("dimensions", None)
    texts = {**given, **chosen.fields}
    has_filter = "filter" in message.DESCRIPTOR.fields_by_name
    known = message.DESCRIPTOR.fields_by_name["filter"].message_type if has_filter else message.DESCRIPTOR
    for name, value in texts.items():
        if name not in known.fields_by_name:
            raise WrongUsage(f"--{name.removesuffix('_id')} does not go with {kind}")
        setattr(message.filter if has_filter else message, name, value)
    if dimensions:
        if "dimensions" not in known.fields_by_name:
            raise WrongUsage(f"--where does not go with {kind}")
        narrowed = requests.answer_filter(dimensions=dimensions)
        assert narrowed is not None  # noqa: S101 - there are dimensions
        message.filter.dimensions.extend(narrowed.dimensions)
    if chosen.event_types:
        if not has_filter or "event_types" not in known.fields_by_name:
            raise WrongUsage(f"--type does not go with {kind}")
        message.filter.event_types.extend(chosen.event_types)
