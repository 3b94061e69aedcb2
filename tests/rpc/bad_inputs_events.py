"""Rows about events."""

import json
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import grpc
from google.protobuf import struct_pb2, timestamp_pb2

from server.organizations.settings import OrganizationSettings
from server.store.isolation import EVERY
from tallywire.v1 import event_pb2
from tests.support import holding, serving
from tests.support.bad_inputs import World, outcome, row
from tests.support.serving import Caller


def _structure(**values: object) -> struct_pb2.Struct:
    message = struct_pb2.Struct()
    message.update(values)
    return message


def _property(key: str, value: struct_pb2.Value) -> event_pb2.Event:
    return serving.event(properties=struct_pb2.Struct(fields={key: value}))


def _at(seconds: int, nanos: int = 0) -> event_pb2.Event:
    event = serving.event()
    event.occurred_at.CopyFrom(timestamp_pb2.Timestamp(seconds=seconds, nanos=nanos))
    return event


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


async def _both_ways(world: World, caller: Caller, bad: event_pb2.Event, sent_at: datetime | None = None) -> str:
    """What comes back of a bad event alone; in a batch it is rejected for the same, and its neighbours are stored."""
    answer = await outcome(caller.track(bad, sent_at=sent_at))
    assert await world.stored() == []
    batch = await caller.track_all([serving.event("a.good"), bad, serving.event("a.good")], sent_at=sent_at)
    code, reason, field = answer.split()
    rejection = batch.results[1].rejection
    assert serving.statuses(batch.results) == ["ACCEPTED", reason, "ACCEPTED"]
    assert (serving.CODES[rejection.code], rejection.field) == (code, field)
    assert 0 < len(rejection.message) <= 200
    assert await world.stored() == ["a.good", "a.good"]
    return answer


def _refused(id: str, expected: str, *builds: Callable[[], event_pb2.Event]) -> None:  # noqa: A002 - the table's word
    """Registers events that are refused; several if the row names several."""

    @row(id, expected, keeps=2)
    async def run(world: World) -> str:
        for build in builds[:-1]:
            assert await outcome(world.caller.track(build())) == expected
        return await _both_ways(world, world.caller, builds[-1]())


def _id(value: str) -> Callable[[], event_pb2.Event]:
    return lambda: serving.event(event_id=value)


def _type(value: str) -> Callable[[], event_pb2.Event]:
    return lambda: serving.event(value)


_refused("E-003", "INVALID_ARGUMENT FIELD_TOO_LONG event_id", _id("x" * 129))
_refused("E-005", "INVALID_ARGUMENT NUL_CHARACTER event_id", _id("a\0b"))
_refused("E-008", "INVALID_ARGUMENT INVALID_CHARACTER event_id", _id("a\u202eb"))
_refused("E-010", "INVALID_ARGUMENT PLACEHOLDER_ID event_id", *map(_id, ("null", "undefined", "NaN", "0")))
_refused("E-011", "INVALID_ARGUMENT PLACEHOLDER_ID event_id", _id(str(uuid.UUID(int=0))))
_refused("E-013", "INVALID_ARGUMENT INVALID_CHARACTER event_id", _id("'; DROP TABLE event;--"))
_refused("E-021", "INVALID_ARGUMENT REQUIRED_FIELD event_type", lambda: event_pb2.Event(event_id=serving.uuid7()))
_refused("E-022", "INVALID_ARGUMENT REQUIRED_FIELD event_type", _type(""))
_refused("E-023", "INVALID_ARGUMENT FIELD_TOO_LONG event_type", _type("a" * 65))
_refused("E-024", "INVALID_ARGUMENT INVALID_EVENT_TYPE event_type", *map(_type, ("a..b", ".a", "a.", "Message Sent")))
_refused("E-028", "INVALID_ARGUMENT INVALID_EVENT_TYPE event_type", _type("m\u0435ssage.sent"))
_refused("E-032", "INVALID_ARGUMENT INVALID_TIMESTAMP occurred_at", lambda: _at(-62_135_596_801))
_refused("E-034", "INVALID_ARGUMENT INVALID_TIMESTAMP occurred_at", lambda: _at(_seconds(serving.now()), -1))
_refused("E-035", "INVALID_ARGUMENT INVALID_TIMESTAMP occurred_at", lambda: _at(_seconds(serving.now()), 1_000_000_000))
_refused("E-037", "OUT_OF_RANGE EVENT_TOO_OLD occurred_at", lambda: serving.event(at="1979-12-31T23:59:59"))
_refused(
    "E-040",
    "OUT_OF_RANGE EVENT_IN_FUTURE occurred_at",
    lambda: serving.event(at=serving.now() + timedelta(minutes=61)),
)
_refused(
    "E-052",
    "OUT_OF_RANGE VALUE_OUT_OF_RANGE message.prompt_tokens",
    lambda: serving.event(message=event_pb2.MessageDetail(prompt_tokens=-1)),
)
_refused(
    "E-054",
    "OUT_OF_RANGE VALUE_OUT_OF_RANGE workflow.duration_ms",
    lambda: serving.event("workflow.executed", workflow=event_pb2.WorkflowDetail(duration_ms=-5)),
)
_refused(
    "E-057",
    "OUT_OF_RANGE VALUE_OUT_OF_RANGE feedback.rating",
    lambda: serving.event("feedback.submitted", feedback=event_pb2.FeedbackDetail(rating=0)),
    lambda: serving.event("feedback.submitted", feedback=event_pb2.FeedbackDetail(rating=6)),
)


def _message(**detail: int) -> Callable[[], event_pb2.Event]:
    return lambda: serving.event(message=event_pb2.MessageDetail(**detail))


def _agent(**detail: Any) -> Callable[[], event_pb2.Event]:
    return lambda: serving.event("agent.updated", agent_id="a", agent=event_pb2.AgentDetail(**detail))


def _call(**detail: Any) -> Callable[[], event_pb2.Event]:
    return lambda: serving.event("call.started", call=event_pb2.CallDetail(**detail))


def _lead(lead_id: str) -> Callable[[], event_pb2.Event]:
    return lambda: serving.event("lead.created", lead=event_pb2.LeadDetail(lead_id=lead_id))


_refused(
    "E-053",
    "OUT_OF_RANGE VALUE_OUT_OF_RANGE message.cached_tokens",
    _message(cached_tokens=-1),
    _message(cached_tokens=10**9 + 1),
)
_refused(
    "E-056",
    "OUT_OF_RANGE VALUE_OUT_OF_RANGE message.time_to_first_token_ms",
    _message(time_to_first_token_ms=-1),
    _message(time_to_first_token_ms=10**10 + 1),
)
_refused("E-060", "INVALID_ARGUMENT INVALID_ENUM agent.kind", _agent(kind=-1), _agent(kind=3))
_refused("E-061", "INVALID_ARGUMENT INVALID_ENUM call.direction", _call(direction=-1), _call(direction=3))
_refused("E-062", "INVALID_ARGUMENT PLACEHOLDER_ID lead.lead_id", *map(_lead, ("undefined", "null", " ")))
_refused(
    "E-066",
    "INVALID_ARGUMENT FIELD_TOO_LONG conversation.topic",
    lambda: serving.event(
        "conversation.started", conversation_id="c", conversation=event_pb2.ConversationDetail(topic="é" * 129)
    ),
)
_refused("E-067", "INVALID_ARGUMENT NUL_CHARACTER call.queue", _call(queue="a\0b"))
_refused("E-068", "INVALID_ARGUMENT INVALID_CHARACTER agent.name", _agent(name="Ann\nLee"))
_refused("E-063", "INVALID_ARGUMENT FIELD_TOO_LONG agent_id", lambda: serving.event(agent_id="é" * 150))
_refused(
    "E-078",
    "INVALID_ARGUMENT FIELD_TOO_LONG properties",
    lambda: serving.event(properties=_structure(**{"k" * 257: 1})),
)
_refused(
    "E-079",
    "INVALID_ARGUMENT TOO_MANY_PROPERTIES properties",
    lambda: serving.event(properties=_structure(**{f"k{number}": 1 for number in range(101)})),
)
_refused(
    "E-082",
    "INVALID_ARGUMENT FIELD_TOO_LONG properties",
    lambda: serving.event(properties=_structure(k="x" * 33_000)),
)
_refused(
    "E-084",
    "INVALID_ARGUMENT NOT_A_NUMBER properties",
    lambda: _property("k", struct_pb2.Value(number_value=float("nan"))),
)
_refused(
    "E-085",
    "INVALID_ARGUMENT NOT_A_NUMBER properties",
    lambda: _property("k", struct_pb2.Value(number_value=float("-inf"))),
    lambda: _property("k", struct_pb2.Value(number_value=float("inf"))),
)


for _row, _value in (("E-046", float("inf")), ("E-047", float("-inf"))):
    _refused(
        _row,
        "INVALID_ARGUMENT NOT_A_NUMBER properties",
        lambda value=_value: _property("k", struct_pb2.Value(number_value=value)),
    )


def _structures(depth: int) -> event_pb2.Event:
    value = struct_pb2.Value(number_value=1)
    for _ in range(depth):
        value = struct_pb2.Value(struct_value=struct_pb2.Struct(fields={"deeper": value}))
    return _property("deep", value)


_refused("E-080", "INVALID_ARGUMENT PROPERTIES_TOO_DEEP properties", lambda: _structures(9))


@row("E-015", "ALREADY_EXISTS EVENT_ID_CONFLICT event_id", keeps=1)
async def _(world: World) -> str:
    first, second = serving.event("a.first"), serving.event("a.second")
    second.event_id = first.event_id
    answer = await world.caller.track_all([first, second, first])
    assert serving.statuses(answer.results) == ["ACCEPTED", "EVENT_ID_CONFLICT", "DUPLICATE"]
    assert await world.stored() == ["a.first"]
    return await outcome(world.caller.track(second))


async def _again(world: World, first: event_pb2.Event, second: event_pb2.Event) -> str:
    """Sends an event and sends it again: stored and counted once."""
    assert serving.statuses([(await world.caller.track(first)).result]) == ["ACCEPTED"]
    again = await world.caller.track(second)
    assert (serving.statuses([again.result]), again.revision) == (["DUPLICATE"], 0)
    assert (await world.caller.overview(serving.today())).overview.events == 1
    return "OK"


@row("E-016", "OK", keeps=1)
async def _(world: World) -> str:
    event = serving.event()
    return await _again(world, event, event)


@row("E-018", "OK", keeps=1)
async def _(world: World) -> str:
    event = serving.event()
    first, second = event_pb2.Event(), event_pb2.Event()
    first.CopyFrom(event)
    second.CopyFrom(event)
    names = [f"k{number}" for number in range(20)]
    first.properties.update({name: name for name in names})
    second.properties.update({name: name for name in reversed(names)})
    return await _again(world, first, second)


@row("E-020", "OUT_OF_RANGE EVENT_TOO_OLD occurred_at", keeps=1)
async def _(world: World) -> str:
    event = serving.event(at=serving.now() - timedelta(days=3))
    await world.caller.track(event)
    async with world.accounts.database.transaction(of=EVERY) as driver:
        await driver.execute(
            "UPDATE organizations SET key_retention_days = 2 WHERE organization_id = $1", world.caller.organization_id
        )
    after = await world.accounts.another(world.caller)  # its settings are read anew
    return await outcome(after.track(event))


async def _stored_time(world: World) -> datetime:
    (at,) = await serving.column(world.accounts.database, world.caller, "occurred_at")
    assert isinstance(at, datetime)
    return at


async def _over_the_limit(world: World, **limit: int) -> Counter[str]:
    """Sends three new agents with three new event types where there is a limit of two: what counts under what."""
    kinds = ("own.first", "own.second", "own.third")
    async with serving.running(world.settings, **limit) as server, grpc.aio.insecure_channel(server.address) as channel:
        caller = replace(world.caller, channel=channel)
        answer = await caller.track_all(serving.event(kind, agent_id=kind) for kind in kinds)
        assert serving.statuses(answer.results) == ["ACCEPTED"] * 3
        warned = [kind for kind, result in zip(kinds, answer.results, strict=True) if serving.warnings(result)]
        assert [serving.warnings(result) for result in answer.results if result.warnings] == [["CARDINALITY_OVERFLOW"]]
        overview = (await caller.overview(serving.today())).overview
        assert overview.events == 3
        counts = Counter({one.event_type: one.events for one in overview.events_by_type})
        counts["agents"] = (await caller.overview(serving.today(), agent_id="_other")).overview.events
        assert (await outcome(caller.agent(warned[0], serving.today())) == "OK") == (not counts["agents"])
        return counts


@row("E-027", "OK", keeps=3)
async def _(world: World) -> str:
    counts = await _over_the_limit(world, max_distinct={"event_type": 2})
    assert counts == {"own.first": 1, "own.second": 1, "_other": 1, "agents": 0}
    return "OK"


@row("E-065", "OK", keeps=3)
async def _(world: World) -> str:
    counts = await _over_the_limit(world, max_distinct={"agent": 2})
    assert counts == {"own.first": 1, "own.second": 1, "own.third": 1, "agents": 1}
    return "OK"


@row("E-029", "OK", keeps=1)
async def _(world: World) -> str:
    answer = await world.caller.track(event_pb2.Event(event_id="no-time", event_type="a.b"))
    assert serving.warnings(answer.result) == ["TIME_DEFAULTED"]
    assert abs(await _stored_time(world) - serving.now()) < timedelta(seconds=5)
    return "OK"


@row("E-030", "INVALID_ARGUMENT REQUIRED_FIELD occurred_at")
async def _(world: World) -> str:
    caller = await world.accounts.caller(settings=OrganizationSettings(time_zone="UTC", key_retention_days=30))
    assert await outcome(caller.track(event_pb2.Event(event_id=serving.uuid7(), event_type="a.b"))) == "OK"
    return await outcome(caller.track(event_pb2.Event(event_id="no-time", event_type="a.b")))


@row("E-042", "INVALID_ARGUMENT INVALID_TIMESTAMP occurred_at", keeps=2)
async def _(world: World) -> str:
    sent_at = serving.now()
    return await _both_ways(world, world.caller, serving.event(at=sent_at + timedelta(minutes=10)), sent_at)


@row("E-043", "OK", keeps=1)
async def _(world: World) -> str:
    sent_at = serving.now() - timedelta(days=3)
    event = serving.event(at=sent_at - timedelta(hours=2))
    answer = await world.caller.track(event, sent_at=sent_at, correct_clock=True)
    assert serving.warnings(answer.result) == ["CLOCK_CORRECTED"]
    assert abs(await _stored_time(world) - (serving.now() - timedelta(hours=2))) < timedelta(seconds=5)
    return "OK"


@row("E-064", "OK", keeps=1)
async def _(world: World) -> str:
    assert (await outcome(world.caller.agent("new", serving.today()))).startswith("NOT_FOUND")
    await world.caller.track(serving.event(agent_id="new"))
    return await outcome(world.caller.agent("new", serving.today()))


@row("E-069", "OK", keeps=1)
async def _(world: World) -> str:
    # That it is nowhere in the database, and not in logs, is shown in test_event_service and test_security.
    await world.caller.track(serving.event(user_id="jo@example.org"))
    (user_id,) = await serving.column(world.accounts.database, world.caller, "user_id")
    assert user_id == world.accounts.secrets.user_hash(world.caller.organization_id, "jo@example.org")
    assert "jo" not in user_id
    return "OK"


async def _kept(world: World, event: event_pb2.Event) -> object:
    """The properties of an event as they were stored."""
    await world.caller.track(event)
    (text,) = await serving.column(world.accounts.database, world.caller, "properties::text")
    return None if text is None else json.loads(text)


@row("E-072", "OK", keeps=2)
async def _(world: World) -> str:
    assert await _kept(world, serving.event(properties=_structure(nothing=None))) == {"nothing": None}
    assert await outcome(world.caller.track(serving.event())) == "OK"
    return "OK"


@row("E-077", "OK", keeps=1)
async def _(world: World) -> str:
    assert await _kept(world, serving.event(properties=_structure(k="\\ud800"))) == {"k": "\\ud800"}
    return "OK"


@row("E-086", "OK", keeps=1)
async def _(world: World) -> str:
    assert await _kept(world, _property("k", struct_pb2.Value())) == {"k": None}
    return "OK"


@row("E-048", "OK", keeps=1)
async def _(world: World) -> str:
    event = _property("k", struct_pb2.Value(number_value=-0.0))
    await world.caller.track(event)
    assert await serving.column(world.accounts.database, world.caller, "properties::text") == ['{"k": 0}']
    return "OK"


@row("E-051", "OK", because="a Struct holds doubles: what was rounded cannot be told from what was not", keeps=2)
async def _(world: World) -> str:
    exact, rounded = (_structure(k=[{"n": float(number)}]) for number in (2**53 - 1, 2**53 + 1))
    answers = [await world.caller.track(serving.event(properties=one)) for one in (exact, rounded)]
    assert [serving.warnings(answer.result) for answer in answers] == [[], ["PRECISION"]]
    return "OK"


@row("E-087", "OK", keeps=1)
async def _(world: World) -> str:
    names = {"__proto__": 1, "constructor": "x"}
    assert await _kept(world, serving.event(properties=_structure(**names))) == names
    return "OK"


@row("E-088", "OK", keeps=1)
async def _(world: World) -> str:
    foreign = {"tenant_id": world.other.organization_id, "organization_id": world.other.organization_id}
    assert await _kept(world, serving.event(properties=_structure(**foreign))) == foreign
    assert await serving.stored(world.accounts.database, world.other) == []
    return "OK"


@row("E-090", "OK", keeps=1)
async def _(world: World) -> str:
    secrets = _structure(
        **{"password": "a", "Authorization": "b", "card_number": 4, "note": "n", "inner": {"API-Key": "c"}}
    )
    event = serving.event(properties=secrets)
    redacted = "[redacted]"
    assert await _kept(world, event) == {
        "password": redacted,
        "Authorization": redacted,
        "card_number": redacted,
        "note": "n",
        "inner": {"API-Key": redacted},
    }
    assert serving.warnings((await world.caller.track(event)).result) == ["REDACTED"]
    return "OK"


@row("E-094", "OK", keeps=1)
async def _(world: World) -> str:
    odd = "\ufffe\ue000\ufeff"
    assert await _kept(world, serving.event(agent_id=odd, properties=_structure(k=odd))) == {"k": odd}
    assert await serving.column(world.accounts.database, world.caller, "agent_id") == [odd]
    return "OK"


@row("E-096", "OK")
async def _(world: World) -> str:
    assert not (await world.caller.track_all([])).results
    return "OK"


@row("E-099", "OK", keeps=499)
async def _(world: World) -> str:
    events = [serving.event() for _ in range(500)]
    events[250].event_type = "Bad"
    answer = await world.caller.track_all(events)
    assert [one.event_id for one in answer.results] == [one.event_id for one in events]
    assert serving.statuses(answer.results) == ["ACCEPTED"] * 250 + ["INVALID_EVENT_TYPE"] + ["ACCEPTED"] * 249
    return "OK"


@row("E-100", "OK")
async def _(world: World) -> str:
    bad = [serving.event("Bad"), serving.event(""), serving.event(event_id="0"), serving.event(agent_id="\0")]
    answer = await world.caller.track_all(bad * 125)
    reasons = ["INVALID_EVENT_TYPE", "REQUIRED_FIELD", "PLACEHOLDER_ID", "NUL_CHARACTER"]
    assert serving.statuses(answer.results) == reasons * 125
    assert answer.revision == 0
    return "OK"


@row("E-101", "OK")
async def _(world: World) -> str:
    # 1,000 events with the longest ids and messages stay far below 4 MiB: it cannot be exceeded.
    answer = await world.caller.track_all(serving.event("Bad", event_id=f"{number:0128}") for number in range(1000))
    assert serving.statuses(answer.results) == ["INVALID_EVENT_TYPE"] * 1000
    assert answer.ByteSize() < 1 << 20
    return "OK"


@row("E-107", "CANCELLED", keeps=1)
async def _(world: World) -> str:
    committed = holding.committing_slowly(world.monkeypatch)
    event = serving.event()
    body = serving.body(event)
    call = world.caller.channel.unary_unary(serving.TRACK_EVENT)(body, metadata=world.caller.metadata)
    await committed.wait()
    call.cancel()
    code = await call.code()
    again = await world.caller.track(event)
    assert serving.statuses([again.result]) == ["DUPLICATE"]
    assert (await world.caller.overview(serving.today())).overview.events == 1
    return code.name
