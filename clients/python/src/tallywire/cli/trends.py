"""Trends: each figure compared with its value a minute before."""

from collections import deque
from typing import Final

from google.protobuf.message import Message

from tallywire.v1 import realtime_service_pb2

SPAN, LEAST = 60.0, 5.0  # seconds between what is compared; less than that while there is no more
_STEADY: Final = 0.02


class MinuteTrends:
    """The states of the last minute."""

    def __init__(self) -> None:
        self._states: deque[tuple[float, Message]] = deque()

    def take(self, state: realtime_service_pb2.RealtimeState) -> None:
        """Takes the next state."""
        at = state.as_of_time.ToMicroseconds() / 1e6
        metrics = realtime_service_pb2.RealtimeMetrics()
        metrics.CopyFrom(state.metrics)  # alone: the whole state would be kept otherwise
        self._states.append((at, metrics))
        while len(self._states) > 2 and self._states[1][0] <= at - SPAN:
            self._states.popleft()

    @property
    def kept(self) -> int:
        """Returns how many states are kept."""
        return len(self._states)

    def of(self, name: str) -> int | None:
        """Returns 1 for a figure that rises, -1 for one that falls, 0 for one within 2 %; None if it is not known."""
        if len(self._states) < 2:
            return None
        (begin, old), (end, new) = self._states[0], self._states[-1]
        if end - begin < LEAST or not (old.HasField(name) and new.HasField(name)):
            return None
        before, after = getattr(old, name), getattr(new, name)
        if abs(after - before) <= _STEADY * max(abs(before), abs(after)):
            return 0
        return 1 if after > before else -1
