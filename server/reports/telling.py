"""What is told of a run: its files to the destinations of its schedule, and how it ended to those that ask for reports.

A destination gets what its organization's admins have made it for, so that only reports for the whole organization are
told to those that ask for the topic; a schedule names its destinations itself.
"""

from collections.abc import Sequence

from server import timerange
from server.delivery import queueing
from server.organizations.delivery import MOST_BYTES, Attachment, Message, Topic
from server.organizations.reports import ReportFile, ReportRun
from server.reports.document import ReportDocument
from server.reports.formatting import Formatting
from server.store import destinations, report_schedules, reports
from server.store.database import Driver

_UNSENT = ("html", "json")  # what is sent only where a schedule asks for it, or where there is nothing else


async def is_sent(driver: Driver, run: ReportRun) -> bool:
    """Returns whether somebody gets a run when it has succeeded, as far as is known before."""
    if run.schedule_id is not None:
        return True
    return bool(await destinations.that_ask_for(driver, run.organization_id, Topic.REPORT)) and await _is_for_all(
        driver, run
    )


async def send(
    driver: Driver, run: ReportRun, document: ReportDocument, files: Sequence[ReportFile], shown: bytes
) -> None:
    """Queues what a run sends, in the transaction that records that it has succeeded: it is sent if and only if the run
    is there, and once to each recipient.
    """
    schedule = None
    if run.schedule_id is not None:
        schedule = await report_schedules.known(driver, run.organization_id, run.schedule_id)
    chosen = () if schedule is None else schedule.draft.formats
    wanted = chosen or tuple(one for one in run.formats if one not in _UNSENT) or ("json",)
    message = message_of(run, document, [one for one in files if one.format in wanted], shown)
    if schedule is not None and schedule.draft.destinations:
        await queueing.enqueue(driver, run.organization_id, message, schedule.draft.destinations, key=_key(run))
    if await _is_for_all(driver, run):
        await queueing.enqueue(driver, run.organization_id, message, None, key=_key(run))


async def failed(driver: Driver, run: ReportRun, error: str) -> None:
    """Queues that a run has failed, in the transaction that records it, for destinations that ask for reports."""
    if await _is_for_all(driver, run):
        await queueing.enqueue(driver, run.organization_id, _failure_of(run, error), None, key=_key(run))


async def _is_for_all(driver: Driver, run: ReportRun) -> bool:
    return await reports.is_for_all(driver, run.organization_id, run.report_id, run.version)


def _key(run: ReportRun) -> str:
    return f"report:{run.run_id}"


def message_of(run: ReportRun, document: ReportDocument, files: Sequence[ReportFile], shown: bytes) -> Message:
    """Returns the message that tells of a run: its page, where that is not too long for a mail, and its files."""
    formatting = Formatting(document.locale, document.zone)
    period = formatting.days(document.bounds)
    about = "\n\n".join(filter(None, (formatting.part(document.restriction), document.description)))
    first, last = document.revisions
    return Message(
        topic=Topic.REPORT,
        kind="report.finished",
        subject_id=str(run.run_id),
        title=f"{document.title}: {period}",
        text=f"{document.title}\n{period} ({document.zone.key})\n\n{about}".strip() + "\n",
        html=shown.decode() if len(shown) <= MOST_BYTES else "",
        attachments=[
            Attachment(name=one.name, media_type=one.media_type, key=one.path, size=one.size, sha256=one.sha256)
            for one in files
        ],
        data={
            "report_id": run.report_id,
            "run_id": str(run.run_id),
            "schedule_id": run.schedule_id,
            "title": document.title,
            "start": document.bounds.start.isoformat(),
            "end": document.bounds.end.isoformat(),
            "time_zone": document.zone.key,
            "first_revision": first,
            "last_revision": last,
            "failed_blocks": document.failed,
        },
        page=f"/reports/{run.report_id}",
    )


def _failure_of(run: ReportRun, error: str) -> Message:
    zone = timerange.zone(run.time_zone)
    start, end = (f"{one.astimezone(zone):%Y-%m-%d %H:%M}" for one in (run.period_start, run.period_end))
    return Message(
        topic=Topic.REPORT,
        kind="report.failed",
        subject_id=str(run.run_id),
        title=f"Failed: {run.title}",
        text=f"The report {run.title!r} from {start} to {end} ({zone.key}) could not be made: {error}",
        data={
            "report_id": run.report_id,
            "run_id": str(run.run_id),
            "schedule_id": run.schedule_id,
            "start": run.period_start.isoformat(),
            "end": run.period_end.isoformat(),
            "time_zone": zone.key,
            "error": error,
        },
        page=f"/reports/{run.report_id}",
    )
