"""Rows about a database that goes away and comes back."""

import asyncio

from server.ingest import pipeline
from tests.support import serving
from tests.support.bad_inputs import World, outcome, row
from tests.support.serving import Caller, batch, read_ack


async def _count(caller: Caller) -> int:
    return (await caller.overview(serving.today())).overview.events


@row("E-104", "UNAVAILABLE+RetryInfo STORAGE_UNAVAILABLE")
async def _(world: World) -> str:
    world.monkeypatch.setattr(pipeline, "_GIVE_UP_AFTER", 0.3)
    caller = await world.frail.accounts.caller()
    event = serving.event()
    await caller.track(serving.event("a.first"))
    await asyncio.to_thread(world.frail.engines.stop_postgres)
    try:
        answers = [await outcome(caller.track(event)), await outcome(caller.overview(serving.today()))]
    finally:
        await asyncio.to_thread(world.frail.engines.restart_postgres)
    assert answers == ["UNAVAILABLE+RetryInfo STORAGE_UNAVAILABLE"] * 2
    again = await caller.track(event)
    assert serving.statuses([again.result]) == ["ACCEPTED"]
    assert await _count(caller) == 2
    return answers[0]


@row("S-034", "OK", because="the stream pauses: it fails only where the database is away for longer")
async def _(world: World) -> str:
    caller = await world.frail.accounts.caller()
    call = caller.stream()
    await call.write(batch(1, [serving.event()]))
    assert serving.statuses((await read_ack(call)).results) == ["ACCEPTED"]
    restarting = asyncio.create_task(asyncio.to_thread(world.frail.engines.restart_postgres))
    for sequence in range(2, 12):
        await call.write(batch(sequence, [serving.event()]))
        await asyncio.sleep(0.05)
    await call.done_writing()
    acks = await serving.rest(call)
    await restarting
    assert [ack.sequence for ack in acks] == list(range(2, 12))
    assert {one for ack in acks for one in serving.statuses(ack.results)} <= {"ACCEPTED", "DUPLICATE"}
    assert await _count(caller) == 11
    return "OK"
