"""OpenTelemetry's traces on the wire: instrumented agents send them as they are, and they become events."""

import asyncio
import dataclasses
import json
from typing import Any

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Status, StatusCode

from server.app import Running
from server.settings import Settings
from server.store.database import Database
from server.tenancy.principal import Scope
from tests.support import serving, traces
from tests.support.serving import UTC_SETTINGS, Accounts, Caller, refused

FIGURES = ("events", "token_usage", "api_calls", "model_calls", "messages_sent")


async def export(caller: Caller, *requests: trace_service_pb2.ExportTraceServiceRequest) -> Any:
    """Sends exports as an exporter does, and returns the last answer."""
    stub: Any = trace_service_pb2_grpc.TraceServiceStub(caller.channel)  # type: ignore[no-untyped-call]
    answer = None
    for request in requests:
        answer = await stub.Export(request, metadata=caller.metadata, timeout=30)
    return answer


async def figures(caller: Caller) -> dict[str, int]:
    """What is counted of the last day."""
    table = await caller.table(serving.today(), *FIGURES)
    return {name: one.integer for name, one in zip(FIGURES, table.total.figures, strict=True)}


@pytest.mark.parametrize("name", traces.NAMES)
async def test_recorded_exports_become_events_once(accounts: Accounts, database: Database, name: str) -> None:
    caller = await accounts.caller()
    request, expected = traces.recorded(name)
    messages = [one.get("message", {}) for one in expected]
    types = [one["event_type"] for one in expected]
    for _ in range(2):
        assert not (await export(caller, request)).HasField("partial_success")
        assert await figures(caller) == {
            "events": len(expected),
            "token_usage": sum(one.get("prompt_tokens", 0) + one.get("completion_tokens", 0) for one in messages),
            "api_calls": types.count("api.called"),
            "model_calls": types.count("model.called"),
            "messages_sent": types.count("message.sent"),
        }
    rows = await serving.column(database, caller, "to_jsonb(events)")
    assert len(rows) == len(expected)
    assert traces.PROMPT not in json.dumps(rows)


async def test_what_is_nested_counts_once_when_it_is_split(accounts: Accounts) -> None:
    caller = await accounts.caller()
    whole, expected = traces.recorded("two_at_once")
    inner, outer = [trace_service_pb2.ExportTraceServiceRequest() for _ in range(2)]
    for group in whole.resource_spans:
        for scope in group.scope_spans:
            part = inner if scope.scope.name.startswith("openinference") else outer
            part.resource_spans.add(resource=group.resource).scope_spans.append(scope)
    await export(caller, inner, outer, inner, outer)
    assert (await figures(caller))["events"] == len(expected)


async def test_the_exporter_of_the_sdk_is_understood(accounts: Accounts, server: Running) -> None:
    caller = await accounts.caller(scopes=[Scope.INGEST, Scope.READ])

    def instrumented() -> None:
        exporter = OTLPSpanExporter(
            endpoint=f"http://{server.address}",
            insecure=True,
            headers=(("authorization", f"Bearer {caller.key.secret}"),),
            compression=grpc.Compression.Gzip,
        )
        provider = TracerProvider(resource=Resource.create({"service.name": "order-bot"}), shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        tracer = provider.get_tracer("mine")
        with tracer.start_as_current_span("chat m") as span:
            span.set_attributes({"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 7, "user.id": "ann"})
        with tracer.start_as_current_span("execute_tool find") as span:
            span.set_attributes({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "find"})
            span.set_status(Status(StatusCode.ERROR))
        with tracer.start_as_current_span("GET /"):
            pass
        provider.shutdown()

    await asyncio.to_thread(instrumented)
    assert await figures(caller) == {
        "events": 2,
        "token_usage": 7,
        "api_calls": 1,
        "model_calls": 0,
        "messages_sent": 1,
    }
    usage = await caller.table(serving.today(), "api_errors", by=["agent"])
    assert [(row.values, row.figures[0].integer) for row in usage.rows] == [(["order-bot"], 1)]


async def test_a_span_that_cannot_be_stored_is_told_and_the_others_are_stored(accounts: Accounts) -> None:
    caller = await accounts.caller()
    request, expected = traces.recorded("openai")
    first, second, third, *_ = traces.spans(request)
    first.attributes.add(key="user.id").value.string_value = "u" * 257
    second.end_time_unix_nano = 0
    third.attributes.add(key="enduser.id").value.string_value = "\0"
    answer = (await export(caller, request)).partial_success
    assert answer.rejected_spans == 3
    assert answer.error_message == (
        "REQUIRED_FIELD: end_time_unix_nano: must be set; FIELD_TOO_LONG: user_id: longer than 256 bytes; "
        "NUL_CHARACTER: user_id: U+0000 is not allowed"
    )
    assert (await figures(caller))["events"] == len(expected) - 3


async def test_a_span_with_a_number_that_no_event_holds_keeps_no_other_from_being_stored(accounts: Accounts) -> None:
    caller = await accounts.caller()
    request, expected = traces.recorded("openai")
    for one in traces.spans(request)[0].attributes:
        if one.key == "gen_ai.usage.input_tokens":
            one.value.double_value = 1e300
    answer = (await export(caller, request)).partial_success
    assert (answer.rejected_spans, answer.error_message.partition(":")[0]) == (1, "VALUE_OUT_OF_RANGE")
    assert (await figures(caller))["events"] == len(expected) - 1


async def test_spans_beyond_the_quota_are_told_and_not_sent_again_and_again(accounts: Accounts) -> None:
    caller = await accounts.caller(settings=dataclasses.replace(UTC_SETTINGS, monthly_events=1))
    request, expected = traces.recorded("openai")
    answer = (await export(caller, request)).partial_success
    assert answer.rejected_spans == len(expected)
    assert answer.error_message.startswith("EVENT_QUOTA")


async def test_old_spans_are_told(accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=[Scope.INGEST])
    request, expected = traces.recorded("openinference", ended_at=10**18)
    answer = (await export(caller, request)).partial_success
    assert (answer.rejected_spans, answer.error_message.partition(":")[0]) == (len(expected), "EVENT_TOO_OLD")


async def test_an_export_needs_the_scope_of_events(accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=[Scope.READ])
    error = await refused(export(caller, traces.recorded("openai").export))
    assert serving.refusal(error)[:2] == ("PERMISSION_DENIED", "SCOPE_MISSING")


async def test_traces_can_be_switched_off(accounts: Accounts, settings: Settings) -> None:
    caller = await accounts.caller()
    async with serving.running(settings, otlp=False) as server, grpc.aio.insecure_channel(server.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await export(serving.through(caller, channel), traces.recorded("openai").export)
    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED
