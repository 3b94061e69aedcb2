"""Lost events and why they were lost: counted, reported to on_drop, and logged in one line a minute at most."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Final

from tallywire.v1 import event_pb2

_log = logging.getLogger("tallywire")

INTERVAL: Final = 60.0  # seconds between two lines
_MAX_KINDS: Final = 100  # kept apart; what comes beyond is counted together
_MAX_LISTED: Final = 10
_OTHERS: Final = "other reasons"

OnDrop = Callable[[event_pb2.Event | None, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class LostEvent:
    """An event that will not be stored, or whose outcome stays unknown, and why.

    Lost events of the same `kind` are counted together; `event` is None if no event could be built.
    """

    event: event_pb2.Event | None
    kind: str
    reason: str


class LostEvents:
    """The lost events of one tracker. Safe between threads, and re-entrant."""

    def __init__(self, on_drop: OnDrop | None, threads: ModuleType) -> None:
        self._on_drop = on_drop
        self._lock: threading.RLock = threads.RLock()
        self._in_callback = threads.local()
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, str] = {}
        self._logged_at: float | None = None

    def add(self, events: Sequence[LostEvent]) -> bool:
        """Counts lost events, calls on_drop with each, and logs a line unless there was one within the last minute.

        Returns whether the caller must have the next line logged when it is due: these are its first events.
        """
        with self._lock:
            first = not self._counts
            for lost in events:
                known = lost.kind in self._counts or len(self._counts) < _MAX_KINDS
                kind = lost.kind if known else _OTHERS
                self._counts[kind] += 1
                self._examples.setdefault(kind, lost.reason if known else _OTHERS)
        for lost in events:
            self._report(lost)
        self.log_if_due()
        return first and self.seconds_until_line() is not None

    def seconds_until_line(self) -> float | None:
        """Returns the seconds until a line is due; None if there is nothing to log."""
        with self._lock:
            if not self._counts:
                return None
            return 0.0 if self._logged_at is None else max(0.0, self._logged_at + INTERVAL - time.monotonic())

    def log_if_due(self) -> None:
        """Logs what was lost since the last line, if that was a minute ago."""
        if self.seconds_until_line() == 0:
            self.log()

    def log(self) -> None:
        """Logs what was lost since the last line, if anything was."""
        with self._lock:
            counts, examples = self._counts, self._examples
            if not counts:
                return
            self._counts, self._examples, self._logged_at = Counter(), {}, time.monotonic()
        parts = [f"{number:,} × {examples[kind]}" for kind, number in counts.most_common(_MAX_LISTED)]
        if len(counts) > _MAX_LISTED:
            rest = counts.total() - sum(number for _, number in counts.most_common(_MAX_LISTED))
            parts.append(f"{rest:,} × others")
        total = "1 event is lost" if counts.total() == 1 else f"{counts.total():,} events are lost"
        _log.warning("%s: %s", total, "; ".join(parts))

    def _report(self, lost: LostEvent) -> None:
        """Calls on_drop with one lost event; events that are lost inside on_drop are only counted."""
        if self._on_drop is None or getattr(self._in_callback, "now", False):
            return
        self._in_callback.now = True
        try:
            self._on_drop(lost.event, lost.reason)
        except Exception:  # noqa: BLE001 - the sender lives on, whatever the callback does
            _log.exception("on_drop failed")
        finally:
            self._in_callback.now = False
