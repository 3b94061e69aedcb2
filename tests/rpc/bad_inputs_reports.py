"""Rows of the table of bad inputs about reports, their runs, files and schedules."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from server.tenancy.principal import Scope
from tallywire.v1 import report_service_pb2 as pb
from tests.support import reporting
from tests.support.bad_inputs import World, outcome, row
from tests.support.reporting import FIGURES, call
from tests.support.rpcs import answers
from tests.support.serving import Caller

_BLOCK: Mapping[str, Any] = {"kind": "text", "note": "Nothing."}
_PLAIN = [pb.REPORT_FORMAT_HTML, pb.REPORT_FORMAT_CSV]


async def editor(world: World) -> Caller:
    """Somebody who may have reports and schedules."""
    return await world.accounts.another(world.caller, scopes=(Scope.READ, Scope.EDIT))


async def made(caller: Caller, **report: Any) -> pb.Report:
    """A report that was created."""
    found: pb.Report = (
        await call(caller, "CreateReport", {"report": {"title": "A", "blocks": [_BLOCK], **report}})
    ).report
    return found


def _refused(id: str, expected: str, because: str = "", **report: Any) -> None:  # noqa: A002 - the table's word
    """Registers a report that is refused."""

    @row(id, expected, because=because)
    async def run(world: World) -> str:
        return await outcome(made(await editor(world), **report))


_refused("R-001", "INVALID_ARGUMENT REQUIRED_FIELD report.title", title="")
_refused("R-018", "INVALID_ARGUMENT INVALID_ENUM report.formats", formats=[99])
_refused("R-027", "INVALID_ARGUMENT INVALID_TIME_ZONE report.period.time_zone", period={"time_zone": "+25"})


def _when(id: str, *whens: str) -> None:  # noqa: A002 - the table's word
    """Registers times that a schedule cannot have."""
    because = "what cannot be when a report runs is INVALID_VALUE, and the message says what can be"

    @row(id, "INVALID_ARGUMENT INVALID_VALUE schedule.when", because=because)
    async def run(world: World) -> str:
        caller = await editor(world)
        report_id = (await made(caller)).report_id
        found = {
            await outcome(call(caller, "CreateReportSchedule", {"schedule": {"report_id": report_id, "when": when}}))
            for when in whens
        }
        (only,) = found
        return only


_when("R-059", "* * * * *", "*/4 * * * *", "0,59 * * * *")
_when("R-061", "@reboot", "@daily")
_when("R-062", "0 0 7 * * 1", "0 7 * *")


@row("R-065", "OK")
async def _(world: World) -> str:
    """Months without a 31st are passed over."""
    caller = await editor(world)
    schedule = {"report_id": (await made(caller)).report_id, "when": "0 7 31 * *", "time_zone": "Europe/Berlin"}
    kept = (await call(caller, "CreateReportSchedule", {"schedule": schedule})).schedule
    assert {at.ToDatetime().day for at in kept.next_runs} == {31}
    return "OK"


def _name(id: str, title: str) -> None:  # noqa: A002 - the table's word
    """Registers a title that stands in files as it was written, and in no name of a file."""

    @row(id, "OK")
    async def run(world: World) -> str:
        caller = await editor(world)
        blocks = [{**_BLOCK, "title": title}, FIGURES]
        report = await made(caller, title=title, blocks=blocks, formats=_PLAIN)
        async with reporting.worker(world.settings, world.accounts.database) as maker:
            run = await maker.run(caller, {"report_id": report.report_id})
            told = json.loads(await reporting.downloaded(caller, run))
            page = (await reporting.downloaded(caller, run, "html")).decode()
        assert (told["title"], told["blocks"][0]["title"]) == (title, title)
        assert not any(tag in page for tag in ("<img", "<iframe", "<script"))
        for file in run.files:
            assert set(file.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-")
            assert ".." not in file.name
        return "OK"


_name("R-004", "../../etc/passwd")
_name("R-009", "${jndi:ldap://x}")
_name("R-011", "<img src=http://169.254.169.254/>")
_name("R-012", "<iframe src=file:///etc/passwd>")
_name("R-015", "invoice \u202efdp.exe")


@row("R-031", "OK")
async def _(world: World) -> str:
    caller = await editor(world)
    asked = {"report_id": (await made(caller)).report_id}
    first, second = [(await call(caller, "RunReport", asked)).run.run_id for _ in range(2)]
    assert first != second
    return "OK"


@row("R-033", "OK", because="the contract says that the run of then is returned, whatever else is asked for")
async def _(world: World) -> str:
    caller = await editor(world)
    asked = {"report_id": (await made(caller)).report_id, "request_id": "a"}
    first = (await call(caller, "RunReport", asked)).run
    other = (await call(caller, "RunReport", {**asked, "period": {"range": "today"}})).run
    assert (other.run_id, other.range) == (first.run_id, first.range)
    return "OK"


@row("R-035", "OK")
async def _(world: World) -> str:
    caller = await editor(world)
    asked = {"report_id": (await made(caller)).report_id, "request_id": "a"}
    runs = await asyncio.gather(*(call(caller, "RunReport", asked) for _ in range(8)))
    assert len({one.run.run_id for one in runs}) == 1
    return "OK"


@row("I-087", "OK")
async def _(world: World) -> str:
    runs = []
    for caller in (world.caller, world.other):
        reader = await world.accounts.another(caller, scopes=(Scope.READ,))
        asked = {"report_id": (await made(reader)).report_id, "request_id": "a"}
        runs.append((await call(reader, "RunReport", asked)).run.run_id)
    assert len(set(runs)) == 2
    return "OK"


@row("R-068", "INVALID_ARGUMENT REQUIRED_FIELD destination.mail.addresses")
async def _(world: World) -> str:
    return await outcome(_mail(world))


@row(
    "R-069",
    "INVALID_ARGUMENT INVALID_VALUE destination.mail.addresses",
    because="a destination has 50 addresses at most, and the message says so",
)
async def _(world: World) -> str:
    return await outcome(_mail(world, *(f"a{number}@example.org" for number in range(101))))


@row(
    "R-070",
    "INVALID_ARGUMENT INVALID_VALUE destination.mail.addresses",
    because="what is no address is INVALID_VALUE, and the message says what is wrong",
)
async def _(world: World) -> str:
    found = {await outcome(_mail(world, one)) for one in ("a@b\nBcc: x@y", "a@b.example\r\nBcc: x@y.example")}
    (only,) = found
    return only


async def _mail(world: World, *addresses: str) -> None:
    admin = await world.accounts.another(world.caller, scopes=(Scope.ADMIN,))
    fields = {"destination": {"name": "Staff", "mail": {"addresses": addresses}}}
    await answers(admin, "DeliveryService/CreateDestination", fields)


@row("R-073", "NOT_FOUND REPORT_NOT_FOUND report_id")
async def _(world: World) -> str:
    return await outcome(call(await editor(world), "GetReport", {"report_id": "0123456789abcdef"}))


@row("R-074", "NOT_FOUND REPORT_NOT_FOUND report_id", because="an id is a name that the caller need not understand")
async def _(world: World) -> str:
    return await outcome(call(await editor(world), "GetReport", {"report_id": "'; DROP TABLE reports; --"}))


@row("R-075", "NOT_FOUND REPORT_FILE_NOT_FOUND format", because="a run that has not ended has no files")
async def _(world: World) -> str:
    caller = await editor(world)
    run = (await call(caller, "RunReport", {"report_id": (await made(caller)).report_id})).run
    return await outcome(call(caller, "DownloadReport", {"run_id": run.run_id}))


@row("R-078", "OUT_OF_RANGE VALUE_OUT_OF_RANGE offset", because="the reason is that of every number out of its range")
async def _(world: World) -> str:
    caller = await editor(world)
    report = await made(caller, blocks=[FIGURES], formats=_PLAIN)
    async with reporting.worker(world.settings, world.accounts.database) as maker:
        run = await maker.run(caller, {"report_id": report.report_id})
    found = {
        await outcome(answers(caller, "ReportService/DownloadReport", {"run_id": run.run_id, "offset": offset}))
        for offset in (10**9, -1, 2**63 - 1)
    }
    (only,) = found
    return only


@row(
    "R-080",
    "NOT_FOUND REPORT_RUN_NOT_FOUND run_id",
    because="files are those of a run, which is deleted with its report",
)
async def _(world: World) -> str:
    caller = await editor(world)
    report_id = (await made(caller)).report_id
    run = (await call(caller, "RunReport", {"report_id": report_id})).run
    await call(caller, "DeleteReport", {"report_id": report_id})
    return await outcome(call(caller, "DownloadReport", {"run_id": run.run_id}))


@row("R-082", "NOT_FOUND REPORT_NOT_FOUND report_id")
async def _(world: World) -> str:
    caller = await editor(world)
    named = {"report_id": (await made(caller)).report_id}
    await call(caller, "DeleteReport", named)
    return await outcome(call(caller, "DeleteReport", named))


@row("I-090", "NOT_FOUND REPORT_RUN_NOT_FOUND run_id", because="the same reason as for a run that there is not")
async def _(world: World) -> str:
    """A run, a file, a report and a schedule of another organization are not there."""
    caller = await editor(world)
    report_id = (await made(caller, visibility=pb.REPORT_VISIBILITY_ORGANIZATION)).report_id
    run = (await call(caller, "RunReport", {"report_id": report_id})).run
    schedule = {"report_id": report_id, "when": "daily at 07:00"}
    kept = (await call(caller, "CreateReportSchedule", {"schedule": schedule})).schedule
    stranger = await world.accounts.another(world.other, scopes=tuple(Scope))
    for rpc, fields in (
        ("GetReport", {"report_id": report_id}),
        ("DeleteReport", {"report_id": report_id}),
        ("RunReport", {"report_id": report_id}),
        ("RunReport", {"again_of": run.run_id}),
        ("GetReportRun", {"run_id": run.run_id}),
        ("CancelReportRun", {"run_id": run.run_id}),
        ("ListReportSchedules", {"report_id": report_id}),
        ("CreateReportSchedule", {"schedule": schedule}),
        ("UpdateReportSchedule", {"schedule": {**schedule, "schedule_id": kept.schedule_id}}),
        ("RunReportSchedule", {"schedule_id": kept.schedule_id}),
        ("PauseReportSchedule", {"schedule_id": kept.schedule_id}),
        ("DeleteReportSchedule", {"schedule_id": kept.schedule_id}),
    ):
        assert (await outcome(call(stranger, rpc, fields))).startswith("NOT_FOUND REPORT_"), rpc
    page = await call(stranger, "ListReportRuns", {})
    assert not page.runs
    return await outcome(call(stranger, "DownloadReport", {"run_id": run.run_id}))
