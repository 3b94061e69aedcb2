"""Leads as the projection keeps them: what each has come to, and by which steps."""

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from server import timerange
from server.events import campaign, lead
from server.events.campaign import CampaignEvent
from server.events.lead import Lead, LeadEvent, LeadOutcome
from server.store import campaigns, instants, projections
from server.store.database import Driver
from server.store.following import EventReader
from server.store.projections import Rows

TABLES = ("leads", campaigns.TABLE_NAME)
PORTION = 1_000  # leads that are compared, and replaced where they differ, in one transaction
_VERSION = projections.VERSION.format("leads")
_FIELDS = tuple(one.name for one in dataclasses.fields(Lead) if one.name not in ("lead_id", "steps"))
_TIMES = frozenset(name for name in _FIELDS if name.endswith("_at"))
_TYPES = {
    **dict.fromkeys(_FIELDS, "text"),
    **dict.fromkeys((*_TIMES, "value_micros"), "bigint"),
    **dict.fromkeys(("began_key", "value_key"), "bytea"),
    "is_creation_told": "boolean",
}
LEAD_ID = "coalesce(nullif(detail ->> 'lead_id', ''), resource_id)"
# How a lead stands, as Lead.outcome says.
OUTCOME = (
    "CASE WHEN last_converted_at IS NOT NULL AND (lost_at IS NULL OR lost_at <= last_converted_at)"
    f" THEN {int(LeadOutcome.CONVERTED)} WHEN lost_at IS NOT NULL AND (went_on_at IS NULL OR went_on_at <= lost_at)"
    f" THEN {int(LeadOutcome.LOST)} ELSE {int(LeadOutcome.OPEN)} END"
)


def _among(types: Iterable[str]) -> str:
    return f"event_type IN ({', '.join(map(repr, types))})"


def _event(row: Iterable[Any]) -> Any:
    _revision, _received_at, at, key, event_type, *told = row
    lead_id, agent_id, channel, team_id, campaign_id, stage, value, currency, name = told
    if event_type in campaign.EVENT_TYPES:
        return CampaignEvent(at, event_type, campaign_id, name)
    return LeadEvent(at, key, event_type, lead_id, agent_id, channel, team_id, campaign_id, stage, value, currency)


EVENTS: EventReader[LeadEvent | CampaignEvent] = EventReader(
    (
        f"coalesce({LEAD_ID}, '')",
        *(f"coalesce({name}, '')" for name in ("agent_id", "channel", "team_id", "campaign_id")),
        "coalesce(detail ->> 'stage', '')",
        "(detail ->> 'value_micros')::bigint",
        "coalesce(detail ->> 'currency', '')",
        "coalesce(detail ->> 'name', '')",
    ),
    f"{_among(lead.EVENT_TYPES)} AND {LEAD_ID} <> '' OR {_among(campaign.EVENT_TYPES)} AND campaign_id <> ''",
    _event,
)


def _selected(name: str) -> str:
    return instants.selected(f"l.{name}") if name in _TIMES else f"l.{name}"


def named(field: str) -> str:
    """Returns SQL for what the event named that a lead began with, or that told its value; for all of a lead that is
    counted under another value, too.
    """
    return f"coalesce(nullif(named_{field}, ''), {field})"


SELECTED = ", ".join(("l.lead_id", *map(_selected, _FIELDS), "l.step_times", "l.steps"))
# OFFSET 0 keeps the planner from turning the lookups round, whatever its statistics say.
_LOAD = f"""
    SELECT {SELECTED} FROM unnest($3::text[]) AS w(lead_id) CROSS JOIN LATERAL (SELECT * FROM leads
    WHERE organization_id = $1 AND version = $2 AND lead_id = w.lead_id OFFSET 0) AS l
"""  # noqa: S608 - constants of this file
_STORED = ", ".join(instants.stored(name) if name in _TIMES else name for name in _FIELDS)
_STEPS = ("step_times", "steps")
# Arrays of arrays have no different lengths: steps come as what PostgreSQL reads arrays from.
_SAVE = f"""
    INSERT INTO leads (organization_id, version, lead_id, {", ".join((*_FIELDS, *_STEPS))})
    SELECT b.organization_id, $2, lead_id, {_STORED}, step_times::bigint[], steps::text[]
    FROM unnest($3::text[], {", ".join(f"${place}::{_TYPES[name]}[]" for place, name in enumerate(_FIELDS, 4))},
        ${len(_FIELDS) + 4}::text[], ${len(_FIELDS) + 5}::text[]) AS l(lead_id, {", ".join((*_FIELDS, *_STEPS))}),
        revisions AS b
    WHERE b.organization_id = $1
    ON CONFLICT (organization_id, version, lead_id) DO UPDATE
    SET {", ".join(f"{name} = excluded.{name}" for name in (*_FIELDS, *_STEPS))}
"""  # noqa: S608 - constants of this file


def read(row: asyncpg.Record) -> Lead:
    """Returns the lead of a row of SELECTED."""
    lead_id, *told, times, steps = row
    return Lead(lead_id=lead_id, **dict(zip(_FIELDS, told, strict=True)), steps=tuple(zip(times, steps, strict=True)))


async def load(driver: Driver, rows: Rows, lead_ids: Collection[str]) -> dict[str, Lead]:
    """Returns those leads that there are, by lead_id."""
    return _by_id(await driver.fetch(_LOAD, *rows, list(lead_ids)))


def _by_id(rows: Iterable[asyncpg.Record]) -> dict[str, Lead]:
    return {one.lead_id: one for one in map(read, rows)}


async def save(driver: Driver, rows: Rows, leads: Mapping[str, Lead]) -> None:
    """Stores leads in place of what there was of them."""
    ids = sorted(leads)  # the order in which rows are locked
    columns = ([getattr(leads[one], name) for one in ids] for name in _FIELDS)
    times = [_array(str(at) for at, _ in leads[one].steps) for one in ids]
    steps = [_array(_quoted(step) for _, step in leads[one].steps) for one in ids]
    await driver.execute(_SAVE, *rows, ids, *columns, times, steps)


def _array(elements: Iterable[str]) -> str:
    return "{" + ",".join(elements) + "}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


async def remove(driver: Driver, rows: Rows, leads: Collection[str]) -> None:
    """Removes leads."""
    await driver.execute(
        "DELETE FROM leads WHERE organization_id = $1 AND version = $2 AND lead_id = ANY($3::text[])",
        *rows,
        list(leads),
    )


_BETWEEN = (
    f"SELECT {SELECTED} FROM leads AS l WHERE organization_id = $1 AND version = $2"  # noqa: S608
    " AND began_at >= $3 AND began_at < $4 AND began_at > '-infinity'"
)


async def between(driver: Driver, organization_id: int, start: datetime, end: datetime) -> dict[str, Lead]:
    """Returns the leads that began in [start, end)."""
    rows = await valid(driver, organization_id)
    return {} if rows is None else _by_id(await driver.fetch(_BETWEEN, *rows, start, end))


async def recorded(driver: Driver, organization_id: int, lead_ids: Collection[str]) -> dict[str, Lead]:
    """Returns those leads that there are in the version that is valid, by lead_id."""
    rows = await valid(driver, organization_id)
    return {} if rows is None else await load(driver, rows, lead_ids)


async def count(driver: Driver, organization_id: int) -> int:
    """Returns how many leads there are."""
    statement = f"SELECT count(*) FROM leads WHERE organization_id = $1 AND version = {_VERSION}"  # noqa: S608
    found: int = await driver.fetchval(statement, organization_id)
    return found


async def valid(driver: Driver, organization_id: int) -> Rows | None:
    """Returns the rows that are valid; None where nothing is kept of leads yet."""
    version: int | None = await driver.fetchval(f"SELECT {_VERSION}", organization_id)
    return None if version is None else Rows(organization_id, version)


_KEYS = " UNION ".join(
    f"(SELECT lead_id FROM leads WHERE organization_id = $1 AND version = ${version}"  # noqa: S608
    " AND lead_id > $4 ORDER BY lead_id LIMIT $5)"
    for version in (2, 3)
)
_PORTION = f"SELECT lead_id FROM ({_KEYS}) AS k ORDER BY lead_id LIMIT $5"  # noqa: S608 - constants of this file


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadPortion:
    """Leads of two versions, those that are valid and those that were filled, up to the last one, which may be the last
    that there is.
    """

    valid: Mapping[str, Lead]
    filled: Mapping[str, Lead]
    last: str
    is_end: bool

    def different(self, complete_from: datetime | None) -> Sequence[str]:
        """Returns the leads that differ. Where raw events may be gone, which is before an instant, the valid version
        knows better: nothing differs.
        """
        return [
            lead_id
            for lead_id in sorted(self.valid.keys() | self.filled.keys())
            if self.valid.get(lead_id) != self.filled.get(lead_id) and self._is_known(lead_id, complete_from)
        ]

    def _is_known(self, lead_id: str, complete_from: datetime | None) -> bool:
        if complete_from is None:
            return True
        known = self.valid.get(lead_id)
        return lead_id in self.filled and (known is None or timerange.of_microseconds(known.first_at) >= complete_from)


async def portion(driver: Driver, valid: Rows, filled: Rows, after: str) -> LeadPortion:
    """Returns the next leads behind one that either version has."""
    ids = [row[0] for row in await driver.fetch(_PORTION, *valid, filled.version, after, PORTION)]
    return LeadPortion(
        valid=await load(driver, valid, ids),
        filled=await load(driver, filled, ids),
        last=ids[-1] if ids else after,
        is_end=len(ids) < PORTION,
    )
