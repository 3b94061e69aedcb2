"""What workers do for an organization, or for the service: tasks and schedules, as admins look after them."""

from collections.abc import Callable

from server.admin import whose
from server.admin.pages import AdminPage, AdminPages, AskedPage
from server.admission.query_slots import QuerySlots
from server.errors import Reason, Refused
from server.organizations.audit_trail import Actor, Entry
from server.organizations.organization import Organization
from server.store import schedules as stored_schedules
from server.store import tasks as stored_tasks
from server.store.database import Database, Driver
from server.store.schedules import ScheduleKey, ScheduleRecord
from server.store.tasks import ENDED, SERVICE, TaskRecord, TaskState
from server.tasks import queue
from server.tasks.kinds import Kinds
from server.tasks.queue import QueueFull
from server.tenancy import audit_trail
from server.tenancy.principal import Principal

_BUSY_SECONDS = 60.0  # after which somebody may ask again where the queue is full
_SHOWN = 64
State = TaskState  # as these, for who is not to know the store
Task = TaskRecord
Schedule = ScheduleRecord


class WorkAdmin:
    """Lists, retries and cancels tasks; lists, runs, pauses and resumes schedules. on_task is called once a task is
    queued.
    """

    def __init__(
        self, database: Database, slots: QuerySlots, kinds: Kinds, pages: AdminPages, on_task: Callable[[], None]
    ) -> None:
        self._database = database
        self._slots = slots
        self._kinds = kinds
        self._pages = pages
        self._on_task = on_task

    async def tasks(
        self, principal: Principal, organization: str, kind: str | None, state: State | None, asked: AskedPage
    ) -> AdminPage[Task]:
        """Returns a page of tasks, newest first."""
        async with self._slots.slot(principal), self._database.query(of=whose.seen(principal)) as driver:
            owner = _id(await whose.organization_if_named(driver, principal, organization))
            question = ("tasks", owner, kind, state)
            place = self._pages.place(principal, question, asked)
            before = int(place[0] or 0) if place else None
            found = await stored_tasks.listed(
                driver, kind=kind, state=state, organization_id=owner, limit=asked.size + 1, before=before
            )
        return self._pages.page(principal, question, asked, found, lambda one: [one.task_id])

    async def retry(self, principal: Principal, organization: str, task_id: int, by: Actor) -> Task:
        """Queues a dead or cancelled task again, and returns it."""
        async with self._slots.slot(principal), self._database.transaction(of=whose.seen(principal)) as driver:
            owner = await whose.organization_if_named(driver, principal, organization)
            before = await _task(driver, owner, task_id)
            if not await stored_tasks.retry(driver, task_id):
                is_ended = before.state in (TaskState.DEAD, TaskState.CANCELLED)
                why = "another one of its like is under way" if is_ended else "only dead and cancelled ones are retried"
                raise _wrong_state(before, why)
            await _record(driver, before, "task.retried", by)
            after = await _task(driver, owner, task_id)
        self._on_task()
        return after

    async def cancel(self, principal: Principal, organization: str, task_id: int, by: Actor) -> Task:
        """Cancels a task, or asks its worker to end it, and returns it."""
        async with self._slots.slot(principal), self._database.transaction(of=whose.seen(principal)) as driver:
            owner = await whose.organization_if_named(driver, principal, organization)
            before = await _task(driver, owner, task_id)
            if before.state is TaskState.CANCELLED or before.cancel_requested:
                return before
            if before.state not in ENDED:
                await stored_tasks.cancel(driver, task_id)
            after = await _task(driver, owner, task_id)
            if after.state in (TaskState.DONE, TaskState.DEAD):  # also where it has ended meanwhile
                raise _wrong_state(after, "it has ended")
            await _record(driver, after, "task.cancelled", by)
            return after

    async def schedules(self, principal: Principal, organization: str, asked: AskedPage) -> AdminPage[Schedule]:
        """Returns a page of schedules, by organization and name."""
        async with self._slots.slot(principal), self._database.query(of=whose.seen(principal)) as driver:
            owner = _id(await whose.organization_if_named(driver, principal, organization))
            question = ("schedules", owner)
            place = self._pages.place(principal, question, asked)
            after = ScheduleKey(name=str(place[1]), organization_id=int(place[0] or 0)) if place else None
            found = await stored_schedules.page(driver, organization_id=owner, after=after, limit=asked.size + 1)
        return self._pages.page(principal, question, asked, found, lambda one: [one.organization_id, one.name])

    async def run(self, principal: Principal, organization: str, name: str, by: Actor) -> Task:
        """Queues a run of a schedule, and returns its task: the one that somebody has asked for before, until that has
        ended.
        """
        async with self._slots.slot(principal), self._database.transaction(of=whose.seen(principal)) as driver:
            found = await self._schedule(driver, principal, organization, name)
            kind = self._kinds.get(found.kind)
            if kind is None or kind.is_scheduled_by_people:
                raise Refused(
                    Reason.INVALID_VALUE,
                    "people have made this schedule, and they run it: see ReportService.RunReportSchedule",
                    field="schedule",
                )
            try:
                queued = await queue.enqueue(
                    driver,
                    kind,
                    organization_id=found.organization_id,
                    schedule=name,
                    dedupe_key=f"asked for: {name}",
                )
            except QueueFull as error:
                raise Refused(Reason.OVERLOADED, str(error), retry_after=_BUSY_SECONDS) from None
            if queued.is_new:
                entry = Entry(actor=by, action="schedule.run", subject=name)
                await audit_trail.record(driver, found.organization_id, entry)
            task = await stored_tasks.by_id(driver, queued.task_id)
        self._on_task()
        if task is None:
            raise _no_task(queued.task_id)  # it has ended and was removed between two statements
        return task

    async def pause(self, principal: Principal, organization: str, name: str, by: Actor, *, paused: bool) -> Schedule:
        """Pauses a schedule or lets it go on, and returns it. What operators pause, they alone let go on."""
        async with self._slots.slot(principal), self._database.transaction(of=whose.seen(principal)) as driver:
            found = await self._schedule(driver, principal, organization, name)
            key = ScheduleKey(name=found.name, organization_id=found.organization_id)
            if whose.is_operator(principal):
                changed = found.held is not paused
                await stored_schedules.set_one_held(driver, key, held=paused)
            else:
                changed = await stored_schedules.set_paused(driver, key, paused=paused)
            if changed:
                action = "schedule.paused" if paused else "schedule.resumed"
                entry = Entry(actor=by, action=action, subject=name)
                await audit_trail.record(driver, found.organization_id, entry)
            return await self._schedule(driver, principal, organization, name)

    async def _schedule(self, driver: Driver, principal: Principal, organization: str, name: str) -> Schedule:
        owner = await whose.organization_if_named(driver, principal, organization)
        organization_id = SERVICE if owner is None else owner.organization_id
        found = await stored_schedules.listed(driver, name=name, organization_id=organization_id)
        if not found:
            raise Refused(
                Reason.SCHEDULE_NOT_FOUND,
                f"there is no schedule {name[:_SHOWN]!r}",
                field="schedule",
                metadata={"schedule": name[:_SHOWN]},
            )
        return found[0]


def _id(organization: Organization | None) -> int | None:
    return None if organization is None else organization.organization_id


async def _task(driver: Driver, owner: Organization | None, task_id: int) -> TaskRecord:
    """Returns a task of an organization, or whosever it is; refuses one that is not there."""
    found = await stored_tasks.by_id(driver, task_id)
    if found is None or (owner is not None and found.organization_id != owner.organization_id):
        raise _no_task(task_id)
    return found


def _no_task(task_id: int) -> Refused:
    return Refused(
        Reason.TASK_NOT_FOUND,
        f"there is no task {task_id} (any more)",
        field="task_id",
        metadata={"task": str(task_id)},
    )


def _wrong_state(task: TaskRecord, why: str) -> Refused:
    return Refused(
        Reason.TASK_STATE,
        f"the task is {task.state.value}: {why}",
        field="task_id",
        metadata={"task": str(task.task_id), "state": task.state.value},
    )


async def _record(driver: Driver, task: TaskRecord, action: str, by: Actor) -> None:
    entry = Entry(actor=by, action=action, subject=str(task.task_id), after={"kind": task.kind})
    await audit_trail.record(driver, task.organization_id, entry)
