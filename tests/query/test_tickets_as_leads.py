"""Tickets of a real log as leads: stages, times and reopenings are what the log says, counted without the service."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
import real_data
import uci
from google.protobuf import duration_pb2

from server.store.database import Database
from server.tenancy.principal import Scope
from tallywire import funnels
from tallywire.v1 import directory_service_pb2_grpc, funnel_service_pb2, funnel_service_pb2_grpc, lead_pb2
from tests.support import effort, serving, worlds
from tests.support.serving import EVERYTHING, Accounts, Caller

pytestmark = pytest.mark.skipif(
    not uci.DATA.exists(), reason="the log of tickets is not part of this repository and does not lie beside it"
)
ALL = 25_000
YEAR = duration_pb2.Duration(seconds=366 * 86_400)
YEARS = serving.period("2016-01-01", "2018-01-01")
Tickets = Sequence[list[dict[str, str]]]


async def ask(caller: Caller, *stages: funnels.Stage, **fields: str) -> funnel_service_pb2.QueryFunnelResponse:
    own = funnel_service_pb2.FunnelDefinition(stages=stages, window=YEAR)
    request = funnel_service_pb2.QueryFunnelRequest(time_range=YEARS, definition=own, **fields)
    stub = funnel_service_pb2_grpc.FunnelServiceStub(caller.channel)
    answer: funnel_service_pb2.QueryFunnelResponse = await stub.QueryFunnel(
        request, metadata=caller.metadata, timeout=60
    )
    return answer


def state(name: str) -> funnels.Stage:
    return funnels.stage("lead.stage_entered", name)


def passed(tickets: Tickets, *states: str) -> list[int]:
    """How many tickets passed some states in order: each row at or after that of the state before."""
    counts = [0] * len(states)
    for rows in tickets:
        at = uci.time_of("01/01/2000 00:00")
        for place, name in enumerate(states):
            times = [uci.time_of(row["sys_updated_at"]) for row in rows if row["incident_state"] == name]
            following = [one for one in times if one >= at]
            if not following:
                break
            at = min(following)
            counts[place] += 1
    return counts


def nearest(seconds: Sequence[float], percent: int) -> float:
    return sorted(seconds)[-(-len(seconds) * percent // 100) - 1]


def seconds(row: dict[str, str], until: str) -> float:
    opened: datetime = uci.time_of(row["opened_at"])
    length: timedelta = uci.time_of(row[until]) - opened
    return length.total_seconds()


async def test_tickets_pass_stages(accounts: Accounts, database: Database) -> None:
    caller = await accounts.caller(scopes=[*EVERYTHING, Scope.EVENTS])
    tickets = list(uci.tickets(effort.chosen(400, thorough=ALL)))
    events = [event for rows in tickets for event in uci.as_leads(rows)]
    for first in range(0, len(events), 1_000):
        await caller.track_all(reversed(events[first : first + 1_000]))
    await worlds.project(database, caller.organization_id)

    created, converted = funnels.stage("lead.created"), funnels.stage("lead.converted")
    resolved = await ask(caller, created, converted, breakdown="channel")
    took = [seconds(rows[-1], "resolved_at") for rows in tickets if rows[-1]["resolved_at"] != "?"]
    assert [one.entered for one in resolved.total.stages] == [len(tickets), len(took)]
    last = resolved.total.stages[1]
    assert (last.median_time_ms, last.p95_time_ms) == (nearest(took, 50) * 1000, nearest(took, 95) * 1000)
    channels = Counter(rows[0]["contact_type"] for rows in tickets)
    assert {row.value: row.figures.stages[0].entered for row in resolved.rows} == channels
    closed = (await ask(caller, created, state(uci.CLOSED))).total.stages[1]
    waited = [seconds(rows[-1], "closed_at") for rows in tickets]
    assert (closed.entered, closed.median_time_ms) == (len(tickets), nearest(waited, 50) * 1000)

    # Reopened: active again after it was resolved. Stages that come back count each time.
    for states in (("Resolved", "Active"), ("New", "Active", "Resolved"), ("New", "Awaiting User Info", "Closed")):
        found = await ask(caller, *map(state, states))
        assert [one.entered for one in found.total.stages] == passed(tickets, *states), states
    again = await ask(caller, state("Active"), state("Awaiting User Info"), state("Active"))
    assert again.total.stages[2].entered == came_back(tickets)
    assert (await reached(caller, "Awaiting Vendor")) == {
        rows[0]["number"] for rows in tickets if any(row["incident_state"] == "Awaiting Vendor" for row in rows)
    }
    if len(tickets) > 24_000:
        expected = real_data.answers(uci.DATA.parent)
        assert len(tickets) == expected["incidents"]
        assert last.entered == expected["resolve_s"]["n"]
        told, closing = (expected[name]["percentile_disc_nearest_rank"] for name in ("resolve_s", "close_s"))
        assert (last.median_time_ms, last.p95_time_ms) == (told["p50"] * 1000, told["p95"] * 1000)
        assert (closed.median_time_ms, closed.p95_time_ms) == (closing["p50"] * 1000, closing["p95"] * 1000)


def came_back(tickets: Tickets) -> int:
    """How many tickets were active, then waited for the user, and were active again later than at first."""
    count = 0
    for rows in tickets:
        at = {
            name: sorted(uci.time_of(row["sys_updated_at"]) for row in rows if row["incident_state"] == name)
            for name in ("Active", "Awaiting User Info")
        }
        if at["Active"]:
            first = at["Active"][0]
            waits = [one for one in at["Awaiting User Info"] if one >= first]
            count += bool(waits and any(one >= waits[0] and one > first for one in at["Active"]))
    return count


async def reached(caller: Caller, stage: str) -> set[str]:
    """The leads that have entered a stage, of all pages."""
    stub = directory_service_pb2_grpc.DirectoryServiceStub(caller.channel)
    found, token = set[str](), ""
    while True:
        request = lead_pb2.ListLeadsRequest(reached_stage=stage, page_size=100, page_token=token)
        page = await stub.ListLeads(request, metadata=caller.metadata, timeout=60)
        found |= {one.lead_id for one in page.leads}
        token = page.next_page_token
        if not token:
            return found
