"""Questions that take long are named in the log, with what their time went to: waiting, the database, or Python.

A question is watched by its name, which is that of its RPC. What it waits for and what the database does is noted where
that happens; a watch goes with the task of its call. No value of a tenant gets into the log.
"""

import contextlib
import enum
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, Final

from server import log_throttle, tracing


class Spent(enum.IntEnum):
    """What time goes to. Where several go on at once, the first of these counts."""

    DATABASE = 0  # a statement is under way
    WAITING = 1  # for a slot, a connection, or a projection that is behind
    PYTHON = 2  # everything else


_NOTHING: Final = contextlib.nullcontext()
_INNER: Final = (Spent.DATABASE, Spent.WAITING)


class Watch:
    """What the time of a question goes to, and what it has asked for."""

    __slots__ = ("_since", "_under_way", "facts", "spent")

    def __init__(self) -> None:
        self.facts: dict[str, int] = {}
        self.spent = [0.0, 0.0, 0.0]
        self._under_way = [0, 0]
        self._since = time.perf_counter()

    def begin(self, what: Spent) -> None:
        """Notes that something begins, beside what may go on already."""
        self.turn()
        self._under_way[what] += 1

    def end(self, what: Spent) -> None:
        """Notes that it has ended."""
        self.turn()
        self._under_way[what] -= 1

    def turn(self) -> None:
        """Adds the time since the last turn to what it went to."""
        now = time.perf_counter()
        doing = next((one for one in _INNER if self._under_way[one]), Spent.PYTHON)
        self.spent[doing] += now - self._since
        self._since = now


_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)


class SlowQuestions:
    """Writes a line for each question that takes longer than so many seconds; 0: for none."""

    def __init__(self, seconds: float = 0.0) -> None:
        self._seconds = seconds

    @contextlib.contextmanager
    def watching(
        self, question: str, organization_id: int, trace_id: Callable[[], str | None] = lambda: None
    ) -> Iterator[None]:
        """Watches the block. A question within another one is a part of that. trace_id is asked if there is a line."""
        if not self._seconds or _watch.get() is not None:
            yield
            return
        watch = Watch()
        token = _watch.set(watch)
        ended = "answered"
        try:
            yield
        except BaseException as error:
            ended = type(error).__name__
            raise
        finally:
            _watch.reset(token)
            watch.turn()
            if sum(watch.spent) >= self._seconds:
                _write(question, organization_id, watch, ended, trace_id())


def _write(question: str, organization_id: int, watch: Watch, ended: str, trace_id: str | None) -> None:
    facts: dict[str, Any] = {**watch.facts, **({} if trace_id is None else {"trace_id": trace_id})}
    log_throttle.write(
        "warning",
        "slow question",
        (question, organization_id),
        question=question,
        organization_id=organization_id,
        seconds=round(sum(watch.spent), 3),
        waiting_seconds=round(watch.spent[Spent.WAITING], 3),
        database_seconds=round(watch.spent[Spent.DATABASE], 3),
        python_seconds=round(watch.spent[Spent.PYTHON], 3),
        ended=ended,
        **facts,
    )


def asked(*, days: int, cells: int) -> None:
    """Notes how long the period is that the question under way is about, and of how many groups and points of series it
    reads figures.
    """
    if (watch := _watch.get()) is not None:
        watch.facts = {"days": max(days, watch.facts.get("days", 0)), "cells": cells + watch.facts.get("cells", 0)}


def spending(what: Spent) -> contextlib.AbstractContextManager[None]:
    """Notes what the question under way, if there is one, does in the block; the trace has what it waits for."""
    watch = _watch.get()
    if watch is None and (what is not Spent.WAITING or tracing.current() is None):
        return _NOTHING
    return _noted(what, watch)


@contextlib.contextmanager
def _noted(what: Spent, watch: Watch | None) -> Iterator[None]:
    with contextlib.ExitStack() as noted:
        if what is Spent.WAITING and tracing.current() is not None:
            noted.enter_context(tracing.span("wait"))
        if watch is not None:
            watch.begin(what)
            noted.callback(watch.end, what)
        yield
