"""Reports: how a client keeps, runs and downloads them, for reports as code and for their files."""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, TypedDict, Unpack

import grpc

from tallywire import errors, retries
from tallywire.v1 import report_service_pb2, report_service_pb2_grpc

Report = report_service_pb2.Report
ReportRun = report_service_pb2.ReportRun
ReportFile = report_service_pb2.ReportFile
ReportSchedule = report_service_pb2.ReportSchedule
FormatName: TypeAlias = Literal["pdf", "html", "xlsx", "csv", "json"]
DOWNLOAD_TIMEOUT: Final = 300.0  # seconds of a download, unless the call is given its own
DOWNLOAD_TRIES: Final = 5  # of a download that is cut, each from where the one before has come
RUNS_PAGE: Final = 200
_OVER: Final = frozenset(
    {
        report_service_pb2.REPORT_RUN_STATE_SUCCEEDED,
        report_service_pb2.REPORT_RUN_STATE_FAILED,
        report_service_pb2.REPORT_RUN_STATE_CANCELLED,
    }
)
# What a client calls a method with, as its questions do.
Call = Callable[["grpc.UnaryUnaryMultiCallable[Any, Any]", Callable[[], Any], retries.Policy, float | None], Any]


class RunOptions(TypedDict, total=False):
    """How a run differs from what its report says: a period by name or two days, its comparison and zone, and files.
    With a request_id the call can be repeated: it makes one run.
    """

    range: str
    comparison: str
    time_zone: str
    formats: Iterable[FormatName]
    request_id: str


def is_over(run: ReportRun) -> bool:
    """Returns whether a run has ended."""
    return run.state in _OVER


def run_request(report_id: str, again_of: str, options: RunOptions) -> report_service_pb2.RunReportRequest:
    """Returns the request of a run."""
    request = report_service_pb2.RunReportRequest(
        report_id=report_id,
        again_of=again_of,
        formats=map(format_number, options.get("formats", ())),
        request_id=options.get("request_id", ""),
    )
    for name in ("range", "comparison", "time_zone"):
        if text := options.get(name):
            setattr(request.period, name, text)
    return request


def format_number(name: str) -> report_service_pb2.ReportFormat.ValueType:
    """Returns the number of a format; raises ValueError where there is none of the name."""
    try:
        return report_service_pb2.ReportFormat.Value(f"REPORT_FORMAT_{name.upper()}")
    except ValueError:
        raise ValueError(f"{name!r} is no format: pdf, html, xlsx, csv or json") from None


class PartialFile:
    """A file that comes in pieces, until it is whole. It is written beside its place and takes that at once: there is
    the whole file there or none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._digest = hashlib.sha256()
        self._handle, self._name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        self.size = 0
        self.told: ReportFile | None = None

    def take(self, response: report_service_pb2.DownloadReportResponse) -> None:
        """Takes a part of a download."""
        if response.HasField("file"):
            if self.told is not None and self.told.sha256 != response.file.sha256:
                raise errors.Internal("the file is not the one that was begun", grpc.StatusCode.INTERNAL)
            self.told = response.file
        elif response.chunk:
            os.write(self._handle, response.chunk)
            self._digest.update(response.chunk)
            self.size += len(response.chunk)

    def finish(self) -> ReportFile:
        """Puts the file in its place, and returns what it is; raises Internal where it is not whole."""
        told = self.told
        if told is None or self.size != told.bytes or self._digest.hexdigest() != told.sha256:
            raise errors.Internal("the file is not whole: download it again", grpc.StatusCode.INTERNAL)
        os.fsync(self._handle)
        Path(self._name).replace(self._path)
        return told

    def close(self) -> None:
        """Removes what is not whole."""
        os.close(self._handle)
        Path(self._name).unlink(missing_ok=True)


class ClientReports:
    """Reports of the organization, as `client.reports`. Those of the organization are changed with the scope edit."""

    def __init__(self, channel: grpc.Channel, metadata: tuple[tuple[str, str], ...], call: Call) -> None:
        self._stub = report_service_pb2_grpc.ReportServiceStub(channel)
        self._metadata = metadata
        self._call = call

    def list(self, *, timeout: float | None = None) -> Sequence[Report]:
        """Returns all reports that the key may see, by title, without their blocks."""
        request = report_service_pb2.ListReportsRequest()
        return [*self._call(self._stub.ListReports, lambda: request, retries.QUERY, timeout).reports]

    def templates(self, *, timeout: float | None = None) -> Sequence[Report]:
        """Returns reports to begin with; create() one to have it."""
        request = report_service_pb2.ListReportTemplatesRequest()
        return [*self._call(self._stub.ListReportTemplates, lambda: request, retries.QUERY, timeout).templates]

    def get(self, report_id: str, *, version: int = 0, timeout: float | None = None) -> Report:
        """Returns a report, or an earlier version of it. Raises NotFound if there is none that the key may see."""
        request = report_service_pb2.GetReportRequest(report_id=report_id, version=version)
        found: Report = self._call(self._stub.GetReport, lambda: request, retries.QUERY, timeout).report
        return found

    def create(self, report: Report, *, timeout: float | None = None) -> Report:
        """Stores a new report and returns it; what the service sets in the one given is ignored."""
        request = report_service_pb2.CreateReportRequest(report=report)
        found: Report = self._call(self._stub.CreateReport, lambda: request, retries.CHANGE, timeout).report
        return found

    def update(self, report: Report, *, timeout: float | None = None) -> Report:
        """Stores a new version and returns it. Raises FailedPrecondition if it was changed since its etag was read."""
        request = report_service_pb2.UpdateReportRequest(report=report)
        found: Report = self._call(self._stub.UpdateReport, lambda: request, retries.CHANGE, timeout).report
        return found

    def delete(self, report_id: str, *, etag: str = "", timeout: float | None = None) -> None:
        """Deletes a report with its schedules, runs and files. Raises NotFound if the key may see none."""
        request = report_service_pb2.DeleteReportRequest(report_id=report_id, etag=etag)
        self._call(self._stub.DeleteReport, lambda: request, retries.CHANGE, timeout)

    def run(self, report_id: str, *, timeout: float | None = None, **options: Unpack[RunOptions]) -> ReportRun:
        """Queues a run and returns it; wait() returns it once it is over."""
        request = run_request(report_id, "", options)
        found: ReportRun = self._call(self._stub.RunReport, lambda: request, retries.CHANGE, timeout).run
        return found

    def run_again(self, run_id: str, *, timeout: float | None = None, **options: Unpack[RunOptions]) -> ReportRun:
        """Queues a run for the period of an earlier one, with the newest data: its files say what differs."""
        request = run_request("", run_id, options)
        found: ReportRun = self._call(self._stub.RunReport, lambda: request, retries.CHANGE, timeout).run
        return found

    def get_run(self, run_id: str, *, timeout: float | None = None) -> ReportRun:
        """Returns a run. Raises NotFound if there is none that the key may see."""
        request = report_service_pb2.GetReportRunRequest(run_id=run_id)
        found: ReportRun = self._call(self._stub.GetReportRun, lambda: request, retries.QUERY, timeout).run
        return found

    def wait(
        self, run_id: str, *, every: float = 0.5, patience: float = 600.0, timeout: float | None = None
    ) -> ReportRun:
        """Returns a run once it is over, looking at it again and again; raises TimeoutError after patience seconds."""
        deadline = time.monotonic() + patience
        while not is_over(run := self.get_run(run_id, timeout=timeout)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the run {run_id} is not over after {patience:g} seconds")
            time.sleep(every)
        return run

    def runs(self, *, report_id: str = "", schedule_id: str = "", timeout: float | None = None) -> Iterator[ReportRun]:
        """Yields the runs that the key may see, newest first, of all reports unless one is named."""
        request = report_service_pb2.ListReportRunsRequest(
            report_id=report_id, schedule_id=schedule_id, page_size=RUNS_PAGE
        )
        while True:
            page = self._call(self._stub.ListReportRuns, lambda: request, retries.QUERY, timeout)
            yield from page.runs
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def cancel(self, run_id: str, *, timeout: float | None = None) -> ReportRun:
        """Ends a run that has not ended, and returns it."""
        request = report_service_pb2.CancelReportRunRequest(run_id=run_id)
        found: ReportRun = self._call(self._stub.CancelReportRun, lambda: request, retries.CHANGE, timeout).run
        return found

    def download(
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
                    self._take(request, file, DOWNLOAD_TIMEOUT if timeout is None else timeout)
                    return file.finish()
                except errors.Unavailable:
                    if not left:
                        raise
                    time.sleep(0.2)
            raise AssertionError("the last try returns or raises")
        finally:
            file.close()

    def _take(self, request: report_service_pb2.DownloadReportRequest, file: PartialFile, timeout: float) -> None:
        call = self._stub.DownloadReport(request, timeout=timeout, metadata=self._metadata)
        try:
            for response in call:
                file.take(response)
        except grpc.RpcError as failure:
            raise errors.from_rpc(failure) from failure
        finally:
            call.cancel()

    def schedules(self, *, report_id: str = "", timeout: float | None = None) -> Sequence[ReportSchedule]:
        """Returns the schedules that the key may see, each with its next runs."""
        request = report_service_pb2.ListReportSchedulesRequest(report_id=report_id)
        return [*self._call(self._stub.ListReportSchedules, lambda: request, retries.QUERY, timeout).schedules]

    def create_schedule(self, schedule: ReportSchedule, *, timeout: float | None = None) -> ReportSchedule:
        """Stores when a report runs by itself, and returns it."""
        request = report_service_pb2.CreateReportScheduleRequest(schedule=schedule)
        method = self._stub.CreateReportSchedule
        found: ReportSchedule = self._call(method, lambda: request, retries.CHANGE, timeout).schedule
        return found

    def update_schedule(self, schedule: ReportSchedule, *, timeout: float | None = None) -> ReportSchedule:
        """Changes a schedule and returns it. Raises FailedPrecondition if it was changed since its etag was read."""
        request = report_service_pb2.UpdateReportScheduleRequest(schedule=schedule)
        method = self._stub.UpdateReportSchedule
        found: ReportSchedule = self._call(method, lambda: request, retries.CHANGE, timeout).schedule
        return found

    def delete_schedule(self, schedule_id: str, *, etag: str = "", timeout: float | None = None) -> None:
        """Deletes a schedule; its runs stay."""
        request = report_service_pb2.DeleteReportScheduleRequest(schedule_id=schedule_id, etag=etag)
        self._call(self._stub.DeleteReportSchedule, lambda: request, retries.CHANGE, timeout)

    def pause_schedule(self, schedule_id: str, *, timeout: float | None = None) -> ReportSchedule:
        """Keeps a schedule from running until it is resumed, and returns it."""
        request = report_service_pb2.PauseReportScheduleRequest(schedule_id=schedule_id)
        method = self._stub.PauseReportSchedule
        found: ReportSchedule = self._call(method, lambda: request, retries.CHANGE, timeout).schedule
        return found

    def resume_schedule(self, schedule_id: str, *, timeout: float | None = None) -> ReportSchedule:
        """Lets a schedule go on, and returns it."""
        request = report_service_pb2.ResumeReportScheduleRequest(schedule_id=schedule_id)
        method = self._stub.ResumeReportSchedule
        found: ReportSchedule = self._call(method, lambda: request, retries.CHANGE, timeout).schedule
        return found

    def run_schedule(self, schedule_id: str, *, request_id: str = "", timeout: float | None = None) -> ReportRun:
        """Queues a run of a schedule now, and returns it."""
        request = report_service_pb2.RunReportScheduleRequest(schedule_id=schedule_id, request_id=request_id)
        found: ReportRun = self._call(self._stub.RunReportSchedule, lambda: request, retries.CHANGE, timeout).run
        return found
