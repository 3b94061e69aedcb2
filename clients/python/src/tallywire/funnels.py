"""Funnels: how a client saves, lists and deletes them, and asks for their figures."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypedDict, Unpack, get_args

import grpc

from tallywire import requests, retries
from tallywire.v1 import funnel_service_pb2, funnel_service_pb2_grpc

EntityName = Literal["lead", "user", "conversation"]
Funnel = funnel_service_pb2.Funnel
Stage = funnel_service_pb2.FunnelStage
Value = str | float | bool

_ENTITIES: Final = {
    name: funnel_service_pb2.FunnelEntity.Value(f"FUNNEL_ENTITY_{name.upper()}") for name in get_args(EntityName)
}
# What a client calls a method with, as its questions do.
Call = Callable[["grpc.UnaryUnaryMultiCallable[Any, Any]", Callable[[], Any], retries.Policy, float | None], Any]


class FunnelOptions(TypedDict, total=False):
    """What a funnel may have besides its stages.

    entity: who goes through them, "lead", "user" or "conversation"; without, leads.
    any_order: whether stages may be entered in any order.
    window: how long after the first stage the last one may be entered; without, 30 days.
    """

    entity: EntityName
    any_order: bool
    window: timedelta | None


class FunnelQueryOptions(FunnelOptions, total=False):
    """What a question for a funnel may have besides a period. Of a saved funnel the definition is known.

    where: values by paths, such as {"campaign": "spring", "properties.plan": "gold"}, that keep a part of the cohort.
    breakdown: "agent", "campaign", "channel", "team" or a path, by whose values the cohort is broken down.
    top: the most rows of the breakdown; without, 10.
    time_zone: as in other questions.
    """

    where: Mapping[str, Value] | None
    breakdown: str | None
    top: int | None
    time_zone: str | None


def stage(event_type: str, lead_stage: str = "", *, where: tuple[str, Value] | None = None, name: str = "") -> Stage:
    """Returns a stage of a funnel: an event of a type, of lead.stage_entered that of a stage; where is a path and the
    value that must stand there.
    """
    message = Stage(event_type=event_type, lead_stage=lead_stage, name=name)
    if where is not None:
        message.filter.CopyFrom(_filter(*where))
    return message


def _filter(path: str, equals: Value) -> funnel_service_pb2.FunnelFilter:
    if isinstance(equals, bool):  # which is a number, too
        return funnel_service_pb2.FunnelFilter(path=path, truth=equals)
    if isinstance(equals, str):
        return funnel_service_pb2.FunnelFilter(path=path, text=equals)
    return funnel_service_pb2.FunnelFilter(path=path, number=equals)


def definition(stages: Sequence[str | Stage], options: FunnelOptions) -> funnel_service_pb2.FunnelDefinition:
    """Returns the definition of a funnel; a stage that is a text is a type of events. Raises ValueError for an unknown
    entity.
    """
    if isinstance(stages, str):
        raise TypeError("stages is a sequence, not one text")
    entity = options.get("entity", "lead")
    if entity not in _ENTITIES:
        raise ValueError(f"entity is one of {', '.join(_ENTITIES)}, not {entity!r}")
    message = funnel_service_pb2.FunnelDefinition(
        stages=[stage(one) if isinstance(one, str) else one for one in stages],
        entity=_ENTITIES[entity],
        order=funnel_service_pb2.FUNNEL_ORDER_ANY_ORDER
        if options.get("any_order")
        else funnel_service_pb2.FUNNEL_ORDER_IN_ORDER,
    )
    window = options.get("window")
    if window is not None:
        message.window.FromTimedelta(window)
    return message


def question(
    start: datetime, end: datetime, funnel: str | Sequence[str | Stage], options: FunnelQueryOptions
) -> funnel_service_pb2.QueryFunnelRequest:
    """Returns the request for the figures of a funnel: a saved one by its name, or one of these stages."""
    request = funnel_service_pb2.QueryFunnelRequest(
        time_range=requests.time_range(start, end, options.get("time_zone")),
        filters=[_filter(path, value) for path, value in (options.get("where") or {}).items()],
        breakdown=options.get("breakdown") or "",
        top=options.get("top") or 0,
    )
    if isinstance(funnel, str):
        request.name = funnel
        if given := [name for name in ("entity", "any_order", "window") if options.get(name)]:
            raise ValueError(f"a saved funnel is defined already: {', '.join(given)} goes with stages")
    else:
        own: FunnelOptions = {}
        if "entity" in options:
            own["entity"] = options["entity"]
        own["any_order"] = options.get("any_order", False)
        own["window"] = options.get("window")
        request.definition.CopyFrom(definition(funnel, own))
    return request


def saving(
    name: str, stages: Sequence[str | Stage], request_id: str, options: FunnelOptions
) -> funnel_service_pb2.CreateFunnelRequest:
    """Returns the request that saves a funnel."""
    funnel = Funnel(name=name, definition=definition(stages, options))
    return funnel_service_pb2.CreateFunnelRequest(funnel=funnel, request_id=request_id)


class Funnels:
    """Funnels of the organization, as `client.funnels`. To save and delete them needs a key with the scope admin."""

    def __init__(self, channel: grpc.Channel, call: Call) -> None:
        self._stub = funnel_service_pb2_grpc.FunnelServiceStub(channel)
        self._call = call

    def query(
        self,
        start: datetime,
        end: datetime,
        funnel: str | Sequence[str | Stage],
        *,
        timeout: float | None = None,
        **options: Unpack[FunnelQueryOptions],
    ) -> funnel_service_pb2.QueryFunnelResponse:
        """Returns the figures of a funnel of those that entered its first stage in [start, end): a saved one by its
        name, or one of stages, each a type of events or made by stage().

        The options are where, breakdown, top and time_zone, and of stages entity, any_order and window
        (FunnelQueryOptions). Raises NotFound for a name that is not there, and FailedPrecondition where raw events are
        needed and are gone or too many.
        """
        request = question(start, end, funnel, options)
        found: funnel_service_pb2.QueryFunnelResponse = self._call(
            self._stub.QueryFunnel, lambda: request, retries.QUERY, timeout
        )
        return found

    def create(
        self,
        name: str,
        stages: Sequence[str | Stage],
        *,
        request_id: str = "",
        timeout: float | None = None,
        **options: Unpack[FunnelOptions],
    ) -> Funnel:
        """Saves a funnel and returns it; with a request_id it is safe to do that again.

        Raises AlreadyExists if the organization has one of this name, and ResourceExhausted for more than 100.
        """
        request = saving(name, stages, request_id, options)
        found: Funnel = self._call(self._stub.CreateFunnel, lambda: request, retries.CHANGE, timeout).funnel
        return found

    def get(self, name: str, *, timeout: float | None = None) -> Funnel:
        """Returns a saved funnel. Raises NotFound if there is none of this name."""
        request = funnel_service_pb2.GetFunnelRequest(name=name)
        found: Funnel = self._call(self._stub.GetFunnel, lambda: request, retries.QUERY, timeout).funnel
        return found

    def list(self, *, timeout: float | None = None) -> Sequence[Funnel]:
        """Returns all saved funnels, by name."""
        request = funnel_service_pb2.ListFunnelsRequest()
        return [*self._call(self._stub.ListFunnels, lambda: request, retries.QUERY, timeout).funnels]

    def delete(self, name: str, *, timeout: float | None = None) -> None:
        """Deletes a saved funnel. Raises NotFound if there is none of this name."""
        request = funnel_service_pb2.DeleteFunnelRequest(name=name)
        self._call(self._stub.DeleteFunnel, lambda: request, retries.CHANGE, timeout)
