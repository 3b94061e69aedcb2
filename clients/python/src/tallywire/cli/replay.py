"""Replay of events from JSON lines."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from google.protobuf import json_format, timestamp_pb2

from tallywire import client, errors, events, ids
from tallywire.cli import json_output
from tallywire.v1 import error_reason_pb2, event_pb2, event_service_pb2

BATCH: Final = 500
TIMEOUT: Final = 120.0  # seconds for one batch, so that a server that restarts does not end a replay
_MAX_LISTED: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A line that did not become a stored event, and why."""

    line: int
    event_id: str
    field: str
    reason: str
    message: str

    def __str__(self) -> str:
        """Returns the problem in one line."""
        where = f" {self.field}:" if self.field else ""
        return f"line {self.line}: {self.reason}:{where} {self.message}"

    def as_json(self) -> json_output.Json:
        """Returns the problem as JSON."""
        return {
            "line": self.line,
            "event_id": self.event_id,
            "field": self.field,
            "reason": self.reason,
            "message": self.message,
        }


@dataclass(slots=True, kw_only=True)
class Summary:
    """The result of a replay; the first 100 problems are kept, `error` is what ended it early."""

    lines: int = 0
    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    bad_lines: int = 0
    error: str | None = None
    problems: list[Problem] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Returns whether every line is stored, now or before."""
        return not (self.rejected or self.bad_lines or self.error)

    def __str__(self) -> str:
        """Returns the counts in one line."""
        counts = f"{self.accepted:,} accepted, {self.duplicate:,} duplicate, {self.rejected:,} rejected"
        return f"{counts}, {self.bad_lines:,} unreadable" if self.bad_lines else counts

    def as_json(self) -> json_output.Json:
        """Returns the summary as JSON with stable keys."""
        return {
            "lines": self.lines,
            "accepted": self.accepted,
            "duplicate": self.duplicate,
            "rejected": self.rejected,
            "bad_lines": self.bad_lines,
            "error": self.error,
            "problems": [problem.as_json() for problem in self.problems],
        }


class BadLine(Exception):
    """The error of a line that is not an event."""


class LineIds:
    """The ids of lines without event_id, made from the line's content and the number of equal lines before it.

    So ids do not change when a file is renamed, copied or grows, or its lines are formatted in another way. `source`
    distinguishes equal lines of different sources. `recorded` says that the lines are in a file: on stdin a line
    without occurred_at, which then means now, is a new event each time.
    """

    def __init__(self, source: str, *, recorded: bool) -> None:
        self._source = source
        self._recorded = recorded
        self._counts: dict[int, int] = {}

    def of(self, document: dict[str, object]) -> str:
        """Returns the id of the next line."""
        if not self._recorded and "occurred_at" not in document and "occurredAt" not in document:
            return ids.uuid7()
        content = json.dumps([self._source, document], sort_keys=True, separators=(",", ":"))
        digest = hashlib.sha256(content.encode()).hexdigest()
        key = int(digest[:16], 16)  # eight bytes: enough to tell the lines of one file apart, and small to keep
        repeated = self._counts.get(key, 0)
        self._counts[key] = repeated + 1
        return f"replay-{digest[:32]}-{repeated}"


class Replay:
    """One run over a source of lines. `line_ids` gives ids to lines without one."""

    def __init__(
        self, to: client.Client, line_ids: LineIds, keep_going: bool, report: Callable[[Problem], None]
    ) -> None:
        self.summary = Summary()
        self._client = to
        self._line_ids = line_ids
        self._keep_going = keep_going
        self._report = report
        self._batch: list[tuple[int, event_pb2.Event]] = []

    def run(self, lines: Iterable[bytes]) -> Summary:
        """Sends every line and returns the summary; events before the end or before a bad line are always sent."""
        try:
            for number, event in self._events(lines):
                self._batch.append((number, event))
                if len(self._batch) == BATCH:
                    self._send()
            self._send()
        except errors.TallywireError as error:
            self.summary.error = str(error)
            raise
        return self.summary

    def _events(self, lines: Iterable[bytes]) -> Iterator[tuple[int, event_pb2.Event]]:
        """Yields the events with their line numbers; without --keep-going it ends at the first bad line."""
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            self.summary.lines += 1
            try:
                document, event = parse(line)
            except BadLine as bad:
                self.summary.bad_lines += 1
                self._problem(Problem(line=number, event_id="", field="", reason="UNREADABLE", message=str(bad)))
                if not self._keep_going:
                    self.summary.error = f"stopped at line {number}"
                    return
                continue
            if not event.event_id:
                event.event_id = self._line_ids.of(document)
            yield number, event

    def _send(self) -> None:
        """Sends the batch."""
        batch, self._batch = self._batch, []
        try:
            self._count(batch, self._client.track_batch((event for _, event in batch), timeout=TIMEOUT))
        except errors.TallywireError as error:
            self._count(batch, error.results)
            raise

    def _count(
        self, batch: Sequence[tuple[int, event_pb2.Event]], results: Sequence[event_service_pb2.EventResult]
    ) -> None:
        """Counts the results, of which there are fewer than events after an error."""
        for (number, _), result in zip(batch, results, strict=False):
            if result.status == event_service_pb2.EVENT_STATUS_ACCEPTED:
                self.summary.accepted += 1
            elif result.status == event_service_pb2.EVENT_STATUS_DUPLICATE:
                self.summary.duplicate += 1
            else:
                self.summary.rejected += 1
                self._problem(_rejected(number, result))

    def _problem(self, problem: Problem) -> None:
        """Keeps and reports a problem, up to a limit."""
        if len(self.summary.problems) < _MAX_LISTED:
            self.summary.problems.append(problem)
            self._report(problem)


def _rejected(number: int, result: event_service_pb2.EventResult) -> Problem:
    """Returns a rejected event as a problem."""
    rejection = result.rejection
    known = error_reason_pb2.ErrorReason.values()
    name = error_reason_pb2.ErrorReason.Name(rejection.reason) if rejection.reason in known else str(rejection.reason)
    return Problem(
        line=number,
        event_id=result.event_id,
        field=rejection.field,
        reason=name.removeprefix("ERROR_REASON_"),
        message=rejection.message,
    )


def parse(line: bytes) -> tuple[dict[str, object], event_pb2.Event]:
    """Returns a line as JSON and as an event. Raises BadLine."""
    event = event_pb2.Event()
    try:
        document = json.loads(line.decode("utf-8-sig"))
        if not isinstance(document, dict):
            raise BadLine("not a JSON object")
        _check_time(document)
        # What JSON itself would keep, and a Struct, whose numbers are doubles, would change silently.
        events.event("a.b", properties=document.get("properties"))
        json_format.ParseDict(document, event)
    except (ValueError, TypeError, RecursionError, json_format.ParseError) as error:
        raise BadLine(str(error).replace("\n", " ")[:200]) from None
    if not event.event_type:
        raise BadLine("event_type is missing")
    return document, event


def _check_time(document: dict[str, object]) -> None:
    """Raises BadLine for a time that is no instant; the parser's own message is for programmers."""
    for name in ("occurred_at", "occurredAt"):
        value = document.get(name)
        if value is None:
            continue
        try:
            timestamp_pb2.Timestamp().FromJsonString(value if isinstance(value, str) else "")
        except ValueError:
            raise BadLine(
                f"{name} is an instant with its zone, such as 2026-01-31T12:00:00Z, not {json.dumps(value)[:60]}"
            ) from None
