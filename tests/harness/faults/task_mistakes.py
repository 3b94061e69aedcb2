"""Mistakes in how schedules come to tasks."""

import random
from collections.abc import Mapping
from datetime import timedelta

from server.store.schedules import DueSchedule
from server.tasks import schedules
from server.tasks.schedules import Periods
from tests.harness.faults.mistake import Mistake, replace


def _run_periods_again() -> None:
    """Leaves a schedule where it is, and takes each look at it for a period of its own."""
    periods = schedules.periods

    def wrong(schedule: DueSchedule) -> Periods:
        due = [at + timedelta(microseconds=random.randrange(1_000_000)) for at in periods(schedule).due]
        return Periods(due=due, next=schedule.next_run_at)

    replace(periods, wrong)


MISTAKES: Mapping[str, Mistake] = {
    "period-run-twice": Mistake(make=_run_periods_again, checks=frozenset(("period",))),
}
