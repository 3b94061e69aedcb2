"""Every kind of task and every schedule: the list that workers run and commands know."""

import dataclasses
import functools
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from server.delivery import courier as deliveries
from server.delivery import failed_tasks, thresholds
from server.delivery.courier import Courier
from server.delivery.thresholds import QuotaThresholds
from server.ingest.idle import IdleConversations
from server.privacy import erasing, organization_removal
from server.privacy.erasing import Erasing
from server.privacy.organization_removal import OrganizationRemoval
from server.projections.projector import Projector
from server.reports import housekeeping, runs
from server.reports.housekeeping import ReportRetention
from server.reports.making import MakingReports
from server.reports.timetables import ScheduledReports
from server.rollups import audit, sweep
from server.rollups.member_numbers import Limits
from server.store.database import Database
from server.tasks import retention, rollup_tasks
from server.tasks.custom_metric_history import CustomMetricHistory
from server.tasks.kinds import Kind, Kinds, Result, Schedule, Work
from server.tasks.pair_figures import PairFigures

_Housekeeping = Callable[[Database, datetime, Result], Awaitable[Result]]


def known(
    update_window: timedelta = timedelta(hours=24),
    give_way: audit.GiveWay = audit.at_once,
    distinct: Limits | None = None,
    on_commit: Callable[[int], None] = lambda _: None,
    projector: Projector | None = None,
    courier: Courier | None = None,
    reports: MakingReports | None = None,
    monthly_events: int = 0,
) -> Kinds:
    """Returns all kinds and schedules. update_window is how long updates are kept for subscribers that were away;
    give_way is awaited now and then by what is not urgent. distinct are the limits of distinct values for events that
    a task makes; on_commit is called with an organization that has new ones. projector, courier and reports are
    those of the process; monthly_events is the quota of organizations without one of their own, 0 for none.
    """
    idle = IdleConversations(distinct=distinct, on_commit=on_commit, projector=projector)
    pairs = PairFigures(distinct=distinct or Limits(), on_commit=on_commit)
    own = (_idle_conversations(idle), _pair_figures(pairs), _custom_metric_history(CustomMetricHistory(on_commit)))
    read_file = None if reports is None else reports.store.read
    people = erasing.kinds(Erasing(on_commit=on_commit, projector=projector, read_file=read_file))
    sent = (*deliveries.kinds(courier), thresholds.kind(QuotaThresholds(default_quota=monthly_events)))
    removal = _organization_removal(reports)
    every = (*_housekeeping(update_window), *_checks(give_way), *own, *people, removal, *sent, *_reports(reports))
    return Kinds(every, (*_SCHEDULES, *deliveries.SCHEDULES, *thresholds.SCHEDULES), failed_tasks.tell)


def _organization_removal(making: MakingReports | None) -> Kind:
    if making is None:
        return organization_removal.KIND
    files_of = functools.partial(housekeeping.files_of, making.store)
    removal = OrganizationRemoval(files_of=files_of, delete_files=making.store.delete)
    return dataclasses.replace(organization_removal.KIND, run=removal.run)


def _reports(making: MakingReports | None) -> tuple[Kind, ...]:
    """Returns the kinds of reports. Commands, which run none of them, know them by name."""
    scheduled = runs.without_maker if making is None else ScheduledReports(making.questions, making.on_queued).make
    retention_of = runs.without_maker if making is None else ReportRetention(store=making.store).remove
    return (
        runs.KIND if making is None else dataclasses.replace(runs.KIND, run=making.make),
        Kind(
            name="scheduled_report",
            help="Queues the run of a report that a schedule names.",
            run=scheduled,
            concurrency=20,
            per_organization=5,
            rate=100,
            tries=10,  # it takes milliseconds, and an instant whose task is dead has no run
            is_scheduled_by_people=True,
        ),
        Kind(
            name="report_outcomes",
            help="Ends runs of reports whose workers are gone.",
            run=housekeeping.settle,
            concurrency=1,
        ),
        Kind(
            name="report_retention",
            help="Removes runs of reports that are no longer kept, and files that belong to none.",
            run=retention_of,
            is_long=True,
            concurrency=1,
        ),
    )


def _custom_metric_history(history: CustomMetricHistory) -> Kind:
    return Kind(
        name="custom_metric_history",
        help="Counts what came before custom metrics were defined, and removes what deleted ones have left.",
        run=history.settle,
        is_long=True,
        concurrency=1,
        longest=timedelta(hours=24),
    )


def _pair_figures(pairs: PairFigures) -> Kind:
    return Kind(
        name="pair_figures",
        help="Counts what came before pairs of dimensions were declared, and removes figures of pairs taken back.",
        run=pairs.settle,
        is_long=True,
        concurrency=1,
        longest=timedelta(hours=24),
    )


def _idle_conversations(idle: IdleConversations) -> Kind:
    return Kind(
        name="idle_conversations",
        help="Ends conversations that are idle for as long as their organization has chosen.",
        run=idle.end,
        is_long=True,
        concurrency=1,
    )


def _housekeeping(update_window: timedelta) -> tuple[Kind, ...]:
    update_retention = functools.partial(retention.update_retention, window=update_window)
    return (
        _single("partitions", "Makes the partitions of the days ahead.", retention.partitions, is_long=False),
        _single("event_retention", "Removes raw events that are no longer kept.", retention.event_retention),
        _single("key_retention", "Removes event ids that are no longer kept.", retention.key_retention),
        _single("update_retention", "Removes updates that nobody can resume after.", update_retention),
        _single("slot_retention", "Removes figures that realtime needs no more.", retention.slot_retention),
        _single("projection_retention", "Removes rows that rebuilds have replaced.", retention.projection_retention),
        _single(
            "audit_trail_retention",
            "Removes entries of audit trails that are no longer kept.",
            retention.audit_trail_retention,
        ),
        _single("task_retention", "Removes tasks that ended some time ago.", retention.task_retention),
    )


def _checks(give_way: audit.GiveWay) -> tuple[Kind, ...]:
    return (
        Kind(
            name="fold_sweep",
            help="Folds and widens what nothing else has.",
            run=_sweep,
            is_long=True,
            concurrency=1,
        ),
        Kind(
            name="audit",
            help="Goes on counting raw events again and comparing figures with them.",
            run=_adapted(functools.partial(audit.run, give_way=give_way)),
            is_long=True,
            concurrency=1,
            publish=audit.publish,
        ),
        Kind(
            name="hourly_rollups",
            help="Folds, widens and verifies the last hour of an organization.",
            run=rollup_tasks.hourly,
            is_long=True,
            rate=100,
        ),
        Kind(
            name="daily_rollups",
            help="Folds, widens and verifies the last day of an organization.",
            run=rollup_tasks.daily,
            is_long=True,
            rate=100,
        ),
    )


_SCHEDULES = (
    Schedule(name="partitions", kind="partitions", cron="20 * * * *"),
    Schedule(name="event_retention", kind="event_retention", cron="10 2 * * *"),
    Schedule(name="key_retention", kind="key_retention", cron="40 2 * * *"),
    Schedule(name="audit_trail_retention", kind="audit_trail_retention", cron="50 2 * * *"),
    Schedule(name="update_retention", kind="update_retention", cron="25 * * * *"),
    Schedule(name="slot_retention", kind="slot_retention", cron="*/10 * * * *"),
    Schedule(name="projection_retention", kind="projection_retention", cron="15 * * * *"),
    Schedule(name="task_retention", kind="task_retention", cron="*/10 * * * *"),
    Schedule(name="fold_sweep", kind="fold_sweep", cron="* * * * *"),
    Schedule(name="idle_conversations", kind="idle_conversations", cron="* * * * *"),
    Schedule(name="pair_figures", kind="pair_figures", cron="* * * * *"),
    Schedule(name="custom_metric_history", kind="custom_metric_history", cron="* * * * *"),
    Schedule(name="report_outcomes", kind="report_outcomes", cron="* * * * *"),
    Schedule(name="report_retention", kind="report_retention", cron="35 * * * *"),
    organization_removal.SCHEDULE,
    Schedule(name="unfinished_erasures", kind="unfinished_erasures", cron="50 * * * *"),
    Schedule(name=audit.SCHEDULE, kind="audit", cron="*/10 * * * *"),
    Schedule(name="hourly_rollups", kind="hourly_rollups", cron="5 * * * *", per_organization=True),
    Schedule(name="daily_rollups", kind="daily_rollups", cron="0 1 * * *", per_organization=True),
)


def _single(name: str, description: str, run: _Housekeeping, *, is_long: bool = True) -> Kind:
    """Returns a kind of which one task is enough at a time."""
    return Kind(name=name, help=description, run=_adapted(run), is_long=is_long, concurrency=1)


def _adapted(run: _Housekeeping) -> Callable[[Work], Awaitable[Result]]:
    async def work(work: Work) -> Result:
        return await run(work.database, work.now, work.last)

    return work


async def _sweep(work: Work) -> Result:
    return {"folded": await sweep.sweep(work.database)}
