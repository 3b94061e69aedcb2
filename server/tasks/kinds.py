"""Kinds of tasks: what there is to do, and how much of it at once.

A room that has work for workers says here what it is: a Kind, and a Schedule where it is to be done again and again.
server/kinds.py is the list of all of them.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from server import errors
from server.store.claims import KindLimits, TaskProgress
from server.store.database import Database, Driver
from server.store.schedules import CatchUp, ScheduleDefinition
from server.store.tasks import FailedTask
from server.tasks import cron

Result = Mapping[str, object]
# What tells of tasks that have failed for good, in the transaction that records it.
OnFailed = Callable[[Driver, Sequence[FailedTask]], Awaitable[None]]

# A result that holds this as true means that there is more to do: the task is queued again at once, behind others.
UNFINISHED = "unfinished"
_SHORT = timedelta(minutes=1)
_LONG = timedelta(hours=1)


class TaskError(errors.ForOperators):
    """A failure whose text operators read; it holds no value of a tenant. The task is tried again, like after any other
    exception.
    """


@dataclass(slots=True, kw_only=True)
class Work:
    """A task as its function gets it."""

    database: Database
    task_id: int  # the same in each of its tries
    organization_id: int  # store.tasks.SERVICE where the task is not an organization's
    payload: Mapping[str, object]
    now: datetime  # the database's time at which the task was begun
    period: datetime | None  # the instant that its schedule means; None where somebody asked for the task
    last: Result  # what it has left unfinished, or else what the last run of its schedule has returned
    is_last_try: bool = False  # whether the task is dead if this try fails
    progress: TaskProgress = field(default_factory=lambda: TaskProgress(share=0, line=""))

    def report(self, share: float, line: str = "") -> None:
        """Says how far the task is, from 0 to 1; others see it within seconds."""
        self.progress = TaskProgress(share=min(max(share, 0), 1), line=line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Tasks that one function does. It may be ended and begun again at any point, by another worker too.

    Its limits hold over all workers together. Long tasks have slots of their own in each worker, so that they never
    delay short ones, and so have kinds with own_slots.
    """

    name: str
    help: str  # what it does, in a sentence
    run: Callable[[Work], Awaitable[Result]]
    is_long: bool = False
    concurrency: int = 5
    per_organization: int = 1
    rate: float = 10  # starts per second
    tries: int = 3
    longest: timedelta | None = None  # how long a task may take; unless set, a minute, or an hour for a long one
    own_slots: int = 0  # in each worker, for what waits for others more than it works; 0: it shares those of its length
    priority: int = 0  # higher ones go first; that of a task orders it among those of its kind
    is_scheduled_by_people: bool = False  # its schedules are rows that people have made, and no code defines them
    publish: Callable[[Result], None] | None = None  # gets what the last run of its schedule returned, in every worker

    @property
    def timeout(self) -> timedelta:
        """How long a task may take; it has failed then."""
        return self.longest or (_LONG if self.is_long else _SHORT)

    @property
    def limits(self) -> KindLimits:
        """How much may be done at once."""
        return KindLimits(
            kind=self.name, concurrency=self.concurrency, per_organization=self.per_organization, rate=self.rate
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When tasks of a kind are due: a cron expression, in UTC, or per organization in its time zone."""

    name: str
    kind: str
    cron: str
    catch_up: CatchUp = CatchUp.LATEST
    per_organization: bool = False

    @property
    def definition(self) -> ScheduleDefinition:
        """What is stored of it."""
        return ScheduleDefinition(
            name=self.name,
            kind=self.kind,
            cron=self.cron,
            catch_up=self.catch_up,
            per_organization=self.per_organization,
        )


async def _nobody(driver: Driver, failed: Sequence[FailedTask]) -> None:
    """Tells nobody."""


class Kinds:
    """The kinds of tasks that a process knows, and their schedules; ValueError where they do not fit together.
    on_failed tells of tasks that have failed for good, in the transaction that records it.
    """

    def __init__(
        self, kinds: Iterable[Kind], schedules: Iterable[Schedule] = (), on_failed: OnFailed = _nobody
    ) -> None:
        known = tuple(kinds)
        self.on_failed = on_failed
        self._by_name = {one.name: one for one in known}
        self.schedules = tuple(schedules)
        if len(self._by_name) < len(known) or len({one.name for one in self.schedules}) < len(self.schedules):
            raise ValueError("two kinds, or two schedules, have the same name")
        for schedule in self.schedules:
            cron.parse(schedule.cron)
            if schedule.kind not in self._by_name:
                raise ValueError(f"the schedule {schedule.name} is of a kind that is not listed: {schedule.kind}")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the kinds."""
        return tuple(self._by_name)

    def get(self, name: str) -> Kind | None:
        """Returns the kind of that name; None where there is none."""
        return self._by_name.get(name)

    def __getitem__(self, name: str) -> Kind:
        """Returns the kind of that name; KeyError where there is none."""
        return self._by_name[name]

    def only(self, names: Iterable[str]) -> "Kinds":
        """Returns these kinds with their schedules; KeyError where there is none of a name."""
        chosen = {name: self._by_name[name] for name in names}
        return Kinds(chosen.values(), (one for one in self.schedules if one.kind in chosen), self.on_failed)
