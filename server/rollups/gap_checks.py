"""What is recorded of content gaps, held against the raw events of a window.

How often a topic was found in a quarter hour must agree wherever raw events are kept; its examples and its numbers in
all are compared where every raw event is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from server.events.content_gap import FoundGaps, GapEvent
from server.rollups.checks import Fault, Findings, Mismatch
from server.rollups.raw_counts import Portion
from server.rollups.windows import Snapshot
from server.store import content_gaps, projections
from server.store.replaced_events import ReplacedLately
from server.timerange import Span

GAPS = content_gaps.PROJECTION
_EVERY = 2**31 - 1


@dataclass(slots=True, kw_only=True)
class RawGaps:
    """What events of a window say of content gaps, as far as the projection has seen them."""

    seen: int
    told: FoundGaps = field(default_factory=FoundGaps)

    @classmethod
    async def of(cls, view: Snapshot) -> "RawGaps":
        """Returns none yet, with how far the projection is."""
        return cls(seen=await projections.seen(view.driver, view.organization_id, GAPS))

    def take(self, portion: Portion) -> None:
        """Takes in events, each with its revision."""
        told = (GapEvent.of(revision, event) for revision, event in portion if revision <= self.seen)
        self.told.take(one for one in told if one is not None)

    def take_replaced(self, replaced: Sequence[ReplacedLately]) -> None:
        """Takes in what events were that the projection has seen before they were replaced."""
        self.take([(revision, event) for replaced_by, revision, event in replaced if self.seen < replaced_by])

    async def check(self, view: Snapshot, window: Span, findings: Findings, *, complete: bool) -> None:
        """Adds the content gaps that do not agree to the findings. complete: the window has every raw event."""
        told = self.told
        recorded = await content_gaps.recorded_quarters(view.driver, view.organization_id, window)
        keys = recorded.keys() | told.quarters.keys()
        differing = sum(recorded.get(key) != told.quarters.get(key) for key in keys)
        if complete:
            differing += await _differing_topics(view, told)
        findings.add(Mismatch(fault=Fault.CONTENT_GAP, bucket=window.start), differing)


async def _differing_topics(view: Snapshot, told: FoundGaps) -> int:
    numbers = await content_gaps.listed(view.driver, view.organization_id, prefix="", search="", also=(), most=_EVERY)
    examples = await content_gaps.examples(view.driver, view.organization_id, numbers.keys() | told.examples.keys())
    totals = told.totals()
    return sum(
        (numbers.get(topic), examples.get(topic)) != (totals.get(topic), told.examples.get(topic))
        for topic in numbers.keys() | totals.keys()
    )
