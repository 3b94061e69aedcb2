"""The commands `tallywire verify`, `repair` and `audit-log`: figures proved, and who administered what."""

import itertools
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import Annotated, Final, Literal, get_args

import typer
from google.protobuf import json_format
from rich.console import Console
from rich.text import Text

from tallywire.audit import ActorKindName, AuditEntry, EntriesOptions, Progress, RepairResult, VerificationResult
from tallywire.cli import csv_output, formatting, json_output, layout, options, period, problems, tables
from tallywire.cli.csv_output import Sheet
from tallywire.v1 import audit_service_pb2

DIFFERS = 1  # exit code
_ACTOR_KINDS: Final[tuple[ActorKindName, ...]] = get_args(ActorKindName)

Dimension = Annotated[
    str | None,
    typer.Option("--dimension", metavar="NAME", help="Only figures by this dimension or pair: agent, total."),
]


@problems.reported
@options.grouped
def verify(
    *,
    of: options.PeriodOptions,
    dimension: Dimension = None,
    most: Annotated[
        int, typer.Option("--max-differences", min=1, max=1000, help="Differences to list; all of them are counted.")
    ] = 100,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Count raw events again and compare every figure.

    The digest is the same wherever figures are. The exit code is 1 if any figure differs.
    """
    question = of.question()
    with to.connect() as server:
        asked = options.asked(question, server)
        steps = server.audit.verify_metrics(
            asked.start, asked.end, dimension=dimension, max_differences=most, time_zone=asked.time_zone
        )
        with steps:
            _follow(steps)
            found = steps.wait()
    output.emit(
        document=lambda: json_output.of(found),
        sheet=lambda: differences_sheet(found),
        terminal=lambda console: show_verification(console, found),
    )
    raise typer.Exit(DIFFERS if found.difference_count else 0)


@problems.reported
@options.grouped
def repair(
    *,
    of: options.PeriodOptions,
    dimension: Dimension = None,
    to: options.ServerOptions,
    as_json: options.AsJson = False,
) -> None:
    """Mend figures that are not what raw events say.

    Needs a key with the scope admin. The exit code is 1 if something is left for the operator to rebuild.
    """
    question = of.question()
    with to.connect() as server:
        asked = options.asked(question, server)
        with server.audit.repair_metrics(
            asked.start, asked.end, dimension=dimension, time_zone=asked.time_zone
        ) as steps:
            _follow(steps)
            done = steps.wait()
    if as_json:
        json_output.emit(json_output.of(done))
    else:
        show_repair(Console(markup=False), done)
    raise typer.Exit(DIFFERS if done.needs_rebuild else 0)


@problems.reported
@options.grouped
def audit_log(
    *,
    action: Annotated[
        str | None, typer.Option("--action", metavar="PREFIX", help="Only actions that begin so, as in key.")
    ] = None,
    actor: Annotated[
        str | None, typer.Option("--actor", metavar="ID", help="Only of this API key or operator.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--actor-kind", help=f"Only of such actors: {', '.join(_ACTOR_KINDS)}.")
    ] = None,
    subject: Annotated[str | None, typer.Option("--subject", metavar="ID", help="Only what was done to this.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="Only from this RFC 3339 instant on.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Only before this RFC 3339 instant.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="The most entries to show.")] = 50,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Show who administered what, the newest first.

    Needs a key with the scope admin.
    """
    chosen: EntriesOptions = {
        "action_prefix": action,
        "actor_id": actor,
        "actor_kind": _kind(kind),
        "subject": subject,
        "since": period.instant(since, None, "--since") if since else None,
        "until": period.instant(until, None, "--until") if until else None,
    }
    with to.connect() as server:
        entries = server.audit.list_audit_entries(page_size=min(limit, 1_000), **chosen)
        found = list(itertools.islice(entries, limit))
    output.emit(
        document=lambda: [json_output.of(one) for one in found],
        sheet=lambda: entries_sheet(found),
        terminal=lambda console: show_entries(console, found),
    )


def _kind(text: str | None) -> ActorKindName | None:
    for one in _ACTOR_KINDS:
        if one == text:
            return one
    if text is None:
        return None
    raise problems.WrongUsage(f"--actor-kind is one of {', '.join(_ACTOR_KINDS)}, not {text!r}")


def _follow(steps: Iterable[Progress]) -> None:
    """Follows the steps, and shows them on stderr if that is a terminal."""
    shows = sys.stderr.isatty()
    for one in steps:
        if shows:
            found = f", {one.difference_count:,} differences" if one.difference_count else ""
            sys.stderr.write(f"\r{one.covered:4.0%} of the events, {one.cells:,} cells{found}  ")
            sys.stderr.flush()
    if shows:
        sys.stderr.write("\r\033[K")


def differences_sheet(found: VerificationResult) -> Sheet:
    """Returns the differences as rows."""
    header = ("kind", "bucket_start", "bucket_seconds", "dimension", "value", "measure", "part", "stored", "expected")
    return Sheet(
        header=(*header, "count"),
        rows=(
            (
                *(_name(one, "kind"), csv_output.instant(one.bucket_start, UTC), one.bucket_seconds, one.dimension),
                *(one.value, one.measure, _name(one, "part"), one.stored, one.expected, one.count),
            )
            for one in found.differences
        ),
    )


def _name(one: audit_service_pb2.MetricDifference, field: str) -> str:
    """Returns the last words of the name of an enum's value, or nothing where it is unset."""
    if field == "kind":
        return _last("DIFFERENCE_KIND_", audit_service_pb2.DifferenceKind.Name(one.kind))
    return _last("FIGURE_PART_", audit_service_pb2.FigurePart.Name(one.part)) if one.part else ""


def _last(prefix: str, name: str) -> str:
    return name.removeprefix(prefix).lower()


def show_verification(console: Console, found: VerificationResult) -> None:
    """Prints what a verification has found."""
    table = layout.table(("", "left"), ("", "left"))
    state = "every figure is what raw events say" if not found.difference_count else "FIGURES DIFFER"
    for label, value in (
        ("Result", state),
        ("Differences", formatting.count(found.difference_count)),
        ("Cells compared", formatting.count(found.cells)),
        ("Events counted again", formatting.count(found.events)),
        ("Revision", formatting.count(found.context.as_of_revision)),
        ("Digest", found.digest),
        ("Seconds", f"{found.seconds:,.1f}"),
        ("Realtime figures", "compared" if found.is_realtime_verified else "not in the period"),
        ("Not verified", _unverified(found)),
    ):
        if value:
            table.add_row(label, Text(formatting.plain(value)))
    console.print(table)
    if found.differences:
        columns = [
            tables.Column(heading="Bucket (UTC)", is_text=True, least=16),
            tables.Column(heading="Kind", is_text=True, least=6),
            tables.Column(heading="Of", is_text=True, least=12),
            tables.Column(heading="Measure", is_text=True, least=12),
            tables.Column(heading="Stored"),
            tables.Column(heading="Expected"),
        ]
        tables.show(console, columns, [_difference_row(one) for one in found.differences])


def _difference_row(one: audit_service_pb2.MetricDifference) -> tuple[str, ...]:
    place = f"{one.dimension} {one.value.replace(chr(10), ', ')}".strip() if one.dimension else f"{one.count:,}"
    return (
        formatting.instant(one.bucket_start, UTC),
        _name(one, "kind"),
        formatting.plain(place),
        f"{one.measure} {_name(one, 'part')}".strip(),
        formatting.count(one.stored) if one.dimension else formatting.ABSENT,
        formatting.count(one.expected) if one.dimension else formatting.ABSENT,
    )


def _unverified(found: VerificationResult) -> str:
    gone = []
    if found.HasField("unverifiable_until"):
        gone.append(f"before {formatting.instant(found.unverifiable_until, UTC)} UTC, where raw events may be gone")
    return "; ".join([*gone, *found.unverified])


def show_repair(console: Console, done: RepairResult) -> None:
    """Prints what a repair has done."""
    table = layout.table(("", "left"), ("", "left"))
    for label, value in (
        ("Cells compared", formatting.count(done.cells)),
        ("Cells mended", formatting.count(done.repaired_cells)),
        ("Rollups written anew", formatting.count(done.rewritten_rollups)),
        ("Realtime minutes mended", formatting.count(done.repaired_minutes)),
        ("Entries of the audit trail", ", ".join(map(str, done.audit_entries))),
        ("For the operator to rebuild", ", ".join(done.needs_rebuild)),
    ):
        if value:
            table.add_row(label, Text(formatting.plain(value)))
    console.print(table)


def _actor_kind(one: AuditEntry) -> str:
    return _last("ACTOR_KIND_", audit_service_pb2.ActorKind.Name(one.actor_kind))


def _changed(one: AuditEntry, field: Literal["before", "after"]) -> str:
    return json_format.MessageToJson(getattr(one, field), indent=None) if one.HasField(field) else ""


def entries_sheet(found: Sequence[AuditEntry]) -> Sheet:
    """Returns entries as rows."""
    return Sheet(
        header=("number", "at", "actor_kind", "actor_id", "peer", "action", "subject", "before", "after", "hash"),
        rows=(
            (
                *(one.number, csv_output.instant(one.at, UTC), _actor_kind(one), one.actor_id, one.peer or None),
                *(one.action, one.subject, _changed(one, "before") or None, _changed(one, "after") or None, one.hash),
            )
            for one in found
        ),
    )


def show_entries(console: Console, found: Sequence[AuditEntry]) -> None:
    """Prints entries as a table."""
    columns = [
        tables.Column(heading="Number"),
        tables.Column(heading="At (UTC)", is_text=True, least=16),
        tables.Column(heading="Actor", is_text=True, least=12),
        tables.Column(heading="Action", is_text=True, least=16),
        tables.Column(heading="Subject", is_text=True, least=10),
        tables.Column(heading="Change", is_text=True, least=10),
    ]
    rows = [
        (
            str(one.number),
            formatting.instant(one.at, UTC),
            formatting.plain(f"{_actor_kind(one)} {one.actor_id}".strip()),
            formatting.plain(one.action),
            formatting.plain(one.subject),
            formatting.plain(" → ".join(filter(None, (_changed(one, "before"), _changed(one, "after"))))),
        )
        for one in found
    ]
    tables.show(console, columns, rows)
