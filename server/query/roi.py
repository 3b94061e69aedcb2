"""GetRoi: what AI agents cost, and the human work that they spare, over the conversations closed in a period."""

import asyncio
import enum
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from server import timerange
from server.catalog import figures
from server.catalog.cells import Cell
from server.catalog.filters import Filter
from server.catalog.selections import Selection
from server.organizations import assumptions as defaults
from server.organizations.settings import OrganizationSettings
from server.query import buckets, comparison, pairs
from server.query.answers import Context, Period
from server.query.buckets import Bucket
from server.query.comparison import Compared, Comparison, Earlier
from server.query.queries import Queries
from server.rollups import overflow
from server.tenancy.principal import Principal
from server.timerange import Granularity, Interval, TimeRange

_CLOSED, _RESOLVED, _COST = FIGURES = (
    "conversations_closed",
    "conversations_resolved",
    "closed_conversation_cost_micros",
)
_WANTED = figures.wanted(FIGURES)
_MS_PER_HOUR = 3_600_000
_QUARTERS = 4  # of which the low and the high reading take three and five
_AT_ONCE = 200  # points
_LARGEST = 2**63 - 1  # amounts beyond it stay there, as sums do


class AssumptionSource(enum.Enum):
    """Where an assumption comes from."""

    REQUEST = enum.auto()
    ORGANIZATION = enum.auto()
    DEFAULT = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """A value, and who chose it."""

    value: int
    source: AssumptionSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What is not known of human work and of AI without recorded cost."""

    hourly_cost_micros: Assumption
    handling_time_ms: Assumption
    conversation_cost_micros: Assumption


@dataclass(frozen=True, slots=True, kw_only=True)
class RoiQuestion:
    """A question for the return. An assumption of None is the organization's, or the service's default."""

    period: Period
    part: Filter
    hourly_cost_micros: int | None = None
    handling_time_ms: int | None = None
    conversation_cost_micros: int | None = None
    comparison: Comparison | None = None
    has_series: bool = False
    granularity: Granularity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What follows from the cohort and one reading of the assumptions."""

    human_cost_avoided_micros: int
    ai_cost_micros: int
    savings_micros: int
    roi: float | None
    break_even_conversations: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Roi:
    """The conversations closed in a period, and what follows from them. is_recorded tells whether the cost of AI is the
    recorded one.
    """

    closed: int
    resolved: int
    recorded_cost_micros: int
    is_recorded: bool
    low: Estimate
    base: Estimate
    high: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class RoiAnswer:
    """The return of a period, of the points of its series, and of an earlier period. Each is None where conversations
    are not kept by what the question is narrowed to; earlier also where nothing can be compared.
    """

    context: Context
    assumptions: Assumptions
    roi: Roi | None
    granularity: Granularity | None
    points: Sequence[tuple[Bucket, Roi | None]]
    compared: Compared | None
    earlier: Roi | None


async def answer(queries: Queries, principal: Principal, question: RoiQuestion) -> RoiAnswer:
    """Answers the question."""
    part, organization_id = question.part, principal.organization_id
    make_plan = functools.partial(plan, question)
    in_snapshot = part.dimension.sides is not None
    exactness = comparison.exactness(question.period, question.comparison)
    reading = queries.reading(
        principal, question.period, _WANTED, make_plan, in_snapshot=in_snapshot, exactness=exactness
    )
    async with reading as (driver, read):
        kept_from = await pairs.checked_from(driver, organization_id, part, read.period.span)
        await overflow.check(driver, organization_id, part, field="filter")
    chosen, first_event, used = read.plan, read.found.first_event, assumptions(question, principal.settings)
    compared = chosen.earlier.compared(first_event, kept_from) if chosen.earlier else None
    cohort = functools.partial(_roi, read.found.cells, used, part)
    whole = cohort(chosen.period)
    is_recorded = whole.is_recorded if whole is not None else None
    points = []
    for one in chosen.series:
        points.append(cohort(one, is_recorded=is_recorded))
        if not len(points) % _AT_ONCE:
            await asyncio.sleep(0)  # yields to the event loop
    described = []
    if chosen.granularity is not None:
        described = buckets.described(chosen.points, read.period, chosen.granularity, first_event)
    return RoiAnswer(
        context=read.context(FIGURES),
        assumptions=used,
        roi=whole,
        granularity=chosen.granularity,
        points=list(zip(described, points, strict=True)),
        compared=compared,
        earlier=cohort(chosen.before) if chosen.before and compared and not compared.absence else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RoiPlan:
    """What to read: the period, the points of its series if they are wanted, and an earlier period likewise."""

    period: Selection
    granularity: Granularity | None
    points: Sequence[Interval]
    series: Sequence[Selection]
    earlier: Earlier | None
    before: Selection | None
    event_types: None = None

    def selections(self) -> Iterator[Selection]:
        """Returns all of the plan's selections."""
        yield self.period
        yield from self.series
        if self.before is not None:
            yield self.before


def plan(question: RoiQuestion, period: TimeRange) -> RoiPlan:
    """Returns what to read."""
    select = functools.partial(Selection.within, question.part, bins=False)
    width = (question.granularity or timerange.choose_granularity(period.span)) if question.has_series else None
    points = [] if width is None else timerange.intervals(period, width)
    earlier = comparison.earlier(question.comparison, period) if question.comparison else None
    return RoiPlan(
        period=select(period.bounds),
        granularity=width,
        points=points,
        series=[select(one) for one in points],
        earlier=earlier,
        before=select(earlier.bounds) if earlier and not earlier.is_before_floor else None,
    )


def assumptions(question: RoiQuestion, settings: OrganizationSettings) -> Assumptions:
    """Returns what is assumed: what the question says, else the organization, else the service."""
    seconds = settings.roi_handling_seconds
    return Assumptions(
        hourly_cost_micros=_assumption(
            question.hourly_cost_micros, settings.roi_hourly_cost_micros, defaults.HOURLY_COST_MICROS
        ),
        handling_time_ms=_assumption(
            question.handling_time_ms,
            None if seconds is None else seconds * 1000,
            defaults.HANDLING_SECONDS * 1000,
        ),
        conversation_cost_micros=_assumption(
            question.conversation_cost_micros,
            settings.roi_conversation_cost_micros,
            defaults.CONVERSATION_COST_MICROS,
        ),
    )


def _assumption(asked: int | None, own: int | None, default: int) -> Assumption:
    if asked is not None:
        return Assumption(value=asked, source=AssumptionSource.REQUEST)
    if own is not None:
        return Assumption(value=own, source=AssumptionSource.ORGANIZATION)
    return Assumption(value=default, source=AssumptionSource.DEFAULT)


def _roi(
    cells: Mapping[Selection, Cell],
    used: Assumptions,
    part: Filter,
    selection: Selection,
    *,
    is_recorded: bool | None = None,
) -> Roi | None:
    """Returns what follows from the conversations of a selection; None where they are not kept by its dimension.

    Points of a series take the cost of AI from where their period does, which is_recorded says, so that they add up.
    """
    found = figures.figures(FIGURES, cells[selection], part.dimension)
    if found[_CLOSED] is None:
        return None
    closed, resolved, cost = (int(found[name] or 0) for name in FIGURES)
    is_recorded = cost > 0 if is_recorded is None else is_recorded
    human = used.hourly_cost_micros.value * used.handling_time_ms.value
    assumed = closed * used.conversation_cost_micros.value

    def estimate(human_quarters: int, ai_quarters: int) -> Estimate:
        ai_cost = cost if is_recorded else _rounded(assumed * ai_quarters, _QUARTERS)
        return _estimate(resolved, human * human_quarters, _MS_PER_HOUR * _QUARTERS, ai_cost)

    return Roi(
        closed=closed,
        resolved=resolved,
        recorded_cost_micros=cost,
        is_recorded=is_recorded,
        low=estimate(3, 5),
        base=estimate(_QUARTERS, _QUARTERS),
        high=estimate(5, 3),
    )


def _estimate(resolved: int, human: int, divisor: int, ai_cost: int) -> Estimate:
    """Returns what follows if a human costs human ÷ divisor for a conversation, and AI costs so much for all."""
    avoided, ai_cost = _bounded(_rounded(resolved * human, divisor)), _bounded(ai_cost)
    savings = avoided - ai_cost
    return Estimate(
        human_cost_avoided_micros=avoided,
        ai_cost_micros=ai_cost,
        savings_micros=savings,
        roi=savings / ai_cost if ai_cost else None,
        break_even_conversations=_bounded(-(-ai_cost * divisor // human)) if human else None,
    )


def _rounded(amount: int, divisor: int) -> int:
    return (2 * amount + divisor) // (2 * divisor)


def _bounded(amount: int) -> int:
    return min(amount, _LARGEST)
