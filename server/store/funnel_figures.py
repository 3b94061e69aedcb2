"""The figures of funnels: one pass over leads or raw events, in SQL.

Each of a cohort is a row with two arrays: what happened to it, step by step, and when. Level by level the row gets the
time at which it entered the next stage: that of the first fitting step from the time of the stage before on. A column
that is another at every call keeps the planner from merging the levels, which would work out every time again for each
later one. OFFSET 0 does so, too, but in one process alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from server import timerange
from server.catalog.funnels import (
    FunnelBreakdown,
    FunnelCohort,
    FunnelCounts,
    FunnelDefinition,
    FunnelOrder,
    StageCounts,
)
from server.store import funnel_sources, leads, statements
from server.store.database import Driver
from server.store.funnel_sources import FunnelSource, entered

_MICROSECOND = timedelta(microseconds=1)
_BEFORE_IT_OCCURS = timedelta(days=1)  # as in events: no event is received much before it occurs
_APART = "clock_timestamp() AS apart"
_WITHOUT, _OTHER = -1, 0  # places beside those of the rows


async def counts(driver: Driver, organization_id: int, cohort: FunnelCohort, top: int) -> FunnelBreakdown:
    """Returns the counts of a cohort, and those of the values with the largest parts of it; in a snapshot."""
    rows = await leads.valid(driver, organization_id)
    built = _Statement.of(organization_id, cohort, rows.version if rows is not None else 0)
    if cohort.breakdown is None:
        (row,) = await built.fetch(driver, built.counted("NULL::integer"))
        return FunnelBreakdown(total=built.read(row), rows={}, other=None, without=None, number=0)
    found = await built.fetch(driver, built.labels(), top=top)
    labels = [row["label"] for row in found]
    number = found[0]["number"] if found else 0
    places: dict[int | None, FunnelCounts] = {
        row["place"] if not row["is_total"] else None: built.read(row)
        for row in await built.fetch(driver, built.counted(_PLACE, by_place=True), labels=labels)
    }
    return FunnelBreakdown(
        total=places[None],
        rows={label: places[place] for place, label in enumerate(labels, 1)},
        other=places.get(_OTHER),
        without=places.get(_WITHOUT),
        number=number,
    )


_PLACE = (
    f"CASE WHEN coalesce(label, '') = '' THEN {_WITHOUT}"
    f" ELSE coalesce(array_position(:labels::text[], label), {_OTHER}) END"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Statement:
    """The parts of the statement that answers a question. paths is SQL with a row for each of the cohort: its label,
    the times t1, t2 … of its stages, and in any order r1, r2 …, whether it reached each.
    """

    paths: str
    values: Mapping[str, object]
    stages: int
    in_order: bool

    @classmethod
    def of(cls, organization_id: int, cohort: FunnelCohort, version: int) -> "_Statement":
        """Returns the statement of a question over leads of a version."""
        definition, values = cohort.definition, dict[str, object]()
        source = funnel_sources.source(cohort, values)
        in_order = definition.order is FunnelOrder.IN_ORDER
        build = _in_order if in_order else _in_any_order
        start, end = cohort.interval.start, cohort.interval.end
        values |= {
            "organization_id": organization_id,
            "version": version,
            "start_at": start,
            "end_at": end,
            "last_at": end + definition.window,
            "received_from": max(timerange.EPOCH, start - _BEFORE_IT_OCCURS),
            "first": _microseconds(start - timerange.EPOCH),
            "last": _microseconds(end - timerange.EPOCH),
            "window": _microseconds(definition.window),
            "now": cohort.now,
            "inside_from": timerange.of_microseconds(cohort.now) - definition.window,
        }
        paths = build(definition, source)
        return cls(paths=paths, values=values, stages=len(definition.stages), in_order=in_order)

    async def fetch(self, driver: Driver, named: str, **more: object) -> list[asyncpg.Record]:
        """Returns the rows of a statement of these parts."""
        statement = statements.numbered(named)
        known = {**self.values, **more}
        return await driver.fetch(statement.text, *map(known.__getitem__, statement.parameters))

    def labels(self) -> str:
        """Returns the statement of the values with the largest parts, and of how many values there are."""
        return (
            "SELECT label, count(*) AS size, count(*) OVER () AS number"  # noqa: S608 - constants of this file
            f" FROM ({self.paths}) AS p WHERE label <> '' GROUP BY label"
            ' ORDER BY size DESC, label COLLATE "C" LIMIT :top'
        )

    def counted(self, place: str, *, by_place: bool = False) -> str:
        """Returns the statement of what the stages come to: of all, and by the places of values."""
        grouping = "GROUP BY GROUPING SETS ((), (place))" if by_place else ""
        is_total = "grouping(place) = 1" if by_place else "true"
        shown = "place" if by_place else "NULL::integer AS place"
        return (
            f"SELECT {shown}, {is_total} AS is_total, {', '.join(self._figures())}"  # noqa: S608 - as above
            f" FROM (SELECT *, {place} AS place FROM ({self.paths}) AS p) AS g {grouping}"
        )

    def _figures(self) -> Iterator[str]:
        for place in range(1, self.stages + 1):
            yield f"count(t{place})"
            is_there = f"t{place} IS NOT NULL AND t{place + 1} IS NULL AND NOT is_lost"
            has_next = place < self.stages
            yield f"count(*) FILTER (WHERE {is_there} AND t1 + :window >= :now::bigint)" if has_next else "0::bigint"
            times = f"percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY t{place} - t{place - 1})"
            yield times if place > 1 else "NULL::bigint[]"
            yield f"count(t{place})" if self.in_order else f"count(*) FILTER (WHERE r{place})"

    def read(self, row: asyncpg.Record) -> FunnelCounts:
        """Returns the counts of a row of what counted() reads."""
        _, _, *cells = row
        found = []
        for place in range(0, len(cells), 4):
            entered, inside, times, reached = cells[place : place + 4]
            median, p95 = times or (None, None)
            found.append(StageCounts(entered=entered, still_inside=inside, median=median, p95=p95, reached=reached))
        return found


def _microseconds(length: timedelta) -> int:
    return length // _MICROSECOND


def _in_order(definition: FunnelDefinition, source: FunnelSource) -> str:
    kept, times = "label, is_lost, step_times, steps", ["t1"]
    sql = f"SELECT {kept}, {source.entry} AS t1, {_APART} FROM ({source.sql}) AS s"  # noqa: S608 - as above
    for place in range(1, len(definition.stages)):
        alike = definition.alike(place)
        begins = [f"width_bucket({times[-1]} - 1, step_times)"]
        if alike is not None:
            begins.append(f"width_bucket({times[alike]}, step_times)")
        begin = begins[0] if len(begins) == 1 else f"greatest({', '.join(begins)})"
        sql = (
            f"SELECT {kept}, {', '.join(times)}, CASE WHEN {times[-1]} IS NOT NULL"  # noqa: S608 - as above
            f" THEN {entered(source.steps[place], begin)} END AS t{place + 1}, {_APART} FROM ({sql}) AS s{place}"
            f"{' WHERE t1 < :last::bigint' if place == 1 else ''}"
        )
        times.append(f"t{place + 1}")
    within = ", ".join(f"CASE WHEN {one} <= t1 + :window::bigint THEN {one} END AS {one}" for one in times[1:])
    return f"SELECT label, is_lost, t1, {within}, {_APART} FROM ({sql}) AS w"  # noqa: S608 - as above


def _in_any_order(definition: FunnelDefinition, source: FunnelSource) -> str:
    number = len(definition.stages)
    begin = f"width_bucket({source.begin} - 1, step_times)"
    each = ", ".join(f"{entered(step, begin)} AS a{place}" for place, step in enumerate(source.steps, 1))
    all_of = ", ".join(f"a{place}" for place in range(1, number + 1))
    times = ", ".join(f"times[{place}] AS t{place}" for place in range(1, number + 1))
    reached = ", ".join(f"a{place} <= entry + :window::bigint AS r{place}" for place in range(1, number + 1))
    return (
        f"SELECT label, is_lost, {times}, {reached} FROM (SELECT *, ARRAY(SELECT one FROM"  # noqa: S608 - as above
        f" unnest(ARRAY[{all_of}]) AS u(one) WHERE one <= entry + :window::bigint ORDER BY one) AS times"
        f" FROM (SELECT *, least({all_of}) AS entry FROM (SELECT label, is_lost, {each} FROM ({source.sql}) AS s"
        " OFFSET 0) AS a OFFSET 0) AS e WHERE entry < :last::bigint OFFSET 0) AS w OFFSET 0"
    )
