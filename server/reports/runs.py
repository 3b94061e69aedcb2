"""Runs of reports as those see them who ask for them: queued in one transaction, listed, cancelled, handed out."""

import dataclasses
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from server import timerange
from server.admission.query_slots import QuerySlots
from server.clock import Clock
from server.errors import Reason, Refused
from server.organizations.audit_trail import Actor, Entry
from server.organizations.reports import (
    MOST_OPEN,
    KeptReport,
    NewReportRun,
    ReportFile,
    ReportRun,
    ReportRunState,
    ReportSchedule,
    ReportVisibility,
)
from server.query.signed_tokens import NotOurs, SignedTokens
from server.reports import extras, object_store, periods, saved
from server.reports.blocks import ReportAnswers, RunPlan
from server.reports.object_store import ObjectStore
from server.reports.periods import RunPeriod
from server.store import report_runs as stored
from server.store import reports as stored_reports
from server.store import tasks
from server.store.database import Database, Driver
from server.tasks import queue
from server.tasks.kinds import Kind, Result, TaskError, Work
from server.tenancy import audit_trail
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import Principal
from server.timerange import Interval

FORMATS: Final = ("pdf", "html", "xlsx", "csv", "json")
MOST_PAGE: Final = 200
_TOKEN_LENGTH: Final = 256
_DOWNLOADS, _DOWNLOADS_EACH = 20, 4  # at once


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAsk:
    """A run that somebody asks for. Empty texts, and no formats, stand for what the report says."""

    report_id: str = ""
    again_of: int | None = None
    range: str = ""
    comparison: str = ""
    time_zone: str = ""
    formats: Sequence[str] = ()
    request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """A page of runs, and the token of the next one; empty for the last."""

    runs: Sequence[ReportRun]
    next_page_token: str


async def without_maker(work: Work) -> Result:
    """Stands in a list of kinds for who queues tasks and runs none."""
    raise TaskError("this process makes no reports")


KIND: Final = Kind(
    name="report_run",
    help="Makes a run of a report: asks its questions, writes its files.",
    run=without_maker,
    is_long=True,
    concurrency=8,
    per_organization=2,
    tries=4,
)


class ReportRuns:
    """The runs of reports of organizations. on_queued is called after one was queued, so that workers look at once."""

    def __init__(
        self,
        database: Database,
        slots: QuerySlots,
        clock: Clock,
        questions: ReportAnswers,
        store: ObjectStore,
        secrets: KeyedHashes,
        on_queued: Callable[[], None],
    ) -> None:
        self._database = database
        self._slots = slots
        self._clock = clock
        self._questions = questions
        self._store = store
        self._tokens = SignedTokens(secrets, "report runs", longest=_TOKEN_LENGTH)
        self._on_queued = on_queued
        self._downloads = QuerySlots(_DOWNLOADS, limit=_DOWNLOADS, limit_each=_DOWNLOADS_EACH)

    async def request(
        self, principal: Principal, ask: RunAsk, by: Actor, *, schedule: ReportSchedule | None = None
    ) -> ReportRun:
        """Queues a run and returns it; or the one that the same request has made before. With a schedule its files are
        sent to where that sends them.
        """
        organization_id = principal.organization_id
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            await stored_reports.lock(driver, organization_id)
            if ask.again_of is not None:
                then = await _seen(driver, principal, ask.again_of)
                report = await saved.found(driver, principal, then.report_id)
                new = self._again(principal, then, ask)
            else:
                report = await saved.found(driver, principal, ask.report_id)
                new = planned(self._questions, principal, report, ask, self._clock.now())
                if schedule is not None:
                    new = of_schedule(new, schedule, None)
            extras.check(new.formats)
            run_id = await self._add(driver, organization_id, new)
            run = await _seen(driver, principal, run_id)
            if report.draft.visibility is not ReportVisibility.PERSONAL and run.state is ReportRunState.PENDING:
                entry = Entry(actor=by, action="report.run", subject=report.report_id, after={"run_id": run_id})
                await audit_trail.record(driver, organization_id, entry)
        self._on_queued()
        return run

    def _again(self, principal: Principal, then: ReportRun, ask: RunAsk) -> NewReportRun:
        if ask.report_id and ask.report_id != then.report_id:
            raise Refused(Reason.INVALID_VALUE, "is not the report of the run again_of", field="report_id")
        return NewReportRun(
            report_id=then.report_id,
            version=then.version,
            title=then.title,
            content=then.content,
            requested_by=principal.subject,
            range=then.range,
            comparison=then.comparison,
            formats=formats(ask.formats or then.formats),
            period_start=then.period_start,
            period_end=then.period_end,
            time_zone=then.time_zone,
            request_id=ask.request_id,
            again_of=then.run_id,
        )

    async def _add(self, driver: Driver, organization_id: int, new: NewReportRun) -> int:
        """Stores a run with its task, unless its request has made one before, and returns its id."""
        if new.request_id is not None:
            before = await stored.of_request(driver, organization_id, new.report_id, new.request_id)
            if before is not None:
                return before
        if await stored.open_runs(driver, organization_id) >= MOST_OPEN:
            raise saved.limit_reached(f"{MOST_OPEN} runs have not ended yet: try again later", MOST_OPEN)
        return await enqueue(driver, organization_id, new)

    async def get(self, principal: Principal, run_id: int) -> ReportRun:
        """Returns a run; refuses one of a report that the caller may not see."""
        async with self._slots.slot(principal), self._database.query(of=principal.organization_id) as driver:
            return await _seen(driver, principal, run_id)

    async def listed(
        self, principal: Principal, *, report_id: str | None, schedule_id: str | None, size: int, page_token: str
    ) -> RunPage:
        """Returns a page of the runs that the caller may see, newest first."""
        key = [report_id, schedule_id]
        before = self._before(principal, page_token, key)
        async with self._slots.slot(principal), self._database.query(of=principal.organization_id) as driver:
            found = await stored.listed(
                driver,
                principal.organization_id,
                saved.viewer(principal),
                report_id=report_id,
                schedule_id=schedule_id,
                before=before,
                limit=size + 1,
            )
        token = ""
        if len(found) > size:
            found = found[:size]
            token = self._tokens.token(principal.organization_id, [found[-1].run_id, *key])
        return RunPage(runs=found, next_page_token=token)

    def _before(self, principal: Principal, page_token: str, key: Sequence[str | None]) -> int | None:
        if not page_token:
            return None
        try:
            run_id, *told = self._tokens.values(principal.organization_id, page_token)
        except NotOurs:
            raise Refused(Reason.PAGE_TOKEN_INVALID, "is no token of this list", field="page_token") from None
        if told != list(key):
            raise Refused(Reason.PAGE_TOKEN_MISMATCH, "is a token of another question", field="page_token")
        return int(run_id)

    async def cancel(self, principal: Principal, run_id: int) -> ReportRun:
        """Ends a run that has not ended, and returns it. Its asker may do so, and whoever may edit its report."""
        organization_id = principal.organization_id
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            run = await _seen(driver, principal, run_id)
            if run.requested_by != principal.subject or run.schedule_id is not None:
                saved.check_may_edit(principal, await saved.found(driver, principal, run.report_id))
            if not run.state.is_over:
                if run.task_id is not None:
                    await tasks.cancel(driver, run.task_id)
                await stored.cancel(driver, organization_id, run_id)
            return await _seen(driver, principal, run_id)

    async def file(self, principal: Principal, run_id: int, wanted: str | None) -> tuple[ReportRun, ReportFile]:
        """Returns a file of a run, the first or that of a format; refuses where there is none."""
        run = await self.get(principal, run_id)
        found = next((one for one in run.files if wanted in (None, one.format)), None)
        if found is None:
            raise object_store.gone(wanted or run.formats[0])
        return run, found

    async def download(
        self, principal: Principal, run_id: int, wanted: str | None, offset: int, by: Actor
    ) -> AsyncGenerator[ReportFile | bytes, None]:
        """Yields what a file is, and then its bytes from an offset on. The audit trail tells of it before."""
        run, file = await self.file(principal, run_id, wanted)
        if not 0 <= offset <= file.size:
            raise Refused(
                Reason.VALUE_OUT_OF_RANGE,
                f"the file has {file.size} bytes",
                field="offset",
                metadata={"minimum": "0", "maximum": str(file.size)},
            )
        async with self._downloads.slot(principal):
            async with self._database.transaction(of=principal.organization_id) as driver:
                after = {"run_id": run_id, "format": file.format}
                entry = Entry(actor=by, action="report.downloaded", subject=run.report_id, after=after)
                await audit_trail.record(driver, principal.organization_id, entry)
            yield file
            if offset == file.size:
                return
            try:
                async for piece in self._store.pieces(file.path, offset):
                    yield piece
            except FileNotFoundError:
                raise object_store.gone(file.format) from None


def planned(
    questions: ReportAnswers, principal: Principal, report: KeptReport, ask: RunAsk, at: datetime
) -> NewReportRun:
    """Returns the run of a report for an instant."""
    plan = questions.plan(report.draft.content)
    name = ask.range or plan.range or periods.DEFAULT_RANGE
    comparison = ask.comparison or plan.comparison or periods.DEFAULT_COMPARISON
    asked = period(principal, plan, name, comparison, ask.time_zone, at)
    return NewReportRun(
        report_id=report.report_id,
        version=report.version,
        title=report.draft.title,
        content=report.draft.content,
        requested_by=principal.subject,
        range=name,
        comparison=comparison,
        formats=formats(ask.formats or plan.formats),
        period_start=asked.bounds.start,
        period_end=asked.bounds.end,
        time_zone=asked.zone.key,
        request_id=ask.request_id,
    )


def of_schedule(new: NewReportRun, schedule: ReportSchedule, at: datetime | None) -> NewReportRun:
    """Returns a run as one of a schedule: of an instant, or beside those. It has the formats that are sent, too."""
    return dataclasses.replace(
        new,
        schedule_id=schedule.schedule_id,
        scheduled_at=at,
        formats=formats([*new.formats, *schedule.draft.formats]),
    )


async def enqueue(driver: Driver, organization_id: int, new: NewReportRun) -> int:
    """Stores a run with its task and returns its id; that of before where the schedule's instant has one."""
    run_id = await stored.add(driver, organization_id, new)
    if run_id is None:
        if new.schedule_id is None or new.scheduled_at is None:
            raise AssertionError("nothing else can keep a run from being stored")
        known = await stored.of_instant(driver, organization_id, new.schedule_id, new.scheduled_at)
        if known is None:
            raise AssertionError("a run of that instant is there")
        return known
    queued = await queue.enqueue(driver, KIND, organization_id=organization_id, payload={"run_id": run_id})
    await stored.set_task(driver, organization_id, run_id, queued.task_id)
    return run_id


def period(principal: Principal, plan: RunPlan, name: str, comparison: str, time_zone: str, at: datetime) -> RunPeriod:
    """Returns the period of a run for an instant."""
    zone = timerange.zone(time_zone or plan.time_zone or principal.settings.time_zone)
    week_start = timerange.WEEKDAYS.index(principal.settings.week_start)
    return periods.asked(name, comparison, zone, at, week_start)


def asked_of(run: ReportRun) -> RunPeriod:
    """Returns the period that a run asks its questions for."""
    bounds = Interval(start=run.period_start, end=run.period_end)
    return periods.again(run.range, run.comparison, timerange.zone(run.time_zone), bounds)


def formats(chosen: Sequence[str]) -> tuple[str, ...]:
    """Returns formats in the order of FORMATS, each once; PDF where none is chosen. JSON is always among them, since
    later runs are compared with it.
    """
    wanted = {*(chosen or ("pdf",)), "json"}
    return tuple(one for one in FORMATS if one in wanted)


async def _seen(driver: Driver, principal: Principal, run_id: int) -> ReportRun:
    found = await stored.seen(driver, principal.organization_id, saved.viewer(principal), run_id)
    if found is None:
        raise not_found(str(run_id))
    return found


def not_found(run_id: str) -> Refused:
    """Returns the refusal of a run that the caller may not see."""
    return Refused(
        Reason.REPORT_RUN_NOT_FOUND,
        f"there is no run {run_id[:64]!r} that you may see",
        field="run_id",
        metadata={"run": run_id[:64]},
    )
