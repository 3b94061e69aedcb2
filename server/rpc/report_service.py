"""ReportService: reports, their runs, files and schedules."""

import contextlib
from typing import Any, Final, TypeAlias

import grpc

from server.errors import Reason, Refused
from server.events import rules
from server.organizations.reports import ReportFile, ReportSchedule
from server.reports.runs import ReportRuns
from server.reports.saved import SavedReports
from server.reports.timetables import ReportTimetables
from server.rpc import dashboard_conversion, gate, report_templates, writing
from server.rpc import report_conversion as conversion
from server.rpc import report_run_conversion as run_conversion
from server.rpc.endings import Lifetime
from server.rpc.subscription import Guard
from tallywire.v1 import report_service_pb2 as pb
from tallywire.v1 import report_service_pb2_grpc

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
WRITE_SECONDS: Final = 20.0  # in which a caller has to read a message of a download


class ReportService(report_service_pb2_grpc.ReportServiceServicer):
    """The service that keeps the reports of the caller's organization, and has workers make them."""

    def __init__(self, reports: SavedReports, runs: ReportRuns, timetables: ReportTimetables) -> None:
        self._reports = reports
        self._runs = runs
        self._timetables = timetables

    async def CreateReport(  # noqa: N802 - the name in the contract
        self, request: pb.CreateReportRequest, context: _Context
    ) -> pb.CreateReportResponse:
        """Stores a new report."""
        principal = gate.caller().principal
        made = await self._reports.create(principal, conversion.draft(request.report), gate.actor(context))
        return pb.CreateReportResponse(report=conversion.report(principal, made))

    async def GetReport(  # noqa: N802 - the name in the contract
        self, request: pb.GetReportRequest, context: _Context
    ) -> pb.GetReportResponse:
        """Returns a report."""
        principal, report_id = gate.caller().principal, conversion.report_id(request.report_id)
        found = await self._reports.get(principal, report_id, dashboard_conversion.version(request.version))
        return pb.GetReportResponse(report=conversion.report(principal, found))

    async def ListReports(  # noqa: N802 - the name in the contract
        self, request: pb.ListReportsRequest, context: _Context
    ) -> pb.ListReportsResponse:
        """Returns all reports that the caller may see."""
        principal = gate.caller().principal
        found = await self._reports.listed(principal)
        return pb.ListReportsResponse(reports=[conversion.report(principal, one) for one in found])

    async def UpdateReport(  # noqa: N802 - the name in the contract
        self, request: pb.UpdateReportRequest, context: _Context
    ) -> pb.UpdateReportResponse:
        """Stores a new version of a report."""
        principal, wanted = gate.caller().principal, request.report
        report_id, draft = conversion.report_id(wanted.report_id, "report.report_id"), conversion.draft(wanted)
        made = await self._reports.update(principal, report_id, wanted.etag, draft, gate.actor(context))
        return pb.UpdateReportResponse(report=conversion.report(principal, made))

    async def DeleteReport(  # noqa: N802 - the name in the contract
        self, request: pb.DeleteReportRequest, context: _Context
    ) -> pb.DeleteReportResponse:
        """Deletes a report."""
        report_id = conversion.report_id(request.report_id)
        await self._reports.delete(gate.caller().principal, report_id, request.etag, gate.actor(context))
        return pb.DeleteReportResponse()

    async def ListReportVersions(  # noqa: N802 - the name in the contract
        self, request: pb.ListReportVersionsRequest, context: _Context
    ) -> pb.ListReportVersionsResponse:
        """Returns the versions of a report."""
        found = await self._reports.versions(gate.caller().principal, conversion.report_id(request.report_id))
        return pb.ListReportVersionsResponse(versions=conversion.versions(found))

    async def ListReportTemplates(  # noqa: N802 - the name in the contract
        self, request: pb.ListReportTemplatesRequest, context: _Context
    ) -> pb.ListReportTemplatesResponse:
        """Returns reports to begin with."""
        return pb.ListReportTemplatesResponse(templates=report_templates.all_templates())

    async def RunReport(  # noqa: N802 - the name in the contract
        self, request: pb.RunReportRequest, context: _Context
    ) -> pb.RunReportResponse:
        """Queues a run."""
        asked = run_conversion.ask(request)
        made = await self._runs.request(gate.caller().principal, asked, gate.actor(context))
        return pb.RunReportResponse(run=run_conversion.run(made))

    async def GetReportRun(  # noqa: N802 - the name in the contract
        self, request: pb.GetReportRunRequest, context: _Context
    ) -> pb.GetReportRunResponse:
        """Returns a run."""
        found = await self._runs.get(gate.caller().principal, run_conversion.run_id(request.run_id))
        return pb.GetReportRunResponse(run=run_conversion.run(found))

    async def ListReportRuns(  # noqa: N802 - the name in the contract
        self, request: pb.ListReportRunsRequest, context: _Context
    ) -> pb.ListReportRunsResponse:
        """Returns a page of runs."""
        report_id = conversion.report_id(request.report_id) if request.report_id else None
        schedule_id = run_conversion.schedule_id(request.schedule_id) if request.schedule_id else None
        found = await self._runs.listed(
            gate.caller().principal,
            report_id=report_id,
            schedule_id=schedule_id,
            size=run_conversion.page_size(request.page_size),
            page_token=request.page_token,
        )
        return pb.ListReportRunsResponse(
            runs=map(run_conversion.run, found.runs), next_page_token=found.next_page_token
        )

    async def CancelReportRun(  # noqa: N802 - the name in the contract
        self, request: pb.CancelReportRunRequest, context: _Context
    ) -> pb.CancelReportRunResponse:
        """Ends a run."""
        found = await self._runs.cancel(gate.caller().principal, run_conversion.run_id(request.run_id))
        return pb.CancelReportRunResponse(run=run_conversion.run(found))

    # Responses are written to the context and not yielded, so that a client that does not read them can be told so.
    async def DownloadReport(  # type: ignore[override]  # noqa: N802 - the name in the contract
        self, request: pb.DownloadReportRequest, context: _Context
    ) -> None:
        """Sends a file of a run."""
        lifetime, guard = Lifetime(context, 0), Guard()
        wanted = run_conversion.wanted_format(request.format)
        run_id = run_conversion.run_id(request.run_id)
        parts_of = self._runs.download(gate.caller().principal, run_id, wanted, request.offset, gate.actor(context))
        unread = None
        async with contextlib.aclosing(parts_of) as parts:
            async for part in parts:
                lifetime.check()
                await guard.check()
                message = (
                    pb.DownloadReportResponse(file=run_conversion.file(part))
                    if isinstance(part, ReportFile)
                    else pb.DownloadReportResponse(chunk=part)
                )
                unread = await writing.write(context, message, WRITE_SECONDS)
                if unread is not None:
                    break
        if unread is not None:
            await unread
            raise Refused(Reason.SLOW_CONSUMER, "the messages are not being read")

    async def CreateReportSchedule(  # noqa: N802 - the name in the contract
        self, request: pb.CreateReportScheduleRequest, context: _Context
    ) -> pb.CreateReportScheduleResponse:
        """Stores a schedule."""
        principal, wanted = gate.caller().principal, request.schedule
        report_id = conversion.report_id(wanted.report_id, "schedule.report_id")
        draft = run_conversion.schedule_draft(principal, wanted)
        made = await self._timetables.create(principal, report_id, draft, gate.actor(context))
        return pb.CreateReportScheduleResponse(schedule=self._schedule(made))

    async def UpdateReportSchedule(  # noqa: N802 - the name in the contract
        self, request: pb.UpdateReportScheduleRequest, context: _Context
    ) -> pb.UpdateReportScheduleResponse:
        """Changes a schedule."""
        principal, wanted = gate.caller().principal, request.schedule
        if not wanted.schedule_id:
            raise rules.required("schedule.schedule_id")
        schedule_id = run_conversion.schedule_id(wanted.schedule_id, "schedule.schedule_id")
        draft = run_conversion.schedule_draft(principal, wanted)
        made = await self._timetables.update(principal, schedule_id, wanted.etag, draft, gate.actor(context))
        return pb.UpdateReportScheduleResponse(schedule=self._schedule(made))

    async def DeleteReportSchedule(  # noqa: N802 - the name in the contract
        self, request: pb.DeleteReportScheduleRequest, context: _Context
    ) -> pb.DeleteReportScheduleResponse:
        """Deletes a schedule."""
        schedule_id = run_conversion.schedule_id(request.schedule_id)
        await self._timetables.delete(gate.caller().principal, schedule_id, request.etag, gate.actor(context))
        return pb.DeleteReportScheduleResponse()

    async def ListReportSchedules(  # noqa: N802 - the name in the contract
        self, request: pb.ListReportSchedulesRequest, context: _Context
    ) -> pb.ListReportSchedulesResponse:
        """Returns schedules."""
        report_id = conversion.report_id(request.report_id) if request.report_id else None
        found = await self._timetables.listed(gate.caller().principal, report_id)
        return pb.ListReportSchedulesResponse(schedules=map(self._schedule, found))

    async def PauseReportSchedule(  # noqa: N802 - the name in the contract
        self, request: pb.PauseReportScheduleRequest, context: _Context
    ) -> pb.PauseReportScheduleResponse:
        """Pauses a schedule."""
        return pb.PauseReportScheduleResponse(schedule=await self._paused(request.schedule_id, context, paused=True))

    async def ResumeReportSchedule(  # noqa: N802 - the name in the contract
        self, request: pb.ResumeReportScheduleRequest, context: _Context
    ) -> pb.ResumeReportScheduleResponse:
        """Lets a schedule go on."""
        return pb.ResumeReportScheduleResponse(schedule=await self._paused(request.schedule_id, context, paused=False))

    async def RunReportSchedule(  # noqa: N802 - the name in the contract
        self, request: pb.RunReportScheduleRequest, context: _Context
    ) -> pb.RunReportScheduleResponse:
        """Queues a run of a schedule."""
        schedule_id = run_conversion.schedule_id(request.schedule_id)
        request_id = run_conversion.request_id(request.request_id)
        made = await self._timetables.run_now(gate.caller().principal, schedule_id, request_id, gate.actor(context))
        return pb.RunReportScheduleResponse(run=run_conversion.run(made))

    async def _paused(self, schedule_id: str, context: _Context, *, paused: bool) -> pb.ReportSchedule:
        checked = run_conversion.schedule_id(schedule_id)
        found = await self._timetables.set_paused(gate.caller().principal, checked, gate.actor(context), paused=paused)
        return self._schedule(found)

    def _schedule(self, found: ReportSchedule) -> pb.ReportSchedule:
        return run_conversion.schedule(found, self._timetables.next_runs(found))
