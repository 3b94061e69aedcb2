"""Traces of the service itself, for operators: off unless TALLYWIRE_TRACING is set, and then sampled.

A call, a task or a fold begins a trace or goes on with one, and what it waits for and each transaction are spans of it.
Where nothing is traced, a look at one variable is all that it costs, and no library is loaded. Names are of the code:
neither values of tenants nor credentials get into a span.
"""

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Final, NamedTuple, Protocol

from server.settings import Settings

CARRIED: Final = "traceparent"  # in the metadata of calls and in the payload of tasks
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_MOST_SPANS: Final = 256  # below one call or task: streams last
_MOST_STATEMENTS: Final = 20
_NO_ATTRIBUTES: Final[Mapping[str, str | int]] = {}


class TraceParent(NamedTuple):
    """The span that a caller says it is in. is_ours: the service itself has passed it on."""

    trace_id: int
    span_id: int
    is_sampled: bool
    is_ours: bool = False


class Recorded(Protocol):
    """A span that is recorded."""

    @property
    def traceparent(self) -> str:
        """Returns the span as W3C's header names it."""

    def end(self, attributes: Mapping[str, str | int], *, is_fault: bool) -> None:
        """Ends the span."""


class Recorder(Protocol):
    """What records spans."""

    def begin(
        self, name: str, attributes: Mapping[str, str | int], parent: TraceParent | None, *, is_call: bool
    ) -> Recorded | None:
        """Begins a trace, or goes on with one; None where it is not sampled."""

    def begin_within(
        self, name: str, attributes: Mapping[str, str | int], parent: Recorded, linked: Sequence[Recorded]
    ) -> Recorded:
        """Begins a span within another one."""

    def close(self) -> None:
        """Sends what is left."""


class Spanned:
    """A span under way. left: how many more there may be in its part of the trace."""

    __slots__ = ("is_open", "left", "recorded", "statements")

    def __init__(self, recorded: Recorded, left: list[int]) -> None:
        self.recorded = recorded
        self.left = left
        self.is_open = True
        self.statements: dict[str, None] = {}

    def end(self, attributes: Mapping[str, str | int] | None = None, *, is_fault: bool = False) -> None:
        """Ends it: what goes on after it, in tasks that it has begun, is no part of it."""
        self.is_open = False
        told = dict(attributes or {})
        if self.statements:
            told["db.query.summary"] = "; ".join(self.statements)
        self.recorded.end(told, is_fault=is_fault)

    def statement(self, name: str) -> None:
        """Notes a statement by its name."""
        if len(self.statements) < _MOST_STATEMENTS:
            self.statements[name] = None


class _Process:
    """What records the spans of this process; None: nothing does."""

    recorder: Recorder | None = None


_NOTHING: Final = contextlib.nullcontext()
_span: ContextVar[Spanned | None] = ContextVar("span", default=None)


def start(settings: Settings, role: str) -> None:
    """Has what this process does recorded from now on, if the settings ask for it. SetupError where that cannot be."""
    if settings.tracing is None:
        return
    # Imported here: the libraries take time and memory, and need not be installed.
    from server import trace_export

    _Process.recorder = trace_export.recorder(settings, role)


def use(recorder: Recorder | None) -> None:
    """Records with something else, or with nothing."""
    _Process.recorder = recorder


def stop() -> None:
    """Sends what is left and records nothing any more."""
    recorder, _Process.recorder = _Process.recorder, None
    if recorder is not None:
        recorder.close()


def is_on() -> bool:
    """Returns whether anything is recorded in this process."""
    return _Process.recorder is not None


def current() -> Spanned | None:
    """Returns the span that this task is in, if it is recorded and has not ended."""
    if _Process.recorder is None:
        return None
    span = _span.get()
    return span if span is not None and span.is_open else None


def parent_of(text: str, *, is_ours: bool = False) -> TraceParent | None:
    """Returns the span that a traceparent names; None where it names none."""
    found = _TRACEPARENT.fullmatch(text)
    if found is None or not int(found[1], 16) or not int(found[2], 16):
        return None
    return TraceParent(int(found[1], 16), int(found[2], 16), bool(int(found[3], 16) & 1), is_ours)


def carried() -> dict[str, str]:
    """Returns what is passed on to whoever goes on with the work of this span; nothing where none is recorded."""
    span = current()
    return {} if span is None else {CARRIED: span.recorded.traceparent}


def begin_call(
    name: str, attributes: Mapping[str, str | int], metadata: Iterable[tuple[str, object]]
) -> Spanned | None:
    """Begins the span of a call, in this task; None where it is not recorded. Whoever ends the call ends the span."""
    if _Process.recorder is None:
        return None
    given = next((value for key, value in metadata if key == CARRIED), "")
    recorded = _Process.recorder.begin(name, attributes, parent_of(str(given)), is_call=True)
    span = None if recorded is None else Spanned(recorded, [_MOST_SPANS])
    _span.set(span)
    return span


def work(name: str, parent: object = None) -> contextlib.AbstractContextManager[None]:
    """Records the block as work of its own, which goes on with the trace that was carried to it, if there is one."""
    if _Process.recorder is None:
        return _NOTHING
    recorded = _Process.recorder.begin(name, {}, parent_of(str(parent or ""), is_ours=True), is_call=False)
    return _entered(None if recorded is None else Spanned(recorded, [_MOST_SPANS]))


def span(name: str, attributes: Mapping[str, str | int] = _NO_ATTRIBUTES) -> contextlib.AbstractContextManager[None]:
    """Records the block as a part of the span that this task is in, if that is recorded."""
    outer, recorder = current(), _Process.recorder
    if outer is None or recorder is None or outer.left[0] <= 0:
        return _NOTHING
    outer.left[0] -= 1
    return _entered(Spanned(recorder.begin_within(name, attributes, outer.recorded, ()), outer.left))


def on_behalf_of(name: str, spans: Iterable[Spanned | None]) -> contextlib.AbstractContextManager[None]:
    """Records the block as a part of the first of several spans, linked to the others; as a part of none if there are
    none, whatever this task is in: work for several calls is begun by one of them.
    """
    if (recorder := _Process.recorder) is None:
        return _NOTHING
    for_whom = [one for one in spans if one is not None and one.is_open]
    if not for_whom:
        return _entered(None)
    first, *others = for_whom
    recorded = recorder.begin_within(name, {}, first.recorded, [one.recorded for one in others])
    return _entered(Spanned(recorded, first.left))


@contextlib.contextmanager
def _entered(inner: Spanned | None) -> Iterator[None]:
    """Has the block be in a span, or in none."""
    token = _span.set(inner)
    is_fault = True
    try:
        yield
        is_fault = False
    finally:
        with contextlib.suppress(ValueError):  # another task ends it
            _span.reset(token)
        if inner is not None:
            inner.end(is_fault=is_fault)
