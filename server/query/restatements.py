"""Restatements: which figures that were final have changed since a revision, from the log of updates."""

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from server import timerange
from server.catalog import cells
from server.catalog.cells import CellKey
from server.catalog.filters import Filter
from server.catalog.selections import Wanted
from server.errors import Reason, Refused
from server.store import updates
from server.store.database import Driver
from server.timerange import Span

MAX_REVISIONS = 20_000  # that are looked through for one question
_PAGE_PORTIONS, _PAGE_COUNTERS = 200, 50_000
_EVERYTHING = 2**62
_FIELD = "since_revision"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restated:
    """The quarter hours that have changed since a revision, in order, and when that revision was made."""

    made_at: datetime
    quarters: Sequence[int]

    def holds(self, span: Span) -> bool:
        """Returns whether a span that was over when the revision was made has changed since."""
        if timerange.instant(span.end) > self.made_at:
            return False
        place = bisect.bisect_left(self.quarters, span.start)
        return place < len(self.quarters) and self.quarters[place] < span.end


async def since(
    driver: Driver, organization_id: int, revision: int, newest: int, part: Filter, wanted: Wanted
) -> Restated | None:
    """Returns what revisions after one have changed of the figures wanted of a part; None if there are none. To be
    asked in the snapshot of the newest one.

    Refuses a revision that is not there yet, one from which on the log is no longer whole, and pairs of dimensions,
    which the log does not have.
    """
    if revision > newest:
        raise Refused(
            Reason.FUTURE_REVISION,
            f"since_revision refers to revision {revision}, but the newest is {newest} (was the database restored from"
            " a backup?)",
            field=_FIELD,
            metadata={"revision": str(newest)},
        )
    if part.dimension.sides is not None:
        raise Refused(
            Reason.INVALID_VALUE, "changes are not logged by pairs of dimensions: name one filter", field=_FIELD
        )
    if revision == newest:
        return None
    made_at = await updates.made_at(driver, organization_id, revision)
    if made_at is None or newest - revision > MAX_REVISIONS:
        raise await _refusal(driver, organization_id, revision)
    return Restated(made_at=made_at, quarters=await _changed(driver, organization_id, revision, part, wanted))


async def _refusal(driver: Driver, organization_id: int, revision: int) -> Refused:
    kept = await updates.window(driver, organization_id)
    oldest = min(kept.newest, max(kept.oldest, kept.newest - MAX_REVISIONS))
    return Refused(
        Reason.CHANGES_NOT_KEPT,
        f"what has changed since revision {revision} is no longer known; the oldest revision that can be asked about is"
        f" {oldest}",
        field=_FIELD,
        metadata={"oldest_revision": str(oldest)},
    )


async def _changed(driver: Driver, organization_id: int, revision: int, part: Filter, wanted: Wanted) -> Sequence[int]:
    """Returns the quarter hours of a part whose figures have changed since a revision, in order."""
    keys = _keys(wanted)
    found = set[int]()
    portions = 0
    while True:
        page = await updates.after(
            driver,
            organization_id,
            revision,
            portions,
            limit=_PAGE_PORTIONS,
            events=_EVERYTHING,
            counters=_PAGE_COUNTERS,
        )
        for update in page:
            found.update(_quarters(update.changes, part, keys))
        if not page:
            return sorted(found)
        last = page[-1]
        revision, portions = (last.revision - 1, last.portion + 1) if last.more else (last.revision, 0)


def _keys(wanted: Wanted) -> frozenset[int] | None:
    """Returns the counters by which figures change; None where any counter may tell, as of distinct ids, which the log
    does not have.
    """
    if wanted.sets:
        return None
    measured = [key(number) for number in wanted.histograms for key in (cells.count_key, cells.sum_key)]
    return frozenset([*wanted.counters, *measured])


def _quarters(changes: Mapping[CellKey, Mapping[int, int]], part: Filter, keys: frozenset[int] | None) -> Sequence[int]:
    return [
        key.bucket
        for key, counters in changes.items()
        if key.dimension == part.dimension.number
        and key.value == part.value
        and (keys is None or not keys.isdisjoint(counters))
    ]
