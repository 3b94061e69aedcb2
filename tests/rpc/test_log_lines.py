"""What the log says where the same thing happens with every call: a line, and then numbers."""

import asyncio
import collections
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from grpc._cython import cygrpc
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from server import log_throttle
from server.app import Running
from server.local import embedded
from server.query import overview
from server.rpc.subscription import Stream
from tallywire.v1 import realtime_service_pb2, realtime_service_pb2_grpc
from tests.support import serving
from tests.support.serving import Accounts, Caller

_WATCH = "/tallywire.v1.RealtimeService/WatchMetrics"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test before this one has told of a cause."""
    monkeypatch.setattr(log_throttle, "write", log_throttle.Lines().write)


@pytest.fixture
def reported() -> Iterator[list[Any]]:
    """The lines of the log during the test."""
    with capture_logs() as lines:
        yield lines


async def test_a_database_that_is_away_is_a_line_and_not_one_for_each_call(
    frail_engines: embedded.Engines, frail: tuple[Running, Accounts], reported: list[Any]
) -> None:
    caller = await frail[1].caller()
    await caller.overview(serving.today())
    await asyncio.to_thread(frail_engines.stop_postgres)
    begun = time.monotonic()
    try:
        for _ in range(50):
            ended = await asyncio.gather(*(caller.overview(serving.today()) for _ in range(4)), return_exceptions=True)
            for one in ended:
                assert isinstance(one, grpc.aio.AioRpcError)
                assert serving.refusal(one).reason == "STORAGE_UNAVAILABLE"
    finally:
        await asyncio.to_thread(frail_engines.restart_postgres)
    lines = collections.Counter((line["event"], line["reason"]) for line in reported if "reason" in line)
    assert ("storage unavailable", "the connection to the database is lost") in lines
    assert max(lines.values()) <= 2 + (time.monotonic() - begun) / 5


async def test_faults_of_one_cause_are_a_line_and_its_request_id_is_reported_to_each_caller(
    caller: Caller, reported: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(overview, "answer", fail)
    errors = [await serving.refused(caller.overview(serving.today())) for _ in range(20)]
    assert {serving.refusal(error).reason for error in errors} == {"INTERNAL"}
    lines = [line for line in reported if line["event"] == "call failed"]
    assert len([line for line in lines if "exc_info" in line]) == 1
    (request_id,) = {line["request_id"] for line in lines}
    assert {serving.info(error)["request_id"] for error in errors} == {request_id}


def cancelled(method: str) -> float:
    return REGISTRY.get_sample_value("tallywire_rpc_seconds_count", {"method": method, "code": "CANCELLED"}) or 0.0


async def test_a_reader_that_has_left_is_no_fault(
    caller: Caller, reported: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise cygrpc.ExecuteBatchError("Failed grpc_call_start_batch")

    monkeypatch.setattr(Stream, "write", fail)
    before = cancelled(_WATCH)
    stub = realtime_service_pb2_grpc.RealtimeServiceStub(caller.channel)
    for _ in range(3):
        call = stub.WatchMetrics(realtime_service_pb2.WatchMetricsRequest(), metadata=caller.metadata, timeout=30)
        error = await serving.refused(call.read())
        assert error.code() is grpc.StatusCode.CANCELLED
    assert cancelled(_WATCH) == before + 3
    left = [line for line in reported if line["event"] == "a caller has left"]
    assert [line["log_level"] for line in left] == ["info"]
    assert not [line for line in reported if line["log_level"] == "error"]
