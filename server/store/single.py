"""New events of several organizations stored by one statement, which is its own transaction: one round trip and one
wait for the disk for all of them.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import asyncpg

from server.catalog.cells import Cell, CellKey
from server.events.event import ID_FIELDS, Event
from server.events.outcomes import KIND_OF_EVENT_TYPE, Closing, ConversationOutcome
from server.store import array_texts, rollups, statements, updates
from server.store.conversations import LATEST, Activity
from server.store.database import Driver
from server.store.events import REVISE, Revision, ids_of
from server.store.statements import Statement

# The rows that the statement takes, by their columns with their types. Each column comes as the text of an array.
_GIVEN = {
    "part": "integer",
    "organization_id": "integer",
    "event_key": "bytea",
    "fingerprint": "bigint",
    "occurred_at": "bigint",
    "event_id": "text",
    "event_type": "text",
    **dict.fromkeys(ID_FIELDS, "text"),
    "detail": "text",
    "properties": "text",
}
_ADDED = {
    "part": "integer",
    "organization_id": "integer",
    "conversation_key": "bytea",
    "messages": "integer",
    "version": "text",
    "outcome": "smallint",
    "closed_at": "bigint",
    "agent_id": "text",
    "channel": "text",
    "team_id": "text",
    "conversation_id": "text",
    "latest_at": "bigint",
    "latest_agent_id": "text",
    "latest_user_id": "text",
    "latest_channel": "text",
}
_CLOSINGS = {
    "part": "integer",
    "organization_id": "integer",
    "conversation_key": "bytea",
    "occurred_at": "bigint",
    "event_key": "bytea",
    "kind": "smallint",
    "agent_id": "text",
    "channel": "text",
    "team_id": "text",
}
_CELLS = {
    "part": "integer",
    "organization_id": "integer",
    "dimension": "smallint",
    "value": "text",
    "bucket": "integer",
    "slot": "smallint",
    # Texts of arrays: they differ in length, and arrays of arrays must not.
    **dict.fromkeys(("counter_keys", "counter_amounts", "bin_keys", "bin_counts", "set_keys", "sets"), "text"),
}
_ROWS = {"given": _GIVEN, "added": _ADDED, "cells": _CELLS, "closings": _CLOSINGS}
_PARAMETERS = {name: [f"{name}_{column}" for column in columns] for name, columns in _ROWS.items()}
_RARER = frozenset((*KIND_OF_EVENT_TYPE, "agent.status_changed"))


def _unnest(name: str) -> str:
    """Returns rows of parameters, in SQL."""
    columns = zip(_PARAMETERS[name], _ROWS[name].values(), strict=True)
    arrays = ", ".join(f":{parameter}::text::{kind}[]" for parameter, kind in columns)
    return f"unnest({arrays}) AS {name}({', '.join(_ROWS[name])})"


def _statement(rarer_steps: str = "") -> Statement:
    rows = {name.upper(): _unnest(name) for name in _ROWS}
    named = statements.text("store_events").replace(":RARER_STEPS", rarer_steps)
    return statements.numbered(named, LATEST=LATEST, REVISE=REVISE, **rows)


_STORE, _STORE_RARER = _statement(), _statement(statements.text("store_rarer_events"))


class ConversationChange(NamedTuple):
    """A change of a conversation. version: the version that its row must still have, since figures depend on it; None
    where the row must be new, or open and stay open.
    """

    conversation_key: bytes
    activity: Activity  # that is added
    outcome: ConversationOutcome | None  # from now on
    version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedEvents:
    """What one organization stores: distinct events, what becomes of conversations, and all that they change."""

    organization_id: int
    events: Sequence[Event]
    conversation_changes: Sequence[ConversationChange]
    closings: Sequence[Closing]
    changes: Mapping[CellKey, Cell]
    quota: int  # events of a month, 0: none

    @property
    def is_delicate(self) -> bool:
        """True where a concurrent change of a conversation would make its figures wrong, so that nothing is stored
        then.
        """
        return bool(self.closings) or any(change.version is not None for change in self.conversation_changes)


async def store(driver: Driver, parts: Sequence[CountedEvents]) -> dict[int, Revision]:
    """Stores parts of different organizations, outside of any transaction; returns the revisions of those stored.

    A part is left out where an event of it is stored already or a conversation of it is not as its change says. Where
    that happens meanwhile, those parts are tried once more whose figures do not depend on conversations: organizations
    whose conversations several servers change all the time are not to hold up others. Nothing is stored where a month
    would hold more events than its quota.
    """
    robust = [part for part in parts if not part.is_delicate]
    for some in (parts, robust) if 0 < len(robust) < len(parts) else (parts,) if parts else ():
        try:
            return await _try(driver, some)
        except (asyncpg.UniqueViolationError, asyncpg.DivisionByZeroError):
            continue
    return {}


async def _try(driver: Driver, parts: Sequence[CountedEvents]) -> dict[int, Revision]:
    has_rarer = any(event.event_type in _RARER for part in parts for event in part.events)
    rows_of = {"given": _given(parts), "added": _added(parts), "cells": _cells(parts)}
    if has_rarer:
        rows_of["closings"] = _closings(parts)
    values = _asked(parts)
    for name, rows in rows_of.items():
        values.update(zip(_PARAMETERS[name], _arrays(rows, _ROWS[name]), strict=True))
    chosen = _STORE_RARER if has_rarer else _STORE
    stored = await driver.fetch(chosen.text, *chosen.arguments(**values))
    return {row[3]: Revision(number=row[0], at=row[1], month_events=row[2]) for row in stored}


def _arrays(rows: Iterable[tuple[Any, ...]], columns: Mapping[str, str]) -> Iterable[str]:
    """The columns of rows as texts of arrays."""
    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    return [array_texts.of(kind, column) for kind, column in zip(columns.values(), values, strict=True)]


def _asked(parts: Sequence[CountedEvents]) -> dict[str, object]:
    encoded = [updates.encode(part.changes) for part in parts]
    return {
        "organizations": [part.organization_id for part in parts],
        "events": [one.events for one in encoded],
        "quotas": [part.quota for part in parts],
        "changes": [one.content for one in encoded],
    }


def _given(parts: Sequence[CountedEvents]) -> Iterable[tuple[Any, ...]]:
    for number, part in enumerate(parts, 1):
        for event in part.events:
            yield (
                number,
                part.organization_id,
                event.event_key,
                event.fingerprint,
                event.occurred_at,
                "" if event.event_key[6] >> 4 == 7 else event.event_id,
                event.event_type,
                *ids_of(event),
                _detail(event.detail) if event.detail else "",
                event.properties,
            )


_detail = json.JSONEncoder(separators=(",", ":")).encode


def _added(parts: Sequence[CountedEvents]) -> Iterable[tuple[Any, ...]]:
    for number, part in enumerate(parts, 1):
        for key, (conversation_id, messages, *latest), one, version in part.conversation_changes:
            after = (one.kind.value, one.closed_at, one.agent_id, one.channel, one.team_id) if one else _OPEN
            yield number, part.organization_id, key, messages, version or "", *after, conversation_id, *latest


_OPEN = (None, None, "", "", "")


def _closings(parts: Sequence[CountedEvents]) -> Iterable[tuple[Any, ...]]:
    for number, part in enumerate(parts, 1):
        for key, at, event_key, kind, *ids in part.closings:
            yield number, part.organization_id, key, at, event_key, kind.value, *ids


def _cells(parts: Sequence[CountedEvents]) -> Iterable[tuple[Any, ...]]:
    for number, part in enumerate(parts, 1):
        for (dimension, value, bucket, slot), cell in part.changes.items():
            if not cell.is_empty():
                *vectors, sets = rollups.figures(cell)
                yield (
                    number,
                    part.organization_id,
                    int(dimension),
                    value,
                    bucket,
                    slot,
                    *("" if one is None else array_texts.integers(one) for one in vectors),
                    "" if sets is None else array_texts.byteas(sets),
                )
