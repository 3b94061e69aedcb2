"""The filters of realtime requests: some values of one dimension."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from server.admission import request_limits
from server.catalog import dimensions
from server.catalog.cells import OTHER
from server.catalog.dimensions import Dimension
from server.errors import Reason, Refused
from server.events import rules
from server.realtime.view import ViewFilter
from tallywire.v1 import realtime_service_pb2

_EVERYTHING = ViewFilter()


def of_figures(message: realtime_service_pb2.RealtimeFilter) -> ViewFilter:
    """Returns the filter of a request for realtime figures."""
    return _filter(message, dimensions.TABLE.of_realtime, "realtime figures")


def of_updates(message: realtime_service_pb2.RealtimeFilter) -> ViewFilter:
    """Returns the filter of a request for updates."""
    return _filter(message, dimensions.TABLE.of_updates, "updates")


class _Named(NamedTuple):
    """A value in a filter with the name of its dimension, and the fields of the request that hold the two."""

    dimension: str
    value: str
    dimension_field: str
    value_field: str


def _filter(message: realtime_service_pb2.RealtimeFilter, possible: Sequence[Dimension], narrowed: str) -> ViewFilter:
    """Returns the filter; refuses a dimension that is not possible, and a second one."""
    request_limits.REALTIME_VALUES.check(len(message.agent_ids) + bool(message.channel) + len(message.dimensions))
    chosen: Dimension | None = None
    values: set[str] = set()
    for one in _named(message):
        dimension = _dimension(one, possible, narrowed)
        if chosen is not None and dimension is not chosen:
            raise _second_dimension(one.dimension_field, chosen, dimension)
        chosen = dimension
        values.add(_value(one, dimension))
    return _EVERYTHING if chosen is None else ViewFilter(dimension=chosen, values=frozenset(values))


def _named(message: realtime_service_pb2.RealtimeFilter) -> Iterator[_Named]:
    for agent_id in message.agent_ids:
        yield _Named(dimensions.AGENT.name, agent_id, "filter.agent_ids", "filter.agent_ids")
    if message.channel:
        yield _Named(dimensions.CHANNEL.name, message.channel, "filter.channel", "filter.channel")
    for one in message.dimensions:
        yield _Named(one.dimension, one.value, "filter.dimensions.dimension", "filter.dimensions.value")


def _dimension(named: _Named, possible: Sequence[Dimension], narrowed: str) -> Dimension:
    for one in possible:
        if one.name == named.dimension:
            return one
    name = named.dimension[:64]
    raise Refused(
        Reason.UNKNOWN_DIMENSION,
        f"{name!r} is no dimension that {narrowed} can be narrowed by; these are: "
        + ", ".join(one.name for one in possible),
        field=named.dimension_field,
        metadata={"dimension": name},
    )


def _second_dimension(field: str, first: Dimension, second: Dimension) -> Refused:
    return Refused(
        Reason.TOO_MANY_FILTERS,
        f"a realtime filter names values of one dimension, and this one names values of {first.name} and of"
        f" {second.name}: leave one of the two out",
        field=field,
        metadata={"limit": "1"},
    )


def _value(named: _Named, dimension: Dimension) -> str:
    if not named.value:
        raise rules.required(named.value_field)
    if named.value == OTHER:
        raise Refused(
            Reason.INVALID_VALUE,
            f"{OTHER} is no value of an event: watch everything instead",
            field=named.value_field,
        )
    return rules.identifier(named.value_field, named.value, dimension.max_bytes)
