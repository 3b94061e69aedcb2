"""Logins by which tools for BI read an organization's figures from the database: how they are given and taken away.

Both are in the audit trail, under whoever is named as by.
"""

from server.organizations.audit_trail import UNNAMED_OPERATOR, Actor, Entry
from server.organizations.errors import OrganizationDeleting, OrganizationNotFound, OrganizationRevoked
from server.organizations.organization import OrganizationState
from server.store import organizations
from server.store.bi import logins, schema
from server.store.bi.logins import BiLogin
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy import audit_trail


async def give(database: Database, name: str, *, by: Actor = UNNAMED_OPERATOR) -> BiLogin:
    """Gives an organization a login, or another password if it has one: then whoever uses the old one is cut off.

    Raises OrganizationNotFound, OrganizationRevoked, OrganizationDeleting, and SetupError if the service's role may
    not make logins.
    """
    await schema.in_turns(database, logins.prepare)
    async with database.transaction(of=EVERY) as driver:
        found = await organizations.held_by_name(driver, name)
        if found is None:
            raise OrganizationNotFound(name)
        if found.state is OrganizationState.REVOKED:
            raise OrganizationRevoked(name)
        if found.state is OrganizationState.DELETING:
            raise OrganizationDeleting(name)
        made = await logins.give(driver, found.organization_id, found.settings.time_zone)
        action = "bi_login.created" if made.is_new else "bi_login.rotated"
        await audit_trail.record(driver, found.organization_id, Entry(actor=by, action=action, subject=made.role))
    if not made.is_new:
        async with database.transaction(of=EVERY) as driver:
            await organizations.held_by_name(driver, name)  # one command at a time
            await logins.reopen(driver, made)
    return made


async def take(database: Database, name: str, *, by: Actor = UNNAMED_OPERATOR) -> bool:
    """Takes an organization's login away and cuts off whoever uses it; False where it has none.

    Raises OrganizationNotFound.
    """
    async with database.transaction(of=EVERY) as driver:
        found = await organizations.held_by_name(driver, name)
        if found is None:
            raise OrganizationNotFound(name)
        role = await logins.take(driver, found.organization_id)
        if role is not None:
            entry = Entry(actor=by, action="bi_login.removed", subject=role)
            await audit_trail.record(driver, found.organization_id, entry)
    return role is not None
