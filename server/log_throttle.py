"""Log lines about what may happen with every call: the first of a cause at once, and their number every few seconds."""

import asyncio
import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

_SECONDS = 5.0
_LATE = 1.0  # a timer that is later than this went with its event loop
_MOST_CAUSES = 100  # at a time; what comes beyond them counts together

_log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class _Cause:
    """What is being counted, and since when it has not been written."""

    level: str
    event: str
    fields: Mapping[str, object]
    written_until: float
    more: int = 0


class Lines:
    """Log lines, at most one for each cause in so many seconds."""

    def __init__(self, seconds: float = _SECONDS) -> None:
        self._seconds = seconds
        self._causes: dict[Hashable, _Cause] = {}

    def write(
        self, level: str, event: str, cause: object = None, *, error: BaseException | None = None, **fields: Any
    ) -> Mapping[str, Any]:
        """Writes the line, with the error's frames, or counts it if its cause has just been written.

        Errors of one kind from one place are one cause. Returns the fields of the line that stands for it in the log:
        those of the cause's first line.
        """
        key: Hashable = (event, cause, _place(error))
        now = time.monotonic()
        if key not in self._causes and len(self._causes) >= _MOST_CAUSES:
            key, fields = event, {}
        known = self._causes.get(key)
        if known is not None and now < known.written_until + _LATE:
            known.more += 1
            return known.fields
        self._causes[key] = _Cause(level=level, event=event, fields=fields, written_until=now + self._seconds)
        self._count_on(key)
        getattr(_log, level)(event, **fields, **({} if error is None else {"exc_info": error}))
        return fields

    def _count_on(self, key: Hashable) -> None:
        try:
            asyncio.get_running_loop().call_later(self._seconds, self._tell, key)
        except RuntimeError:  # no event loop, so nothing that would come by the hundred
            del self._causes[key]

    def _tell(self, key: Hashable) -> None:
        """Logs how often a cause has come since its last line, and forgets a cause that has not."""
        cause = self._causes[key]
        if not cause.more:
            del self._causes[key]
            return
        # As one mapping, since lines have fields of any name, such as the seconds of a question.
        fields = {**cause.fields, "times": cause.more, "within_seconds": self._seconds}
        getattr(_log, cause.level)(cause.event, **fields)
        cause.more, cause.written_until = 0, time.monotonic() + self._seconds
        self._count_on(key)


def _place(error: BaseException | None) -> Hashable:
    """Returns what errors of one cause have in common: their kind, and where they were raised."""
    traceback = error.__traceback__ if error is not None else None
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    where = (traceback.tb_frame.f_code, traceback.tb_lineno) if traceback is not None else None
    return type(error).__qualname__, where


write = Lines().write
