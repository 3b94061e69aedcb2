"""Short of memory, a server refuses those who have most under way, and serves all others."""

import asyncio

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client import REGISTRY

from server.admission.admission import SHORT_CALLS
from server.rpc import services
from tallywire.v1 import metrics_service_pb2
from tests.support import serving, waiting
from tests.support.bad_inputs import outcome
from tests.support.holding import Held, HeldQuestions, Served
from tests.support.serving import Caller, event
from tests.support.waiting import PATIENCE

OVERLOADED = "UNAVAILABLE+RetryInfo OVERLOADED"


async def test_a_server_short_of_memory_serves_whoever_has_little_under_way(caller: Caller, served: Served) -> None:
    async with served(max_memory_mib=1) as channel:  # which it has from the first moment on, and can never free
        mine = serving.through(caller, channel)
        answers = [await outcome(mine.track_all([event() for _ in range(100)])) for _ in range(5)]
        answers += [await outcome(mine.overview(serving.today())) for _ in range(5)]
        assert answers == ["OK"] * 10
        health = health_pb2_grpc.HealthStub(channel)
        for name, status in (("", "SERVING"), (services.MEMORY, "NOT_SERVING")):
            answer = await health.Check(health_pb2.HealthCheckRequest(service=name), timeout=PATIENCE)
            assert health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status) == status
    assert REGISTRY.get_sample_value("tallywire_memory_short") == 1


@pytest.mark.parametrize(("memory", "answer"), [(0, "OK"), (1, OVERLOADED)])
async def test_memory_that_is_short_is_first_refused_to_whoever_has_most_under_way(
    caller: Caller, other: Caller, served: Served, monkeypatch: pytest.MonkeyPatch, memory: int, answer: str
) -> None:
    held = Held(monkeypatch, caller)
    kib = 1 / 1024
    async with served(max_memory_mib=memory, max_inflight_mib=32 * kib) as channel:
        mine, theirs = serving.through(caller, channel), serving.through(other, channel)
        under_way = asyncio.create_task(outcome(mine.track(event(properties={"text": "x" * 4000}))))
        await waiting.until(lambda: held.begun == 1)
        more = asyncio.create_task(outcome(mine.track(event(properties={"text": "x" * 400}))))
        assert await outcome(theirs.track(event(properties={"text": "x" * 4000}))) == "OK"
        if answer == OVERLOADED:
            assert await more == answer
        held.go_on.set()
        assert (await under_way, await more) == ("OK", answer)
        assert await outcome(mine.track(event())) == "OK"


async def test_questions_are_few_while_memory_is_short(
    caller: Caller, other: Caller, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = HeldQuestions(monkeypatch, caller)
    async with served(max_memory_mib=1, query_connections=8) as channel:
        mine, theirs = serving.through(caller, channel), serving.through(other, channel)
        under_way = [asyncio.create_task(outcome(mine.overview(serving.today()))) for _ in range(SHORT_CALLS + 1)]
        done, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
        assert [one.result() for one in done] == [OVERLOADED]
        assert await outcome(theirs.ask("ListMetrics", metrics_service_pb2.ListMetricsRequest())) == "OK"
        held.go_on.set()
        assert sorted(await asyncio.gather(*under_way)) == ["OK"] * SHORT_CALLS + [OVERLOADED]
        assert await outcome(mine.overview(serving.today())) == "OK"
