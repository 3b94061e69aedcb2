"""Recounts what conversations add to figures, from the facts alone that their projection has seen by then."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from server import timerange
from server.catalog import cells, dimensions, registry
from server.catalog.families.conversations import PROJECTION
from server.catalog.metrics import Aggregation
from server.quarters import Width
from server.store import projections, rollups
from server.store.database import Database, Driver
from server.store.isolation import EVERY
from server.timerange import Span
from tests.harness.faults import model, tables
from tests.harness.faults.workload import Fact

_FIELDS = {
    dimensions.TOTAL.number: "",
    dimensions.AGENT.number: "agent_id",
    dimensions.CHANNEL.number: "channel",
    dimensions.TEAM.number: "team_id",
}
# Of a measure with values they are added up, others are counted.
_KEYS = {
    name: (cells.sum_key if measure.aggregation is Aggregation.HISTOGRAM else cells.count_key)(measure.number)
    for name in model.OF_CONVERSATIONS
    if (measure := registry.MEASURES[name]).projection == PROJECTION
}


class _Place(NamedTuple):
    """Where something is counted."""

    figure: str
    field: str
    value: str
    quarter: int

    def __str__(self) -> str:
        """In words."""
        part = f"{self.field} {self.value}" if self.field else "all"
        return f"{self.figure} of {part} at {timerange.instant(self.quarter):%F %H:%M}"


Counts = Counter[_Place]


async def differences(
    database: Database, organization: int, facts: Mapping[str, Fact], start: datetime, end: datetime
) -> list[str]:
    """What is stored of an organization between two instants, in one snapshot, and the model does not say."""
    span = Span(start=timerange.floor_bucket(start), end=timerange.floor_bucket(end))
    async with database.snapshot(of=EVERY) as driver:
        seen = await projections.seen(driver, organization, PROJECTION)
        ids = [event_id for event_id, revision in await tables.events(driver, organization) if revision <= seen]
        stored = await _stored(driver, organization, span)
    expected = Counts()
    for moment in model.moments(facts[event_id] for event_id in ids if event_id in facts):
        expected.update(dict(_counts(moment)))
    return [
        f"{place}, as of revision {seen}, is {stored[place]}, the model says {expected[place]}"
        for place in sorted(stored.keys() | expected.keys())
        if stored[place] != expected[place]
    ]


async def _stored(driver: Driver, organization: int, span: Span) -> Counts:
    found = Counts()
    for key, cell in (await rollups.stored_between(driver, organization, Width.QUARTER, span)).items():
        field = _FIELDS.get(key.dimension)
        if field is not None:
            for figure, counter in _KEYS.items():
                if amount := cell.counters.get(counter):
                    found[_Place(figure, field, key.value, key.bucket)] += amount
    return found


def _counts(moment: model.Moment) -> Iterator[tuple[_Place, int]]:
    for field in _FIELDS.values():
        value = getattr(moment, field) if field else ""
        if value or not field:
            for figure, count in moment.figures.items():
                yield _Place(figure, field, value, timerange.floor_bucket(moment.at)), count
