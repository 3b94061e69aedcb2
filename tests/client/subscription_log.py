"""The subscriptions of the scripted server: a log of revisions, and what goes wrong on the way."""

import dataclasses
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import states

from tallywire.v1 import realtime_service_pb2, realtime_service_pb2_grpc

Update = realtime_service_pb2.WatchUpdatesResponse


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Ends a subscription after some messages: with a failure of the script, or in order without one."""

    after: int
    failure: Any = None


@dataclass(frozen=True, kw_only=True)
class Say:
    """Sends these messages instead of the log, and then as `then` says."""

    messages: list[Any] = dataclasses.field(default_factory=list)
    then: Cut = dataclasses.field(default_factory=lambda: Cut(after=0))


class Live(realtime_service_pb2_grpc.RealtimeServiceServicer):
    """Tells revisions and states, each call as its step says."""

    def __init__(self, abort: Callable[[Any, Any], None]) -> None:
        self._abort = abort
        self.steps: deque[Any] = deque()
        self.requests: list[Any] = []
        self.revision = 0
        self.parts = 1  # messages of one revision
        self.pause = 0.0  # seconds between two revisions
        self.open_calls = 0
        self.ended_calls = 0
        self.changed = threading.Condition()

    def commit(self, count: int = 1) -> None:
        """Adds revisions to the log."""
        with self.changed:
            self.revision += count
            self.changed.notify_all()

    def wait_until(self, condition: Callable[[], bool], seconds: float = 10) -> None:
        """Waits for something about the calls."""
        with self.changed:
            assert self.changed.wait_for(condition, seconds)

    def GetRealtimeMetrics(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        self._begin(request, context)
        return realtime_service_pb2.GetRealtimeMetricsResponse(state=states.state(self.revision))

    def WatchMetrics(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802 - gRPC's name
        return self._played(request, context, self._states(context))

    def WatchUpdates(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802 - gRPC's name
        return self._played(request, context, self._updates(request, context))

    def _begin(self, request: Any, context: Any) -> Any:
        with self.changed:
            self.requests.append(request)
            step = self.steps.popleft() if self.steps else None
        if step is not None and not isinstance(step, Cut | Say):
            self._abort(context, step)
        return step

    def _played(self, request: Any, context: Any, reported: Iterator[Any]) -> Iterator[Any]:
        step = self._begin(request, context)
        with self.changed:
            self.open_calls += 1
            self.changed.notify_all()
        context.add_callback(self._ended)
        cut = step.then if isinstance(step, Say) else step
        messages = iter(step.messages) if isinstance(step, Say) else reported
        yield from itertools.islice(messages, step.after) if isinstance(step, Cut) else messages
        if cut is not None and cut.failure is not None:
            self._abort(context, cut.failure)

    def _ended(self) -> None:
        with self.changed:
            self.ended_calls += 1
            self.changed.notify_all()

    def _states(self, context: Any) -> Iterator[Any]:
        revision = -1
        while context.is_active():
            with self.changed:
                self.changed.wait_for(lambda: self.revision != revision, 0.1)  # noqa: B023 - called at once
                changed, revision = self.revision != revision, self.revision
            if changed:
                yield state(revision)

    def _updates(self, request: Any, context: Any) -> Iterator[Any]:
        position = int(request.resume_after.removeprefix("t")) if request.resume_after else self.revision
        yield Update(resume_token=f"t{position}", revision=position, bookmark=True)
        while context.is_active():
            with self.changed:
                self.changed.wait_for(lambda: self.revision > position, 0.1)  # noqa: B023 - called at once
                last = self.revision
            for revision in range(position + 1, last + 1):
                yield from update(revision, self.parts, events=request.include_events)
                time.sleep(self.pause)
            position = last


def state(revision: int) -> Any:
    """Returns a state as it is sent."""
    return realtime_service_pb2.WatchMetricsResponse(state=states.state(revision), revision=revision)


def heartbeat(revision: int) -> Any:
    """Returns a heartbeat."""
    return realtime_service_pb2.WatchMetricsResponse(revision=revision)


def bookmark(revision: int) -> Update:
    """Returns a bookmark."""
    return Update(resume_token=f"t{revision}", revision=revision, bookmark=True)


def update(revision: int, parts: int = 1, *, events: bool = False) -> list[Update]:
    """Returns a revision in its messages: changes in the first, an event in each, the token in the last."""
    made = [Update(revision=revision, more=number < parts) for number in range(1, parts + 1)]
    for message in made:
        message.committed_at.FromDatetime(states.NOW)
    made[0].changes.add(measure="messages", value="agent \n ü", count=revision, sum=-1)
    if events:
        for number, message in enumerate(made):
            message.events.add(event_id=f"e{revision}-{number}", event_type="message.sent")
    made[-1].resume_token = f"t{revision}"
    return made
