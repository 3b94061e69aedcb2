"""GetChurn and ListUsersAtRisk: who is expected to come back, and how right such expectations were."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import TYPE_CHECKING, Final

from server.admission.query_slots import QuerySlots
from server.errors import Reason, Refused
from server.forecasts import extras, threads
from server.projections.users import Users
from server.query import page_tokens, user_directory
from server.query.answers import Period
from server.query.page_tokens import ListPlace, PageTokens
from server.query.queries import Queries, ReadState
from server.store import active_days
from server.store.active_days import ActiveUser, ActiveUsers
from server.store.database import Driver
from server.tenancy.principal import Principal
from server.timerange import Interval

if TYPE_CHECKING:
    from server.forecasts.returning import Histories, Parameters

MAX_PAGE_SIZE: Final = 1_000
MAX_DAYS: Final = 90  # ahead
LEAST_USERS: Final = 100  # known before the held-out days
LEAST_REPEATERS: Final = 20  # of them that had come back
_HISTORIES: Final = 3  # times the days ahead: how long the history is at least
_DEFAULT_DAYS: Final = 730  # of history
_GROUPS: Final = 10  # of the reliability table
_PROJECTIONS: Final = (Users.name,)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChurnQuestion:
    """A question for how many users come back within so many days. period is None for all that helps, up to today."""

    period: Period | None
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskQuestion:
    """A question for the users of a history who may have left: those who did something on enough days and are active
    still with at most this probability.
    """

    churn: ChurnQuestion
    least_days: int
    most_alive: float
    page_size: int
    page_token: str

    @property
    def key(self) -> str:
        """Returns what must be equal for pages to belong to one list."""
        period = self.churn.period and (self.churn.period.start, self.churn.period.end)
        return repr(("users at risk", period, self.churn.days, self.least_days, self.most_alive))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """A tenth of the users, in the order of how probable it was that they came back: how many they are, the mean of
    these probabilities, and how many came back.
    """

    users: int
    expected: float
    returned: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnForecast:
    """How many of the users of a history are expected to come back after it, and how right that was for the last days
    of the history, held out: held_out are these, reliability the tenths, and error is the mean difference between
    expected and observed shares, weighted by users.
    """

    known: ReadState
    history: Interval
    days: int
    users: int
    expected: float
    still_active: float
    held_out: Interval
    reliability: Sequence[Reliability]
    error: float
    parameters: "Parameters"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserAtRisk:
    """A user who may have left. usual_gap is the mean time between two days with something, in days."""

    user: ActiveUser
    silent_days: int
    usual_gap: float
    alive: float
    returning: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskPage:
    """A page of users at risk, and the error of the probabilities."""

    known: ReadState
    history: Interval
    users: Sequence[UserAtRisk]
    error: float
    next_page_token: str


class ReturnForecasts:
    """Answers questions about who comes back. Each keeps a thread busy for a moment, for which it takes a turn."""

    def __init__(self, queries: Queries, turns: QuerySlots, tokens: PageTokens) -> None:
        self._queries = queries
        self._turns = turns
        self._tokens = tokens

    async def churn(self, principal: Principal, question: ChurnQuestion) -> ReturnForecast:
        """Answers the question; refuses a history with too few users to know the error."""
        extras.check()
        async with self._queries.knowing(principal, _PROJECTIONS) as (driver, known):
            first, end = _days(principal, known, question)
            groups = await _groups(driver, principal.organization_id, first, end, question.days)
        return await self._computed(principal, known, question, first, end, groups)

    async def at_risk(self, principal: Principal, question: RiskQuestion) -> RiskPage:
        """Answers the question; refuses what churn() refuses, and more users than can be put in order."""
        extras.check()
        organization_id = principal.organization_id
        token = question.page_token
        place = self._tokens.place(organization_id, question.key, token) if token else None
        async with self._queries.knowing(principal, _PROJECTIONS) as (driver, known):
            if place is not None and place.epoch != known.as_of.epoch:
                raise page_tokens.restored(place, known.as_of.epoch)
            first, end = _days(principal, known, question.churn)
            groups = await _groups(driver, organization_id, first, end, question.churn.days)
            users = await active_days.listed(driver, organization_id, first, end, question.least_days)
        if users is None:
            raise _too_many("users", active_days.MOST_USERS)
        found = await self._computed(principal, known, question.churn, first, end, groups)
        work = functools.partial(_risky, found.parameters, users, end, question, place)
        behind = await threads.computed(self._turns, principal, work)
        page = behind[: question.page_size]
        following = ""
        if len(behind) > len(page):
            last = page[-1].user
            revision = place.revision if place is not None else known.as_of.revision
            after = (last.days, last.last.toordinal(), last.user_id)
            following = self._tokens.token_after(
                organization_id, question.key, ListPlace(epoch=known.as_of.epoch, revision=revision, after=after)
            )
        return RiskPage(known=known, history=found.history, users=page, error=found.error, next_page_token=following)

    async def _computed(
        self,
        principal: Principal,
        known: ReadState,
        question: ChurnQuestion,
        first: date,
        end: date,
        groups: Sequence[ActiveUsers],
    ) -> ReturnForecast:
        start = min((one.first for one in groups), default=end)
        length = (end - start).days
        if length < _HISTORIES * question.days:
            raise _too_short("days", _HISTORIES * question.days, length)
        work = functools.partial(_forecast, known, question, max(first, start), end, groups)
        return await threads.computed(self._turns, principal, work)


def _days(principal: Principal, known: ReadState, question: ChurnQuestion) -> tuple[date, date]:
    """Returns the days of UTC of the history, none of which is running."""
    today = known.as_of.at.astimezone(UTC).date()
    if question.period is None:
        return today - timedelta(days=_DEFAULT_DAYS), today
    first, end = user_directory.days_of(question.period.resolved(principal, known.as_of.at).bounds)
    return min(first, today), min(end, today)


async def _groups(driver: Driver, organization_id: int, first: date, end: date, days: int) -> Sequence[ActiveUsers]:
    cut = end - timedelta(days=days)
    found = await active_days.counted(driver, organization_id, first, end, cut) if first < end else ()
    if found is None:
        raise _too_many("days of users", active_days.MOST_DAYS)
    return found


def _forecast(
    known: ReadState, question: ChurnQuestion, first: date, end: date, groups: Sequence[ActiveUsers]
) -> ReturnForecast:
    """Returns the answer; refuses too few users. It takes a moment."""
    import numpy as np  # extras.check() has found it

    from server.forecasts import returning

    cut = end - timedelta(days=question.days)
    before = [one for one in groups if one.days_before and one.last_before is not None]
    users = sum(one.users for one in before)
    repeaters = sum(one.users for one in before if one.days_before > 1)
    if users < LEAST_USERS:
        raise _too_short("users", LEAST_USERS, users)
    if repeaters < LEAST_REPEATERS:
        raise _too_short("users who came back", LEAST_REPEATERS, repeaters)
    held = _histories([(one.first, one.last_before or one.first, one.days_before, one.users) for one in before], cut)
    chances = returning.returning(returning.fit(held), held, question.days)
    returned = np.array([one.days > one.days_before for one in before])
    table = _table(chances.tolist(), returned.tolist(), [one.users for one in before])
    now = _histories([(one.first, one.last, one.days, one.users) for one in groups], end)
    parameters = returning.fit(now)
    return ReturnForecast(
        known=known,
        history=user_directory.between(first, end),
        days=question.days,
        users=int(now.users.sum()),
        expected=float(np.sum(now.users * returning.returning(parameters, now, question.days))),
        still_active=float(np.sum(now.users * returning.alive(parameters, now))),
        held_out=user_directory.between(cut, end),
        reliability=table,
        error=sum(abs(one.expected * one.users - one.returned) for one in table) / users,
        parameters=parameters,
    )


def _histories(rows: Sequence[tuple[date, date, int, int]], end: date) -> "Histories":
    """Returns users by what they did up to the end of a history; an active day counts as its beginning."""
    import numpy as np  # extras.check() has found it

    from server.forecasts.returning import Histories

    return Histories(
        repeats=np.array([days - 1 for _, _, days, _ in rows], dtype=np.int64),
        recency=np.array([(last - first).days for first, last, _, _ in rows], dtype=np.float64),
        age=np.array([(end - first).days for first, _, _, _ in rows], dtype=np.float64),
        users=np.array([users for *_, users in rows], dtype=np.float64),
    )


def _table(chances: Sequence[float], returned: Sequence[bool], users: Sequence[int]) -> list[Reliability]:
    """Returns the tenths of users in the order of their probabilities. Users who are alike stay together."""
    order = sorted(range(len(chances)), key=lambda one: chances[one])
    total = sum(users)
    tenths: list[list[int]] = [[] for _ in range(_GROUPS)]
    passed = 0
    for one in order:
        tenths[min(_GROUPS - 1, (passed + users[one] // 2) * _GROUPS // total)].append(one)
        passed += users[one]
    return [
        Reliability(
            users=sum(users[one] for one in tenth),
            expected=sum(chances[one] * users[one] for one in tenth) / sum(users[one] for one in tenth),
            returned=sum(users[one] for one in tenth if returned[one]),
        )
        for tenth in tenths
        if tenth
    ]


def _risky(
    parameters: "Parameters", users: Sequence[ActiveUser], end: date, question: RiskQuestion, place: ListPlace | None
) -> Sequence[UserAtRisk]:
    """Returns those users behind a place who may have left, in their order. It takes a moment."""
    from server.forecasts import returning

    users = _behind(users, place)
    if not users:
        return []
    known = _histories([(one.first, one.last, one.days, 1) for one in users], end)
    alive = returning.alive(parameters, known).tolist()
    back = returning.returning(parameters, known, question.churn.days).tolist()
    return [
        UserAtRisk(
            user=one,
            silent_days=(end - one.last).days,
            usual_gap=(one.last - one.first).days / (one.days - 1),
            alive=chance,
            returning=chance_back,
        )
        for one, chance, chance_back in zip(users, alive, back, strict=True)
        if chance <= question.most_alive
    ]


def _behind(users: Sequence[ActiveUser], place: ListPlace | None) -> Sequence[ActiveUser]:
    """Returns the users behind a place in the list."""
    if place is None:
        return users
    days, last, user_id = place.after
    after = (-int(days or 0), -int(last or 0), str(user_id))
    return [one for one in users if (-one.days, -one.last.toordinal(), one.user_id) > after]


def _too_short(what: str, needed: int, found: int) -> Refused:
    return Refused(
        Reason.HISTORY_TOO_SHORT,
        f"the error of such a forecast is known from {needed} {what} of history on; there are {found}: ask for fewer"
        " days ahead, a longer history, or later",
        field="horizon_days",
        metadata={"needed": str(needed), "found": str(found), "unit": what},
    )


def _too_many(what: str, most: int) -> Refused:
    return Refused(
        Reason.TOO_MANY_VALUES,
        f"the history has more than {most:,} {what}: ask for a shorter one",
        field="time_range",
        metadata={"limit": str(most)},
    )
