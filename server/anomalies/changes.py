"""ListChanges: what metrics have changed by beside an earlier period, and what values have contributed to that."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from server.anomalies import contributions
from server.anomalies.contributions import Amounts, Effects, Moved
from server.catalog import cells, figures
from server.catalog.catalogue import Catalogue
from server.catalog.cells import Cell
from server.catalog.figures import Figure
from server.catalog.filters import Filter
from server.catalog.metrics import Metric, Quantile, Ratio
from server.catalog.selections import Ranking, Selection, Wanted
from server.errors import Reason, Refused
from server.query import comparison, custom_metrics, display_names, mixing, pairs, turns
from server.query.answers import Context, Period
from server.query.comparison import Compared, Comparison, Earlier, Mode
from server.query.grouping import Grouping
from server.query.queries import Queries
from server.query.reader import Reader
from server.rollups import overflow
from server.store import ranking
from server.tenancy.principal import Principal
from server.timerange import Interval, TimeRange

# The values of a dimension that are looked at: so many with the most now, and so many with the most before.
CANDIDATES = 400
_MOST_FIGURES = 20_000  # of values now and before that are read, over all accounts
_AT_ONCE = 100  # values that are looked at in one turn of the event loop
DEFAULT_COMPARISON = Comparison(mode=Mode.PREVIOUS_PERIOD)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesQuestion:
    """A question for changes of metrics and their accounts by dimensions; limit is the most rows of each account."""

    catalogue: Catalogue
    period: Period
    part: Filter
    metrics: Sequence[str]
    groupings: Sequence[Grouping]
    comparison: Comparison
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PartOfChange:
    """What a value, or several together, have contributed: change, in the metric's unit as it is stored.

    effects are those of a ratio, and None for what adds up.
    """

    value: str = ""
    display_name: str = ""
    now: Figure
    before: Figure
    change: int | float
    effects: Effects | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeAccount:
    """What a change is made of by the values of a dimension. is_kept is False, and all else empty, for a metric that is
    not kept by it.
    """

    grouping: Grouping
    is_kept: bool = True
    rows: Sequence[PartOfChange] = ()
    rest: PartOfChange | None = None
    other: PartOfChange | None = None
    is_complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricChange:
    """What a metric has changed by; before and change are None where there is nothing to compare."""

    metric: Metric
    now: Figure
    before: Figure
    change: Figure
    accounts: Sequence[ChangeAccount]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The answer: a change of each metric."""

    context: Context
    compared: Compared
    metrics: Sequence[MetricChange]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What to read. values are the ones that are looked at of each grouping, and is_all whether there are no others."""

    now: Interval
    earlier: Earlier
    part: Filter
    groupings: Sequence[Grouping]
    kept_from: int
    values: Mapping[int, Sequence[str]] = field(default_factory=dict)
    is_all: Mapping[int, bool] = field(default_factory=dict)
    found: Mapping[Selection, Cell] = field(default_factory=dict)
    event_types: None = None

    @property
    def periods(self) -> list[Interval]:
        """Returns what is compared: now first, then before, if there can be anything."""
        if not self.now.span.length:
            return []
        return [self.now] if self.earlier.is_before_floor else [self.now, self.earlier.bounds]

    def selections(self) -> Iterator[Selection]:
        """Returns the whole and what is kept under other values."""
        for period in self.periods:
            yield Selection.within(self.part, period)
            for group in self.groupings:
                if group.other is not None:
                    yield Selection.within(group.other, period)


async def answer(queries: Queries, principal: Principal, question: ChangesQuestion) -> Changes:
    """Answers the question; refuses metrics whose change is no sum over values."""
    organization_id, catalogue = principal.organization_id, question.catalogue
    for name in question.metrics:
        _check_additive(name, catalogue)
    for group in question.groupings:
        mixing.check(question.metrics, [question.part.dimension, group.dimension], catalogue)
    planner = functools.partial(_planned, question)
    names: list[Mapping[str, str]] = []
    async with queries.reading_planned(principal, question.period, _wanted(question), planner) as (driver, read):
        await overflow.check(driver, organization_id, question.part, field="filter")
        for place, group in enumerate(question.groupings):
            shown = {group.values(value)[0] for value in read.plan.values[place]}
            names.append(await display_names.read(driver, organization_id, group.asked[0], shown))
    plan = read.plan
    compared = plan.earlier.compared(read.found.first_event, plan.kept_from)
    context = read.context(question.metrics, catalogue)
    accounts = _Accounts(question, plan, {**read.found.cells, **plan.found}, names)
    return Changes(
        context=replace(context, period=_until(context.period, plan.now)),
        compared=compared,
        metrics=[await accounts.of(name, is_compared=compared.absence is None) for name in question.metrics],
    )


def _until(period: TimeRange, compared: Interval) -> TimeRange:
    """Returns the period as far as it is compared."""
    return replace(period, span=compared.span, asked=compared) if period.still_running else period


def _check_additive(name: str, catalogue: Catalogue) -> None:
    metric = catalogue.metrics[name]
    if isinstance(metric, Quantile) or figures.needs_sets(metric, catalogue):
        raise _not_additive(name)


def _not_additive(name: str) -> Refused:
    return Refused(
        Reason.METRIC_NOT_ADDITIVE,
        f"the change of {name} is no sum over the values of a dimension: ask for a count, a sum, a mean or a rate",
        field="metrics",
        metadata={"metric": name},
    )


def _wanted(question: ChangesQuestion) -> Wanted:
    followed = [one for group in question.groupings for one in display_names.projections(group.asked)]
    return figures.wanted(question.metrics, projections=followed, catalogue=question.catalogue)


async def _planned(question: ChangesQuestion, reader: Reader, period: TimeRange) -> _Plan:
    """Plans what to read: takes the values with the most of each metric, now and before."""
    driver, organization_id, span = reader.driver, reader.organization_id, period.span
    kept_from = max(
        custom_metrics.checked_from(question.catalogue, span),
        await pairs.checked_from(driver, organization_id, question.part, span),
    )
    for group in question.groupings:
        if group.is_combination:
            raise group.not_kept()
        whole = Filter(dimension=group.dimension)
        kept_from = max(kept_from, await pairs.checked_from(driver, organization_id, whole, span, field="group_by"))
    earlier = comparison.earlier(question.comparison, period)
    plan = _Plan(
        now=period.passed, earlier=earlier, part=question.part, groupings=question.groupings, kept_from=kept_from
    )
    values: dict[int, Sequence[str]] = {}
    is_all: dict[int, bool] = {}
    selections: list[Selection] = []
    for place, group in enumerate(question.groupings):
        values[place], is_all[place] = await _candidates(question, reader, group, plan.periods)
        parts = [Filter(dimension=group.dimension, value=value) for value in values[place]]
        selections += [Selection.within(part, period) for period in plan.periods for part in parts]
    if len(selections) > _MOST_FIGURES:
        raise Refused(
            Reason.TOO_MANY_VALUES,
            f"accounting for these metrics by these dimensions takes {len(selections):,} figures, more than"
            f" {_MOST_FIGURES:,}: ask for fewer metrics or dimensions",
            field="metrics",
            metadata={"limit": str(_MOST_FIGURES)},
        )
    found = await reader.cells(list(dict.fromkeys(selections)), _wanted(question))
    return replace(plan, values=values, is_all=is_all, found=found)


async def _candidates(
    question: ChangesQuestion, reader: Reader, group: Grouping, periods: Sequence[Interval]
) -> tuple[list[str], bool]:
    """Returns the values that are looked at, and whether these are all there are."""
    found: dict[str, None] = {}
    is_all = True
    orders = [_order(question.catalogue.metrics[name], question.catalogue) for name in question.metrics]
    for period in periods:
        values = await reader.values(group.dimension, period, prefix=group.prefix, suffix=group.suffix, only=group.only)
        for order in {repr(one): one for one in orders}.values():
            ranked, number = await ranking.rank(
                reader.driver, reader.organization_id, values, order, skip=0, most=CANDIDATES
            )
            found |= dict.fromkeys(ranked)
            is_all = is_all and number <= CANDIDATES
            if number <= CANDIDATES:
                break
    return list(found), is_all


def _order(metric: Metric, catalogue: Catalogue) -> Ranking:
    """Returns the order in which values are taken: by what adds up, of ratios by what they are divided by."""
    if isinstance(metric, Ratio) and metric.denominators:
        keys = [catalogue.place(term).key for term in metric.denominators]
        return Ranking(above=keys, signs=[1] * len(keys))
    found = figures.ranking(metric, descending=True, catalogue=catalogue)
    if found is None:
        raise _not_additive(metric.name)
    return found


class _Accounts:
    """Makes the accounts of metrics from what was read."""

    def __init__(
        self,
        question: ChangesQuestion,
        plan: _Plan,
        found: Mapping[Selection, Cell],
        names: Sequence[Mapping[str, str]],
    ) -> None:
        self._question, self._plan, self._cells, self._names = question, plan, found, names

    async def of(self, name: str, *, is_compared: bool) -> MetricChange:
        """Returns what a metric has changed by."""
        metric = self._question.catalogue.metrics[name]
        part = self._plan.part
        is_kept = figures.is_kept(name, part.dimension, self._question.catalogue)
        now = self._figure(metric, self._cell(part, 0)) if is_kept else None
        before = self._figure(metric, self._cell(part, 1)) if is_kept and is_compared else None
        if now is None or before is None:
            return MetricChange(metric=metric, now=now, before=before, change=None, accounts=())
        accounts = [await self._account(name, metric, place) for place in range(len(self._plan.groupings))]
        return MetricChange(metric=metric, now=now, before=before, change=now - before, accounts=accounts)

    async def _account(self, name: str, metric: Metric, place: int) -> ChangeAccount:
        group = self._plan.groupings[place]
        if not figures.is_kept(name, group.dimension, self._question.catalogue):
            return ChangeAccount(grouping=group, is_kept=False)
        whole = self._moved(metric, self._plan.part)
        values = [value for value in self._plan.values[place] if value != cells.OTHER]

        def looked_at(value: str) -> tuple[Moved, PartOfChange]:
            moved = self._moved(metric, Filter(dimension=group.dimension, value=value))
            return moved, self._contribution(metric, moved, whole, self._shown(place, value))

        found = await turns.mapped(looked_at, values, at_once=_AT_ONCE)
        candidates = [contribution for _, contribution in found]
        candidates = [one for one in candidates if one.change or one.now or one.before]
        candidates.sort(key=lambda one: (-abs(one.change), one.value))
        shown = candidates[: self._question.limit]
        chosen = {one.value for one in shown}
        others = [] if group.other is None else [self._moved(metric, group.other)]
        taken = [*(moved for moved, contribution in found if contribution.value in chosen), *others]
        rest = Moved(
            before=whole.before.less([one.before for one in taken]), now=whole.now.less([one.now for one in taken])
        )
        other = self._contribution(metric, others[0], whole) if others else None
        return ChangeAccount(
            grouping=group,
            rows=shown,
            rest=self._contribution(metric, rest, whole),
            other=other if other is not None and (other.change or other.now or other.before) else None,
            is_complete=self._plan.is_all[place] or self._is_complete(metric, shown, candidates),
        )

    def _is_complete(self, metric: Metric, shown: Sequence[PartOfChange], looked_at: Sequence[PartOfChange]) -> bool:
        """Returns whether a value that was not looked at cannot have contributed more than the last row.

        It has less than each of the values that were taken for having the most, now and before.
        """
        if not shown or (isinstance(metric, Ratio) and (metric.denominators or metric.subtrahends)):
            return False
        now = sorted((int(one.now or 0) for one in looked_at), reverse=True)[:CANDIDATES]
        before = sorted((int(one.before or 0) for one in looked_at), reverse=True)[:CANDIDATES]
        return abs(shown[-1].change) >= max(now[-1], before[-1])

    def _shown(self, place: int, value: str) -> tuple[str, str]:
        shown = self._plan.groupings[place].values(value)[0]
        return shown, self._names[place].get(shown, "")

    def _contribution(
        self, metric: Metric, part: Moved, whole: Moved, shown: tuple[str, str] = ("", "")
    ) -> PartOfChange:
        """Returns what a part has contributed, in the metric's unit."""
        if not isinstance(metric, Ratio) or not metric.denominators:
            return PartOfChange(
                value=shown[0],
                display_name=shown[1],
                now=part.now.above,
                before=part.before.above,
                change=part.now.above - part.before.above,
            )
        found = contributions.effects(part, whole)
        scaled = replace(found, mix=found.mix / metric.parts, rate=found.rate / metric.parts)
        return PartOfChange(
            value=shown[0],
            display_name=shown[1],
            now=_scaled(part.now.ratio, metric),
            before=_scaled(part.before.ratio, metric),
            change=scaled.change,
            effects=scaled,
        )

    def _moved(self, metric: Metric, part: Filter) -> Moved:
        return Moved(before=self._amounts(metric, self._cell(part, 1)), now=self._amounts(metric, self._cell(part, 0)))

    def _amounts(self, metric: Metric, cell: Cell) -> Amounts:
        catalogue = self._question.catalogue
        if isinstance(metric, Ratio) and metric.denominators:
            return Amounts(
                above=figures.added_up(cell, metric.numerators, metric.subtrahends, catalogue),
                below=figures.added_up(cell, metric.denominators, (), catalogue),
            )
        return Amounts(above=int(figures.figure(metric, cell, catalogue) or 0), below=0)

    def _figure(self, metric: Metric, cell: Cell) -> Figure:
        return figures.figure(metric, cell, self._question.catalogue)

    def _cell(self, part: Filter, period: int) -> Cell:
        if period >= len(self._plan.periods):
            return Cell()
        return self._cells.get(Selection.within(part, self._plan.periods[period]), Cell())


def _scaled(ratio: float | None, metric: Ratio) -> float | None:
    return None if ratio is None else ratio / metric.parts
