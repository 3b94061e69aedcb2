"""Schedules of reports in many zones, and what must have come of them: each instant one run, and one mail for each
recipient.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from server.organizations.delivery import Channel, DestinationDraft
from server.organizations.reports import ReportDraft, ReportViewer, ReportVisibility, ScheduleDraft
from server.organizations.settings import OrganizationSettings
from server.store import destinations, report_schedules, reports
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy import administration
from server.timerange import midnight, zone
from tallywire.v1 import report_service_pb2 as pb
from tests.support.zones import ZONES

STAFF = ("ada@example.org", "bob@example.org")
_MINUTE = timedelta(minutes=1)
_SUBJECT = "key:1"
_CONTENT = pb.Report(
    blocks=[pb.ReportBlock(kind="text", title="Note", note="Good morning.")], formats=[pb.REPORT_FORMAT_HTML]
).SerializeToString()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduled:
    """A schedule at 02:30 on Sundays in a zone, of an organization of its own."""

    organization_id: int
    zone: str
    schedule_id: str = "weekly"

    def expected(self, start: datetime, end: datetime) -> list[datetime]:
        """Its instants from a start to an end, by going through the minutes of each Sunday: the first one at which
        clocks on the wall show 02:30 or later.
        """
        here, found = zone(self.zone), []
        day = start.astimezone(here).date() - timedelta(days=1)
        while day <= end.astimezone(here).date():
            if day.weekday() == 6:
                at = midnight(day, here)
                while (local := at.astimezone(here)).date() == day and (local.hour, local.minute) < (2, 30):
                    at += _MINUTE
                if start <= at < end:
                    found.append(at.astimezone(UTC))
            day += timedelta(days=1)
        return found


async def made(database: Database, start: datetime) -> list[Scheduled]:
    """Makes a schedule in every zone, due from the start on, whose every instant is caught up and sent to the staff."""
    found = []
    for name in ZONES:
        settings = OrganizationSettings(
            time_zone=name, report_retention_days=3_650
        )  # none is removed before it is seen
        organization_id = await administration.create_organization(database, name.replace("/", " "), settings)
        one = Scheduled(organization_id=organization_id, zone=name)
        async with database.transaction(of=EVERY) as driver:
            staff = DestinationDraft(name="Staff", channel=Channel.MAIL, addresses=STAFF)
            await destinations.add(driver, organization_id, "staff", _SUBJECT, staff, b"")
            report = ReportDraft(
                title=name,
                description="",
                visibility=ReportVisibility.ORGANIZATION,
                readers=(),
                editors=(),
                blocks=1,
                content=_CONTENT,
            )
            await reports.add(driver, organization_id, ReportViewer(subject=_SUBJECT), "weekly", report)
            draft = ScheduleDraft(
                said="sundays at 02:30",
                cron="30 2 * * 7",
                time_zone=name,
                catches_up_all=True,
                destinations=("staff",),
                formats=("html",),
            )
            first = one.expected(start, start + timedelta(days=15))[0]
            await report_schedules.put(
                driver, organization_id, one.schedule_id, "weekly", draft, subject=_SUBJECT, next_run_at=first
            )
        found.append(one)
    return found


async def waiting(database: Database, now: datetime) -> dict[str, int]:
    """What is due, open or queued, by what it is: nothing once all is done."""
    counted = (
        "SELECT 'schedules' AS what, count(*) FROM schedules WHERE next_run_at <= $1 AND kind = 'scheduled_report'"
        " UNION ALL SELECT 'tasks ' || kind || ' ' || state, count(*) FROM tasks WHERE state IN ('queued', 'running')"
        " AND kind IN ('scheduled_report', 'report_run', 'deliver_mail') GROUP BY kind, state"
        " UNION ALL SELECT 'runs ' || state, count(*) FROM report_runs WHERE state IN ('pending', 'running')"
        " GROUP BY state"
        " UNION ALL SELECT 'deliveries', count(*) FROM deliveries WHERE state = 'queued'"
    )
    async with database.transaction(of=EVERY) as driver:
        return {row["what"]: row["count"] for row in await driver.fetch(counted, now) if row["count"]}


async def check(
    database: Database, schedules: Sequence[Scheduled], start: datetime, end: datetime, mails: Mapping[str, int]
) -> int:
    """Checks that each instant has one run that succeeded for its own period, and each run one delivery for each
    recipient; mails are how often each Message-ID came. Returns how many runs there are.
    """
    runs = 0
    for one in schedules:
        expected = one.expected(start, end)
        async with database.transaction(of=EVERY) as driver:
            rows = await driver.fetch(
                "SELECT run_id, scheduled_at, state, period_end, jsonb_array_length(files) AS files FROM report_runs"
                " WHERE organization_id = $1 ORDER BY scheduled_at, run_id",
                one.organization_id,
            )
            sent = await driver.fetch(
                "SELECT m.subject_id, d.recipient, d.state, d.delivery_id FROM deliveries d"
                " JOIN delivery_messages m USING (organization_id, message_id) WHERE d.organization_id = $1",
                one.organization_id,
            )
        found = [row["scheduled_at"] for row in rows]
        assert found == expected, (one.zone, found, expected)
        assert {(row["state"], row["files"]) for row in rows} <= {("succeeded", 2)}, one.zone
        # A week ends at the midnight before its instant, however late the run was made.
        here = zone(one.zone)
        for row in rows:
            monday = row["scheduled_at"].astimezone(here).date() - timedelta(days=6)
            assert row["period_end"] == midnight(monday, here), (one.zone, row["scheduled_at"])
        wanted = sorted((str(row["run_id"]), recipient) for row in rows for recipient in STAFF)
        assert sorted((row["subject_id"], row["recipient"]) for row in sent) == wanted, one.zone
        assert {row["state"] for row in sent} <= {"delivered"}, one.zone
        missing = [row["delivery_id"] for row in sent if f"<{row['delivery_id']}@example.org>" not in mails]
        assert missing == [], one.zone
        runs += len(rows)
    assert len(mails) == runs * len(STAFF), "a mail that nothing is known of"
    return runs
