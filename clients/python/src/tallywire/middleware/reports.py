"""What middleware of every kind stands on: what is left out, who made a call, and that no fault reaches the host."""

import logging
import random
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal

from tallywire import contexts, tracker

_log = logging.getLogger("tallywire")

HEALTH_CHECKS: Final = ("/health", "/healthz", "/livez", "/readyz", "/ping")
"""The paths that HTTP middleware leaves out unless told otherwise."""

NO_ROUTE: Final = "(none)"
"""The endpoint of calls that no route matched."""

OTHER_METHOD: Final = "(other)"
"""The method of calls with one that a peer has invented."""

_METHODS: Final = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY"))
_MAX_ENDPOINT: Final = 256  # bytes
_LOG_INTERVAL: Final = 60.0  # seconds between two lines about the same

FAILED: Final = 500
GONE: Final = 499
"""The status of a call whose peer hung up."""

WhoOf = Callable[..., contexts.Who | None]
"""A function of the application that says who a call is about."""


class Reports:
    """What one middleware reports, through a tracker. Nothing here raises, once it is made, or waits.

    Raises ValueError for a rate that is none.
    """

    def __init__(self, to: tracker.Tracker, who: WhoOf | None, exclude: Iterable[str], sample_rate: float) -> None:
        if isinstance(exclude, str):
            raise TypeError("exclude is a sequence of patterns, not one text")
        if not 0 <= sample_rate <= 1:
            raise ValueError(f"sample_rate is from 0 to 1, not {sample_rate}")
        self._tracker = to
        self._who = who
        patterns = [".*".join(map(re.escape, (pattern.rstrip("/") or "/").split("*"))) for pattern in exclude]
        self._excluded = re.compile("|".join(patterns), re.DOTALL) if patterns else None
        self._rate = sample_rate
        self._properties: Mapping[str, object] = {} if sample_rate == 1 else {"sample_rate": sample_rate}
        self._lock = threading.Lock()
        self._troubles: dict[str, tuple[float, int]] = {}

    def wants(self, name: str) -> bool:
        """Returns whether a call of this path, method or task is to be reported."""
        if self._excluded is not None and self._excluded.fullmatch(name.rstrip("/") or "/"):
            return False
        return self._rate == 1 or random.random() < self._rate  # noqa: S311 - a sample, not a secret

    def who(self, *call: object) -> Mapping[str, str]:
        """Returns what the application says about a call; nothing if its function fails."""
        if self._who is None:
            return {}
        try:
            return contexts.checked(self._who(*call) or {})
        except Exception as error:  # noqa: BLE001 - the host's work matters more than its metrics
            self.trouble("the function that says who a call is about", error)
            return {}

    def endpoint(self, route: Callable[..., str | None], *call: object) -> str:
        """Returns the template of a call as an endpoint: NO_ROUTE without one, and what is too long is cut off."""
        try:
            return (route(*call) or NO_ROUTE).encode()[:_MAX_ENDPOINT].decode(errors="ignore")
        except Exception as error:  # noqa: BLE001 - the host's work matters more than its metrics
            self.trouble("the function that says the route of a call", error)
            return NO_ROUTE

    def send(
        self,
        event_type: Literal["api.called", "workflow.executed", "workflow.failed"],
        who: Mapping[str, str],
        properties: Mapping[str, object] | None = None,
        **fields: object,
    ) -> None:
        """Tracks an event, which is lost if it cannot be: then the tracker counts it, and the log says so."""
        self._tracker.track(event_type, **who, **fields, properties={**self._properties, **(properties or {})})

    def trouble(self, what: str, error: Exception) -> None:
        """Logs that something failed, once a minute at most for each thing."""
        now = time.monotonic()
        with self._lock:
            logged_at, more = self._troubles.get(what, (now - _LOG_INTERVAL, 0))
            due = now - logged_at >= _LOG_INTERVAL
            self._troubles[what] = (now, 0) if due else (logged_at, more + 1)
        if due:
            again = f", and {more:,} times since the last line" if more else ""
            _log.warning("%s failed: %r%s", what, error, again)


def http_method(method: str) -> str:
    """Returns the method of a request if it is one that exists, so that a peer cannot make up new ones."""
    return method if method in _METHODS else OTHER_METHOD


def milliseconds_since(started: float) -> int:
    """Returns how long ago time.perf_counter() said that."""
    return round((time.perf_counter() - started) * 1000)
