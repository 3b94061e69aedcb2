"""Saved reports: who sees, changes and deletes which. Changes of those that others see are in the audit trail.

A report that somebody makes who may see a part of the organization alone is about that part for good, whoever changes
and runs it. Who is restricted sees those within their part, and for them no others exist.
"""

import secrets
from collections.abc import Mapping, Sequence

from server.admission.query_slots import QuerySlots
from server.delivery import queueing
from server.errors import Reason, Refused
from server.organizations.audit_trail import Actor, Entry
from server.organizations.delivery import Topic
from server.organizations.reports import MOST, MOST_OWNED, KeptReport, ReportDraft, ReportViewer, ReportVisibility
from server.store import report_runs
from server.store import reports as stored
from server.store.database import Database, Driver
from server.tenancy import audit_trail, etags, sign_ins
from server.tenancy.principal import Principal, Scope


class SavedReports:
    """The reports of organizations. Those who change reports of one organization take turns."""

    def __init__(self, database: Database, slots: QuerySlots) -> None:
        self._database = database
        self._slots = slots

    async def listed(self, principal: Principal) -> Sequence[KeptReport]:
        """Returns all reports that the caller may see, without their contents, by title."""
        async with self._slots.slot(principal), self._database.query(of=principal.organization_id) as driver:
            return await stored.listed(driver, principal.organization_id, viewer(principal))

    async def get(self, principal: Principal, report_id: str, version: int | None = None) -> KeptReport:
        """Returns a report, or an earlier version; refuses what the caller may not see."""
        async with self._slots.slot(principal), self._database.query(of=principal.organization_id) as driver:
            return await found(driver, principal, report_id, version)

    async def versions(self, principal: Principal, report_id: str) -> Sequence[KeptReport]:
        """Returns the versions of a report that the caller may see, newest first; refuses where there are none."""
        async with self._slots.slot(principal), self._database.query(of=principal.organization_id) as driver:
            kept = await stored.versions(driver, principal.organization_id, viewer(principal), report_id)
        if not kept:
            raise _not_found(report_id)
        return kept

    async def create(self, principal: Principal, draft: ReportDraft, by: Actor) -> KeptReport:
        """Stores a new report of the caller, and returns it."""
        _check_may_share(principal, draft.visibility)
        organization_id = principal.organization_id
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            await stored.lock(driver, organization_id)
            owned, of_all = await stored.counts(driver, organization_id, principal.subject)
            if owned >= MOST_OWNED or of_all >= MOST:
                most = MOST_OWNED if owned >= MOST_OWNED else MOST
                raise limit_reached(f"there are {most} reports already: delete one that nobody needs", most)
            report_id = secrets.token_hex(8)
            await stored.add(driver, organization_id, viewer(principal), report_id, draft)
            if draft.visibility is not ReportVisibility.PERSONAL:
                entry = Entry(actor=by, action="report.created", subject=report_id, after=_told(draft))
                await audit_trail.record(driver, organization_id, entry)
            return await found(driver, principal, report_id)

    async def update(
        self, principal: Principal, report_id: str, etag: str, draft: ReportDraft, by: Actor
    ) -> KeptReport:
        """Stores a further version of a report, and returns it; refuses what the caller may not change, and one that
        was changed since the version with this etag, unless that is empty.
        """
        organization_id = principal.organization_id
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            await stored.lock(driver, organization_id)
            before = await found(driver, principal, report_id)
            check_may_edit(principal, before)
            etags.check(before.etag, etag, what="report", field="report.etag", by=before.updated_by)
            if _shared(before.draft) != _shared(draft):
                if before.owner != principal.subject:
                    raise _owners_alone(before, "who sees a report is its owner's choice: copy it to have your own")
                _check_may_share(principal, draft.visibility)
            await stored.update(driver, organization_id, principal.subject, report_id, before.newest + 1, draft)
            if {before.draft.visibility, draft.visibility} != {ReportVisibility.PERSONAL}:
                entry = Entry(
                    actor=by,
                    action="report.updated",
                    subject=report_id,
                    before=_told(before.draft, before.newest),
                    after=_told(draft, before.newest + 1),
                )
                await audit_trail.record(driver, organization_id, entry)
            return await found(driver, principal, report_id)

    async def delete(self, principal: Principal, report_id: str, etag: str, by: Actor) -> None:
        """Deletes a report with its schedules and runs, and what is queued to be sent of them; refuses as update does.
        The files are strays from then on, which workers remove.
        """
        organization_id = principal.organization_id
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            await stored.lock(driver, organization_id)
            before = await found(driver, principal, report_id)
            check_may_edit(principal, before)
            etags.check(before.etag, etag, what="report", field="etag", by=before.updated_by)
            runs = await report_runs.lock_of_report(driver, organization_id, report_id)
            await queueing.revoke(driver, organization_id, Topic.REPORT, list(map(str, runs)))
            await stored.delete(driver, organization_id, report_id)
            if before.draft.visibility is not ReportVisibility.PERSONAL:
                told = _told(before.draft, before.newest)
                entry = Entry(actor=by, action="report.deleted", subject=report_id, before=told)
                await audit_trail.record(driver, organization_id, entry)


def viewer(principal: Principal) -> ReportViewer:
    """Returns the caller as one who looks for reports."""
    restriction = principal.restriction
    return ReportViewer(subject=principal.subject, restriction=None if restriction is None else restriction.canonical())


def may_edit(principal: Principal, kept: KeptReport) -> bool:
    """Returns whether the caller may change and delete a report that it sees, and its schedules."""
    match kept.draft.visibility:
        case ReportVisibility.ORGANIZATION:
            return principal.may(Scope.EDIT)
        case ReportVisibility.PEOPLE:
            return kept.owner == principal.subject or principal.subject in kept.draft.editors
    return kept.owner == principal.subject


def check_may_edit(principal: Principal, kept: KeptReport) -> None:
    """Refuses a change of a report that the caller sees and may not change."""
    if may_edit(principal, kept):
        return
    if kept.draft.visibility is ReportVisibility.ORGANIZATION:
        raise sign_ins.missing(Scope.EDIT, what="a change of reports of the organization")
    raise _owners_alone(kept, "this report is changed by its owner, and by the people who may edit it")


async def found(driver: Driver, principal: Principal, report_id: str, version: int | None = None) -> KeptReport:
    """Returns a report; refuses what the caller may not see."""
    kept = await stored.report(driver, principal.organization_id, viewer(principal), report_id, version)
    if kept is None:
        raise _not_found(report_id, version)
    return kept


def limit_reached(message: str, limit: int) -> Refused:
    """Returns the refusal of more than there may be."""
    return Refused(Reason.REPORT_LIMIT, message, metadata={"limit": str(limit)})


def _shared(draft: ReportDraft) -> tuple[ReportVisibility, frozenset[str], frozenset[str]]:
    return draft.visibility, frozenset(draft.readers), frozenset(draft.editors)


def _check_may_share(principal: Principal, visibility: ReportVisibility) -> None:
    if visibility is ReportVisibility.ORGANIZATION and not principal.may(Scope.EDIT):
        raise sign_ins.missing(Scope.EDIT, what="a change of reports of the organization")


def _owners_alone(kept: KeptReport, why: str) -> Refused:
    return Refused(Reason.REPORT_OWNER, why, field="report_id", metadata={"owner": kept.owner})


def _not_found(report_id: str, version: int | None = None) -> Refused:
    which = "" if version is None else f", or no version {version} of it"
    return Refused(
        Reason.REPORT_NOT_FOUND,
        f"there is no report {report_id[:64]!r} that you may see{which}",
        field="report_id",
        metadata={"report": report_id[:64]},
    )


def _told(draft: ReportDraft, version: int = 1) -> Mapping[str, object]:
    """Returns a version as the audit trail tells it."""
    return {
        "title": draft.title,
        "blocks": draft.blocks,
        "visibility": draft.visibility.value,
        "people": len(draft.readers) + len(draft.editors),
        "version": version,
    }
