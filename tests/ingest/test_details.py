"""Typed details: every field of every family is stored under its name and comes back to who reads raw events."""

import asyncio
import json
from collections.abc import Mapping

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from server.events import rules
from server.organizations.settings import OrganizationSettings
from server.store.database import Database
from server.tenancy.principal import Scope
from tallywire.v1 import event_pb2, realtime_service_pb2, realtime_service_pb2_grpc
from tests.support import serving
from tests.support.serving import Accounts, Caller, event, statuses

_EVENT_TYPES = {family: event_type for event_type, family in reversed(rules.FAMILIES.items())}  # one of each family
_KEEPING = OrganizationSettings(time_zone="UTC", keep_user_details=True)


def _value(field: FieldDescriptor) -> int | str | bool:
    """A value that the field allows and that is not its default."""
    if field.type == FieldDescriptor.TYPE_STRING:
        return "EUR" if field.name == "currency" else f"{field.name} é"
    if field.type == FieldDescriptor.TYPE_BOOL:
        return True
    return field.enum_type.values[-1].number if field.enum_type is not None else 5


def _with_every_field(family: str) -> event_pb2.Event:
    detail: Message = getattr(event_pb2.Event(), family)
    for field in detail.DESCRIPTOR.fields:
        setattr(detail, field.name, _value(field))
    return event(_EVENT_TYPES[family], conversation_id="c", agent_id="a", **{family: detail})


def _stored(sent: event_pb2.Event) -> Mapping[str, object]:
    """What is to be stored of its detail: all by name, true as 1."""
    detail: Message = getattr(sent, str(sent.WhichOneof("detail")))
    return {field.name: int(value) if value is True else value for field, value in detail.ListFields()}


async def _told(caller: Caller, amount: int, sending: asyncio.Event) -> list[event_pb2.Event]:
    """So many events as WatchUpdates tells them, from the moment on in which it may begin to send."""
    stub = realtime_service_pb2_grpc.RealtimeServiceStub(caller.channel)
    call = stub.WatchUpdates(
        realtime_service_pb2.WatchUpdatesRequest(include_events=True), metadata=caller.metadata, timeout=60
    )
    told: list[event_pb2.Event] = []
    async for message in call:
        sending.set()  # the first message says where the reader stands
        told += message.events
        if len(told) == amount:
            break
    call.cancel()
    return told


@pytest.mark.parametrize("together", [False, True])
async def test_every_field_is_stored_by_name_and_comes_back(
    accounts: Accounts, database: Database, together: bool
) -> None:
    caller = await accounts.caller(settings=_KEEPING, scopes=[*serving.EVERYTHING, Scope.EVENTS])
    sent = [_with_every_field(family) for family in _EVENT_TYPES]
    sending = asyncio.Event()
    reading = asyncio.create_task(_told(caller, len(sent), sending))
    await sending.wait()
    if together:
        results = list((await caller.track_all(sent)).results)
    else:
        results = [(await caller.track(one)).result for one in sent]
    assert set(statuses(results)) == {"ACCEPTED"}
    by_id = {one.event_id: one for one in sent}
    assert {one.event_id: one for one in await reading} == by_id
    kept = await serving.column(database, caller, "json_build_object('type', event_type, 'detail', detail)::text")
    stored = {one["type"]: one["detail"] for one in map(json.loads, kept)}
    assert stored == {one.event_type: _stored(one) for one in sent}


async def test_an_empty_lead_id_counts_as_unset(caller: Caller) -> None:
    one = event("lead.created", resource_id="7", lead=event_pb2.LeadDetail(lead_id=""))
    assert statuses([(await caller.track(one)).result]) == ["ACCEPTED"]
