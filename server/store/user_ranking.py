"""Users in the order of a figure over a span, with what they did in it."""

import dataclasses
import functools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from server.events import event_types
from server.events.user_activity import DayActivity
from server.store import statements
from server.store.database import Driver
from server.store.statements import Statement

COLUMNS = tuple(one.name for one in dataclasses.fields(DayActivity))


def _of_models(name: str) -> str:
    return f"CASE WHEN {_USES_MODEL} THEN coalesce((detail ->> '{name}')::bigint, 0) ELSE 0 END"


_USES_MODEL = f"event_type IN ({', '.join(map(repr, event_types.MODEL_USES))})"
_IS_RATING = "event_type = 'feedback.submitted' AND detail ? 'rating'"
# What an event adds to each column; a conversation adds to one of them where it begins.
OF_EVENT = {
    "events": "1",
    "messages_received": f"(event_type = '{event_types.MESSAGE_RECEIVED}')::integer",
    "messages_sent": f"(event_type = '{event_types.MESSAGE_SENT}')::integer",
    **{name: _of_models(name) for name in ("prompt_tokens", "cached_tokens", "completion_tokens", "cost_micros")},
    "ratings": f"({_IS_RATING})::integer",
    "rating_sum": f"CASE WHEN {_IS_RATING} THEN (detail ->> 'rating')::bigint ELSE 0 END",
}
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSpan:
    """A span as the projection of users keeps it: whole days of UTC [first_day, end_day), and what is before and behind
    them, of which raw events say what users did.
    """

    first_day: date
    end_day: date
    edges: Sequence[tuple[datetime, datetime]]


@dataclass(frozen=True, slots=True, kw_only=True)
class UserOrder:
    """A figure that users are ranked by: columns added up, each times a sign, and divided by others, if any."""

    above: Sequence[tuple[int, str]]
    below: Sequence[str] = ()
    descending: bool = True


def columns(names: Sequence[str]) -> dict[str, str]:
    """Returns how statements name some columns, take them from an event and a conversation, and add them up."""
    return {
        "COLUMNS": ", ".join(names),
        "RAW_COLUMNS": ", ".join(f"({OF_EVENT.get(one, '0')})::bigint AS {one}" for one in names),
        "BEGINNING_COLUMNS": ", ".join(f"{int(one == 'conversations')}::bigint AS {one}" for one in names),
        "SUMS": ", ".join(f"least(sum({one}), {_LARGEST})::bigint AS {one}" for one in names),
    }


@functools.cache
def _statement(above: tuple[tuple[int, str], ...], below: tuple[str, ...]) -> Statement:
    figure = " + ".join(f"{sign} * {column}" for sign, column in above)
    divisor = " + ".join(below)
    needed = {"events", "conversations", *(column for _, column in above), *below}
    return statements.load(
        "rank_users",
        **columns([one for one in COLUMNS if one in needed]),
        FIGURE=f"(({figure})::numeric / nullif({divisor}, 0))" if divisor else f"({figure})",
    )


_READ = statements.load("read_users", **columns(COLUMNS))


async def rank(
    driver: Driver, organization_id: int, span: UserSpan, by: UserOrder, *, skip: int, most: int
) -> tuple[dict[str, DayActivity], int]:
    """Returns users in order, from a place on, each with what it did, and how many there are in all. To be asked in a
    snapshot.
    """
    chosen = _statement(tuple(by.above), tuple(by.below))
    given = chosen.arguments(**span_arguments(organization_id, span), descending=by.descending, skip=skip, most=most)
    rows = await driver.fetch(chosen.text, *given)
    if not rows and skip:  # past the last one
        _, number = await rank(driver, organization_id, span, by, skip=0, most=1)
        return {}, number
    did = await read(driver, organization_id, span, [row[0] for row in rows])
    return {row[0]: did[row[0]] for row in rows}, rows[0][1] if rows else 0


async def read(driver: Driver, organization_id: int, span: UserSpan, users: Collection[str]) -> dict[str, DayActivity]:
    """Returns what users did; those that did nothing are left out."""
    if not users:
        return {}
    rows = await driver.fetch(_READ.text, *_READ.arguments(**span_arguments(organization_id, span), users=list(users)))
    return {user: DayActivity(*did) for user, *did in rows}


def span_arguments(organization_id: int, span: UserSpan) -> dict[str, object]:
    """Returns what statements are given of a span."""
    return {
        "organization_id": organization_id,
        "first_day": span.first_day,
        "end_day": span.end_day,
        "edge_starts": [start for start, _ in span.edges],
        "edge_ends": [end for _, end in span.edges],
    }
