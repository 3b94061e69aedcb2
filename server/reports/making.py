"""The task that makes a run: asks the questions, writes the files, records what came of it once.

Files are written under a name of the attempt, and the outcome is recorded in one transaction with what is to be sent.
A worker may die at any point: the next attempt writes files of its own, and of those that no outcome names none stays.
"""

import asyncio
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import structlog

from server import errors, failpoints, timerange
from server.clock import Clock
from server.errors import Refused
from server.organizations.organization import Organization, OrganizationState
from server.organizations.reports import ReportFile, ReportRun, RunAttempt, RunOutcome
from server.reports import archive, blocks, extras, page, pdf, runs, telling, workbook
from server.reports.blocks import ReportAnswers, RunPlan
from server.reports.document import ReportDocument
from server.reports.object_store import NoRoom, ObjectStore, sha256
from server.store import deployment, organizations
from server.store import report_runs as stored
from server.store.database import Database
from server.tasks.kinds import Result, TaskError, Work
from server.tenancy import principal as principals
from server.tenancy.principal import Principal

_ASKING: Final = 0.8  # the share of the work that questions are
_TYPES: Final[Mapping[str, str]] = {
    "pdf": "application/pdf",
    "html": "text/html; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "application/zip",
    "json": "application/json",
}
_SUFFIXES: Final[Mapping[str, str]] = {"csv": "csv.zip"}
_WRITERS: Final[Mapping[str, Callable[[ReportDocument], bytes]]] = {
    "pdf": pdf.written,
    "html": page.written,
    "xlsx": workbook.written,
    "csv": archive.zipped,
    "json": archive.written,
}
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class MakingReports:
    """Makes runs of reports in a worker. clock is that of the questions; on_queued is called after something is queued
    to be sent.
    """

    questions: ReportAnswers
    store: ObjectStore
    clock: Clock
    on_queued: Callable[[], None]

    async def make(self, work: Work) -> Result:
        """Makes a run, unless it has ended."""
        self.clock.set(work.now)
        async with work.database.transaction(of=work.organization_id) as driver:
            run = await stored.begin(driver, work.organization_id, _id(work))
            tenant = await organizations.by_id(driver, work.organization_id)
            found = await deployment.look(driver)
        if run is None or tenant is None or found is None:
            return {}
        try:
            return await self._make(work, run, tenant, found.deployment_id)
        except Refused as refusal:
            await self._fail(work.database, run, refusal.message)
            return {"failed": refusal.reason.name}
        except Exception as error:
            if work.is_last_try:
                await self._fail(work.database, run, _told(error))
            raise

    async def _make(self, work: Work, run: ReportRun, tenant: Organization, deployment_id: str) -> Result:
        if tenant.state is not OrganizationState.ACTIVE:
            await self._fail(work.database, run, "the organization is not active")
            return {"failed": "suspended"}
        extras.check(run.formats)
        principal = principals.of_service(run.organization_id, tenant.settings, run.requested_by, run.restriction)
        plan = self.questions.plan(run.content)
        document = await self._document(work, run, tenant, principal, plan)
        if document.failed == len(document.blocks):
            why = next((one.refusal for one in document.blocks), "the report has no blocks")
            await self._fail(work.database, run, why)
            return {"failed": "refused"}
        attempt = RunAttempt(run.organization_id, run.run_id, run.attempt)
        failpoints.reach("report_before_upload")
        files = await self._write(work, run, document, deployment_id, attempt)
        # In a thread, and before the transaction: a long page takes seconds of a whole core.
        shown = await asyncio.to_thread(page.written, document) if await _is_sent(work.database, run) else b""
        failpoints.reach("report_after_upload")
        first, last = document.revisions
        outcome = RunOutcome(
            first_revision=first,
            last_revision=last,
            rows=document.rows,
            failed_blocks=document.failed,
            changed_figures=None if document.differences is None else len(document.differences),
            files=files,
        )
        async with work.database.transaction(of=work.organization_id) as driver:
            is_ours = await stored.succeed(driver, run, outcome)
            if is_ours:
                await telling.send(driver, run, document, files, shown)
            failpoints.reach("report_before_commit")
        failpoints.reach("report_after_commit")
        if not is_ours:
            await self.store.delete([one.path for one in files])
            return {}
        self.on_queued()
        await self._remove_earlier(run, deployment_id)
        return {"run_id": str(run.run_id), "files": len(files)}

    async def _document(
        self, work: Work, run: ReportRun, tenant: Organization, principal: Principal, plan: RunPlan
    ) -> ReportDocument:
        asked = runs.asked_of(run)
        made = []
        for place in range(plan.blocks):
            work.report(_ASKING * place / max(plan.blocks, 1), f"block {place + 1} of {plan.blocks}")
            answer = await self.questions.answer(principal, run.content, place, asked)
            if answer.is_passing and not work.is_last_try:  # what will be there in a moment is not left out for good
                raise TaskError(f"block {place + 1} of {plan.blocks} cannot be answered yet")
            made.append(blocks.block(answer, asked))
        document = ReportDocument(
            title=run.title,
            description=plan.description,
            organization=tenant.name,
            locale=plan.locale,
            range=run.range,
            bounds=asked.bounds,
            zone=asked.zone,
            earlier=asked.earlier,
            made_at=self.clock.now().astimezone(UTC),
            requested_by=run.requested_by,
            restriction=run.restriction,
            is_scheduled=run.schedule_id is not None,
            version=run.version,
            run_id=run.run_id,
            blocks=made,
            again_of=run.again_of,
            definitions=blocks.definitions(made),
        )
        return document if run.again_of is None else await self._compared(work, document, run.again_of)

    async def _compared(self, work: Work, document: ReportDocument, again_of: int) -> ReportDocument:
        """Returns a document with what differs from an earlier run, if its figures are still there."""
        async with work.database.transaction(of=work.organization_id) as driver:
            before = await stored.known(driver, work.organization_id, again_of)
        file = next((one for one in before.files if one.format == "json"), None) if before is not None else None
        if file is None:
            return document
        try:
            content = await self.store.read(file.path)
        except FileNotFoundError:
            return document
        found = await asyncio.to_thread(archive.differences, document, content)
        return dataclasses.replace(document, differences=found)

    async def _write(
        self, work: Work, run: ReportRun, document: ReportDocument, deployment_id: str, attempt: RunAttempt
    ) -> list[ReportFile]:
        files = []
        for place, name in enumerate(run.formats):
            work.report(_ASKING + (1 - _ASKING) * place / len(run.formats), f"writing {name}")
            content = await asyncio.to_thread(_WRITERS[name], document)
            path = await self.store.put(deployment_id, attempt, f"report.{_SUFFIXES.get(name, name)}", content)
            files.append(
                ReportFile(
                    format=name,
                    name=f"{_file_name(document)}.{_SUFFIXES.get(name, name)}",
                    media_type=_TYPES[name],
                    size=len(content),
                    sha256=sha256(content),
                    path=path,
                )
            )
        return files

    async def _fail(self, database: Database, run: ReportRun, why: str) -> None:
        async with database.transaction(of=run.organization_id) as driver:
            if await stored.fail(driver, run, why):
                await telling.failed(driver, run, why)
        self.on_queued()

    async def _remove_earlier(self, run: ReportRun, deployment_id: str) -> None:
        """Removes what attempts before this one have left; what this misses the hourly search finds."""
        try:
            for attempt in range(1, run.attempt):
                of = RunAttempt(run.organization_id, run.run_id, attempt)
                async for page_of in self.store.listed(deployment_id, of):
                    await self.store.delete([one.key for one in page_of])
        except errors.StorageUnavailable as error:
            _log.warning("files of an earlier attempt stay for now", run_id=run.run_id, error=str(error))


def _id(work: Work) -> int:
    if "run_id" not in work.payload:
        raise TaskError("a run of a report is asked for by RunReport: this task names none")
    return int(str(work.payload["run_id"]))


async def _is_sent(database: Database, run: ReportRun) -> bool:
    async with database.transaction(of=run.organization_id) as driver:
        return await telling.is_sent(driver, run)


def _told(error: Exception) -> str:
    """Returns what the tenant is told of a failure that no other try has mended: never the text of an exception."""
    if isinstance(error, NoRoom):
        return "the store of files has no room; its operator has to make some"
    if isinstance(error, errors.StorageUnavailable):
        return "the database or the store of files did not answer; run it again later"
    return "the report could not be made, by a fault of the service"


def _file_name(document: ReportDocument) -> str:
    """Returns the name of a file without its suffix: letters, digits and hyphens of ASCII, and the days."""
    plain = "".join(one if one.isascii() and one.isalnum() else "-" for one in document.title.casefold())
    title = "-".join(filter(None, plain.split("-")))[:60] or "report"
    first = timerange.day_at(document.bounds.start, document.zone)
    last = timerange.day_at(document.bounds.end, document.zone)
    return f"{title}-{first.isoformat()}-{datetime.fromordinal(max(last.toordinal() - 1, 1)).date().isoformat()}"
