"""Checks of what the service keeps in its database: what waits, what has failed, and what it is keyed with."""

from datetime import timedelta
from typing import Final

from server.cli import status
from server.cli.doctor.check import Check, Finding, Subject, fail, ok, skip, warn
from server.cli.status import ago, span
from server.projections.registry import PROJECTIONS
from server.rollups import audit
from server.store import deployment, key_lists, members, projection_states, rollups, schedules, tasks, vitals
from server.store.isolation import EVERY
from server.store.schedules import ScheduleSummary
from server.store.tasks import SERVICE, TaskState
from server.tenancy.keyed_hashes import KeyedHashes

_WORKER: Final = "start a worker (`python -m workers`), or look at the workers' log"
_TROUBLE: Final = "docs/operations/troubleshooting.md"
_FOLD_LATE: Final = timedelta(minutes=15)
_FOLD_VERY_LATE: Final = timedelta(days=1)
_BEHIND_SECONDS: Final = 300.0
_TASK_LATE: Final = timedelta(minutes=15)
_WORKER_LATE: Final = timedelta(minutes=5)
_AUDIT_OLD: Final = timedelta(days=7)
_RETENTION_OLD: Final = timedelta(days=2)
_KEY_ENDS: Final = timedelta(days=14)


async def _folding(subject: Subject) -> Finding:
    now = (await subject.database.condition()).now
    async with subject.database.snapshot(of=EVERY) as driver:
        backlog = await rollups.backlog(driver)
    if not backlog.deltas or backlog.oldest is None:
        return ok("nothing waits to be folded")
    age = max(timedelta(0), now - backlog.oldest)
    text = f"{backlog.deltas:,} deltas of {backlog.organizations:,} organizations wait, the oldest for {span(age)}"
    if age > _FOLD_VERY_LATE:
        return fail(f"{text}: answers are exact and slow", _WORKER)
    return warn(f"{text}: answers become slower", _WORKER) if age > _FOLD_LATE else ok(text)


async def _projections(subject: Subject) -> Finding:
    async with subject.database.snapshot(of=EVERY) as driver:
        stopped = await projection_states.stopped_count(driver)
        states = await projection_states.read(driver, list(PROJECTIONS))
    if stopped:
        return fail(
            f"{stopped:,} have stopped at a revision that they cannot get over",
            "`python -m server projections list` says why; report a bug, then `python -m server projections retry`",
        )
    behind = [one for one in states if one.organizations and one.seconds > _BEHIND_SECONDS]
    if behind:
        names = ", ".join(f"{one.name} by {span(timedelta(seconds=one.seconds))}" for one in behind)
        return warn(f"behind: {names}; questions take in by themselves what is missing", _WORKER)
    return ok("none has stopped, none is far behind")


async def _tasks(subject: Subject) -> Finding:
    async with subject.database.snapshot(of=EVERY) as driver:
        backlog = await tasks.backlog(driver)
    if dead := [one for one in backlog if one.state is TaskState.DEAD]:
        kinds = ", ".join(f"{one.tasks:,} of {one.kind}" for one in dead)
        return warn(
            f"dead: {kinds}",
            "`python -m server tasks list --state dead` has their errors; then `python -m server tasks retry`",
        )
    late = [one for one in backlog if one.lag > _TASK_LATE]
    if late:
        kinds = ", ".join(f"{one.kind} for {span(one.lag)}" for one in late)
        return warn(f"due and not begun: {kinds}", f"{_WORKER}; does one have the kind (`--kinds`)?")
    return ok(f"{sum(one.tasks for one in backlog):,} queued or running, none late, none dead")


async def _summaries(subject: Subject) -> list[ScheduleSummary]:
    async with subject.database.snapshot(of=EVERY) as driver:
        return list(await schedules.summaries(driver))


async def _workers(subject: Subject) -> Finding:
    known = await _summaries(subject)
    if not known:
        return fail("no worker has run yet: no reports, alerts, mail, webhooks and retention", _WORKER)
    now = (await subject.database.condition()).now
    begun = max((one.started_at for one in known if one.started_at is not None), default=None)
    late = [one for one in known if one.next_run_at is not None and not one.running]
    overdue = max((now - one.next_run_at for one in late if one.next_run_at is not None), default=timedelta(0))
    if overdue > _WORKER_LATE:
        return fail(f"no worker has begun what has been due for {span(overdue)}", _WORKER)
    return ok(f"the last run of a schedule began {ago(begun, now)}")


async def _schedules(subject: Subject) -> Finding:
    known = await _summaries(subject)
    if failing := [one for one in known if one.error is not None]:
        names = ", ".join(one.name for one in failing)
        return warn(f"failed last time: {names}", "`python -m server status` has their errors")
    if paused := [one.name for one in known if one.next_run_at is None]:
        return warn(f"paused: {', '.join(paused)}", "`python -m server schedules resume NAME`")
    return ok(f"{len(known)} schedules, none failing or paused") if known else skip("there are none yet")


async def _retention(subject: Subject) -> Finding:
    known = [one for one in await _summaries(subject) if one.name.endswith("_retention")]
    if not known:
        return skip("there are no schedules yet")
    now = (await subject.database.condition()).now
    begun = [one for one in known if not one.running and (one.started_at is not None or one.failed_at is not None)]
    old = [one.name for one in begun if one.finished_at is None or now - one.finished_at > _RETENTION_OLD]
    if old:
        return warn(
            f"not finished for {span(_RETENTION_OLD)}: {', '.join(old)}; what is no longer kept fills the disk",
            "`python -m server schedules run NAME`; docs/operations/retention.md",
        )
    return ok("what is no longer kept is removed")


async def _audit(subject: Subject) -> Finding:
    now = (await subject.database.condition()).now
    async with subject.database.snapshot(of=EVERY) as driver:
        found = await schedules.listed(driver, name=audit.SCHEDULE, organization_id=SERVICE)
    state = audit.AuditState.of(found[0].result) if found else None
    text = status.render_audit(state, now)
    if state is not None and state.mismatches:
        return fail(
            f"{state.mismatches:,} figures differ from raw events",
            "`python -m server audit --now` says where; keep raw events and report a bug, unless `recount` is due",
        )
    if state is not None and state.full is not None:
        if state.full.skipped:
            return warn(text, "`python -m server audit --now` says which organizations cannot be read")
        if now - state.full.began_at > _AUDIT_OLD:
            return warn(text, f"more raw events take longer; else {_WORKER}")
    return ok(text)


async def _limits(subject: Subject) -> Finding:
    async with subject.database.snapshot(of=EVERY) as driver:
        found = await members.overflows(driver)
    if not found:
        return ok("no dimension is over its limit")
    counted = ", ".join(f"{one.ids:,} {one.kind}s of {one.organizations:,} organizations" for one in found)
    return warn(
        f"counted under _other: {counted}",
        "look for a sender that makes them up, or raise TALLYWIRE_MAX_DISTINCT: docs/operations/limits.md",
    )


async def _pepper(subject: Subject) -> Finding:
    if subject.place.key_pepper is None:
        return skip("TALLYWIRE_KEY_PEPPER is not set here")
    known = subject.settings
    own = known.pseudonym_key.get_secret_value() if known.pseudonym_key else None
    hashes = KeyedHashes(subject.place.key_pepper, accepted=known.accepted_peppers, pseudonym_key=own)
    async with subject.database.snapshot(of=EVERY) as driver:
        by_pepper = await deployment.keys_by_pepper(driver)
        pinned = await deployment.pseudonym_check(driver)
    security = "docs/operations/security.md#replacing-the-pepper"
    if pinned is not None and not hashes.keep_pseudonyms(pinned):
        return fail(
            "none of the keys here makes the pseudonyms of this database, so servers do not start",
            f"set TALLYWIRE_PSEUDONYM_KEY, or add the first pepper to TALLYWIRE_KEY_PEPPERS_ACCEPTED: {security}",
        )
    lost = sum(keys for pepper, keys in by_pepper.items() if pepper not in hashes.pepper_ids)
    if lost:
        return fail(
            f"{lost:,} keys are of a pepper that is not set here, and are refused",
            f"add it to TALLYWIRE_KEY_PEPPERS_ACCEPTED, or make these keys anew: {security}",
        )
    earlier = sum(keys for pepper, keys in by_pepper.items() if pepper != hashes.pepper_id)
    if earlier:
        return warn(f"{earlier:,} keys are of an accepted pepper, not of the one in use", f"rotate them: {security}")
    return ok(f"keys and pseudonyms are of the pepper {hashes.pepper_id}")


async def _keys(subject: Subject) -> Finding:
    async with subject.database.snapshot(of=EVERY) as driver:
        now = await vitals.now(driver)
        ending = await key_lists.ending(driver, _KEY_ENDS)
    if not ending:
        return ok(f"none ends within {_KEY_ENDS.days} days")
    first = ending[0]
    whose = first.organization or "the operators"
    more = f", and {len(ending) - 1} more" if len(ending) > 1 else ""
    return warn(
        f"the key {first.name!r} of {whose} ends in {span(first.expires_at - now)}{more}",
        "`python -m server keys list ORGANIZATION`, then `keys rotate`; of operators `operators create`",
    )


_OWN: Final = ("schema",)
CHECKS: Final = (
    Check(
        name="folding",
        about="no delta has waited to be folded for more than 15 minutes",
        page=_TROUBLE,
        look=_folding,
        needs=_OWN,
    ),
    Check(
        name="projections",
        about="none has stopped, and none is more than 5 minutes behind",
        page="docs/design/projections.md",
        look=_projections,
        needs=_OWN,
    ),
    Check(
        name="tasks",
        about="none is dead, and none has been due for more than 15 minutes",
        page="docs/operations/tasks.md",
        look=_tasks,
        needs=_OWN,
    ),
    Check(
        name="workers",
        about="a worker does what schedules say",
        page="docs/operations/tasks.md#workers",
        look=_workers,
        needs=_OWN,
    ),
    Check(
        name="schedules",
        about="none failed last time, and none is paused",
        page="docs/operations/tasks.md",
        look=_schedules,
        needs=_OWN,
    ),
    Check(
        name="retention",
        about="what is no longer kept has been removed within the last two days",
        page="docs/operations/retention.md",
        look=_retention,
        needs=_OWN,
    ),
    Check(
        name="audit",
        about="no figure differs from raw events, no organization was left out, and the last full round is not old",
        page="docs/operations/monitoring.md#the-audit",
        look=_audit,
        needs=_OWN,
    ),
    Check(
        name="limits",
        about="no dimension of an organization is over its limit of distinct values",
        page="docs/operations/limits.md#limits-of-distinct-values",
        look=_limits,
        needs=_OWN,
    ),
    Check(
        name="pepper",
        about="the peppers set here open all keys, and make the pseudonyms of this database",
        page="docs/operations/security.md#replacing-the-pepper",
        look=_pepper,
        needs=_OWN,
    ),
    Check(
        name="keys",
        about="no API key ends within 14 days",
        page="docs/operations/security.md#api-keys",
        look=_keys,
        needs=_OWN,
    ),
)
