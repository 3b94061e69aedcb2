"""AuditService: figures proved and mended over gRPC, the audit trail in pages, and nothing of other organizations."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from google.protobuf import json_format

from server.app import Running
from server.query import verifications
from server.store.database import Database
from server.tenancy import audit_trail
from server.tenancy.principal import Scope
from tallywire import AsyncClient, Client, ResourceExhausted
from tallywire.v1 import audit_service_pb2, audit_service_pb2_grpc, custom_metric_service_pb2, time_pb2
from tests.support import commands, serving, worlds
from tests.support.bad_inputs import outcome
from tests.support.serving import Accounts, Caller

REFUSED_RANGES = {
    "INVALID_ARGUMENT REQUIRED_FIELD time_range.start": time_pb2.TimeRange(),
    "INVALID_ARGUMENT INVALID_TIME_ZONE time_range.time_zone": time_pb2.TimeRange(time_zone="Mars/Olympus"),
}


async def list_entries(caller: Caller, **fields: Any) -> audit_service_pb2.ListAuditEntriesResponse:
    stub = audit_service_pb2_grpc.AuditServiceStub(caller.channel)
    request = audit_service_pb2.ListAuditEntriesRequest(**fields)
    return await stub.ListAuditEntries(request, metadata=caller.metadata, timeout=60)


async def streamed(caller: Caller, rpc: str, time_range: time_pb2.TimeRange | None = None, **fields: Any) -> Any:
    """The last message of a stream of AuditService."""
    stub = audit_service_pb2_grpc.AuditServiceStub(caller.channel)
    request = getattr(audit_service_pb2, f"{rpc}Request")(time_range=time_range or serving.today(), **fields)
    return [one async for one in getattr(stub, rpc)(request, metadata=caller.metadata, timeout=100)][-1].result


@pytest.fixture
async def caller(accounts: Accounts) -> Caller:
    """An organization with a key that may do everything."""
    return await accounts.caller(scopes=(Scope.ADMIN,))


@pytest.fixture
async def other(accounts: Accounts) -> Caller:
    """Another organization with such a key."""
    return await accounts.caller(scopes=(Scope.ADMIN,))


def client_of(server: Running, caller: Caller) -> AsyncClient:
    return AsyncClient(server.address, api_key=caller.key.secret)


async def now(database: Database) -> datetime:
    return (await database.condition()).now


async def test_figures_are_verified_and_mended_and_that_is_recorded(
    server: Running, accounts: Accounts, caller: Caller, other: Caller, database: Database
) -> None:
    for one in (caller, other):
        await one.track_all([serving.event(agent_id="ada"), serving.event(agent_id="bot"), serving.event()])
    end = await now(database) + timedelta(minutes=1)
    start = end - timedelta(days=2)
    changed = "UPDATE deltas SET counter_amounts[1] = counter_amounts[1] + 5 WHERE organization_id = $1"
    changed += " AND value = 'ada'"
    async with client_of(server, caller) as client:
        clean = await client.audit.verify_metrics(start, end).wait()
        assert (clean.difference_count, clean.events, len(clean.digest)) == (0, 3, 64)
        assert clean.is_realtime_verified
        assert clean.first_revision == clean.context.as_of_revision > 0
        await worlds.execute(database, changed, caller.organization_id)
        steps = client.audit.verify_metrics(start, end, max_differences=1)
        covered = [one.covered async for one in steps]
        assert covered[-1] == 1
        assert steps.result is not None
        (one,) = steps.result.differences
        assert (one.dimension, one.value, one.stored - one.expected) == ("agent", "ada", 5)
        assert one.measure
        assert steps.result.difference_count >= 1
        assert not (await client.audit.verify_metrics(start, end, dimension="total").wait()).difference_count
        assert not (await streamed(other, "VerifyMetrics")).difference_count
        mended = await client.audit.repair_metrics(start, end).wait()
        assert (mended.repaired_cells, len(mended.revisions), len(mended.audit_entries)) == (1, 1, 1)
        assert not mended.needs_rebuild
        again = await client.audit.verify_metrics(start, end).wait()
        assert (again.difference_count, again.digest) == (0, clean.digest)
        assert not (await client.audit.repair_metrics(start, end).wait()).audit_entries
        entry = await anext(client.audit.list_audit_entries(action_prefix="metrics."))
    assert [entry.number] == list(mended.audit_entries)
    assert (entry.action, entry.actor_id) == ("metrics.repaired", caller.key.key_id)
    assert entry.peer == "127.0.0.1"
    before, after = (json_format.MessageToDict(one) for one in (entry.before, entry.after))
    assert before["figures"][0][1:3] == ["agent", "ada"]
    assert before["figures"][0][5] - after["figures_after"][0][5] == 5
    assert (await audit_trail.verify(database, caller.organization_id)).faults == 0


async def test_the_same_figures_have_the_same_digest(caller: Caller, other: Caller) -> None:
    at = serving.now() - timedelta(hours=3)
    when = serving.period(at - timedelta(hours=1), at + timedelta(hours=1))
    sent = [("ada", 1), ("bot", 2), ("bot", 3)]
    for one in (caller, other):
        for agent, minutes in sent:
            event = serving.event(agent_id=agent, user_id=f"user {minutes}", at=at + timedelta(minutes=minutes))
            await one.track_all([event])
        sent.reverse()  # members get other numbers, and deltas come in another order
    first, second = [await streamed(one, "VerifyMetrics", when) for one in (caller, other)]
    assert first.digest == second.digest
    assert not first.is_realtime_verified
    await other.track_all([serving.event(at=at)])
    assert (await streamed(other, "VerifyMetrics", when)).digest != first.digest


async def test_the_trail_comes_in_pages_of_the_organization_alone(
    accounts: Accounts, caller: Caller, other: Caller
) -> None:
    stub_fields = {"name": "orders", "event_types": ["order.placed"]}
    metric = custom_metric_service_pb2.CustomMetric(
        aggregation=custom_metric_service_pb2.CUSTOM_METRIC_AGGREGATION_COUNT, **stub_fields
    )
    create = custom_metric_service_pb2.CreateCustomMetricRequest(metric=metric)
    delete = custom_metric_service_pb2.DeleteCustomMetricRequest(name="orders")
    for rpc, request in (("CreateCustomMetric", create), ("DeleteCustomMetric", delete)):
        await caller.raw(f"/tallywire.v1.CustomMetricService/{rpc}", request.SerializeToString())
    first = await list_entries(caller, page_size=1)
    assert [one.action for one in first.entries] == ["custom_metric.deleted"]
    assert first.entries[0].before["event_types"] == ["order.placed"]
    rest = await list_entries(caller, page_size=100, page_token=first.next_page_token)
    assert rest.entries[0].action == "custom_metric.created"
    assert rest.entries[-1].action == "organization.created"
    assert not rest.next_page_token
    found = await list_entries(caller, subject=caller.key.key_id, actor_kind=audit_service_pb2.ACTOR_KIND_OPERATOR)
    assert [one.action for one in found.entries] == ["key.created"]
    mine = {one.hash for one in [*first.entries, *rest.entries]}
    assert not mine & {one.hash for one in (await list_entries(other, page_size=1_000)).entries}
    assert not (await list_entries(other, subject=caller.key.key_id)).entries
    stolen = list_entries(other, page_size=1, page_token=first.next_page_token)
    assert await outcome(stolen) == "INVALID_ARGUMENT PAGE_TOKEN_INVALID page_token"
    mixed = list_entries(caller, subject="x", page_token=first.next_page_token)
    assert await outcome(mixed) == "INVALID_ARGUMENT PAGE_TOKEN_MISMATCH page_token"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"actor_kind": 77}, "INVALID_ARGUMENT INVALID_ENUM actor_kind"),
        ({"page_size": -1}, "OUT_OF_RANGE VALUE_OUT_OF_RANGE page_size"),
        ({"page_token": "nonsense"}, "INVALID_ARGUMENT PAGE_TOKEN_INVALID page_token"),
        ({"subject": "x" * 300}, "INVALID_ARGUMENT FIELD_TOO_LONG subject"),
        ({"action_prefix": "key.\0"}, "INVALID_ARGUMENT NUL_CHARACTER action_prefix"),
        ({"subject": "'; DROP TABLE audit_entries; --"}, "OK"),
    ],
)
async def test_bad_questions_for_entries(caller: Caller, fields: dict[str, Any], expected: str) -> None:
    assert await outcome(list_entries(caller, **fields)) == expected


@pytest.mark.parametrize("rpc", ["VerifyMetrics", "RepairMetrics"])
async def test_bad_verifications_and_repairs(accounts: Accounts, caller: Caller, rpc: str) -> None:
    for expected, time_range in REFUSED_RANGES.items():
        time_range.end.GetCurrentTime()
        if time_range.time_zone:
            time_range.start.FromSeconds(time_range.end.seconds - 60)
        assert await outcome(streamed(caller, rpc, time_range)) == expected
    unknown = streamed(caller, rpc, dimension="planet")
    assert await outcome(unknown) == "INVALID_ARGUMENT UNKNOWN_DIMENSION dimension"
    reader = await accounts.another(caller, scopes=(Scope.READ,))
    expected = "OK" if rpc == "VerifyMetrics" else "PERMISSION_DENIED SCOPE_MISSING"
    assert await outcome(streamed(reader, rpc)) == expected
    assert await outcome(list_entries(reader)) == "PERMISSION_DENIED SCOPE_MISSING"
    if rpc == "VerifyMetrics":
        many = streamed(caller, rpc, max_differences=1_001)
        assert await outcome(many) == "OUT_OF_RANGE VALUE_OUT_OF_RANGE max_differences"


async def test_one_of_an_organization_is_under_way_at_a_time(
    server: Running, caller: Caller, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_go_on = asyncio.Event(), asyncio.Event()

    async def held(_: verifications.Verifications) -> None:
        begun.set()
        await may_go_on.wait()

    monkeypatch.setattr(verifications.Verifications, "_give_way", held)
    end = await now(database)
    async with client_of(server, caller) as client:
        first = asyncio.create_task(client.audit.verify_metrics(end - timedelta(hours=1), end).wait())
        await begun.wait()
        with pytest.raises(ResourceExhausted) as refused:
            await client.audit.repair_metrics(end - timedelta(hours=1), end).wait()
        assert refused.value.reason == "QUERY_CONCURRENCY"
        may_go_on.set()
        assert not (await first).difference_count


async def test_the_blocking_client_and_the_commands(server: Running, caller: Caller, database: Database) -> None:
    await caller.track_all([serving.event(agent_id="ada")])
    found = await commands.document(server.address, caller, "verify", "--last", "2h")
    assert (found["difference_count"], found["events"]) == (0, 1)
    assert "every figure is what raw events say" in await commands.shown(
        server.address, caller, "verify", "--last", "2h"
    )
    changed = "UPDATE deltas SET counter_amounts[1] = counter_amounts[1] + 1 WHERE organization_id = $1"
    await worlds.execute(database, changed, caller.organization_id)
    failed = await commands.run(server.address, caller, "verify", "--last", "2h")
    assert (failed.exit_code, "FIGURES DIFFER" in failed.stdout) == (1, True)
    assert "Cells mended" in await commands.shown(server.address, caller, "repair", "--last", "2h")
    (entry,) = await commands.document(server.address, caller, "audit-log", "--action", "metrics.")
    assert entry["after"]["cells"] > 1
    assert "metrics.repaired" in await commands.shown(server.address, caller, "audit-log", "--limit", "1")
    rows = await commands.csv(server.address, caller, "audit-log", "--actor-kind", "operator")
    assert [one["action"] for one in rows] == ["key.created", "organization.created"]

    def ask() -> list[str]:
        with Client(server.address, api_key=caller.key.secret) as client:
            end = datetime.fromisoformat("2026-01-02T00:00:00+00:00")
            with client.audit.verify_metrics(end - timedelta(days=1), end) as steps:
                assert not steps.wait().events
            return [one.action for one in client.audit.list_audit_entries(page_size=1)]

    assert (await asyncio.to_thread(ask))[0] == "metrics.repaired"
