"""Reports for asyncio code."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Unpack

import grpc
import grpc.aio

from tallywire import aio_stubs, errors, retries
from tallywire.reports import (
    DOWNLOAD_TIMEOUT,
    DOWNLOAD_TRIES,
    RUNS_PAGE,
    FormatName,
    PartialFile,
    Report,
    ReportFile,
    ReportRun,
    ReportSchedule,
    RunOptions,
    format_number,
    is_over,
    run_request,
)
from tallywire.v1 import report_service_pb2

Call = Callable[
    ["grpc.aio.UnaryUnaryMultiCallable[Any, Any]", Callable[[], Any], retries.Policy, float | None],
    Awaitable[Any],
]


class AsyncClientReports:
    """Reports of the organization, as `client.reports` of an AsyncClient."""

    def __init__(self, bound: Callable[[], aio_stubs.Stubs], metadata: tuple[tuple[str, str], ...], call: Call) -> None:
        self._bound = bound
        self._metadata = metadata
        self._call = call

    async def list(self, *, timeout: float | None = None) -> Sequence[Report]:
        """Returns all reports that the key may see, by title, without their blocks."""
        request = report_service_pb2.ListReportsRequest()
        method = self._bound().reports.ListReports
        return [*(await self._call(method, lambda: request, retries.QUERY, timeout)).reports]

    async def templates(self, *, timeout: float | None = None) -> Sequence[Report]:
        """Returns reports to begin with; create() one to have it."""
        request = report_service_pb2.ListReportTemplatesRequest()
        return [
            *(
                await self._call(self._bound().reports.ListReportTemplates, lambda: request, retries.QUERY, timeout)
            ).templates
        ]

    async def get(self, report_id: str, *, version: int = 0, timeout: float | None = None) -> Report:
        """Returns a report, or an earlier version of it. Raises NotFound if there is none that the key may see."""
        request = report_service_pb2.GetReportRequest(report_id=report_id, version=version)
        found: Report = (
            await self._call(self._bound().reports.GetReport, lambda: request, retries.QUERY, timeout)
        ).report
        return found

    async def create(self, report: Report, *, timeout: float | None = None) -> Report:
        """Stores a new report and returns it; what the service sets in the one given is ignored."""
        request = report_service_pb2.CreateReportRequest(report=report)
        found: Report = (
            await self._call(self._bound().reports.CreateReport, lambda: request, retries.CHANGE, timeout)
        ).report
        return found

    async def update(self, report: Report, *, timeout: float | None = None) -> Report:
        """Stores a new version and returns it. Raises FailedPrecondition if it was changed since its etag was read."""
        request = report_service_pb2.UpdateReportRequest(report=report)
        found: Report = (
            await self._call(self._bound().reports.UpdateReport, lambda: request, retries.CHANGE, timeout)
        ).report
        return found

    async def delete(self, report_id: str, *, etag: str = "", timeout: float | None = None) -> None:
        """Deletes a report with its schedules, runs and files. Raises NotFound if the key may see none."""
        request = report_service_pb2.DeleteReportRequest(report_id=report_id, etag=etag)
        method = self._bound().reports.DeleteReport
        await self._call(method, lambda: request, retries.CHANGE, timeout)

    async def run(self, report_id: str, *, timeout: float | None = None, **options: Unpack[RunOptions]) -> ReportRun:
        """Queues a run and returns it; wait() returns it once it is over."""
        request = run_request(report_id, "", options)
        found: ReportRun = (
            await self._call(self._bound().reports.RunReport, lambda: request, retries.CHANGE, timeout)
        ).run
        return found

    async def run_again(self, run_id: str, *, timeout: float | None = None, **options: Unpack[RunOptions]) -> ReportRun:
        """Queues a run for the period of an earlier one, with the newest data: its files say what differs."""
        request = run_request("", run_id, options)
        found: ReportRun = (
            await self._call(self._bound().reports.RunReport, lambda: request, retries.CHANGE, timeout)
        ).run
        return found

    async def get_run(self, run_id: str, *, timeout: float | None = None) -> ReportRun:
        """Returns a run. Raises NotFound if there is none that the key may see."""
        request = report_service_pb2.GetReportRunRequest(run_id=run_id)
        found: ReportRun = (
            await self._call(self._bound().reports.GetReportRun, lambda: request, retries.QUERY, timeout)
        ).run
        return found

    async def wait(
        self, run_id: str, *, every: float = 0.5, patience: float = 600.0, timeout: float | None = None
    ) -> ReportRun:
        """Returns a run once it is over, looking at it again and again; raises TimeoutError after patience seconds."""
        deadline = time.monotonic() + patience
        while not is_over(run := await self.get_run(run_id, timeout=timeout)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the run {run_id} is not over after {patience:g} seconds")
            await asyncio.sleep(every)
        return run

    async def runs(
        self, *, report_id: str = "", schedule_id: str = "", timeout: float | None = None
    ) -> AsyncIterator[ReportRun]:
        """Yields the runs that the key may see, newest first, of all reports unless one is named."""
        request = report_service_pb2.ListReportRunsRequest(
            report_id=report_id, schedule_id=schedule_id, page_size=RUNS_PAGE
        )
        while True:
            method = self._bound().reports.ListReportRuns
            page = await self._call(method, lambda: request, retries.QUERY, timeout)
            for run in page.runs:
                yield run
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def cancel(self, run_id: str, *, timeout: float | None = None) -> ReportRun:
        """Ends a run that has not ended, and returns it."""
        request = report_service_pb2.CancelReportRunRequest(run_id=run_id)
        found: ReportRun = (
            await self._call(self._bound().reports.CancelReportRun, lambda: request, retries.CHANGE, timeout)
        ).run
        return found

    async def download(
        self,
        run_id: str,
        path: str | os.PathLike[str],
        *,
        kind: FormatName = "pdf",
        timeout: float | None = None,
    ) -> ReportFile:
        """Writes a file of a run to a path, and returns what it is. The file is whole and its checksum right, or there
        is none; a download that is cut goes on from where it was. Raises NotFound if the run has no such file.
        """
        file = PartialFile(Path(path))
        try:
            for left in range(DOWNLOAD_TRIES - 1, -1, -1):
                request = report_service_pb2.DownloadReportRequest(
                    run_id=run_id, format=format_number(kind), offset=file.size
                )
                try:
                    await self._take(request, file, DOWNLOAD_TIMEOUT if timeout is None else timeout)
                    return file.finish()
                except errors.Unavailable:
                    if not left:
                        raise
                    await asyncio.sleep(0.2)
            raise AssertionError("the last try returns or raises")
        finally:
            file.close()

    async def _take(self, request: report_service_pb2.DownloadReportRequest, file: PartialFile, timeout: float) -> None:
        call = self._bound().reports.DownloadReport(request, timeout=timeout, metadata=self._metadata)
        try:
            async for response in call:
                file.take(response)
        except grpc.RpcError as failure:
            raise errors.from_rpc(failure) from failure
        finally:
            call.cancel()

    async def schedules(self, *, report_id: str = "", timeout: float | None = None) -> Sequence[ReportSchedule]:
        """Returns the schedules that the key may see, each with its next runs."""
        request = report_service_pb2.ListReportSchedulesRequest(report_id=report_id)
        return [
            *(
                await self._call(self._bound().reports.ListReportSchedules, lambda: request, retries.QUERY, timeout)
            ).schedules
        ]

    async def create_schedule(self, schedule: ReportSchedule, *, timeout: float | None = None) -> ReportSchedule:
        """Stores when a report runs by itself, and returns it."""
        request = report_service_pb2.CreateReportScheduleRequest(schedule=schedule)
        method = self._bound().reports.CreateReportSchedule
        found: ReportSchedule = (await self._call(method, lambda: request, retries.CHANGE, timeout)).schedule
        return found

    async def update_schedule(self, schedule: ReportSchedule, *, timeout: float | None = None) -> ReportSchedule:
        """Changes a schedule and returns it. Raises FailedPrecondition if it was changed since its etag was read."""
        request = report_service_pb2.UpdateReportScheduleRequest(schedule=schedule)
        method = self._bound().reports.UpdateReportSchedule
        found: ReportSchedule = (await self._call(method, lambda: request, retries.CHANGE, timeout)).schedule
        return found

    async def delete_schedule(self, schedule_id: str, *, etag: str = "", timeout: float | None = None) -> None:
        """Deletes a schedule; its runs stay."""
        request = report_service_pb2.DeleteReportScheduleRequest(schedule_id=schedule_id, etag=etag)
        method = self._bound().reports.DeleteReportSchedule
        await self._call(method, lambda: request, retries.CHANGE, timeout)

    async def pause_schedule(self, schedule_id: str, *, timeout: float | None = None) -> ReportSchedule:
        """Keeps a schedule from running until it is resumed, and returns it."""
        request = report_service_pb2.PauseReportScheduleRequest(schedule_id=schedule_id)
        method = self._bound().reports.PauseReportSchedule
        found: ReportSchedule = (await self._call(method, lambda: request, retries.CHANGE, timeout)).schedule
        return found

    async def resume_schedule(self, schedule_id: str, *, timeout: float | None = None) -> ReportSchedule:
        """Lets a schedule go on, and returns it."""
        request = report_service_pb2.ResumeReportScheduleRequest(schedule_id=schedule_id)
        method = self._bound().reports.ResumeReportSchedule
        found: ReportSchedule = (await self._call(method, lambda: request, retries.CHANGE, timeout)).schedule
        return found

    async def run_schedule(self, schedule_id: str, *, request_id: str = "", timeout: float | None = None) -> ReportRun:
        """Queues a run of a schedule now, and returns it."""
        request = report_service_pb2.RunReportScheduleRequest(schedule_id=schedule_id, request_id=request_id)
        found: ReportRun = (
            await self._call(self._bound().reports.RunReportSchedule, lambda: request, retries.CHANGE, timeout)
        ).run
        return found
