"""Measuring: what a window of a rule comes to."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from server import histogram
from server.alerts import ahead, unusual, windows
from server.alerts.sources import FigureSource
from server.anomalies import kinds
from server.anomalies.judging import Sample
from server.catalog import cells, dimensions, figures, metrics, registry
from server.catalog.catalogue import Catalogue
from server.catalog.cells import Cell
from server.catalog.dimensions import Dimension
from server.catalog.filters import Filter
from server.catalog.metrics import Aggregation, Measure, Metric, Quantile, Ratio, Unit
from server.catalog.selections import Wanted
from server.organizations.alerts import AlertDirection, ConditionKind, Observation, RuleDraft
from server.timerange import Interval

EVENTS = registry.MEASURES["events"]
_LEAST_COMPARED = 2  # of the windows that a median is of, there have to be so many
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """How windows of a rule are measured. zone is that of its hours and days; quota is the organization's quota of
    events in a month, None without one.
    """

    draft: RuleDraft
    catalogue: Catalogue
    zone: ZoneInfo
    quota: int | None

    @property
    def name(self) -> str:
        """Returns the name of what is measured."""
        return EVENTS.name if self.draft.condition.kind is ConditionKind.ABSENCE else self.draft.metric or EVENTS.name

    @property
    def is_known(self) -> bool:
        """Returns whether what is measured is there."""
        return self.name in self.catalogue.metrics

    @property
    def metric(self) -> Metric:
        """Returns what is measured."""
        return self.catalogue.metrics[self.name]

    @property
    def wanted(self) -> Wanted:
        """Returns what is read of each window: events, too, where these decide which values are looked at."""
        more = [EVENTS.name] if self.draft.group_by else []
        return figures.wanted([self.name], *more, *self._counted, catalogue=self.catalogue)

    @property
    def _counted(self) -> Sequence[str]:
        """Returns what says of how many values a sum is made; nothing for what is no sum."""
        metric = self.metric
        is_sum = isinstance(metric, Measure) and metric.aggregation in (Aggregation.SUM, Aggregation.HISTOGRAM)
        return [f"{metric.name}.count"] if is_sum else []

    @property
    def event_types(self) -> set[str] | None:
        """Returns the types of events that windows are counted from; None: all of them."""
        measures = self.catalogue.measures_of(self.name)
        if self.draft.group_by or not all(one.event_types for one in measures):
            return None
        return {name for one in measures for name in one.event_types}

    @property
    def needs_bins(self) -> bool:
        """Returns whether histograms are read."""
        return isinstance(self.metric, Quantile)

    def dimension(self) -> Dimension:
        """Returns the dimension of the rule's filter, or by whose values it is looked at; that of the total."""
        return dimension(self.draft.dimension or self.draft.group_by, self.catalogue)

    def part(self, value: str) -> Filter:
        """Returns the part of the organization that is measured. value is that of group_by, if there is one."""
        found = self.dimension()
        if found is dimensions.TOTAL:
            return Filter()
        return Filter(dimension=found, value=value if self.draft.group_by else self.draft.value)

    def windows(self, at: datetime) -> list[Interval]:
        """Returns all windows that it takes to measure the one that ends at an instant, that one first."""
        draft = self.draft
        return [
            windows.window(draft, self.zone, at),
            *windows.baselines(draft, self.zone, at),
            *windows.history(draft, self.zone, at),
        ]

    def observe(
        self,
        source: FigureSource,
        at: datetime,
        first_event: datetime | None,
        known: dict[datetime, Sample] | None = None,
    ) -> Observation:
        """Returns what the window that ends at an instant comes to. first_event is the organization's. known keeps what
        was measured before of the same source.
        """
        seen = self._observed(source, at, first_event, {} if known is None else known)
        if seen.measured is None or math.isfinite(seen.measured):
            return seen
        return replace(seen, measured=None, error="what is measured is too large for a number")

    def _observed(
        self, source: FigureSource, at: datetime, first_event: datetime | None, known: dict[datetime, Sample]
    ) -> Observation:
        window = windows.window(self.draft, self.zone, at)
        cell = source.cell(window)
        figure = self.figure(cell)
        seen = Observation(at=at, figure=figure, measured=figure, samples=self.samples(cell))
        match self.draft.condition.kind:
            case ConditionKind.VALUE | ConditionKind.ABSENCE:
                return seen
            case ConditionKind.CHANGE:
                return self._change(source, seen, first_event)
            case ConditionKind.BUDGET:
                return self._share(seen)
            case ConditionKind.ANOMALY:
                return self._unusual(source, seen, first_event, known)
            case ConditionKind.FORECAST:
                return self._ahead(source, seen, first_event)

    def figure(self, cell: Cell) -> float | None:
        """Returns the figure of a cell, in the metric's unit."""
        found = figures.figures([self.name], cell, self.dimension(), self.catalogue)[self.name]
        return None if found is None else float(metrics.shown(self.metric, found))

    def samples(self, cell: Cell) -> int:
        """Returns of how many events or values a figure is made: of a rate its denominator, of a percentile or sum its
        values, and of a count what was counted.
        """
        metric = self.metric
        if isinstance(metric, Quantile):
            first = cells.first_bin_key(self.catalogue.measure(metric.measure).number)
            return sum(count for key, count in cell.bins.items() if first <= key < first + histogram.BIN_COUNT)
        if isinstance(metric, Ratio) and metric.denominators:
            return figures.added_up(cell, metric.denominators, (), self.catalogue)
        counted = self._counted
        return figures.added_up(cell, counted, (), self.catalogue) if counted else int(self.figure(cell) or 0)

    def _change(self, source: FigureSource, seen: Observation, first_event: datetime | None) -> Observation:
        compared = windows.baselines(self.draft, self.zone, seen.at)
        kept = [one for one in compared if first_event is not None and one.start >= first_event]
        found = [figure for one in kept if (figure := self.figure(source.cell(one))) is not None]
        usual = statistics.median(found) if len(found) >= min(len(compared), _LEAST_COMPARED) else None
        if not usual:
            return replace(seen, measured=None, reason="there is nothing comparable before")
        if seen.figure is None:
            return replace(seen, measured=None)
        return replace(seen, measured=(seen.figure - usual) / abs(usual) * 100, low=usual, high=usual)

    def _share(self, seen: Observation) -> Observation:
        budget = self.draft.condition.budget or self.quota
        if not budget:
            return replace(seen, measured=None, error="the organization has no quota of events: name a budget")
        return replace(seen, measured=None if seen.figure is None else seen.figure / budget)

    def _unusual(
        self, source: FigureSource, seen: Observation, first_event: datetime | None, known: dict[datetime, Sample]
    ) -> Observation:
        def sample(start: datetime) -> Sample:
            found = known.get(start)
            if found is None:
                found = known[start] = self._sample(source, start)
            return found

        starts = windows.tiles(self.draft, seen.at)
        past = [sample(one) for one in starts if first_event is not None and one >= first_event]
        current = sample(seen.at - self.draft.window)
        kind = kinds.kind(self.metric, self.catalogue)
        found = unusual.judged(self.draft.condition, past, current, kind=kind, zone=self.zone, width=self.draft.window)
        if found is None:
            return replace(seen, measured=None, reason="" if seen.figure is None else "there is too little history")
        return replace(seen, measured=found.score, low=found.low, high=found.high, reason=found.reason)

    def _sample(self, source: FigureSource, start: datetime) -> Sample:
        cell = source.cell(Interval(start=start, end=start + self.draft.window))
        trials = kinds.trials(self.metric, cell, self.catalogue)
        return Sample(at=start, value=self.figure(cell), trials=trials)

    def _ahead(self, source: FigureSource, seen: Observation, first_event: datetime | None) -> Observation:
        past = [
            one
            for one in windows.history(self.draft, self.zone, seen.at)
            if first_event is not None and one.start >= first_event
        ]
        found = ahead.expected(
            [self.figure(source.cell(one)) for one in past],
            [one.end for one in past],
            windows.later(self.draft, self.zone, seen.at),
            zone=self.zone,
            is_hourly=self.draft.window < _DAY,
            is_fraction=self.metric.unit == Unit.FRACTION,
        )
        if not found.points:
            return replace(seen, measured=None, reason=found.reason)
        choose = min if self.draft.condition.direction is AlertDirection.BELOW else max
        return replace(seen, measured=choose(found.points), low=min(found.points), high=max(found.points))


def dimension(name: str, catalogue: Catalogue) -> Dimension:
    """Returns a dimension of a rule by its name: one, or two with a comma between. LookupError where there is none."""
    if not name:
        return dimensions.TOTAL
    known = {one.name: one for one in dimensions.TABLE.filters} | dict(catalogue.dimensions)
    first, _, second = name.partition(",")
    found = dimensions.TABLE.pair(known[first], known[second]) if second else known[name]
    if found is None:
        raise LookupError(name)
    return found
