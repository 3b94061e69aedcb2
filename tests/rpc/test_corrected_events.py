"""Corrections as callers see them: results, histories, and nothing of another organization."""

import json
from pathlib import Path
from typing import Any

import pytest

from server.app import Running
from server.store.database import Database
from server.tenancy.principal import Scope
from tallywire import AsyncClient, PermissionDenied
from tallywire.v1 import event_pb2, event_service_pb2, event_service_pb2_grpc
from tests.query import test_custom_metrics as custom
from tests.support import commands, serving
from tests.support.serving import Accounts, Caller, refused
from tests.support.tiny_worlds import THE_DAY, e, sent

EVERYTHING = (Scope.ADMIN,)


async def ask(caller: Caller, rpc: str, **fields: Any) -> Any:
    """Calls an RPC of EventService."""
    stub = event_service_pb2_grpc.EventServiceStub(caller.channel)
    request = getattr(event_service_pb2, f"{rpc}Request")(**fields)
    return await getattr(stub, rpc)(request, metadata=caller.metadata, timeout=60)


def told(response: Any) -> list[str]:
    """What became of each event, and why."""
    found = []
    for one in response.results:
        reason = serving.reason(one) if one.HasField("rejection") else ""
        status = event_service_pb2.CorrectionStatus.Name(one.status).removeprefix("CORRECTION_STATUS_")
        found.append(f"{status} {reason}".strip())
    return found


async def test_an_event_is_corrected_retracted_and_has_a_history(accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=EVERYTHING)
    first = sent(1, "c", response_time_ms=100, model="m")
    other = sent(2, "c", response_time_ms=300, model="m")
    await caller.track_all([first, other])
    fixed = event_pb2.Event()
    fixed.CopyFrom(first)
    fixed.ClearField("occurred_at")
    fixed.message.response_time_ms = 820
    done = await ask(caller, "CorrectEvents", events=[fixed], reason="measured anew")
    assert told(done) == ["CORRECTED"]
    answer = await caller.overview(THE_DAY)
    shown = answer.overview
    assert (shown.messages_sent, shown.avg_response_time_ms, shown.p50_response_time_ms) == (2, 560, 560)
    assert answer.context.as_of_revision >= done.revision
    again = await ask(caller, "CorrectEvents", events=[fixed], reason="measured anew")
    assert (told(again), again.revision) == (["UNCHANGED"], 0)
    assert serving.statuses((await caller.track_all([first])).results) == ["DUPLICATE"]  # a late retry
    gone = await ask(caller, "RetractEvents", event_ids=[first.event_id, "nobody's"], reason="a test")
    assert told(gone) == ["RETRACTED", "REJECTED EVENT_NOT_FOUND"]
    assert (await caller.overview(THE_DAY)).overview.messages_sent == 1
    assert serving.statuses((await caller.track_all([first])).results) == ["DUPLICATE"]
    history = await ask(caller, "GetEvent", event_id=first.event_id)
    assert not history.HasField("event")
    assert [(one.retracted, one.reason, one.stored.event.message.response_time_ms) for one in history.earlier] == [
        (True, "a test", 820),
        (False, "measured anew", 100),
    ]
    assert history.earlier[1].stored.event == first
    assert (await ask(caller, "GetEvent", event_id=other.event_id)).event.event == other


async def test_custom_metrics_follow(accounts: Accounts, database: Database) -> None:
    """Sums, and distinct values that nobody tells any more; counted as history or when they came in."""
    caller = await accounts.caller(scopes=EVERYTHING)
    early = [custom.order(0, total=10, buyer="ann"), custom.order(1, total="much", buyer="bob")]
    await caller.track_all(early)
    await custom.define(caller, "revenue", aggregation=custom.SUM, value="properties.total")
    await custom.define(caller, "buyers", aggregation=custom.UNIQUE, value="properties.buyer")
    await custom.settle(database, caller.organization_id)
    late = [custom.order(2, total=5, buyer="cid"), custom.order(3, total=7, buyer="ann")]
    await caller.track_all(late)
    names = ("custom.revenue", "custom.buyers")
    assert await custom.total(caller, *names) == [22, 3]
    fixed = [custom.order(0, event_id=early[1].event_id, total=3, buyer="ann")]
    assert told(await ask(caller, "CorrectEvents", events=fixed, reason="a number")) == ["CORRECTED"]
    assert await custom.total(caller, *names) == [25, 2]
    assert (await custom.get(caller, "revenue")).not_numbers == 0
    gone = [early[0].event_id, late[0].event_id]
    assert told(await ask(caller, "RetractEvents", event_ids=gone, reason="a test")) == ["RETRACTED"] * 2
    assert await custom.total(caller, *names) == [10, 1]
    await custom.without_mismatch(database, caller)


async def test_nothing_of_another_organization(accounts: Accounts) -> None:
    """An id of somebody else's gets the answer of one that nobody has."""
    owner, stranger = [await accounts.caller(scopes=EVERYTHING) for _ in range(2)]
    event = sent(1, "c", response_time_ms=100)
    await owner.track(event)
    for event_id in (event.event_id, serving.uuid7()):
        wanted = event_pb2.Event()
        wanted.CopyFrom(event)
        wanted.event_id = event_id
        assert told(await ask(stranger, "CorrectEvents", events=[wanted], reason="r")) == ["REJECTED EVENT_NOT_FOUND"]
        assert told(await ask(stranger, "RetractEvents", event_ids=[event_id], reason="r")) == [
            "REJECTED EVENT_NOT_FOUND"
        ]
        error = await refused(ask(stranger, "GetEvent", event_id=event_id))
        assert serving.refusal(error)[:2] == ("NOT_FOUND", "EVENT_NOT_FOUND")
    assert (await owner.overview(THE_DAY)).overview.messages_sent == 1


async def test_bad_input_gets_a_reason(accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=EVERYTHING)
    event, many = e("message.sent", 1), ("INVALID_ARGUMENT", "TOO_MANY_EVENTS")
    for fields, expected in (
        ({"events": [event]}, ("INVALID_ARGUMENT", "REQUIRED_FIELD")),
        ({"events": [event], "reason": "x" * 501}, ("INVALID_ARGUMENT", "FIELD_TOO_LONG")),
        ({"events": [event, event], "reason": "x"}, ("INVALID_ARGUMENT", "INVALID_VALUE")),
        ({"events": [e("message.sent", 1) for _ in range(101)], "reason": "x"}, many),
    ):
        error = await refused(ask(caller, "CorrectEvents", **fields))
        assert serving.refusal(error)[:2] == expected
    nameless = await ask(caller, "CorrectEvents", events=[event_pb2.Event(event_type="message.sent")], reason="x")
    assert told(nameless) == ["REJECTED REQUIRED_FIELD"]
    wrong = e("message.sent", 1, message=event_pb2.MessageDetail(response_time_ms=-1))
    assert told(await ask(caller, "CorrectEvents", events=[wrong], reason="x")) == ["REJECTED VALUE_OUT_OF_RANGE"]
    assert (await ask(caller, "CorrectEvents", reason="x")).revision == 0
    weak = await accounts.another(caller, scopes=(Scope.INGEST, Scope.READ, Scope.EVENTS))
    assert serving.refusal(await refused(ask(weak, "RetractEvents", event_ids=["a"], reason="x")))[1] == "SCOPE_MISSING"


async def test_the_client_and_the_command(accounts: Accounts, server: Running, tmp_path: Path) -> None:
    caller, address = await accounts.caller(scopes=EVERYTHING), server.address
    event = sent(1, "c", response_time_ms=100)
    await caller.track(event)
    line = {"event_id": event.event_id, "event_type": "message.sent", "message": {"response_time_ms": "7"}}
    file = tmp_path / "events.jsonl"
    file.write_text(json.dumps(line) + "\n")
    done = await commands.output(address, caller, "corrections", "correct", str(file), "--reason", "late")
    assert done == f"corrected {event.event_id}\n"
    history = await commands.document(address, caller, "corrections", "history", event.event_id)
    assert history["earlier"][0]["reason"] == "late"
    retract = ("corrections", "retract", "--reason", "test", "--csv", event.event_id)
    assert "retracted" in await commands.output(address, caller, *retract)
    assert event.event_id in await commands.output(address, caller, "corrections", "history", event.event_id)
    weak = await accounts.another(caller, scopes=(Scope.READ,))
    async with AsyncClient(address, api_key=weak.key.secret) as client:
        with pytest.raises(PermissionDenied):
            await client.corrections.retract(["a"], reason="x")
