"""Measuring: what a window of a rule comes to."""

import statistics
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from server import histogram
from server.alerts import anomalies, machine, predictions, windows
from server.alerts.sources import Source
from server.catalog import cells, dimensions, figures, metrics, registry
from server.catalog.catalogue import Catalogue
from server.catalog.cells import Cell
from server.catalog.dimensions import Dimension
from server.catalog.filters import Filter
from server.catalog.metrics import Metric, Quantile, Ratio
from server.catalog.selections import Wanted
from server.organizations.alerts import ConditionKind, Observation, RuleDraft
from server.timerange import Interval

EVENTS = registry.MEASURES["events"]
_MOST_MISSING = 2  # of the windows that a median is of, there have to be so many


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
    def metric(self) -> Metric:
        """Returns what is measured."""
        return self.catalogue.metrics[self.name]

    @property
    def wanted(self) -> Wanted:
        """Returns what is read of each window."""
        return figures.wanted([self.name], EVENTS.name, catalogue=self.catalogue)

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

    def observe(self, source: Source, at: datetime, first_event: datetime | None) -> Observation:
        """Returns what the window that ends at an instant comes to. first_event is the organization's."""
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
                return anomalies.observe(self, source, seen, first_event)
            case ConditionKind.FORECAST:
                return predictions.observe(self, source, seen, first_event)

    def figure(self, cell: Cell) -> float | None:
        """Returns the figure of a cell, in the metric's unit."""
        found = figures.figures([self.name], cell, self.dimension(), self.catalogue)[self.name]
        return None if found is None else float(metrics.shown(self.metric, found))

    def samples(self, cell: Cell) -> int:
        """Returns of how many events or values a figure is made: of a rate its denominator, of a percentile its values,
        and of all else the events.
        """
        metric = self.metric
        if isinstance(metric, Quantile):
            first = cells.first_bin_key(self.catalogue.measure(metric.measure).number)
            return sum(count for key, count in cell.bins.items() if first <= key < first + histogram.BIN_COUNT)
        if isinstance(metric, Ratio) and metric.denominators:
            return figures.added_up(cell, metric.denominators, (), self.catalogue)
        if not figures.is_kept(EVENTS.name, self.dimension(), self.catalogue):
            return int(self.figure(cell) or 0)
        return int(figures.figure(EVENTS, cell) or 0)

    def _change(self, source: Source, seen: Observation, first_event: datetime | None) -> Observation:
        compared = windows.baselines(self.draft, self.zone, seen.at)
        kept = [one for one in compared if first_event is not None and one.start >= first_event]
        found = [figure for one in kept if (figure := self.figure(source.cell(one))) is not None]
        least = min(len(compared), _MOST_MISSING)
        usual = statistics.median(found) if len(found) >= least else None
        if usual is None or not usual or seen.figure is None:
            why = "nothing comparable was counted before" if not usual else ""
            return _with(seen, measured=None, reason=why)
        return _with(seen, measured=(seen.figure - usual) / abs(usual) * 100, low=usual, high=usual)

    def _share(self, seen: Observation) -> Observation:
        budget = self.draft.condition.budget or self.quota
        if not budget:
            return _with(seen, measured=None, error="the organization has no quota of events: the rule needs a budget")
        return _with(seen, measured=None if seen.figure is None else seen.figure / budget)


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


def _with(seen: Observation, **changes: object) -> Observation:
    return machine.replaced(seen, **changes)
