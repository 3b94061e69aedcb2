"""The organizations that a command is about: all of them, or those that the operator names."""

from typing import Annotated

import typer

from server.organizations.organization import Organization
from server.store import organizations
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy import administration

Names = Annotated[
    list[str] | None,
    typer.Option("--organization", metavar="NAME", help="Only this organization; may be repeated. Default: all."),
]


async def chosen(database: Database, names: list[str] | None) -> list[Organization]:
    """Returns the organizations of those names, or all; OrganizationNotFound where there is none of a name."""
    if names is not None:
        return [await administration.organization(database, name) for name in names]
    async with database.snapshot(of=EVERY) as driver:
        return await organizations.listed(driver)
