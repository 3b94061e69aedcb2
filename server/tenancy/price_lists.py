"""The price lists of organizations: how entries are set, found and removed. Changes are in the audit trail."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import date

from server.catalog import dimensions
from server.errors import Refused
from server.events import rules
from server.organizations.audit_trail import UNNAMED_OPERATOR, Actor, Entry
from server.organizations.errors import InvalidPrice, PriceNotFound
from server.organizations.model_price import MOST_MICROS, ModelPrice
from server.store import model_prices
from server.store.database import Database
from server.tenancy import administration, audit_trail


async def set_price(database: Database, organization: str, price: ModelPrice, *, by: Actor = UNNAMED_OPERATOR) -> None:
    """Sets what the tokens of a model cost from a day on; answers follow at once, also about the time since then.

    Raises InvalidPrice and OrganizationNotFound.
    """
    _check(price)
    found = await administration.organization(database, organization)
    async with database.transaction(of=found.organization_id) as driver:
        before = await model_prices.entry(driver, found.organization_id, price.model, price.effective_from)
        await model_prices.put(driver, found.organization_id, price)
        if before != price:
            entry = Entry(
                actor=by,
                action="price.set",
                subject=price.model,
                before=None if before is None else _told(before),
                after=_told(price),
            )
            await audit_trail.record(driver, found.organization_id, entry)


async def prices(database: Database, organization: str) -> Sequence[ModelPrice]:
    """Returns the price list of an organization, by model and day; raises OrganizationNotFound."""
    found = await administration.organization(database, organization)
    async with database.transaction(of=found.organization_id) as driver:
        return await model_prices.listed(driver, found.organization_id)


async def remove_price(
    database: Database, organization: str, model: str, effective_from: date, *, by: Actor = UNNAMED_OPERATOR
) -> None:
    """Removes an entry: the one before it holds on. Raises PriceNotFound and OrganizationNotFound."""
    found = await administration.organization(database, organization)
    async with database.transaction(of=found.organization_id) as driver:
        before = await model_prices.entry(driver, found.organization_id, model, effective_from)
        if before is None:
            raise PriceNotFound(model, effective_from)
        await model_prices.remove(driver, found.organization_id, model, effective_from)
        entry = Entry(actor=by, action="price.removed", subject=model, before=_told(before))
        await audit_trail.record(driver, found.organization_id, entry)


def _told(price: ModelPrice) -> Mapping[str, object]:
    """Returns a price as the audit trail tells it."""
    return {**dataclasses.asdict(price), "effective_from": price.effective_from.isoformat()}


def _check(price: ModelPrice) -> None:
    try:
        is_name = rules.identifier("model", price.model, dimensions.MODEL.max_bytes) == price.model != ""
    except Refused:
        is_name = False
    if not is_name:
        raise InvalidPrice(f"{price.model[:100]!r} is not the name of a model as events carry it")
    for name in ("prompt_micros", "cached_micros", "completion_micros"):
        value = getattr(price, name)
        if not 0 <= value <= MOST_MICROS:
            raise InvalidPrice(f"{name} is {value}, and has to be from 0 to {MOST_MICROS:,}")
