"""The price lists of organizations: what the tokens of a model cost from which day on."""

from collections.abc import Collection
from datetime import date

import asyncpg

from server.organizations.model_price import ModelPrice
from server.store.database import Driver

_COLUMNS = "model, effective_from, prompt_micros, cached_micros, completion_micros"


def _price(row: asyncpg.Record) -> ModelPrice:
    return ModelPrice(
        model=row["model"],
        effective_from=row["effective_from"],
        prompt_micros=row["prompt_micros"],
        cached_micros=row["cached_micros"],
        completion_micros=row["completion_micros"],
    )


async def put(driver: Driver, organization_id: int, price: ModelPrice) -> None:
    """Stores an entry, in place of the one of the same model and day if there is one."""
    await driver.execute(
        f"INSERT INTO model_prices (organization_id, {_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6)"  # noqa: S608 - columns
        " ON CONFLICT (organization_id, model, effective_from) DO UPDATE SET prompt_micros = excluded.prompt_micros,"
        " cached_micros = excluded.cached_micros, completion_micros = excluded.completion_micros",
        organization_id,
        price.model,
        price.effective_from,
        price.prompt_micros,
        price.cached_micros,
        price.completion_micros,
    )


async def remove(driver: Driver, organization_id: int, model: str, effective_from: date) -> None:
    """Removes the entry of a model and day."""
    await driver.execute(
        "DELETE FROM model_prices WHERE organization_id = $1 AND model = $2 AND effective_from = $3",
        organization_id,
        model,
        effective_from,
    )


async def entry(driver: Driver, organization_id: int, model: str, effective_from: date) -> ModelPrice | None:
    """Returns the entry of a model and day; None where there is none."""
    row = await driver.fetchrow(
        f"SELECT {_COLUMNS} FROM model_prices"  # noqa: S608 - columns
        " WHERE organization_id = $1 AND model = $2 AND effective_from = $3 FOR UPDATE",
        organization_id,
        model,
        effective_from,
    )
    return _price(row) if row else None


async def listed(driver: Driver, organization_id: int) -> list[ModelPrice]:
    """Returns all entries of an organization, by model and day."""
    rows = await driver.fetch(
        f"SELECT {_COLUMNS} FROM model_prices WHERE organization_id = $1"  # noqa: S608 - columns
        " ORDER BY model, effective_from",
        organization_id,
    )
    return [_price(row) for row in rows]


async def of_models(driver: Driver, organization_id: int, models: Collection[str]) -> list[ModelPrice]:
    """Returns the entries of some models, by model and day."""
    async with driver.with_all_tables() as found:
        rows = await found.fetch(
            f"SELECT {_COLUMNS} FROM model_prices WHERE organization_id = $1 AND model = ANY($2::text[])"  # noqa: S608
            " ORDER BY model, effective_from",
            organization_id,
            list(models),
        )
    return [_price(row) for row in rows]
