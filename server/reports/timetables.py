"""Schedules of reports: when reports run by themselves, and the task that makes the run of an instant."""

import itertools
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from server import timerange
from server.admission.query_slots import QuerySlots
from server.clock import Clock
from server.errors import Reason, Refused
from server.organizations.audit_trail import Actor
from server.organizations.organization import OrganizationState
from server.organizations.reports import MOST_OF_REPORT, ReportRun, ReportSchedule, ScheduleDraft
from server.reports import extras, runs, saved
from server.reports.blocks import ReportAnswers
from server.reports.runs import ReportRuns, RunAsk
from server.store import destinations, organizations
from server.store import report_schedules as stored
from server.store import reports as stored_reports
from server.store.database import Database, Driver
from server.tasks import cron
from server.tasks.kinds import Result, TaskError, Work
from server.tenancy import audit_trail, etags, sign_ins
from server.tenancy import principal as principals
from server.tenancy.principal import Principal, Scope

NEXT_SHOWN: Final = 5
_DESTINATIONS: Final = "schedule.destination_ids"


class ReportTimetables:
    """The schedules of reports of organizations."""

    def __init__(
        self, database: Database, slots: QuerySlots, clock: Clock, reports: ReportRuns, questions: ReportAnswers
    ) -> None:
        self._database = database
        self._slots = slots
        self._clock = clock
        self._runs = reports
        self._questions = questions

    async def listed(self, principal: Principal, report_id: str | None) -> Sequence[ReportSchedule]:
        """Returns the schedules that the caller may see, by their next run."""
        async with self._slots.slot(principal), self._database.query(of=principal.organization_id) as driver:
            if report_id is not None:
                await saved.found(driver, principal, report_id)
            return await stored.listed(driver, principal.organization_id, saved.viewer(principal), report_id)

    async def create(self, principal: Principal, report_id: str, draft: ScheduleDraft, by: Actor) -> ReportSchedule:
        """Stores a schedule of a report, and returns it."""
        organization_id = principal.organization_id
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            await stored_reports.lock(driver, organization_id)
            report = await saved.found(driver, principal, report_id)
            saved.check_may_edit(principal, report)
            extras.check(runs.formats(self._questions.plan(report.draft.content).formats))
            if await stored.number_of(driver, organization_id, report_id) >= MOST_OF_REPORT:
                raise saved.limit_reached(f"the report has {MOST_OF_REPORT} schedules already", MOST_OF_REPORT)
            await _check_destinations(driver, principal, draft.destinations)
            schedule_id = secrets.token_hex(8)
            await self._put(driver, principal, schedule_id, report_id, draft)
            await audit_trail.record_change(
                driver,
                principal.organization_id,
                by,
                "report_schedule.created",
                schedule_id,
                after=_told(report_id, draft),
            )
            return await _found(driver, principal, schedule_id)

    async def update(
        self, principal: Principal, schedule_id: str, etag: str, draft: ScheduleDraft, by: Actor
    ) -> ReportSchedule:
        """Changes a schedule, and returns it; refuses one that was changed since the etag, unless that is empty."""
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            before = await self._editable(driver, principal, schedule_id)
            etags.check(before.etag, etag, what="schedule", field="schedule.etag")
            added = [one for one in draft.destinations if one not in before.draft.destinations]
            await _check_destinations(driver, principal, added)
            await self._put(driver, principal, schedule_id, before.report_id, draft)
            await audit_trail.record_change(
                driver,
                principal.organization_id,
                by,
                "report_schedule.updated",
                schedule_id,
                before=_told(before.report_id, before.draft),
                after=_told(before.report_id, draft),
            )
            return await _found(driver, principal, schedule_id)

    async def delete(self, principal: Principal, schedule_id: str, etag: str, by: Actor) -> None:
        """Deletes a schedule; refuses as update does."""
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            before = await self._editable(driver, principal, schedule_id)
            etags.check(before.etag, etag, what="schedule", field="etag")
            await stored.delete(driver, principal.organization_id, schedule_id)
            told = _told(before.report_id, before.draft)
            await audit_trail.record_change(
                driver, principal.organization_id, by, "report_schedule.deleted", schedule_id, before=told
            )

    async def set_paused(self, principal: Principal, schedule_id: str, by: Actor, *, paused: bool) -> ReportSchedule:
        """Pauses a schedule or lets it go on, and returns it: still paused where an operator has paused it, too."""
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            await self._editable(driver, principal, schedule_id)
            if await stored.set_paused(driver, principal.organization_id, schedule_id, paused=paused):
                action = "report_schedule.paused" if paused else "report_schedule.resumed"
                await audit_trail.record_change(driver, principal.organization_id, by, action, schedule_id)
            return await _found(driver, principal, schedule_id)

    async def run_now(self, principal: Principal, schedule_id: str, request_id: str | None, by: Actor) -> ReportRun:
        """Queues a run of a schedule beside those that are due: of the newest version of its report. One that is sent
        to others is for those who may change the schedule.
        """
        async with self._slots.slot(principal), self._database.query(of=principal.organization_id) as driver:
            found = await _found(driver, principal, schedule_id)
            if found.draft.destinations:
                saved.check_may_edit(principal, await saved.found(driver, principal, found.report_id))
        ask = RunAsk(report_id=found.report_id, request_id=request_id)
        return await self._runs.request(principal, ask, by, schedule=found)

    def next_runs(self, one: ReportSchedule) -> list[datetime]:
        """Returns the next instants of a schedule: from the one that is due next on."""
        zone = timerange.zone(one.draft.time_zone)
        times = cron.parse(one.draft.cron).times(max(one.next_run_at, self._clock.now()), zone)
        ahead = [one.next_run_at] if one.next_run_at > self._clock.now() else []
        return [*ahead, *itertools.islice(times, NEXT_SHOWN - len(ahead))]

    async def _put(
        self, driver: Driver, principal: Principal, schedule_id: str, report_id: str, draft: ScheduleDraft
    ) -> None:
        following = cron.parse(draft.cron).next(self._clock.now(), timerange.zone(draft.time_zone))
        await stored.put(
            driver,
            principal.organization_id,
            schedule_id,
            report_id,
            draft,
            subject=principal.subject,
            next_run_at=following,
        )

    async def _editable(self, driver: Driver, principal: Principal, schedule_id: str) -> ReportSchedule:
        await stored_reports.lock(driver, principal.organization_id)
        found = await _found(driver, principal, schedule_id)
        saved.check_may_edit(principal, await saved.found(driver, principal, found.report_id))
        return found


@dataclass(frozen=True, slots=True)
class ScheduledReports:
    """Makes the run of a schedule's instant. on_queued is called after a run was queued."""

    questions: ReportAnswers
    on_queued: Callable[[], None]

    async def make(self, work: Work) -> Result:
        """Queues the run of an instant, once however often it is called: the run's row and its task are one
        transaction, and an instant has one run.
        """
        if "schedule_id" not in work.payload:
            raise TaskError("a run of a schedule is asked for by RunReportSchedule: this task names none")
        organization_id, schedule_id = work.organization_id, str(work.payload["schedule_id"])
        async with work.database.transaction(of=organization_id) as driver:
            found = await stored.known(driver, organization_id, schedule_id)
            tenant = await organizations.by_id(driver, organization_id)
            if found is None or tenant is None or work.period is None:
                return {"run_id": None}  # it was deleted meanwhile
            if tenant.state is not OrganizationState.ACTIVE:
                return {"run_id": None, "skipped": "the organization is not active"}
            report = await stored_reports.for_schedule(driver, organization_id, found.report_id)
            if report is None:
                return {"run_id": None}
            principal = principals.of_service(organization_id, tenant.settings, found.created_by)
            new = runs.planned(self.questions, principal, report, RunAsk(), work.period)
            run_id = await runs.enqueue(driver, organization_id, runs.of_schedule(new, found, work.period))
        self.on_queued()
        return {"run_id": str(run_id)}


async def _check_destinations(driver: Driver, principal: Principal, destination_ids: Sequence[str]) -> None:
    """Refuses destinations from somebody who may not see them, and those that there are not."""
    if not destination_ids:
        return
    if not principal.may(Scope.EDIT):
        raise sign_ins.missing(Scope.EDIT, _DESTINATIONS)
    known = {one.destination_id for one in await destinations.some(driver, principal.organization_id, destination_ids)}
    for one in destination_ids:
        if one not in known:
            raise Refused(
                Reason.DESTINATION_NOT_FOUND,
                f"the organization has no destination {one[:64]!r}",
                field=_DESTINATIONS,
                metadata={"destination": one[:64]},
            )


async def _found(driver: Driver, principal: Principal, schedule_id: str) -> ReportSchedule:
    found = await stored.seen(driver, principal.organization_id, saved.viewer(principal), schedule_id)
    if found is None:
        raise Refused(
            Reason.REPORT_SCHEDULE_NOT_FOUND,
            f"there is no schedule {schedule_id[:64]!r} that you may see",
            field="schedule_id",
            metadata={"schedule": schedule_id[:64]},
        )
    return found


def _told(report_id: str, draft: ScheduleDraft) -> Mapping[str, object]:
    """Returns a schedule as the audit trail tells it."""
    return {
        "report_id": report_id,
        "when": draft.said,
        "time_zone": draft.time_zone,
        "catch_up": "all" if draft.catches_up_all else "latest",
        "destinations": list(draft.destinations),
    }
