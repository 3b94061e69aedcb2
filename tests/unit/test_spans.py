"""Spans as events: recorded exports of real instrumentations, and exports that are nested, split and sent again."""

import dataclasses
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from server.errors import Reason, Refused
from server.events import spans
from server.events.spans import TraceSpan, TraceSpanKey
from server.rpc import trace_requests
from tallywire.v1 import event_pb2
from tests.support import traces


def read(export: trace_service_pb2.ExportTraceServiceRequest) -> list[TraceSpan]:
    """The spans of an export as it arrives."""
    found = [one for part in trace_requests.cut(export.SerializeToString()).parts() for one in part]
    assert all(isinstance(one, TraceSpan) for one in found)
    return [one for one in found if isinstance(one, TraceSpan)]


@pytest.mark.parametrize("name", traces.NAMES)
def test_a_recorded_export_becomes_its_events(name: str) -> None:
    export, expected = traces.recorded(name)
    found = list(spans.read(read(export), set()).events)
    assert [{"event_type": one.event_type, **one.ids, one.family: dict(one.detail)} for one in found] == expected
    assert len({one.event_id for one in found}) == len(expected)
    assert traces.PROMPT not in repr(read(export))


def _span(number: int, parent: int | None, *, ended_at: int, **attributes: str | float) -> TraceSpan:
    return TraceSpan(
        trace_id=b"t" * 16,
        span_id=number.to_bytes(8, "big"),
        parent_id=b"" if parent is None else parent.to_bytes(8, "big"),
        name="a span",
        started_at=10**18,
        ended_at=10**18 + ended_at,
        failed=False,
        attributes=attributes,
        resource={"service.name": "bot"},
    )


_TURN = {"gen_ai.operation.name": "chat"}
_TOOL = {"gen_ai.operation.name": "execute_tool"}
_KINDS = st.sampled_from(("turn", "turn", "agent", "tool", "workflow", "other"))


@st.composite
def _trees(draw: st.DrawFn) -> list[TraceSpan]:
    """Spans in the order in which they end: children first. Parents tell the tokens of their children once more."""
    count = draw(st.integers(1, 12))
    parents = [None, *(draw(st.none() | st.integers(0, number - 1)) for number in range(1, count))]
    kinds = [draw(_KINDS) for _ in range(count)]
    tokens = [0] * count
    found = []
    for number in reversed(range(count)):
        below = sum(tokens[child] for child in range(number + 1, count) if parents[child] == number)
        own = draw(st.integers(1, 1000)) if kinds[number] == "turn" and not below else 0
        tokens[number] = below + own
        told: dict[str, str | int] = {"gen_ai.usage.input_tokens": tokens[number]} if tokens[number] else {}
        match kinds[number]:
            case "turn":
                told |= _TURN
            case "agent":
                told |= {"gen_ai.operation.name": "invoke_agent"}
            case "tool":
                told |= {"gen_ai.operation.name": "execute_tool"}
            case "workflow":
                told |= {"gen_ai.operation.name": "invoke_workflow"}
        found.append(_span(number, parents[number], ended_at=count - number, **told))
    return found


@given(_trees(), st.lists(st.integers(1, 11), max_size=4), st.data())
def test_tokens_and_calls_are_counted_once_however_spans_are_nested_split_and_sent_again(
    tree: list[TraceSpan], cuts: list[int], data: st.DataObject
) -> None:
    edges = [0, *sorted({cut for cut in cuts if cut < len(tree)}), len(tree)]
    parts = [tree[start:end] for start, end in itertools.pairwise(edges)]
    told_below: set[TraceSpanKey] = set()
    stored: dict[str, spans.TraceEvent] = {}
    for part in parts:
        for _ in range(data.draw(st.integers(1, 2))):  # the answer to an export may be lost
            reading = spans.read(part, told_below)
            told_below |= set(reading.ancestors)
            for one in reading.events:
                assert stored.setdefault(one.event_id, one).detail == one.detail
    with_below = {one.parent for one in tree if _has_turn(one, tree)}
    innermost = [one for one in tree if one.kind is spans.TraceSpanKind.MODEL and one.key not in with_below]
    told = sum(int(one.detail.get("prompt_tokens", 0)) for one in stored.values())
    assert told == sum(int(str(one.attributes.get("gen_ai.usage.input_tokens", 0))) for one in innermost)
    others = [one for one in tree if one.kind in {spans.TraceSpanKind.TOOL, spans.TraceSpanKind.WORKFLOW}]
    assert len(stored) == len(innermost) + len(others)


def _has_turn(span: TraceSpan, tree: list[TraceSpan]) -> bool:
    """Whether a span is a turn of a model or has one below it."""
    return span.kind is spans.TraceSpanKind.MODEL or any(_has_turn(one, tree) for one in tree if one.parent == span.key)


def test_one_response_of_a_model_is_one_event_whoever_tells_it() -> None:
    told = {**_TURN, "gen_ai.response.id": "r-1", "gen_ai.usage.input_tokens": 5}
    one, other = _span(1, 9, ended_at=5, **told), _span(2, 8, ended_at=7, **told)
    another = _span(3, 9, ended_at=5, **{**told, "gen_ai.usage.input_tokens": 6})
    first, second, third = spans.read([one, other, another], set()).events
    assert first.event_id == second.event_id != third.event_id


def test_spans_that_are_each_other_s_parents_end() -> None:
    found = spans.read([_span(1, 2, ended_at=1, **_TURN), _span(2, 1, ended_at=2)], set()).events
    assert len(list(found)) <= 1


def test_ids_come_from_the_nearest_ancestor_and_then_from_the_resource() -> None:
    agent = _span(1, None, ended_at=9, **{"gen_ai.agent.name": "outer", "session.id": "s-1", "enduser.id": "u-1"})
    inner = _span(2, 1, ended_at=8, **{"gen_ai.agent.id": "inner"})
    turn = _span(3, 2, ended_at=7, **_TURN, **{"tallywire.channel": "web"})
    alone = _span(4, 77, ended_at=7, **_TURN)
    first, second = spans.read([turn, alone, inner, agent], set()).events
    assert first.ids == {"agent_id": "inner", "conversation_id": "s-1", "user_id": "u-1", "channel": "web"}
    assert second.ids == {"agent_id": "bot"}


def test_an_empty_text_is_no_id() -> None:
    (found,) = spans.read(
        [_span(1, None, ended_at=1, **_TURN, **{"gen_ai.agent.id": "", "gen_ai.agent.name": "a"})], set()
    ).events
    assert found.ids == {"agent_id": "a"}


class _Counted(dict[str, str | int]):
    looks = 0

    def get(self, *args: Any) -> Any:
        _Counted.looks += 1
        return super().get(*args)

    def __contains__(self, name: object) -> bool:
        _Counted.looks += 1
        return super().__contains__(name)


def test_a_deep_trace_is_read_as_fast_as_a_flat_one(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    for parents in ([None] * 300, [None, *range(1, 300)]):
        tree = [_span(number + 1, parent, ended_at=1) for number, parent in enumerate(parents)]
        monkeypatch.setattr(_Counted, "looks", 0)
        tools = [dataclasses.replace(one, attributes=_Counted(_TOOL)) for one in tree]
        assert len(list(spans.read(tools, set()).events)) == 300
        looks.append(_Counted.looks)
    assert looks[0] == looks[1]


@given(st.floats() | st.integers(-(2**63), 2**63 - 1))
def test_numbers_of_tokens_fit_an_event(tokens: float) -> None:
    (found,) = spans.read([_span(1, None, ended_at=1, **_TURN, **{"gen_ai.usage.input_tokens": tokens})], set()).events
    told = found.detail.get("prompt_tokens")
    if told is not None:
        event_pb2.Event().message.prompt_tokens = told
        assert told == tokens or abs(tokens) >= 2**63
    else:
        assert isinstance(tokens, float)


def test_ids_of_other_lengths_are_none() -> None:
    export = _many(1)
    one = export.resource_spans[0].scope_spans[0].spans[0]
    for trace_id, span_id, wrong in (
        (b"t" * 16, b"s" * 8, ""),
        (b"t" * 17, b"s" * 8, "trace_id"),
        (b"\0" * 16, b"s" * 8, "trace_id"),
        (b"t" * 16, b"", "span_id"),
        (b"t" * 16, b"s" * 9_000, "span_id"),
    ):
        one.trace_id, one.span_id, one.parent_span_id = trace_id, span_id, b"p" * 9_000
        (found,) = read(export)
        assert (found.wrong_id, found.parent) == (wrong, None)


def test_a_large_span_is_read_without_what_is_never_read() -> None:
    export = trace_service_pb2.ExportTraceServiceRequest()
    one = export.resource_spans.add().scope_spans.add().spans.add()
    one.trace_id, one.span_id, one.end_time_unix_nano = b"t" * 16, b"s" * 8, 10**18
    one.attributes.add(key="gen_ai.input.messages").value.string_value = "please " * 100_000
    one.attributes.add(key="gen_ai.operation.name").value.string_value = "chat"
    one.attributes.add(key="gen_ai.usage.input_tokens").value.int_value = 175_000
    one.events.add(name="please " * 10_000)
    (event,) = spans.read(read(export), set()).events
    assert event.detail["prompt_tokens"] == 175_000


def _many(count: int) -> trace_service_pb2.ExportTraceServiceRequest:
    scope = trace_pb2.ScopeSpans(spans=[trace_pb2.Span()] * count)
    return _export(trace_pb2.ResourceSpans(scope_spans=[scope]))


def _export(group: trace_pb2.ResourceSpans) -> trace_service_pb2.ExportTraceServiceRequest:
    return trace_service_pb2.ExportTraceServiceRequest(resource_spans=[group])


def test_hostile_exports_are_refused() -> None:
    with pytest.raises(Refused) as refused:
        trace_requests.cut(_many(10_001).SerializeToString())
    assert refused.value.reason is Reason.TOO_MANY_EVENTS
    unknown = b"\x18\x00" * 60_001
    inner = trace_pb2.ResourceSpans.FromString(unknown)
    for many in (b"\x0a\x00" * 60_001, unknown, _export(inner).SerializeToString()):  # fields, and no spans
        with pytest.raises(Refused) as refused:
            trace_requests.cut(many)
        assert refused.value.reason is Reason.TOO_MANY_EVENTS
    with pytest.raises(Refused) as refused:
        trace_requests.cut(b"\x0a\xff")
    assert refused.value.reason is Reason.MALFORMED_MESSAGE
    export = _many(1)
    export.resource_spans[0].scope_spans[0].spans[0].ParseFromString(b"\x4a\x00" * 30_000)  # attributes without keys
    ((found,),) = trace_requests.cut(export.SerializeToString()).parts()
    assert isinstance(found, Refused)
    assert found.reason is Reason.EVENT_TOO_LARGE
