"""Questions that take long are named in the log, with what their time went to and nothing of the organization's."""

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import Iterator, Mapping
from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs

from server import errors, log_throttle
from server.settings import Settings
from server.slow_questions import SlowQuestions, Spent, spending
from server.store.database import Database
from server.store.isolation import EVERY
from tallywire.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from tests.support import serving
from tests.support.serving import Caller

_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
_AGENT = "an-agent-that-no-log-names"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test before this one has told of a cause."""
    monkeypatch.setattr(log_throttle, "write", log_throttle.Lines().write)


@pytest.fixture
def reported() -> Iterator[list[Any]]:
    """The lines of the log during the test."""
    with capture_logs() as lines:
        yield lines


def slow(lines: list[Any]) -> list[Mapping[str, Any]]:
    return [line for line in lines if line["event"] == "slow question"]


async def test_time_goes_to_waiting_to_the_database_or_to_python(database: Database, reported: list[Any]) -> None:
    with SlowQuestions(0.1).watching("GetOverview", 7):
        with spending(Spent.WAITING):
            await asyncio.sleep(0.2)
        async with database.query(of=EVERY) as driver:
            # Several at once are one span of time; a statement counts before what waits beside it.
            await asyncio.gather(driver.fetchval("SELECT pg_sleep(0.3)"), _waits(0.1))
        time.sleep(0.1)  # noqa: ASYNC251 - what computes blocks
    (line,) = slow(reported)
    assert (line["question"], line["organization_id"], line["ended"]) == ("GetOverview", 7, "answered")
    assert line["log_level"] == "warning"
    assert line["waiting_seconds"] >= 0.2
    assert line["database_seconds"] >= 0.3
    assert line["python_seconds"] >= 0.1
    parts = (line[f"{part}_seconds"] for part in ("waiting", "database", "python"))
    assert sum(parts) == pytest.approx(line["seconds"], abs=0.003)
    assert "trace_id" not in line


async def _waits(seconds: float) -> None:
    with spending(Spent.WAITING):
        await asyncio.sleep(seconds)


async def test_a_connection_that_is_not_free_is_waited_for(database: Database, reported: list[Any]) -> None:
    one = Database(database.url, query_connections=1)
    async with contextlib.AsyncExitStack() as held:
        held.push_async_callback(one.close)
        await held.enter_async_context(one.query(of=EVERY))
        with (
            contextlib.suppress(errors.StorageBusy),
            SlowQuestions(0.1).watching("GetOverview", 7, lambda: _TRACE),
        ):
            async with one.query(of=EVERY):
                raise AssertionError
    (line,) = slow(reported)
    assert (line["ended"], line["trace_id"]) == ("StorageBusy", _TRACE)
    assert line["waiting_seconds"] > line["database_seconds"] + line["python_seconds"]


async def test_a_question_that_is_fast_enough_or_within_another_has_no_line(reported: list[Any]) -> None:
    with SlowQuestions(600).watching("GetOverview", 7), SlowQuestions(0.0001).watching("GetRoi", 7):
        time.sleep(0.001)  # noqa: ASYNC251 - what computes blocks
    with SlowQuestions(0).watching("GetOverview", 7):
        time.sleep(0.001)  # noqa: ASYNC251 - as above
    assert slow(reported) == []


async def test_a_server_names_what_is_slow_once_and_counts(
    settings: Settings, caller: Caller, reported: list[Any]
) -> None:
    await caller.track(serving.event(agent_id=_AGENT))
    async with (
        serving.running(settings, slow_query_seconds=0.000_001) as server,
        grpc.aio.insecure_channel(server.address) as channel,
    ):
        near = dataclasses.replace(caller, channel=channel)
        stub = metrics_service_pb2_grpc.MetricsServiceStub(channel)
        request = metrics_service_pb2.GetAgentMetricsRequest(agent_id=_AGENT, time_range=serving.today())
        traced = (("traceparent", f"00-{_TRACE}-00f067aa0ba902b7-01"),)
        for _ in range(5):
            await stub.GetAgentMetrics(request, metadata=(*near.metadata, *traced), timeout=20)
        await near.overview(serving.today())
    by_question = {line["question"]: line for line in slow(reported)}
    assert set(by_question) == {"GetAgentMetrics", "GetOverview"}
    assert len([line for line in slow(reported) if line["question"] == "GetAgentMetrics" and "times" not in line]) == 1
    line = by_question["GetAgentMetrics"]
    assert line["organization_id"] == caller.organization_id
    assert line["days"] == 2
    assert line["cells"] >= 1
    assert line["database_seconds"] > 0
    assert line["trace_id"] == _TRACE
    assert "trace_id" not in by_question["GetOverview"]
    told = str(slow(reported))
    for hidden in (_AGENT, caller.name, caller.key.secret):
        assert hidden not in told


async def test_zero_turns_it_off(settings: Settings, caller: Caller, reported: list[Any]) -> None:
    async with (
        serving.running(settings, slow_query_seconds=0) as server,
        grpc.aio.insecure_channel(server.address) as channel,
    ):
        await dataclasses.replace(caller, channel=channel).overview(serving.today())
    assert slow(reported) == []
