"""Rows of users: what the projection of users keeps by day of UTC, and raw events at the edges of a period."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, time, timedelta

from server import timerange
from server.catalog import cells, dimensions, figures, registry
from server.catalog.cells import Cell
from server.catalog.filters import Filter
from server.catalog.selections import Selection
from server.errors import Reason, Refused
from server.events.user_activity import DayActivity
from server.query.ranking import Order
from server.store import organizations, user_ranking
from server.store.database import Driver
from server.store.user_ranking import UserOrder, UserSpan
from server.timerange import Interval

_DAY = timedelta(days=1)


def _key(name: str, *, is_count: bool) -> int:
    number = registry.MEASURES[name].number
    return cells.count_key(number) if is_count else cells.sum_key(number)


# Which counter of a cell each column is.
_COUNTERS = {
    "events": _key("events", is_count=True),
    "messages_received": _key("messages_received", is_count=True),
    "messages_sent": _key("messages_sent", is_count=True),
    "conversations": _key("total_conversations", is_count=True),
    "prompt_tokens": _key("prompt_tokens", is_count=False),
    "cached_tokens": _key("cached_tokens", is_count=False),
    "completion_tokens": _key("completion_tokens", is_count=False),
    "cost_micros": _key("cost_micros", is_count=False),
    "ratings": _key("rating_sum", is_count=True),
    "rating_sum": _key("rating_sum", is_count=False),
}
_COLUMNS = {key: column for column, key in _COUNTERS.items()}
_NO_ORDER = UserOrder(above=[(0, "events")])


async def ranked(
    driver: Driver, organization_id: int, bounds: Interval, by: Order, *, skip: int, most: int
) -> tuple[Mapping[Selection, Cell], int]:
    """Returns the users of a page in order, each with its cell, and how many there are in all."""
    found, number = await user_ranking.rank(
        driver,
        organization_id,
        await span_of(driver, organization_id, bounds),
        _order(by),
        skip=skip,
        most=most,
    )
    return _cells(found, bounds), number


async def of(
    driver: Driver, organization_id: int, bounds: Interval, users: Collection[str]
) -> Mapping[Selection, Cell]:
    """Returns the cells of some users within other bounds."""
    within = await span_of(driver, organization_id, bounds)
    found = await user_ranking.read(driver, organization_id, within, users)
    return _cells({**dict.fromkeys(users, DayActivity()), **found}, bounds)


def _cells(found: Mapping[str, DayActivity], bounds: Interval) -> dict[Selection, Cell]:
    whole = Selection.within(Filter(), bounds)
    return {
        whole.of_part(Filter(dimension=dimensions.USER, value=user)): Cell(
            {key: amount for column, key in _COUNTERS.items() if (amount := getattr(did, column))}
        )
        for user, did in found.items()
    }


def _order(by: Order) -> UserOrder:
    """Returns the order in terms of columns; by user alone where a metric is not kept by user."""
    chosen = by.ranking if figures.is_kept(by.metric, dimensions.USER, by.catalogue) else None
    if chosen is None:
        return _NO_ORDER
    return UserOrder(
        above=[(sign, _COLUMNS[key]) for sign, key in zip(chosen.signs, chosen.above, strict=True)],
        below=[_COLUMNS[key] for key in chosen.below],
        descending=by.descending,
    )


async def span_of(driver: Driver, organization_id: int, bounds: Interval) -> UserSpan:
    """Returns bounds in days and edges; refuses edges of which raw events may be gone."""
    start, end = bounds.start, bounds.end
    first, last = _midnight(start + _DAY - timedelta(microseconds=1)), _midnight(end)
    edges = [(start, first), (last, end)] if first <= last else [(start, end)]
    edges = [(one, other) for one, other in edges if one < other]
    kept = await organizations.kept(driver, organization_id)
    if kept is not None and any(timerange.floor_bucket(one) < kept.raw_from_bucket for one, _ in edges):
        kept_from = timerange.instant(kept.raw_from_bucket).isoformat().replace("+00:00", "Z")
        raise Refused(
            Reason.RAW_EVENTS_GONE,
            f"what users did is kept by day of UTC, and raw events from {kept_from} on: a period that begins or ends"
            " before that begins and ends at midnight UTC",
            field="time_range",
            metadata={"kept_from": kept_from},
        )
    return UserSpan(first_day=first.date(), end_day=max(first, last).date(), edges=edges)


def _midnight(at: datetime) -> datetime:
    return datetime.combine(at.astimezone(UTC).date(), time(), UTC)
