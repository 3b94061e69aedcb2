"""EventService on a real socket: what is acknowledged is stored and counted, exactly once, and nothing else is."""

import asyncio
from collections.abc import Collection
from typing import Any

import grpc
import pytest
from google.protobuf import struct_pb2
from prometheus_client import REGISTRY

from server import errors
from server.events.event import id_of
from server.store import events as stored_events
from server.store import rollups
from server.store.database import Database
from tallywire.v1 import event_pb2
from tests.support import holding, serving
from tests.support.serving import Caller, event, refused, statuses


async def count(caller: Caller) -> int:
    """How many events are counted."""
    return (await caller.overview(serving.today())).overview.events


# Results


async def test_results_are_as_many_as_the_events_and_in_their_order(caller: Caller) -> None:
    sent = [event(), event("Bad"), event(event_id=""), event(event_id="0"), event()]
    answer = await caller.track_all(sent)
    assert statuses(answer.results) == ["ACCEPTED", "INVALID_EVENT_TYPE", "ACCEPTED", "PLACEHOLDER_ID", "ACCEPTED"]
    reported = [one.event_id for one in answer.results]
    assert [reported[0], reported[1], reported[3], reported[4]] == [one.event_id for one in sent if one.event_id]
    assert len(reported[2]) == 36
    assert await count(caller) == 3


async def test_the_server_makes_an_id_for_an_event_without_one_and_counts_it_each_time(caller: Caller) -> None:
    without = event(event_id="")
    ids = {(await caller.track(without)).result.event_id for _ in range(2)}
    assert len(ids) == 2
    assert all(one[14] == "7" for one in ids)
    assert await count(caller) == 2


async def test_within_a_batch_the_first_of_equal_ids_stands(caller: Caller) -> None:
    first, other = event("a.first", event_id="id"), event("a.second", event_id="id")
    assert statuses((await caller.track_all([first, first, other])).results) == [
        "ACCEPTED",
        "DUPLICATE",
        "EVENT_ID_CONFLICT",
    ]
    assert await count(caller) == 1


async def test_across_calls_the_first_of_equal_ids_stands(caller: Caller) -> None:
    first, other = event("a.first", event_id="id"), event("a.second", event_id="id")
    await caller.track(first)
    answer = await caller.track_all([other, first, event()])
    assert statuses(answer.results) == ["EVENT_ID_CONFLICT", "DUPLICATE", "ACCEPTED"]
    assert await count(caller) == 2


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("occurred_at", lambda one: one.occurred_at.FromMicroseconds(one.occurred_at.ToMicroseconds() + 1000)),
        ("agent_id", lambda one: setattr(one, "agent_id", "b")),
        ("detail", lambda one: setattr(one.message, "prompt_tokens", 4)),
        ("unset detail", lambda one: one.message.ClearField("prompt_tokens")),
        ("properties", lambda one: one.properties.update({"b": 2})),
    ],
)
async def test_the_same_id_with_other_content_is_a_conflict(caller: Caller, name: str, change: Any) -> None:
    one = event(agent_id="a", message=event_pb2.MessageDetail(prompt_tokens=3))
    one.properties.update({"a": 1})
    await caller.track(one)
    change(one)
    error = await refused(caller.track(one))
    assert serving.refusal(error)[:2] == ("ALREADY_EXISTS", "EVENT_ID_CONFLICT")
    assert await count(caller) == 1


async def test_properties_in_another_order_are_the_same_content(caller: Caller) -> None:
    forward, backward = (
        struct_pb2.Struct(fields={name: struct_pb2.Value(string_value=name) for name in names})
        for names in ("abcdef", "fedcba")
    )
    at = serving.now()
    first = event(event_id="id", at=at, properties=forward)
    second = event(event_id="id", at=at, properties=backward)
    assert statuses([(await caller.track(first)).result]) == ["ACCEPTED"]
    assert statuses([(await caller.track(second)).result]) == ["DUPLICATE"]


@pytest.mark.parametrize("event_id", ["0193f2a0-7c1e-7abc-8def-0123456789ab", "order/17", "A", "~" * 128])
async def test_an_id_of_any_kind_comes_back_as_it_was_sent(caller: Caller, database: Database, event_id: str) -> None:
    assert (await caller.track(event(event_id=event_id))).result.event_id == event_id
    (kept,) = await serving.column(database, caller, "event_id")
    (key,) = await serving.column(database, caller, "event_key")
    assert (kept or id_of(key)) == event_id


async def test_a_batch_of_1000_is_taken_and_one_of_1001_is_not(caller: Caller) -> None:
    sent = [event() for _ in range(1001)]
    error = await refused(caller.track_all(sent))
    assert serving.refusal(error) == ("INVALID_ARGUMENT", "TOO_MANY_EVENTS", "events", False)
    assert serving.info(error)["limit"] == "1000"
    assert await count(caller) == 0
    assert statuses((await caller.track_all(sent[:1000])).results) == ["ACCEPTED"] * 1000


async def test_a_large_batch_with_known_events_in_it_stores_only_the_others(caller: Caller) -> None:
    known, fresh = [event() for _ in range(40)], [event() for _ in range(40)]
    assert statuses((await caller.track_all(known)).results) == ["ACCEPTED"] * 40
    changed = event(event_id=known[7].event_id, event_type="a.changed")
    mixed = [one for pair in zip(known, fresh, strict=True) for one in pair]
    answer = await caller.track_all([*mixed, changed])
    assert statuses(answer.results) == ["DUPLICATE", "ACCEPTED"] * 40 + ["EVENT_ID_CONFLICT"]
    assert answer.revision == 2
    assert await count(caller) == 80
    for _ in range(2):  # while duplicates are expected, and new events come all the same
        assert statuses((await caller.track_all(known)).results) == ["DUPLICATE"] * 40
        assert statuses((await caller.track_all([event() for _ in range(20)])).results) == ["ACCEPTED"] * 20
    assert await count(caller) == 120


async def test_large_batches_with_the_same_events_at_the_same_time_store_each_once(caller: Caller) -> None:
    sent = [event() for _ in range(60)]
    answers = await asyncio.gather(*(caller.track_all(sent[start:] + sent[:start]) for start in range(0, 60, 6)))
    found = [status for answer in answers for status in statuses(answer.results)]
    assert found.count("ACCEPTED") == 60
    assert found.count("DUPLICATE") == 540
    assert await count(caller) == 60


# Revisions


async def test_an_answer_holds_what_was_acknowledged_before_it_was_asked_for(caller: Caller) -> None:
    revisions = []
    for number in range(1, 6):
        answer = await caller.track(event())
        overview = await caller.overview(serving.today())
        assert overview.context.as_of_revision >= answer.revision
        assert overview.overview.events == number
        revisions.append(answer.revision)
    assert revisions == [1, 2, 3, 4, 5]


async def test_what_stores_nothing_has_no_revision(caller: Caller) -> None:
    one = event()
    await caller.track(one)
    assert (await caller.track(one)).revision == 0
    assert (await caller.track_all([one, event("Bad")])).revision == 0
    assert (await caller.track_all([one, event()])).revision == 2


async def test_concurrent_calls_on_one_organization_read_their_own_writes(caller: Caller) -> None:
    async def write_and_read() -> None:
        written = await caller.track(event())
        answer = await caller.overview(serving.today())
        assert answer.context.as_of_revision >= written.revision > 0

    await asyncio.gather(*(write_and_read() for _ in range(30)))
    assert await count(caller) == 30


# Coalescing


def transactions() -> float:
    return REGISTRY.get_sample_value("tallywire_batch_events_count") or 0


async def test_concurrent_calls_share_transactions(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    async def slowly(_: Collection[int]) -> None:
        await asyncio.sleep(0.05)  # while others come

    holding.around_commits(monkeypatch, before=slowly)
    before = transactions()
    answers = await asyncio.gather(*(caller.track(event()) for _ in range(80)))
    assert transactions() - before < 40
    assert await count(caller) == 80
    assert {one.revision for one in answers} == set(range(1, int(transactions() - before) + 1))


async def test_concurrent_sendings_of_one_event_are_one_acceptance(caller: Caller) -> None:
    one = event()
    answers = await asyncio.gather(*(caller.track(one) for _ in range(30)))
    assert sorted(statuses(answer.result for answer in answers)) == ["ACCEPTED"] + ["DUPLICATE"] * 29
    assert await count(caller) == 1


async def test_concurrent_contents_under_one_id_are_one_acceptance(caller: Caller) -> None:
    answers = await asyncio.gather(*(caller.track_all([event(f"a.b{n}", event_id="id")]) for n in range(20)))
    found = sorted(statuses(answer.results[0] for answer in answers))
    assert found == ["ACCEPTED"] + ["EVENT_ID_CONFLICT"] * 19
    assert await count(caller) == 1


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database refuses events of the type poison.pill, as it would a value that nobody thought of."""
    append = stored_events.append

    async def refuse(driver: Any, events: Any) -> None:
        if any(one.event_type == "poison.pill" for _, _, some in events for one in some):
            raise errors.StorageRejected("database error 22P05")
        await append(driver, events)

    monkeypatch.setattr(stored_events, "append", refuse)


@pytest.mark.usefixtures("poison")
async def test_an_event_that_the_database_refuses_cannot_fail_its_neighbours(caller: Caller) -> None:
    sent = [event() for _ in range(20)]
    sent[13].event_type = sent[4].event_type = "poison.pill"
    answer = await caller.track_all(sent)
    assert [place for place, one in enumerate(statuses(answer.results)) if one == "INVALID_VALUE"] == [4, 13]
    assert statuses(answer.results).count("ACCEPTED") == 18
    assert answer.revision == (await caller.overview(serving.today())).context.as_of_revision
    assert await count(caller) == 18


@pytest.mark.usefixtures("poison")
async def test_an_event_that_the_database_refuses_cannot_fail_the_calls_beside_it(caller: Caller) -> None:
    calls = [caller.track(event("poison.pill" if number == 7 else "a.good")) for number in range(20)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    (error,) = (one for one in answers if isinstance(one, grpc.aio.AioRpcError))
    assert serving.refusal(error)[:2] == ("INVALID_ARGUMENT", "INVALID_VALUE")
    assert "22P05" not in str(error.details())
    assert await count(caller) == 19


@pytest.mark.usefixtures("poison")
async def test_a_refused_event_leaves_nothing_behind(caller: Caller, database: Database) -> None:
    await refused(caller.track(event("poison.pill", agent_id="a")))
    assert await serving.stored(database, caller) == []
    assert await count(caller) == 0


async def test_a_transaction_that_fails_in_passing_is_tried_again(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, failures = rollups.append, iter((True, True, False))

    async def deadlocked(*arguments: Any) -> None:
        if next(failures, False):
            raise errors.StorageUnavailable("database error 40P01")
        await append(*arguments)

    monkeypatch.setattr(rollups, "append", deadlocked)
    assert statuses((await caller.track_all([event(), event()])).results) == ["ACCEPTED"] * 2
    assert await count(caller) == 2


async def test_a_fault_says_nothing_of_itself(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("postgresql://user:secret@host")

    monkeypatch.setattr(rollups, "append", broken)
    error = await refused(caller.track(event()))
    assert serving.refusal(error) == ("INTERNAL", "INTERNAL", "", False)
    assert "secret" not in repr(error)
    monkeypatch.undo()
    assert await count(caller) == 0


async def test_a_cancelled_call_may_have_stored_and_counts_once_when_sent_again(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed = holding.committing_slowly(monkeypatch)
    sent = [event() for _ in range(10)]
    call = asyncio.create_task(caller.track_all(sent))
    await committed.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert statuses((await caller.track_all(sent)).results) == ["DUPLICATE"] * 10
    assert await count(caller) == 10
