"""GetUserRetention: of the users first seen in a period, how many were seen in those after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta

from server import timerange
from server.errors import Reason, Refused
from server.projections.users import Users
from server.query import user_directory
from server.query.answers import Period
from server.query.queries import Queries, ReadState
from server.store import user_lists as stored
from server.tenancy.principal import Principal
from server.timerange import Granularity, Interval

MAX_COHORTS = 120
MAX_PERIODS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionQuestion:
    """A question for cohorts of days, weeks or months, each with so many periods after its own."""

    period: Period
    granularity: Granularity
    periods: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UserCohort:
    """The users first seen within bounds, and how many of them were seen then, in the period after it, and so on."""

    bounds: Interval
    retained: Sequence[int]

    @property
    def users(self) -> int:
        """Returns how many users there are."""
        return self.retained[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Cohorts, oldest first. ends has where each period ends, from that of the first cohort on, as far as they have
    begun.
    """

    known: ReadState
    bounds: Interval
    cohorts: Sequence[UserCohort]
    ends: Sequence[date]


async def answer(queries: Queries, principal: Principal, question: RetentionQuestion) -> Retention:
    """Answers the question; refuses too many cohorts, and more days of users than can be looked at."""
    async with queries.knowing(principal, (Users.name,)) as (driver, known):
        period = question.period.resolved(principal, known.as_of.at)
        today = known.as_of.at.astimezone(UTC).date()
        first, end = user_directory.days_of(period.bounds)
        starts = _starts(question.granularity, first, period.week_start)
        cohorts = [one for one in starts if one < end and one <= today]
        if len(cohorts) > MAX_COHORTS:
            raise _too_many_cohorts()
        begun = [one for one in starts[: len(cohorts) + question.periods] if one <= today]
        bounds = user_directory.between(starts[0], starts[len(cohorts)])
        found = await stored.retention(
            driver, principal.organization_id, starts[: len(begun) + 1], bounds.start, bounds.end
        )
    if found is None:
        raise _too_many_days()
    return Retention(
        known=known,
        bounds=bounds,
        cohorts=[
            UserCohort(
                bounds=user_directory.between(starts[number], starts[number + 1]),
                retained=[
                    found.get((number, later), 0)
                    for later in range(number, min(number + question.periods + 1, len(begun)))
                ],
            )
            for number in range(len(cohorts))
        ],
        ends=[starts[number + 1] for number in range(len(begun))],
    )


def _starts(granularity: Granularity, first: date, week_start: int) -> list[date]:
    """Returns where the period that holds a day begins, and the others after it, as many as an answer can have."""
    start = first
    if granularity is Granularity.WEEK:
        start -= timedelta(days=(first.weekday() - week_start) % 7)
    elif granularity is Granularity.MONTH:
        start = first.replace(day=1)
    starts = [start]
    while len(starts) < MAX_COHORTS + MAX_PERIODS + 3:
        starts.append(timerange.next_date(starts[-1], granularity, week_start))
    return starts


def _too_many_cohorts() -> Refused:
    return Refused(
        Reason.TOO_MANY_POINTS,
        f"the period touches more than {MAX_COHORTS} cohorts: ask for a shorter one, or for longer cohorts",
        field="time_range",
        metadata={"limit": str(MAX_COHORTS)},
    )


def _too_many_days() -> Refused:
    return Refused(
        Reason.TOO_MANY_VALUES,
        f"users did something on more than {stored.MOST_RETAINED_DAYS:,} of their days in these periods: ask for fewer"
        " of them",
        field="time_range",
        metadata={"limit": str(stored.MOST_RETAINED_DAYS)},
    )
