"""Custom metrics: what organizations have defined, how far each is counted, and the events that they count."""

import json
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from server.catalog import custom_metrics
from server.catalog.custom_metrics import PROJECTION, CustomMetric, KeptMetric, Path, ValueFilter
from server.catalog.metrics import Aggregation, Better
from server.events.event import ID_FIELDS, Event, id_of
from server.store import events, projections, statements
from server.store.database import Driver
from server.store.following import EventReader
from server.store.projections import Locked

_PORTION = 5_000
_DEFINED = (
    "name, title, description, unit, better, event_types, aggregation, value_path, decimals, filter_path,"
    " filter_value::text, dimension_path"
)
_SELECT = (
    f"SELECT {_DEFINED}, number, created_at, counted_after, history_until, progress, complete_from, not_numbers,"  # noqa: S608 - constants of this file
    " distinct_values, dimension_values FROM custom_metrics WHERE organization_id = $1 AND NOT is_deleted"
)


def _kept(row: asyncpg.Record) -> KeptMetric:
    (
        *texts,
        better,
        event_types,
        aggregation,
        value,
        decimals,
        filter_path,
        equals,
        dimension,
        number,
        created_at,
        counted_after,
        history_until,
        progress,
        complete_from,
        not_numbers,
        distinct_values,
        dimension_values,
    ) = row
    name, title, description, unit = texts
    return KeptMetric(
        definition=CustomMetric(
            name=name,
            title=title,
            description=description,
            unit=unit,
            better=Better[better],
            event_types=event_types,
            aggregation=Aggregation(aggregation),
            value=Path.of(value) if value else None,
            decimals=decimals,
            filter=ValueFilter(path=Path.of(filter_path), equals=json.loads(equals)) if filter_path else None,
            dimension=Path.of(dimension) if dimension else None,
        ),
        number=number,
        created_at=created_at,
        counted_after=counted_after,
        history_until=history_until,
        progress=progress,
        complete_from=complete_from,
        not_numbers=not_numbers,
        distinct_values=distinct_values,
        dimension_values=dimension_values,
    )


async def listed(driver: Driver, organization_id: int) -> list[KeptMetric]:
    """Returns the custom metrics of an organization, by name."""
    return [_kept(row) for row in await driver.fetch(f"{_SELECT} ORDER BY name", organization_id)]


async def named(driver: Driver, organization_id: int, name: str) -> KeptMetric | None:
    """Returns the custom metric of that name; None where there is none."""
    row = await driver.fetchrow(f"{_SELECT} AND name = $2", organization_id, name)
    return None if row is None else _kept(row)


async def lock(driver: Driver, organization_id: int) -> Locked | None:
    """Locks the counting of an organization's custom metrics until COMMIT, once whoever holds it has committed: steps
    of the projection, history, definitions and deletions take turns. Without metrics there is nothing to lock.
    """
    return await projections.lock(driver, organization_id, PROJECTION)


async def begin(driver: Driver, organization_id: int) -> Locked | None:
    """Locks the counting, which begins with the newest revision if nothing is counted yet; None where there is no such
    organization.
    """
    await driver.execute(_BEGIN, organization_id, PROJECTION)
    return await lock(driver, organization_id)


_BEGIN = (
    "INSERT INTO projections (organization_id, name, revision, revised_at)"
    " SELECT organization_id, $2, revision, revised_at FROM revisions WHERE organization_id = $1 ON CONFLICT DO NOTHING"
)


async def last_number(driver: Driver, organization_id: int) -> int:
    """Returns the highest number that a metric of an organization ever had; the one before the first where none had."""
    found: int | None = await driver.fetchval(
        "SELECT max(number) FROM custom_metrics WHERE organization_id = $1", organization_id
    )
    return custom_metrics.FIRST_NUMBER - 1 if found is None else found


async def add(driver: Driver, organization_id: int, number: int, own: CustomMetric, counted_after: int) -> None:
    """Stores a definition. Where there are no earlier events there is no history to count."""
    arguments = _ADD.arguments(
        organization_id=organization_id,
        number=number,
        name=own.name,
        title=own.title,
        description=own.description,
        unit=own.unit,
        better=own.better.name,
        event_types=list(own.event_types),
        aggregation=own.aggregation.value,
        value_path=own.value.text if own.value else "",
        decimals=own.decimals,
        filter_path=own.filter.path.text if own.filter else "",
        filter_value=json.dumps(own.filter.equals) if own.filter else None,
        dimension_path=own.dimension.text if own.dimension else "",
        counted_after=counted_after,
    )
    await driver.execute(_ADD.text, *arguments)


_ADD = statements.load("add_custom_metric")


async def delete(driver: Driver, organization_id: int, name: str) -> None:
    """Deletes a metric. Its number stays, and so do remnants of what was counted
    until they are removed. Without any metric left nothing is followed any more.
    """
    await driver.execute(
        "UPDATE custom_metrics SET is_deleted = true, has_remnants = true"
        " WHERE organization_id = $1 AND name = $2 AND NOT is_deleted",
        organization_id,
        name,
    )
    await driver.execute(
        "DELETE FROM projections WHERE organization_id = $1 AND name = $2 AND NOT EXISTS"
        " (SELECT FROM custom_metrics WHERE organization_id = $1 AND NOT is_deleted)",
        organization_id,
        PROJECTION,
    )


async def note_not_numbers(driver: Driver, organization_id: int, more: Mapping[int, int]) -> None:
    """Adds to how many values metrics could not take, by their numbers."""
    if more:
        await driver.execute(
            "UPDATE custom_metrics AS m SET not_numbers = not_numbers + w.more"
            " FROM unnest($2::integer[], $3::bigint[]) AS w(number, more)"
            " WHERE m.organization_id = $1 AND m.number = w.number",
            organization_id,
            list(more),
            list(more.values()),
        )


async def note_history(
    driver: Driver,
    organization_id: int,
    numbers: Sequence[int],
    *,
    until: int | None,
    progress: float,
    complete_from: int | None,
) -> None:
    """Records up to which quarter hour the history of metrics is counted, None: all of it; and the quarter hour from
    which on raw events were there, unless that is known.
    """
    await driver.execute(
        "UPDATE custom_metrics SET history_until = $3, progress = $4, complete_from = coalesce($5, complete_from)"
        " WHERE organization_id = $1 AND number = ANY($2::integer[])",
        organization_id,
        list(numbers),
        until,
        progress,
        complete_from,
    )


async def unsettled(driver: Driver, only: Sequence[int] | None = None) -> list[int]:
    """Returns the organizations with metrics whose history is not counted, or of which remnants are to be removed; of
    all, or of some alone.
    """
    some, told = statements.among(only, "organization_id = ANY($1::integer[])")
    rows = await driver.fetch(
        "SELECT DISTINCT organization_id FROM custom_metrics"  # noqa: S608
        f" WHERE (NOT is_deleted AND history_until IS NOT NULL OR has_remnants){some}",
        *told,
    )
    return [row[0] for row in rows]


async def in_history(driver: Driver, organization_ids: Collection[int]) -> set[int]:
    """Returns those of the organizations that need their raw events, since some history is not counted yet."""
    rows = await driver.fetch(
        "SELECT DISTINCT organization_id FROM custom_metrics"
        " WHERE organization_id = ANY($1::integer[]) AND NOT is_deleted AND history_until IS NOT NULL",
        list(organization_ids),
    )
    return {row[0] for row in rows}


async def deleted(driver: Driver, organization_id: int) -> set[int]:
    """Returns the numbers of the deleted metrics of an organization."""
    rows = await driver.fetch(
        "SELECT number FROM custom_metrics WHERE organization_id = $1 AND is_deleted", organization_id
    )
    return {row[0] for row in rows}


async def remnants(driver: Driver, organization_id: int) -> list[int]:
    """Returns the numbers of deleted metrics of which something may be left."""
    rows = await driver.fetch(
        "SELECT number FROM custom_metrics WHERE organization_id = $1 AND has_remnants ORDER BY number FOR UPDATE",
        organization_id,
    )
    return [row[0] for row in rows]


async def remove_remnants(driver: Driver, organization_id: int, numbers: Sequence[int], limit: int) -> bool:
    """Removes the values of deleted metrics, and the figures by their own dimensions, about as many as a limit allows;
    returns whether that were all. Nobody may fold meanwhile.
    """
    own = [custom_metrics.dimension_of(number) for number in numbers]
    is_all = True
    for table, column, kind, some in (
        ("deltas", "dimension", "smallint", own),
        ("rollups", "dimension", "smallint", own),
        ("custom_values", "number", "integer", numbers),
    ):
        removed = await driver.execute(
            f"DELETE FROM {table} WHERE {driver.narrowed}ctid = ANY(ARRAY(SELECT ctid FROM {table}"  # noqa: S608 - names of this file
            f" WHERE organization_id = $1 AND {column} = ANY($2::{kind}[]) LIMIT $3))",
            organization_id,
            list(some),
            limit,
        )
        is_all = is_all and statements.rows(removed) < limit
    if is_all:
        await driver.execute(
            "UPDATE custom_metrics SET has_remnants = false WHERE organization_id = $1 AND number = ANY($2::integer[])",
            organization_id,
            list(numbers),
        )
    return is_all


_COLUMNS = ("event_id", *ID_FIELDS, "detail::text", "properties::text")


def _event(row: Iterable[Any]) -> tuple[int, Event]:
    revision, _received_at, occurred_at, event_key, event_type, event_id, *ids, detail, properties = row
    event = Event._make(
        (
            event_id or id_of(event_key) or "",
            event_key,
            0,
            event_type,
            occurred_at,
            *(one or "" for one in ids),
            json.loads(detail) if detail else {},
            properties or "",
            (),
        )
    )
    return revision, event


# Those of the types of metrics, each with its revision.
EVENTS = EventReader(_COLUMNS, "event_type = ANY(:event_types::text[])", _event)


async def events_between(
    driver: Driver,
    organization_id: int,
    start: datetime,
    end: datetime,
    event_types: Sequence[str],
    until: int,
    *,
    seen: int | None = None,
) -> AsyncIterator[list[tuple[int, Event]]]:
    """Yields the raw events of some types that occurred in [start, end), of revisions up to one, each with its
    revision, in portions; needs an open transaction. Where seen is given, they are what they were at that revision:
    not yet what later ones have made of them.
    """
    where = (
        " WHERE organization_id = $1 AND occurred_at >= $2 AND occurred_at < $3 AND event_type = ANY($4::text[])"
        " AND occurred_at > '-infinity'"
        " AND {} <= $5"
    )
    before = f" UNION ALL SELECT {events.REPLACED} FROM replaced_events"  # noqa: S608 - constants
    cursor = await driver.cursor(
        f"SELECT {events.SELECTED} FROM events{where.format('revision')}"  # noqa: S608 - constants
        f"{before}{where.format('replaced_revision')} AND revision > $6",
        organization_id,
        start,
        end,
        list(event_types),
        until,
        2**62 if seen is None else seen,
    )
    while rows := await cursor.fetch(_PORTION):
        yield [(row["revision"], events.read(tuple(row))) for row in rows]
