"""Requests for lists of what figures are about, from friendly arguments."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, Literal, TypedDict

from tallywire import events
from tallywire.v1 import agent_pb2, event_pb2, lead_pb2, metrics_service_pb2

PAGE_SIZE: Final = 1_000  # the largest that the server gives
AgentOrderName = Literal["agent_id", "name", "last_seen"]
AgentKindName = Literal["ai", "human"]
AgentStatusName = Literal["available", "busy", "away", "offline"]
_ASCENDING, _DESCENDING = (
    metrics_service_pb2.SORT_DIRECTION_ASCENDING,
    metrics_service_pb2.SORT_DIRECTION_DESCENDING,
)


class AgentsOptions(TypedDict, total=False):
    """What a list of agents may be narrowed to, and its order.

    prefix: what agent_id or name begins with. deleted: only those that were deleted, or only those that were not.
    """

    prefix: str | None
    kind: AgentKindName | None
    team_id: str | None
    status: AgentStatusName | None
    deleted: bool | None
    order_by: AgentOrderName | None
    descending: bool


def agents(options: AgentsOptions, page_size: int, page_token: str) -> agent_pb2.ListAgentsRequest:
    """Returns the request for a page of agents. Raises ValueError for an unknown kind, status or order."""
    return agent_pb2.ListAgentsRequest(
        prefix=options.get("prefix") or "",
        kind=number("kind", AGENT_KINDS, options.get("kind")),
        team_id=options.get("team_id") or "",
        status=number("status", AGENT_STATUSES, options.get("status")),
        deleted=options.get("deleted"),
        order_by=number("order_by", AGENT_ORDERS, options.get("order_by")),
        direction=_DESCENDING if options.get("descending") else _ASCENDING,
        page_size=page_size,
        page_token=page_token,
    )


LeadOrderName = Literal["created", "last_seen", "value", "lead_id"]
LeadOutcomeName = Literal["open", "converted", "lost"]


class LeadsOptions(TypedDict, total=False):
    """What a list of leads may be narrowed to, and its order.

    prefix: what lead_id begins with. reached_stage: a stage that it has entered; stage: the one that it entered last.
    descending: without, as the server does: the newest, latest or greatest first, and by lead_id ascending.
    rows_token: that of a figure, in place of all filters: the leads that it was counted from, each with its amount.
    """

    prefix: str | None
    agent_id: str | None
    channel: str | None
    team_id: str | None
    campaign_id: str | None
    reached_stage: str | None
    stage: str | None
    outcome: LeadOutcomeName | None
    min_value_micros: int | None
    max_value_micros: int | None
    currency: str | None
    created_from: datetime | None
    created_before: datetime | None
    rows_token: str | None
    order_by: LeadOrderName | None
    descending: bool | None


def leads(options: LeadsOptions, page_size: int, page_token: str) -> lead_pb2.ListLeadsRequest:
    """Returns the request for a page of leads. Raises ValueError for an unknown outcome or order, and naive times."""
    chosen, descending = dict(options), options.get("descending")
    unset = metrics_service_pb2.SORT_DIRECTION_UNSPECIFIED
    request = lead_pb2.ListLeadsRequest(
        outcome=number("outcome", LEAD_OUTCOMES, options.get("outcome")),
        order_by=number("order_by", LEAD_ORDERS, options.get("order_by")),
        direction=unset if descending is None else _DESCENDING if descending else _ASCENDING,
        min_value_micros=options.get("min_value_micros"),
        max_value_micros=options.get("max_value_micros"),
        page_size=page_size,
        page_token=page_token,
    )
    for name in _LEAD_TEXTS:
        setattr(request, name, chosen.get(name) or "")
    if (created_from := options.get("created_from")) is not None:
        request.created_from.CopyFrom(events.timestamp(created_from, "created_from"))
    if (created_before := options.get("created_before")) is not None:
        request.created_before.CopyFrom(events.timestamp(created_before, "created_before"))
    return request


_LEAD_TEXTS: Final = (
    *("prefix", "agent_id", "channel", "team_id", "campaign_id"),
    *("reached_stage", "stage", "currency", "rows_token"),
)


def number(argument: str, numbers: Mapping[str, int], name: str | None) -> Any:
    """Returns the number of a value of an enum by a short name, 0 without one. Raises ValueError for another name."""
    if name is None:
        return 0
    if name not in numbers:
        raise ValueError(f"{argument} is one of {', '.join(numbers)}, not {name!r}")
    return numbers[name]


def named(prefix: str, values: Iterable[tuple[str, int]]) -> Mapping[str, int]:
    """Returns the numbers of an enum by short names."""
    return {name.removeprefix(prefix).lower(): value for name, value in values if value}


AGENT_KINDS: Final = named("AGENT_KIND_", event_pb2.AgentKind.items())
AGENT_STATUSES: Final = named("AGENT_STATUS_", event_pb2.AgentStatus.items())
AGENT_ORDERS: Final = named("AGENT_ORDER_", agent_pb2.AgentOrder.items())
LEAD_OUTCOMES: Final = named("LEAD_OUTCOME_", lead_pb2.LeadOutcome.items())
LEAD_ORDERS: Final = named("LEAD_ORDER_", lead_pb2.LeadOrder.items())
