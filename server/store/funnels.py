"""The funnels that organizations have saved."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import asyncpg

from server.catalog.funnels import (
    FunnelDefinition,
    FunnelEntity,
    FunnelFilter,
    FunnelOrder,
    FunnelPath,
    FunnelStage,
    SavedFunnel,
)
from server.store import statements
from server.store.database import Driver

_MICROSECOND = timedelta(microseconds=1)
_SELECT = "SELECT name, definition::text, request_id, created_at FROM funnels WHERE organization_id = $1"


async def lock(driver: Driver, organization_id: int) -> None:
    """Makes those who save funnels of an organization take turns until COMMIT."""
    await driver.execute("SELECT FROM organizations WHERE organization_id = $1 FOR NO KEY UPDATE", organization_id)


async def listed(driver: Driver, organization_id: int) -> list[SavedFunnel]:
    """Returns the saved funnels of an organization, by name."""
    return [_funnel(row) for row in await driver.fetch(f"{_SELECT} ORDER BY name", organization_id)]


async def named(driver: Driver, organization_id: int, name: str) -> SavedFunnel | None:
    """Returns the saved funnel of a name; None where there is none."""
    row = await driver.fetchrow(f"{_SELECT} AND name = $2", organization_id, name)
    return None if row is None else _funnel(row)


async def add(driver: Driver, organization_id: int, name: str, definition: FunnelDefinition, request_id: str) -> None:
    """Saves a funnel."""
    await driver.execute(
        "INSERT INTO funnels (organization_id, name, definition, request_id) VALUES ($1, $2, $3::text::jsonb, $4)",
        organization_id,
        name,
        json.dumps(_stored(definition)),
        request_id,
    )


async def delete(driver: Driver, organization_id: int, name: str) -> bool:
    """Deletes a saved funnel, and returns whether there was one."""
    status = await driver.execute("DELETE FROM funnels WHERE organization_id = $1 AND name = $2", organization_id, name)
    return statements.rows(status) > 0


def _stored(definition: FunnelDefinition) -> Mapping[str, Any]:
    return {
        "entity": definition.entity.value,
        "order": definition.order.value,
        "window": definition.window // _MICROSECOND,
        "stages": [
            {
                "event_type": one.event_type,
                "lead_stage": one.lead_stage,
                "filter": [one.filter.path.text, one.filter.equals] if one.filter is not None else None,
                "name": one.name,
            }
            for one in definition.stages
        ],
    }


def _funnel(row: asyncpg.Record) -> SavedFunnel:
    name, text, request_id, created_at = row
    stored = json.loads(text)
    definition = FunnelDefinition(
        entity=FunnelEntity(stored["entity"]),
        order=FunnelOrder(stored["order"]),
        window=stored["window"] * _MICROSECOND,
        stages=[
            FunnelStage(
                event_type=one["event_type"],
                lead_stage=one["lead_stage"],
                filter=None if one["filter"] is None else _filter(*one["filter"]),
                name=one["name"],
            )
            for one in stored["stages"]
        ],
    )
    return SavedFunnel(name=name, definition=definition, request_id=request_id, created_at=created_at)


def _filter(path: str, equals: str | float | bool) -> FunnelFilter:
    return FunnelFilter(path=FunnelPath(text=path), equals=equals)
