"""Windows: one organization in one snapshot, and its time cut into pieces that fit into memory."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from server import timerange
from server.catalog import cells, dimensions, pairs, registry
from server.catalog.custom_metrics import PROJECTION as CUSTOM_METRICS
from server.catalog.custom_metrics import KeptMetric
from server.catalog.dimension import is_custom
from server.catalog.dimensions import Dimension
from server.catalog.families import conversations, generated_leads
from server.quarters import Width
from server.store import custom_metrics, members, organizations, projections, rollups
from server.store import pairs as stored_pairs
from server.store.database import Driver
from server.store.members import Member
from server.store.organizations import Kept
from server.timerange import Span

WINDOW_EVENTS = 25_000
_EVENTS_KEY = cells.count_key(registry.MEASURES["events"].number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One organization at one instant, in which everything must agree to the last bit."""

    driver: Driver
    organization_id: int
    kept: Kept
    hours: Mapping[int, int]  # events in each hour that has any
    seen: int  # the revision up to which conversations are recorded
    seen_leads: int  # the revision up to which leads are
    pairs: tuple[Dimension, ...]  # that every new revision counts
    incomplete: AbstractSet[int]  # those of them, by number, that have not been counted from raw events yet
    custom: Sequence[KeptMetric] = ()
    custom_seen: int = 0  # the revision up to which they are counted
    custom_deleted: AbstractSet[int] = frozenset()  # the numbers of those that figures may still hold
    only: int | None = None  # the dimension, or pair, that alone is looked at; None: all of them
    known: dict[members.Key, Member] = field(default_factory=dict)  # what was looked up so far

    @property
    def first(self) -> int:
        """The first quarter hour of which every raw event must be there."""
        return max(self.kept.raw_from_bucket, timerange.floor_bucket(timerange.FLOOR))

    @property
    def last(self) -> int:
        """A quarter hour after everything that is stored."""
        latest = max(self.hours, default=0)
        widest = max(Width)
        return (max(latest, timerange.floor_bucket(self.kept.now)) // widest + 2) * widest

    def is_complete(self, dimension: int) -> bool:
        """Returns whether figures by a dimension, or pair of them, must agree with raw events."""
        if self.only is not None and dimension != self.only:
            return False
        if is_custom(dimension):
            return any(one.dimension_number == dimension for one in self.custom)
        return not dimensions.is_pair(dimension) or (
            dimension not in self.incomplete and any(one.number == dimension for one in self.pairs)
        )

    def covered(self, end: int) -> float:
        """Returns the share of the events that occurred before a quarter hour."""
        events = sum(self.hours.values())
        return sum(count for hour, count in self.hours.items() if hour < end) / events if events else 1.0


async def snapshot(driver: Driver, organization_id: int) -> Snapshot | None:
    """Returns the organization as it is in the driver's transaction; None where there is no such organization."""
    kept = await organizations.kept(driver, organization_id)
    if kept is None:
        return None
    hours = await rollups.events_by_hour(driver, organization_id, _EVENTS_KEY)
    seen = await projections.seen(driver, organization_id, conversations.PROJECTION)
    seen_leads = await projections.seen(driver, organization_id, generated_leads.PROJECTION)
    declared = await stored_pairs.kept(driver, organization_id)
    custom = await custom_metrics.listed(driver, organization_id)
    return Snapshot(
        driver=driver,
        organization_id=organization_id,
        kept=kept,
        hours=hours,
        seen=seen,
        seen_leads=seen_leads,
        pairs=pairs.counted(one.dimension.number for one in declared),
        incomplete={one.dimension.number for one in declared if one.complete_from is None},
        custom=custom,
        custom_seen=await projections.seen(driver, organization_id, CUSTOM_METRICS) if custom else 0,
        custom_deleted=await custom_metrics.deleted(driver, organization_id),
    )


async def of_a_question(
    driver: Driver, organization_id: int, counted: tuple[Dimension, ...], *, has_custom: bool
) -> Snapshot | None:
    """Returns as much of the organization as it takes to count some raw events: by these pairs, and for custom metrics
    if they are asked about.
    """
    kept = await organizations.kept(driver, organization_id)
    if kept is None:
        return None
    return Snapshot(
        driver=driver,
        organization_id=organization_id,
        kept=kept,
        hours={},
        seen=0,
        seen_leads=0,
        pairs=counted,
        incomplete=frozenset(),
        custom=await custom_metrics.listed(driver, organization_id) if has_custom else (),
        custom_seen=await projections.seen(driver, organization_id, CUSTOM_METRICS) if has_custom else 0,
    )


def cut(view: Snapshot, start: int, limit: int) -> Iterator[Span]:
    """Yields all the time from a quarter hour on, cut at hours into windows of about that many events, or of a single
    hour.
    """
    events = 0
    for hour, count in view.hours.items():
        if hour > start and events and events + count > limit:
            yield Span(start=start, end=hour)
            start, events = hour, 0
        if hour + Width.HOUR > start:
            events += count
    yield Span(start=start, end=max(view.last, start))
