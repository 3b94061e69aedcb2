"""Conversion of runs and schedules of reports between messages and values."""

from collections.abc import Sequence
from datetime import datetime

from server.admission import request_limits
from server.errors import Reason, Refused
from server.events import rules
from server.organizations.reports import ReportFile, ReportRun, ReportRunState, ReportSchedule, ScheduleDraft
from server.reports import calendar_words, runs
from server.reports.runs import RunAsk
from server.rpc import report_conversion as conversion
from server.rpc.questions import shared
from server.tenancy.principal import Principal
from tallywire.v1 import report_service_pb2 as pb

_STATES = {one: pb.ReportRunState.Value(f"REPORT_RUN_STATE_{one.name}") for one in ReportRunState}
_CATCHES_UP_ALL = {
    pb.REPORT_CATCH_UP_UNSPECIFIED: False,
    pb.REPORT_CATCH_UP_LATEST: False,
    pb.REPORT_CATCH_UP_ALL: True,
}
_MAX_WHEN = 200  # characters
_DEFAULT_PAGE = 50
_MAX_RUN_ID = 2**63


def run_id(value: str, field: str = "run_id") -> int:
    """Returns the id of a run. What no run can have as an id is answered as what is not there."""
    if not value:
        raise rules.required(field)
    rules.identifier(field, value)
    number = int(value) if value.isascii() and value.isdigit() and len(value) < 20 else _MAX_RUN_ID
    if number >= _MAX_RUN_ID:
        raise runs.not_found(value)
    return number


def schedule_id(value: str, field: str = "schedule_id") -> str:
    """Returns the id of a schedule."""
    return conversion.report_id(value, field)


def request_id(value: str) -> str | None:
    """Returns the id of a request; None where there is none."""
    return rules.identifier("request_id", value, 128) if value else None


def ask(message: pb.RunReportRequest) -> RunAsk:
    """Returns a run as somebody asks for it."""
    if message.again_of and message.HasField("period"):
        raise Refused(Reason.INVALID_VALUE, "goes without again_of, whose period is asked for", field="period")
    period = conversion.checked_period(message.period, "period")
    again_of = run_id(message.again_of, "again_of") if message.again_of else None
    return RunAsk(
        report_id=message.report_id if again_of is not None else conversion.report_id(message.report_id),
        again_of=again_of,
        range=period.range,
        comparison=period.comparison,
        time_zone=period.time_zone,
        formats=conversion.formats(message.formats, "formats"),
        request_id=request_id(message.request_id),
    )


def page_size(asked: int) -> int:
    """Returns the most runs of a page."""
    return shared.page_size(asked, _DEFAULT_PAGE, runs.MOST_PAGE)


def run(found: ReportRun) -> pb.ReportRun:
    """Returns the message of a run."""
    message = pb.ReportRun(
        run_id=str(found.run_id),
        report_id=found.report_id,
        report_version=found.version,
        title=found.title,
        state=_STATES[found.state],
        progress=1.0 if found.state is ReportRunState.SUCCEEDED else min(found.progress, 1.0),
        progress_line=found.progress_line,
        requested_by=found.requested_by,
        schedule_id=found.schedule_id or "",
        again_of="" if found.again_of is None else str(found.again_of),
        range=found.range,
        start=shared.instant(found.period_start),
        end=shared.instant(found.period_end),
        time_zone=found.time_zone,
        created_at=shared.instant(found.created_at),
        first_revision=found.first_revision,
        last_revision=found.last_revision,
        rows=found.rows,
        files=map(file, found.files),
        error=found.error or "",
        failed_blocks=found.failed_blocks,
        changed_figures=found.changed_figures,
        restriction=shared.restriction(found.restriction),
    )
    for name in ("scheduled_at", "started_at", "ended_at", "expires_at"):
        at: datetime | None = getattr(found, name)
        if at is not None:
            getattr(message, name).CopyFrom(shared.instant(at))
    return message


def file(one: ReportFile) -> pb.ReportFile:
    """Returns the message of a file."""
    return pb.ReportFile(
        format=conversion.FORMAT_NUMBERS[one.format],
        name=one.name,
        media_type=one.media_type,
        bytes=one.size,
        sha256=one.sha256,
    )


def wanted_format(number: int) -> str | None:
    """Returns a format by its number; None where none is named."""
    return conversion.formats([number], "format")[0] if number else None


def schedule_draft(principal: Principal, message: pb.ReportSchedule) -> ScheduleDraft:
    """Returns a schedule as somebody wants it; refuses what cannot be one."""
    if not message.when.strip():
        raise rules.required("schedule.when")
    if len(message.when) > _MAX_WHEN:
        raise Refused(
            Reason.FIELD_TOO_LONG,
            f"longer than {_MAX_WHEN} characters",
            field="schedule.when",
            metadata={"limit": str(_MAX_WHEN)},
        )
    said = rules.identifier("schedule.when", message.when.strip(), 4 * _MAX_WHEN)
    catches_up_all = _CATCHES_UP_ALL.get(message.catch_up)
    if catches_up_all is None:
        raise Refused(Reason.INVALID_ENUM, "not a known policy", field="schedule.catch_up")
    request_limits.DESTINATIONS.check(len(message.destination_ids))
    for one in message.destination_ids:
        if not one:
            raise rules.required("schedule.destination_ids")
        rules.identifier("schedule.destination_ids", one)
    return ScheduleDraft(
        said=said,
        cron=calendar_words.expression(said, "schedule.when"),
        time_zone=conversion.zone(message.time_zone, principal.settings.time_zone),
        catches_up_all=catches_up_all,
        destinations=tuple(dict.fromkeys(message.destination_ids)),
        formats=tuple(dict.fromkeys(conversion.formats(message.formats, "schedule.formats"))),
    )


def schedule(found: ReportSchedule, next_runs: Sequence[datetime]) -> pb.ReportSchedule:
    """Returns the message of a schedule."""
    draft = found.draft
    return pb.ReportSchedule(
        schedule_id=found.schedule_id,
        report_id=found.report_id,
        report_title=found.report_title,
        when=draft.said,
        cron=draft.cron,
        time_zone=draft.time_zone,
        catch_up=pb.REPORT_CATCH_UP_ALL if draft.catches_up_all else pb.REPORT_CATCH_UP_LATEST,
        destination_ids=draft.destinations,
        formats=[conversion.FORMAT_NUMBERS[one] for one in draft.formats],
        paused=found.paused,
        next_runs=map(shared.instant, next_runs),
        created_by=found.created_by,
        etag=found.etag,
        created_at=shared.instant(found.created_at),
        updated_at=shared.instant(found.updated_at),
    )
