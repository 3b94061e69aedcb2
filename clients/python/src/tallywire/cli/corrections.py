"""The commands `tallywire corrections …`: events that were wrong, or should not be there."""

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from tallywire.cli import csv_output, formatting, json_output, options, problems, replay
from tallywire.cli.csv_output import Sheet
from tallywire.corrections import CorrectionResult, EventHistory
from tallywire.v1 import error_reason_pb2, event_pb2, event_service_pb2

app = typer.Typer(
    help="Correct and retract stored events, and see what they were.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
Reason = Annotated[str, typer.Option("--reason", help="Why, for whoever reads the history.")]
_REJECTED = event_service_pb2.CORRECTION_STATUS_REJECTED


@app.command()
@problems.reported
@options.grouped
def correct(
    *,
    file: Annotated[str, typer.Argument(metavar="FILE", help="JSON lines, one event each with event_id; - is stdin.")],
    reason: Reason,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Make stored events what the lines of a file say under their ids.

    All of an event is replaced; one without occurred_at keeps its time. To run it again changes nothing. Fails if any
    correction is rejected. Needs a key with the scope correct.
    """
    events = list(_events(file))
    with to.connect(stamp_sent_at=False) as server:
        results = server.corrections.correct(events, reason=reason)
    _emit(output, results)


@app.command()
@problems.reported
@options.grouped
def retract(
    *,
    ids: Annotated[list[str], typer.Argument(metavar="ID…", help="The ids of the events.")],
    reason: Reason,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Take events out of all figures, as if they had never been sent.

    Their ids stay taken. Fails if any retraction is rejected. Needs a key with the scope correct.
    """
    with to.connect() as server:
        results = server.corrections.retract(ids, reason=reason)
    _emit(output, results)


@app.command()
@problems.reported
@options.grouped
def history(
    *,
    event_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the event.")],
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Show an event as it counts now, and what it was before.

    Needs a key with the scope events.
    """
    with to.connect() as server:
        found = server.corrections.history(event_id)
    output.emit(
        document=lambda: json_output.of(found),
        sheet=lambda: _history_sheet(found),
        terminal=lambda console: _show_history(console, found),
    )


def _events(file: str) -> Iterator[event_pb2.Event]:
    """Yields the events of a file. Raises WrongUsage for a file or line that cannot be read."""
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise problems.WrongUsage(f"{error.strerror}: {file}") from None
    for number, line in enumerate(content.splitlines(), start=1):
        if line.strip():
            try:
                _, event = replay.parse(line)
            except replay.BadLine as bad:
                raise problems.WrongUsage(f"line {number}: {bad}") from None
            if not event.event_id:
                raise problems.WrongUsage(f"line {number}: event_id is missing: it says which event is corrected")
            yield event


def _emit(output: options.OutputOptions, results: Sequence[CorrectionResult]) -> None:
    output.emit(
        document=lambda: [json_output.of(one) for one in results],
        sheet=lambda: Sheet(header=("event_id", "status", "reason", "message"), rows=map(_row, results)),
        terminal=lambda console: _show(console, results),
    )
    if any(one.status == _REJECTED for one in results):
        problems.fail("some events stay as they are", 1)


def _row(one: CorrectionResult) -> tuple[str, str, str | None, str | None]:
    if one.status != _REJECTED:
        return one.event_id, _status(one), None, None
    return one.event_id, _status(one), _reason(one.rejection), one.rejection.message


def _status(one: CorrectionResult) -> str:
    known = one.status in event_service_pb2.CorrectionStatus.values()
    name = event_service_pb2.CorrectionStatus.Name(one.status) if known else str(one.status)
    return name.removeprefix("CORRECTION_STATUS_").lower()


def _reason(rejection: event_service_pb2.Rejection) -> str:
    known = rejection.reason in error_reason_pb2.ErrorReason.values()
    name = error_reason_pb2.ErrorReason.Name(rejection.reason) if known else str(rejection.reason)
    return name.removeprefix("ERROR_REASON_")


def _show(console: Console, results: Sequence[CorrectionResult]) -> None:
    """Prints what became of each event."""
    for one in results:
        _, status, reason, message = _row(one)
        why = f" {reason}: {message}" if reason else ""
        console.print(Text(f"{status} {formatting.plain(one.event_id)}{why}"), soft_wrap=True)


def _history_sheet(found: EventHistory) -> Sheet:
    """Returns what an event is and was as rows, newest first."""
    header = ("state", "revision", "received_at", "until", "until_revision", "reason", "key_id", "event")
    return Sheet(header=header, rows=_history_rows(found))


def _history_rows(found: EventHistory) -> Iterator[tuple[str | int | datetime | None, ...]]:
    if found.HasField("event"):
        yield "now", *_stored(found.event), None, None, None, None, _told(found.event.event)
    for one in found.earlier:
        until = csv_output.instant(one.replaced_at, UTC)
        state = "retracted" if one.retracted else "corrected"
        told = _told(one.stored.event)
        yield state, *_stored(one.stored), until, one.replaced_revision, one.reason, one.key_id, told


def _stored(one: event_service_pb2.StoredEvent) -> tuple[int, datetime]:
    return one.revision, csv_output.instant(one.received_at, UTC)


def _told(event: event_pb2.Event) -> str:
    """Returns an event as a line of JSON."""
    return json.dumps(json_output.of(event), ensure_ascii=False)


def _show_history(console: Console, found: EventHistory) -> None:
    """Prints what an event is, and below it what it was."""
    rows = list(_history_rows(found))
    if not found.HasField("event"):
        console.print(Text("retracted: the event counts no more", style="bold"))
    for state, revision, received_at, until, until_revision, reason, key_id, event in rows:
        when = f"from revision {revision}, {received_at}"
        why = f", until revision {until_revision}, {until}: {reason} (key {key_id})" if until else ""
        console.print(Text(f"{state}: {when}{why}", style="bold"), soft_wrap=True)
        console.print(Text(f"  {event}"), soft_wrap=True)
