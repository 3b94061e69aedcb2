"""What embed tokens may ask, which the gate sees to: a few RPCs, each narrowed to the token's filter, for figures of
many and never for people and conversations one by one: whoever sees the page sees what its panel may ask.
"""

from typing import Any, Final

from server.catalog import dimensions
from server.errors import Reason, Refused
from server.tenancy.principal import EmbedGrant
from tallywire.v1 import answer_pb2, metrics_service_pb2, realtime_service_pb2

# The RPCs that a token may name: those whose requests have a filter, and the catalogue, which says nothing of events.
METHODS: Final = {
    "GetOverview": "/tallywire.v1.MetricsService/GetOverview",
    "GetUsageTrends": "/tallywire.v1.MetricsService/GetUsageTrends",
    "QueryMetrics": "/tallywire.v1.MetricsService/QueryMetrics",
    "ListMetrics": "/tallywire.v1.MetricsService/ListMetrics",
    "GetRealtimeMetrics": "/tallywire.v1.RealtimeService/GetRealtimeMetrics",
    "WatchMetrics": "/tallywire.v1.RealtimeService/WatchMetrics",
}
ALWAYS: Final = "/tallywire.v1.AccountService/GetSession"  # whatever a token names
_UNNARROWED = frozenset({"tallywire.v1.ListMetricsRequest", "tallywire.v1.GetSessionRequest"})
_FIELDS = {"agent_id": "agent", "channel": "channel", "team_id": "team"}


def check(method: str, grant: EmbedGrant) -> None:
    """Refuses a method that a token does not allow."""
    name = method.rpartition("/")[2]
    if method != ALWAYS and (name not in grant.rpcs or METHODS.get(name) != method):
        raise Refused(
            Reason.EMBED_NOT_ALLOWED, f"the embed token does not allow {name}", metadata={"rpc": method.lstrip("/")}
        )


def narrow(request: Any, grant: EmbedGrant) -> None:
    """Narrows a request to a token's filter; refuses one that has another filter, or asks for a list of users."""
    if isinstance(request, metrics_service_pb2.QueryMetricsRequest) and dimensions.USER.name in request.group_by:
        raise _not_allowed(request, "embed tokens are not shown users one by one", "group_by")
    if not grant.conditions or request.DESCRIPTOR.full_name in _UNNARROWED:
        return
    asked = conditions(request.filter)
    if asked and asked != frozenset(grant.conditions):
        raise _not_allowed(request, "the embed token is tied to another filter: leave the filter out", "filter")
    request.filter.Clear()
    set_conditions(request.filter, grant.conditions)


def _not_allowed(request: Any, why: str, field: str) -> Refused:
    method = METHODS[request.DESCRIPTOR.name.removesuffix("Request")]
    return Refused(Reason.EMBED_NOT_ALLOWED, why, field=field, metadata={"rpc": method.lstrip("/")})


def conditions(
    message: answer_pb2.Filter | realtime_service_pb2.RealtimeFilter,
) -> frozenset[tuple[str, str]]:
    """Returns the dimensions and values that a filter names."""
    found = {(one.dimension, one.value) for one in message.dimensions}
    if isinstance(message, realtime_service_pb2.RealtimeFilter):
        found |= {("agent", value) for value in message.agent_ids}
        found |= {("channel", message.channel)} if message.channel else set()
    else:
        found |= {(dimension, value) for name, dimension in _FIELDS.items() if (value := getattr(message, name))}
    return frozenset(found)


def set_conditions(
    message: answer_pb2.Filter | realtime_service_pb2.RealtimeFilter, chosen: tuple[tuple[str, str], ...]
) -> None:
    """Makes a filter of dimensions and values."""
    for dimension, value in chosen:
        message.dimensions.add(dimension=dimension, value=value)
