"""How far PostgreSQL keeps the rows of organizations apart, which depends on the role of the service."""

import enum

from server.store.database import Driver


class Protection(enum.Enum):
    """What policies hold for, and what else the service's role could do."""

    NONE = "NONE: the service's role is a superuser or has BYPASSRLS, which policies do not hold for"
    OWNER = "policies, of tables that the service's role owns"
    SERVICE = "policies, which the service's role cannot change"


async def look(driver: Driver) -> Protection:
    """The protection of this session. The database must have been migrated."""
    row = await driver.fetchrow(_LOOK)
    assert row is not None  # noqa: S101 - the role is connected, and the table is there
    passes, is_owner = row
    if passes:
        return Protection.NONE
    return Protection.OWNER if is_owner else Protection.SERVICE


_LOOK = (
    "SELECT r.rolsuper OR r.rolbypassrls, pg_has_role(current_user, c.relowner, 'MEMBER')"
    " FROM pg_roles r, pg_class c WHERE r.rolname = current_user AND c.oid = 'events'::regclass"
)
