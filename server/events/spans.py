"""Spans of OpenTelemetry as events: which spans count, and what each of them says.

What instrumentations of language models tell is known by the names of attributes alone, since they announce one version
of the conventions and send another. Only the attributes named here are ever read: prompts and answers are not.
"""

import enum
import hashlib
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from server.events import event_types

Value: TypeAlias = str | int | float | bool | tuple[str, ...]
TraceSpanKey: TypeAlias = tuple[bytes, bytes]  # the ids of the trace and of the span

_OPERATION, _INFERENCE_KIND, _TRACELOOP_KIND = "gen_ai.operation.name", "openinference.span.kind", "traceloop.span.kind"
_REQUEST_TYPE = "llm.request.type"  # of OpenLLMetry before it took over the conventions
_RESPONSE_ID = "gen_ai.response.id"
_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"  # in seconds
# What is read, newest name first. The first one that a span has is taken.
_AGENT: Final = ("gen_ai.agent.id", "gen_ai.agent.name")
_SERVICE = "service.name"
_CONVERSATION: Final = ("gen_ai.conversation.id", "session.id")
_USER: Final = ("user.id", "enduser.id")
# The ids of events that a span takes from those above it where it says none itself.
_IDS: Final[Mapping[str, Sequence[str]]] = {
    "agent_id": _AGENT,
    "conversation_id": _CONVERSATION,
    "user_id": _USER,
    "channel": ("tallywire.channel",),
    "team_id": ("tallywire.team_id",),
    "campaign_id": ("tallywire.campaign_id",),
}
_MODEL: Final = ("gen_ai.response.model", "gen_ai.request.model", "llm.model_name")
_PROMPT: Final = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt")
_COMPLETION: Final = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion")
_CACHED: Final = (
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "llm.token_count.prompt_details.cache_read",
)
_FINISH: Final = ("gen_ai.response.finish_reasons", "llm.finish_reason")
_ERROR: Final = ("error.type",)
_TOOL: Final = ("gen_ai.tool.name", "tool.name", "traceloop.entity.name")
ATTRIBUTES: Final = frozenset(
    (
        *(_OPERATION, _INFERENCE_KIND, _TRACELOOP_KIND, _REQUEST_TYPE, _RESPONSE_ID, _FIRST_CHUNK, _SERVICE),
        *(name for names in _IDS.values() for name in names),
        *(*_MODEL, *_PROMPT, *_COMPLETION, *_CACHED, *_FINISH, *_ERROR, *_TOOL),
    )
)
_TOOL_TURNS = frozenset(("tool_calls", "tool_call"))
_UNNAMED = "unknown_service"  # what SDKs send where nobody has named the service
_TRACE_ID_BYTES, SPAN_ID_BYTES = 16, 8
_LARGEST = 2**63 - 1  # that a field of an event holds: a check of events refuses it


class TraceSpanKind(enum.Enum):
    """What a span that counts is about."""

    MODEL = "model"
    TOOL = "tool"
    WORKFLOW = "workflow"


_KINDS: Mapping[str, Mapping[str, TraceSpanKind]] = {
    _OPERATION: {
        "chat": TraceSpanKind.MODEL,
        "generate_content": TraceSpanKind.MODEL,
        "text_completion": TraceSpanKind.MODEL,
        "execute_tool": TraceSpanKind.TOOL,
        "invoke_workflow": TraceSpanKind.WORKFLOW,
    },
    _INFERENCE_KIND: {"LLM": TraceSpanKind.MODEL, "TOOL": TraceSpanKind.TOOL},
    _REQUEST_TYPE: {"chat": TraceSpanKind.MODEL, "completion": TraceSpanKind.MODEL},
    _TRACELOOP_KIND: {"tool": TraceSpanKind.TOOL, "workflow": TraceSpanKind.WORKFLOW},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSpan:
    """A span, as far as it is read. Times are nanoseconds since 1970; the first span of a trace has no parent_id."""

    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    name: str
    started_at: int
    ended_at: int
    failed: bool
    attributes: Mapping[str, Value]
    resource: Mapping[str, Value] = field(repr=False)

    @property
    def key(self) -> TraceSpanKey:
        """Returns what the span is known by."""
        return self.trace_id, self.span_id

    @property
    def wrong_id(self) -> str:
        """Returns which of its own ids is absent or no id, so that it cannot be told from other spans; empty: none."""
        if not _is_id(self.trace_id, _TRACE_ID_BYTES):
            return "trace_id"
        return "" if _is_id(self.span_id, SPAN_ID_BYTES) else "span_id"

    @property
    def parent(self) -> TraceSpanKey | None:
        """Returns what its parent is known by; None for the first span of a trace."""
        return (self.trace_id, self.parent_id) if self.parent_id else None

    @property
    def kind(self) -> TraceSpanKind | None:
        """Returns what the span is about; None if it does not count."""
        for name, kinds in _KINDS.items():
            if (said := self.attributes.get(name)) is not None and (kind := kinds.get(str(said))) is not None:
                return kind
        return None


class TraceEvent(NamedTuple):
    """The event that a span becomes, as a sender would send it. Unset texts are empty."""

    event_id: str
    event_type: str
    occurred_at: int  # microseconds since 1970
    ids: Mapping[str, str]
    family: str
    detail: Mapping[str, int | str | bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceReading:
    """What the spans of a request become.

    Attributes:
        events: those of the spans that count, in the order of the spans, each made when it is asked for.
        ancestors: spans that are not in the request and have a model's turn below them. If one of them is a model's
            turn itself, it tells of the same turn once more: such spans are given to `read` as `told_below`.
    """

    events: Iterator[TraceEvent]
    ancestors: Collection[TraceSpanKey]


def read(spans: Sequence[TraceSpan], told_below: Collection[TraceSpanKey]) -> TraceReading:
    """Returns what the spans of a request become.

    Where several instrumentations tell of one turn of a model, or one tells sums of its children, the spans are nested,
    and the innermost one counts. told_below holds spans below which a turn was counted in an earlier request: spans are
    sent when they end, so children come before their parents.
    """
    by_key = {span.key: span for span in spans}
    kinds = {key: span.kind for key, span in by_key.items()}
    above = set[TraceSpanKey]()  # a turn of a model stands below them
    beyond = set[TraceSpanKey]()
    for key, span in by_key.items():
        if kinds[key] is TraceSpanKind.MODEL or key in told_below:
            if key in told_below:
                above.add(key)
            beyond |= _mark(span, by_key, above)
    said = _Said(by_key)
    events = (
        _event(span, kind, said)
        for key, span in by_key.items()
        if (kind := kinds[key]) is not None and not (kind is TraceSpanKind.MODEL and key in above)
    )
    return TraceReading(events=events, ancestors=beyond)


def _mark(span: TraceSpan, by_key: Mapping[TraceSpanKey, TraceSpan], above: set[TraceSpanKey]) -> set[TraceSpanKey]:
    """Marks all ancestors of a span; returns the one that is not in the request, if there is one."""
    parent = span.parent
    while parent is not None:
        if parent not in by_key:
            return {parent}
        if parent in above:
            return set()
        above.add(parent)
        parent = by_key[parent].parent
    return set()


def _event(span: TraceSpan, kind: TraceSpanKind, said: "_Said") -> TraceEvent:
    event_type, family, detail = _CONTENT[kind](span)
    ids = {name: value for name, value in zip(_IDS, said.ids(span), strict=True) if value}
    if "agent_id" not in ids and (service := _service(span)):
        ids["agent_id"] = service
    return TraceEvent(
        event_id=_event_id(span, kind),
        event_type=event_type,
        occurred_at=span.ended_at // 1000,
        ids=ids,
        family=family,
        detail=detail,
    )


_Content: TypeAlias = tuple[str, str, dict[str, int | str | bool]]  # the event's type, and the family of its detail


def _turn(span: TraceSpan) -> _Content:
    given = span.attributes
    detail: dict[str, int | str | bool] = {}
    for name, names in (("prompt_tokens", _PROMPT), ("completion_tokens", _COMPLETION), ("cached_tokens", _CACHED)):
        if (number := _whole(_first(given, names))) is not None:
            detail[name] = number
    if model := _first(given, _MODEL):
        detail["model"] = str(model)
    if span.failed:
        detail["failed"] = True
        if error := _first(given, _ERROR):
            detail["error_code"] = str(error)
    finish = _first(given, _FINISH)
    reasons = finish if isinstance(finish, tuple) else () if finish is None else (str(finish),)
    if reasons and _TOOL_TURNS.issuperset(reasons):
        return event_types.MODEL_CALLED, "message", detail
    detail["response_time_ms"] = _milliseconds(span)
    first_chunk = given.get(_FIRST_CHUNK)
    if isinstance(first_chunk, float | int) and 0 <= first_chunk < _LONGEST_SECONDS:
        detail["time_to_first_token_ms"] = round(first_chunk * 1000)
    return event_types.MESSAGE_SENT, "message", detail


_LONGEST_SECONDS = 10**7


def _tool(span: TraceSpan) -> _Content:
    detail: dict[str, int | str | bool] = {
        "endpoint": str(_first(span.attributes, _TOOL) or span.name),
        "method": "TOOL",
        "status_code": 500 if span.failed else 200,
        "latency_ms": _milliseconds(span),
    }
    return "api.called", "api", detail


def _workflow(span: TraceSpan) -> _Content:
    return "workflow.failed" if span.failed else "workflow.executed", "workflow", {"duration_ms": _milliseconds(span)}


_CONTENT: Mapping[TraceSpanKind, Callable[[TraceSpan], _Content]] = {
    TraceSpanKind.MODEL: _turn,
    TraceSpanKind.TOOL: _tool,
    TraceSpanKind.WORKFLOW: _workflow,
}


def _event_id(span: TraceSpan, kind: TraceSpanKind) -> str:
    """Returns an id that every export of the span gives.

    A turn that tells the id of the model's response is known by it within its trace: another instrumentation of the
    same call tells it, too. Ids of responses that are made up carelessly meet within a trace hardly ever, and with the
    same numbers of tokens never.
    """
    response = span.attributes.get(_RESPONSE_ID) if kind is TraceSpanKind.MODEL else None
    if response:
        tokens = (_whole(_first(span.attributes, names)) for names in (_PROMPT, _COMPLETION))
        said = "\0".join((span.trace_id.hex(), str(response), *map(str, tokens)))
        return f"response-{hashlib.blake2b(said.encode(), digest_size=16).hexdigest()}"
    digest = bytearray(hashlib.blake2b(span.trace_id + span.span_id, digest_size=16).digest())
    milliseconds = min((span.started_at or span.ended_at) // 1_000_000, 2**48 - 1)
    digest[:6] = milliseconds.to_bytes(6, "big")
    digest[6], digest[8] = 0x70 | digest[6] & 0x0F, 0x80 | digest[8] & 0x3F
    return str(uuid.UUID(bytes=bytes(digest)))


class _Said:
    """What spans say of whom they are about: each itself, or else its nearest ancestor in the request. What was found
    for a span is kept for those below it, since traces may be as deep as a request has spans.
    """

    def __init__(self, by_key: Mapping[TraceSpanKey, TraceSpan]) -> None:
        self._by_key = by_key
        self._known: dict[TraceSpanKey, Sequence[str]] = {}

    def ids(self, span: TraceSpan) -> Sequence[str]:
        """Returns the ids of a span in the order of _IDS, and what the resource says for want of others; empty texts
        where nobody says any.
        """
        own = self._inherited(span)
        return [said or _text(span.resource, names) for said, names in zip(own, _IDS.values(), strict=True)]

    def _inherited(self, span: TraceSpan) -> Sequence[str]:
        nothing = ("",) * len(_IDS)
        path = list[TraceSpan]()
        one: TraceSpan | None = span
        while one is not None and one.key not in self._known:
            self._known[one.key] = nothing  # ends the search where spans are each other's ancestors
            path.append(one)
            one = self._by_key.get(one.parent) if one.parent is not None else None
        said: Sequence[str] = nothing if one is None else self._known[one.key]
        for each in reversed(path):
            own = (_text(each.attributes, names) for names in _IDS.values())
            said = self._known[each.key] = tuple(mine or above for mine, above in zip(own, said, strict=True))
        return said


def _service(span: TraceSpan) -> str:
    name = str(span.resource.get(_SERVICE, ""))
    return "" if name.startswith(_UNNAMED) else name


def _first(given: Mapping[str, Value], names: Iterable[str]) -> Value | None:
    """Returns the first value that is there; an empty text is none."""
    return next((value for name in names if (value := given.get(name)) is not None and value != ""), None)


def _text(given: Mapping[str, Value], names: Iterable[str]) -> str:
    return str(_first(given, names) or "")


def _whole(value: Value | None) -> int | None:
    if isinstance(value, float):
        # Exponents make numbers that no field holds: such a one stays too large.
        return int(min(max(value, -_LARGEST), _LARGEST)) if value.is_integer() else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _is_id(value: bytes, size: int) -> bool:
    return len(value) == size and any(value)  # zeros stand for none


def _milliseconds(span: TraceSpan) -> int:
    return max(span.ended_at - span.started_at, 0) // 1_000_000 if span.started_at else 0
