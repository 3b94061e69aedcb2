"""Reports in tests: calls by name, and a worker that makes runs when a test says so."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest

from server import kinds
from server.projections.projector import Projector
from server.reports.making import MakingReports
from server.settings import Settings
from server.store import claims, deployment
from server.store.database import Database
from server.store.isolation import EVERY
from server.tasks.kinds import Work
from server.tasks.runner import Runner
from tallywire.v1 import report_service_pb2 as pb
from tests.support import serving, waiting
from tests.support.rpcs import answers
from tests.support.serving import Caller
from workers import reporting

KINDS = ("report_run", "scheduled_report", "report_outcomes", "report_retention")
OVER = (pb.REPORT_RUN_STATE_SUCCEEDED, pb.REPORT_RUN_STATE_FAILED, pb.REPORT_RUN_STATE_CANCELLED)
FIGURES = {"kind": "figures", "title": "Key figures", "query": {"metrics": ["events", "total_conversations"]}}


async def call(caller: Caller, rpc: str, fields: Mapping[str, Any] | None = None) -> Any:
    """The answer of an RPC of ReportService."""
    (answer,) = await answers(caller, f"ReportService/{rpc}", fields or {})
    return answer


async def why(caller: Caller, rpc: str, fields: Mapping[str, Any] | None = None) -> str:
    """The reason for which an RPC refuses."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await answers(caller, f"ReportService/{rpc}", fields or {})
    return serving.refusal(refused.value).reason


async def created(caller: Caller, title: str = "Weekly", **fields: Any) -> pb.Report:
    """A report that was created, with one block unless it has others."""
    report = {"title": title, "blocks": [FIGURES], **fields}
    found: pb.Report = (await call(caller, "CreateReport", {"report": report})).report
    return found


async def downloaded(caller: Caller, run: pb.ReportRun, wanted: str = "json", offset: int = 0) -> bytes:
    """A file of a run, whose checksum is right."""
    number = pb.ReportFormat.Value(f"REPORT_FORMAT_{wanted.upper()}")
    fields = {"run_id": run.run_id, "format": number, "offset": offset}
    first, *others = await answers(caller, "ReportService/DownloadReport", fields)
    content = b"".join(one.chunk for one in others)
    assert len(content) == first.file.bytes - offset
    if not offset:
        assert hashlib.sha256(content).hexdigest() == first.file.sha256
    return content


@dataclass(frozen=True)
class ReportWorker:
    """A worker of reports alone, which looks for tasks when it is told to."""

    runner: Runner
    making: MakingReports
    database: Database

    def work(self, caller: Caller, *, is_last_try: bool = False, **more: Any) -> Work:
        """A task of a caller's organization, as a function gets it."""
        given: dict[str, Any] = {"payload": {}, "period": None, "now": datetime.now(UTC), **more}
        return Work(
            database=self.database,
            task_id=0,
            organization_id=caller.organization_id,
            last={},
            is_last_try=is_last_try,
            **given,
        )

    async def files(self, caller: Caller) -> list[str]:
        """The keys of all files of a caller's organization in the store."""
        async with self.database.transaction(of=EVERY) as driver:
            here = await deployment.look(driver)
        assert here is not None
        listed = self.making.store.listed(here.deployment_id)
        return [one.key async for page in listed for one in page if one.of.organization_id == caller.organization_id]

    async def run(self, caller: Caller, fields: Mapping[str, Any]) -> pb.ReportRun:
        """A run of a report, made to its end."""
        asked = await call(caller, "RunReport", fields)
        return await self.made(caller, asked.run.run_id)

    async def made(self, caller: Caller, run_id: str) -> pb.ReportRun:
        """A run once it is over."""

        async def is_over() -> bool:
            await self.runner.look()
            return (await call(caller, "GetReportRun", {"run_id": run_id})).run.state in OVER

        await waiting.until(is_over)
        found: pb.ReportRun = (await call(caller, "GetReportRun", {"run_id": run_id})).run
        return found


@asynccontextmanager
async def worker(settings: Settings, database: Database) -> AsyncIterator[ReportWorker]:
    """A worker in this process, until the block ends."""
    projector = Projector(database, on_revision=lambda _: None)
    making = reporting.making(settings, database, projector, lambda: None)
    known = kinds.known(projector=projector, reports=making).only(KINDS)
    runner = Runner(database, known, "reports")
    async with database.transaction(of=EVERY) as driver:
        await claims.know(driver, {name: max(1, known[name].rate) for name in known.names})
    try:
        yield ReportWorker(runner=runner, making=making, database=database)
    finally:
        await runner.stop()
        await projector.close()
