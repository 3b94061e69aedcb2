"""Reports of callers who may see a part of their organization: every file is about the part and says so, and what is
about another part does not exist for them.
"""

import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import openpyxl
import pypdf
import pytest

from server.errors import Refused
from server.organizations.delivery import Topic
from server.organizations.restriction import Restriction
from server.organizations.settings import OrganizationSettings
from server.rpc import restricting
from server.tenancy.principal import Scope
from tallywire.v1 import report_service_pb2 as pb
from tests.delivery import delivering
from tests.support import refusals, serving
from tests.support.reporting import FIGURES, ReportWorker, call, created, downloaded, why
from tests.support.rpcs import answers
from tests.support.serving import Accounts, Caller
from tests.support.tiny_worlds import DAY

EDITOR = (Scope.READ, Scope.EDIT)
PERIOD = {"range": f"{DAY:%Y-%m-%d}..{DAY + timedelta(days=1):%Y-%m-%d}"}
FORMATS = [pb.REPORT_FORMAT_PDF, pb.REPORT_FORMAT_HTML, pb.REPORT_FORMAT_XLSX, pb.REPORT_FORMAT_CSV]
FOR_ALL: dict[str, Any] = {"visibility": pb.REPORT_VISIBILITY_ORGANIZATION}
COUNTED = {"kind": "figures", "title": "Key figures", "query": {"metrics": ["events"]}}
SALES, SUPPORT = [Restriction(dimension="team", values=(one,)) for one in ("sales", "support")]
BOTH = Restriction(dimension="team", values=("support", "sales"))


@pytest.fixture
async def owner(accounts: Accounts) -> Caller:
    """Somebody who sees all of an organization with two teams, of which one did more."""
    settings = OrganizationSettings(time_zone="UTC", pairs=("agent,team",))
    caller = await accounts.caller(settings=settings.checked(), scopes=(*EDITOR, Scope.INGEST, Scope.BACKFILL))
    await caller.track_all(
        [
            serving.event(at=DAY + timedelta(hours=n), event_id=f"{team}-{n}", agent_id="bot", team_id=team)
            for team, most in (("sales", 3), ("support", 5))
            for n in range(most)
        ]
    )
    return caller


async def lead(accounts: Accounts, owner: Caller, part: Restriction, scopes: tuple[Scope, ...] = EDITOR) -> Caller:
    return await accounts.another(owner, scopes=scopes, restriction=part)


async def events_of(caller: Caller, run: pb.ReportRun) -> list[Any]:
    """What the blocks of a run count."""
    blocks = json.loads(await downloaded(caller, run))["blocks"]
    return [one["tables"][0]["rows"][0][0] if one["tables"] else one["refusal"] for one in blocks]


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("en", "Restricted to team sales: all figures are of this part alone."),
        ("de", "Beschränkt auf Team sales: Alle Zahlen sind von diesem Teil allein."),
    ],
)
async def test_a_run_is_about_the_part_and_each_file_says_so(
    accounts: Accounts, maker: ReportWorker, owner: Caller, locale: str, said: str
) -> None:
    manager = await lead(accounts, owner, SALES)
    blocks = [
        COUNTED,
        {"kind": "table", "query": {"metrics": ["events"], "group_by": ["agent"]}},
        {"kind": "funnel", "title": "Stages", "funnel": {}},
        {"kind": "figures", "query": {"metrics": ["events"], "filter": {"team_id": "support"}}},
    ]
    made = await created(manager, blocks=blocks, formats=FORMATS, period=PERIOD, locale=locale, **FOR_ALL)
    assert (made.restriction.dimension, list(made.restriction.values)) == ("team", ["sales"])
    for caller in (manager, owner):  # whoever runs it
        run = await maker.run(caller, {"report_id": made.report_id})
        assert (run.state, run.restriction, run.failed_blocks) == (pb.REPORT_RUN_STATE_SUCCEEDED, made.restriction, 2)
        counted, table, *refused = await events_of(caller, run)
        assert (counted, table) == (3, "value")
        assert all(one.startswith("RESTRICTED: the caller may see the team sales alone") for one in refused)
        told = json.loads(await downloaded(caller, run))
        assert told["restriction"] == {"dimension": "team", "values": ["sales"]}
        assert told["blocks"][0]["context"]["restriction"] == {"team": ["sales"]}
        pages = pypdf.PdfReader(io.BytesIO(await downloaded(caller, run, "pdf"))).pages
        assert said in " ".join(pages[0].extract_text().replace("\xa0", " ").split())
        assert said in (await downloaded(caller, run, "html")).decode()
        book = openpyxl.load_workbook(io.BytesIO(await downloaded(caller, run, "xlsx")))
        assert book.worksheets[0]["A3"].value == said
        packed = zipfile.ZipFile(io.BytesIO(await downloaded(caller, run, "csv")))
        assert packed.read("00-about.txt").decode() == f"{said}\n"


async def test_a_report_about_everything_is_about_everything(maker: ReportWorker, owner: Caller) -> None:
    made = await created(owner, blocks=[COUNTED], period=PERIOD)
    run = await maker.run(owner, {"report_id": made.report_id})
    assert not made.HasField("restriction")
    assert not run.HasField("restriction")
    assert await events_of(owner, run) == [8]


async def test_what_is_about_another_part_is_answered_as_what_is_not_there(accounts: Accounts, owner: Caller) -> None:
    other, both = await lead(accounts, owner, SUPPORT), await lead(accounts, owner, BOTH)
    manager = await lead(accounts, owner, SALES)
    people = {"visibility": pb.REPORT_VISIBILITY_PEOPLE, "people": [{"subject": f"key:{manager.key.key_id}"}]}
    for maker_of, shared in ((owner, FOR_ALL), (other, FOR_ALL), (both, FOR_ALL), (other, people)):
        made = await created(maker_of, blocks=[COUNTED], period=PERIOD, **shared)
        run = (await call(maker_of, "RunReport", {"report_id": made.report_id})).run
        when = {"report_id": made.report_id, "when": "daily at 07:00"}
        schedule = (await call(maker_of, "CreateReportSchedule", {"schedule": when})).schedule
        for rpc, fields in (
            ("GetReport", {"report_id": "R"}),
            ("GetReport", {"report_id": "R", "version": 1}),
            ("ListReportVersions", {"report_id": "R"}),
            ("DeleteReport", {"report_id": "R"}),
            ("UpdateReport", {"report": {"report_id": "R", "title": "Mine", "blocks": [FIGURES]}}),
            ("RunReport", {"report_id": "R"}),
            ("RunReport", {"again_of": "N"}),
            ("GetReportRun", {"run_id": "N"}),
            ("CancelReportRun", {"run_id": "N"}),
            ("DownloadReport", {"run_id": "N"}),
            ("CreateReportSchedule", {"schedule": {"report_id": "R", "when": "daily at 07:00"}}),
            ("ListReportSchedules", {"report_id": "R"}),
            ("UpdateReportSchedule", {"schedule": {"schedule_id": "S", "when": "daily at 07:00"}}),
            ("DeleteReportSchedule", {"schedule_id": "S"}),
            ("PauseReportSchedule", {"schedule_id": "S"}),
            ("ResumeReportSchedule", {"schedule_id": "S"}),
            ("RunReportSchedule", {"schedule_id": "S"}),
        ):
            there = {"R": made.report_id, "N": run.run_id, "S": schedule.schedule_id}
            unknown = {"R": "0" * 16, "N": "9" * 12, "S": "1" * 16}
            found = [await refusals.told(manager, f"ReportService/{rpc}", fields, ids) for ids in (there, unknown)]
            assert found[0] == found[1], rpc
            assert "NOT_FOUND" in found[0], rpc
        listed = (await call(manager, "ListReportRuns", {"report_id": made.report_id})).runs
        assert not [*listed, *(await call(manager, "ListReportRuns", {"schedule_id": schedule.schedule_id})).runs]
    assert not (await call(manager, "ListReports")).reports
    assert not (await call(manager, "ListReportRuns")).runs
    assert not (await call(manager, "ListReportSchedules")).schedules


async def test_what_lies_within_the_part_is_there_whoever_made_it(
    accounts: Accounts, maker: ReportWorker, owner: Caller
) -> None:
    manager, both = await lead(accounts, owner, SALES), await lead(accounts, owner, BOTH)
    made = await created(manager, blocks=[COUNTED], period=PERIOD, **FOR_ALL)
    change = {"report_id": made.report_id, "title": "Ours", "blocks": [COUNTED], "period": PERIOD, **FOR_ALL}
    changed = (await call(both, "UpdateReport", {"report": change})).report
    assert (changed.version, list(changed.restriction.values)) == (2, ["sales"]), "nobody widens it"
    run = await maker.run(both, {"report_id": made.report_id})
    assert await events_of(both, run) == [3]
    assert await events_of(manager, run) == [3]
    again = await maker.run(manager, {"again_of": run.run_id})
    assert (again.changed_figures, await events_of(manager, again)) == (0, [3])
    copied = await created(owner, blocks=[COUNTED], period=PERIOD)
    assert not copied.HasField("restriction")


async def test_of_several_values_each_block_names_one(accounts: Accounts, maker: ReportWorker, owner: Caller) -> None:
    both = await lead(accounts, owner, BOTH)
    named = {"kind": "figures", "query": {"metrics": ["events"], "filter": {"team_id": "support"}}}
    made = await created(both, blocks=[COUNTED, named], period=PERIOD)
    assert list(made.restriction.values) == ["sales", "support"]
    unnamed, counted = await events_of(both, await maker.run(both, {"report_id": made.report_id}))
    assert (unnamed[:11], counted) == ("RESTRICTED:", 5)
    made = await created(both, blocks=[COUNTED], period=PERIOD, filter={"team_id": "sales"})
    assert await events_of(both, await maker.run(both, {"report_id": made.report_id})) == [3]


async def test_a_schedule_sends_what_is_about_the_part(accounts: Accounts, maker: ReportWorker, owner: Caller) -> None:
    manager = await lead(accounts, owner, SALES)
    admin = await accounts.another(owner, scopes=(Scope.ADMIN,))
    house = delivering.house(maker.database, owner.organization_id)
    await house.destination(url="https://example.org/", secret=bytes(32), topics=(Topic.REPORT,))
    await house.destination("named", url="https://example.org/named", secret=bytes(32))
    made = await created(manager, blocks=[COUNTED], period=PERIOD, **FOR_ALL)
    when = {"report_id": made.report_id, "when": "daily at 07:00", "destination_ids": ["named"]}
    kept = (await call(manager, "CreateReportSchedule", {"schedule": when})).schedule
    run = (await call(manager, "RunReportSchedule", {"schedule_id": kept.schedule_id})).run
    assert await events_of(manager, await maker.made(manager, run.run_id)) == [3]
    (told,) = await answers(admin, "DeliveryService/ListDeliveries", {})
    assert [one.destination_id for one in told.deliveries] == ["named"], "who asks for reports asks for whole ones"
    reader = await lead(accounts, owner, SALES, (Scope.READ,))
    assert await why(reader, "UpdateReport", {"report": {"report_id": made.report_id, "title": "x"}}) != ""
    assert await why(reader, "DeleteReport", {"report_id": made.report_id}) == "SCOPE_MISSING"


@pytest.mark.parametrize("method", sorted(restricting.NARROWED | restricting.WITHIN))
def test_a_call_under_way_ends_when_its_caller_is_restricted_otherwise(method: str) -> None:
    for before in (None, SUPPORT, BOTH):
        with pytest.raises(Refused, match="that has changed since the call began"):
            restricting.check_going_on(method, before, SALES)
    restricting.check_going_on(method, SALES, SALES)
