"""Conversations one by one: lists of them in any order, of now or as they were at an earlier revision."""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from server import timerange
from server.catalog.conversation_lists import (
    RANGED,
    TIME_ORDERS,
    ConversationFilter,
    ConversationList,
    ConversationOrder,
    ConversationPlace,
    ConversationTime,
)
from server.events.conversation import Conversation
from server.events.outcomes import ClosingKind
from server.store import conversations, instants, projections, statements
from server.store.conversations import FIELDS
from server.store.database import Driver
from server.store.statements import Statement

MOST = 100_000  # conversations that are put in another order than that of an index
LOOKED_AT = 10_000  # conversations that are looked at for a page in the order of an index
_MICROSECOND = timedelta(microseconds=1)
_VERSION = projections.VERSION.format("conversations").replace("$1", ":organization_id")
_LAST = chr(0x10FFFF) * 64  # behind every id that it is appended to the beginning of
_COLUMNS = ", ".join(("conversation_key", "latest_minute", *FIELDS))
_TELLING, _CANDIDATES = statements.text("list_conversations"), statements.text("list_candidates")


def _us(column: str) -> str:
    return instants.selected(f"n.{column}")


def _between(start: str, end: str) -> str:
    """Returns milliseconds between two instants in SQL; 0 where the end was told to be before the start."""
    return f"({end} - {start} + abs({end} - {start})) / 2000"  # greatest() passes over what is absent


_AT = {
    ConversationTime.CLOSED: "closed_at",
    ConversationTime.BEGAN: "began_at",
    ConversationTime.ACTIVE: "latest_at",
    ConversationTime.HUMAN_RESOLVED: "human_resolved_at",
}
_ESCALATED = _us("escalated_at")
_ANSWERED = f"(SELECT min(one) FROM unnest(n.human_messages) AS one WHERE one >= {_ESCALATED})"  # noqa: S608
PHASE = "CASE WHEN {0}.outcome IS NULL THEN 1 WHEN {0}.is_open THEN 2 ELSE 3 END"
NUMBERS = {
    ConversationOrder.MESSAGES: "n.messages",
    ConversationOrder.DURATION: _between(_us("began_at"), _us("closed_at")),
    ConversationOrder.FIRST_RESPONSE: _between(_us("began_at"), _us("first_sent_at")),
    ConversationOrder.FIRST_HUMAN_RESPONSE: _between(_us("began_at"), "n.human_messages[1]"),
    ConversationOrder.HUMAN_WAIT: _between(_ESCALATED, _ANSWERED),
    ConversationOrder.TOKENS: "n.tokens",
    ConversationOrder.COST: "n.cost_micros",
    ConversationOrder.RATING: "n.rating",
    ConversationOrder.QUALITY: "n.quality",
    ConversationOrder.REOPENINGS: "n.reopenings",
    ConversationOrder.CONTENT_GAPS: "n.content_gaps",
    ConversationOrder.OUTCOME: "n.outcome",
    ConversationOrder.PHASE: PHASE.format("n"),
    **{order: _us(_AT[time]) for time, order in TIME_ORDERS.items()},
}
_TEXTS = {
    ConversationOrder.CONVERSATION_ID: "conversation_id",
    ConversationOrder.TOPIC: "topic",
    ConversationOrder.USER: "latest_user_id",
    ConversationOrder.HANDOFF_REASON: "handoff_reason",
}
# For whom conversations count at a time: prefixes of columns, or of those with what was named last.
_FOR = {
    ConversationTime.CLOSED: "",
    ConversationTime.BEGAN: "began_",
    ConversationTime.ACTIVE: "latest_",
    ConversationTime.HUMAN_RESOLVED: "human_resolved_",
}
_FOR_WHOM = {
    ConversationOrder.AGENT: "agent_id",
    ConversationOrder.CHANNEL: "channel",
    ConversationOrder.TEAM: "team_id",
}
_IS_ESCALATED = f"c.outcome = {ClosingKind.ESCALATED.value}"
_HAS_WAIT = f"c.outcome IS NOT NULL AND ({_ANSWERED.replace('n.', 'c.')}) IS NOT NULL"
# Which conversations add something to a measure, by its field, when they are closed: as contributions() says it.
_CLOSED = {
    **{kind.name.lower(): f"c.outcome = {kind.value}" for kind in ClosingKind if kind is not ClosingKind.REOPENED},
    **dict.fromkeys(("messages", "duration", "cost", "tokens"), "c.outcome IS NOT NULL"),
    "reopened": "c.outcome IS NOT NULL AND c.reopenings > 0",
    "escalated_resolved": f"{_IS_ESCALATED} AND c.human_resolved_at IS NOT NULL",
    "human_wait": _HAS_WAIT,
}
_COUNTS = {
    **_CLOSED,
    **{f"started_{name}": condition for name, condition in _CLOSED.items()},
    "began": "true",
    "open": "c.is_open",
    "first_response": "c.first_sent_at IS NOT NULL",
    "first_human_response": "cardinality(c.human_messages) > 0",
    **dict.fromkeys(("human_resolved", "final_resolution"), "c.human_resolved_at IS NOT NULL"),
}
_RANGES = " AND ".join(
    f"(:min_{one.name.lower()}::bigint IS NULL OR {NUMBERS[one].replace('n.', 'c.')} >= :min_{one.name.lower()})"
    f" AND (:max_{one.name.lower()}::bigint IS NULL OR {NUMBERS[one].replace('n.', 'c.')} <= :max_{one.name.lower()})"
    for one in RANGED
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedConversation:
    """A conversation and its place in a list."""

    conversation: Conversation
    place: ConversationPlace


class _Shape(NamedTuple):
    """What the text of a list's statement depends on."""

    time: ConversationTime
    order: ConversationOrder
    descending: bool
    has_bounds: bool
    has_prefix: bool
    is_by_index: bool
    figure: tuple[str, ...]
    is_recomputed: bool

    @classmethod
    def of(cls, asked: ConversationList, *, is_recomputed: bool) -> "_Shape":
        prefixed = bool(asked.filter.prefix)
        shape = (asked.time, asked.order, asked.descending, asked.bounds is not None, prefixed, asked.is_by_index)
        return cls(*shape, tuple(asked.figure), is_recomputed)

    @property
    def direction(self) -> str:
        return "DESC" if self.descending else "ASC"

    @property
    def column(self) -> str:
        """Returns the column whose index finds the candidates."""
        return "conversation_id" if self.has_prefix else _AT[self.time]

    @property
    def type(self) -> str:
        """Returns the type of that column."""
        return "text" if self.has_prefix else "timestamptz"

    @property
    def bounds(self) -> str:
        """Returns the conditions that the index decides."""
        within = []
        if self.has_prefix:
            within.append("conversation_id >= :first_id AND conversation_id <= :last_id AND conversation_id > ''")
        if self.has_bounds:
            at = _AT[self.time]
            within.append(f"{at} >= :first AND {at} < :last")
            if self.time is not ConversationTime.ACTIVE:
                within.append(f"{at} > '-infinity'")
            elif not self.has_prefix:
                within.append("latest_minute >= :first_minute AND latest_minute <= :last_minute")
        return " AND ".join(within)

    @property
    def index_order(self) -> str:
        """Returns the order in which an index gives the candidates."""
        if self.has_prefix:
            return f"ORDER BY conversation_id {self.direction}"
        minute = f"latest_minute {self.direction}, " if self.time is ConversationTime.ACTIVE else ""
        return f"ORDER BY {minute}{self.column} {self.direction}, conversation_key"

    @property
    def candidates(self) -> str:
        """Returns SQL that reads the conversations that are put in order."""
        of_place = f":tied::{self.type} IS NULL OR {self.column} <> :tied OR conversation_key > :place_key::bytea"
        constants = {
            "COLUMNS": _COLUMNS,
            "VERSION": _VERSION,
            "BOUNDS": self.bounds,
            "TIES": f"({of_place})" if self.is_by_index else "true",
            "ORDER": self.index_order if self.is_by_index else "",
        }
        return re.sub(r":([A-Z]+)\b", lambda found: constants[found[1]], _CANDIDATES)

    @property
    def recomputed(self) -> str:
        """Returns SQL that reads the conversations that are given, up to the last candidate."""
        than = ">" if self.descending else "<"
        at = f"{self.column} {than} :upto OR {self.column} = :upto AND conversation_key <= :upto_key::bytea"
        upto = f" AND (:upto::timestamptz IS NULL OR {at})" if self.is_by_index else ""
        return f"SELECT {_COLUMNS} FROM ({conversations.GIVEN}) AS g WHERE {self.bounds}{upto}"  # noqa: S608


@functools.cache
def _statement(shape: _Shape) -> Statement:
    """Returns the statement of a page."""
    if shape.order in NUMBERS:
        sort, kind = NUMBERS[shape.order], "bigint"
    else:
        name = _TEXTS.get(shape.order) or _FOR[shape.time] + _FOR_WHOM[shape.order]
        sort, kind = f"nullif(n.{name}, '') COLLATE \"C\"", "text"
    candidates = shape.candidates
    if shape.is_recomputed:
        candidates = f"({candidates}) UNION ALL ({shape.recomputed})"
    return statements.numbered(
        _TELLING,
        CANDIDATES=candidates,
        SELECTED=", ".join(map(conversations.selected, FIELDS)),
        SORT=sort,
        TYPE=kind,
        THAN="<" if shape.descending else ">",
        DIRECTION=shape.direction,
        PHASE=PHASE.format("c"),
        FIGURE=" OR ".join(f"({_COUNTS[one]})" for one in shape.figure) or "true",
        RANGES=_RANGES,
        **{kind: _FOR[shape.time] + column for kind, column in _WHOM.items()},
    )


_WHOM = {"AGENT": "agent_id", "CHANNEL": "channel", "TEAM": "team_id"}


@functools.cache
def _counting(shape: _Shape) -> Statement:
    return statements.numbered(f"SELECT count(*) FROM ({shape.candidates}) AS c")  # noqa: S608 - constants of this file


@functools.cache
def _reaching(shape: _Shape) -> Statement:
    sort = f"c.{shape.column}::text" if shape.has_prefix else f"{instants.selected(f'c.{shape.column}')}::text"
    return statements.numbered(
        f"SELECT {sort}, conversation_key FROM ({shape.candidates}) AS c OFFSET :look - 1"  # noqa: S608 - as above
    )


def _arguments(
    statement: Statement,
    organization_id: int,
    asked: ConversationList,
    place: ConversationPlace | None,
    **more: object,
) -> list[object]:
    """Returns the values of those parameters that a statement has."""
    chosen = asked.filter
    texts = ("agent_id", "channel", "team_id", "topic", "counted_topic", "user_id", "handoff_reason")
    known: dict[str, object] = {
        "organization_id": organization_id,
        "outcome": chosen.outcome,
        "phase": chosen.phase,
        "has_content_gap": chosen.has_content_gap,
        **{name: getattr(chosen, name) or None for name in texts},
        "place_key": place.key if place else None,
        "place_value": place.value if place else None,
        **_bounds(asked, place if asked.is_by_index else None),
        **more,
    }
    for one in RANGED:
        least, greatest = chosen.ranges.get(one, (None, None))
        known |= {f"min_{one.name.lower()}": least, f"max_{one.name.lower()}": greatest}
    return statement.arguments(**{name: known[name] for name in statement.parameters})


def _bounds(asked: ConversationList, place: ConversationPlace | None) -> dict[str, object]:
    """Returns the bounds of the candidates, which begin or end at the place where the list goes by an index."""
    value = place.value if place is not None else None
    found: dict[str, object] = {"tied": None}
    if asked.filter.prefix:
        first_id, last_id = asked.filter.prefix, asked.filter.prefix + _LAST
        if value is not None:
            found["tied"] = value
            first_id, last_id = (first_id, value) if asked.descending else (value, last_id)
        found |= {"first_id": first_id, "last_id": last_id}
    if asked.bounds is not None:
        first, last = asked.bounds.start, asked.bounds.end
        if value is not None and not asked.filter.prefix:
            at = found["tied"] = timerange.of_microseconds(int(value))
            first, last = (first, min(last, at + _MICROSECOND)) if asked.descending else (max(first, at), last)
        minutes = {"first_minute": _minute(first), "last_minute": _minute(last)}
        found |= {"first": first, "last": last, **minutes}
    return found


def _minute(at: datetime) -> int:
    return (at - timerange.EPOCH) // timedelta(minutes=1)


async def too_many(driver: Driver, organization_id: int, asked: ConversationList) -> bool:
    """Returns whether there are more conversations than can be put in order."""
    if asked.is_by_index:
        return False
    statement = _counting(_Shape.of(asked, is_recomputed=False))
    arguments = _arguments(statement, organization_id, asked, None, without=[], look=MOST + 1)
    return bool(await driver.fetchval(statement.text, *arguments) > MOST)


async def reached(
    driver: Driver,
    organization_id: int,
    asked: ConversationList,
    after: ConversationPlace | None,
    without: Mapping[bytes, Conversation | None],
) -> ConversationPlace | None:
    """Returns the place after all conversations that are looked at for a page after another place; None where there are
    no others.
    """
    if not asked.is_by_index:
        return None
    statement = _reaching(_Shape.of(asked, is_recomputed=False))
    arguments = _arguments(statement, organization_id, asked, after, without=list(without), look=LOOKED_AT)
    row = await driver.fetchrow(statement.text, *arguments)
    return None if row is None else ConversationPlace(value=row[0], key=row[1])


def _look(asked: ConversationList, limit: int) -> int:
    """Returns how many conversations to look at for a page: no more than it shows where nothing narrows the list."""
    if not asked.is_by_index:
        return MOST
    is_narrowed = asked.figure or asked.filter != ConversationFilter(prefix=asked.filter.prefix)
    return LOOKED_AT if is_narrowed or (asked.filter.prefix and asked.bounds) else min(limit, LOOKED_AT)


async def page(
    driver: Driver,
    organization_id: int,
    asked: ConversationList,
    after: ConversationPlace | None,
    recomputed: Mapping[bytes, Conversation | None],
    limit: int,
) -> list[ListedConversation]:
    """Returns conversations in order, those after a place, as many as a limit allows, among those that are looked at.
    Those that were recomputed take the place of what is kept of them; None where there was nothing of one.
    """
    there = {key: one for key, one in recomputed.items() if one is not None}
    upto = await reached(driver, organization_id, asked, after, recomputed) if there else None
    statement = _statement(_Shape.of(asked, is_recomputed=bool(there)))
    more: dict[str, object] = {
        "without": list(recomputed),
        "look": _look(asked, limit),
        "upto": timerange.of_microseconds(int(upto.value)) if upto is not None and upto.value is not None else None,
        "upto_key": upto.key if upto is not None else None,
        **(conversations.given(there) if there else {}),
    }
    arguments = _arguments(statement, organization_id, asked, after, limit=limit, **more)
    return [
        ListedConversation(conversation=conversations.of_fields(fields), place=ConversationPlace(value=sort, key=key))
        for key, sort, *fields in await driver.fetch(statement.text, *arguments)
    ]
